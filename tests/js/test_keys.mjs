// SPDX-License-Identifier: Apache-2.0
// keys.js: each key has a keysym and a place that noVNC and servers know.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import scancodes
    from '../../node_modules/@novnc/novnc/core/input/xtscancodes.js';
import keysyms from '../../node_modules/@novnc/novnc/core/input/keysym.js';
import { MAX_KEYS, allModifiers, combination, findKey, formatCombination,
    modifiers, parseCombination }
    from '../../ironic_console/novncproxy/web/js/keys.js';

const NAMES = ['Ctrl', 'Shift', 'Alt', 'AltGr', 'Win', 'RightCtrl',
    'RightShift', 'RightWin', 'Esc', 'Tab', 'Enter',
    'Space', 'Backspace', 'Del', 'Ins', 'Home', 'End', 'PageUp', 'PageDown',
    'Left', 'Up', 'Right', 'Down', 'Print', 'ScrollLock', 'Pause', 'Menu',
    'CapsLock', 'NumLock', 'NumEnter', 'NumMul', 'NumPlus', 'NumMinus',
    'NumDot', 'NumDiv', ...'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789',
    ...'`-=[]\\;\',./',
    ...Array.from({ length: 24 }, (_, n) => `F${n + 1}`),
    ...Array.from({ length: 10 }, (_, n) => `Num${n}`)];

test('every key has a place for which there is a scancode', () => {
    for (const name of NAMES) {
        assert.ok(scancodes[findKey(name)?.code], name);
    }
});

test('every key is called by its own name and sits in its own place', () => {
    for (const name of NAMES) {
        assert.equal(findKey(name).name, name);
    }
    const codes = NAMES.map((name) => findKey(name).code);
    assert.equal(new Set(codes).size, NAMES.length);
});

test('keysyms are those of X', () => {
    for (const [name, theirs] of [['Ctrl', 'Control_L'], ['Alt', 'Alt_L'],
        ['Shift', 'Shift_L'], ['RightCtrl', 'Control_R'],
        ['RightShift', 'Shift_R'], ['RightWin', 'Super_R'], ['Win', 'Super_L'],
        ['AltGr', 'ISO_Level3_Shift'], ['Esc', 'Escape'], ['Tab', 'Tab'],
        ['Enter', 'Return'], ['Backspace', 'BackSpace'], ['Del', 'Delete'],
        ['Ins', 'Insert'], ['Home', 'Home'], ['End', 'End'],
        ['PageUp', 'Page_Up'], ['PageDown', 'Page_Down'], ['Left', 'Left'],
        ['Up', 'Up'], ['Right', 'Right'], ['Down', 'Down'],
        ['Print', 'Print'], ['ScrollLock', 'Scroll_Lock'],
        ['Pause', 'Pause'], ['Menu', 'Menu'], ['CapsLock', 'Caps_Lock'],
        ['NumLock', 'Num_Lock'], ['NumEnter', 'KP_Enter'],
        ['NumMul', 'KP_Multiply'], ['NumPlus', 'KP_Add'],
        ['NumMinus', 'KP_Subtract'], ['NumDot', 'KP_Decimal'],
        ['NumDiv', 'KP_Divide'], ['F1', 'F1'], ['F12', 'F12'],
        ['F24', 'F24'], ['Num0', 'KP_0'], ['Num9', 'KP_9'], ['A', 'a'],
        ['Z', 'z'], ['0', '0'], ['9', '9'], ['Space', 'space']]) {
        assert.equal(findKey(name).keysym, keysyms[`XK_${theirs}`], name);
    }
});

test('Shift makes of a printable key what it does on a US keyboard', () => {
    const shifted = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ)!@#$%^&*(~_+{}|:"<>?'];
    const plain = [...'abcdefghijklmnopqrstuvwxyz0123456789`-=[]\\;\',./'];
    for (const [place, symbol] of plain.entries()) {
        assert.equal(findKey(symbol).keysym, symbol.charCodeAt(0));
        assert.equal(findKey(symbol).shifted, shifted[place].charCodeAt(0));
    }
    assert.equal(findKey('Tab').shifted, findKey('Tab').keysym);
});

test('keys are found by other names and in any case', () => {
    for (const [name, other] of [['Ctrl', 'control'], ['Ctrl', 'STRG'],
        ['Del', 'Delete'], ['Del', 'Entf'], ['Print', 'SysRq'],
        ['Win', 'Super'], ['Enter', 'Return'], ['A', 'a']]) {
        assert.equal(findKey(other), findKey(name), other);
    }
});

test('what every object has is no key', () => {
    for (const name of ['', 'constructor', '__proto__', 'toString', 'F0',
        'F25', '+', 'ab']) {
        assert.equal(findKey(name), undefined, name);
    }
});

test('modifiers are those that are held for other keys', () => {
    assert.deepEqual(modifiers.map(({ name }) => name),
        ['Ctrl', 'Shift', 'Alt', 'AltGr', 'Win']);
    assert.deepEqual(new Set(allModifiers.map(({ code }) => code)),
        new Set(['Control', 'Shift', 'Alt', 'Meta'].flatMap(
            (kind) => [`${kind}Left`, `${kind}Right`])));
});

test('reads a combination in its order', () => {
    const { keys } = parseCombination('strg+ALT+entf');
    assert.equal(formatCombination(keys), 'Ctrl+Alt+Del');
    assert.deepEqual(combination('Ctrl+Alt+Del'), keys);
    assert.deepEqual(parseCombination('F2').keys, [findKey('F2')]);
});

test('names the word that it does not understand', () => {
    for (const [text, problem, word] of [
        ['Ctrl+Foo', 'key', 'Foo'], ['Ctrl+', 'key', 'Ctrl+'],
        ['+', 'key', '+'], ['', 'key', ''], ['Ctrl+a+A', 'twice', 'A'],
        ['Del+entf', 'twice', 'entf'],
        ['a+b+c+d+e+f+g', 'many', 'a+b+c+d+e+f+g']]) {
        assert.deepEqual(parseCombination(text), { problem, word }, text);
    }
    assert.equal(parseCombination('a+b+c+d+e+f').keys.length, MAX_KEYS);
});

test('a combination of the page that does not exist is a bug', () => {
    assert.throws(() => combination('Ctrl+Foo'), RangeError);
});
