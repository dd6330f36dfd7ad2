// SPDX-License-Identifier: Apache-2.0
// quality.js: a slow line gets a cheaper picture, and nothing goes to and fro.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { AUTOMATIC, AutomaticQuality, LEVELS, QualityControl, readChoice }
    from '../../ironic_console/novncproxy/web/js/quality.js';

// Measurements of these rates, in bytes per second, one after the other.
function measured(...rates) {
    const automatic = new AutomaticQuality();
    const changes = rates.filter((rate) =>
        automatic.feed(30_000, 30_000 / rate)).length;
    return { level: automatic.level, changes };
}

test('begins in the middle, where noVNC does', () => {
    assert.deepEqual(LEVELS[new AutomaticQuality().level],
        { quality: 6, compression: 2 });
});

test('every level is in the range that noVNC takes', () => {
    for (const { quality, compression } of Object.values(LEVELS)) {
        for (const value of [quality, compression]) {
            assert.ok(Number.isInteger(value) && value >= 0 && value <= 9);
        }
    }
});

test('cheaper levels have less quality and more compression', () => {
    const levels = Object.values(LEVELS);
    levels.slice(1).forEach((level, index) => {
        assert.ok(level.quality < levels[index].quality);
        assert.ok(level.compression > levels[index].compression);
    });
});

test('the first measurement decides', () => {
    for (const [rate, level] of [[50e6, 'sharp'], [1.6e6, 'sharp'],
        [1.2e6, 'balanced'], [200e3, 'balanced'], [120e3, 'light'],
        [45e3, 'light'], [20e3, 'lightest'], [1, 'lightest'],
        [0, 'lightest']]) {
        assert.equal(measured(rate).level, level, `${rate} bytes/s`);
    }
});

test('a measurement that took no time is a fast line', () => {
    const automatic = new AutomaticQuality();
    automatic.feed(30_000, 0);
    assert.equal(automatic.level, 'sharp');
});

test('saves after two slow measurements, spends after three fast ones', () => {
    assert.equal(measured(200e3, 50e3).level, 'balanced');
    assert.equal(measured(200e3, 50e3, 50e3).level, 'light');
    assert.equal(measured(50e3, 9e6, 9e6).level, 'light');
    assert.equal(measured(50e3, 9e6, 9e6, 9e6).level, 'sharp');
});

test('measurements that disagree change nothing', () => {
    assert.deepEqual(measured(200e3, 50e3, 9e6, 50e3, 9e6, 50e3, 200e3, 50e3),
        { level: 'balanced', changes: 0 });
});

test('a line at the border of two levels stays where it is', () => {
    const border = Array.from({ length: 40 },
        (_, index) => index % 8 < 4 ? 155e3 : 145e3);
    assert.deepEqual(measured(120e3, ...border),
        { level: 'light', changes: 1 });
});

test('reads only choices that exist', () => {
    for (const choice of [AUTOMATIC, ...Object.keys(LEVELS)]) {
        assert.equal(readChoice(choice), choice);
    }
    for (const value of [null, undefined, '', 'toString', '__proto__', 3,
        {}, ['light']]) {
        assert.equal(readChoice(value), null);
    }
});

// -- what is applied to a screen ------------------------------------------

// A control whose line carries `line.rate` bytes per second beside what the
// server sends.
function controlled(stored) {
    const screen = Object.assign(new EventTarget(),
        { quality: null, compression: null });
    const settings = {
        stored,
        get(name, read, fallback) {
            return read(this.stored) ?? fallback;
        },
        set(name, value) {
            assert.equal(name, 'quality');
            this.stored = value;
        },
    };
    const line = { rate: 9e6, measured: 0, now: 0, meanwhile: () => {} };
    const measure = async () => {
        line.measured++;
        line.meanwhile();
        return line.rate === null ? null :
            { bytes: 30_000, seconds: 30_000 / line.rate };
    };
    const control = new QualityControl(screen, settings, measure,
        () => line.now);
    const send = (bytes) => screen.dispatchEvent(
        new CustomEvent('data', { detail: { bytes } }));
    // A server that sends enough for a measurement, and time for it.
    const pass = async (times = 1) => {
        for (let n = 0; n < times; n++) {
            line.now += 30;
            send(1e6);
            await new Promise(setImmediate);
        }
    };
    const applied = () =>
        ({ quality: screen.quality, compression: screen.compression });
    return { settings, line, control, send, pass, applied };
}

test('is automatic until somebody chooses', () => {
    for (const stored of [undefined, null, 7, 'dazzling', { quality: 9 }]) {
        const { control, applied } = controlled(stored);
        assert.equal(control.choice, AUTOMATIC);
        assert.deepEqual(applied(), LEVELS.balanced);
    }
});

test('follows the line and says so', async () => {
    const { control, line, pass, applied } = controlled();
    let changes = 0;
    control.addEventListener('change', () => changes++);
    line.rate = 50e3;
    await pass();
    assert.equal(control.level, 'light');
    assert.deepEqual(applied(), LEVELS.light);
    assert.equal(changes, 1);
});

test('a screen that has little to tell costs no measurement', async () => {
    const { line, send } = controlled();
    for (let n = 0; n < 100; n++) {
        line.now += 100;
        send(2000);
    }
    await new Promise(setImmediate);
    assert.equal(line.measured, 0);
});

test('a busy screen is not measured all the time', async () => {
    const { line, send } = controlled();
    for (let n = 0; n < 1000; n++) {
        line.now += 0.1;
        send(1e6);
        await new Promise(setImmediate);
    }
    assert.equal(line.measured, 5);
});

test('one measurement at a time', async () => {
    const { line, send } = controlled();
    for (let n = 0; n < 10; n++) {
        line.now += 100;
        send(1e6);
    }
    await new Promise(setImmediate);
    assert.equal(line.measured, 1);
});

test('what the picture takes meanwhile is not missing to the line',
    async () => {
        const { control, line, send, pass } = controlled();
        // 0.6 s, in which 30 kB and 100 kB came.
        line.rate = 50e3;
        line.meanwhile = () => send(100_000);
        await pass(5);
        assert.equal(control.level, 'balanced');
    });

test('no answer is no measurement', async () => {
    const { control, line, pass } = controlled();
    line.rate = null;
    await pass(5);
    assert.equal(control.level, 'balanced');
    assert.equal(line.measured, 5);
});

test('a choice holds whatever the line does, and for the next time',
    async () => {
        const { settings, control, line, pass, applied } = controlled();
        control.choice = 'sharp';
        line.rate = 10e3;
        await pass(5);
        assert.equal(control.level, 'sharp');
        assert.deepEqual(applied(), LEVELS.sharp);
        assert.equal(line.measured, 0);
        assert.deepEqual(controlled(settings.stored).applied(),
            LEVELS.sharp);
        control.choice = AUTOMATIC;
        await pass();
        assert.deepEqual(applied(), LEVELS.lightest);
    });
