// SPDX-License-Identifier: Apache-2.0
// typist.js: keys go out in order and paced, and every one comes up again.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { load } from '../../ironic_console/novncproxy/web/js/layouts.js';
import { plan } from '../../ironic_console/novncproxy/web/js/paste.js';
import { SPEEDS, Typist }
    from '../../ironic_console/novncproxy/web/js/typist.js';

const de = await load('de');

// A timer that runs when it is told to.
class Timer {
    now = 0;
    #next = null;

    start(callback, delay) {
        assert.equal(this.#next, null, 'one timer at a time');
        this.#next = { callback, at: this.now + delay };
        return this.#next;
    }

    stop(handle) {
        if (handle === this.#next) {
            this.#next = null;
        }
    }

    get waiting() {
        return this.#next !== null;
    }

    step() {
        const { callback, at } = this.#next;
        this.#next = null;
        this.now = at;
        callback();
    }

    run() {
        for (let left = 100000; this.waiting && left > 0; left -= 1) {
            this.step();
        }
    }
}

class Desk {
    timer = new Timer();
    sent = [];
    times = [];
    progress = [];
    backlog = 0;
    down = new Set();
    typist = new Typist({
        send: (keysym, code, down) => this.#receive(keysym, code, down),
        unsent: () => this.backlog,
        timer: this.timer,
    });

    type(text, gap = SPEEDS.normal) {
        return this.typist.type(plan(text, de).strokes, { gap,
            onProgress: (done) => this.progress.push(done) });
    }

    #receive(keysym, code, down) {
        assert.equal(typeof down, 'boolean');
        assert.equal(this.down.has(code), !down, `${code} twice`);
        this.down[down ? 'add' : 'delete'](code);
        this.sent.push(`${down ? '+' : '-'}${code}`);
        this.times.push(this.timer.now);
    }
}

test('presses modifiers before a key and releases them after it', async () => {
    const desk = new Desk();
    const end = desk.type('aÖΩ');
    desk.timer.run();
    assert.deepEqual(await end, { outcome: 'done', done: 3 });
    assert.equal(desk.sent.join(' '), '+KeyA -KeyA ' +
        '+ShiftLeft +Semicolon -Semicolon -ShiftLeft ' +
        '+ShiftLeft +AltRight +KeyQ -KeyQ -AltRight -ShiftLeft');
});

test('sends the keysyms of a US keyboard', async () => {
    const sent = [];
    const timer = new Timer();
    const typist = new Typist({ timer,
        send: (keysym, code, down) => down && sent.push(keysym) });
    const end = typist.type(plan('@"\n', de).strokes, { gap: 0 });
    timer.run();
    await end;
    assert.deepEqual(sent, [0xffea, 0x71, 0xffe1, 0x40, 0xff0d]);
});

for (const gap of [SPEEDS.normal, SPEEDS.slow]) {
    test(`leaves ${gap} ms between every two events`, async () => {
        const desk = new Desk();
        const end = desk.type('aB', gap);
        desk.timer.run();
        await end;
        assert.deepEqual(desk.times, [0, 1, 2, 3, 4, 5].map((n) => n * gap));
    });
}

test('is no faster than BMCs can take, unless it is asked to be', () => {
    assert(1000 / (2 * SPEEDS.slow) <= 10);
    assert(1000 / (2 * SPEEDS.normal) <= 30);
});

test('sends whole keys at once, but not all of them, when it is fast',
    async () => {
        const desk = new Desk();
        const end = desk.type('é'.repeat(1000), SPEEDS.fast);
        desk.timer.step();
        assert.equal(desk.down.size, 0);
        // The service takes 5,000 a second, and ticks are 16 ms apart.
        assert(desk.sent.length > 2 && desk.sent.length <= 64);
        desk.timer.run();
        assert.equal((await end).done, 2000);
        assert.equal(desk.sent.length, 4000);
    });

