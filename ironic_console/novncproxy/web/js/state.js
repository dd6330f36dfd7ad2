// SPDX-License-Identifier: Apache-2.0
// What the page is in, as one function: next(state, event). Pure; the texts
// for a state are made by words.js.
//
//     starting ──▶ connecting ──▶ connected ──▶ closed
//         │            │  ▲                       │
//         ▼            ▼  └───── another try ─────┤
//       failed ◀───────┴──────────────────────────┘
//
// `failed` never showed a screen, `closed` did. A state is
//
//     phase       one of the five above
//     words       which texts tell it: a key of messages, without `.title`
//     said        what the far end said in place of our message, clean;
//                 may be ''
//     code        WebSocket close code, or 0
//     status      HTTP status of the proxy's answer, or 0
//     retryAfter  seconds that the proxy asks us to wait, or null
//     canRetry    whether trying again can help
//     canTakeOver somebody else has the console, and may be sent away
//     waiting     another attempt is due, by itself (reconnect.js)
//     again       this is one of those attempts, or its end that nobody has
//                 decided about yet
//     opened      the WebSocket was open once in this attempt
//     ask         the proxy should be asked why (an `answer` event follows)
//     told        the far end said why itself; nothing knows better
//     readOnly    the user may look and nothing else; known a moment after
//                 the screen, and kept by the proxy, not by this page

import { cleanReason } from './messages.js';
import { recognise } from './said.js';

// WebSocket close codes: RFC 6455 section 7.4.1 and the IANA registry. Those
// from 4000 on are the proxy's own words, made from HTTP's status codes; from
// 4500 on about the server's console.
const CLOSE_CODES = new Map([
    [1000, 'end.ended'],
    [1001, 'end.restarting'],
    [1002, 'end.protocol'],
    [1003, 'end.protocol'],
    [1005, 'end.ended'],
    [1006, 'end.lost'],
    [1007, 'end.protocol'],
    [1008, 'end.expired'],
    [1009, 'end.tooLarge'],
    [1011, 'end.broken'],
    [1012, 'end.restarting'],
    [1013, 'end.busy'],
    [1014, 'end.endpoint'],
    [4409, 'end.takenOver'],
    [4423, 'end.inUse'],
    [4502, 'end.endpoint'],
    [4503, 'end.endpoint'],
    [4504, 'end.endpoint'],
]);
// The same attempt would end in the same way.
const FINAL_CODES = new Set([1002, 1003, 1007, 1008, 1010]);
// The browser's own codes for "no code came" (RFC 6455 section 7.4.1).
const NO_STATUS = 1005;
const LOST = 1006;
// Sentences of the service (said.js) for which we have words of our own,
// with better advice than what fits all that its close code can mean.
const BETTER_WORDS = Object.freeze({ badLink: 'end.denied',
    revoked: 'end.disabled', idle: 'end.idle', tooLong: 'end.tooLong',
    stalled: 'end.stalled', changed: 'end.changed',
    readOnly: 'end.readOnly', inUse: 'end.inUse',
    takenOver: 'end.takenOver' });
// Final by their close code, but the same link may well do once more.
const NOT_FINAL = new Set(['end.idle', 'end.stalled']);
const LINK_PROBLEMS = new Set(['missing', 'damaged', 'foreign']);

export const initial = make('starting', 'phase.starting');

// events: {type, ...}; unknown or untimely ones change nothing.
export function next(state, event) {
    return Object.hasOwn(reactions, event.type) ?
        reactions[event.type](state, event) : state;
}

// No attempt is going on; another may be due.
export function isOver(state) {
    return state.phase === 'closed' || state.phase === 'failed';
}

