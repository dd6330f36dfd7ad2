// SPDX-License-Identifier: Apache-2.0
// One attempt after the other to show a console: makes the WebSocket, hands
// it to the screen, and follows both. state.js says what that means,
// reconnect.js whether to try again; nothing is shown here.
//
// The WebSocket is made here and not by noVNC, whose events hide the close
// code and the reason.

import { BackOff, isWorthAnother } from './reconnect.js';
import { askVerdict } from './proxy.js';
import { initial, next } from './state.js';
import { socketUrl } from './url.js';

export class Connection {
    #pageUrl;
    #link;
    #screen;
    #element;
    #listener;
    #state = initial;
    // Ends what belongs to the present attempt, or to the wait for the next.
    #attempt = new AbortController();
    // Ends with the socket: what noVNC says after that only repeats it.
    #following = new AbortController();
    #backOff = new BackOff();
    #worked = false;
    #connectedAt = null;

    // link: see url.js; element: to draw into; listener: {onState(state),
    // onWait(seconds), onVerdict(verdict)}.
    constructor({ pageUrl, link, screen, element, listener }) {
        this.#pageUrl = pageUrl;
        this.#link = link;
        this.#screen = screen;
        this.#element = element;
        this.#listener = listener;
    }

    get state() {
        return this.#state;
    }

    // There is no link to open; problem: see url.js.
    refuse(problem) {
        this.#tell({ type: 'link-refused', problem });
    }

    // The user wants it now.
    open() {
        this.#backOff.reset();
        return this.#connect();
    }

    // As open(), and whoever uses the console now has to go. Once: attempts
    // that follow by themselves are polite again.
    takeOver() {
        this.#backOff.reset();
        return this.#connect(false, true);
    }

    // While it waits: as open(), but the row of attempts goes on.
    hurry() {
        return this.#state.waiting ? this.#connect(true) : undefined;
    }

    // No more attempts by itself.
    giveUp() {
        if (this.#state.waiting || this.#state.again) {
            this.#attempt.abort();
            this.#following.abort();
            this.#screen.disconnect();
            this.#tell({ type: 'give-up' });
        }
    }

    #tell(event) {
        const before = this.#state;
        this.#state = next(before, event);
        if (this.#state !== before) {
            this.#listener.onState(this.#state);
        }
    }

    async #connect(again = false, takeOver = false) {
        this.#attempt.abort();
        this.#attempt = new AbortController();
        const { signal } = this.#attempt;
        this.#tell({ type: 'connect', again });
        try {
            // Not a static import: if noVNC is missing, the page still has
            // words.
            const { default: RFB } = await import('../novnc/core/rfb.js');
            if (!signal.aborted) {
                this.#begin(RFB, signal, takeOver);
            }
        } catch (error) {
            console.error(`noVNC does not run: ${error.message}`);
            this.#tell({ type: 'client-missing' });
        }
    }

    #begin(RFB, signal, takeOver) {
        const socket = new WebSocket(
            socketUrl(this.#pageUrl, this.#link, takeOver));
        socket.binaryType = 'arraybuffer';
        // Before noVNC adds its own, so that the close code is known first.
        socket.addEventListener('open',
            () => this.#tell({ type: 'socket-open' }), { signal });
        socket.addEventListener('close',
            ({ code, reason }) => this.#closed(code, reason, signal),
            { signal });
        this.#followScreen();
        try {
            this.#screen.attach(RFB, this.#element, socket);
        } catch (error) {
            socket.close();
            throw error;
        }
    }

    #followScreen() {
        this.#following.abort();
        this.#following = new AbortController();
        const { signal } = this.#following;
        const on = (type, react) => this.#screen.addEventListener(type,
            ({ detail }) => react(detail), { signal });
        on('connect', () => {
            this.#worked = true;
            this.#connectedAt = now();
            this.#tell({ type: 'rfb-connect' });
            this.#askRights(this.#attempt.signal);
        });
        on('refused', ({ reason }) =>
            this.#tell({ type: 'security-failure', reason }));
        on('credentials', () => {
            this.#tell({ type: 'credentials-required' });
            this.#screen.disconnect();
        });
        on('disconnect', ({ clean }) =>
            this.#tell({ type: 'rfb-disconnect', clean }));
    }

    async #askRights(signal) {
        const verdict = await askVerdict(this.#pageUrl, this.#link, true);
        if (!signal.aborted) {
            this.#screen.readOnly = verdict.readOnly === true;
            this.#tell({ type: 'rights', verdict });
            this.#listener.onVerdict(verdict);
        }
    }

    async #closed(code, reason, signal) {
        this.#tell({ type: 'socket-close', code, reason });
        this.#following.abort();
        if (this.#connectedAt !== null) {
            this.#backOff.lasted(now() - this.#connectedAt);
            this.#connectedAt = null;
        }
        if (this.#state.ask) {
            const verdict = await askVerdict(this.#pageUrl, this.#link);
            if (signal.aborted) {
                return;
            }
            this.#tell({ type: 'answer', verdict });
        }
        this.#considerAnother();
    }

    #considerAnother() {
        const seconds = isWorthAnother(this.#state, this.#worked) ?
            this.#backOff.next(now(), this.#state.retryAfter) : null;
        if (seconds === null) {
            this.#tell({ type: 'give-up' });
            return;
        }
        this.#attempt.abort();
        this.#attempt = new AbortController();
        this.#tell({ type: 'wait' });
        this.#countDown(now() + seconds, this.#attempt.signal);
    }

    #countDown(end, signal) {
        const left = end - now();
        if (signal.aborted) {
            return;
        }
        if (left <= 0) {
            this.#connect(true);
            return;
        }
        this.#listener.onWait(Math.ceil(left));
        // Up to the next whole second.
        setTimeout(() => this.#countDown(end, signal),
            1000 * (left % 1 || 1));
    }
}

function now() {
    return performance.now() / 1000;
}
