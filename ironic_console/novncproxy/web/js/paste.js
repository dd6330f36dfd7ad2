// SPDX-License-Identifier: Apache-2.0
// Plans how a text is typed under a keyboard layout. Pure: which keys there
// are is for layouts.js, sending them for typist.js.
//
// Caps Lock of the server is taken to be off; no protocol tells it reliably.

// Far above any sensible paste: at normal speed it takes an hour or two.
export const MAX_CHARS = 100000;

const KEYS = Object.freeze({
    '\n': Object.freeze({ code: 'Enter', keysym: 0xff0d, shift: false,
        altGr: false }),
    '\t': Object.freeze({ code: 'Tab', keysym: 0xff09, shift: false,
        altGr: false }),
});

// {strokes, unknown, count, lines}: what to press, for how many characters,
// how many of them are Enter, and the characters that cannot be typed, each
// {char, index, line, column}; lines and columns count from 1 and in
// characters.
//
// usOnly: the server can be sent the keys of a US keyboard only.
export function plan(text, layout, { usOnly = false } = {}) {
    const strokes = [];
    const unknown = [];
    let count = 0;
    let line = 1;
    let column = 1;
    let index = 0;
    for (const char of normalised(text)) {
        const keys = Object.hasOwn(KEYS, char) ? [KEYS[char]] :
            layout.find(char, usOnly);
        if (keys) {
            strokes.push(...keys);
            count += 1;
        } else {
            unknown.push({ char, index, line, column });
        }
        index += 1;
        column += 1;
        if (char === '\n') {
            line += 1;
            column = 1;
        }
    }
    return { strokes, unknown, count, lines: line - 1 };
}

// The unknown ones, each once: {char, name, times, line, column}, the place
// of the first.
export function summary(unknown) {
    const found = new Map();
    for (const { char, line, column } of unknown) {
        const entry = found.get(char);
        if (entry) {
            entry.times += 1;
        } else {
            found.set(char, { char: shown(char), name: codePoint(char),
                times: 1, line, column });
        }
    }
    return [...found.values()];
}

// How many key events the strokes are: each key goes down and up.
export function countEvents(strokes) {
    return strokes.reduce((sum, { shift, altGr }) =>
        sum + 2 * (1 + shift + altGr), 0);
}

// One code for each character, one line break for each Enter.
function normalised(text) {
    return text.replace(/\r\n?/g, '\n').normalize('NFC');
}

// Marks get something to sit on; what cannot be seen is named only.
function shown(char) {
    if (/^\p{M}$/u.test(char)) {
        return `\u25cc${char}`;
    }
    return /^[\p{C}\p{Z}]$/u.test(char) ? '' : char;
}

function codePoint(char) {
    const digits = char.codePointAt(0).toString(16).toUpperCase();
    return `U+${digits.padStart(4, '0')}`;
}