const reactions = {
    // The address carries no usable link; problem: see url.js.
    'link-refused': (state, { problem }) => make('failed',
        `link.${LINK_PROBLEMS.has(problem) ? problem : 'damaged'}`),

    // noVNC did not load.
    'client-missing': () => make('failed', 'end.clientMissing'),

    // again: not by the user.
    'connect': (state, { again = false }) => make('connecting',
        again ? 'phase.reconnecting' : 'phase.connecting', { again }),

    'socket-open': (state) =>
        state.phase === 'connecting' ?
            make('connecting', state.words,
                { opened: true, again: state.again }) : state,

    'rfb-connect': (state) =>
        state.phase === 'connecting' ?
            make('connected', 'phase.connected', { opened: true }) : state,

    // The proxy refuses inside RFB; reason may be undefined.
    'security-failure': (state, { reason }) =>
        end(state, 'end.endpoint', { said: cleanReason(reason),
            canRetry: true, told: Boolean(cleanReason(reason)) }),

    'credentials-required': (state) =>
        end(state, 'end.credentials', { told: true }),

    // noVNC gave up by itself (clean: false), or follows the socket.
    'rfb-disconnect': (state, { clean }) => clean ?
        closed(state, NO_STATUS, '') :
        end(state, 'end.garbled', { canRetry: true }),

    'socket-close': (state, { code, reason }) => {
        if (isOver(state)) {
            return refine(state, code, reason);
        }
        // A refusal before the upgrade looks like a lost network from here.
        return state.phase === 'connecting' && !state.opened ?
            make('connecting', 'phase.asking',
                { ask: true, again: state.again }) :
            closed(state, code, reason);
    },

    // Why it failed; verdict: see verdict.js.
    'answer': (state, { verdict }) => state.ask ? judge(state, verdict) :
        state,

    // What the user may do; likewise. Not to know it changes nothing.
    'rights': (state, { verdict }) =>
        state.phase === 'connected' && verdict.kind === 'ok' ?
            make('connected', 'phase.connected',
                { opened: true, readOnly: verdict.readOnly }) : state,

    // Another attempt is due; the words stay those of what went wrong.
    'wait': (state) => isOver(state) && state.canRetry ?
        make(state.phase, state.words,
            { ...state, waiting: true, again: false }) : state,

    // No more attempts by itself.
    'give-up': (state) => {
        const over = end(state, 'end.ended', { canRetry: true });
        return make(over.phase, over.words,
            { ...over, waiting: false, again: false });
    },
};

function judge(state, verdict) {
    if (verdict.kind === 'ok') {
        return end(state, 'end.blocked', { canRetry: true });
    }
    const { status, reason, retryAfter = null, canTakeOver = false } =
        verdict;
    const rest = { status, retryAfter, said: cleanReason(reason) };
    if (verdict.kind !== 'refused') {
        return end(state, status ? 'end.misplaced' : 'end.unreachable',
            { ...rest, canRetry: true });
    }
    if (status === 423) {
        return end(state, canTakeOver ? 'end.takeOver' : 'end.inUse',
            { ...rest, said: '', canRetry: true, canTakeOver });
    }
    if (status >= 500 || status === 429) {
        return end(state, 'end.busy', { ...rest, canRetry: true });
    }
    if (recognise(rest.said).name === 'badLink') {
        rest.said = '';
    }
    return end(state, status === 403 ? 'end.denied' : 'end.misunderstood',
        rest);
}

function closed(state, code, reason) {
    const { words, said } = wordsFor(code, cleanReason(reason));
    return end(state, words, { code, said, canRetry: canHelp(code, words) });
}

// noVNC's own verdict comes before the close frame, which says more.
function refine(state, code, reason) {
    if (state.code || code === LOST || code === NO_STATUS) {
        return state;
    }
    const sentence = cleanReason(reason);
    const { words, said } = state.told || !sentence ? state :
        wordsFor(code, sentence);
    return make(state.phase, words, { ...state, words, said, code,
        canRetry: state.canRetry && canHelp(code, words) });
}

function wordsFor(code, said) {
    const words = BETTER_WORDS[recognise(said).name];
    return words ? { words, said: '' } :
        { words: CLOSE_CODES.get(code) ?? 'end.unknown', said };
}

function canHelp(code, words) {
    return !FINAL_CODES.has(code) || NOT_FINAL.has(words);
}

function end(state, words, rest) {
    if (isOver(state)) {
        return state;
    }
    return make(state.phase === 'connected' ? 'closed' : 'failed', words,
        { again: state.again, ...rest });
}

function make(phase, words, rest = {}) {
    return Object.freeze({ phase, words, said: '', code: 0, status: 0,
        retryAfter: null, canRetry: false, canTakeOver: false, waiting: false, again: false,
        opened: false, ask: false, told: false, readOnly: false, ...rest });
}
