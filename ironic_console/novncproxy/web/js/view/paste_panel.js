// SPDX-License-Identifier: Apache-2.0
// The panel that types a text on the server's keyboard. The text is nowhere
// but in its field: not stored, not logged, gone once it was typed, when the
// panel closes and when the session ends. Ctrl+V in the screen stays the
// server's own.

import { LAYOUTS, load, suggest } from '../layouts.js';
import { countEvents, MAX_CHARS, plan } from '../paste.js';
import { oneOf } from '../settings.js';
import { SPEEDS, Typist } from '../typist.js';
import { PasteForm } from './paste_form.js';

const LAYOUT = 'paste-layout';
const SPEED = 'paste-speed';

export class PastePanel {
    #document;
    #panel;
    #services;
    #t;
    #form;
    #typist;
    #layout = null;
    #plan = null;

    // services: see main.js.
    constructor(document, panel, services) {
        this.#document = document;
        this.#panel = panel;
        this.#services = services;
        this.#t = services.messages;
        const { screen, settings } = services;
        this.#typist = new Typist({
            send: (keysym, code, down) => screen.sendKey(keysym, code, down),
            unsent: () => screen.unsent });
        this.#form = new PasteForm(document, panel.body, this.#t, {
            onChange: () => this.#change(), onType: () => this.#type(),
            onCancel: () => this.#typist.stop() });
        this.#form.layout = suggest(
            document.defaultView.navigator.languages,
            settings.get(LAYOUT, oneOf(...LAYOUTS), null));
        this.#form.speed = settings.get(
            SPEED, oneOf(...Object.keys(SPEEDS)), 'normal');
        this.#listen();
    }

    #listen() {
        const { screen, keys } = this.#services;
        this.#panel.onOpen = () => this.#open();
        // Also when the session ends: the panel is closed then.
        this.#panel.onClose = () => this.#close();
        screen.addEventListener('keys-lost', () =>
            this.#typist.stop('lost'));
        screen.addEventListener('rights', () =>
            this.#form.showReadOnly(screen.readOnly));
        this.#form.showReadOnly(screen.readOnly);
        // Timers of a hidden page are slow, and two who press keys at once
        // make other keys of them.
        const look = () => {
            if (this.#document.hidden || keys.playing) {
                this.#typist.pause();
            } else {
                this.#typist.resume();
            }
        };
        this.#document.addEventListener('visibilitychange', look);
        keys.addEventListener('change', look);
        look();
    }

    #open() {
        const { screen } = this.#services;
        if (screen.takesScancodes === null) {
            // Shift is up anyway; to say so shows how keys are sent.
            screen.sendKey(0xffe1, 'ShiftLeft', false);
        }
        this.#form.say('');
        this.#change();
        this.#form.focus();
    }

    #close() {
        this.#typist.stop(
            this.#services.screen.takesKeys ? 'cancelled' : 'lost');
        this.#plan = null;
        this.#form.clear();
        this.#form.say('');
    }

    async #change() {
        const { settings } = this.#services;
        const { layout, speed } = this.#form;
        this.#form.say('');
        if (this.#layout?.name !== layout) {
            this.#form.showNone('');
            const loaded = await this.#load(layout);
            if (layout !== this.#form.layout) {
                return;  // there was another change meanwhile
            }
            this.#layout = loaded;
        }
        settings.set(LAYOUT, layout);
        settings.set(SPEED, speed);
        this.#showPlan();
    }

    // {name, keys}, or null if that cannot be had.
    async #load(name) {
        try {
            return { name, keys: await load(name) };
        } catch (error) {
            console.error(`Layout ${name} is missing: ${error.message}`);
            return null;
        }
    }

    #showPlan() {
        const { text, layout, speed } = this.#form;
        const usOnly = this.#services.screen.takesScancodes === false;
        this.#plan = null;
        if (this.#layout?.name !== layout) {
            this.#form.showNone(this.#t('paste.layoutMissing'));
        } else if (text.length > MAX_CHARS) {
            this.#form.showNone(this.#t('paste.tooLong',
                { count: text.length, limit: MAX_CHARS }));
        } else {
            this.#plan = plan(text, this.#layout.keys, { usOnly });
            this.#form.showPlan(this.#plan, countEvents(this.#plan.strokes) *
                SPEEDS[speed] / 1000);
        }
        this.#form.showLimits(usOnly);
    }

    async #type() {
        const { announce, keys } = this.#services;
        if (!this.#plan || this.#typist.busy) {
            return;
        }
        const { strokes } = this.#plan;
        const gap = SPEEDS[this.#form.speed];
        // A modifier that is held would change every key.
        keys.cancel();
        this.#plan = null;
        this.#form.say('');
        this.#form.showBusy(true);
        announce(this.#t('paste.started'));
        const { outcome, done } = await this.#typist.type(strokes, { gap,
            onProgress: (count) =>
                this.#form.showProgress(count, strokes.length) });
        this.#form.clear();
        this.#form.showBusy(false);
        this.#showPlan();
        const said = this.#t(`paste.${outcome}`,
            { percent: Math.round(100 * done / strokes.length) });
        this.#form.say(said);
        announce(said);
    }
}
