// SPDX-License-Identifier: Apache-2.0
// screenshot.js: a file name that every system takes and everybody finds.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { screenshotName }
    from '../../ironic_console/novncproxy/web/js/screenshot.js';

const UUID = '1be26c0b-03f2-4d2e-ae87-c02d7f33c123';
const DATE = new Date('2026-11-22T09:12:36.789+02:00');
const TIME = '_2026-11-22T07-12-36Z.png';

const named = (name, uuid = UUID) => screenshotName(name, uuid, DATE);

test('names node and time, in UTC', () => {
    assert.equal(named('rack7-u12'), `rack7-u12${TIME}`);
});

test('a node without a name has its UUID', () => {
    for (const name of ['', null, undefined, '///', '...', ' ']) {
        assert.equal(named(name), `${UUID}${TIME}`);
    }
    assert.equal(named('', ''), `console${TIME}`);
});

test('names of many languages stay', () => {
    assert.equal(named('Rechner-Köln'), `Rechner-Köln${TIME}`);
    assert.equal(named('サーバー1'), `サーバー1${TIME}`);
    assert.equal(named('a.b_c'), `a.b_c${TIME}`);
});

test('nothing leads to another folder or hides the file', () => {
    for (const name of ['../../etc/passwd', '..\\..\\x', '/etc/x', '.bashrc',
        'a/b', 'C:\\x', '~/x', '-rf', 'x\0y', 'x\ny', '\u202egnp.x', 'a:b',
        '<b>', 'a?b*c|d"e']) {
        const file = named(name);
        assert.match(file, /^[\p{L}\p{N}_][\p{L}\p{N}._-]+$/u, name);
        assert.ok(file.endsWith(TIME), file);
    }
});

test('no name is a device of Windows', () => {
    assert.equal(named('con'), `_con${TIME}`);
    assert.equal(named('NUL.txt'), `_NUL.txt${TIME}`);
    assert.equal(named('COM1'), `_COM1${TIME}`);
    assert.equal(named('console1'), `console1${TIME}`);
});

test('the longest name fits into 255 bytes', () => {
    for (const letter of ['a', 'ö', '語', '𐌰']) {
        const file = named(letter.repeat(10_000));
        assert.ok(Buffer.byteLength(file) <= 255, file);
        assert.ok(file.endsWith(TIME));
        assert.ok(!file.includes('\ufffd'));
    }
});
