// SPDX-License-Identifier: Apache-2.0
// Which ends of a console are worth another attempt by itself, and when.
// Pure: gets states and times, gives seconds. connection.js waits.

import { recognise } from './said.js';
import { isOver } from './state.js';

const FIRST_DELAY = 1;    // seconds
const MAX_DELAY = 30;
// Links live for about as long; who is still away then tries by hand.
const MAX_TIME = 600;
// A screen that stayed shorter than this was no success: a BMC that boots
// takes connections and drops them.
const STABLE_AFTER = 30;

// The service says itself that it will be back.
const COMES_BACK = new Set([1001, 1012, 1013]);
// Means something only if it has worked: the network, a BMC that boots.
const CAME_AWAY = new Set([1006, 1014, 4502, 4503, 4504]);
const CAME_AWAY_WORDS = new Set(['end.unreachable', 'end.misplaced',
    'end.blocked']);
// Who comes back after the network was gone finds the own session still
// there, until the service has noticed too.
const MAY_BE_OURSELVES = new Set(['end.inUse', 'end.takeOver']);

// These do not go away by waiting; and trying a password again and again
// makes a BMC lock its user out. Who may only look from now on has to see it.
const HOPELESS = new Set(['credentials', 'securityType', 'untrusted',
    'certificate', 'tls', 'notSetUp']);
const FOR_THE_USER = new Set(['end.readOnly']);

// worked: this page has shown the console before.
export function isWorthAnother(state, worked) {
    if (!isOver(state) || !state.canRetry || FOR_THE_USER.has(state.words) ||
        HOPELESS.has(recognise(state.said).name)) {
        return false;
    }
    if (COMES_BACK.has(state.code) || state.words === 'end.busy') {
        return true;
    }
    if (state.again && MAY_BE_OURSELVES.has(state.words)) {
        return worked;
    }
    return worked &&
        (CAME_AWAY.has(state.code) || CAME_AWAY_WORDS.has(state.words));
}

// How long to wait before each attempt of a row. A row begins when a screen
// is lost that had been stable.
export class BackOff {
    #random;
    #attempts = 0;
    #deadline = null;

    // random: gives numbers from 0 to 1; many pages must not come back to a
    // restarted service at the same moment.
    constructor(random = Math.random) {
        this.#random = random;
    }

    // Attempts of this row, so far.
    get attempts() {
        return this.#attempts;
    }

    // Seconds until the next attempt, or null: no more. now: seconds, of
    // any steady clock; atLeast: what the service asks for, or null.
    next(now, atLeast = null) {
        this.#deadline ??= now + MAX_TIME;
        const delay = Math.max(atLeast ?? 0,
            this.#jitter(Math.min(MAX_DELAY,
                FIRST_DELAY * 2 ** this.#attempts)));
        if (now + delay > this.#deadline) {
            return null;
        }
        this.#attempts += 1;
        return delay;
    }

    // A screen was there for some seconds.
    lasted(seconds) {
        if (seconds >= STABLE_AFTER) {
            this.reset();
        }
    }

    // The user begins anew.
    reset() {
        this.#attempts = 0;
        this.#deadline = null;
    }

    // From three quarters of a delay up to all of it.
    #jitter(delay) {
        return delay * (0.75 + 0.25 * this.#random());
    }
}
