// SPDX-License-Identifier: Apache-2.0
// Wires address, connection, screen, view and panels together. Nothing is
// decided here: url.js says where to connect, state.js what has become of
// it, reconnect.js what may become of it yet.

import { Connection } from './connection.js';
import { KeySender } from './key_sender.js';
import { combination } from './keys.js';
import { cleanName, language, t } from './messages.js';
import { roundTrip } from './proxy.js';
import { Screen } from './screen.js';
import { Session } from './session.js';
import { Settings } from './settings.js';
import { initial, isOver } from './state.js';
import { takeLink } from './tab.js';
import { whereAndWhen } from './words.js';
import { ClipboardPanel } from './view/clipboard_panel.js';
import { fillLate } from './view/late_panel.js';
import { ScreenPanel } from './view/screen_panel.js';
import { SessionPanel } from './view/session_panel.js';
import { Stage } from './view/stage.js';
import { View } from './view/view.js';

const PANELS = { clipboard: ClipboardPanel, screen: ScreenPanel,
    session: SessionPanel };
// Literal paths: what is imported can be found by reading.
const LATE_PANELS = {
    keys: async () => (await import('./view/keys_panel.js')).KeysPanel,
    paste: async () => (await import('./view/paste_panel.js')).PastePanel,
};

const WARN_INTERVAL = 5000;  // milliseconds

const { link, problem } = takeLink(window);
const pageUrl = location.href;
// Of the names only what the service tells (uuid, name) is right for sure:
// title comes from the link, desktop from the far end. All are clean.
const node = { uuid: link?.node ?? '', name: '', title: link?.title ?? '',
    desktop: '' };

const screen = new Screen();
const session = new Session(t, navigator.language);
const keys = new KeySender(
    (keysym, code, down) => screen.sendKey(keysym, code, down),
    { isHurried: () => document.hidden });
const view = new View(document, {
    onRetry: () => connection.open(),
    onTakeOver: () => connection.takeOver(),
    onStop: () => connection.giveUp(),
    onCtrlAltDel: () => keys.press(combination('Ctrl+Alt+Del')),
    onFocusScreen: () => screen.focus(),
    onKey: (event) => keys.feed(event),
}, { t, language });
const stage = new Stage(document, view.screen, screen,
    t('screen.stopMoving'));
const connection = new Connection({ link, screen, pageUrl,
    element: stage.frame, listener: {
        onState: show,
        onWait: (seconds) => view.countDown(seconds),
        onVerdict: learn,
    } });

function show(state) {
    view.show(state, node.name || node.uuid, link && isOver(state) ?
        whereAndWhen(t, node.uuid, new Date()) : '');
}

function learn(verdict) {
    session.learn(verdict);
    if (verdict.kind === 'ok') {
        node.name = verdict.node.name;
        showName();
    }
}

async function measure() {
    session.measured(await roundTrip(pageUrl));
}

function showName() {
    view.showName(node.title || node.name || node.desktop, node.uuid);
}

function makePanels() {
    const services = { screen, stage, keys, node, session, measure,
        messages: t, settings: new Settings(() => localStorage),
        announce: (text) => view.announce(text) };
    const make = (name, Content) =>
        new Content(document, view.panel(name), services);
    for (const [name, Content] of Object.entries(PANELS)) {
        make(name, Content);
    }
    for (const [name, fetchClass] of Object.entries(LATE_PANELS)) {
        fillLate(view.panel(name), fetchClass,
            (Content) => make(name, Content), t('panel.missing'));
    }
}

function start() {
    makePanels();
    show(initial);
    if (problem) {
        connection.refuse(problem);
        return;
    }
    showName();
    screen.addEventListener('name', ({ detail }) => {
        node.desktop = cleanName(detail.name);
        showName();
    });
    screen.addEventListener('connect', () => {
        session.begin(Date.now());
        screen.focus();
        measure();
    });
    screen.addEventListener('disconnect', () => session.end());
    screen.addEventListener('keys-lost', () => keys.cancel());
    setInterval(() => view.warn(session.warning(Date.now())),
        WARN_INTERVAL);
    window.addEventListener('online', () => connection.hurry());
    connection.open();
}

start();
