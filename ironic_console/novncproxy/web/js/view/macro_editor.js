// SPDX-License-Identifier: Apache-2.0
// The user's own keys: a line to send any, and macros to keep them. What a
// macro may be is for macros.js; this browser keeps them, see settings.js.

import { MAX_NAME_CHARS, MAX_TEXT_CHARS, parseMacro, putMacro, readMacros,
    removeMacro } from '../macros.js';
import { build } from './build.js';

const SETTING = 'macros';
// Problems with the name; all others are with the keys.
const OF_NAME = new Set(['nameless', 'name', 'taken', 'full']);

export class MacroEditor {
    // What goes into the panel, and what tells about a macro that is played.
    element;
    status;
    #document;
    #keys;
    #settings;
    #t;
    #announce;
    #afterClick;
    #parts;
    // Name of the macro that is edited, '' for a new one, or null.
    #edited = null;

    // services: see main.js; afterClick(event): after keys were sent.
    constructor(document, { keys, settings, messages, announce },
        afterClick) {
        this.#document = document;
        this.#keys = keys;
        this.#settings = settings;
        this.#t = messages;
        this.#announce = announce;
        this.#afterClick = afterClick;
        this.#parts = this.#build();
        this.status = this.#parts.status;
        this.element = this.#place();
        this.#listen();
        this.refresh();
    }

    // Shows what is stored now; another tab may have changed it.
    refresh() {
        const { macros, damaged } = this.#load();
        if (!this.#keys.playing) {
            this.#parts.status.hidden = true;
        }
        this.#parts.list.replaceChildren(
            ...macros.map((macro) => this.#item(macro)));
        this.#parts.list.hidden = macros.length === 0;
        this.#parts.stored.textContent =
            damaged ? this.#t('macros.damaged') : '';
    }

    #load() {
        return this.#settings.get(SETTING, readMacros, { macros: [],
            damaged: Number(this.#settings.isBroken(SETTING)) });
    }

    // -- playing ---------------------------------------------------------

    #send() {
        const text = this.#parts.text.value;
        const { steps, problem, word } = parseMacro(text);
        this.#tellProblem(problem, word);
        if (steps) {
            this.#play(this.#t('macros.unnamed'), steps);
        }
    }

