// SPDX-License-Identifier: Apache-2.0
// Asks the proxy what a page cannot see otherwise. What its answers mean is
// for verdict.js.

import { NO_ANSWER, readVerdict } from './verdict.js';
import { verdictUrl } from './url.js';

const VERDICT_TIMEOUT = 10000;  // milliseconds
const PING_TIMEOUT = 5000;
const OPTIONS = Object.freeze({ cache: 'no-store', redirect: 'error',
    referrerPolicy: 'no-referrer' });

// What the service says to a link: a verdict, never an error.
export async function askVerdict(pageUrl, link) {
    try {
        const answer = await fetch(verdictUrl(pageUrl, link),
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
    const begin = performance.now();
    try {
        const answer = await fetch(new URL('healthz', pageUrl), { ...OPTIONS,
            credentials: 'omit',
            signal: AbortSignal.timeout(PING_TIMEOUT) });
        await answer.text();
        return answer.ok ? performance.now() - begin : null;
    } catch {
        return null;
    }
}
