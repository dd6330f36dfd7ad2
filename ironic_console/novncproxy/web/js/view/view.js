// SPDX-License-Identifier: Apache-2.0
// The shell of the page: bar, notice, and where screen and panels go. Shows
// states, reports what the user does. It decides nothing. Only the files of
// this folder, and noVNC, touch the DOM.
//
// Texts may come from a hostile far end (desktop names, reasons), so they
// enter by textContent and nowhere else. Browser tests read the phase from
// <html data-phase> and the rest from the ids in console.html.

import { describe, documentTitle } from '../words.js';
import { LeaveKeys } from '../leave.js';
import { isOver } from '../state.js';
import { Panels } from './panel.js';

const IDS = ['name', 'status', 'read-only', 'time-left', 'hint', 'controls',
    'ctrl-alt-del', 'panels', 'screen', 'notice', 'title', 'message', 'advice',
    'command', 'waiting', 'countdown', 'take-over', 'retry', 'stop',
    'detail', 'announcer'];
// They work on a live screen.
const LIVE_PANELS = ['keys', 'paste', 'clipboard', 'screen'];

export class View {
    #root;
    #parts;
    #t;
    #panels;

    // handlers: {onRetry, onTakeOver, onStop, onCtrlAltDel, onFocusScreen}, called
    // without arguments, and onKey(event) for what is typed into the screen,
    // before the server gets it; texts: {t, language}, see messages.js.
    constructor(document, handlers, { t, language }) {
        this.#root = document.documentElement;
        this.#t = t;
        this.#parts = Object.fromEntries(
            IDS.map((id) => [id, document.getElementById(id)]));
        this.#panels = new Panels(document, this.#parts.controls,
            this.#parts.panels, t);
        for (const name of [...LIVE_PANELS, 'session']) {
            this.#panels.add(name);
        }
        this.#root.lang = language;
        this.#label();
        this.#listen(handlers);
    }

    // The element that noVNC draws into.
    get screen() {
        return this.#parts.screen;
    }

    // name: keys, paste, clipboard, screen or session. See panel.js.
    panel(name) {
        return this.#panels.get(name);
    }

    // node: name or UUID, for commands; context: for whoever is asked for
    // help, follows the state's detail.
    show(state, node, context) {
        const parts = this.#parts;
        const texts = describe(this.#t, state, node);
        const over = isOver(state);
        const changed = this.#root.dataset.phase !== state.phase;
        this.#enable(state);
        setText(parts.status, texts.title);
        this.#showRights(state.readOnly);
        for (const id of ['title', 'message', 'advice']) {
            setText(parts[id], texts[id]);
        }
        setText(parts.command, texts.commands.join('\n'));
        parts.command.hidden = texts.commands.length === 0;
        setText(parts.detail,
            over ? `${texts.detail} ${context}`.trim() : '');
        this.#showWait(state);
        parts.retry.hidden = !state.canRetry;
        parts['take-over'].hidden = !state.canTakeOver;
        // Last, so that whoever waits for a phase finds its texts.
        this.#root.dataset.phase = state.phase;
        if (changed && over && !parts.notice.contains(
            this.#root.ownerDocument.activeElement)) {
            // Not the button: who was just typing would press it unseen.
            parts.title.focus();
        }
    }

    // Whole seconds until the next attempt.
    countDown(seconds) {
        setText(this.#parts.countdown,
            this.#t('notice.countdown', { seconds }));
    }

    // name: clean text; node: UUID, or ''.
    showName(name, node) {
        setText(this.#parts.name, name || node);
        this.#parts.name.title = node;
        this.#root.ownerDocument.title =
            documentTitle(this.#t, name || node);
    }

    // text: '' if there is nothing to warn of.
    warn(text) {
        setText(this.#parts['time-left'], text);
        this.#parts['time-left'].hidden = !text;
    }

    // For screen readers, when nothing else on the page says it.
    announce(text) {
        setText(this.#parts.announcer, text);
    }

    #enable(state) {
        const connected = state.phase === 'connected';
        this.#parts['ctrl-alt-del'].disabled = !connected || state.readOnly;
        for (const name of LIVE_PANELS) {
            this.#panels.get(name).enabled = connected;
        }
        // It passes the focus on to the picture. That swallows Tab, unless
        // the screen takes no input: then Shift+Tab has to lead out.
        this.#parts.screen.tabIndex = connected && !state.readOnly ? 0 : -1;
    }

    #showRights(readOnly) {
        const parts = this.#parts;
        parts['read-only'].hidden = !readOnly;
        // Written, because it is for writing that a live region speaks.
        setText(parts['read-only'], readOnly ? this.#t('bar.readOnly') : '');
        setText(parts.hint, readOnly ? '' : this.#t('bar.hint'));
        parts.screen.setAttribute('aria-label',
            this.#t(readOnly ? 'page.screenReadOnly' : 'page.screen'));
    }

    #showWait({ waiting, again }) {
        const parts = this.#parts;
        setText(parts.waiting, waiting ? this.#t('notice.waiting') : '');
        if (!waiting) {
            setText(parts.countdown, '');
        }
        setText(parts.retry,
            this.#t(waiting ? 'notice.tryNow' : 'notice.retry'));
        parts.stop.hidden = !waiting && !again;
    }

    #label() {
        const parts = this.#parts;
        parts.name.textContent = this.#t('page.title');
        parts['ctrl-alt-del'].textContent = this.#t('bar.ctrlAltDel');
        parts['ctrl-alt-del'].title = this.#t('bar.ctrlAltDelTitle');
        parts.controls.setAttribute('aria-label', this.#t('bar.controls'));
        parts['read-only'].title = this.#t('bar.readOnlyTitle');
        parts.stop.textContent = this.#t('notice.stop');
        parts['take-over'].textContent = this.#t('notice.takeOver');
    }

    #listen(handlers) {
        const { onRetry, onTakeOver, onStop, onCtrlAltDel, onFocusScreen } =
            handlers;
        const { screen, retry, stop, 'take-over': takeOver,
            'ctrl-alt-del': ctrlAltDel } = this.#parts;
        retry.addEventListener('click', onRetry);
        takeOver.addEventListener('click', onTakeOver);
        stop.addEventListener('click', onStop);
        ctrlAltDel.addEventListener('click', async () => {
            // What is typed meanwhile must not mix with it.
            await onCtrlAltDel();
            onFocusScreen();
        });
        // By Tab, or by a click beside the picture.
        screen.addEventListener('focus', onFocusScreen);
        screen.addEventListener('pointerdown',
            () => this.#panels.closeAll(), { capture: true });
        this.#listenToKeys(handlers.onKey);
    }

    #listenToKeys(onKey) {
        const { screen, controls } = this.#parts;
        const leave = new LeaveKeys();
        for (const type of ['keydown', 'keyup', 'blur']) {
            // While capturing, because noVNC stops the events it takes.
            screen.addEventListener(type, (event) => {
                onKey(event);
                if (type !== 'blur' && leave.feed(event)) {
                    controls.querySelector('button:enabled').focus();
                }
            }, { capture: true });
        }
    }
}

// A live region speaks again when it is written, even with the same text.
function setText(element, text) {
    if (element.textContent !== text) {
        element.textContent = text;
    }
}
