// SPDX-License-Identifier: Apache-2.0
// words.js: every state has its texts, and commands can be pasted safely.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import de from '../../ironic_console/novncproxy/web/js/messages/de.js';
import { t, translator }
    from '../../ironic_console/novncproxy/web/js/messages.js';
import { initial, next }
    from '../../ironic_console/novncproxy/web/js/state.js';
import { describe, documentTitle, whereAndWhen }
    from '../../ironic_console/novncproxy/web/js/words.js';

const NODE = '1be26c0b-03f2-4d2e-ae87-c02d7f33c123';
const closed = (code, reason = '') => [{ type: 'connect' },
    { type: 'socket-open' }, { type: 'rfb-connect' },
    { type: 'socket-close', code, reason }].reduce(next, initial);

test('every close code has words', () => {
    for (const code of [1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009,
        1011, 1012, 1013, 1014, 4000, 4409, 4423, 4502, 4503, 4504]) {
        const texts = describe(t, closed(code), NODE);
        assert.ok(texts.title && texts.message && texts.advice, code);
        assert.match(texts.detail, new RegExp(code));
    }
});

test('a sentence from the far end replaces ours; the advice stays', () => {
    const ours = describe(t, closed(4503), NODE);
    assert.deepEqual(describe(t, closed(4503, 'It burns.'), NODE),
        { ...ours, message: 'It burns.' });
});

test('a console that was switched off is switched on first', () => {
    const texts = describe(t,
        closed(1008, 'The console of this node was switched off.'), NODE);
    assert.equal(texts.title, 'Console switched off');
    assert.deepEqual(texts.commands,
        [`openstack baremetal node console enable ${NODE}`,
            `openstack baremetal node console show ${NODE}`]);
});

test("tells the service's own sentences in the reader's language", () => {
    const state = closed(4502,
        "The server's console closed the connection. (0a1b2c3d)");
    const german = describe(translator(de), state, NODE);
    assert.match(german.message, /^Die Konsole des Servers/);
    assert.match(german.detail, /0a1b2c3d/);
    assert.equal(describe(t, state, NODE).message,
        "The server's console closed the connection.");
});

test('says how long the service asks us to wait', () => {
    const state = [{ type: 'connect' },
        { type: 'socket-close', code: 1006, reason: '' },
        { type: 'answer', verdict: { kind: 'refused', status: 503,
            reason: '', retryAfter: 7 } }].reduce(next, initial);
    assert.equal(describe(t, state, NODE).detail,
        'Answered with HTTP status 503. Wait 7 s before the next try.');
});

test('names the command for a new link, with the node', () => {
    for (const [node, name] of [[NODE, NODE], ['rack7-u12', 'rack7-u12'],
        ['', 'NODE']]) {
        assert.deepEqual(describe(t, closed(1008), node).commands,
            [`openstack baremetal node console show ${name}`]);
    }
    assert.deepEqual(describe(t, closed(1006), NODE).commands, []);
});

test('what is no name of a node gets into no command', () => {
    for (const name of ['a; rm -rf ~', '$(id)', '`id`', 'a b', '-x', "a'b",
        'a|b', 'a\nb', 'a&b', '<b>', 'ä']) {
        assert.deepEqual(describe(t, closed(1008), name).commands,
            ['openstack baremetal node console show NODE'], name);
    }
});

test('marks whom and when an operator has to look for', () => {
    assert.equal(
        whereAndWhen(t, '1be26c0b', new Date('2026-11-22T06:31:07Z')),
        'Node 1be26c0b, 2026-11-22 06:31:07 UTC.');
});

test('names the page alone when there is no name', () => {
    assert.equal(documentTitle(t, ''), 'Console');
    assert.equal(documentTitle(t, 'node-1'), 'node-1 - Console');
});
