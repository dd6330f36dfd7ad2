// SPDX-License-Identifier: Apache-2.0
// Knows keyboard layouts: which keys of which layout type a character, and
// which layout to suggest. Pure. In what order a text is typed is for
// paste.js, when for typist.js.
//
// A server gets positions of keys, and its own layout decides what they type.
// A *stroke* is one key at its position with the modifiers held meanwhile:
//
//     code    position, as in KeyboardEvent.code; a server that takes QEMU
//             extended key events gets its scancode
//     keysym  what a US keyboard types at that position with the same Shift;
//             other servers get this, because a BMC turns keysyms into
//             scancodes as if its host had a US keyboard. 0: a US keyboard
//             has no such key, so there is no way to press it
//     shift, altGr  modifiers
//
// The files in layouts/ are made by tools/keyboard_layouts.py. A row holds
// what a key types plain, with Shift, with AltGr and with both, spaces
// between; a combining mark stands for the dead key that sets it. `alone` is
// what a dead key types before a space, and when it is pressed twice.

// Literal paths, so that whoever reads the page's files finds them.
const FILES = Object.freeze({
    'us': () => import('./layouts/us.js'),
    'us-intl': () => import('./layouts/us-intl.js'),
    'uk': () => import('./layouts/uk.js'),
    'de': () => import('./layouts/de.js'),
    'de-nodeadkeys': () => import('./layouts/de-nodeadkeys.js'),
    'fr': () => import('./layouts/fr.js'),
    'es': () => import('./layouts/es.js'),
    'latam': () => import('./layouts/latam.js'),
    'it': () => import('./layouts/it.js'),
    'pt': () => import('./layouts/pt.js'),
    'br': () => import('./layouts/br.js'),
    'ch': () => import('./layouts/ch.js'),
    'ch-fr': () => import('./layouts/ch-fr.js'),
    'be': () => import('./layouts/be.js'),
    'ca-fr': () => import('./layouts/ca-fr.js'),
    'dk': () => import('./layouts/dk.js'),
    'fi': () => import('./layouts/fi.js'),
    'no': () => import('./layouts/no.js'),
    'se': () => import('./layouts/se.js'),
    'pl': () => import('./layouts/pl.js'),
    'jp': () => import('./layouts/jp.js'),
});

export const LAYOUTS = Object.freeze(Object.keys(FILES));

const US = Object.freeze({
    Backquote: '`~', Digit1: '1!', Digit2: '2@', Digit3: '3#',
    Digit4: '4$', Digit5: '5%', Digit6: '6^', Digit7: '7&', Digit8: '8*',
    Digit9: '9(', Digit0: '0)', Minus: '-_', Equal: '=+',
    BracketLeft: '[{', BracketRight: ']}', Backslash: '\\|',
    Semicolon: ';:', Quote: '\'"', Comma: ',<', Period: '.>', Slash: '/?',
    Space: '  ',
    ...Object.fromEntries([...'abcdefghijklmnopqrstuvwxyz'].map((letter) =>
        [`Key${letter.toUpperCase()}`, letter + letter.toUpperCase()])),
});

export const SPACE = stroke('Space', 0);
const MARK = /^\p{M}$/u;
const LETTER = /^\p{L}$/u;

// The cheapest way is the one that most systems agree on. By level of a key:
const DIRECT = [0, 1, 4, 5];
// Before a space, a dead key is its accent everywhere. With AltGr X types
// some accents at once where other systems have a dead key.
const BEFORE_SPACE = [2, 3, 8, 9];
const BEFORE_LETTER = 10;
// Some systems type the accent twice.
const TWICE = 20;

// Returns a layout; name: one of LAYOUTS. Rejects when the file cannot be
// loaded.
export async function load(name) {
    if (!Object.hasOwn(FILES, name)) {
        throw new RangeError(`no keyboard layout ${name}`);
    }
    return new Layout((await FILES[name]()).default);
}

// languages: as of navigator.languages; stored: an earlier choice or null.
export function suggest(languages, stored) {
    if (LAYOUTS.includes(stored)) {
        return stored;
    }
    const [language = '', region = ''] = (languages[0] ?? '').toLowerCase()
        .split('-').filter((part) => part.length !== 4);
    return byRegion[`${language}-${region}`] ??
        (language === 'es' && region && region !== 'es' ? 'latam' :
            byLanguage[language] ?? 'us');
}

const byRegion = { 'de-ch': 'ch', 'de-li': 'ch', 'en-gb': 'uk',
    'en-ie': 'uk', 'fr-be': 'be', 'fr-ca': 'ca-fr', 'fr-ch': 'ch-fr',
    'it-ch': 'ch-fr', 'nl-be': 'be', 'pt-br': 'br' };
const byLanguage = { da: 'dk', de: 'de', es: 'es', fi: 'fi', fr: 'fr',
    it: 'it', ja: 'jp', nb: 'no', nn: 'no', no: 'no', pl: 'pl', pt: 'pt',
    sv: 'se' };

export class Layout {
    #ways = new Map();  // character -> [{strokes, cost}], cheapest first

    // data: what a file in layouts/ exports.
    constructor({ keys, alone }) {
        const dead = this.#readKeys(keys);
        const letters = [...this.#ways].filter(([char]) => LETTER.test(char));
        for (const { mark, level, stroke: accent } of dead) {
            const [spaced, twice] = alone[mark] ?? '';
            this.#add(spaced, [accent, SPACE], BEFORE_SPACE[level]);
            this.#add(twice, [accent, accent], TWICE + level);
            for (const [letter, ways] of letters) {
                const composed = (letter + mark).normalize('NFC');
                for (const { strokes, cost } of ways) {
                    this.#add(composed, [accent, ...strokes],
                        BEFORE_LETTER + BEFORE_SPACE[level] + cost);
                }
            }
        }
        for (const ways of this.#ways.values()) {
            ways.sort((one, other) => one.cost - other.cost);
        }
    }

    // Every character that can be typed.
    get characters() {
        return [...this.#ways.keys()];
    }

    // Returns strokes, or null. usOnly: with the keys of a US keyboard only.
    find(char, usOnly = false) {
        const way = this.#ways.get(char)?.find(({ strokes }) =>
            !usOnly || strokes.every(({ keysym }) => keysym !== 0));
        return way?.strokes ?? null;
    }

    #readKeys(keys) {
        const dead = [];
        this.#add(' ', [SPACE], DIRECT[0]);
        for (const [code, row] of Object.entries(keys)) {
            for (const [level, text] of row.split(' ').entries()) {
                if (MARK.test(text)) {
                    dead.push({ mark: text, level,
                        stroke: stroke(code, level) });
                } else {
                    this.#add(text, [stroke(code, level)], DIRECT[level]);
                }
            }
        }
        return dead;
    }

    // Ignores what is not one character: marks that stay apart.
    #add(char, strokes, cost) {
        if (char && [...char].length === 1) {
            const ways = this.#ways.get(char) ?? [];
            ways.push({ strokes, cost });
            this.#ways.set(char, ways);
        }
    }
}

// level: 0 plain, 1 Shift, 2 AltGr, 3 both.
function stroke(code, level) {
    const shift = level % 2 === 1;
    // Of ASCII characters the code point is the keysym.
    const keysym = US[code]?.charCodeAt(Number(shift)) ?? 0;
    return Object.freeze({ code, keysym, shift, altGr: level > 1 });
}
