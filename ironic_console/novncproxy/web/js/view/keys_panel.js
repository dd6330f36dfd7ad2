// SPDX-License-Identifier: Apache-2.0
// The panel for keys that a browser keeps to itself or that a phone does not
// have. What a combination is, keys.js knows; key_sender.js presses it; the
// user's own ones are in macro_editor.js.

import { combination, findKey, modifiers } from '../keys.js';
import { build } from './build.js';
import { MacroEditor } from './macro_editor.js';
import { SysRqKeys } from './sysrq_keys.js';

// What firmware asks for while a server starts: the reason why most people
// come here, so it is first.
const SETUP = ['Esc', 'Del', 'F2', 'F10', 'F11', 'F12'];
const MOVING = ['Enter', 'Tab', 'Left', 'Up', 'Down', 'Right',
    'Space', 'Backspace', 'Home', 'End', 'PageUp', 'PageDown'];
const FUNCTION_KEYS = Array.from({ length: 12 }, (_, n) => `F${n + 1}`);
const BEFORE_FUNCTION_KEYS = ['', 'Alt+', 'Ctrl+Alt+'];
const COMBINATIONS = ['Win', 'Win+R', 'Win+X', 'Menu', 'Alt+Tab', 'Ctrl+C',
    'Ctrl+D', 'Ctrl+Z', 'Print', 'Alt+Print', 'Ins', 'ScrollLock', 'Pause',
    'Ctrl+Pause'];

export class KeysPanel {
    #document;
    #panel;
    #screen;
    #keys;
    #t;
    #announce;
    #parts;
    #macros;

    // services: see main.js.
    constructor(document, panel, services) {
        this.#document = document;
        this.#panel = panel;
        this.#screen = services.screen;
        this.#keys = services.keys;
        this.#t = services.messages;
        this.#announce = services.announce;
        const label = (text) => this.#label(text);
        const press = (text, event) => this.#press(text, event);
        this.#macros = new MacroEditor(document, services,
            (event) => this.#afterClick(event));
        this.#parts = this.#build(
            new SysRqKeys(document, { t: this.#t, label, press }));
        panel.body.append(this.#parts.readOnly, this.#parts.all);
        panel.onOpen = () => this.#macros.refresh();
        this.#listen();
        this.#show();
    }

    // -- what the user asks for ------------------------------------------

    #press(text, event) {
        this.#keys.press(combination(text));
        this.#afterClick(event);
    }

    #toggle(modifier, event) {
        this.#keys.toggle(modifier);
        const state = this.#keys.stateOf(modifier);
        this.#announce(this.#t(`keys.${state}`,
            { key: this.#label(modifier.name) }));
        this.#afterClick(event);
    }

    #releaseAll() {
        this.#keys.unstick();
        this.#announce(this.#t('keys.released'));
    }

    // Who points goes on with the screen; who came by keyboard stays here,
    // where the next button is.
    #afterClick(event) {
        if (event.detail > 0) {
            this.#screen.focus();
        }
    }

    // -- what the user sees ----------------------------------------------

    #label(text) {
        return combination(text)
            .map(({ name }) => this.#t(`key.${name}`) || name).join('+');
    }

    #show() {
        const { all, readOnly, held, sticky } = this.#parts;
        all.disabled = this.#screen.readOnly;
        readOnly.hidden = !this.#screen.readOnly;
        const lines = [];
        const names = [];
        for (const [modifier, button] of sticky) {
            const state = this.#keys.stateOf(modifier);
            button.dataset.state = state;
            button.setAttribute('aria-pressed', state !== 'off');
            if (state !== 'off') {
                const key = this.#label(modifier.name);
                names.push(key);
                lines.push(this.#t(`keys.${state}`, { key }));
            }
        }
        held.textContent = lines.join(' ');
        // Also while the panel is closed: clicks are others then.
        this.#panel.button.textContent = names.length > 0 ?
            this.#t('keys.held', { keys: names.join('+') }) :
            this.#t('panel.keys');
    }

