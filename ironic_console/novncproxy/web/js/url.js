// SPDX-License-Identifier: Apache-2.0
// What an address says and where the page connects to. Pure: no DOM, no
// network.
//
// A console URL is {page}?path=websockify%3Fnode%3DUUID%26token%3DTICKET.
// The form is noVNC's, where `path` (and host, port, encrypt, ...) choose
// the server: with it a link below our own origin could show somebody else's
// screen and collect what is typed there. So nothing but the node and the
// ticket is ever taken from an address, and the place to connect to is
// always the one that served the page.

import { cleanName } from './messages.js';

const ENDPOINT_NAME = 'websockify';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
// Tickets are base64url parts joined by dots, raw tokens base64url; 1024 is
// the proxy's limit.
const TICKET = /^[A-Za-z0-9._~=-]{1,1024}$/;
// Far above any good link; keeps odd ones from costing time.
const MAX_SEARCH_CHARS = 8192;

// Reads the query of the page's address: {link: {node, ticket, title}} or
// {problem}, which is a key of messages.links.
export function readSearch(search) {
    if (search.length > MAX_SEARCH_CHARS) {
        return { problem: 'damaged' };
    }
    const params = new URLSearchParams(search);
    const paths = params.getAll('path');
    if (paths.length === 0) {
        return { problem: 'missing' };
    }
    if (paths.length > 1) {
        return { problem: 'damaged' };
    }
    const mark = paths[0].indexOf('?');
    const name = mark < 0 ? paths[0] : paths[0].slice(0, mark);
    if (name !== ENDPOINT_NAME && name !== `/${ENDPOINT_NAME}`) {
        return { problem: 'foreign' };
    }
    if (mark < 0) {
        return { problem: 'damaged' };
    }
    const query = new URLSearchParams(paths[0].slice(mark + 1));
    return checkLink({ node: only(query, 'node'),
        ticket: only(query, 'token'), title: params.get('title') });
}

// Checks the parts of a link, from an address or out of storage.
export function checkLink(parts) {
    const { node, ticket, title } = parts ?? {};
    if (typeof node !== 'string' || !UUID.test(node) ||
        typeof ticket !== 'string' || !TICKET.test(ticket)) {
        return { problem: 'damaged' };
    }
    return { link: { node: node.toLowerCase(), ticket,
        title: cleanName(title) } };
}

// Where the WebSocket connects to: beside the page, whatever its name.
// takeOver: whoever uses the console now has to go.
export function socketUrl(pageUrl, link, takeOver = false) {
    const url = endpointUrl(pageUrl, link);
    if (takeOver) {
        url.searchParams.set('takeover', '1');
    }
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    return url.href;
}

// Where the same request without an upgrade tells its verdict. held: on the
// console that is open here, not on one more.
export function verdictUrl(pageUrl, link, held = false) {
    const url = endpointUrl(pageUrl, link);
    if (held) {
        url.searchParams.set('held', '1');
    }
    return url.href;
}

// The page's address without ticket.
export function bareUrl(pageUrl) {
    return new URL(pageUrl).pathname;
}

function endpointUrl(pageUrl, link) {
    const url = new URL(ENDPOINT_NAME, pageUrl);
    // A WebSocket URL may carry neither of them.
    url.username = '';
    url.password = '';
    url.search = new URLSearchParams(
        { node: link.node, token: link.ticket }).toString();
    return url;
}

// Two different values would leave open which of them counts.
function only(params, name) {
    const values = params.getAll(name);
    return values.length === 1 ? values[0] : null;
}
