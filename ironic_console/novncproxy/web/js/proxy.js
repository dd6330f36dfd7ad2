// SPDX-License-Identifier: Apache-2.0
// Asks the proxy what a page cannot see otherwise. What its answers mean is
// for verdict.js.

import { NO_ANSWER, readVerdict } from './verdict.js';
import { verdictUrl } from './url.js';

const VERDICT_TIMEOUT = 10000;  // milliseconds
const PING_TIMEOUT = 5000;
const OPTIONS = Object.freeze({ cache: 'no-store', redirect: 'error',
    referrerPolicy: 'no-referrer' });

// What the service says to a link: a verdict, never an error. held: see
// url.js.
export async function askVerdict(pageUrl, link, held = false) {
    try {
        const answer = await fetch(verdictUrl(pageUrl, link, held),
            { ...OPTIONS, signal: AbortSignal.timeout(VERDICT_TIMEOUT) });
        return readVerdict(answer.status, await answer.text(),
            answer.headers.get('Retry-After'));
    } catch {
        return NO_ANSWER;
    }
}

// Milliseconds to the service and back, or null. The way from there to the
// server's console is not in it.
export async function roundTrip(pageUrl) {
    const signal = AbortSignal.timeout(PING_TIMEOUT);
    try {
        // The first opens a connection, which the second finds open.
        await ping(pageUrl, signal);
        const begin = performance.now();
        return await ping(pageUrl, signal) ? performance.now() - begin : null;
    } catch {
        return null;
    }
}

async function ping(pageUrl, signal) {
    const answer = await fetch(new URL('healthz', pageUrl),
        { ...OPTIONS, signal });
    await answer.text();
    return answer.ok;
}
