// SPDX-License-Identifier: Apache-2.0
// How large the picture is shown. Pure: numbers in, numbers out; view/stage.js
// applies them.
//
// noVNC fits the picture into its container, keeping the aspect, and knows no
// other zoom. So the container decides: as large as the window for 'fit', and
// exactly n times the picture for n:1. The unit of n is the device's pixel,
// not CSS's: only then is 1:1 sharp on a screen with devicePixelRatio 2.

export const FIT = 'fit';
// Whole numbers only: every pixel of the server is a square of n by n pixels
// here. Above 4 a console of 1024x768 shows less than one window of a menu.
export const SCALES = Object.freeze([FIT, 1, 2, 3, 4]);

// A scale out of storage or out of a control, or null.
export function readScale(value) {
    return SCALES.find((scale) => String(scale) === String(value)) ?? null;
}

// Size of the container in CSS pixels; null where it fills the window.
//
// size: {width, height} of the server's screen, or null; ratio: CSS's
// devicePixelRatio.
export function containerSize(scale, size, ratio) {
    if (scale === FIT || !size || !(ratio > 0)) {
        return null;
    }
    return { width: scale * size.width / ratio,
        height: scale * size.height / ratio };
}

// How many device pixels a pixel of the server takes, at the width (in CSS
// pixels) that it has now; 0 when nothing is shown.
export function shownScale(size, cssWidth, ratio) {
    return size?.width > 0 ? cssWidth * ratio / size.width : 0;
}

// Whether each pixel of the server covers the same number of device pixels,
// so that nothing has to be smoothed. Browsers lay out in steps of 1/64
// pixel, which must not count.
export function isCrisp(shown, size) {
    const whole = Math.round(shown);
    return whole >= 1 && Boolean(size) &&
        Math.abs(shown - whole) * size.width < 0.5;
}

// For people: '1.5:1', '1:2.25', '2:1'.
export function scaleText(shown) {
    if (!(shown > 0)) {
        return '';
    }
    const text = (number) => String(Math.round(number * 100) / 100);
    return shown >= 1 ? `${text(shown)}:1` : `1:${text(1 / shown)}`;
}
