// SPDX-License-Identifier: Apache-2.0
// Types a plan, paced, and leaves no key pressed however it ends. It knows
// time and order; what is typed is for paste.js, how it is sent for its owner.
//
// Slow BMCs lose keys that come faster than their host asks for them, and one
// that loses a release repeats the key for ever. So a gap follows every single
// event, not every character, and modifiers are pressed for each key anew:
// whatever gets lost then spoils one character and not the rest of the text.

// Milliseconds between two events, at least. `slow` outlasts a frame of BMCs
// that look at the keys between two pictures, 30 times a second; `normal` is
// 25 plain characters a second, half as many capitals. `fast` is as the
// network takes it: QEMU's keyboard loses what comes after 100 or so.
export const SPEEDS = Object.freeze({ slow: 60, normal: 20, fast: 0 });

// A key that waits to be sent cannot be taken back: few may.
const MAX_UNSENT = 1024;  // bytes
const BACKLOG_INTERVAL = 20;  // milliseconds
// When it is fast. The service ends sessions that send more than 5,000 messages
// a second (max_frame_rate), and each event is one.
const BURST = 56;  // events
const BURST_INTERVAL = 16;  // milliseconds

const SHIFT = Object.freeze({ code: 'ShiftLeft', keysym: 0xffe1 });
// Alt_R: AltGr as a US keyboard calls it.
const ALT_GR = Object.freeze({ code: 'AltRight', keysym: 0xffea });

const BROWSER_TIMER = Object.freeze({
    start: (callback, delay) => setTimeout(callback, delay),
    stop: (handle) => clearTimeout(handle),
});

export class Typist {
    #send;
    #unsent;
    #timer;
    #job = null;
    #held = [];
    #paused = false;

    // send(keysym, code, down) sends a key event, unsent() tells how many
    // bytes the network has not taken yet; timer: {start, stop}.
    constructor({ send, unsent = () => 0, timer = BROWSER_TIMER }) {
        this.#send = send;
        this.#unsent = unsent;
        this.#timer = timer;
    }

    get busy() {
        return this.#job !== null;
    }

    // Resolves to {outcome, done}: 'done' or what stop() was given, and the
    // number of strokes that went out. gap: milliseconds; onProgress(done) is
    // called after every stroke or burst of them.
    type(strokes, { gap, onProgress = () => {} }) {
        if (this.#job) {
            throw new Error('typing already');
        }
        return new Promise((resolve) => {
            this.#job = { strokes, gap, onProgress, resolve, done: 0,
                events: [], handle: null };
            this.#wait(0);
        });
    }

    // Ends typing now and releases what is pressed; not typing, does nothing.
    stop(outcome = 'cancelled') {
        if (this.#job) {
            this.#finishStroke();
            this.#end(outcome);
        }
    }

    // Holds on between two keys. For a page that is hidden: browsers slow
    // down its timers, and a key that is held repeats on the server.
    pause() {
        this.#paused = true;
        if (this.#job) {
            this.#finishStroke();
            this.#job.onProgress(this.#job.done);
        }
    }

    resume() {
        if (this.#paused) {
            this.#paused = false;
            if (this.#job) {
                this.#wait(this.#job.gap);
            }
        }
    }

    #wait(delay) {
        this.#timer.stop(this.#job.handle);
        this.#job.handle = this.#timer.start(() => this.#tick(), delay);
    }

    #tick() {
        const job = this.#job;
        if (!job || this.#paused) {
            return;
        }
        // Only between two strokes: nothing is held for a slow network.
        if (this.#held.length === 0 && this.#unsent() > MAX_UNSENT) {
            this.#wait(BACKLOG_INTERVAL);
            return;
        }
        // Whole strokes, when it is fast.
        for (let left = job.gap > 0 ? 1 : BURST; left > 0 && this.#more();) {
            do {
                this.#press(job.events.shift());
                left -= 1;
            } while (job.gap === 0 && job.events.length > 0);
            job.done += job.events.length === 0 ? 1 : 0;
        }
        if (job.events.length === 0) {
            job.onProgress(job.done);
        }
        if (this.#job !== job) {
            return;  // stopped by who was told
        }
        if (this.#more()) {
            this.#wait(job.gap || BURST_INTERVAL);
        } else {
            this.#end('done');
        }
    }

    // Whether there is an event to send; takes the next stroke if need be.
    #more() {
        const job = this.#job;
        if (job.events.length === 0 && job.done < job.strokes.length) {
            job.events = events(job.strokes[job.done]);
        }
        return job.events.length > 0;
    }

    #press({ key, down }) {
        if (down) {
            this.#held.push(key);
        } else {
            this.#held.splice(this.#held.indexOf(key), 1);
        }
        this.#send(key.keysym, key.code, down);
    }

    // At once, without gaps: the key counts if it went down, and only its
    // releases are left; otherwise it will be pressed again.
    #finishStroke() {
        const job = this.#job;
        const [next] = job.events;
        if (this.#held.length > 0 && !next.down) {
            job.done += 1;
        }
        job.events = [];
        while (this.#held.length > 0) {
            this.#press({ key: this.#held.at(-1), down: false });
        }
    }

    #end(outcome) {
        const { handle, resolve, done } = this.#job;
        this.#timer.stop(handle);
        this.#job = null;
        resolve({ outcome, done });
    }
}

function events(stroke) {
    const keys = [stroke.shift && SHIFT, stroke.altGr && ALT_GR, stroke]
        .filter(Boolean);
    return [...keys.map((key) => ({ key, down: true })),
        ...keys.reverse().map((key) => ({ key, down: false }))];
}
