// SPDX-License-Identifier: Apache-2.0
// quality.js: a slow line gets a cheaper picture, and nothing goes to and fro.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { AUTOMATIC, AutomaticQuality, LEVELS, QualityControl, readChoice }
    from '../../ironic_console/novncproxy/web/js/quality.js';

const MESSAGE = 64 * 1024;

// A line of so many bytes per second that has work for a while; `line` goes
// on where it stopped.
function line(meter, { count = 20, bytes = MESSAGE, start = 0 } = {}) {
    let now = start;
    let changes = 0;
    return {
        carry(rate, times = count) {
            for (let n = 0; n < times; n++) {
                now += bytes / rate;
                changes += meter.feed(bytes, now) ? 1 : 0;
            }
            return this;
        },
        pause(seconds) {
            now += seconds;
            return this;
        },
        get changes() {
            return changes;
        },
    };
}

function levelOn(rate) {
    const meter = new AutomaticQuality();
    line(meter).carry(rate);
    return meter.level;
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

test('a line gets what it can carry', () => {
    for (const [rate, level] of [[50e6, 'sharp'], [1.6e6, 'sharp'],
        [1.2e6, 'balanced'], [200e3, 'balanced'], [120e3, 'light'],
        [45e3, 'light'], [20e3, 'lightest'], [7e3, 'lightest']]) {
        assert.equal(levelOn(rate), level, `${rate} bytes/s`);
    }
});

test('a screen that has little to tell says nothing about the line', () => {
    const meter = new AutomaticQuality();
    line(meter, { bytes: 5000, count: 1000 }).carry(100e3);
    line(meter, { bytes: 200, count: 1000 }).carry(1e3);
    assert.equal(meter.level, 'balanced');
});

test('large messages that did not pile up may come as slowly as they like',
    () => {
        const meter = new AutomaticQuality();
        line(meter, { bytes: 40_000, count: 100 }).carry(40e3);
        assert.equal(meter.level, 'balanced');
        // But they can show that a line is fast.
        line(meter, { bytes: 40_000, start: 1000 }).carry(10e6);
        assert.equal(meter.level, 'sharp');
    });

test('a large message now and then says nothing about the line', () => {
    const meter = new AutomaticQuality();
    for (let n = 0; n < 50; n++) {
        meter.feed(MESSAGE, 2 * n);
        meter.feed(100, 2 * n + 1);
    }
    assert.equal(meter.level, 'balanced');
});

test('a server that makes pauses does not spoil a fast line', () => {
    const meter = new AutomaticQuality();
    const fast = line(meter);
    for (let n = 0; n < 20; n++) {
        fast.carry(10e6, 3).pause(1);
    }
    assert.equal(meter.level, 'sharp');
});

test('saves after two slow messages, spends after several fast ones', () => {
    const meter = new AutomaticQuality();
    const slow = line(meter).carry(50e3, 2);
    assert.equal(meter.level, 'balanced');
    slow.carry(50e3, 1);
    assert.equal(meter.level, 'light');
    slow.carry(10e6, 5);
    assert.equal(meter.level, 'light');
    slow.carry(10e6, 1);
    assert.equal(meter.level, 'sharp');
});

test('a message that comes much later is none that was behind', () => {
    const meter = new AutomaticQuality();
    line(meter, { count: 20 }).carry(MESSAGE / 11);
    assert.equal(meter.level, 'balanced');
});

test('one slow message among fast ones changes nothing', () => {
    const meter = new AutomaticQuality();
    const uneven = line(meter).carry(10e6);
    assert.equal(meter.level, 'sharp');
    for (let n = 0; n < 10; n++) {
        uneven.carry(20e3, 1).carry(10e6, 2);
    }
    assert.equal(uneven.changes, 1);
});

test('a line at the border of two levels stays where it is', () => {
    const meter = new AutomaticQuality();
    const border = line(meter).carry(120e3);
    assert.equal(meter.level, 'light');
    for (let n = 0; n < 20; n++) {
        border.carry(155e3).carry(145e3);
    }
    assert.equal(border.changes, 1);
});

test('messages at the same moment are a fast line, not an infinite one', () => {
    const meter = new AutomaticQuality();
    for (let n = 0; n < 20; n++) {
        meter.feed(MESSAGE, 1);
    }
    assert.equal(meter.level, 'sharp');
});

test('another connection begins with the level of the last one', () => {
    const meter = new AutomaticQuality();
    line(meter).carry(50e3);
    meter.restart();
    assert.equal(meter.level, 'light');
    // Neither votes nor rates of before count.
    line(meter, { start: 1000 }).carry(10e6, 6);
    assert.equal(meter.level, 'light');
    line(meter, { start: 2000 }).carry(10e6, 2);
    assert.equal(meter.level, 'sharp');
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
    const clock = { now: 0 };
    const control = new QualityControl(screen, settings, () => clock.now);
    const carry = (rate, count = 20) => {
        for (let n = 0; n < count; n++) {
            clock.now += MESSAGE / rate;
            screen.dispatchEvent(new CustomEvent('data',
                { detail: { bytes: MESSAGE } }));
        }
    };
    const applied = () =>
        ({ quality: screen.quality, compression: screen.compression });
    return { screen, settings, control, carry, applied };
}

test('is automatic until somebody chooses', () => {
    for (const stored of [undefined, null, 7, 'dazzling', { quality: 9 }]) {
        const { control, applied } = controlled(stored);
        assert.equal(control.choice, AUTOMATIC);
        assert.deepEqual(applied(), LEVELS.balanced);
    }
});

test('follows the line and says so', () => {
    const { control, carry, applied } = controlled();
    let changes = 0;
    control.addEventListener('change', () => changes++);
    carry(50e3);
    assert.equal(control.level, 'light');
    assert.deepEqual(applied(), LEVELS.light);
    assert.equal(changes, 1);
});

test('a choice holds whatever the line does, and for the next time', () => {
    const { settings, control, carry, applied } = controlled();
    control.choice = 'sharp';
    carry(10e3);
    assert.equal(control.level, 'sharp');
    assert.deepEqual(applied(), LEVELS.sharp);
    assert.deepEqual(controlled(settings.stored).applied(), LEVELS.sharp);
    control.choice = AUTOMATIC;
    assert.deepEqual(applied(), LEVELS.lightest);
});

test('the time between two connections is no time of the line', () => {
    const { screen, control, carry } = controlled();
    carry(50e3, 3);
    screen.dispatchEvent(new CustomEvent('connect'));
    carry(5e3, 3);
    assert.equal(control.level, 'light');
});
