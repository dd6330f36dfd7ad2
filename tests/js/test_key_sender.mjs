// SPDX-License-Identifier: Apache-2.0
// key_sender.js: what goes down comes up again, in the right order, whatever
// happens in between.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { combination, findKey }
    from '../../ironic_console/novncproxy/web/js/keys.js';
import { KeySender }
    from '../../ironic_console/novncproxy/web/js/key_sender.js';
import { parseMacro }
    from '../../ironic_console/novncproxy/web/js/macros.js';

const CTRL = findKey('Ctrl');
const SHIFT = findKey('Shift');
const WIN = findKey('Win');

// A sender, what it has sent ('+code', '-code'), and a clock of its own that
// stands until told to go on.
class Bench {
    sent = [];
    keysyms = [];
    slept = [];
    isHurried = false;
    isStopped = false;
    #sleepers = [];

    constructor() {
        this.keys = new KeySender((keysym, code, down) => {
            this.sent.push((down ? '+' : '-') + code);
            this.keysyms.push(keysym);
        }, { sleep: (seconds, signal) => this.#sleep(seconds, signal),
            isHurried: () => this.isHurried });
    }

    // All that was sent since the last time.
    take() {
        return this.sent.splice(0).join(' ');
    }

    // Lets the sender go on until it wants to sleep.
    async settle() {
        await new Promise(setImmediate);
    }

    async wake() {
        this.#sleepers.splice(0).forEach((resolve) => resolve());
        await this.settle();
    }

    #sleep(seconds, signal) {
        this.slept.push(seconds);
        return this.isStopped ? new Promise((resolve) => {
            this.#sleepers.push(resolve);
            signal.addEventListener('abort', resolve);
        }) : Promise.resolve();
    }

    // The real keyboard; the server hears of it after the sender.
    async type(...events) {
        for (const event of events) {
            const code = event.slice(1);
            const key = { ControlLeft: 'Control', ShiftLeft: 'Shift' }[code] ??
                code;
            this.keys.feed({ type: event[0] === '+' ? 'keydown' : 'keyup',
                key, code });
            this.sent.push(`${event}!`);
            await this.settle();
        }
    }
}

test('presses in order and releases in reverse', async () => {
    const bench = new Bench();
    assert.equal(await bench.keys.press(combination('Ctrl+Alt+Del')), true);
    assert.equal(bench.take(), '+ControlLeft +AltLeft +Delete ' +
        '-Delete -AltLeft -ControlLeft');
});

test('a Magic SysRq holds Alt and Print around the letter', async () => {
    const bench = new Bench();
    await bench.keys.press(combination('Alt+Print+S'));
    assert.equal(bench.take(),
        '+AltLeft +PrintScreen +KeyS -KeyS -PrintScreen -AltLeft');
});

test('gives servers time to notice, before a key would repeat', async () => {
    const bench = new Bench();
    await bench.keys.press(combination('Alt+Print+S'));
    const [alt, print, letter] = bench.slept;
    assert.ok(letter >= 1 / 30, 'longer than a frame of a BMC');
    const total = bench.slept.reduce((sum, seconds) => sum + seconds);
    assert.ok(alt > 0 && print > 0 && total < 0.25);
});

test('does not hold keys for as long as timers take out of sight',
    async () => {
        const bench = new Bench();
        bench.isHurried = true;
        await bench.keys.press(combination('Ctrl+Alt+Del'));
        assert.equal(bench.sent.length, 6);
        assert.deepEqual(bench.slept, []);
    });

test('sends the symbol that Shift makes, down and up', async () => {
    const bench = new Bench();
    await bench.keys.press(combination('Shift+1'));
    const [shift, exclamation] = [0xffe1, 0x21];
    assert.deepEqual(bench.keysyms, [shift, exclamation, exclamation, shift]);
});

test('a key comes up as what it went down, Shift or not', async () => {
    const bench = new Bench();
    bench.isStopped = true;
    bench.keys.press(combination('1'));
    await bench.settle();
    bench.keys.toggle(SHIFT);
    bench.keys.cancel();
    assert.deepEqual(bench.keysyms, [0x31, 0xffe1, 0xffe1, 0x31]);
});

