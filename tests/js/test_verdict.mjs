// SPDX-License-Identifier: Apache-2.0
// verdict.js: the proxy's answers, and those of others in its place.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { NO_ANSWER, readVerdict }
    from '../../ironic_console/novncproxy/web/js/verdict.js';

const REFUSED = '{"status": "refused", "reason": "No."}';

const BARE = { kind: 'ok', readOnly: false, node: { uuid: '', name: '' },
    endpoint: '', limits: { length: 0, idle: 0 } };

test('reads a good verdict and what it allows', () => {
    for (const [body, readOnly] of [
        ['{"status": "ok", "read_only": true}', true],
        ['{"status": "ok", "read_only": false}', false],
        ['{"status": "ok"}', false],
    ]) {
        assert.deepEqual(readVerdict(200, body, null),
            { ...BARE, readOnly });
    }
});

test('reads what else the service tells', () => {
    assert.deepEqual(readVerdict(200, JSON.stringify({ status: 'ok',
        read_only: false, node: { uuid: '1be26c0b', name: 'rack7\u202e' },
        kind: 'idrac-vnc',
        session: { max_length: 3600, idle_timeout: 0 } }), null),
    { kind: 'ok', readOnly: false, endpoint: 'idrac-vnc',
        node: { uuid: '1be26c0b', name: 'rack7' },
        limits: { length: 3600, idle: 0 } });
});

test('does without what is not as it should be', () => {
    for (const odd of ['x', -1, null, [], {}, true, 1e999]) {
        const body = JSON.stringify({ status: 'ok', node: odd,
            session: odd });
        assert.deepEqual(readVerdict(200, body, null), BARE, body);
        assert.deepEqual(readVerdict(200, JSON.stringify({ status: 'ok',
            node: { uuid: [odd], name: [odd] }, kind: [odd],
            session: { max_length: [odd], idle_timeout: `${odd}` } }), null),
        BARE, body);
    }
});

test('only true means read-only', () => {
    for (const value of ['"true"', '1', 'null', '{}', '"false"']) {
        assert.equal(readVerdict(200,
            `{"status": "ok", "read_only": ${value}}`, null).readOnly,
        false, value);
    }
});

test('reads a refusal with its reason', () => {
    assert.deepEqual(readVerdict(403, REFUSED, null),
        { kind: 'refused', status: 403, reason: 'No.', retryAfter: null,
            canTakeOver: false });
});

test('reads whether somebody else may be sent away', () => {
    for (const [value, can] of [['true', true], ['false', false],
        ['"true"', false], ['1', false], ['null', false]]) {
        const body = `{"status": "refused", "can_take_over": ${value}}`;
        assert.equal(readVerdict(423, body, null).canTakeOver, can, value);
    }
});

test('reads the seconds to wait', () => {
    assert.equal(readVerdict(503, REFUSED, '7').retryAfter, 7);
});

test('ignores a time to wait that is not a number of seconds', () => {
    for (const header of ['', '-1', '1.5', '1e9', '9999999',
        'Fri, 31 Dec 1999 23:59:59 GMT', '<b>']) {
        assert.equal(readVerdict(503, REFUSED, header).retryAfter, null,
            header);
    }
});

test('a reason that is not text is none', () => {
    assert.equal(
        readVerdict(403, '{"status": "refused", "reason": {}}', null).reason,
        '');
});

test('any other answer is not from the console service', () => {
    for (const [status, body] of [
        [200, '<html>Log in</html>'], [200, ''], [200, 'null'], [200, '[]'],
        [200, REFUSED], [302, '{"status": "ok"}'],
        [403, '{"status": "ok"}'], [502, '<h1>Bad Gateway</h1>'],
        [404, '{"error": "not found"}'], [403, '"refused"'],
    ]) {
        assert.deepEqual(readVerdict(status, body, null),
            { kind: 'unreachable', status }, `${status} ${body}`);
    }
});

test('no answer has no status', () => {
    assert.deepEqual(NO_ANSWER, { kind: 'unreachable', status: 0 });
});
