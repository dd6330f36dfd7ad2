// SPDX-License-Identifier: Apache-2.0
// layouts.js and layouts/*: every layout types what its keyboard types.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';

import { LAYOUTS, Layout, load, suggest }
    from '../../ironic_console/novncproxy/web/js/layouts.js';

const FOLDER = new URL(
    '../../ironic_console/novncproxy/web/js/layouts/', import.meta.url);
const ASCII = Array.from({ length: 95 }, (_, n) =>
    String.fromCharCode(32 + n));

// Strokes as a person would say them.
function say(strokes) {
    return strokes?.map(({ code, shift, altGr }) =>
        `${shift ? 'Shift+' : ''}${altGr ? 'AltGr+' : ''}${code}`).join(' ');
}

test('offers every layout that there is a file of, and no other', () => {
    const files = readdirSync(FOLDER).map((name) => name.slice(0, -3));
    assert.deepEqual([...LAYOUTS].sort(), files.sort());
});

test('has the layouts that were asked for', () => {
    for (const name of ['us', 'uk', 'de', 'fr', 'es', 'it', 'pt', 'se', 'no',
        'dk', 'fi', 'ch', 'jp', 'br']) {
        assert(LAYOUTS.includes(name), name);
    }
});

for (const name of LAYOUTS) {
    test(`types all of ASCII in ${name}`, async () => {
        const layout = await load(name);
        assert.deepEqual(ASCII.filter((char) => !layout.find(char)), []);
    });

    test(`needs two keys at most for any character in ${name}`,
        async () => {
            const layout = await load(name);
            for (const char of layout.characters) {
                const strokes = layout.find(char);
                assert(strokes.length <= 2, `${char}: ${say(strokes)}`);
                assert(strokes.every(({ code }) => code), char);
            }
        });
}

test('refuses a layout that there is not', async () => {
    await assert.rejects(load('xx'), RangeError);
    await assert.rejects(load('constructor'), RangeError);
});

for (const [name, char, wanted] of [
    ['us', '@', 'Shift+Digit2'],
    ['uk', '@', 'Shift+Quote'],
    ['uk', '£', 'Shift+Digit3'],
    ['de', '@', 'AltGr+KeyQ'],
    ['de', 'z', 'KeyY'],
    ['de', '€', 'AltGr+KeyE'],
    ['de', '\\', 'AltGr+Minus'],
    ['de', '|', 'AltGr+IntlBackslash'],
    ['de', '^', 'Backquote Space'],
    ['de', 'é', 'Equal KeyE'],
    ['de', 'È', 'Shift+Equal Shift+KeyE'],
    ['de-nodeadkeys', '^', 'Backquote'],
    ['fr', 'a', 'KeyQ'],
    ['fr', '1', 'Shift+Digit1'],
    ['fr', 'ê', 'BracketLeft KeyE'],
    ['es', 'ñ', 'Semicolon'],
    ['it', 'è', 'BracketLeft'],
    ['pt', 'ã', 'Backslash KeyA'],
    ['br', '/', 'IntlRo'],
    ['br', '~', 'Quote Space'],
    ['se', 'å', 'BracketLeft'],
    ['dk', 'æ', 'Semicolon'],
    ['no', 'æ', 'Quote'],
    ['fi', 'ö', 'Semicolon'],
    ['ch', 'è', 'Shift+BracketLeft'],
    ['ch-fr', 'è', 'BracketLeft'],
    ['jp', '_', 'Shift+IntlRo'],
    ['jp', '@', 'BracketLeft'],
    ['us-intl', "'", 'Quote Space'],
    ['us-intl', '"', 'Shift+Quote Space'],
]) {
    test(`types ${char} in ${name} with ${wanted}`, async () => {
        assert.equal(say((await load(name)).find(char)), wanted);
    });
}

test('names the key that a US keyboard has there, with the same Shift',
    async () => {
        const de = await load('de');
        const keysym = (char) => String.fromCharCode(
            de.find(char)[0].keysym);
        assert.equal(keysym('z'), 'y');
        assert.equal(keysym('Z'), 'Y');
        assert.equal(keysym('"'), '@');
        assert.equal(keysym('ß'), '-');
        assert.equal(keysym('@'), 'q');
        assert.equal(keysym(' '), ' ');
        assert.equal(keysym("'"), '|');
    });

test('does without keys that a US keyboard lacks, if it can', async () => {
    const de = await load('de');
    assert.equal(de.find('<')[0].keysym, 0);
    assert.equal(de.find('<', true), null);
    const br = await load('br');
    assert.equal(say(br.find('/', true)), 'AltGr+KeyQ');
});

test('knows no character that a layout lacks', async () => {
    const us = await load('us');
    for (const char of ['é', '€', '\u00a0', '', 'ab', '\u{1f600}']) {
        assert.equal(us.find(char), null);
    }
});

test('prefers a key of its own to a dead key, and fewer modifiers', () => {
    const layout = new Layout({ alone: { '\u0301': "'´" }, keys: {
        KeyA: 'a A é x', KeyB: 'e x \u0301', KeyC: '\u0301' } });
    assert.equal(say(layout.find('é')), 'AltGr+KeyA');
    assert.equal(say(layout.find('x')), 'Shift+KeyB');
    assert.equal(say(layout.find('á')), 'KeyC KeyA');
    assert.equal(say(layout.find("'")), 'KeyC Space');
    assert.equal(say(layout.find('´')), 'KeyC KeyC');
});

test('types no marks that stay apart from their letter', () => {
    const layout = new Layout({ alone: {}, keys: { KeyA: 'q \u0301' } });
    assert.deepEqual(layout.characters, [' ', 'q']);
});

for (const [languages, stored, wanted] of [
    [['de'], null, 'de'], [['de-AT', 'en'], null, 'de'],
    [['de-CH'], null, 'ch'], [['fr-CH'], null, 'ch-fr'],
    [['en-US'], null, 'us'], [['en-GB', 'de'], null, 'uk'],
    [['pt-BR'], null, 'br'], [['pt'], null, 'pt'],
    [['es-MX'], null, 'latam'], [['es-ES'], null, 'es'], [['es'], null, 'es'],
    [['sv-SE'], null, 'se'], [['nb-NO'], null, 'no'], [['ja'], null, 'jp'],
    [['zh-Hant-TW'], null, 'us'], [[], null, 'us'],
    [['de'], 'fr', 'fr'], [['de'], 'gone', 'de'],
]) {
    test(`suggests ${wanted} for ${languages} after ${stored}`, () => {
        assert.equal(suggest(languages, stored), wanted);
    });
}
