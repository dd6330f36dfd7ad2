// SPDX-License-Identifier: Apache-2.0
// The panel that tells about the session, and ends it. While it is open it
// measures how far the console service is.

import { build } from './build.js';

const REFRESH_INTERVAL = 1000;   // milliseconds
const MEASURE_INTERVAL = 10000;

export class SessionPanel {
    #document;
    #services;
    #list;
    #timers = [];

    // services: {session (see session.js), node, screen, measure(),
    // messages}. measure() asks the service, which tells the session.
    constructor(document, panel, services) {
        this.#document = document;
        this.#services = services;
        const { messages: t, screen } = services;
        this.#list = build(document, 'dl', { className: 'facts' });
        const disconnect = build(document, 'button', { type: 'button',
            id: 'disconnect', textContent: t('session.disconnect') });
        disconnect.addEventListener('click', () => screen.disconnect());
        panel.body.append(this.#list, disconnect);
        const show = () => {
            disconnect.hidden = !screen.connected;
            this.#show();
        };
        for (const type of ['connect', 'disconnect']) {
            screen.addEventListener(type, show);
        }
        show();
        panel.onOpen = () => this.#start();
        panel.onClose = () => this.#stop();
    }

    #start() {
        this.#show();
        this.#measure();
        this.#timers = [
            setInterval(() => this.#show(), REFRESH_INTERVAL),
            setInterval(() => this.#measure(), MEASURE_INTERVAL)];
    }

    #stop() {
        this.#timers.forEach(clearInterval);
        this.#timers = [];
    }

    async #measure() {
        if (this.#services.screen.connected) {
            await this.#services.measure();
            this.#show();
        }
    }

    #show() {
        const { session, node } = this.#services;
        const facts = session.facts(node, Date.now());
        // Most are as they were a second ago: only texts change then.
        if (facts.length !== this.#list.childElementCount) {
            this.#list.replaceChildren(...facts.map(() =>
                build(this.#document, 'div', {},
                    build(this.#document, 'dt'),
                    build(this.#document, 'dd'))));
        }
        facts.forEach(({ name, label, value }, index) => {
            const [term, text] = this.#list.children[index].children;
            text.id = `session-${name}`;
            setText(term, label);
            setText(text, value);
        });
    }
}

// Writing the same text again would end a selection of the user's.
function setText(element, text) {
    if (element.textContent !== text) {
        element.textContent = text;
    }
}
