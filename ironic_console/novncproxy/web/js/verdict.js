// SPDX-License-Identifier: Apache-2.0
// Reads the proxy's answer to "why?" and to "what may I do?". Pure; main.js
// does the asking.
//
// A page sees neither the HTTP status of a WebSocket that failed nor the
// headers of one that works, so the proxy answers the same URL without an
// upgrade with the same verdict, as JSON.

// {kind: 'ok', readOnly}, or {kind: 'refused', status, reason, retryAfter},
// or {kind: 'unreachable', status}: an answer, but not of our proxy (a
// gateway before it, a login page).
//
// body: text; retryAfter: value of the header, or null.
export function readVerdict(status, body, retryAfter) {
    const answer = parse(body);
    if (status === 200 && answer?.status === 'ok') {
        return { kind: 'ok', readOnly: answer.read_only === true };
    }
    if (status >= 400 && answer?.status === 'refused') {
        return { kind: 'refused', status,
            reason: typeof answer.reason === 'string' ? answer.reason : '',
            retryAfter: seconds(retryAfter) };
    }
    return { kind: 'unreachable', status };
}

// No answer at all.
export const NO_ANSWER = Object.freeze({ kind: 'unreachable', status: 0 });

function parse(body) {
    try {
        return JSON.parse(body);
    } catch {
        return null;
    }
}

// Retry-After may be a date as well (RFC 9110 section 10.2.3); our proxy
// sends seconds only.
function seconds(text) {
    return /^\d{1,5}$/.test(text ?? '') ? Number(text) : null;
}
