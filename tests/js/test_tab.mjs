// SPDX-License-Identifier: Apache-2.0
// tab.js: a link leaves the address, and is stored only between two pages.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { takeLink } from '../../ironic_console/novncproxy/web/js/tab.js';

const NODE = '1be26c0b-03f2-4d2e-ae87-c02d7f33c123';
const TICKET = 'WyIxYmUi.x-Y_z~9';
const SEARCH = '?path=' + encodeURIComponent(
    `websockify?node=${NODE}&token=${TICKET}`);
const LINK = { node: NODE, ticket: TICKET, title: '' };

// A window at an address; pages of one tab share the map.
class FakeWindow extends EventTarget {
    constructor(search, map, forbidden = false) {
        super();
        this.forbidden = forbidden;
        this.map = map;
        const href = `https://c.example/console.html${search}`;
        this.location = { search, hash: '', pathname: '/console.html',
            href };
        this.history = { replaceState: (state, title, url) => {
            this.location.href = url;
        } };
    }

    get sessionStorage() {
        if (this.forbidden) {
            throw new Error('SecurityError');
        }
        const { map } = this;
        return { getItem: (key) => map.get(key) ?? null,
            setItem: (key, value) => map.set(key, value),
            removeItem: (key) => map.delete(key) };
    }

    leave() {
        this.dispatchEvent(new Event('pagehide'));
    }
}

test('takes the ticket out of the address', () => {
    const window = new FakeWindow(SEARCH, new Map());
    assert.deepEqual(takeLink(window), { link: LINK });
    assert.equal(window.location.href, '/console.html');
});

test('a reload of the tab finds the link', () => {
    const map = new Map();
    const first = new FakeWindow(SEARCH, map);
    takeLink(first);
    for (let page = first, n = 0; n < 3; n++) {
        page.leave();
        page = new FakeWindow('', map);
        assert.deepEqual(takeLink(page), { link: LINK });
    }
});

test('a copy of the tab does not', () => {
    const map = new Map();
    takeLink(new FakeWindow(SEARCH, map));
    assert.equal(map.size, 0);
    const copy = new FakeWindow('', new Map(map));
    assert.deepEqual(takeLink(copy), { problem: 'missing' });
});

test('nor does a copy of a tab that was reloaded or came back', () => {
    const map = new Map();
    const first = new FakeWindow(SEARCH, map);
    takeLink(first);
    first.leave();
    const second = new FakeWindow('', map);
    takeLink(second);
    assert.equal(map.size, 0);
    second.leave();
    assert.equal(map.size, 1);
    second.dispatchEvent(new Event('pageshow'));
    assert.equal(map.size, 0);
});

test('a new link takes the place of the old one', () => {
    const map = new Map();
    const first = new FakeWindow(SEARCH, map);
    takeLink(first);
    first.leave();
    const broken = new FakeWindow('?path=websockify%3Fnode%3Dx', map);
    assert.deepEqual(takeLink(broken), { problem: 'damaged' });
    broken.leave();
    assert.equal(map.size, 0);
});

test('what was stored is checked', () => {
    for (const text of ['{}', 'null', '{"node": 1}', '[]',
        JSON.stringify({ ...LINK, node: 'evil.example' })]) {
        const map = new Map([['ironic-console:/console.html', text]]);
        assert.deepEqual(takeLink(new FakeWindow('', map)),
            { problem: 'damaged' }, text);
    }
});

test('works without a storage', (context) => {
    const warn = context.mock.method(console, 'warn', () => {});
    assert.deepEqual(takeLink(new FakeWindow(SEARCH, new Map(), true)),
        { link: LINK });
    assert.deepEqual(takeLink(new FakeWindow('', new Map(), true)),
        { problem: 'missing' });
    assert.ok(warn.mock.calls.every(({ arguments: [text] }) =>
        !text.includes(TICKET)));
});
