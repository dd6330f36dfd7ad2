// SPDX-License-Identifier: Apache-2.0
// The console: one half of the ticket is in its URL, the other is its answer
// to the first message. It says goodbye, or its slot stays taken.

import { beQuiet, openConsole, say, texts } from '/js/console.js';

const DELL = 0xf7;
const HEARTBEAT = Uint8Array.of(DELL, 0, 0xf6);
const HEARTBEAT_INTERVAL = 20_000;
const GOODBYE = Uint8Array.of(DELL, 0, 0xf9);
const WISH = Uint8Array.of(DELL, 0, 0xa4);
const KEY_LENGTH = 32;

const query = new URLSearchParams(location.search);

function answerKeyRequest(socket) {
    const answer = new Uint8Array(2 + KEY_LENGTH);
    answer.set([DELL, 0xb3]);
    answer.set(new TextEncoder().encode(query.get('VCSID2')), 2);
    socket.send(answer);
}

function ask(socket) {
    say(`Confirm Session Sharing. ${texts.in_use}`, {
        'sharing-request': ['Request', () => {
            say(texts.asking);
            socket.send(WISH);
        }],
        'sharing-cancel': ['Cancel', () => socket.close()],
    });
}

function hear([, kind, value], socket) {
    switch (kind) {
    case 0xb3:
        answerKeyRequest(socket);
        break;
    case 0xa4:
        ask(socket);
        break;
    case 0xa6:
        if (value) {
            beQuiet();
        } else {
            say(texts.denied);
        }
        break;
    case 0xff:
        say(texts.limit);
        break;
    }
}

const socket = openConsole({
    host: `${query.get('ip')}:${query.get('kvmport')}`,
    path: `/vnc/vconsole?vck=${query.get('VCSID')}`,
    protocols: ['binary'],
    hear,
    leave: (leaving) => leaving.send(GOODBYE),
});
setInterval(() => {
    if (socket.readyState === WebSocket.OPEN) {
        socket.send(HEARTBEAT);
    }
}, HEARTBEAT_INTERVAL);
