// SPDX-License-Identifier: Apache-2.0
// The name of a screenshot's file. Pure.

// With time and suffix below the 255 bytes that file systems allow, whatever
// the script (4 bytes a character at most).
const MAX_NAME_CHARS = 50;
const FALLBACK = 'console';
// Windows takes these for devices, whatever follows the first dot.
const DEVICES = /^(con|prn|aux|nul|com\d|lpt\d)(?=\.|$)/i;

// name: of the node, from wherever it came; uuid: of the node, used without a
// name; date: when the picture was taken.
export function screenshotName(name, uuid, date) {
    const text = safe(name) || safe(uuid) || FALLBACK;
    // Colons are not allowed everywhere.
    const time = date.toISOString().slice(0, 19).replaceAll(':', '-');
    return `${text}_${time}Z.png`;
}

function safe(text) {
    if (typeof text !== 'string') {
        return '';
    }
    // No dot first (hidden), none last ("a._2026").
    const chars = [...text.slice(0, 4 * MAX_NAME_CHARS).normalize('NFC')
        .replace(/[^\p{L}\p{M}\p{N}._-]+/gu, '-')
        .replace(/^[.-]+|[.-]+$/g, '')];
    return chars.slice(0, MAX_NAME_CHARS).join('')
        .replace(/[.-]+$/, '').replace(DEVICES, '_$1');
}
