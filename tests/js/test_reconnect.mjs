// SPDX-License-Identifier: Apache-2.0
// reconnect.js: which ends are tried again, and how patiently.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { initial, next }
    from '../../ironic_console/novncproxy/web/js/state.js';
import { BackOff, isWorthAnother }
    from '../../ironic_console/novncproxy/web/js/reconnect.js';

const OPENED = [{ type: 'connect' }, { type: 'socket-open' }];
const close = (code, reason = '') => ({ type: 'socket-close', code, reason });
const walk = (...events) => events.reduce(next, initial);
const closed = (code, reason) => walk(...OPENED, { type: 'rfb-connect' },
    close(code, reason));
const failed = (code, reason) => walk(...OPENED, close(code, reason));
const answered = (verdict) => walk({ type: 'connect' }, close(1006),
    { type: 'answer', verdict });
const refused = (status) => answered({ kind: 'refused', status,
    reason: 'A reason.', retryAfter: null });

test('comes back when the service says that it will', () => {
    for (const code of [1001, 1012, 1013]) {
        assert.ok(isWorthAnother(closed(code), true), code);
        assert.ok(isWorthAnother(failed(code), false), code);
    }
    assert.ok(isWorthAnother(refused(503), false));
    assert.ok(isWorthAnother(refused(429), false));
});

test('comes back to what has worked before', () => {
    const lost = [closed(1006), failed(1006), failed(4502), failed(4503),
        failed(4504), answered({ kind: 'unreachable', status: 0 }),
        answered({ kind: 'unreachable', status: 502 }),
        answered({ kind: 'ok', readOnly: false })];
    for (const state of lost) {
        assert.equal(isWorthAnother(state, true), true, state.words);
        assert.equal(isWorthAnother(state, false), false, state.words);
    }
});

test('a console in use may be in use by ourselves, after a loss', () => {
    const inUse = (canTakeOver, again) => walk({ type: 'connect', again },
        close(1006), { type: 'answer', verdict: { kind: 'refused',
            status: 423, reason: '', retryAfter: null, canTakeOver } });
    for (const can of [true, false]) {
        assert.equal(isWorthAnother(inUse(can, true), true), true);
        assert.equal(isWorthAnother(inUse(can, false), true), false);
        assert.equal(isWorthAnother(inUse(can, true), false), false);
    }
});

test('who was sent away does not come back by itself', () => {
    assert.equal(isWorthAnother(closed(4409), true), false);
});

test('comes back to a BMC whose refusal came inside RFB', () => {
    const refusal = { type: 'security-failure',
        reason: "The server's console cannot be reached. (0a1b2c3d)" };
    assert.ok(isWorthAnother(walk(...OPENED, refusal, close(4502)), true));
});

test('leaves alone what another attempt cannot help', () => {
    for (const state of [
        walk({ type: 'link-refused', problem: 'damaged' }),
        walk({ type: 'client-missing' }), refused(403), refused(400),
        closed(1000), closed(1002), closed(1003), closed(1005), closed(1007),
        closed(1008), closed(1009), closed(1011), closed(4000),
        walk(...OPENED, { type: 'credentials-required' }, close(1005)),
        walk(...OPENED, { type: 'rfb-disconnect', clean: false }),
    ]) {
        assert.equal(isWorthAnother(state, true), false,
            `${state.words} ${state.code}`);
    }
});

test('does not go on by itself where the user has to see something', () => {
    assert.equal(isWorthAnother(closed(1013, 'Consoles are read-only from ' +
        'now on. Connect again to go on watching.'), true), false);
});

test('does not try a password again and again', () => {
    for (const reason of ["The server's console did not accept our " +
        'credentials. Tell your operator.',
    'The console of this server is not set up correctly. Tell your ' +
        'operator.']) {
        for (const said of [reason, `${reason} (0a1b2c3d)`]) {
            assert.equal(isWorthAnother(failed(4502, said), true), false);
        }
    }
});

test('nothing is tried again while it goes on', () => {
    for (const state of [initial, walk({ type: 'connect' }),
        walk(...OPENED, { type: 'rfb-connect' })]) {
        assert.equal(isWorthAnother(state, true), false);
    }
});

// Delays of a row in which every attempt fails at once.
function row(backOff, now = 0, atLeast = null) {
    const delays = [];
    for (let delay; (delay = backOff.next(now, atLeast)) !== null;) {
        delays.push(delay);
        now += delay;
        assert.ok(delays.length < 1000);
    }
    return delays;
}

test('waits longer and longer, up to half a minute', () => {
    const delays = row(new BackOff(() => 1));
    assert.deepEqual(delays.slice(0, 7), [1, 2, 4, 8, 16, 30, 30]);
    assert.equal(Math.max(...delays), 30);
});

test('stops after ten minutes', () => {
    for (const random of [() => 0, () => 1, Math.random]) {
        const sum = row(new BackOff(random)).reduce((a, b) => a + b);
        assert.ok(sum > 560 && sum <= 600, sum);
    }
});

test('spreads the pages that lost the same service', () => {
    assert.deepEqual(row(new BackOff(() => 0)).slice(0, 3), [0.75, 1.5, 3]);
});

test('waits as long as the service asks', () => {
    assert.deepEqual(row(new BackOff(() => 1), 0, 7).slice(0, 5),
        [7, 7, 7, 8, 16]);
    assert.deepEqual(row(new BackOff(() => 1), 0, 9999), []);
});

test('begins anew after a screen that stayed, not after a glimpse', () => {
    const backOff = new BackOff(() => 1);
    row(backOff);
    backOff.lasted(29);
    assert.equal(backOff.next(600), null);
    backOff.lasted(30);
    assert.equal(backOff.attempts, 0);
    assert.equal(backOff.next(10000), 1);
    assert.equal(backOff.attempts, 1);
});
