// SPDX-License-Identifier: Apache-2.0
// What the page is in and says, as one function: next(state, event). Pure.
//
//     starting ──▶ connecting ──▶ connected ──▶ closed
//         │            │  ▲                       │
//         ▼            ▼  └────────── Try again ──┤
//       failed ◀───────┴──────────────────────────┘
//
// `failed` never showed a screen, `closed` did. A state is
//
//     phase     one of the five above
//     title     a few words
//     message   what happened, in sentences
//     advice    what to do next, may be ''
//     detail    for whoever is asked for help, may be ''
//     canRetry  whether trying again can help
//     opened    the WebSocket was open once in this attempt
//     ask       the proxy should be asked why (an `answer` event follows)
//     told      the far end said why itself; nothing knows better
//     readOnly  the user may look and nothing else; known a moment after
//               the screen, and kept by the proxy, not by this page

import { cleanReason, closeDetail, failures, forCloseCode, links, phases,
    statusDetail } from './messages.js';

// The same attempt would end in the same way.
const FINAL_CODES = new Set([1002, 1003, 1007, 1008, 1010]);
// The browser's own codes for "no code came" (RFC 6455 section 7.4.1).
const NO_STATUS = 1005;
const LOST = 1006;

export const initial = make('starting', phases.starting);

// events: {type, ...}; unknown or untimely ones change nothing.
export function next(state, event) {
    return Object.hasOwn(reactions, event.type) ?
        reactions[event.type](state, event) : state;
}

export function isOver(state) {
    return state.phase === 'closed' || state.phase === 'failed';
}

const reactions = {
    // The address carries no usable link; problem: a key of messages.links.
    'link-refused': (state, { problem }) =>
        make('failed', links[problem] ?? links.damaged),

    // noVNC did not load.
    'client-missing': () => make('failed', failures.clientMissing),

    'connect': () => make('connecting', phases.connecting),

    'socket-open': (state) =>
        state.phase === 'connecting' ?
            make('connecting', phases.connecting, { opened: true }) : state,

    'rfb-connect': (state) =>
        state.phase === 'connecting' ?
            make('connected', phases.connected, { opened: true }) : state,

    // The proxy refuses inside RFB; reason may be undefined.
    'security-failure': (state, { reason }) =>
        end(state, failures.endpoint,
            { reason, canRetry: true, told: Boolean(cleanReason(reason)) }),

    'credentials-required': (state) =>
        end(state, failures.credentials, { told: true }),

    // noVNC gave up by itself (clean: false), or follows the socket.
    'rfb-disconnect': (state, { clean }) => clean ?
        closed(state, NO_STATUS, '') :
        end(state, failures.garbled, { canRetry: true }),

    'socket-close': (state, { code, reason }) => {
        if (isOver(state)) {
            return refine(state, code, reason);
        }
        // A refusal before the upgrade looks like a lost network from here.
        return state.phase === 'connecting' && !state.opened ?
            make('connecting', phases.asking, { ask: true }) :
            closed(state, code, reason);
    },

    // Why it failed; verdict: see verdict.js.
    'answer': (state, { verdict }) => state.ask ? judge(state, verdict) :
        state,

    // What the user may do; likewise. Not to know it changes nothing.
    'rights': (state, { verdict }) =>
        state.phase === 'connected' && verdict.kind === 'ok' ?
            make('connected', phases.connected,
                { opened: true, readOnly: verdict.readOnly }) : state,
};

function judge(state, verdict) {
    if (verdict.kind === 'ok') {
        return end(state, failures.blocked, { canRetry: true });
    }
    const { status, reason, retryAfter = null } = verdict;
    const detail = status ? statusDetail(status, retryAfter) : '';
    if (verdict.kind !== 'refused') {
        return end(state, status ? failures.misplaced : failures.unreachable,
            { detail, canRetry: true });
    }
    if (status >= 500 || status === 429) {
        return end(state, failures.busy, { reason, detail, canRetry: true });
    }
    return end(state,
        status === 403 ? failures.denied : failures.misunderstood,
        { reason, detail });
}

function closed(state, code, reason) {
    return end(state, forCloseCode(code), { reason,
        detail: closeDetail(code), canRetry: !FINAL_CODES.has(code) });
}

// noVNC's own verdict comes before the close frame, which says more.
function refine(state, code, reason) {
    if (state.detail || code === LOST || code === NO_STATUS) {
        return state;
    }
    const sentence = cleanReason(reason);
    const words = state.told || !sentence ? state :
        { ...forCloseCode(code), message: sentence };
    return make(state.phase, words, { detail: closeDetail(code),
        canRetry: state.canRetry && !FINAL_CODES.has(code),
        told: state.told });
}

// A sentence from the far end replaces ours; the advice stays.
function end(state, words, { reason = '', ...rest } = {}) {
    if (isOver(state)) {
        return state;
    }
    const phase = state.phase === 'connected' ? 'closed' : 'failed';
    return make(phase, { ...words,
        message: cleanReason(reason) || words.message }, rest);
}

function make(phase, words, rest = {}) {
    return Object.freeze({ phase, title: words.title, message: words.message,
        advice: words.advice ?? '', detail: '', canRetry: false,
        opened: false, ask: false, told: false, readOnly: false,
        ...rest });
}