    // The same twelve buttons, with what is to be held before them.
    #showFunctionKeys(before) {
        for (const button of this.#parts.functionKeys) {
            const text = before + button.textContent;
            button.dataset.keys = text;
            button.setAttribute('aria-label', this.#label(text));
        }
    }

    // -- making and wiring -----------------------------------------------

    #listen() {
        const show = () => this.#show();
        this.#keys.addEventListener('change', show);
        for (const type of ['connect', 'disconnect', 'rights']) {
            this.#screen.addEventListener(type, show);
        }
    }

    #build(sysRq) {
        const t = this.#t;
        const make = (...parts) => build(this.#document, ...parts);
        const sticky = modifiers.map((modifier) => [modifier,
            make('button', { type: 'button', 'data-hold': modifier.name,
                textContent: this.#label(modifier.name) })]);
        for (const [modifier, button] of sticky) {
            button.addEventListener('click',
                (event) => this.#toggle(modifier, event));
        }
        const held = make('p', { id: 'keys-held', className: 'quiet' });
        const release = make('button', { type: 'button', id: 'release-keys',
            textContent: t('keys.release'), title: t('keys.releaseTitle') });
        release.addEventListener('click', () => this.#releaseAll());
        const functionKeys = FUNCTION_KEYS.map((key) => this.#button(key));
        const all = make('fieldset', { id: 'all-keys' },
            make('legend', { className: 'unseen',
                textContent: t('panel.keys') }),
            this.#group('setup', this.#grid(SETUP)),
            this.#group('moving', this.#grid(MOVING)),
            this.#group('hold', make('div', { className: 'key-row' },
                ...sticky.map(([, button]) => button)),
            make('div', { className: 'key-row' }, held, release)),
            this.#group('function', this.#choiceBefore(),
                make('div', { className: 'key-grid' }, ...functionKeys)),
            this.#group('combinations', make('div',
                { className: 'key-row' },
                ...COMBINATIONS.map((text) => this.#button(text)))),
            this.#group('own', this.#macros.element),
            this.#group('sysrq', sysRq.element),
            this.#macros.status);
        return { all, sticky, held, functionKeys,
            readOnly: make('p', { id: 'keys-read-only', hidden: true,
                textContent: t('keys.readOnly') }) };
    }

    #group(name, ...children) {
        const heading = build(this.#document, 'h3', {
            id: `keys-${name}-title`, textContent: this.#t(`keys.${name}`) });
        return build(this.#document, 'div', { id: `keys-${name}`,
            role: 'group', 'aria-labelledby': heading.id }, heading,
        ...children);
    }

    #grid(names) {
        return build(this.#document, 'div', { className: 'key-grid' },
            ...names.map((text) => this.#button(text)));
    }

    #button(text) {
        const button = build(this.#document, 'button', { type: 'button',
            'data-keys': text, textContent: this.#label(text) });
        // What an arrow is called.
        const name = this.#t(`keyName.${findKey(text)?.name}`);
        if (name) {
            button.setAttribute('aria-label', name);
            button.title = name;
        }
        button.addEventListener('click',
            (event) => this.#press(button.dataset.keys, event));
        return button;
    }

    #choiceBefore() {
        const choices = BEFORE_FUNCTION_KEYS.map((before) => {
            const radio = build(this.#document, 'input', { type: 'radio',
                name: 'before', value: before, checked: before === '' });
            radio.addEventListener('change',
                () => this.#showFunctionKeys(before));
            return build(this.#document, 'label', {}, radio,
                before ? `${this.#label(before.slice(0, -1))}+` :
                    this.#t('keys.alone'));
        });
        return build(this.#document, 'div', { className: 'key-row',
            id: 'keys-before', role: 'radiogroup',
            'aria-label': this.#t('keys.before') }, ...choices);
    }
}
