// SPDX-License-Identifier: Apache-2.0
// The user's macros: reads what they do, checks what may be kept. Pure;
// settings.js stores them, key_sender.js plays them.
//
// A macro is {name, text}. Its text is words: combinations of keys, and waits
// between them, as in
//
//     Ctrl+Alt+Del wait 500ms F2 F2 F2

import { cleanName } from './messages.js';
import { formatCombination, parseCombination } from './keys.js';

export const MAX_MACROS = 50;
export const MAX_NAME_CHARS = 40;
export const MAX_TEXT_CHARS = 1000;
// Seconds; long enough for a server to get from one menu to the next.
export const MAX_WAIT = 60;

const WAIT = 'wait';
const DURATION = /^(\d{1,5})(ms|s)$/i;

// {steps} for KeySender.play(), or {problem, word}: 'empty', 'long', 'wait'
// (word is no time), 'key', 'twice' or 'many' (see keys.js).
export function parseMacro(text) {
    if (text.length > MAX_TEXT_CHARS) {
        return { problem: 'long', word: '' };
    }
    const words = text.split(/\s+/).filter(Boolean);
    const steps = [];
    while (words.length > 0) {
        const word = words.shift();
        const step = word.toLowerCase() === WAIT ?
            parseWait(words.shift() ?? '') : parseCombination(word);
        if (step.problem) {
            return step;
        }
        steps.push(step);
    }
    return steps.length > 0 ? { steps } : { problem: 'empty', word: '' };
}

function parseWait(word) {
    const [, digits, unit] = DURATION.exec(word) ?? [];
    const wait = Number(digits) / (unit?.toLowerCase() === 'ms' ? 1000 : 1);
    return wait > 0 && wait <= MAX_WAIT ? { wait } :
        { problem: 'wait', word };
}

// The text that parseMacro() reads as these steps.
export function formatMacro(steps) {
    return steps.map(({ keys, wait }) => keys ? formatCombination(keys) :
        `${WAIT} ${formatWait(wait)}`).join(' ');
}

function formatWait(seconds) {
    return Number.isInteger(seconds) ? `${seconds}s` :
        `${Math.round(1000 * seconds)}ms`;
}

// Reads what was stored, which may be anything: {macros, damaged}, where
// damaged is the number of those that had to be left out.
export function readMacros(stored) {
    if (stored === undefined || stored === null) {
        return { macros: [], damaged: 0 };
    }
    if (!Array.isArray(stored)) {
        return { macros: [], damaged: 1 };
    }
    let macros = [];
    for (const one of stored) {
        macros = typeof one?.name === 'string' &&
            typeof one.text === 'string' ?
            putMacro(macros, one).macros ?? macros : macros;
    }
    return { macros, damaged: stored.length - macros.length };
}

// Adds a macro, or puts it in the place of the one called `replaced`:
// {macros}, a new list, or {problem, word}: of parseMacro(), or 'nameless',
// 'name' (too long), 'taken' or 'full'.
export function putMacro(macros, { name, text }, replaced = null) {
    const { steps, problem, word } = parseMacro(text);
    const clean = cleanName(name);
    if (!clean) {
        return { problem: 'nameless', word: '' };
    }
    if ([...clean].length > MAX_NAME_CHARS) {
        return { problem: 'name', word: clean };
    }
    if (problem) {
        return { problem, word };
    }
    if (clean !== replaced && macros.some((one) => one.name === clean)) {
        return { problem: 'taken', word: clean };
    }
    const macro = Object.freeze({ name: clean, text: formatMacro(steps) });
    // Full names can be longer than what was typed.
    if (macro.text.length > MAX_TEXT_CHARS) {
        return { problem: 'long', word: '' };
    }
    if (macros.some((one) => one.name === replaced)) {
        return { macros: macros.map(
            (one) => one.name === replaced ? macro : one) };
    }
    return macros.length < MAX_MACROS ? { macros: [...macros, macro] } :
        { problem: 'full', word: '' };
}

export function removeMacro(macros, name) {
    return macros.filter((one) => one.name !== name);
}
