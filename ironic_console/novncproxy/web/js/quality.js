// SPDX-License-Identifier: Apache-2.0
// How much the picture may cost: the levels that a user can choose, and a
// choice by what is measured. Pure: line.js measures.
//
// What the server sends says little about the line: a screen on which nothing
// happens sends nothing, and one large picture each second looks like a slow
// line. So a file of known size is fetched beside it, seldom, and only while
// the server sends enough for it to matter.

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
// Measurements in a row that want another level. Worse lines are believed
// sooner than better ones: a picture that stalls disturbs more than a blurred
// one. The first of a page has nothing before it to doubt it.
const TIMES_TO_SAVE = 2;
const TIMES_TO_SPEND = 3;
// Browsers blur their clocks; seconds.
const SHORTEST = 0.001;

// The next measurement comes when the server has sent so much again, and not
// before so many seconds.
const INTERVAL_BYTES = 256 * 1024;
const INTERVAL = 20;

// A choice out of storage or out of a control, or null.
export function readChoice(value) {
    return [AUTOMATIC, ...NAMES].includes(value) ? value : null;
}

// Chooses a level by measurements.
export class AutomaticQuality {
    #level = START;
    #isFirst = true;
    #count = 0;         // measurements in a row that want another level,
    #cheaper = false;   // and in which direction

    // Name of the present level.
    get level() {
        return this.#level;
    }

    // Takes a measurement; returns whether the level has changed.
    //
    // bytes: what came in so many seconds.
    feed(bytes, seconds) {
        const wish = this.#wish(bytes / Math.max(seconds, SHORTEST));
        const first = this.#isFirst;
        this.#isFirst = false;
        if (wish === this.#level) {
            this.#count = 0;
            return false;
        }
        const cheaper = NAMES.indexOf(wish) > NAMES.indexOf(this.#level);
        this.#count = cheaper === this.#cheaper ? this.#count + 1 : 1;
        this.#cheaper = cheaper;
        if (!first &&
            this.#count < (cheaper ? TIMES_TO_SAVE : TIMES_TO_SPEND)) {
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

// Gives a screen the level that the user has chosen, or the automatic one.
//
// Events: change, when the choice or the level is another one.
export class QualityControl extends EventTarget {
    #screen;
    #settings;
    #measure;
    #clock;
    #automatic = new AutomaticQuality();
    #choice;
    #received = 0;      // bytes since the last measurement
    #measuredAt = -Infinity;
    #isMeasuring = false;

    // screen: see screen.js; settings: see settings.js; measure: see line.js;
    // clock: gives seconds.
    constructor(screen, settings, measure, clock) {
        super();
        this.#screen = screen;
        this.#settings = settings;
        this.#measure = measure;
        this.#clock = clock;
        this.#choice = settings.get('quality',
            (value) => readChoice(value) ?? undefined, AUTOMATIC);
        screen.addEventListener('data', ({ detail }) => {
            this.#received += detail.bytes;
            this.#considerMeasuring();
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

    async #considerMeasuring() {
        if (this.#isMeasuring || this.#choice !== AUTOMATIC ||
            this.#received < INTERVAL_BYTES ||
            this.#clock() - this.#measuredAt < INTERVAL) {
            return;
        }
        this.#isMeasuring = true;
        this.#received = 0;
        const found = await this.#measure();
        this.#isMeasuring = false;
        this.#measuredAt = this.#clock();
        // The picture came over the same line at the same time.
        if (found && this.#automatic.feed(found.bytes + this.#received,
            found.seconds)) {
            this.#apply();
        }
        this.#received = 0;
    }

    #apply() {
        const { quality, compression } = LEVELS[this.level];
        this.#screen.quality = quality;
        this.#screen.compression = compression;
        this.dispatchEvent(new Event('change'));
    }
}
