// SPDX-License-Identifier: Apache-2.0
// Takes the link out of the address bar (and so out of history, bookmarks
// and screenshots) and keeps it for a reload of this tab, and of no other.
//
// Browsers copy a tab's storage when the tab is duplicated. So the link is in
// there only while this page is not: written when it goes, taken back when
// it comes again.

import { bareUrl, checkLink, readSearch } from './url.js';

const KEY = 'ironic-console:';

// {link} or {problem}, see url.js. window: with location, history and
// sessionStorage.
export function takeLink(window) {
    const { location, history } = window;
    let found = readSearch(location.search);
    if (location.search || location.hash) {
        history.replaceState(null, '', bareUrl(location.href));
    }
    // Storage may be forbidden, as in a frame of another site. The console
    // works then, a reload needs the link again.
    try {
        const storage = window.sessionStorage;
        const key = KEY + location.pathname;
        const kept = storage.getItem(key);
        storage.removeItem(key);
        if (found.problem === 'missing' && kept !== null) {
            found = checkLink(JSON.parse(kept));
        }
        if (found.link) {
            keep(window, storage, key, JSON.stringify(found.link));
        }
    } catch (error) {
        console.warn(`The link cannot be kept for a reload: ${error.name}`);
    }
    return found;
}

function keep(window, storage, key, text) {
    window.addEventListener('pagehide', () => storage.setItem(key, text));
    // Back again, out of the browser's cache of whole pages.
    window.addEventListener('pageshow', () => storage.removeItem(key));
}
