// SPDX-License-Identifier: Apache-2.0
// key_wire.js: the socket shows in which of two ways keys are sent.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { KeyWire } from '../../ironic_console/novncproxy/web/js/key_wire.js';

// As noVNC sends them.
const KEY = Uint8Array.of(4, 1, 0, 0, 0, 0, 0, 0x61);
const EXTENDED = Uint8Array.of(255, 0, 0, 1, 0, 0, 0, 0x61, 0, 0, 0, 30);

function wired() {
    const sent = [];
    const socket = { bufferedAmount: 0, readyState: 1,
        send: (data) => sent.push(data) };
    return { sent, socket, wire: new KeyWire(socket) };
}

test('knows nothing before the first key', () => {
    const { socket, wire } = wired();
    socket.send(new TextEncoder().encode('RFB 003.008\n'));
    socket.send(Uint8Array.of(1));
    assert.equal(wire.extended, null);
});

test('tells the two kinds of key events apart', () => {
    const { socket, wire } = wired();
    socket.send(KEY);
    assert.equal(wire.extended, false);
    socket.send(EXTENDED);
    assert.equal(wire.extended, true);
});

test('is not misled by other messages', () => {
    const { socket, wire } = wired();
    // PointerEvent; SetEncodings as long as a key event; QEMU audio; an
    // answer to a VncAuth challenge; text.
    for (const message of [Uint8Array.of(5, 0, 0, 0, 0, 0),
        Uint8Array.of(2, 0, 0, 1, 0, 0, 0, 0),
        Uint8Array.of(255, 1, 0, 2, 3, 2, 0, 0, 0xac, 0x44, 0, 0),
        new Uint8Array(16).fill(4), 'text']) {
        socket.send(message);
        assert.equal(wire.extended, null);
    }
});

test('sends everything unchanged', () => {
    const { sent, socket } = wired();
    socket.send(KEY);
    socket.send('text');
    assert.deepEqual(sent, [KEY, 'text']);
    assert.equal(sent[0], KEY);
});

test('knows when the socket has closed', () => {
    const { socket, wire } = wired();
    assert(wire.isOpen);
    socket.readyState = 2;
    assert(!wire.isOpen);
});

test('tells what the network has not taken', () => {
    const { socket, wire } = wired();
    socket.bufferedAmount = 17;
    assert.equal(wire.unsent, 17);
});
