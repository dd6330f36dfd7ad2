// SPDX-License-Identifier: Apache-2.0
// Wires address, storage, noVNC and view together. Nothing is decided here:
// url.js says where to connect, state.js what to show.
//
// The WebSocket is made here and handed to noVNC, because noVNC's own events
// hide the close code and the reason.

import { bareUrl, checkLink, readSearch, socketUrl, verdictUrl }
    from './url.js';
import { NO_ANSWER, readVerdict } from './verdict.js';
import { initial, isOver, next } from './state.js';
import { cleanName, whereAndWhen } from './messages.js';
import { View } from './view.js';

const VERDICT_TIMEOUT = 10;  // seconds

let state = initial;
let rfb = null;
let attempts = 0;

const view = new View(document, {
    onRetry: () => connect(),
    onCtrlAltDel: () => rfb?.sendCtrlAltDel(),
    onFocusScreen: () => rfb?.focus(),
});

function tell(event) {
    state = next(state, event);
    view.show(state, link && isOver(state) ?
        whereAndWhen(link.node, new Date()) : '');
}

// Takes the link out of the address bar (and so out of history, bookmarks
// and screenshots) and keeps it for a reload of this tab.
function takeLink() {
    const key = `ironic-console:${location.pathname}`;
    let found = readSearch(location.search);
    if (location.search || location.hash) {
        history.replaceState(null, '', bareUrl(location.href));
    }
    // Storage may be forbidden, as in a frame of another site. The console
    // works then, a reload needs the link again.
    try {
        if (found.link) {
            sessionStorage.setItem(key, JSON.stringify(found.link));
        } else if (found.problem === 'missing') {
            const kept = sessionStorage.getItem(key);
            found = kept === null ? found : checkLink(JSON.parse(kept));
        }
    } catch (error) {
        console.warn(`The link cannot be kept for a reload: ${error.name}`);
    }
    return found;
}

const { link, problem } = takeLink();

async function start() {
    view.show(state, '');
    if (problem) {
        tell({ type: 'link-refused', problem });
        return;
    }
    view.showName(link.title, link.node);
    await connect();
}

async function connect() {
    tell({ type: 'connect' });
    try {
        // Not a static import: if noVNC is missing, the page still has words.
        const { default: RFB } = await import('../novnc/core/rfb.js');
        attempt(RFB);
    } catch (error) {
        console.error(`noVNC does not run: ${error.message}`);
        tell({ type: 'client-missing' });
    }
}

function attempt(RFB) {
    const number = ++attempts;
    let done = false;
    // After the close frame noVNC only repeats what we know, and an earlier
    // attempt's late events are none of this one's business.
    const report = (event) => {
        if (!done && number === attempts) {
            tell(event);
        }
    };
    const socket = new WebSocket(socketUrl(location.href, link));
    socket.binaryType = 'arraybuffer';
    // Before noVNC adds its own, so that the close code is known first.
    socket.addEventListener('open', () => report({ type: 'socket-open' }));
    socket.addEventListener('close', async ({ code, reason }) => {
        report({ type: 'socket-close', code, reason });
        done = true;
        if (number === attempts && state.ask) {
            tell({ type: 'answer', verdict: await askProxy() });
        }
    });
    try {
        rfb = attach(RFB, socket, report);
    } catch (error) {
        socket.close();
        throw error;
    }
}

function attach(RFB, socket, report) {
    const client = new RFB(view.screen, socket, { shared: true });
    client.scaleViewport = true;
    client.background = 'transparent';
    client.addEventListener('connect', () => {
        report({ type: 'rfb-connect' });
        client.focus();
        askRights(client, report);
    });
    client.addEventListener('desktopname', ({ detail }) => {
        view.showName(link.title || cleanName(detail.name), link.node);
    });
    client.addEventListener('securityfailure', ({ detail }) => {
        report({ type: 'security-failure', reason: detail.reason });
    });
    client.addEventListener('credentialsrequired', () => {
        report({ type: 'credentials-required' });
        client.disconnect();
    });
    client.addEventListener('disconnect', ({ detail }) => {
        report({ type: 'rfb-disconnect', clean: detail.clean });
    });
    return client;
}

// A courtesy: what a read-only session sends does not pass the proxy.
async function askRights(client, report) {
    report({ type: 'rights', verdict: await askProxy() });
    if (client === rfb && state.readOnly) {
        client.viewOnly = true;
    }
}

async function askProxy() {
    try {
        const answer = await fetch(verdictUrl(location.href, link), {
            cache: 'no-store', redirect: 'error',
            referrerPolicy: 'no-referrer',
            signal: AbortSignal.timeout(VERDICT_TIMEOUT * 1000),
        });
        return readVerdict(answer.status, await answer.text(),
            answer.headers.get('Retry-After'));
    } catch {
        return NO_ANSWER;
    }
}

start();
