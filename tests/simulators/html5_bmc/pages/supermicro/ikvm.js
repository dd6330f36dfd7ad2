// SPDX-License-Identifier: Apache-2.0
// The console: its first message is the token that came with the page.

import { openConsole, say, texts } from '/js/console.js';

const TOKEN_LENGTH = 24;
const USERS = 0x39;

function greet(socket) {
    const hello = new Uint8Array(2 * TOKEN_LENGTH);
    hello.set(new TextEncoder().encode(
        document.getElementById('entry_value').value));
    socket.send(hello);
}

function hear([kind, what], socket) {
    if (kind !== USERS) {
        return;
    }
    if (what) {
        say(texts.denied);
        return;
    }
    say(texts.in_use, {
        'ikvm-takeover': ['OK', () => {
            say(texts.asking);
            socket.send(Uint8Array.from([USERS, 1]));
        }],
        'ikvm-cancel': ['Cancel', () => socket.close()],
    });
}

openConsole({ path: '/', greet, hear });
