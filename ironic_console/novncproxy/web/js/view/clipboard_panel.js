// SPDX-License-Identifier: Apache-2.0
// The panel for both clipboards. Nothing moves by itself: the browser's
// clipboard is touched, the server is sent something and its text is shown
// only within a click of the user. What may move is for clipboard.js.

import { checkOutgoing, MAX_CLIPBOARD_BYTES, ServerClipboard }
    from '../clipboard.js';
import { build } from './build.js';

const KIB = 1024;

export class ClipboardPanel {
    #document;
    #panel;
    #screen;
    #t;
    #announce;
    #kept = new ServerClipboard();
    #parts;

    // services: see main.js.
    constructor(document, panel, services) {
        this.#document = document;
        this.#panel = panel;
        this.#screen = services.screen;
        this.#t = services.messages;
        this.#announce = services.announce;
        this.#parts = this.#build();
        this.#listen();
        this.#show();
    }

    // -- to the server ---------------------------------------------------

    // Into the field, not to the server: one should see what one sends.
    async #take() {
        try {
            this.#parts.outgoing.value = await this.#clipboard().readText();
            this.#say('');
        } catch {
            // Not permitted, or not a text; or the browser has no such
            // thing.
            this.#say(this.#t('clipboard.notTaken'));
        }
        this.#parts.outgoing.focus();
    }

    #send() {
        const { outgoing } = this.#parts;
        const { problem, text, lossy } = checkOutgoing(outgoing.value);
        if (problem) {
            this.#say(this.#t(`clipboard.${problem}`,
                { limit: MAX_CLIPBOARD_BYTES / KIB }));
            return;
        }
        this.#screen.pasteClipboard(text);
        outgoing.value = '';
        this.#say(this.#t(lossy ? 'clipboard.sentLossy' : 'clipboard.sent',
            { count: [...text].length }));
    }

    // -- from the server -------------------------------------------------

    #reveal() {
        const { incoming } = this.#parts;
        incoming.value = this.#kept.text;
        incoming.hidden = false;
        incoming.focus();
    }

    async #copy() {
        try {
            await this.#clipboard().writeText(this.#kept.text);
            this.#say(this.#t('clipboard.copied'));
        } catch {
            this.#reveal();
            this.#parts.incoming.select();
            this.#say(this.#t('clipboard.notCopied'));
        }
    }

    #receive(text) {
        this.#kept.receive(text);
        // What is shown was asked for; something else was not.
        this.#conceal();
        this.#show();
    }

    #forget() {
        this.#kept.forget();
        this.#clear();
        this.#show();
    }

    // -- what the user sees ----------------------------------------------

    // Throws where browsers have none: outside of secure contexts.
    #clipboard() {
        return this.#document.defaultView.navigator.clipboard;
    }

    #say(text) {
        this.#parts.said.textContent = text;
        this.#announce(text);
    }

    // Nobody who opens the panel later should find what was typed or shown.
    #clear() {
        this.#parts.outgoing.value = '';
        this.#conceal();
        this.#parts.said.textContent = '';
    }

    #conceal() {
        this.#parts.incoming.value = '';
        this.#parts.incoming.hidden = true;
    }

    #show() {
        const { readOnly } = this.#screen;
        const { isEmpty, text, tooLong } = this.#kept;
        const parts = this.#parts;
        for (const part of [parts.outgoing, parts.take, parts.send]) {
            part.disabled = readOnly;
        }
        parts.readOnly.hidden = !readOnly;
        parts.reveal.disabled = parts.copy.disabled = text === '';
        parts.state.textContent = this.#t(
            tooLong ? 'clipboard.tooLong' : isEmpty ? 'clipboard.nothing' :
                'clipboard.something', { count: [...text].length,
                limit: MAX_CLIPBOARD_BYTES / KIB });
        this.#mark(!isEmpty);
    }

    // Seen and found by whoever looks for it, but it disturbs nobody.
    #mark(marked) {
        const { button } = this.#panel;
        button.classList.toggle('marked', marked);
        if (marked) {
            button.setAttribute('aria-label', this.#t('clipboard.marked'));
        } else {
            button.removeAttribute('aria-label');
        }
    }

    // -- making and wiring -----------------------------------------------

    #listen() {
        const { take, send, reveal, copy } = this.#parts;
        take.addEventListener('click', () => this.#take());
        send.addEventListener('click', () => this.#send());
        reveal.addEventListener('click', () => this.#reveal());
        copy.addEventListener('click', () => this.#copy());
        this.#screen.addEventListener('clipboard',
            ({ detail }) => this.#receive(detail.text));
        this.#screen.addEventListener('disconnect', () => this.#forget());
        this.#screen.addEventListener('rights', () => {
            if (this.#screen.readOnly) {
                this.#forget();
            }
            this.#show();
        });
        this.#panel.onClose = () => this.#clear();
    }

    #build() {
        const make = (...parts) => build(this.#document, ...parts);
        const t = this.#t;
        const button = (id, text) => make('button',
            { type: 'button', id, textContent: text });
        const text = (id, label, more) => make('textarea', { id, rows: 3,
            spellcheck: false, autocomplete: 'off', 'aria-label': label,
            ...more });
        const parts = {
            readOnly: make('p', { id: 'clipboard-read-only',
                textContent: t('clipboard.readOnly') }),
            outgoing: text('clipboard-outgoing', t('clipboard.outgoing'),
                { placeholder: t('clipboard.placeholder') }),
            take: button('take-clipboard', t('clipboard.take')),
            send: button('send-clipboard', t('clipboard.send')),
            state: make('p', { id: 'clipboard-state' }),
            incoming: text('clipboard-incoming', t('clipboard.incoming'),
                { readOnly: true, hidden: true }),
            reveal: button('show-clipboard', t('clipboard.show')),
            copy: button('copy-clipboard', t('clipboard.copy')),
            said: make('p', { id: 'clipboard-said' }),
        };
        const row = (...buttons) => make('div', { className: 'row' },
            ...buttons);
        this.#panel.body.append(parts.readOnly,
            make('h3', { textContent: t('clipboard.toServer') }),
            parts.outgoing, row(parts.send, parts.take),
            make('h3', { textContent: t('clipboard.fromServer') }),
            parts.state, parts.incoming, row(parts.copy, parts.reveal),
            parts.said,
            make('p', { className: 'quiet',
                textContent: t('clipboard.hint') }));
        return parts;
    }
}
