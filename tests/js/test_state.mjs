// SPDX-License-Identifier: Apache-2.0
// state.js: every way through the phases, and the words at its end.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { initial, isOver, next }
    from '../../ironic_console/novncproxy/web/js/state.js';

const CONNECT = { type: 'connect' };
const OPEN = { type: 'socket-open' };
const SCREEN = { type: 'rfb-connect' };
const close = (code, reason = '') => ({ type: 'socket-close', code, reason });
const disconnect = (clean) => ({ type: 'rfb-disconnect', clean });
const refuse = (reason) => ({ type: 'security-failure', reason });
const answer = (verdict) => ({ type: 'answer', verdict });
const rights = (readOnly) => ({ type: 'rights',
    verdict: { kind: 'ok', readOnly } });
const refused = (status, reason = 'A reason.', retryAfter = null) =>
    answer({ kind: 'refused', status, reason, retryAfter });

const walk = (...events) => events.reduce(next, initial);
const connected = walk(CONNECT, OPEN, SCREEN);

test('starts without words of trouble', () => {
    assert.equal(initial.phase, 'starting');
    assert.equal(initial.canRetry, false);
    assert.ok(!isOver(initial));
});

test('connects', () => {
    assert.equal(walk(CONNECT).phase, 'connecting');
    assert.equal(walk(CONNECT, OPEN).phase, 'connecting');
    assert.equal(connected.phase, 'connected');
    assert.equal(connected.words, 'phase.connected');
});

test('a bad link fails for good, with words for each problem', () => {
    const words = ['missing', 'damaged', 'foreign'].map((problem) => {
        const state = walk({ type: 'link-refused', problem });
        assert.equal(state.phase, 'failed');
        assert.equal(state.canRetry, false);
        return state.words;
    });
    assert.deepEqual(words,
        ['link.missing', 'link.damaged', 'link.foreign']);
});

test('a problem that nobody knows is a damaged link', () => {
    for (const problem of ['x', '', undefined, 'toString']) {
        assert.equal(walk({ type: 'link-refused', problem }).words,
            'link.damaged');
    }
});

test('says that noVNC is missing', () => {
    const state = walk(CONNECT, { type: 'client-missing' });
    assert.equal(state.phase, 'failed');
    assert.equal(state.words, 'end.clientMissing');
});

test('asks why when the socket never opened', () => {
    const state = walk(CONNECT, close(1006));
    assert.equal(state.phase, 'connecting');
    assert.ok(state.ask);
});

test('a refusal by ticket is final and shown in its own words', () => {
    const state = walk(CONNECT, close(1006), refused(403));
    assert.equal(state.phase, 'failed');
    assert.equal(state.words, 'end.denied');
    assert.equal(state.said, 'A reason.');
    assert.equal(state.status, 403);
    assert.equal(state.canRetry, false);
    assert.equal(state.ask, false);
});

test('a console in use can be taken over only where that is allowed', () => {
    const inUse = (canTakeOver) => walk(CONNECT, close(1006), answer({
        kind: 'refused', status: 423, retryAfter: null, canTakeOver,
        reason: 'Somebody else is using the console of this server.' }));
    for (const [can, words] of [[true, 'end.takeOver'],
        [false, 'end.inUse']]) {
        const state = inUse(can);
        assert.equal(state.phase, 'failed');
        assert.equal(state.words, words);
        assert.equal(state.said, '');
        assert.equal(state.canTakeOver, can);
        assert.ok(state.canRetry);
    }
    // Whatever follows does not ask any more.
    assert.equal(next(inUse(true), CONNECT).canTakeOver, false);
});

test('a console that was taken over is told so, and may be asked for', () => {
    const state = next(connected,
        close(4409, 'Somebody else took over this console.'));
    assert.equal(state.phase, 'closed');
    assert.equal(state.words, 'end.takenOver');
    assert.equal(state.said, '');
    assert.ok(state.canRetry);
    assert.ok(!state.canTakeOver);
    assert.equal(next(connected, close(4423)).words, 'end.inUse');
});

test('a busy service may be tried again, later', () => {
    for (const status of [429, 503]) {
        const state = walk(CONNECT, close(1006), refused(status, 'Full.', 7));
        assert.equal(state.canRetry, true);
        assert.equal(state.said, 'Full.');
        assert.equal(state.retryAfter, 7);
    }
});

