// SPDX-License-Identifier: Apache-2.0
// paste.js: a text becomes keys, or a list of what cannot be typed.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { load } from '../../ironic_console/novncproxy/web/js/layouts.js';
import { MAX_CHARS, countEvents, plan, summary }
    from '../../ironic_console/novncproxy/web/js/paste.js';

const us = await load('us');
const de = await load('de');

function codes(text, layout = us) {
    return plan(text, layout).strokes.map(({ code }) => code).join(' ');
}

test('types line breaks and tabs as keys', () => {
    assert.equal(codes('a\tb\n'), 'KeyA Tab KeyB Enter');
});

test('types Enter once for a line break of Windows or of an old Mac', () => {
    assert.equal(codes('a\r\nb\rc\n\nd'),
        'KeyA Enter KeyB Enter KeyC Enter Enter KeyD');
    assert.equal(plan('a\r\nb\rc\n', us).lines, 3);
});

test('sends keys for Enter and Tab that every server knows', () => {
    assert.deepEqual(plan('\n\t', us).strokes.map(({ keysym }) => keysym),
        [0xff0d, 0xff09]);
});

test('types letters with combining marks as the one letter they are', () => {
    assert.equal(codes('e\u0301', de), 'Equal KeyE');
    assert.equal(plan('e\u0301', de).count, 1);
    assert.equal(codes('a\u0308', de), 'Quote');
});

test('counts characters, not keys', () => {
    const { count, strokes } = plan('é^x', de);
    assert.equal(count, 3);
    assert.equal(strokes.length, 5);
});

test('tells every character that cannot be typed, with its place', () => {
    const { unknown, count } = plan('ab→\r\n  \u{1f600}c→', us);
    assert.equal(count, 6);
    assert.deepEqual(unknown, [
        { char: '→', index: 2, line: 1, column: 3 },
        { char: '\u{1f600}', index: 6, line: 2, column: 3 },
        { char: '→', index: 8, line: 2, column: 5 },
    ]);
});

test('types what is around a character that it cannot', () => {
    assert.equal(codes('a→b'), 'KeyA KeyB');
});

test('presses no keys for control characters', () => {
    const { strokes, unknown } = plan('\x00\x03\x08\x1b\x7f\u2028', us);
    assert.deepEqual(strokes, []);
    assert.equal(unknown.length, 6);
});

test('names what a server without extended key events cannot get', () => {
    const { unknown } = plan('a < b', de, { usOnly: true });
    assert.deepEqual(unknown.map(({ char }) => char), ['<']);
});

test('gives each unknown character once, with how often and where', () => {
    const { unknown } = plan('x→\u00a0→\n\u0335\ud800', us);
    assert.deepEqual(summary(unknown), [
        { char: '→', name: 'U+2192', times: 2, line: 1, column: 2 },
        { char: '', name: 'U+00A0', times: 1, line: 1, column: 3 },
        { char: '\u25cc\u0335', name: 'U+0335', times: 1, line: 2,
            column: 1 },
        { char: '', name: 'U+D800', times: 1, line: 2, column: 2 },
    ]);
});

test('counts the events of modifiers', () => {
    assert.equal(countEvents(plan('a', us).strokes), 2);
    assert.equal(countEvents(plan('A', us).strokes), 4);
    assert.equal(countEvents(plan('Ω@', de).strokes), 6 + 4);
});

test('plans nothing for nothing', () => {
    assert.deepEqual(plan('', us),
        { strokes: [], unknown: [], count: 0, lines: 0 });
});

test('plans the longest text in far less than a second', () => {
    const text = 'é^→A'.repeat(MAX_CHARS / 4);
    const start = process.hrtime.bigint();
    const { count } = plan(text, de);
    const seconds = Number(process.hrtime.bigint() - start) / 1e9;
    assert.equal(count, MAX_CHARS);
    assert(seconds < 5, `${seconds} s`);
});
