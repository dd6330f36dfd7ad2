// SPDX-License-Identifier: Apache-2.0
// How much the picture may cost: the levels that a user can choose, and a
// choice by measurement. Pure: gets sizes and times of what arrives.
//
// Bytes per second say nothing about a line while the screen has little to
// tell. What does say something is a large message behind another one: the
// line took no longer for it than the time between the two. The best of the
// latest such times counts, because pauses of the server make a line look
// worse, and nothing makes it look better. That a line is slow is believed
// only of messages so large that they must have piled up before it: the proxy
// passes on what has come, so on a fast line messages stay small.

export const AUTOMATIC = 'automatic';

// From the dearest to the cheapest. quality is JPEG's (lossless encodings
// ignore it), compression costs the server time: both 0 to 9, as in noVNC.
export const LEVELS = Object.freeze({
    sharp: Object.freeze({ quality: 9, compression: 1 }),
    balanced: Object.freeze({ quality: 6, compression: 2 }),
    light: Object.freeze({ quality: 3, compression: 6 }),
    lightest: Object.freeze({ quality: 0, compression: 9 }),
});

const NAMES = Object.keys(LEVELS);
// Until something has been measured.
const START = 'balanced';
// A level is good from so many bytes per second on: a picture of 1024x768 is
// then there within about a second.
const NEEDS = Object.freeze(
    { sharp: 1_000_000, balanced: 150_000, light: 40_000, lightest: 0 });
// A line must be better than a dearer level needs by this factor; otherwise
// one at the border would go to and fro.
const MARGIN = 1.5;

const LARGE_BYTES = 16 * 1024;
const PILE_BYTES = 60 * 1000;
// After so many seconds a message has nothing to do with the one before.
const MAX_PAUSE = 10;
// What is remembered.
const RATES = 4;
// Worse lines are believed sooner than better ones: a picture that stalls
// disturbs more than a blurred one.
const TIMES_TO_SAVE = 2;
const TIMES_TO_SPEND = 6;

// A choice out of storage or out of a control, or null.
export function readChoice(value) {
    return [AUTOMATIC, ...NAMES].includes(value) ? value : null;
}

// Chooses a level by what arrives.
export class AutomaticQuality {
    #level = START;
    #rates = [];        // bytes per second, latest last
    #before = { bytes: 0, now: 0 };     // the message before
    #count = 0;         // measurements in a row that want another level,
    #cheaper = false;   // and in which direction

    // Name of the present level.
    get level() {
        return this.#level;
    }

    // Tells of a message; returns whether the level has changed.
    //
    // bytes: its size; now: when it arrived, in seconds of a clock that never
    // goes back.
    feed(bytes, now) {
        const { bytes: bytesBefore, now: then } = this.#before;
        this.#before = { bytes, now };
        const smaller = Math.min(bytes, bytesBefore);
        if (smaller < LARGE_BYTES || now - then > MAX_PAUSE) {
            return false;
        }
        // Two at the same time: faster than clocks of browsers can tell.
        this.#rates.push(bytes / Math.max(now - then, 0.001));
        if (this.#rates.length > RATES) {
            this.#rates.shift();
        }
        return this.#decide(smaller >= PILE_BYTES);
    }

    // Another connection, maybe another line; the level stays until that is
    // known.
    restart() {
        this.#rates = [];
        this.#before = { bytes: 0, now: 0 };
        this.#count = 0;
    }

    // piled: what was measured may show that the line is slow.
    #decide(piled) {
        const wish = this.#wish(Math.max(...this.#rates));
        if (wish === this.#level) {
            this.#count = 0;
            return false;
        }
        const cheaper = NAMES.indexOf(wish) > NAMES.indexOf(this.#level);
        if (cheaper && !piled) {
            return false;
        }
        this.#count = cheaper === this.#cheaper ? this.#count + 1 : 1;
        this.#cheaper = cheaper;
        if (this.#count < (cheaper ? TIMES_TO_SAVE : TIMES_TO_SPEND)) {
            return false;
        }
        this.#level = wish;
        this.#count = 0;
        return true;
    }

    // The dearest level that such a line carries.
    #wish(rate) {
        const present = NAMES.indexOf(this.#level);
        return NAMES.find((name, index) =>
            rate >= NEEDS[name] * (index < present ? MARGIN : 1));
    }
}

// Gives a screen the level that the user has chosen, or what is measured.
//
// Events: change, when the choice or the level is another one.
export class QualityControl extends EventTarget {
    #screen;
    #settings;
    #automatic = new AutomaticQuality();
    #choice;

    // screen: see screen.js; settings: see settings.js; clock: gives seconds.
    constructor(screen, settings, clock) {
        super();
        this.#screen = screen;
        this.#settings = settings;
        this.#choice = settings.get('quality',
            (value) => readChoice(value) ?? undefined, AUTOMATIC);
        screen.addEventListener('connect', () => this.#automatic.restart());
        screen.addEventListener('data', ({ detail }) => {
            // Measured all the time: who changes to automatic gets it at
            // once.
            if (this.#automatic.feed(detail.bytes, clock())) {
                this.#apply();
            }
        });
        this.#apply();
    }

    // AUTOMATIC or the name of a level.
    get choice() {
        return this.#choice;
    }

    // Holds for this browser, until it is changed.
    set choice(choice) {
        this.#choice = choice;
        this.#settings.set('quality', choice);
        this.#apply();
    }

    // Name of the level that is used now.
    get level() {
        return this.#choice === AUTOMATIC ? this.#automatic.level :
            this.#choice;
    }

    #apply() {
        const { quality, compression } = LEVELS[this.level];
        this.#screen.quality = quality;
        this.#screen.compression = compression;
        this.dispatchEvent(new Event('change'));
    }
}
