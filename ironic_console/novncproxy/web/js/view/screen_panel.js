// SPDX-License-Identifier: Apache-2.0
// The panel for how the screen looks: its size here and there, full screen,
// screenshots, quality and pointer.

import { measureLine } from '../line.js';
import { AUTOMATIC, LEVELS, QualityControl } from '../quality.js';
import { screenshotName } from '../screenshot.js';
import { aBoolean } from '../settings.js';
import { FIT, readScale, SCALES, scaleText } from '../zoom.js';
import { build } from './build.js';
import { FullScreen } from './full_screen.js';

// How long a server may take to change the size of its screen, milliseconds.
const RESIZE_PATIENCE = 4000;
// A browser may read a download a while after the click.
const DOWNLOAD_PATIENCE = 60_000;

export class ScreenPanel {
    #document;
    #panel;
    #screen;
    #settings;
    #stage;
    #node;
    #t;
    #announce;
    #quality;
    #fullScreen;
    #parts;
    #resizing = null;

    // services: see main.js; stage: see stage.js.
    constructor(document, panel, services) {
        this.#document = document;
        this.#panel = panel;
        this.#screen = services.screen;
        this.#settings = services.settings;
        this.#stage = services.stage;
        this.#node = services.node;
        this.#t = services.messages;
        this.#announce = services.announce;
        this.#quality = new QualityControl(this.#screen, this.#settings,
            measureLine, () => performance.now() / 1000);
        this.#fullScreen = new FullScreen(document,
            this.#t('screen.showBar'));
        this.#screen.scale = this.#settings.get('scale',
            (value) => readScale(value) ?? undefined, FIT);
        this.#screen.dotCursor =
            this.#settings.get('dotCursor', aBoolean, false);
        this.#parts = this.#build();
        this.#listen();
        this.#show();
    }

    // -- what the user asks for ------------------------------------------

    #zoom(scale) {
        this.#screen.scale = scale;
        this.#settings.set('scale', scale);
    }

    #showDot(on) {
        this.#screen.dotCursor = on;
        this.#settings.set('dotCursor', on);
    }

    async #toggleFullScreen() {
        if (this.#fullScreen.active) {
            await this.#fullScreen.leave();
        } else if (await this.#fullScreen.enter()) {
            this.#panel.close();
            this.#screen.focus();
        } else {
            this.#say(this.#t('screen.fullScreenRefused'));
        }
    }

    async #save() {
        const date = new Date();
        const picture = await this.#screen.picture();
        if (!picture) {
            this.#say(this.#t('screen.notSaved'));
            return;
        }
        const { name, title, uuid } = this.#node;
        const file = screenshotName(name || title, uuid, date);
        const url = URL.createObjectURL(picture);
        build(this.#document, 'a', { href: url, download: file }).click();
        setTimeout(() => URL.revokeObjectURL(url), DOWNLOAD_PATIENCE);
        this.#say(this.#t('screen.saved', { file }));
    }

    // noVNC does not tell whether a server can change the size of its
    // screen; that it does is the only answer.
    #follow(on) {
        clearTimeout(this.#resizing);
        this.#screen.remoteResize = on;
        if (on && !this.#fits()) {
            this.#say(this.#t('screen.followAsked'));
            this.#resizing = setTimeout(() => this.#checkFollowing(),
                RESIZE_PATIENCE);
        } else {
            this.#say('');
        }
    }

    #checkFollowing() {
        if (this.#screen.connected && !this.#fits()) {
            this.#screen.remoteResize = false;
            this.#say(this.#t('screen.followRefused'));
        }
    }

    // The server's screen is as large as the window.
    #fits() {
        const { size } = this.#screen;
        const { width, height } = this.#stage.frame.getBoundingClientRect();
        return size?.width === Math.floor(width) &&
            size?.height === Math.floor(height);
    }

    // -- what the user sees ----------------------------------------------

    #say(text) {
        this.#parts.said.textContent = text;
        this.#announce(text);
    }

    #show() {
        const { readOnly, remoteResize, scale, size } = this.#screen;
        const parts = this.#parts;
        const t = this.#t;
        parts.shown.textContent = size ? t('screen.shown', { ...size,
            scale: scaleText(this.#stage.shown) }) : '';
        for (const radio of parts.scales) {
            radio.checked = readScale(radio.value) ===
                (remoteResize ? FIT : scale);
            radio.disabled = remoteResize;
        }
        parts.move.hidden = !this.#stage.overflows;
        parts.follow.checked = remoteResize;
        parts.follow.disabled = readOnly;
        parts.followReadOnly.hidden = !readOnly;
        parts.dot.checked = this.#screen.dotCursor;
        this.#showFullScreen();
        this.#showQuality();
    }

    #showFullScreen() {
        const { available, active, takesEscape } = this.#fullScreen;
        const { fullScreen, fullScreenHint } = this.#parts;
        fullScreen.disabled = !available;
        fullScreen.textContent =
            this.#t(active ? 'screen.leaveFullScreen' : 'screen.fullScreen');
        fullScreenHint.textContent = this.#t(!available ?
            'screen.fullScreenForbidden' : takesEscape ?
                'screen.fullScreenHoldEscape' : 'screen.fullScreenHint');
    }

    #showQuality() {
        const { choice, level } = this.#quality;
        const { quality } = this.#parts;
        quality.value = choice;
        quality.options[0].textContent = choice === AUTOMATIC ?
            this.#t('screen.automaticNow',
                { level: this.#t(`screen.${level}`) }) :
            this.#t('screen.automatic');
    }

    // -- making and wiring -----------------------------------------------

    #listen() {
        const { parts, screen } = { parts: this.#parts,
            screen: this.#screen };
        for (const radio of parts.scales) {
            radio.addEventListener('change',
                () => this.#zoom(readScale(radio.value)));
        }
        parts.move.addEventListener('click', () => {
            this.#panel.close();
            this.#stage.moving = true;
        });
        parts.fullScreen.addEventListener('click',
            () => this.#toggleFullScreen());
        parts.save.addEventListener('click', () => this.#save());
        parts.follow.addEventListener('change',
            () => this.#follow(parts.follow.checked));
        parts.dot.addEventListener('change',
            () => this.#showDot(parts.dot.checked));
        parts.quality.addEventListener('change', () => {
            this.#quality.choice = parts.quality.value;
        });
        const show = () => this.#show();
        for (const type of ['connect', 'disconnect', 'resize', 'rights',
            'zoom']) {
            screen.addEventListener(type, show);
        }
        screen.addEventListener('resize', () => {
            if (this.#resizing !== null && this.#fits()) {
                clearTimeout(this.#resizing);
                this.#resizing = null;
                this.#say('');
            }
        });
        for (const one of [this.#stage, this.#fullScreen, this.#quality]) {
            one.addEventListener('change', show);
        }
        this.#panel.onClose = () => this.#say('');
    }

    #build() {
        const make = (...parts) => build(this.#document, ...parts);
        const button = (id, text) => make('button',
            { type: 'button', id, textContent: text });
        const t = this.#t;
        const parts = {
            shown: make('p', { id: 'shown', className: 'quiet' }),
            scales: SCALES.map((scale) => make('input', { type: 'radio',
                name: 'scale', id: `scale-${scale}`, value: scale })),
            move: button('move-view', t('screen.move')),
            fullScreen: button('full-screen', ''),
            fullScreenHint: make('p',
                { id: 'full-screen-hint', className: 'quiet' }),
            save: button('save-screenshot', t('screen.save')),
            follow: make('input', { type: 'checkbox', id: 'follow' }),
            followReadOnly: make('p', { className: 'quiet',
                textContent: t('screen.followReadOnly') }),
            dot: make('input', { type: 'checkbox', id: 'dot-cursor' }),
            quality: make('select', { id: 'quality' },
                ...[AUTOMATIC, ...Object.keys(LEVELS)].map((name) =>
                    make('option', { value: name,
                        textContent: t(`screen.${name}`) }))),
            said: make('p', { id: 'screen-said' }),
        };
        parts.fullScreen.setAttribute('aria-describedby',
            'full-screen-hint');
        this.#place(make, parts);
        return parts;
    }

    #place(make, parts) {
        const t = this.#t;
        const choices = parts.scales.map((radio) => make('label', {}, radio,
            make('span', { textContent: radio.value === FIT ?
                t('screen.fit') : `${radio.value}:1` })));
        const option = (input, text) => make('label',
            { className: 'option' }, input, make('span',
                { textContent: text }));
        this.#panel.body.append(
            make('fieldset', { id: 'scales' }, make('legend',
                { className: 'unseen', textContent: t('screen.scale') }),
            ...choices),
            parts.shown,
            make('div', { className: 'row' }, parts.fullScreen,
                parts.save, parts.move),
            parts.said, parts.fullScreenHint,
            make('label', { htmlFor: 'quality',
                textContent: t('screen.quality') }), parts.quality,
            option(parts.dot, t('screen.dot')),
            option(parts.follow, t('screen.follow')),
            parts.followReadOnly);
    }
}
