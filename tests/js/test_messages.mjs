// SPDX-License-Identifier: Apache-2.0
// messages.js: every failure has words, and foreign texts come out clean.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import de from '../../ironic_console/novncproxy/web/js/messages/de.js';
import en from '../../ironic_console/novncproxy/web/js/messages/en.js';
import * as messages
    from '../../ironic_console/novncproxy/web/js/messages.js';

const catalogs = { de, en };

test('every language has the same keys', () => {
    for (const [name, catalog] of Object.entries(catalogs)) {
        assert.deepEqual(Object.keys(catalog).sort(),
            Object.keys(en).sort(), name);
    }
});

test('every language puts the same values into a text', () => {
    const values = (text) => [...new Set(text.match(/\{\w+\}/g))].sort();
    for (const [key, text] of Object.entries(en)) {
        assert.deepEqual(values(de[key]), values(text), key);
    }
});

test('every text is one', () => {
    for (const catalog of Object.values(catalogs)) {
        for (const [key, text] of Object.entries(catalog)) {
            assert.equal(typeof text, 'string', key);
            assert.notEqual(text.trim(), '', key);
        }
    }
});

test('every failure has a title, a sentence, and what to do next', () => {
    for (const catalog of Object.values(catalogs)) {
        for (const key of Object.keys(catalog)
            .filter((one) => /^(end|link)\..*\.title$/.test(one))) {
            const name = key.slice(0, -'.title'.length);
            assert.match(catalog[key], /^\p{Lu}.*[^.]$/u, name);
            assert.match(catalog[`${name}.message`],
                /^\p{Lu}.*[.?]$/u, name);
            assert.match(catalog[`${name}.advice`],
                /^\p{Lu}.*[.:]$/u, name);
        }
    }
});

test('takes the first language that it speaks', () => {
    for (const [tags, language] of [
        [[], 'en'], [['fr', 'xx'], 'en'], [['de'], 'de'],
        [['de-CH', 'en'], 'de'], [['fr-FR', 'DE-at', 'en'], 'de'],
        [['en-GB', 'de'], 'en'], [['toString', 'constructor'], 'en'],
        [['deutsch'], 'en'],
    ]) {
        assert.equal(messages.chooseLanguage(tags), language, tags);
    }
});

test('puts values into texts, once', () => {
    const t = messages.translator(en);
    assert.equal(t('detail.code', { code: 1006 }), 'Closed with code 1006.');
    assert.equal(t('page.named', { name: '{name} $& {x}' }),
        '{name} $& {x} - Console');
    assert.equal(t('detail.code', { toString: 1 }),
        'Closed with code {code}.');
});

test('a text that is not there is empty', () => {
    for (const key of ['', 'x', 'toString', '__proto__']) {
        assert.equal(messages.t(key), '');
    }
});

test('mark-up stays what it is: text', () => {
    assert.equal(messages.cleanName('<img src=x onerror=alert(1)>'),
        '<img src=x onerror=alert(1)>');
});

test('takes out what makes a text look like another', () => {
    for (const [dirty, clean] of [
        ['a\nb\r\n\tc', 'a b c'], ['\u0000\u0007a\u007f\u009b', 'a'],
        ['abc\u202egnp.exe', 'abc gnp.exe'], ['a\u2066b\u2069', 'a b'],
        ['\u200b\u200e\ufeff', ''], ['a\u2028b\u3000c', 'a b c'],
        ['\ud800', ''], ['  a  ', 'a'],
    ]) {
        assert.equal(messages.cleanReason(dirty), clean);
    }
});

test('keeps other scripts', () => {
    for (const text of ['Zürich ノード 服务器', 'сервер', 'שרת', '🖥']) {
        assert.equal(messages.cleanName(text), text);
    }
});

test('shortens long texts, by whole characters', () => {
    const name = messages.cleanName('🖥'.repeat(200));
    assert.equal([...name].length, 100);
    assert.ok(name.endsWith('🖥…'));
    assert.equal(messages.cleanReason('x'.repeat(1e6)).length, 300);
});

test('anything that is not text is no text', () => {
    for (const value of [undefined, null, 1, {}, ['a']]) {
        assert.equal(messages.cleanReason(value), '');
    }
});
