// SPDX-License-Identifier: Apache-2.0
// Buttons for Linux's Magic SysRq. Those that cannot be taken back ask first.
//
// Linux, Documentation/admin-guide/sysrq.rst: Alt and Print are held while
// the letter is pressed and released.

import { build } from './build.js';

// In the order that brings a hung server down with the least damage.
const LETTERS = ['R', 'E', 'I', 'S', 'U', 'B'];
// They end programs, or the whole system, at once.
const FATAL = new Set(['E', 'I', 'U', 'B']);

export class SysRqKeys {
    // What goes into the panel.
    element;
    #t;
    #press;
    #label;
    #question;
    // Letter that is being asked about, and the button that asked.
    #asked = null;

    // press(text, event): see keys_panel.js; label(text): of a combination.
    constructor(document, { t, label, press }) {
        this.#t = t;
        this.#label = label;
        this.#press = press;
        this.#question = this.#buildQuestion(document);
        this.element = build(document, 'div', {},
            build(document, 'p', { className: 'quiet',
                textContent: t('sysrq.hint') }),
            build(document, 'div', { className: 'sysrq-grid' },
                ...LETTERS.map((letter) => this.#button(document, letter))),
            this.#question.element);
    }

    #ask(letter, button) {
        const { element, warning, send, cancel } = this.#question;
        this.#asked = { letter, button };
        warning.textContent = this.#t(`sysrq.${letter}.warning`);
        send.textContent =
            this.#t('sysrq.send', { keys: this.#label(keysOf(letter)) });
        element.hidden = false;
        // It may be below the edge of the panel.
        element.scrollIntoView({ block: 'nearest' });
        cancel.focus();
    }

    #answer(isYes, event) {
        const { letter, button } = this.#asked;
        this.#asked = null;
        this.#question.element.hidden = true;
        button.focus();
        if (isYes) {
            this.#press(keysOf(letter), event);
        }
    }

    #button(document, letter) {
        const isFatal = FATAL.has(letter);
        const button = build(document, 'button', { type: 'button',
            'data-sysrq': letter,
            textContent: `${letter}: ${this.#t(`sysrq.${letter}`)}` +
                (isFatal ? ' …' : '') });
        button.addEventListener('click', (event) => {
            if (isFatal) {
                this.#ask(letter, button);
            } else {
                this.#press(keysOf(letter), event);
            }
        });
        return button;
    }

    #buildQuestion(document) {
        const warning = build(document, 'p', { id: 'sysrq-warning',
            className: 'warning' });
        const send = build(document, 'button',
            { type: 'button', id: 'sysrq-send' });
        const cancel = build(document, 'button', { type: 'button',
            id: 'sysrq-cancel', textContent: this.#t('sysrq.cancel'),
            'aria-describedby': warning.id });
        send.addEventListener('click', (event) => this.#answer(true, event));
        cancel.addEventListener('click',
            (event) => this.#answer(false, event));
        const element = build(document, 'div', { id: 'sysrq-question',
            role: 'group', 'aria-labelledby': warning.id, hidden: true },
        warning, build(document, 'div', { className: 'key-row' }, send,
            cancel));
        return { element, warning, send, cancel };
    }
}

function keysOf(letter) {
    return `Alt+Print+${letter}`;
}