test('one combination waits for the other', async () => {
    const bench = new Bench();
    await Promise.all([bench.keys.press(combination('F2')),
        bench.keys.press(combination('F10'))]);
    assert.equal(bench.take(), '+F2 -F2 +F10 -F10');
});

test('refuses what would wait for ever', async () => {
    const bench = new Bench();
    bench.isStopped = true;
    const all = Array.from({ length: 50 },
        () => bench.keys.press(combination('F2')));
    assert.equal(await bench.keys.press(combination('F2')), false);
    assert.equal(bench.take(), '+F2', 'the first is still held');
    bench.keys.cancel();
    bench.take();
    bench.isStopped = false;
    assert.deepEqual(new Set(await Promise.all(all)), new Set([false]));
    assert.equal(await bench.keys.press(combination('F2')), true);
});

test('plays a macro with its waits and tells how far it is', async () => {
    const bench = new Bench();
    const seen = [];
    const { steps } = parseMacro('Ctrl+C wait 5s F2');
    assert.equal(bench.keys.playing, false);
    const done = bench.keys.play(steps, (index) => seen.push(index));
    assert.equal(bench.keys.playing, true);
    assert.equal(await done, true);
    assert.equal(bench.keys.playing, false);
    assert.deepEqual(seen, [0, 1, 2]);
    assert.ok(bench.slept.includes(5));
    assert.equal(bench.take(), '+ControlLeft +KeyC -KeyC -ControlLeft ' +
        '+F2 -F2');
});

test('cancelled in the middle of a combination it releases all', async () => {
    const names = 'Ctrl+Alt+Del'.split('+');
    for (let down = 1; down <= names.length; down++) {
        const bench = new Bench();
        bench.isStopped = true;
        const done = bench.keys.press(combination('Ctrl+Alt+Del'));
        await bench.settle();
        for (let n = 1; n < down; n++) {
            await bench.wake();
        }
        const pressed = bench.take().replaceAll('+', '').split(' ');
        assert.equal(pressed.length, down);
        bench.keys.cancel();
        assert.equal(bench.take(),
            pressed.reverse().map((code) => `-${code}`).join(' '));
        assert.equal(await done, false);
        assert.equal(bench.take(), '');
    }
});

test('cancelled between the releases it releases the rest', async () => {
    const bench = new Bench();
    bench.isStopped = true;
    const done = bench.keys.press(combination('Ctrl+C'));
    await bench.settle();
    await bench.wake();
    await bench.wake();
    assert.equal(bench.take(), '+ControlLeft +KeyC -KeyC');
    bench.keys.cancel();
    assert.equal(bench.take(), '-ControlLeft');
    assert.equal(await done, false);
    assert.equal(bench.take(), '');
});

test('cancelled while it waits it plays nothing more', async () => {
    const bench = new Bench();
    bench.isStopped = true;
    const macro = bench.keys.play(parseMacro('wait 60s F2').steps);
    const next = bench.keys.press(combination('F10'));
    await bench.settle();
    bench.keys.cancel();
    assert.deepEqual(await Promise.all([macro, next]), [false, false]);
    assert.equal(bench.take(), '');
});

test('whoever listens may cancel', { timeout: 10000 }, async () => {
    const keys = new KeySender(() => {});
    const { steps } = parseMacro('wait 60s');
    assert.equal(await keys.play(steps, () => keys.cancel()), false);
});

test('trouble with one macro is none of the next', async () => {
    const bench = new Bench();
    const fail = () => {
        throw new Error('trouble');
    };
    await assert.rejects(bench.keys.play(parseMacro('F2').steps, fail));
    assert.equal(await bench.keys.press(combination('F10')), true);
    assert.equal(bench.take(), '+F10 -F10');
    assert.equal(bench.keys.playing, false);
});