test('waits for a slow network, and only between two keys', async () => {
    for (const gap of [SPEEDS.fast, SPEEDS.normal]) {
        const desk = new Desk();
        const end = desk.type('A'.repeat(100), gap);
        desk.timer.step();
        desk.backlog = 1e6;
        for (let left = 100; left > 0 && desk.timer.waiting; left -= 1) {
            desk.timer.step();
        }
        assert.equal(desk.down.size, 0);
        const before = desk.sent.length;
        desk.timer.step();
        assert.equal(desk.sent.length, before);
        desk.backlog = 0;
        desk.timer.run();
        assert.equal((await end).done, 100);
    }
});

test('tells how far it is', async () => {
    const desk = new Desk();
    const end = desk.type('aBc');
    desk.timer.run();
    await end;
    assert.deepEqual(desk.progress, [1, 2, 3]);
});

for (let steps = 0; steps < 14; steps += 1) {
    test(`releases all keys when stopped after ${steps} events`,
        async () => {
            const desk = new Desk();
            const end = desk.type('ΩÖa^');
            for (let left = steps; left > 0; left -= 1) {
                desk.timer.step();
            }
            assert(desk.typist.busy);
            desk.typist.stop();
            assert.equal(desk.down.size, 0);
            assert(!desk.typist.busy);
            assert(!desk.timer.waiting);
            const { outcome, done } = await end;
            assert.equal(outcome, 'cancelled');
            assert.equal(done, desk.sent.filter((event) =>
                /^\+(?!Shift|Alt)/.test(event)).length);
        });

    test(`types all of it once when paused after ${steps} events`,
        async () => {
            const desk = new Desk();
            const end = desk.type('ΩÖa^');
            for (let left = steps; left > 0; left -= 1) {
                desk.timer.step();
            }
            desk.typist.pause();
            assert.equal(desk.down.size, 0);
            desk.timer.run();
            const paused = desk.sent.length;
            desk.timer.run();
            assert.equal(desk.sent.length, paused);
            desk.typist.resume();
            desk.timer.run();
            assert.equal((await end).outcome, 'done');
            assert.deepEqual(desk.sent.filter((event) =>
                /^\+(?!Shift|Alt)/.test(event)),
            ['+KeyQ', '+Semicolon', '+KeyA', '+Backquote', '+Space']);
        });
}

test('says that the connection was lost when told so', async () => {
    const desk = new Desk();
    const end = desk.type('abc');
    desk.timer.step();
    desk.typist.stop('lost');
    assert.equal((await end).outcome, 'lost');
});

test('can be stopped by whoever hears of the progress', async () => {
    const typed = [];
    const timer = new Timer();
    const typist = new Typist({ timer,
        send: (keysym, code, down) => down && typed.push(code) });
    const end = typist.type(plan('abc', de).strokes, { gap: 1,
        onProgress: () => typist.stop() });
    timer.run();
    assert.deepEqual(await end, { outcome: 'cancelled', done: 1 });
    assert.deepEqual(typed, ['KeyA']);
});

test('stays paused when it was paused before it began', async () => {
    const desk = new Desk();
    desk.typist.pause();
    const end = desk.type('a');
    desk.timer.run();
    assert.deepEqual(desk.sent, []);
    desk.typist.resume();
    desk.timer.run();
    assert.equal((await end).done, 1);
});

test('types one text at a time, and another one after it', async () => {
    const desk = new Desk();
    const end = desk.type('a');
    assert.throws(() => desk.type('b'), /already/);
    desk.timer.run();
    await end;
    const again = desk.type('b');
    desk.timer.run();
    await again;
    assert.equal(desk.sent.join(' '), '+KeyA -KeyA +KeyB -KeyB');
});

test('is done at once with nothing', async () => {
    const desk = new Desk();
    const end = desk.type('');
    desk.timer.run();
    assert.deepEqual(await end, { outcome: 'done', done: 0 });
    desk.typist.stop();
    assert.deepEqual(desk.sent, []);
});
