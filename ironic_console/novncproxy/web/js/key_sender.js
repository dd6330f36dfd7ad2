// SPDX-License-Identifier: Apache-2.0
// Presses keys on the server, and releases every one of them: when a
// combination is over, when it is cancelled, when the connection ends. It
// knows neither noVNC nor the DOM.
//
// Modifiers can be held for other keys. Such a sticky modifier goes down on
// the server at once and stays so
//
//     off ──▶ once ──▶ locked ──▶ off
//
// `once` until the next key has been pressed and released, here or on the real
// keyboard, `locked` until it is toggled again. So a double click locks it,
// and so do two slow ones: nobody has to be quick.

import { allModifiers, findKey } from './keys.js';

const SHIFTS = [findKey('Shift'), findKey('RightShift')];
// Seconds. A BMC makes one HID report of all that came since the last one,
// the older obmc-ikvm once in a frame (30 per second): a key that goes up
// sooner was never down. Far below 0.25 s, when keys begin to repeat.
const HOLD_TIME = 0.06;
const GAP_TIME = 0.02;
// A user who clicks that far ahead has forgotten what comes.
const MAX_WAITING = 50;
// KeyboardEvent.key of what does not use up a sticky modifier.
const PASSIVE = new Set(['Control', 'Shift', 'Alt', 'AltGraph', 'Meta',
    'CapsLock', 'NumLock', 'ScrollLock', 'Fn']);

// Emits 'change' when a sticky modifier has another state or when `playing`
// changes.
export class KeySender extends EventTarget {
    #send;
    #sleep;
    #isHurried;
    // key -> keysym that it went down with, oldest first.
    #down = new Map();
    // modifier -> 'once' or 'locked'.
    #sticky = new Map();
    // Of the real keyboard: code of the key that uses the modifiers up.
    #user = null;
    #control = new AbortController();
    #last = Promise.resolve();
    #waiting = 0;

    // send(keysym, code, down): to the server; whether one is there is its
    // business. sleep(seconds, signal): resolves then, or when aborted.
    // isHurried(): timers are slow now, as in a tab that nobody sees; keys
    // would be held for so long that they repeat.
    constructor(send, { sleep = sleepFor, isHurried = () => false } = {}) {
        super();
        this.#send = send;
        this.#sleep = sleep;
        this.#isHurried = isHurried;
    }

    // Whether something is being pressed or waits for its turn.
    get playing() {
        return this.#waiting > 0;
    }

    // Presses keys in this order and releases them in reverse; after all that
    // was asked before. Resolves to true when it is done, to false when it
    // was cancelled or there was too much to do.
    press(keys) {
        return this.play([{ keys }]);
    }

    // steps: {keys} or {wait: seconds}. onStep(index) is called before each.
    play(steps, onStep = () => {}) {
        if (this.#waiting >= MAX_WAITING) {
            return Promise.resolve(false);
        }
        const { signal } = this.#control;
        this.#count(1);
        const done = this.#last.then(() => this.#run(steps, onStep, signal))
            .finally(() => this.#count(-1));
        // Who comes next does not care how this one ended.
        this.#last = done.catch(() => {});
        return done;
    }

    // Ends all of it at once and releases every key, sticky ones as well.
    cancel() {
        this.#control.abort();
        this.#control = new AbortController();
        this.#sticky.clear();
        this.#user = null;
        for (const key of [...this.#down.keys()].reverse()) {
            this.#up(key);
        }
        this.#changed();
    }

    // Releases also what only the server believes to be held.
    unstick() {
        this.cancel();
        for (const { keysym, code } of allModifiers) {
            this.#send(keysym, code, false);
        }
    }

    // 'off', 'once' or 'locked'.
    stateOf(modifier) {
        return this.#sticky.get(modifier) ?? 'off';
    }

    toggle(modifier) {
        const state = this.stateOf(modifier);
        if (state === 'off') {
            this.#press(modifier);
            this.#sticky.set(modifier, 'once');
        } else if (state === 'once') {
            this.#sticky.set(modifier, 'locked');
        } else {
            this.#sticky.delete(modifier);
            this.#up(modifier);
        }
        this.#changed();
    }

    // What happens on the real keyboard, before the server hears of it.
    // event: {type: 'keydown'|'keyup'|'blur', key, code}.
    feed({ type, key, code }) {
        if (type === 'blur') {
            // Keys that are held now are released without a word.
            if (this.#user !== null) {
                this.#useUp();
            }
        } else if (type === 'keydown') {
            this.#heardDown(key, code);
        } else {
            this.#heardUp(code);
        }
    }

    #heardDown(key, code) {
        if (PASSIVE.has(key) || code === this.#user) {
            return;
        }
        if (this.#user !== null) {
            this.#useUp();
        } else if (this.#hasOnce()) {
            this.#user = code;
            // Keyboards on a glass do not say which key and when it goes up.
            if (!code || code === 'Unidentified') {
                this.#useUpLater(code);
            }
        }
    }

    #heardUp(code) {
        for (const key of this.#sticky.keys()) {
            // The server hears that this very key is up.
            if (key.code === code) {
                this.#sticky.delete(key);
                this.#up(key);
                this.#changed();
            }
        }
        if (code === this.#user) {
            this.#useUpLater(code);
        }
    }

