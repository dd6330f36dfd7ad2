// SPDX-License-Identifier: Apache-2.0
// The fields of the paste panel and what it says about them. It plans and
// types nothing, see paste_panel.js.
//
// A password field shows nothing over a shoulder, but has one line. What was
// hidden once is never shown: leaving it empties it.

import { LAYOUTS } from '../layouts.js';
import { summary } from '../paste.js';
import { SPEEDS } from '../typist.js';
import { build } from './build.js';

const MAX_LISTED = 20;

export class PasteForm {
    #t;
    #make;
    #parts;

    // body: to build into; t: see messages.js; handlers: {onChange, onType,
    // onCancel}, called without arguments.
    constructor(document, body, t, handlers) {
        this.#t = t;
        this.#make = (...parts) => build(document, ...parts);
        this.#parts = this.#buildParts();
        this.#layOut(body);
        this.#listen(handlers);
    }

    // -- what the user chose ---------------------------------------------

    // With the Enter that was wished for.
    get text() {
        const { masked, secret, text, enter } = this.#parts;
        const typed = masked.checked ? secret.value : text.value;
        return typed && enter.checked ? `${typed}\n` : typed;
    }

    get layout() {
        return this.#parts.layout.value;
    }

    set layout(name) {
        this.#parts.layout.value = name;
    }

    get speed() {
        return this.#parts.speed.value;
    }

    set speed(name) {
        this.#parts.speed.value = name;
    }

    // Type what can be typed and leave out the rest.
    get skips() {
        return this.#parts.skip.checked;
    }

    // Forgets the text; undoing does not bring back what a script has set.
    clear() {
        const { text, secret, masked, skip, enter } = this.#parts;
        text.value = '';
        secret.value = '';
        skip.checked = false;
        enter.checked = false;
        masked.checked = false;
        this.showNone('');
        this.#showField();
    }

    focus() {
        const { masked, secret, text } = this.#parts;
        (masked.checked ? secret : text).focus({ preventScroll: true });
    }

    // -- what it says ----------------------------------------------------

    // plan: see paste.js; seconds: how long it takes.
    showPlan(plan, seconds) {
        const { preview, problem, problemText, unknown, type } =
            this.#parts;
        const { count, lines } = plan;
        preview.textContent = count === 0 ? '' : [
            this.#t('paste.count', { count }),
            lines > 0 ? this.#t('paste.enters', { count: lines }) : '',
            this.#duration(seconds)].filter(Boolean).join(' ');
        problem.hidden = plan.unknown.length === 0;
        problemText.textContent = this.#t('paste.unknown',
            { count: plan.unknown.length });
        unknown.replaceChildren(...problem.hidden ? [] :
            this.#list(plan.unknown));
        type.disabled = count === 0 ||
            (plan.unknown.length > 0 && !this.skips);
    }

    // There is no plan; text: why.
    showNone(text) {
        const { preview, problem, unknown, type } = this.#parts;
        preview.textContent = text;
        problem.hidden = true;
        unknown.replaceChildren();
        type.disabled = true;
    }

    // limited: the server can be sent the keys of a US keyboard only.
    showLimits(limited) {
        this.#parts.limited.hidden = !limited;
    }

    // While typing nothing can be changed, only cancelled.
    showBusy(busy) {
        const { fields, type, cancel, progress } = this.#parts;
        const cancels = fields.ownerDocument.activeElement === cancel;
        fields.disabled = busy;
        type.hidden = busy;
        cancel.hidden = !busy;
        progress.hidden = !busy;
        if (busy) {
            cancel.focus();
        } else if (cancels) {
            this.focus();
        }
    }

    showProgress(done, total) {
        this.#parts.progress.max = total;
        this.#parts.progress.value = done;
    }

    say(text) {
        this.#parts.said.textContent = text;
    }

    showReadOnly(readOnly) {
        this.#parts.readOnly.hidden = !readOnly;
        this.#parts.fields.hidden = readOnly;
    }

    // -- making and wiring -----------------------------------------------

    #duration(seconds) {
        if (seconds < 1) {
            return '';
        }
        return seconds < 90 ?
            this.#t('paste.seconds', { count: Math.ceil(seconds) }) :
            this.#t('paste.minutes', { count: Math.ceil(seconds / 60) });
    }

