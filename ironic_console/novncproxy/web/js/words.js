// SPDX-License-Identifier: Apache-2.0
// The texts that tell a state to its reader. Pure; what a state is, is for
// state.js.

// Commands are not translated. NODE as in Ironic's own documentation.
const SHOW = 'openstack baremetal node console show';
const NEED_NEW_LINK = new Set(['link.missing', 'link.damaged',
    'link.foreign', 'end.denied', 'end.misunderstood', 'end.expired']);
// Ironic takes no other names; anything else could be more than one word to
// the shell that the command is pasted into.
const NODE = /^[A-Za-z0-9._~][A-Za-z0-9._~-]*$/;

// {title, message, advice, command, detail}: texts, each may be ''.
//
// t: see messages.js; node: name or UUID, or '' if it is not known.
export function describe(t, state, node) {
    const { words, said } = state;
    return {
        title: t(`${words}.title`),
        message: said || t(`${words}.message`),
        advice: t(`${words}.advice`),
        command: NEED_NEW_LINK.has(words) ?
            `${SHOW} ${NODE.test(node) ? node : 'NODE'}` : '',
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

function detail(t, { code, status, retryAfter }) {
    return [
        code ? t('detail.code', { code }) : '',
        status ? t('detail.status', { status }) : '',
        retryAfter === null ? '' :
            t('detail.retryAfter', { seconds: retryAfter }),
    ].filter(Boolean).join(' ');
}
