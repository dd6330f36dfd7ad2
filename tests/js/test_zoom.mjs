// SPDX-License-Identifier: Apache-2.0
// zoom.js: one pixel of the server is n by n pixels of the device.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { containerSize, FIT, isCrisp, readScale, SCALES, scaleText,
    shownScale } from '../../ironic_console/novncproxy/web/js/zoom.js';

const SCREEN = { width: 1024, height: 768 };

test('n:1 counts pixels of the device, whatever CSS calls a pixel', () => {
    for (const [scale, ratio, width, height] of [
        [1, 1, 1024, 768], [2, 1, 2048, 1536], [3, 1, 3072, 2304],
        [1, 2, 512, 384], [2, 2, 1024, 768], [3, 2, 1536, 1152],
        [1, 1.25, 819.2, 614.4], [4, 0.5, 8192, 6144],
    ]) {
        assert.deepEqual(containerSize(scale, SCREEN, ratio),
            { width, height }, `${scale} at ${ratio}`);
    }
});

test('fit fills the window, and so does whatever is not known', () => {
    assert.equal(containerSize(FIT, SCREEN, 2), null);
    assert.equal(containerSize(2, null, 1), null);
    assert.equal(containerSize(2, SCREEN, 0), null);
    assert.equal(containerSize(2, SCREEN, undefined), null);
});

test('reads every scale out of storage and out of a control', () => {
    for (const scale of SCALES) {
        assert.equal(readScale(scale), scale);
        assert.equal(readScale(String(scale)), scale);
    }
});

test('reads nothing else', () => {
    for (const value of [null, undefined, '', 0, -1, 1.5, 5, 1e9, '01',
        'FIT', NaN, Infinity, {}, true]) {
        assert.equal(readScale(value), null, String(value));
    }
});

test('tells how large a pixel is shown', () => {
    assert.equal(shownScale(SCREEN, 1024, 1), 1);
    assert.equal(shownScale(SCREEN, 512, 2), 1);
    assert.equal(shownScale(SCREEN, 1536, 2), 3);
    assert.equal(shownScale(SCREEN, 768, 1), 0.75);
    assert.equal(shownScale(null, 768, 1), 0);
    assert.equal(shownScale({ width: 0, height: 0 }, 0, 1), 0);
});

test('only whole numbers are crisp', () => {
    for (const shown of [1, 2, 3, 7]) {
        assert.ok(isCrisp(shown, SCREEN), String(shown));
    }
    for (const shown of [0, 0.5, 0.9, 1.3, 1.5, 2.01, NaN]) {
        assert.equal(isCrisp(shown, SCREEN), false, String(shown));
    }
    assert.equal(isCrisp(1, null), false);
});

test('what a browser rounds in its layout stays crisp', () => {
    // 1024 / 1.5 in steps of 1/64.
    const width = Math.floor(1024 / 1.5 * 64) / 64;
    assert.ok(isCrisp(shownScale(SCREEN, width, 1.5), SCREEN));
    // A whole pixel less is not.
    assert.equal(isCrisp(shownScale(SCREEN, 1023, 1), SCREEN), false);
});

test('writes scales as people say them', () => {
    for (const [shown, text] of [[1, '1:1'], [2, '2:1'], [1.5, '1.5:1'],
        [1.3333, '1.33:1'], [0.5, '1:2'], [0.75, '1:1.33'], [0, ''],
        [NaN, '']]) {
        assert.equal(scaleText(shown), text);
    }
});
