// SPDX-License-Identifier: Apache-2.0
// leave.js: Ctrl+Alt+Shift, pressed and released alone, leaves the screen.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LeaveKeys }
    from '../../ironic_console/novncproxy/web/js/leave.js';

// Feeds key presses ('+x') and releases ('-x'), with the modifier flags that
// a browser would report; returns the number of times that it says leave.
function type(...steps) {
    const keys = new LeaveKeys();
    const held = new Set();
    return steps.filter((step) => {
        const key = step.slice(1);
        const down = step[0] === '+';
        held[down ? 'add' : 'delete'](key);
        return keys.feed({ type: down ? 'keydown' : 'keyup', key,
            ctrlKey: held.has('Control'),
            altKey: held.has('Alt') || held.has('Meta'),
            shiftKey: held.has('Shift') });
    }).length;
}

test('leaves with the last release, in any order', () => {
    assert.equal(type('+Control', '+Alt', '+Shift',
        '-Shift', '-Alt', '-Control'), 1);
    assert.equal(type('+Shift', '+Control', '+Alt',
        '-Control', '-Shift', '-Alt'), 1);
});

test('keys that repeat while held do no harm', () => {
    assert.equal(type('+Control', '+Alt', '+Shift', '+Shift', '+Shift',
        '-Shift', '-Alt', '-Control'), 1);
});

test('Alt that calls itself Meta while Shift is held counts', () => {
    assert.equal(type('+Control', '+Shift', '+Meta',
        '-Meta', '-Shift', '-Control'), 1);
});

test('stays while one of them is held', () => {
    assert.equal(type('+Control', '+Alt', '+Shift', '-Shift', '-Alt'), 0);
});

test('stays for two of them', () => {
    assert.equal(type('+Control', '+Alt', '-Alt', '-Control'), 0);
    assert.equal(type('+Alt', '+Shift', '-Shift', '-Alt'), 0);
});

test('stays when they belong to a shortcut', () => {
    assert.equal(type('+Control', '+Alt', '+Shift', '+T', '-T',
        '-Shift', '-Alt', '-Control'), 0);
    assert.equal(type('+Control', '+Alt', '+Shift', '+Delete', '-Shift',
        '-Alt', '-Control', '-Delete'), 0);
});

test('leaves again the next time', () => {
    const once = ['+Control', '+Alt', '+Shift',
        '-Shift', '-Alt', '-Control'];
    assert.equal(type(...once, '+a', '-a', ...once), 2);
});