test('works again after it was cancelled', async () => {
    const bench = new Bench();
    bench.keys.cancel();
    assert.equal(await bench.keys.press(combination('F2')), true);
    assert.equal(bench.take(), '+F2 -F2');
});

test('a sticky modifier goes down at once, for one key', async () => {
    const bench = new Bench();
    bench.keys.toggle(CTRL);
    assert.equal(bench.keys.stateOf(CTRL), 'once');
    assert.equal(bench.take(), '+ControlLeft');
    await bench.keys.press(combination('C'));
    assert.equal(bench.take(), '+KeyC -KeyC -ControlLeft');
    assert.equal(bench.keys.stateOf(CTRL), 'off');
});

test('toggled twice it stays until toggled again', async () => {
    const bench = new Bench();
    bench.keys.toggle(CTRL);
    bench.keys.toggle(CTRL);
    assert.equal(bench.keys.stateOf(CTRL), 'locked');
    await bench.keys.press(combination('C'));
    await bench.type('+KeyD', '-KeyD');
    assert.equal(bench.take(),
        '+ControlLeft +KeyC -KeyC +KeyD! -KeyD!');
    bench.keys.toggle(CTRL);
    assert.equal(bench.keys.stateOf(CTRL), 'off');
    assert.equal(bench.take(), '-ControlLeft');
});

test('what is held already is not pressed again', async () => {
    const bench = new Bench();
    bench.keys.toggle(CTRL);
    await bench.keys.press(combination('Ctrl+Alt+Del'));
    assert.equal(bench.take(), '+ControlLeft +AltLeft +Delete ' +
        '-Delete -AltLeft -ControlLeft');
});

test('several modifiers are held together and released in reverse',
    async () => {
        const bench = new Bench();
        bench.keys.toggle(CTRL);
        bench.keys.toggle(SHIFT);
        bench.keys.toggle(WIN);
        bench.keys.toggle(WIN);
        await bench.keys.press(combination('Esc'));
        assert.equal(bench.take(), '+ControlLeft +ShiftLeft +MetaLeft ' +
            '+Escape -Escape -ShiftLeft -ControlLeft');
        assert.equal(bench.keys.stateOf(WIN), 'locked');
    });

test('a key of the real keyboard uses it up when it comes up', async () => {
    const bench = new Bench();
    bench.keys.toggle(CTRL);
    await bench.type('+KeyC', '+KeyC', '+KeyC');
    assert.equal(bench.keys.stateOf(CTRL), 'once', 'a key that repeats');
    await bench.type('-KeyC', '+KeyD', '-KeyD');
    assert.equal(bench.take(), '+ControlLeft +KeyC! +KeyC! +KeyC! ' +
        '-KeyC! -ControlLeft +KeyD! -KeyD!');
});

test('who types fast gets it for the first key only', async () => {
    const bench = new Bench();
    bench.keys.toggle(CTRL);
    await bench.type('+KeyC', '+KeyD', '-KeyC', '-KeyD');
    assert.equal(bench.take(),
        '+ControlLeft +KeyC! -ControlLeft +KeyD! -KeyC! -KeyD!');
});

test('a key that is over does not use up the next modifier', async () => {
    const bench = new Bench();
    bench.isStopped = true;
    bench.keys.toggle(CTRL);
    await bench.type('+KeyC', '-KeyC', '+KeyD');
    bench.keys.toggle(SHIFT);
    await bench.wake();
    assert.equal(bench.keys.stateOf(SHIFT), 'once');
    bench.keys.cancel();
    bench.keys.toggle(CTRL);
    bench.take();
    await bench.type('+KeyE');
    bench.keys.cancel();
    bench.keys.toggle(CTRL);
    await bench.type('+KeyF');
    assert.equal(bench.take(),
        '+KeyE! -ControlLeft +ControlLeft +KeyF!');
});

test('a key that was down before does not use it up', async () => {
    const bench = new Bench();
    await bench.type('+KeyC');
    bench.keys.toggle(CTRL);
    await bench.type('-KeyC', '+KeyD', '-KeyD');
    assert.equal(bench.take(),
        '+KeyC! +ControlLeft -KeyC! +KeyD! -KeyD! -ControlLeft');
});

