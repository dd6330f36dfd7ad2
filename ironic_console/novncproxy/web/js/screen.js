// SPDX-License-Identifier: Apache-2.0
// The server's screen: the only user of noVNC's RFB object, by its public
// API. It outlives connections; what the user wished for one holds for the
// next. It knows nothing of links, retries and panels.
//
// Events (CustomEvent, with these details):
//
//     connect       there is a picture, input is taken
//     disconnect    {clean}
//     name          {name}: the desktop's, as the far end sent it
//     refused       {reason}: the proxy's or endpoint's, may be undefined
//     credentials   the endpoint wants some, which we never have
//     clipboard     {text}: the far end's, as it sent it
//     resize        {width, height}: of the server's screen
//     data          {bytes}: of one message that came
//     zoom          scale or remoteResize is another one
//     rights        {readOnly}
//     keys-lost     input cannot be sent any more: what is held down is not

import { KeyWire } from './key_wire.js';

export class Screen extends EventTarget {
    #rfb = null;
    #wire = null;
    #element = null;
    #sizes = null;
    #connected = false;
    #readOnly = false;
    #scale = 'fit';
    #wishes = { resizeSession: false, showDotCursor: false, qualityLevel: 6,
        compressionLevel: 2 };

    // Begins a connection. RFB: noVNC's class; element: to draw into;
    // socket: a WebSocket that is still connecting.
    attach(RFB, element, socket) {
        this.#end(false);
        this.#wire = new KeyWire(socket);
        const rfb = new RFB(element, socket, { shared: true });
        this.#rfb = rfb;
        this.#element = element;
        this.#readOnly = false;
        rfb.background = 'transparent';
        rfb.scaleViewport = true;
        Object.assign(rfb, this.#wishes);
        this.#listen(rfb);
        socket.addEventListener('message', ({ data }) =>
            rfb === this.#rfb &&
                this.#tell('data', { bytes: data.byteLength }));
        this.#watchSize();
    }

    disconnect() {
        this.#rfb?.disconnect();
    }

    get connected() {
        return this.#connected;
    }

    get readOnly() {
        return this.#readOnly;
    }

    // A courtesy: the proxy keeps the rule.
    set readOnly(readOnly) {
        if (readOnly === this.#readOnly) {
            return;
        }
        if (readOnly) {
            this.#tell('keys-lost');
        }
        this.#readOnly = readOnly;
        if (this.#rfb) {
            this.#rfb.viewOnly = readOnly;
        }
        this.#tell('rights', { readOnly });
    }

    // Whether a key that is sent now has a way to go: the socket closes
    // before noVNC says so.
    get takesKeys() {
        return this.#connected && !this.#readOnly && this.#wire.isOpen;
    }

    // code: KeyboardEvent.code or null. Servers with QEMU's extended key
    // events get its scancode, others the keysym.
    sendKey(keysym, code, down) {
        if (this.#connected && !this.#readOnly) {
            this.#rfb.sendKey(keysym, code, down);
        }
    }

    // Whether the server takes scancodes; null before the first key event.
    get takesScancodes() {
        return this.#wire?.extended ?? null;
    }

    // Bytes that the network has not taken yet.
    get unsent() {
        return this.#wire?.unsent ?? 0;
    }

    pasteClipboard(text) {
        if (this.#connected && !this.#readOnly) {
            this.#rfb.clipboardPasteFrom(text);
        }
    }

    // noVNC's canvas, or null.
    get canvas() {
        return this.#element?.querySelector('canvas') ?? null;
    }

    // Of the server's screen in its own pixels, or null.
    get size() {
        const canvas = this.#connected ? this.canvas : null;
        return canvas && canvas.width && canvas.height ?
            { width: canvas.width, height: canvas.height } : null;
    }

    // What the server shows now, as a PNG file (a Blob), or null.
    async picture() {
        return !this.size ? null : new Promise((resolve) =>
            this.#rfb.toBlob(resolve, 'image/png'));
    }

    get scale() {
        return this.#scale;
    }

    // 'fit', or device pixels per pixel of the server: 1, 2, 3 ...
    set scale(scale) {
        this.#scale = scale;
        this.#tell('zoom');
    }

    get remoteResize() {
        return this.#wishes.resizeSession;
    }

    set remoteResize(on) {
        this.#wish('resizeSession', on);
        this.#tell('zoom');
    }

    get quality() {
        return this.#wishes.qualityLevel;
    }

    // 0 (worst) to 9.
    set quality(level) {
        this.#wish('qualityLevel', level);
    }

    get compression() {
        return this.#wishes.compressionLevel;
    }

    // 0 (none) to 9.
    set compression(level) {
        this.#wish('compressionLevel', level);
    }

    get dotCursor() {
        return this.#wishes.showDotCursor;
    }

    set dotCursor(on) {
        this.#wish('showDotCursor', on);
    }

    focus() {
        this.#rfb?.focus({ preventScroll: true });
    }

    blur() {
        this.#rfb?.blur();
    }

    #wish(name, value) {
        this.#wishes[name] = value;
        if (this.#rfb) {
            this.#rfb[name] = value;
        }
    }

    #listen(rfb) {
        // An earlier connection's late events are none of this one's.
        const on = (type, react) => rfb.addEventListener(type,
            ({ detail }) => rfb === this.#rfb && react(detail));
        on('connect', () => {
            this.#connected = true;
            this.#tell('connect');
            this.#tellSize();
        });
        on('disconnect', ({ clean }) => this.#end(clean));
        on('desktopname', ({ name }) => this.#tell('name', { name }));
        on('securityfailure', ({ reason }) =>
            this.#tell('refused', { reason }));
        on('credentialsrequired', () => this.#tell('credentials'));
        on('clipboard', ({ text }) => this.#tell('clipboard', { text }));
    }

    #end(clean) {
        if (!this.#rfb) {
            return;
        }
        this.#sizes?.disconnect();
        this.#rfb = null;
        this.#connected = false;
        this.#tell('keys-lost');
        this.#tell('disconnect', { clean });
    }

    // noVNC has no event for it; its canvas has.
    #watchSize() {
        this.#sizes = new MutationObserver(() => this.#tellSize());
        this.#sizes.observe(this.canvas,
            { attributeFilter: ['width', 'height'] });
    }

    #tellSize() {
        if (this.size) {
            this.#tell('resize', this.size);
        }
    }

    #tell(type, detail = {}) {
        this.dispatchEvent(new CustomEvent(type, { detail }));
    }
}
