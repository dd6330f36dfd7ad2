// SPDX-License-Identifier: Apache-2.0
// Chooses the language, puts values into texts, and cleans texts that come
// from elsewhere. It holds no text, see messages/, and decides nothing:
// which text is shown when is for state.js and words.js.

import en from './messages/en.js';

// English is there at once, also for what is missing elsewhere; the others
// are fetched by those who read them.
const OTHERS = Object.freeze({ de: () => import('./messages/de.js') });

const MAX_REASON_CHARS = 300;
const MAX_NAME_CHARS = 100;

// The first language of a list of tags, best first, that we speak.
export function chooseLanguage(tags) {
    return [...tags].map((tag) => String(tag).toLowerCase().split('-')[0])
        .find((language) => language === 'en' ||
            Object.hasOwn(OTHERS, language)) ?? 'en';
}

// A function t(key, values) that gives a text of a catalog, see messages/. A
// key without text gives '', a missing value stays visible as {name}.
export function translator(catalog) {
    return (key, values = {}) =>
        (Object.hasOwn(catalog, key) ? catalog[key] : '').replace(
            /\{(\w+)\}/g, (whole, name) =>
                Object.hasOwn(values, name) ? String(values[name]) : whole);
}

const wanted = chooseLanguage(globalThis.navigator?.languages ?? []);
const catalog = await fetchCatalog(wanted);

export const language = catalog ? wanted : 'en';
export const t = translator(catalog ?? en);

// null if it cannot be had: English is better than an empty page.
async function fetchCatalog(name) {
    try {
        return name === 'en' ? en : (await OTHERS[name]()).default;
    } catch (error) {
        console.warn(`The texts for ${name} are missing: ${error.message}`);
        return null;
    }
}

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
