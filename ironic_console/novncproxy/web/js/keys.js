// SPDX-License-Identifier: Apache-2.0
// The keys of a PC keyboard by name: what RFB calls them (keysym) and where
// they sit (code, of KeyboardEvent). Pure; key_sender.js presses them.
//
// Both are needed. A server with QEMU extended key events is told the place;
// any other the keysym, and a BMC looks up the place from that as if its
// keyboard were a US one. So printable keys have the symbols of a US keyboard,
// with the one that Shift makes of it: that is what a real keyboard would
// send.
//
// Keysyms: X.Org keysymdef.h. Codes: W3C UI Events KeyboardEvent code Values.

// Boot keyboards of USB report no more than six keys at a time (HID 1.11,
// appendix B.1). Modifiers do not count there; here they do, for simplicity.
export const MAX_KEYS = 6;

// name, keysym, code, then further names, as other keyboards and people have
// them. What a key is called on the page is for messages.js.
const NAMED = [
    ['Ctrl', 0xffe3, 'ControlLeft', 'Control', 'Strg'],
    ['Shift', 0xffe1, 'ShiftLeft', 'Umschalt'],
    ['Alt', 0xffe9, 'AltLeft'],
    ['AltGr', 0xfe03, 'AltRight', 'AltGraph'],
    ['Win', 0xffeb, 'MetaLeft', 'Windows', 'Super', 'Meta', 'Cmd'],
    ['RightCtrl', 0xffe4, 'ControlRight'],
    ['RightShift', 0xffe2, 'ShiftRight'],
    ['RightWin', 0xffec, 'MetaRight'],
    ['Esc', 0xff1b, 'Escape', 'Escape'],
    ['Tab', 0xff09, 'Tab'],
    ['Enter', 0xff0d, 'Enter', 'Return', 'Eingabe'],
    ['Space', 0x20, 'Space', 'Leertaste'],
    ['Backspace', 0xff08, 'Backspace', 'Rücktaste'],
    ['Del', 0xffff, 'Delete', 'Delete', 'Entf'],
    ['Ins', 0xff63, 'Insert', 'Insert', 'Einfg'],
    ['Home', 0xff50, 'Home', 'Pos1'],
    ['End', 0xff57, 'End', 'Ende'],
    ['PageUp', 0xff55, 'PageUp', 'PgUp', 'BildAuf'],
    ['PageDown', 0xff56, 'PageDown', 'PgDn', 'BildAb'],
    ['Left', 0xff51, 'ArrowLeft'],
    ['Up', 0xff52, 'ArrowUp'],
    ['Right', 0xff53, 'ArrowRight'],
    ['Down', 0xff54, 'ArrowDown'],
    ['Print', 0xff61, 'PrintScreen', 'PrintScreen', 'SysRq', 'PrtSc',
        'Druck'],
    ['ScrollLock', 0xff14, 'ScrollLock'],
    ['Pause', 0xff13, 'Pause', 'Break'],
    ['Menu', 0xff67, 'ContextMenu'],
    ['CapsLock', 0xffe5, 'CapsLock'],
    ['NumLock', 0xff7f, 'NumLock'],
    ['NumEnter', 0xff8d, 'NumpadEnter'],
    ['NumMul', 0xffaa, 'NumpadMultiply'],
    ['NumPlus', 0xffab, 'NumpadAdd'],
    ['NumMinus', 0xffad, 'NumpadSubtract'],
    ['NumDot', 0xffae, 'NumpadDecimal'],
    ['NumDiv', 0xffaf, 'NumpadDivide'],
];
const HELD = ['Ctrl', 'Shift', 'Alt', 'AltGr', 'Win'];
const HELD_TOO = ['RightCtrl', 'RightShift', 'RightWin'];

// The symbols of a US keyboard, without and with Shift.
const PRINTABLE = [
    ['`', '~', 'Backquote'], ['-', '_', 'Minus'], ['=', '+', 'Equal'],
    ['[', '{', 'BracketLeft'], [']', '}', 'BracketRight'],
    ['\\', '|', 'Backslash'], [';', ':', 'Semicolon'], ["'", '"', 'Quote'],
    [',', '<', 'Comma'], ['.', '>', 'Period'], ['/', '?', 'Slash'],
    ...[...')!@#$%^&*('].map((symbol, n) => [`${n}`, symbol, `Digit${n}`]),
    ...[...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'].map(
        (letter) => [letter.toLowerCase(), letter, `Key${letter}`]),
];

// By every name in lower case. A key is {name, keysym, shifted, code};
// shifted: its keysym while Shift is held.
const keys = new Map();

function add(key, ...otherNames) {
    const whole = Object.freeze({ shifted: key.keysym, ...key });
    for (const name of [key.name, ...otherNames]) {
        keys.set(name.toLowerCase(), whole);
    }
}

for (const [name, keysym, code, ...otherNames] of NAMED) {
    add({ name, keysym, code }, ...otherNames);
}
for (const [symbol, shifted, code] of PRINTABLE) {
    // Latin 1 symbols are their own keysyms.
    add({ name: symbol.toUpperCase(), keysym: symbol.charCodeAt(0),
        shifted: shifted.charCodeAt(0), code });
}
for (let n = 1; n <= 24; n++) {
    add({ name: `F${n}`, keysym: 0xffbd + n, code: `F${n}` });
}
for (let n = 0; n <= 9; n++) {
    add({ name: `Num${n}`, keysym: 0xffb0 + n, code: `Numpad${n}` });
}

// Those that are held for other keys; one of each kind, and all of them.
export const modifiers = Object.freeze(HELD.map(findKey));
export const allModifiers = Object.freeze(
    [...HELD, ...HELD_TOO].map(findKey));

// Any case, any of its names; undefined if there is no such key.
export function findKey(name) {
    return keys.get(name.toLowerCase());
}

// Reads what is pressed together: 'Ctrl+Alt+Del' is {keys}, in that order.
// Otherwise {problem, word}: 'key' (word is no key), 'twice' (word is there
// twice) or 'many'. 'c' and 'C' are the same key: whoever wants a capital
// writes 'Shift+C'.
export function parseCombination(text) {
    const found = [];
    const words = text.split('+');
    if (words.length > MAX_KEYS) {
        return { problem: 'many', word: text };
    }
    for (const word of words) {
        const key = findKey(word);
        if (!key) {
            return { problem: 'key', word: word || text };
        }
        if (found.includes(key)) {
            return { problem: 'twice', word };
        }
        found.push(key);
    }
    return { keys: found };
}

// For combinations that the page itself has.
export function combination(text) {
    const { keys: found, problem } = parseCombination(text);
    if (problem) {
        throw new RangeError(`${text} is no combination of keys`);
    }
    return found;
}

export function formatCombination(pressed) {
    return pressed.map(({ name }) => name).join('+');
}
