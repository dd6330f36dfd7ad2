// SPDX-License-Identifier: Apache-2.0
// Recognises the sentences of the console service, so that they can be told
// in another language, or better. Pure. A test of the proxy's compares them
// with the texts said.* of messages/en.js.

import en from './messages/en.js';

const PREFIX = 'said.';
const NAMES = new Map(Object.entries(en)
    .filter(([key]) => key.startsWith(PREFIX))
    .map(([key, text]) => [text, key.slice(PREFIX.length)]));
// What the service adds to find its own log lines by.
const CONNECTION = / \(([0-9a-f]{8})\)$/;

// {name, connection}: name is '' for what the service does not say by
// itself; connection is an id, or ''. text: clean.
export function recognise(text) {
    const connection = CONNECTION.exec(text)?.[1] ?? '';
    return { name: NAMES.get(text.replace(CONNECTION, '')) ?? '',
        connection };
}

// The same sentence in the language of t, without the connection's id.
export function retell(t, text) {
    const { name } = recognise(text);
    return name ? t(`${PREFIX}${name}`) : text.replace(CONNECTION, '');
}
