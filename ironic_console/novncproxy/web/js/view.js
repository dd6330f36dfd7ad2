// SPDX-License-Identifier: Apache-2.0
// The only file that touches the DOM: shows states, reports what the user
// does. It decides nothing.
//
// Texts may come from a hostile far end (desktop names, reasons), so they
// enter by textContent and nowhere else. Browser tests read the phase from
// <html data-phase> and the rest from the ids in console.html.

import { documentTitle, labels } from './messages.js';
import { LeaveKeys } from './leave.js';
import { isOver } from './state.js';

export class View {
    #root;
    #parts;

    // handlers: {onRetry, onCtrlAltDel, onFocusScreen}, called without
    // arguments.
    constructor(document, handlers) {
        this.#root = document.documentElement;
        this.#parts = Object.fromEntries(
            ['name', 'status', 'read-only', 'hint', 'controls',
                'ctrl-alt-del', 'screen', 'title', 'message', 'advice',
                'retry', 'detail']
                .map((id) => [id, document.getElementById(id)]));
        this.#label();
        this.#listen(handlers);
    }

    // The element that noVNC draws into.
    get screen() {
        return this.#parts.screen;
    }

    // context: for whoever is asked for help, follows the state's detail.
    show(state, context) {
        const parts = this.#parts;
        const connected = state.phase === 'connected';
        const changed = this.#root.dataset.phase !== state.phase;
        parts['ctrl-alt-del'].disabled = !connected || state.readOnly;
        // It passes the focus on to the picture. That swallows Tab, unless
        // the screen takes no input: then Shift+Tab has to lead out.
        parts.screen.tabIndex = connected && !state.readOnly ? 0 : -1;
        setText(parts.status, state.title);
        this.#showRights(state.readOnly);
        for (const id of ['title', 'message', 'advice']) {
            setText(parts[id], state[id]);
        }
        setText(parts.detail, `${state.detail} ${context}`.trim());
        parts.retry.hidden = !state.canRetry;
        // Last, so that whoever waits for a phase finds its texts.
        this.#root.dataset.phase = state.phase;
        if (changed && isOver(state)) {
            // Not the button: who was just typing would press it unseen.
            parts.title.focus();
        }
    }

    // name: clean text; node: UUID, or ''.
    showName(name, node) {
        setText(this.#parts.name, name || node);
        this.#parts.name.title = node;
        this.#root.ownerDocument.title = documentTitle(name || node);
    }

    #showRights(readOnly) {
        const parts = this.#parts;
        parts['read-only'].hidden = !readOnly;
        // Written, because it is for writing that a live region speaks.
        setText(parts['read-only'], readOnly ? labels.readOnly : '');
        setText(parts.hint, readOnly ? '' : labels.hint);
        parts.screen.setAttribute('aria-label',
            readOnly ? labels.screenReadOnly : labels.screen);
    }

    #label() {
        const parts = this.#parts;
        parts['ctrl-alt-del'].textContent = labels.ctrlAltDel;
        parts['ctrl-alt-del'].title = labels.ctrlAltDelTitle;
        parts.controls.setAttribute('aria-label', labels.toolbar);
        parts['read-only'].title = labels.readOnlyTitle;
        parts.retry.textContent = labels.retry;
    }

    #listen({ onRetry, onCtrlAltDel, onFocusScreen }) {
        const { screen, retry, 'ctrl-alt-del': ctrlAltDel } = this.#parts;
        retry.addEventListener('click', onRetry);
        ctrlAltDel.addEventListener('click', () => {
            onCtrlAltDel();
            onFocusScreen();
        });
        // By Tab, or by a click beside the picture.
        screen.addEventListener('focus', onFocusScreen);
        const keys = new LeaveKeys();
        const feed = (event) => {
            if (keys.feed(event)) {
                ctrlAltDel.focus();
            }
        };
        // While capturing, because noVNC stops the events it takes.
        screen.addEventListener('keydown', feed, { capture: true });
        screen.addEventListener('keyup', feed, { capture: true });
    }
}

// A live region speaks again when it is written, even with the same text.
function setText(element, text) {
    if (element.textContent !== text) {
        element.textContent = text;
    }
}