    async #play(name, steps) {
        const { status, progress } = this.#parts;
        const tell = (text) => {
            progress.textContent = text;
            this.#announce(text);
        };
        status.hidden = false;
        this.#announce(this.#t('macros.playing', { name }));
        const whole = await this.#keys.play(steps, (index) => {
            progress.textContent = this.#t('macros.progress',
                { name, step: index + 1, steps: steps.length });
        });
        tell(this.#t(whole ? 'macros.played' : 'macros.stopped', { name }));
    }

    // -- keeping ---------------------------------------------------------

    #edit({ name, text }) {
        const parts = this.#parts;
        this.#edited = name;
        parts.name.value = name;
        parts.text.value = text;
        parts.remove.hidden = name === '';
        parts.naming.hidden = false;
        parts.keep.hidden = true;
        this.#tellProblem();
        parts.name.focus();
    }

    #save() {
        const { name, text } = this.#parts;
        const { macros, problem, word } = putMacro(this.#load().macros,
            { name: name.value, text: text.value }, this.#edited || null);
        this.#tellProblem(problem, word);
        if (macros) {
            this.#store(macros, 'macros.saved', name.value);
        }
    }

    #remove() {
        this.#store(removeMacro(this.#load().macros, this.#edited),
            'macros.removed', this.#edited);
    }

    #store(macros, done, name) {
        const lasts = this.#settings.set(SETTING, macros);
        this.refresh();
        this.#endEdit();
        const text = this.#t(lasts ? done : 'macros.notStored', { name });
        this.#parts.stored.textContent = text;
        this.#announce(text);
    }

    #endEdit() {
        const { naming, keep } = this.#parts;
        const hadFocus = naming.contains(this.#document.activeElement);
        this.#edited = null;
        naming.hidden = true;
        keep.hidden = false;
        this.#tellProblem();
        if (hadFocus) {
            keep.focus();
        }
    }

    // -- what the user sees ----------------------------------------------

    #tellProblem(problem = '', word = '') {
        const { text, name, problem: line } = this.#parts;
        line.textContent = problem && this.#t(`macros.problem.${problem}`,
            { word, max: OF_NAME.has(problem) ? MAX_NAME_CHARS :
                MAX_TEXT_CHARS });
        name.setAttribute('aria-invalid', OF_NAME.has(problem));
        text.setAttribute('aria-invalid',
            problem !== '' && !OF_NAME.has(problem));
        if (problem) {
            (OF_NAME.has(problem) ? name : text).focus();
        }
    }

    #item(macro) {
        const play = this.#button(macro.name, (event) => {
            this.#play(macro.name, parseMacro(macro.text).steps);
            this.#afterClick(event);
        });
        play.title = macro.text;
        play.className = 'macro';
        const edit = this.#button(this.#t('macros.edit'),
            () => this.#edit(macro));
        edit.setAttribute('aria-label',
            this.#t('macros.editNamed', { name: macro.name }));
        return build(this.#document, 'li', {}, play, edit);
    }

    // -- making and wiring -----------------------------------------------

    #listen() {
        const { form, stop, status } = this.#parts;
        form.addEventListener('submit', (event) => {
            event.preventDefault();
            if (this.#edited === null) {
                this.#send();
            } else {
                this.#save();
            }
        });
        this.#keys.addEventListener('change', () => {
            stop.hidden = !this.#keys.playing;
        });
        stop.addEventListener('click', () => {
            this.#keys.cancel();
            status.focus({ preventScroll: true });
        });
    }

    #button(text, onClick, properties = {}) {
        const button = build(this.#document, 'button',
            { type: 'button', textContent: text, ...properties });
        button.addEventListener('click', onClick);
        return button;
    }

    #input(id, maxLength) {
        return build(this.#document, 'input', { type: 'text', id, maxLength,
            autocomplete: 'off', spellcheck: false, autocapitalize: 'off',
            'aria-describedby': 'macro-problem' });
    }

    #build() {
        const make = (...parts) => build(this.#document, ...parts);
        const t = this.#t;
        const progress = make('span', { id: 'macro-progress' });
        const stop = this.#button(t('macros.stop'), () => {},
            { id: 'macro-stop', hidden: true });
        return {
            progress, stop,
            status: make('p', { id: 'macro-status', tabIndex: -1,
                hidden: true }, progress, stop),
            form: make('form', { id: 'macro-form', noValidate: true }),
            text: this.#input('macro-text', MAX_TEXT_CHARS),
            name: this.#input('macro-name', MAX_NAME_CHARS),
            naming: make('div', { id: 'macro-naming', hidden: true }),
            send: make('button', { type: 'button', id: 'macro-send',
                textContent: t('macros.send') }),
            keep: this.#button(t('macros.keep'), () => this.#edit(
                { name: '', text: this.#parts.text.value }),
            { id: 'macro-keep' }),
            remove: this.#button(t('macros.remove'), () => this.#remove(),
                { id: 'macro-remove' }),
            problem: make('p', { id: 'macro-problem', className: 'warning',
                role: 'alert' }),
            list: make('ul', { id: 'macro-list' }),
            stored: make('p', { id: 'macro-stored', className: 'quiet' }),
        };
    }

    #place() {
        const make = (...parts) => build(this.#document, ...parts);
        const parts = this.#parts;
        const t = this.#t;
        parts.send.addEventListener('click', () => this.#send());
        parts.naming.append(
            make('label', { htmlFor: parts.name.id,
                textContent: t('macros.name') }), parts.name,
            make('div', { className: 'key-row' },
                make('button', { type: 'submit', id: 'macro-save',
                    textContent: t('macros.save') }),
                this.#button(t('macros.cancel'), () => this.#endEdit(),
                    { id: 'macro-cancel' }),
                parts.remove));
        parts.form.append(
            make('label', { htmlFor: parts.text.id,
                textContent: t('macros.keys') }), parts.text,
            make('p', { className: 'quiet',
                textContent: t('macros.example') }),
            parts.problem,
            make('div', { className: 'key-row' }, parts.send, parts.keep),
            parts.naming);
        return make('div', {}, parts.list, parts.form, parts.stored);
    }
}
