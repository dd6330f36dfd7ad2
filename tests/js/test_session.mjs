// SPDX-License-Identifier: Apache-2.0
// session.js: what is known, in words; what is not known is not shown.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import en from '../../ironic_console/novncproxy/web/js/messages/en.js';
import { translator }
    from '../../ironic_console/novncproxy/web/js/messages.js';
import { Session }
    from '../../ironic_console/novncproxy/web/js/session.js';

const UUID = '1be26c0b-03f2-4d2e-ae87-c02d7f33c123';
const NODE = { uuid: UUID, name: 'rack7-u12' };
const START = new Date(2026, 10, 22, 6, 31, 7).getTime();
const MINUTE = 60000;

const verdict = (rest = {}) => ({ kind: 'ok', readOnly: false,
    node: NODE, endpoint: 'fake-vnc', limits: { length: 0, idle: 0 },
    ...rest });

function session(...verdicts) {
    const made = new Session(translator(en), 'en-GB');
    made.begin(START);
    verdicts.forEach((one) => made.learn(one));
    return made;
}

const values = (facts) => Object.fromEntries(
    facts.map(({ name, value }) => [name, value]));

test('tells what the service told', () => {
    const made = session(verdict({ limits: { length: 3600, idle: 900 } }));
    made.measured(12.4);
    assert.deepEqual(values(made.facts(NODE, START + 61 * 1000)), {
        node: 'rack7-u12', uuid: UUID, endpoint: 'Test card (fake-vnc)',
        mode: 'look and type', since: 'since 06:31, for 1 min',
        left: '58 min', idle: 'after 15 min', roundTrip: '12 ms' });
});

test('every fact has a label', () => {
    const made = session(verdict({ limits: { length: 3600, idle: 900 } }));
    made.measured(1);
    for (const { name, label } of made.facts(NODE, START)) {
        assert.match(label, /^[A-Z]/, name);
    }
});

test('an older service tells less, and so does the page', () => {
    assert.deepEqual(
        values(session().facts({ uuid: UUID, name: '' }, START)),
        { node: UUID, since: 'since 06:31, for 0 s' });
    assert.deepEqual(
        values(session(verdict({ endpoint: '' })).facts(NODE, START)),
        { node: 'rack7-u12', uuid: UUID, mode: 'look and type',
            since: 'since 06:31, for 0 s' });
});

test('a verdict that is no good changes nothing', () => {
    const made = session(verdict(), { kind: 'unreachable', status: 0 });
    assert.equal(values(made.facts(NODE, START)).mode, 'look and type');
});

test('a console that has no words of ours keeps its name', () => {
    for (const endpoint of ['acme-kvm', 'toString', '<b>']) {
        assert.equal(values(session(verdict({ endpoint }))
            .facts(NODE, START)).endpoint, endpoint);
    }
});

test('says that one may only look', () => {
    assert.equal(values(session(verdict({ readOnly: true }))
        .facts(NODE, START)).mode, 'only look');
});

test('counts seconds, minutes, hours', () => {
    for (const [seconds, text] of [[0, '0 s'], [59.9, '59 s'],
        [60, '1 min'], [3599, '59 min'], [3600, '1 h 0 min'],
        [90061, '25 h 1 min'], [-5, '0 s']]) {
        assert.equal(values(session().facts(NODE, START + 1000 * seconds))
            .since, `since 06:31, for ${text}`);
    }
});

test('tells nothing of a session that is over', () => {
    const made = session(verdict({ limits: { length: 60, idle: 60 } }));
    made.measured(5);
    made.end();
    assert.deepEqual(values(made.facts(NODE, START)), { node: 'rack7-u12',
        uuid: UUID, endpoint: 'Test card (fake-vnc)', since: 'no' });
    assert.equal(made.warning(START), '');
});

test('a new connection has a new distance', () => {
    const made = session();
    made.measured(5);
    made.begin(START);
    assert.equal(values(made.facts(NODE, START)).roundTrip, undefined);
    made.measured(null);
    assert.equal(values(made.facts(NODE, START)).roundTrip, undefined);
    made.measured(0.2);
    assert.equal(values(made.facts(NODE, START)).roundTrip, '1 ms');
});

test('warns in the last ten minutes of a limited session', () => {
    const made = session(verdict({ limits: { length: 3600, idle: 0 } }));
    for (const [minutes, text] of [[0, ''], [49.9, ''],
        [50, '10 min left'], [58.5, '1 min left'],
        [59.5, 'Less than a minute left'], [61, 'Less than a minute left']]) {
        assert.equal(made.warning(START + minutes * MINUTE), text, minutes);
    }
    assert.equal(session(verdict()).warning(START + 1e9), '');
});