test('a request that is not understood is not repeated', () => {
    assert.equal(walk(CONNECT, close(1006), refused(400)).canRetry, false);
});

test('tells apart blocked, misplaced and unreachable', () => {
    const words = [
        { kind: 'ok', readOnly: false },
        { kind: 'unreachable', status: 502 },
        { kind: 'unreachable', status: 0 },
    ].map((verdict) => {
        const state = walk(CONNECT, close(1006), answer(verdict));
        assert.equal(state.phase, 'failed');
        assert.equal(state.canRetry, true);
        return state.words;
    });
    assert.deepEqual(words,
        ['end.blocked', 'end.misplaced', 'end.unreachable']);
});

test('an answer that nobody asked for changes nothing', () => {
    for (const state of [initial, walk(CONNECT), connected]) {
        assert.equal(next(state, refused(403)), state);
    }
});

test('nothing is read-only before the proxy says so', () => {
    for (const state of [initial, walk(CONNECT), connected]) {
        assert.equal(state.readOnly, false);
    }
});

test('a connected session may be read-only', () => {
    const state = next(connected, rights(true));
    assert.deepEqual(state, { ...connected, readOnly: true });
    assert.deepEqual(next(connected, rights(false)), connected);
});

test('without an answer about rights nothing changes', () => {
    for (const verdict of [{ kind: 'unreachable', status: 0 },
        { kind: 'unreachable', status: 502 },
        { kind: 'refused', status: 403, reason: 'No.', retryAfter: null }]) {
        assert.equal(next(connected, { type: 'rights', verdict }), connected);
    }
});

test('rights matter only while connected', () => {
    for (const state of [initial, walk(CONNECT), walk(CONNECT, OPEN),
        walk(CONNECT, close(1006)), next(connected, close(1000))]) {
        assert.equal(next(state, rights(true)), state);
    }
});

test('the next attempt is not read-only until the proxy says so', () => {
    const state = [close(1006), CONNECT, OPEN, SCREEN]
        .reduce(next, next(connected, rights(true)));
    assert.deepEqual(state, connected);
});

test('offers to try again after each close code that it can help', () => {
    for (const [code, canRetry] of [
        [1000, true], [1001, true], [1002, false], [1003, false],
        [1005, true], [1006, true], [1007, false], [1008, false],
        [1009, true], [1011, true], [1012, true], [1013, true],
        [1014, true], [3999, true], [4999, true],
    ]) {
        const state = next(connected, close(code));
        assert.equal(state.phase, 'closed', code);
        assert.equal(state.canRetry, canRetry, code);
        assert.match(state.words, /^end\./, code);
        assert.equal(state.code, code);
    }
});

test('shows the reason of a close frame in place of our own words', () => {
    assert.equal(next(connected, close(1008, 'Idle for too long.')).said,
        'Idle for too long.');
});

test("has words of our own for some of the service's reasons", () => {
    for (const [reason, words, canRetry] of [
        ['The session was closed because it was not used.', 'end.idle', true],
        ['The session has reached its time limit.', 'end.tooLong', false],
        ['The console of this node was switched off.', 'end.disabled', false],
        ['Nothing could be delivered for too long.', 'end.stalled', true],
    ]) {
        const state = next(connected, close(1008, reason));
        assert.equal(state.words, words);
        assert.equal(state.said, '');
        assert.equal(state.canRetry, canRetry);
    }
});

test('does not repeat the advice of a refusal', () => {
    const reason = 'This link does not open a console, or it has expired. ' +
        'Ask for a new one: openstack baremetal node console show NODE';
    const state = walk(CONNECT, close(1006), refused(403, reason));
    assert.equal(state.words, 'end.denied');
    assert.equal(state.said, '');
});

test('closing before the screen came is a failure', () => {
    const state = walk(CONNECT, OPEN, close(1014, 'No answer.'));
    assert.equal(state.phase, 'failed');
    assert.equal(state.said, 'No answer.');
});

