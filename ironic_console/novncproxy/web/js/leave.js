// SPDX-License-Identifier: Apache-2.0
// Recognises the keys that leave the screen. Pure: gets key events, gives a
// verdict.
//
// The screen swallows every key, Tab too, so that it all reaches the server;
// without a way out nobody could get to the controls by keyboard (WCAG 2.1.2,
// "No Keyboard Trap"). The way out is to press Ctrl, Alt and Shift together
// and release them, with no other key in between. All of it still reaches the
// server, where modifiers alone do nothing, and focus moves only after the
// last release: otherwise the server would keep a key held down.

const MODIFIERS = new Set(['Control', 'Alt', 'Shift']);

export class LeaveKeys {
    #armed = false;

    // event: {type: 'keydown'|'keyup', key, ctrlKey, altKey, shiftKey}.
    // Returns true when the focus should leave the screen now.
    feed(event) {
        // Meta, because usual X11 keymaps put it on Shift+Alt.
        const modifier = MODIFIERS.has(event.key) || event.key === 'Meta';
        const { ctrlKey, altKey, shiftKey } = event;
        if (event.type === 'keydown') {
            this.#armed = modifier &&
                (this.#armed || (ctrlKey && altKey && shiftKey));
            return false;
        }
        const leave = this.#armed && modifier &&
            !ctrlKey && !altKey && !shiftKey;
        if (leave || !modifier) {
            this.#armed = false;
        }
        return leave;
    }
}
