// SPDX-License-Identifier: Apache-2.0
// Measures the line to the console service. What that means for the picture
// is for quality.js.

// The largest file of the page: about 30 kB on its way. Fetched anew, because
// the browser has kept it.
const SAMPLE = new URL('../novnc/core/rfb.js', import.meta.url);
const TIMEOUT = 20;     // seconds

// {bytes, seconds}: so many came in so much time; null without an answer.
export async function measureLine() {
    try {
        const answer = await fetch(SAMPLE, { cache: 'no-store',
            redirect: 'error', referrerPolicy: 'no-referrer',
            signal: AbortSignal.timeout(TIMEOUT * 1000) });
        // From here on, so that what the service took does not count.
        const began = performance.now();
        const body = await answer.arrayBuffer();
        const seconds = (performance.now() - began) / 1000;
        // The body is unpacked already; its length on the line is not.
        const bytes = Number(answer.headers.get('Content-Length')) ||
            body.byteLength;
        return answer.ok ? { bytes, seconds } : null;
    } catch {
        return null;
    }
}