test('a refusal inside RFB is shown, and its close code added', () => {
    const early = walk(CONNECT, OPEN, refuse('It said no.'));
    assert.equal(early.phase, 'failed');
    assert.equal(early.said, 'It said no.');
    assert.equal(early.canRetry, true);
    const late = [disconnect(false), close(1014, 'Trouble.')]
        .reduce(next, early);
    assert.equal(late.said, 'It said no.');
    assert.equal(late.code, 1014);
    assert.equal(late.canRetry, true);
});

test('a close code takes the chance of trying again away', () => {
    const state = walk(CONNECT, OPEN, refuse('No.'), close(1008));
    assert.equal(state.canRetry, false);
    assert.equal(state.said, 'No.');
});

test('a refusal inside RFB without a reason takes that of the close', () => {
    const state = walk(CONNECT, OPEN, refuse(undefined));
    assert.equal(state.words, 'end.endpoint');
    assert.equal(next(state, close(1014, 'Trouble.')).said, 'Trouble.');
});

test('never asks for a password', () => {
    const state = walk(CONNECT, OPEN, { type: 'credentials-required' },
        disconnect(true), close(1005));
    assert.equal(state.phase, 'failed');
    assert.equal(state.words, 'end.credentials');
    assert.equal(state.canRetry, false);
});

test('noVNC giving up is told, unless the close frame knows better', () => {
    const early = next(connected, disconnect(false));
    assert.equal(early.phase, 'closed');
    for (const code of [1005, 1006]) {
        assert.equal(next(early, close(code)), early);
    }
    assert.equal(next(early, close(1002)).code, 1002);
    const late = next(early, close(1011, 'Our fault.'));
    assert.equal(late.phase, 'closed');
    assert.equal(late.said, 'Our fault.');
});

test('a clean end without a close frame is an end', () => {
    assert.equal(next(connected, disconnect(true)).phase, 'closed');
});

test('after the close frame nothing changes any more', () => {
    const state = next(connected, close(1008, 'Over.'));
    for (const event of [disconnect(false), disconnect(true), refuse('x'),
        close(1011, 'x'), OPEN, SCREEN, refused(403)]) {
        assert.equal(next(state, event), state, event.type);
    }
});

test('trying again starts afresh', () => {
    assert.deepEqual(next(next(connected, close(1006)), CONNECT),
        walk(CONNECT));
});

test('unknown events change nothing', () => {
    for (const type of ['x', '', 'toString', '__proto__', undefined]) {
        assert.equal(next(connected, { type }), connected);
    }
});

test('no event changes a state in place', () => {
    assert.ok(Object.isFrozen(initial));
    assert.ok(Object.isFrozen(walk(CONNECT, OPEN)));
    assert.ok(Object.isFrozen(next(connected, close(1006))));
});

test('waits for another attempt with the words of what went wrong', () => {
    for (const over of [next(connected, close(1006)),
        walk(CONNECT, close(1006), refused(503))]) {
        const waiting = next(over, { type: 'wait' });
        assert.deepEqual(waiting, { ...over, waiting: true });
        assert.ok(isOver(waiting));
        assert.deepEqual(next(waiting, { type: 'give-up' }), over);
        assert.deepEqual(next(over, { type: 'give-up' }), over);
        assert.deepEqual(next(waiting, CONNECT), walk(CONNECT));
    }
});

test('an attempt by itself is one until it is over', () => {
    const again = { type: 'connect', again: true };
    for (const state of [walk(again), walk(again, OPEN),
        walk(again, close(1006))]) {
        assert.equal(state.phase, 'connecting');
        assert.equal(state.again, true);
        const stopped = next(state, { type: 'give-up' });
        assert.equal(stopped.phase, 'failed');
        assert.equal(stopped.canRetry, true);
        assert.equal(stopped.again, false);
    }
    const over = walk(again, OPEN, close(4503));
    assert.equal(over.again, true);
    assert.equal(next(over, { type: 'wait' }).again, false);
    assert.equal(next(over, { type: 'give-up' }).again, false);
    assert.equal(walk(again).words, 'phase.reconnecting');
    assert.deepEqual(walk(again, OPEN, SCREEN), connected);
});

test('never waits for what cannot help, or goes on', () => {
    for (const state of [initial, walk(CONNECT), connected,
        next(connected, close(1008))]) {
        assert.equal(next(state, { type: 'wait' }), state);
    }
});
