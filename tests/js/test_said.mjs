// SPDX-License-Identifier: Apache-2.0
// said.js: the service's own sentences are known, others stay as they are.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import de from '../../ironic_console/novncproxy/web/js/messages/de.js';
import en from '../../ironic_console/novncproxy/web/js/messages/en.js';
import { translator }
    from '../../ironic_console/novncproxy/web/js/messages.js';
import { recognise, retell }
    from '../../ironic_console/novncproxy/web/js/said.js';

const IDLE = 'The session was closed because it was not used.';

test('knows a sentence, with and without the id of a connection', () => {
    assert.deepEqual(recognise(IDLE), { name: 'idle', connection: '' });
    assert.deepEqual(recognise(`${IDLE} (0a1b2c3d)`),
        { name: 'idle', connection: '0a1b2c3d' });
});

test('knows no other', () => {
    for (const text of ['', 'Idle.', `${IDLE}x`, 'toString']) {
        assert.deepEqual(recognise(text), { name: '', connection: '' });
    }
    assert.equal(recognise(`${IDLE} (0a1b2c3d) `).name, '');
});

test('tells a sentence in another language', () => {
    const german = translator(de);
    assert.equal(retell(german, `${IDLE} (0a1b2c3d)`),
        de['said.idle']);
    assert.equal(retell(german, 'It burns. (0a1b2c3d)'), 'It burns.');
    assert.equal(retell(german, ''), '');
});

test('no two names stand for one sentence', () => {
    const sentences = Object.entries(en)
        .filter(([key]) => key.startsWith('said.')).map(([, text]) => text);
    assert.equal(new Set(sentences).size, sentences.length);
});