    // Of a password, places only.
    #list(unknown) {
        const masked = this.#parts.masked.checked;
        const found = masked ? unknown : summary(unknown);
        const items = found.slice(0, MAX_LISTED).map((entry) =>
            this.#make('li', masked ? { textContent:
                this.#t('paste.place', { column: entry.column }) } : {},
            ...masked ? [] : [
                this.#make('mark', { textContent: entry.char }),
                ` ${this.#t(entry.times > 1 ? 'paste.times' : 'paste.once',
                    entry)}`]));
        if (found.length > MAX_LISTED) {
            items.push(this.#make('li', { textContent: this.#t('paste.more',
                { count: found.length - MAX_LISTED }) }));
        }
        return items;
    }

    #listen({ onChange, onType, onCancel }) {
        const { fields, masked, type, cancel } = this.#parts;
        fields.addEventListener('input', ({ target }) => {
            if (target !== masked || this.#mask()) {
                onChange();
            }
        });
        fields.addEventListener('keydown', (event) => {
            if (event.key === 'Enter' && !event.isComposing &&
                event.target === this.#parts.secret && !type.disabled) {
                event.preventDefault();
                onType();
            }
        });
        type.addEventListener('click', onType);
        cancel.addEventListener('click', onCancel);
    }

    // Returns whether that was possible.
    #mask() {
        const { masked, text, secret } = this.#parts;
        if (masked.checked && /[\r\n]/.test(text.value)) {
            masked.checked = false;
            this.say(this.#t('paste.oneLine'));
            return false;
        }
        secret.value = masked.checked ? text.value : '';
        text.value = '';
        this.#showField();
        this.focus();
        return true;
    }

    #showField() {
        const { masked, text, secret } = this.#parts;
        text.hidden = masked.checked;
        secret.hidden = !masked.checked;
    }

    #buildParts() {
        const make = this.#make;
        const t = this.#t;
        const hold = { spellcheck: false, autocomplete: 'off',
            autocapitalize: 'off', 'aria-label': t('paste.text') };
        const select = (id, names, prefix) => make('select', { id },
            ...names.map((name) => make('option', { value: name,
                textContent: t(`${prefix}.${name}`) })));
        const check = (id) => make('input', { type: 'checkbox', id });
        const button = (id, key, more) => make('button', { type: 'button',
            id, textContent: t(key), ...more });
        return {
            fields: make('fieldset', { id: 'paste-fields',
                'aria-label': t('panel.paste') }),
            readOnly: make('p', { id: 'paste-read-only', hidden: true,
                textContent: t('paste.readOnly') }),
            text: make('textarea', { id: 'paste-text', rows: 4,
                placeholder: t('paste.placeholder'), ...hold }),
            secret: make('input', { id: 'paste-secret', type: 'password',
                hidden: true, ...hold }),
            masked: check('paste-masked'),
            enter: check('paste-enter'),
            skip: check('paste-skip'),
            layout: select('paste-layout', LAYOUTS, 'layout'),
            speed: select('paste-speed', Object.keys(SPEEDS), 'speed'),
            preview: make('p', { id: 'paste-preview' }),
            problem: make('div', { id: 'paste-problem', hidden: true }),
            problemText: make('p', { className: 'warning' }),
            unknown: make('ul', { id: 'paste-unknown' }),
            limited: make('p', { id: 'paste-limited', className: 'quiet',
                hidden: true, textContent: t('paste.limited') }),
            type: button('paste-type', 'paste.type', { disabled: true }),
            cancel: button('paste-cancel', 'paste.cancel', { hidden: true }),
            progress: make('progress', { id: 'paste-progress', hidden: true,
                'aria-label': t('paste.progress') }),
            said: make('p', { id: 'paste-said' }),
        };
    }

    #layOut(body) {
        const parts = this.#parts;
        const make = this.#make;
        const option = (input, key) => make('label',
            { className: 'option' }, input, this.#t(key));
        const choice = (input, key) => make('label', {},
            make('span', { textContent: this.#t(key) }), input);
        parts.problem.append(parts.problemText, parts.unknown,
            option(parts.skip, 'paste.skip'));
        parts.fields.append(parts.text, parts.secret,
            option(parts.masked, 'paste.masked'),
            option(parts.enter, 'paste.enter'),
            choice(parts.layout, 'paste.layout'),
            choice(parts.speed, 'paste.speed'),
            parts.preview, parts.problem, parts.limited);
        body.append(parts.readOnly, parts.fields,
            make('div', { id: 'paste-actions', className: 'row' },
                parts.type, parts.cancel, parts.progress),
            parts.said,
            make('p', { className: 'quiet',
                textContent: this.#t('paste.hint') }));
    }
}
