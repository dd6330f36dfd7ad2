// SPDX-License-Identifier: Apache-2.0
// The console; its greeting is that of the old protocol in binary frames.

import { beQuiet, openConsole, say, texts } from '/js/console.js';
import { useForm } from '/js/form.js';

const CONSOLE = [0x01, 0x20];
const SEIZE = [0x55, 0x00];
const container = document.getElementById('videoContainer');
const form = document.getElementById('login-form');

function sessionKey() {
    return document.cookie.match(/(?:^|; )sessionKey=(\w+)/)?.[1] ?? '';
}

function hear([status], socket) {
    switch (status) {
    case 0x50:
        socket.send(Uint8Array.from(
            [...CONSOLE, ...new TextEncoder().encode(sessionKey())]));
        break;
    case 0x51:
        say(texts.asked ? texts.denied : texts.expired);
        break;
    case 0x53:
        say(texts.in_use, {
            'busy-acquire': ['Acquire', () => {
                texts.asked = true;
                say(texts.asking);
                socket.send(Uint8Array.from(SEIZE));
            }],
            'busy-cancel': ['Cancel', () => socket.close()],
        });
        break;
    case 0x57:
        say(texts.licence);
        break;
    default:
        beQuiet();
    }
}

function show() {
    form.hidden = true;
    container.hidden = false;
    openConsole({ path: '/wss/ircport', hear });
}

if (document.body.dataset.session) {
    show();
} else {
    useForm(show);
}
