// SPDX-License-Identifier: Apache-2.0
// macros.js: reads what users write and what browsers kept.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MAX_MACROS, MAX_NAME_CHARS, MAX_TEXT_CHARS, formatMacro, parseMacro,
    putMacro, readMacros, removeMacro }
    from '../../ironic_console/novncproxy/web/js/macros.js';

const SETUP = { name: 'Setup', text: 'F2' };
const REBOOT = { name: 'Reboot', text: 'Ctrl+Alt+Del wait 500ms F2 F2' };

// What is pressed and waited for, in words.
const read = (text) => formatMacro(parseMacro(text).steps);

test('reads combinations and waits, however they are spaced', () => {
    const { steps } = parseMacro(' Ctrl+Alt+Del\n\twait 500ms F2  F2 ');
    assert.deepEqual(steps.map(({ keys, wait }) =>
        keys ? keys.map(({ name }) => name) : wait),
    [['Ctrl', 'Alt', 'Del'], 0.5, ['F2'], ['F2']]);
});

test('writes what it has read with the full names of keys', () => {
    assert.equal(read('strg+c WAIT 1500ms wait 2S wait 3000ms pgdn'),
        'Ctrl+C wait 1500ms wait 2s wait 3s PageDown');
    for (const text of [SETUP.text, REBOOT.text]) {
        assert.equal(read(text), text);
    }
});

test('names the word that it does not understand', () => {
    for (const [text, problem, word] of [
        ['', 'empty', ''], [' \n', 'empty', ''],
        ['F2 Foo', 'key', 'Foo'], ['Ctrl+Ctrl', 'twice', 'Ctrl'],
        ['a+b+c+d+e+f+g', 'many', 'a+b+c+d+e+f+g'],
        ['wait', 'wait', ''], ['wait F2', 'wait', 'F2'],
        ['wait 500', 'wait', '500'], ['wait 0ms', 'wait', '0ms'],
        ['wait 61s', 'wait', '61s'], ['wait -1s', 'wait', '-1s'],
        ['wait 999999999s', 'wait', '999999999s'],
        ['F2 '.repeat(MAX_TEXT_CHARS), 'long', ''],
    ]) {
        assert.deepEqual(parseMacro(text), { problem, word }, text);
    }
    assert.equal(read('wait 60s'), 'wait 60s');
});

test('adds macros, and puts one in the place of another', () => {
    const { macros } = putMacro([SETUP], REBOOT);
    assert.deepEqual(macros, [SETUP, REBOOT]);
    assert.deepEqual(
        putMacro(macros, { name: 'BIOS', text: 'f10' }, 'Setup').macros,
        [{ name: 'BIOS', text: 'F10' }, REBOOT]);
    assert.deepEqual(
        putMacro(macros, { name: 'Setup', text: 'F10' }, 'Setup').macros,
        [{ name: 'Setup', text: 'F10' }, REBOOT]);
    assert.deepEqual(removeMacro(macros, 'Setup'), [REBOOT]);
    assert.deepEqual(macros, [SETUP, REBOOT], 'nothing changes in place');
});

test('names are unique, short and clean', () => {
    for (const [name, problem] of [
        ['', 'nameless'], [' \u202e', 'nameless'], ['Setup', 'taken'],
        [' Setup\n', 'taken'], ['x'.repeat(MAX_NAME_CHARS + 1), 'name'],
    ]) {
        assert.equal(putMacro([SETUP], { name, text: 'F2' }).problem,
            problem, name);
    }
    assert.equal(putMacro([SETUP, REBOOT], SETUP, 'Reboot').problem, 'taken');
    const { macros } = putMacro([], { name: '<b>\n\u202eß', text: 'F2' });
    assert.equal(macros[0].name, '<b> ß');
});

test('a macro that cannot be played is not kept', () => {
    assert.deepEqual(putMacro([], { name: 'x', text: 'Foo' }),
        { problem: 'key', word: 'Foo' });
    assert.equal(putMacro([], { name: 'x',
        text: 'pgdn '.repeat(MAX_TEXT_CHARS / 5) }).problem, 'long',
    'written in full it is too long to be read again');
});

test('there is an end to their number', () => {
    let macros = [];
    for (let n = 0; n < MAX_MACROS; n++) {
        macros = putMacro(macros, { name: `${n}`, text: 'F2' }).macros;
    }
    assert.equal(putMacro(macros, SETUP).problem, 'full');
    assert.equal(putMacro(macros, SETUP, '7').macros.length, MAX_MACROS);
});

test('reads what it has kept', () => {
    const kept = JSON.parse(JSON.stringify([SETUP, REBOOT]));
    assert.deepEqual(readMacros(kept),
        { macros: [SETUP, REBOOT], damaged: 0 });
    assert.deepEqual(readMacros(undefined), { macros: [], damaged: 0 });
    assert.deepEqual(readMacros(null), { macros: [], damaged: 0 });
});

test('damaged macros cost no others', () => {
    const stored = [null, 7, SETUP, [], {}, { name: 1, text: 'F2' },
        { name: 'x', text: ['F2'] }, { name: 'x', text: 'Foo' },
        { name: '', text: 'F2' }, SETUP, REBOOT];
    assert.deepEqual(readMacros(stored),
        { macros: [SETUP, REBOOT], damaged: stored.length - 2 });
    for (const broken of ['x', 7, true, { length: 1 }]) {
        assert.deepEqual(readMacros(broken), { macros: [], damaged: 1 });
    }
});

test('a store that is too full is cut', () => {
    const stored = Array.from({ length: MAX_MACROS + 5 },
        (_, n) => ({ name: `${n}`, text: 'F2' }));
    const { macros, damaged } = readMacros(stored);
    assert.equal(macros.length, MAX_MACROS);
    assert.equal(damaged, 5);
});
