// SPDX-License-Identifier: Apache-2.0
// The texts that tell a state to its reader. Pure; what a state is, is for
// state.js.

import { recognise, retell } from './said.js';

// Commands are not translated. NODE as in Ironic's own documentation.
const COMMAND = 'openstack baremetal node console';
const NEED_NEW_LINK = new Set(['link.missing', 'link.damaged',
    'link.foreign', 'end.denied', 'end.misunderstood', 'end.expired',
    'end.disabled', 'end.tooLong']);
const NEED_ENABLING = new Set(['end.disabled']);
// Ironic takes no other names; anything else could be more than one word to
// the shell that the command is pasted into.
const NODE = /^[A-Za-z0-9._~][A-Za-z0-9._~-]*$/;

// {title, message, advice, commands, detail}: texts, each may be '';
// commands: lines.
//
// t: see messages.js; node: name or UUID, or '' if it is not known.
export function describe(t, state, node) {
    const { words, said } = state;
    return {
        title: t(`${words}.title`),
        message: retell(t, said) || t(`${words}.message`),
        advice: t(`${words}.advice`),
        commands: commands(words, NODE.test(node) ? node : 'NODE'),
        detail: detail(t, state),
    };
}

// What an operator needs to find the log lines.
export function whereAndWhen(t, node, date) {
    const text = date.toISOString();
    return t('detail.where', { node,
        time: `${text.slice(0, 10)} ${text.slice(11, 19)}` });
}

export function documentTitle(t, name) {
    return name ? t('page.named', { name }) : t('page.title');
}

function commands(words, node) {
    return [
        NEED_ENABLING.has(words) ? `${COMMAND} enable ${node}` : '',
        NEED_NEW_LINK.has(words) ? `${COMMAND} show ${node}` : '',
    ].filter(Boolean);
}

function detail(t, { code, status, retryAfter, said }) {
    const { connection } = recognise(said);
    return [
        connection ? t('detail.connection', { connection }) : '',
        code ? t('detail.code', { code }) : '',
        status ? t('detail.status', { status }) : '',
        retryAfter === null ? '' :
            t('detail.retryAfter', { seconds: retryAfter }),
    ].filter(Boolean).join(' ');
}