test('real modifiers add to it without using it up', async () => {
    const bench = new Bench();
    bench.keys.toggle(CTRL);
    await bench.type('+ShiftLeft', '+KeyC', '-KeyC', '-ShiftLeft');
    assert.equal(bench.take(), '+ControlLeft +ShiftLeft! +KeyC! -KeyC! ' +
        '-ControlLeft -ShiftLeft!');
});

test('the same key of the real keyboard ends it', async () => {
    const bench = new Bench();
    bench.keys.toggle(CTRL);
    bench.keys.toggle(CTRL);
    await bench.type('+ControlLeft', '-ControlLeft');
    assert.equal(bench.keys.stateOf(CTRL), 'off');
    assert.equal(bench.take(),
        '+ControlLeft +ControlLeft! -ControlLeft -ControlLeft!');
});

test('a keyboard on a glass, which names no keys, uses it up', async () => {
    for (const code of ['', 'Unidentified']) {
        const bench = new Bench();
        bench.keys.toggle(CTRL);
        await bench.type(`+${code}`);
        assert.equal(bench.keys.stateOf(CTRL), 'off');
    }
});

test('a window that loses the keyboard loses what is in use', async () => {
    const bench = new Bench();
    bench.keys.toggle(CTRL);
    bench.keys.feed({ type: 'blur' });
    assert.equal(bench.keys.stateOf(CTRL), 'once', 'not used yet');
    await bench.type('+KeyC');
    bench.keys.feed({ type: 'blur' });
    assert.equal(bench.keys.stateOf(CTRL), 'off');
});

test('cancelling releases sticky modifiers too', async () => {
    const bench = new Bench();
    bench.keys.toggle(CTRL);
    bench.keys.toggle(SHIFT);
    bench.keys.toggle(SHIFT);
    bench.take();
    bench.keys.cancel();
    assert.equal(bench.take(), '-ShiftLeft -ControlLeft');
    assert.equal(bench.keys.stateOf(CTRL), 'off');
    assert.equal(bench.keys.stateOf(SHIFT), 'off');
});

test('made sticky while pressed it stays for the next key', async () => {
    const bench = new Bench();
    bench.isStopped = true;
    const done = bench.keys.press(combination('Ctrl+C'));
    await bench.settle();
    bench.keys.toggle(CTRL);
    bench.keys.toggle(CTRL);
    bench.isStopped = false;
    await bench.wake();
    assert.equal(await done, true);
    assert.equal(bench.take(), '+ControlLeft +KeyC -KeyC');
    bench.keys.cancel();
    assert.equal(bench.take(), '-ControlLeft');
});

test('releases what only the server believes to be held', () => {
    const bench = new Bench();
    bench.keys.toggle(CTRL);
    bench.take();
    bench.keys.unstick();
    assert.equal(bench.take(), '-ControlLeft -ControlLeft -ShiftLeft ' +
        '-AltLeft -AltRight -MetaLeft -ControlRight -ShiftRight ' +
        '-MetaRight');
});

test('tells when there is something new to show', async () => {
    const bench = new Bench();
    const seen = [];
    bench.keys.addEventListener('change', () =>
        seen.push(`${bench.keys.stateOf(CTRL)} ${bench.keys.playing}`));
    bench.keys.toggle(CTRL);
    await Promise.all([bench.keys.press(combination('C')),
        bench.keys.press(combination('D'))]);
    assert.deepEqual(seen,
        ['once false', 'once true', 'off true', 'off false']);
});

test('real time passes, and stops when it is cancelled', async () => {
    const sent = [];
    const keys = new KeySender((keysym, code, down) =>
        sent.push([performance.now(), down]));
    assert.equal(await keys.press(combination('F2')), true);
    assert.ok(sent[1][0] - sent[0][0] > 30);
    const done = keys.play(parseMacro('wait 60s').steps);
    await new Promise(setImmediate);
    keys.cancel();
    assert.equal(await done, false);
});
