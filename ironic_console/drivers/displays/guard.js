// SPDX-License-Identifier: Apache-2.0
// Runs in each document before its own scripts: what a browser makes of keys
// and clicks does not happen, the page still gets all of them.
(() => {
  const MOUSE_BACK = 3; // and all buttons above
  // Letters, Enter, Tab and arrows stay, for forms and buttons.
  const isShortcut = (event) => event.ctrlKey || event.altKey
    || event.metaKey || /^(F\d+|ContextMenu|Browser|Launch)/.test(event.code)
    || (event.shiftKey && event.code === 'Escape');
  const stop = (event) => event.preventDefault();
  const listen = (types, isUnwanted) => {
    for (const type of types) {
      addEventListener(type, (event) => {
        if (event.isTrusted && isUnwanted(event)) stop(event);
      }, { capture: true, passive: false });
    }
  };
  listen(['keydown', 'keyup'], isShortcut);
  listen(['wheel'], (event) => event.ctrlKey);
  listen(['contextmenu', 'dragstart'], () => true);
  listen(['mousedown', 'mouseup', 'auxclick'],
    (event) => event.button >= MOUSE_BACK);
  // Links that would open a window or fetch a file: what is fetched goes
  // nowhere, but not all of it passes the request filter (Chromium 156, two
  // in quick succession).
  listen(['click', 'auxclick'], (event) => {
    const link = event.composedPath().find((node) => node.href && node.hasAttribute);
    return link && (event.button || event.ctrlKey || event.shiftKey
      || event.metaKey || link.hasAttribute('download')
      || !['', '_self', '_top', '_parent'].includes(link.target ?? ''));
  });
  for (const name of ['open', 'print', 'showOpenFilePicker',
    'showSaveFilePicker', 'showDirectoryPicker']) {
    if (name in window) {
      Object.defineProperty(window, name, {
        value: () => null, writable: false, configurable: false,
      });
    }
  }
})();
