// SPDX-License-Identifier: Apache-2.0
// Reads the proxy's answer to "why?" and to "what may I do?". Pure; proxy.js
// does the asking.
//
// A page sees neither the HTTP status of a WebSocket that failed nor the
// headers of one that works, so the proxy answers the same URL without an
// upgrade with the same verdict, as JSON.

import { cleanName } from './messages.js';

// {kind: 'ok', readOnly, node: {uuid, name}, endpoint, limits: {length,
// idle}}, or {kind: 'refused', status, reason, retryAfter, canTakeOver}, or
// {kind: 'unreachable', status}: an answer, but not of our proxy (a gateway
// before it, a login page).
//
// Names are clean texts, '' when the proxy does not tell; limits are seconds,
// 0 when there is none.
//
// body: text; retryAfter: value of the header, or null.
export function readVerdict(status, body, retryAfter) {
    const answer = parse(body);
    if (status === 200 && answer?.status === 'ok') {
        return { kind: 'ok', readOnly: answer.read_only === true,
            node: { uuid: cleanName(answer.node?.uuid),
                name: cleanName(answer.node?.name) },
            endpoint: cleanName(answer.kind),
            limits: { length: limit(answer.session?.max_length),
                idle: limit(answer.session?.idle_timeout) } };
    }
    if (status >= 400 && answer?.status === 'refused') {
        return { kind: 'refused', status,
            reason: typeof answer.reason === 'string' ? answer.reason : '',
            retryAfter: seconds(retryAfter),
            canTakeOver: answer.can_take_over === true };
    }
    return { kind: 'unreachable', status };
}

function limit(seconds) {
    return Number.isFinite(seconds) && seconds > 0 ? seconds : 0;
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
