// SPDX-License-Identifier: Apache-2.0
// clipboard.js: what may pass between two clipboards.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { checkOutgoing, MAX_CLIPBOARD_BYTES, ServerClipboard }
    from '../../ironic_console/novncproxy/web/js/clipboard.js';

test('passes a text on as it is', () => {
    assert.deepEqual(checkOutgoing('ls -l\n\tx'),
        { text: 'ls -l\n\tx', lossy: false });
    assert.deepEqual(checkOutgoing('Grüße'),
        { text: 'Grüße', lossy: false });
});

test('line ends are those of RFB', () => {
    assert.equal(checkOutgoing('a\r\nb\rc\nd').text, 'a\nb\nc\nd');
});

test('says what old servers cannot take', () => {
    for (const text of ['€', '日本', '😀', 'a\u0100']) {
        assert.deepEqual(checkOutgoing(text), { text, lossy: true });
    }
    assert.equal(checkOutgoing('ÿ\u0000').lossy, false);
});

test('nothing is not sent', () => {
    assert.deepEqual(checkOutgoing(''), { problem: 'empty' });
});

test('the limit counts bytes', () => {
    const fits = 'a'.repeat(MAX_CLIPBOARD_BYTES);
    assert.equal(checkOutgoing(fits).text, fits);
    assert.deepEqual(checkOutgoing(fits + 'a'), { problem: 'too-long' });
    const half = MAX_CLIPBOARD_BYTES / 2;
    assert.equal(checkOutgoing('ü'.repeat(half)).problem, undefined);
    assert.deepEqual(checkOutgoing('ü'.repeat(half) + 'a'),
        { problem: 'too-long' });
});

test('keeps the last text of the server only', () => {
    const kept = new ServerClipboard();
    assert.ok(kept.isEmpty);
    kept.receive('first');
    kept.receive('second');
    assert.equal(kept.text, 'second');
    assert.equal(kept.isEmpty, false);
});

test('forgets when told, and when the server empties its clipboard', () => {
    const kept = new ServerClipboard();
    for (const forget of [() => kept.forget(), () => kept.receive('')]) {
        kept.receive('secret');
        forget();
        assert.equal(kept.text, '');
        assert.ok(kept.isEmpty);
    }
});

test('a text that is too long is told about, not kept', () => {
    const kept = new ServerClipboard();
    kept.receive('before');
    kept.receive('a'.repeat(MAX_CLIPBOARD_BYTES + 1));
    assert.equal(kept.text, '');
    assert.ok(kept.tooLong);
    assert.equal(kept.isEmpty, false);
    kept.receive('short');
    assert.equal(kept.tooLong, false);
    assert.equal(kept.text, 'short');
});
