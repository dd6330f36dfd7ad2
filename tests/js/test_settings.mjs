// SPDX-License-Identifier: Apache-2.0
// settings.js: preferences are checked, and do without a storage.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { aBoolean, oneOf, Settings }
    from '../../ironic_console/novncproxy/web/js/settings.js';

const any = (value) => value;

// As much of a browser's Storage as is used.
function fakeStorage(entries = {}) {
    const map = new Map(Object.entries(entries));
    return { map, getItem: (key) => map.get(key) ?? null,
        setItem: (key, text) => map.set(key, String(text)),
        removeItem: (key) => map.delete(key) };
}

test('keeps values for the next page', () => {
    const storage = fakeStorage();
    assert.ok(new Settings(() => storage).set('layout', 'de'));
    assert.equal(new Settings(() => storage).get('layout', any, 'us'), 'de');
    assert.deepEqual([...storage.map.keys()], ['ironic-console:layout']);
});

test('takes no value that means nothing', () => {
    for (const stored of ['"xx"', '7', 'null', '{}', '', '{"a', '<b>']) {
        const settings = new Settings(() =>
            fakeStorage({ 'ironic-console:layout': stored }));
        assert.equal(settings.get('layout', oneOf('us', 'de'), 'us'), 'us',
            stored);
    }
});

test('without a value there is the fallback', () => {
    const settings = new Settings(fakeStorage);
    assert.equal(settings.get('dot', aBoolean, true), true);
    settings.set('dot', false);
    assert.equal(settings.get('dot', aBoolean, true), false);
    settings.remove('dot');
    assert.equal(settings.get('dot', aBoolean, true), true);
});

test('tells what is broken from what is not there', () => {
    const settings = new Settings(() => fakeStorage({
        'ironic-console:a': '{"x', 'ironic-console:b': '[]' }));
    assert.deepEqual(['a', 'b', 'c'].map((name) => settings.isBroken(name)),
        [true, false, false]);
    settings.set('a', []);
    assert.equal(settings.isBroken('a'), false);
});

test('works without a storage as long as the page lasts', () => {
    const forbidden = () => {
        throw new Error('SecurityError');
    };
    const full = fakeStorage();
    full.setItem = forbidden;
    for (const open of [forbidden, () => null, () => full]) {
        const settings = new Settings(open);
        assert.equal(settings.get('layout', any, 'us'), 'us');
        assert.equal(settings.set('layout', 'de'), false);
        assert.equal(settings.get('layout', any, 'us'), 'de');
        settings.remove('layout');
        assert.equal(settings.get('layout', any, 'us'), 'us');
    }
});
