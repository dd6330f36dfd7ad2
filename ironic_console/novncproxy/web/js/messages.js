// SPDX-License-Identifier: Apache-2.0
// Every text that the page shows, and the cleaning of texts that come from
// elsewhere. It decides nothing: which text is shown when is for state.js.

const NEW_LINK = 'For a new link: openstack baremetal node console show NODE';
const TELL_OPERATOR = 'If trying again does not help, give your operator ' +
    'the line below.';
const MAX_REASON_CHARS = 300;
const MAX_NAME_CHARS = 100;

export const labels = Object.freeze({
    page: 'Console',
    screen: 'Screen of the server. Press and release Ctrl+Alt+Shift to ' +
        'leave it.',
    screenReadOnly: 'Screen of the server. You can look, but not type.',
    toolbar: 'Console controls',
    ctrlAltDel: 'Ctrl-Alt-Del',
    ctrlAltDelTitle: 'Send Ctrl-Alt-Del to the server',
    retry: 'Try again',
    hint: 'Ctrl+Alt+Shift leaves the screen',
    readOnly: 'Read-only',
    readOnlyTitle: 'Nothing that you type or click reaches the server',
});

// What each phase says while nothing is wrong.
export const phases = Object.freeze({
    starting: { title: 'Starting', message: '' },
    connecting: { title: 'Connecting',
        message: "Connecting to the server's console." },
    asking: { title: 'Connecting',
        message: 'The connection was refused. Asking the console service ' +
            'why.' },
    connected: { title: 'Connected', message: '' },
});

// What is wrong with a link; keys are the problems that url.js names.
export const links = Object.freeze({
    missing: { title: 'No console link',
        message: 'This page was opened without a link to a console, or in ' +
            'another tab than the one that the link was opened in.',
        advice: NEW_LINK },
    damaged: { title: 'Damaged console link',
        message: 'The link is incomplete or was changed. Was it cut when ' +
            'it was copied?',
        advice: 'Copy the whole link again. ' + NEW_LINK },
    foreign: { title: 'Not a link of this service',
        message: 'The link leads to another place than this console ' +
            'service, so it was not followed.',
        advice: 'Ask whoever gave you the link. ' + NEW_LINK },
});

// Failures that have no WebSocket close code.
export const failures = Object.freeze({
    clientMissing: { title: 'This page is incomplete',
        message: 'A part of this page, noVNC, could not be loaded or does ' +
            'not run in this browser.',
        advice: 'Reload the page, or use a current browser. If that does ' +
            'not help, tell your operator that noVNC is missing.' },
    credentials: { title: 'The console asks for a password',
        message: "The server's console wants credentials which a browser " +
            'never sends.',
        advice: 'Tell your operator: the console is not set up right.' },
    garbled: { title: 'The console is not understood',
        message: "The server's console sent something that this page does " +
            'not understand.',
        advice: TELL_OPERATOR },
    endpoint: { title: "The server's console is not available",
        message: "The server's console cannot be used at the moment.",
        advice: 'Try again in a moment. ' + TELL_OPERATOR },
    unreachable: { title: 'The console service cannot be reached',
        message: 'The console service does not answer.',
        advice: 'Check your network, then try again. ' + TELL_OPERATOR },
    misplaced: { title: 'The console service cannot be reached',
        message: 'Something else answered in its place: a gateway before ' +
            'it, or a login page.',
        advice: 'Reload the page. ' + TELL_OPERATOR },
    blocked: { title: 'The connection is blocked on its way',
        message: 'The console service answers and your link is good, but ' +
            'no WebSocket connection can be opened. A proxy or firewall ' +
            'between here and there may block it.',
        advice: TELL_OPERATOR },
    denied: { title: 'No access to this console',
        message: 'This link does not open a console, or it has expired.',
        advice: '' },
    misunderstood: { title: 'The link was not understood',
        message: 'The console service did not understand the link.',
        advice: NEW_LINK },
    busy: { title: 'The console service is busy',
        message: 'Consoles are not available at the moment. Try again in ' +
            'a few seconds.',
        advice: '' },
});

const MISUNDERSTANDING = { title: 'The connection was not understood',
    message: 'The console service and this page did not understand each ' +
        'other.',
    advice: 'Reload the page. If that does not help, give your operator ' +
        'the line below.' };
const ENDED = { title: 'Console closed',
    message: 'The console was closed.', advice: '' };
const RESTARTING = { title: 'The console service is restarting',
    message: 'The console service stopped or is restarting.',
    advice: 'Try again in a few seconds.' };

// WebSocket close codes: RFC 6455 section 7.4.1 and the IANA registry. Those
// from 4500 on are the proxy's own words about the server's console, made from
// HTTP's 502, 503 and 504.
const closeCodes = new Map([
    [1000, ENDED],
    [1001, RESTARTING],
    [1002, MISUNDERSTANDING],
    [1003, MISUNDERSTANDING],
    [1005, ENDED],
    [1006, { title: 'Connection lost',
        message: 'The connection to the console service was lost without ' +
            'a word. This is usually the network.',
        advice: 'Check your network, then try again.' }],
    [1007, MISUNDERSTANDING],
    [1008, { title: 'Session ended',
        message: 'The console service ended this session.',
        advice: NEW_LINK }],
    [1009, { title: 'Too much at once',
        message: 'The connection was closed because a message was too ' +
            'large.',
        advice: '' }],
    [1011, { title: 'The console failed',
        message: 'The console failed unexpectedly.',
        advice: TELL_OPERATOR }],
    [1012, RESTARTING],
    [1013, failures.busy],
    [1014, failures.endpoint],
    [4502, failures.endpoint],
    [4503, failures.endpoint],
    [4504, failures.endpoint],
]);

const UNKNOWN_CLOSE = { title: 'Console closed',
    message: 'The console service closed the connection.',
    advice: TELL_OPERATOR };

// Words for a close code; every number has some.
export function forCloseCode(code) {
    return closeCodes.get(code) ?? UNKNOWN_CLOSE;
}

export function closeDetail(code) {
    return `Closed with code ${code}.`;
}

export function statusDetail(status, retryAfter) {
    const text = `Answered with HTTP status ${status}.`;
    return retryAfter === null ? text :
        `${text} Wait ${retryAfter} s before the next try.`;
}

// What an operator needs to find the log lines.
export function whereAndWhen(node, date) {
    const text = date.toISOString();
    return `Node ${node}, ${text.slice(0, 10)} ${text.slice(11, 19)} UTC.`;
}

export function documentTitle(name) {
    return name ? `${name} - ${labels.page}` : labels.page;
}

// A sentence of the service, or of the endpoint behind it.
export function cleanReason(text) {
    return clean(text, MAX_REASON_CHARS);
}

// A desktop name, or the title that Horizon appends to a console URL.
export function cleanName(text) {
    return clean(text, MAX_NAME_CHARS);
}

// textContent keeps mark-up harmless. What is left are characters which
// make a text look like another one: line breaks, invisible characters and
// changes of direction (\p{C} holds all of these).
function clean(text, maxChars) {
    if (typeof text !== 'string') {
        return '';
    }
    const chars = [...text.slice(0, 4 * maxChars)
        .replace(/[\p{C}\p{Z}]+/gu, ' ').trim()];
    return chars.length <= maxChars ? chars.join('') :
        chars.slice(0, maxChars - 1).join('') + '…';
}
