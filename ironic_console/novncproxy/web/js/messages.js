// SPDX-License-Identifier: Apache-2.0
// Chooses the language, puts values into texts, and cleans texts that come
// from elsewhere. It holds no text, see messages/, and decides nothing:
// which text is shown when is for state.js and words.js.

import de from './messages/de.js';
import en from './messages/en.js';

export const catalogs = Object.freeze({ de, en });

const MAX_REASON_CHARS = 300;
const MAX_NAME_CHARS = 100;

// The first language of a list of tags, best first, that we speak.
export function chooseLanguage(tags) {
    return [...tags].map((tag) => String(tag).toLowerCase().split('-')[0])
        .find((language) => Object.hasOwn(catalogs, language)) ?? 'en';
}

// A function t(key, values) that gives a text in a language. A key without
// text gives '', a missing value stays visible as {name}.
export function translator(language) {
    const catalog = catalogs[language];
    return (key, values = {}) =>
        (Object.hasOwn(catalog, key) ? catalog[key] : '').replace(
            /\{(\w+)\}/g, (whole, name) =>
                Object.hasOwn(values, name) ? String(values[name]) : whole);
}

export const language = chooseLanguage(globalThis.navigator?.languages ?? []);
export const t = translator(language);

// A sentence of the service, or of the endpoint behind it.
export function cleanReason(text) {
    return clean(text, MAX_REASON_CHARS);
}

// A desktop name, or the title that Horizon appends to a console URL.
export function cleanName(text) {
    return clean(text, MAX_NAME_CHARS);
}

// textContent keeps mark-up harmless. What is left are characters which
// make a text look like another one: line breaks, invisible characters and
// changes of direction (\p{C} holds all of these).
function clean(text, maxChars) {
    if (typeof text !== 'string') {
        return '';
    }
    const chars = [...text.slice(0, 4 * maxChars)
        .replace(/[\p{C}\p{Z}]+/gu, ' ').trim()];
    return chars.length <= maxChars ? chars.join('') :
        chars.slice(0, maxChars - 1).join('') + '…';
}
