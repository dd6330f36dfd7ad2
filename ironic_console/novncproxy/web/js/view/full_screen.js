// SPDX-License-Identifier: Apache-2.0
// The whole page on the whole screen, with every key for the server.

import { build } from './build.js';

// Events: change, after the page went full screen or came back, by whatever
// way.
export class FullScreen extends EventTarget {
    #document;
    #keyboard;

    // handle: text of what a finger, which cannot point at an edge, gets the
    // bar out with.
    constructor(document, handle) {
        super();
        this.#document = document;
        this.#addHandle(handle);
        // Not in every browser, and not in frames of other sites.
        this.#keyboard = document.defaultView.navigator.keyboard ?? null;
        document.addEventListener('fullscreenchange', () => {
            if (!this.active) {
                this.#keyboard?.unlock?.();
            }
            this.dispatchEvent(new Event('change'));
        });
    }

    // The browser has it, and the page around ours allows it.
    get available() {
        return this.#document.fullscreenEnabled === true;
    }

    get active() {
        return this.#document.fullscreenElement !== null;
    }

    // Esc (and Alt+Tab, F11, ...) can reach the server; then holding Esc
    // leaves instead of pressing it.
    get takesEscape() {
        return typeof this.#keyboard?.lock === 'function';
    }

    // Only within a click or key press of the user. Returns whether it
    // worked.
    async enter() {
        try {
            // All of the page: the bar has to come along.
            await this.#document.documentElement.requestFullscreen(
                { navigationUI: 'hide' });
        } catch {
            return false;
        }
        try {
            await this.#keyboard?.lock?.();
        } catch {
            // Esc leaves at once then, as it does everywhere.
        }
        return true;
    }

    async leave() {
        if (this.active) {
            await this.#document.exitFullscreen();
        }
    }

    // The style sheet shows the bar as long as something in it has the focus.
    #addHandle(text) {
        const handle = build(this.#document, 'button', { type: 'button',
            id: 'show-bar', textContent: '\u25be', 'aria-label': text });
        handle.addEventListener('click', () => this.#document
            .querySelector('#controls button:enabled')?.focus());
        this.#document.getElementById('bar').before(handle);
    }
}
