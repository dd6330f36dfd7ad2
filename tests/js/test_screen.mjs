// SPDX-License-Identifier: Apache-2.0
// screen.js: one face for many connections, and no input that is not wanted.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Screen }
    from '../../ironic_console/novncproxy/web/js/screen.js';

const WEBSOCKET_OPEN = 1;

// As much of noVNC and of the DOM as is used.
class FakeRFB extends EventTarget {
    static made = [];
    calls = [];

    constructor(element, socket, options) {
        super();
        Object.assign(this, { element, socket, options });
        element.canvas = { width: 0, height: 0 };
        FakeRFB.made.push(this);
    }

    sendKey(...key) {
        this.calls.push(key);
    }

    clipboardPasteFrom(text) {
        this.calls.push(text);
    }

    disconnect() {
        this.tell('disconnect', { clean: true });
    }

    tell(type, detail = {}) {
        this.dispatchEvent(new CustomEvent(type, { detail }));
    }
}

globalThis.MutationObserver = class {
    observe() {}

    disconnect() {}
};

function make() {
    const screen = new Screen();
    const heard = [];
    for (const type of ['connect', 'disconnect', 'name', 'refused',
        'credentials', 'clipboard', 'resize', 'rights', 'keys-lost']) {
        screen.addEventListener(type,
            ({ detail }) => heard.push([type, detail]));
    }
    const attach = () => {
        const element = { canvas: null, querySelector() {
            return this.canvas;
        } };
        const socket = new EventTarget();
        socket.readyState = WEBSOCKET_OPEN;
        socket.send = () => {};
        screen.attach(FakeRFB, element, socket);
        return FakeRFB.made.at(-1);
    };
    return { screen, heard, attach };
}

const types = (heard) => heard.map(([type]) => type);

test('passes on what noVNC tells, with what it says', () => {
    const { heard, attach } = make();
    const rfb = attach();
    rfb.tell('connect');
    rfb.tell('desktopname', { name: 'n' });
    rfb.tell('clipboard', { text: 't' });
    rfb.tell('credentialsrequired', { types: [] });
    rfb.tell('securityfailure', { status: 1, reason: 'r' });
    rfb.tell('disconnect', { clean: false });
    assert.deepEqual(heard, [['connect', {}], ['name', { name: 'n' }],
        ['clipboard', { text: 't' }], ['credentials', {}],
        ['refused', { reason: 'r' }], ['keys-lost', {}],
        ['disconnect', { clean: false }]]);
});

test('sends input while connected, and at no other time', () => {
    const { screen, attach } = make();
    const rfb = attach();
    const send = () => {
        screen.sendKey(0x61, 'KeyA', true);
        screen.pasteClipboard('x');
    };
    send();
    assert.equal(screen.connected, false);
    rfb.tell('connect');
    send();
    screen.readOnly = true;
    send();
    screen.readOnly = false;
    rfb.tell('disconnect', { clean: true });
    send();
    assert.deepEqual(rfb.calls, [[0x61, 'KeyA', true], 'x']);
});

test('keys can be released before nothing is sent any more', () => {
    const { screen, attach } = make();
    const rfb = attach();
    rfb.tell('connect');
    screen.addEventListener('keys-lost',
        () => screen.sendKey(0x61, 'KeyA', false));
    screen.readOnly = true;
    assert.deepEqual(rfb.calls, [[0x61, 'KeyA', false]]);
    assert.equal(rfb.viewOnly, true);
});

test('a new connection may type until the service says otherwise', () => {
    const { screen, attach } = make();
    attach().tell('connect');
    screen.readOnly = true;
    attach().tell('connect');
    assert.equal(screen.readOnly, false);
});

test('an earlier connection has no say any more', () => {
    const { screen, heard, attach } = make();
    const old = attach();
    old.tell('connect');
    const rfb = attach();
    assert.deepEqual(types(heard), ['connect', 'keys-lost', 'disconnect']);
    old.tell('disconnect', { clean: false });
    old.tell('desktopname', { name: 'old' });
    assert.equal(heard.length, 3);
    rfb.tell('connect');
    assert.ok(screen.connected);
    old.tell('disconnect', { clean: false });
    assert.ok(screen.connected);
});

test('what was wished for holds for the next connection', () => {
    const { screen, attach } = make();
    screen.quality = 1;
    const rfb = attach();
    screen.compression = 9;
    screen.dotCursor = true;
    screen.remoteResize = true;
    for (const one of [rfb, attach()]) {
        assert.deepEqual([one.qualityLevel, one.compressionLevel,
            one.showDotCursor, one.resizeSession], [1, 9, true, true]);
        assert.equal(one.scaleViewport, true);
        assert.equal(one.options.shared, true);
    }
});

test('has a size while there is a picture', () => {
    const { screen, heard, attach } = make();
    assert.equal(screen.size, null);
    assert.equal(screen.canvas, null);
    const rfb = attach();
    Object.assign(rfb.element.canvas, { width: 1024, height: 768 });
    assert.equal(screen.size, null);
    rfb.tell('connect');
    assert.deepEqual(screen.size, { width: 1024, height: 768 });
    assert.deepEqual(heard.at(-1),
        ['resize', { width: 1024, height: 768 }]);
    rfb.tell('disconnect', { clean: true });
    assert.equal(screen.size, null);
});

test('can be asked for anything without a connection', async () => {
    const { screen } = make();
    screen.disconnect();
    screen.focus();
    screen.blur();
    screen.sendKey(1, null, true);
    assert.equal(await screen.picture(), null);
});
