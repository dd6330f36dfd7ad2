// SPDX-License-Identifier: Apache-2.0
// messages.js: every failure has words, and foreign texts come out clean.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as messages
    from '../../ironic_console/novncproxy/web/js/messages.js';

test('every label is a text', () => {
    for (const [name, text] of Object.entries(messages.labels)) {
        assert.match(text, /^[A-Z]/, name);
    }
});

test('every failure has a title and a sentence', () => {
    const all = [...Object.values(messages.links),
        ...Object.values(messages.failures),
        ...[1000, 1001, 1002, 1005, 1006, 1008, 1009, 1011, 1013, 1014, 4000]
            .map(messages.forCloseCode)];
    for (const { title, message } of all) {
        assert.match(title, /^[A-Z].*[^.]$/);
        assert.match(message, /^[A-Z].*[.?]$/);
    }
});

test('trouble with the endpoint is told as such', () => {
    for (const code of [1014, 4502, 4503, 4504]) {
        assert.equal(messages.forCloseCode(code), messages.failures.endpoint);
    }
});

test('every failure says what to do next', () => {
    for (const [name, { message, advice }] of
        Object.entries({ ...messages.links, ...messages.failures })) {
        assert.match(`${message} ${advice}`,
            /(again|link|reload|operator|expired)/i, name);
    }
});

test('marks whom and when an operator has to look for', () => {
    assert.equal(
        messages.whereAndWhen('1be26c0b', new Date('2026-11-22T06:31:07Z')),
        'Node 1be26c0b, 2026-11-22 06:31:07 UTC.');
});

test('names the page alone when there is no name', () => {
    assert.equal(messages.documentTitle(''), 'Console');
    assert.equal(messages.documentTitle('node-1'), 'node-1 - Console');
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
