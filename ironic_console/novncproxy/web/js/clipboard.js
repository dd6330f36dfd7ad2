// SPDX-License-Identifier: Apache-2.0
// What may pass between the two clipboards, and the last text of the server.
// Pure: touches neither the browser's clipboard nor storage; whether anything
// moves at all is for the user, in view/clipboard_panel.js.

// A clipboard is for texts, not for files: more than this is a mistake, and
// the endpoint's VNC server would have to hold it.
export const MAX_CLIPBOARD_BYTES = 256 * 1024;

const LATIN_1 = /^[\u0000-\u00ff]*$/;

// Checks a text before it is sent: {text, lossy} or {problem}, which is
// 'empty' or 'too-long'.
//
// lossy: it has characters that servers without the extended clipboard get
// as '?', because RFB's own clipboard is ISO 8859-1 (RFC 6143 section 7.5.6).
export function checkOutgoing(text) {
    if (text === '') {
        return { problem: 'empty' };
    }
    if (isTooLong(text)) {
        return { problem: 'too-long' };
    }
    // RFB knows the line feed only; noVNC makes CR LF of it where the
    // extended clipboard wants that.
    return { text: text.replace(/\r\n?/g, '\n'),
        lossy: !LATIN_1.test(text) };
}

// The last text that the server announced, and nothing before it.
export class ServerClipboard {
    #text = '';
    #tooLong = false;

    receive(text) {
        this.#tooLong = isTooLong(text);
        this.#text = this.#tooLong ? '' : text;
    }

    forget() {
        this.receive('');
    }

    get text() {
        return this.#text;
    }

    // A text came, but it was not kept.
    get tooLong() {
        return this.#tooLong;
    }

    // There is nothing to tell about.
    get isEmpty() {
        return this.#text === '' && !this.#tooLong;
    }
}

function isTooLong(text) {
    // A code unit is at least one byte, so most of it need not be encoded.
    return text.length > MAX_CLIPBOARD_BYTES ||
        new TextEncoder().encode(text).length > MAX_CLIPBOARD_BYTES;
}
