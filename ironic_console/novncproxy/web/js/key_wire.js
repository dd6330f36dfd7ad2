// SPDX-License-Identifier: Apache-2.0
// Sees on the WebSocket how key events leave the page. It changes nothing
// and reads no more than the kind of a message.
//
// noVNC does not tell whether the server takes QEMU extended key events, and
// without them some keys of some keyboards cannot be pressed. But the socket
// is ours, and the two kinds of messages look different (RFC 6143 section
// 7.5.4; rfbproto "QEMU Extended Key Event Message").

const KEY_EVENT = Object.freeze({ type: 4, length: 8 });
const QEMU_MESSAGE = Object.freeze({ type: 255, length: 12 });
const EXTENDED_KEY_EVENT = 0;
const OPEN = 1;  // WebSocket.readyState

export class KeyWire {
    #socket;
    #extended = null;

    // socket: a WebSocket that noVNC will send by.
    constructor(socket) {
        this.#socket = socket;
        const send = socket.send.bind(socket);
        socket.send = (data) => {
            this.#look(data);
            send(data);
        };
    }

    // Whether the last key event was an extended one; null: none was sent.
    get extended() {
        return this.#extended;
    }

    // Whether what is sent now has a way to go.
    get isOpen() {
        return this.#socket.readyState === OPEN;
    }

    // Bytes that the network has not taken yet.
    get unsent() {
        return this.#socket.bufferedAmount;
    }

    #look(data) {
        if (data.length === KEY_EVENT.length && data[0] === KEY_EVENT.type) {
            this.#extended = false;
        } else if (data.length === QEMU_MESSAGE.length &&
            data[0] === QEMU_MESSAGE.type && data[1] === EXTENDED_KEY_EVENT) {
            this.#extended = true;
        }
    }
}