    // After the server has heard of the event that is being fed.
    async #useUpLater(code) {
        await this.#sleep(0, this.#control.signal);
        if (code === this.#user) {
            this.#useUp();
        }
    }

    #useUp() {
        this.#user = null;
        for (const [key, state] of [...this.#sticky].reverse()) {
            if (state === 'once') {
                this.#sticky.delete(key);
                this.#up(key);
            }
        }
        this.#changed();
    }

    #hasOnce() {
        return [...this.#sticky.values()].includes('once');
    }

    async #run(steps, onStep, signal) {
        for (const [index, { keys, wait }] of steps.entries()) {
            if (signal.aborted) {
                return false;
            }
            onStep(index);
            if (keys) {
                await this.#stroke(keys, signal);
            } else {
                await this.#sleep(wait, signal);
            }
        }
        return !signal.aborted;
    }

    async #stroke(keys, signal) {
        for (const [index, key] of keys.entries()) {
            this.#press(key);
            await this.#pause(
                index < keys.length - 1 ? GAP_TIME : HOLD_TIME, signal);
            if (signal.aborted) {
                return;
            }
        }
        for (const key of [...keys].reverse()) {
            // A sticky one stays, whether it was down before or since.
            if (!this.#sticky.has(key)) {
                this.#up(key);
                await this.#pause(GAP_TIME, signal);
            }
            if (signal.aborted) {
                return;
            }
        }
        if (this.#hasOnce()) {
            this.#useUp();
            await this.#pause(GAP_TIME, signal);
        }
    }

    async #pause(seconds, signal) {
        if (!this.#isHurried()) {
            await this.#sleep(seconds, signal);
        }
    }

    // What is down already is not pressed again.
    #press(key) {
        if (this.#down.has(key)) {
            return;
        }
        const isShifted = SHIFTS.some((shift) => this.#down.has(shift));
        const keysym = isShifted ? key.shifted : key.keysym;
        this.#down.set(key, keysym);
        this.#send(keysym, key.code, true);
    }

    // With the keysym that it went down with: servers look for that one.
    #up(key) {
        if (this.#down.has(key)) {
            const keysym = this.#down.get(key);
            this.#down.delete(key);
            this.#send(keysym, key.code, false);
        }
    }

    #count(change) {
        const before = this.playing;
        this.#waiting += change;
        if (before !== this.playing) {
            this.#changed();
        }
    }

    #changed() {
        this.dispatchEvent(new Event('change'));
    }
}

function sleepFor(seconds, signal) {
    return new Promise((resolve) => {
        if (signal.aborted) {
            resolve();
            return;
        }
        const timer = setTimeout(done, 1000 * seconds);
        signal.addEventListener('abort', done, { once: true });

        function done() {
            clearTimeout(timer);
            signal.removeEventListener('abort', done);
            resolve();
        }
    });
}
