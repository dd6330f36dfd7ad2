// SPDX-License-Identifier: Apache-2.0
// url.js: an address gives a node and a ticket, and never a place to go to.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bareUrl, checkLink, readSearch, socketUrl, verdictUrl }
    from '../../ironic_console/novncproxy/web/js/url.js';

const NODE = '1be26c0b-03f2-4d2e-ae87-c02d7f33c123';
const TICKET = 'WyIxYmUi.x-Y_z~9';
const LINK = { node: NODE, ticket: TICKET, title: '' };
const QUERY = `node=${NODE}&token=${TICKET}`;

const search = (path, rest = '') => `?path=${encodeURIComponent(path)}${rest}`;

test('reads node and ticket of a console URL', () => {
    assert.deepEqual(readSearch(search(`websockify?${QUERY}`)),
        { link: LINK });
});

test('asks to take over, and about what it holds, only when told to', () => {
    const page = 'https://console.example/x/console.html';
    assert.equal(socketUrl(page, LINK, true),
        `${socketUrl(page, LINK)}&takeover=1`);
    assert.equal(verdictUrl(page, LINK, true),
        `${verdictUrl(page, LINK)}&held=1`);
    assert.doesNotMatch(socketUrl(page, LINK), /takeover|held/);
    assert.doesNotMatch(verdictUrl(page, LINK), /takeover|held/);
});

test('reads a path with a leading slash', () => {
    assert.deepEqual(readSearch(search(`/websockify?${QUERY}`)),
        { link: LINK });
});

test('spells the node in lower case, as its ticket does', () => {
    const query = QUERY.replace(NODE, NODE.toUpperCase());
    assert.deepEqual(readSearch(search(`websockify?${query}`)),
        { link: LINK });
});

test('takes the title that Horizon appends as text only', () => {
    const { link } = readSearch(search(`websockify?${QUERY}`,
        '&title=web-01%0A%3Cb%3E(1be2)'));
    assert.equal(link.title, 'web-01 <b>(1be2)');
});

test('ignores every other parameter', () => {
    assert.deepEqual(
        readSearch(search(`websockify?${QUERY}&host=evil.example`,
            '&host=evil.example&port=1&encrypt=0&password=x&autoconnect=1' +
            '&token=other&node=other')),
        { link: LINK });
});

test('no path is a missing link', () => {
    for (const text of ['', '?', '?token=abc', `?${QUERY}`]) {
        assert.deepEqual(readSearch(text), { problem: 'missing' }, text);
    }
});

test('a path to another place is not followed', () => {
    for (const path of [
        `wss://evil.example/websockify?${QUERY}`,
        `//evil.example/websockify?${QUERY}`,
        `\\\\evil.example/websockify?${QUERY}`,
        `/\\evil.example/websockify?${QUERY}`,
        `/\t/evil.example/websockify?${QUERY}`,
        `\twebsockify?${QUERY}`,
        `../websockify?${QUERY}`,
        `@evil.example/websockify?${QUERY}`,
        `websockify/../../x?${QUERY}`,
        `websockify#?${QUERY}`,
        `WEBSOCKIFY?${QUERY}`,
        `?${QUERY}`,
        '',
    ]) {
        assert.deepEqual(readSearch(search(path)), { problem: 'foreign' },
            path);
    }
});

test('a link with odd parts is damaged', () => {
    for (const path of [
        'websockify',
        'websockify?',
        `websockify?node=${NODE}`,
        `websockify?token=${TICKET}`,
        `websockify?node=${NODE}&token=`,
        `websockify?node=${NODE}0&token=${TICKET}`,
        `websockify?node=${NODE.replace('-', '')}&token=${TICKET}`,
        `websockify?node=../${NODE}&token=${TICKET}`,
        `websockify?node=${NODE}%0A&token=${TICKET}`,
        `websockify?node=${NODE}&token=a/b`,
        `websockify?node=${NODE}&token=a%0Ab`,
        `websockify?node=${NODE}&token=ü`,
        `websockify?node=${NODE}&token=${'a'.repeat(1025)}`,
        `websockify?${QUERY}&token=${TICKET}`,
        `websockify?${QUERY}&node=${NODE}`,
    ]) {
        assert.deepEqual(readSearch(search(path)), { problem: 'damaged' },
            path);
    }
});

test('two paths are damaged, because either could count', () => {
    const path = search(`websockify?${QUERY}`);
    assert.deepEqual(readSearch(path + path.replace('?', '&')),
        { problem: 'damaged' });
});

test('an endless query is damaged', () => {
    assert.deepEqual(
        readSearch(search(`websockify?${QUERY}`, '&x='.repeat(5000))),
        { problem: 'damaged' });
});

test('checks what comes out of storage like what comes from outside', () => {
    assert.deepEqual(checkLink({ ...LINK, host: 'evil.example' }),
        { link: LINK });
    for (const kept of [null, undefined, 1, 'x', [], {},
        { ...LINK, node: 1 }, { ...LINK, ticket: '?' }]) {
        assert.deepEqual(checkLink(kept), { problem: 'damaged' });
    }
});

test('connects beside the page, whatever its name', () => {
    for (const [page, expected] of [
        ['http://h/', 'ws://h/'],
        ['http://h:6090/console.html', 'ws://h:6090/'],
        ['https://h/vnc_auto.html?path=x#y', 'wss://h/'],
        ['https://h/sub/path/', 'wss://h/sub/path/'],
        ['https://h/sub/vnc.html', 'wss://h/sub/'],
        ['http://[::1]:6090/', 'ws://[::1]:6090/'],
        ['https://user:secret@h/', 'wss://h/'],
    ]) {
        assert.equal(socketUrl(page, LINK),
            `${expected}websockify?node=${NODE}&token=${TICKET.replace('~',
                '%7E')}`, page);
    }
});

test('asks for the verdict at the same place over HTTP', () => {
    assert.equal(verdictUrl('https://h/sub/console.html?path=x', LINK),
        socketUrl('https://h/sub/console.html', LINK)
            .replace('wss:', 'https:'));
});

test('the bare address keeps nothing of the link', () => {
    assert.equal(bareUrl(`https://h/sub/vnc.html${search(QUERY)}#${TICKET}`),
        '/sub/vnc.html');
});
