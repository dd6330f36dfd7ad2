# SPDX-License-Identifier: Apache-2.0
"""The browser of a visit with pages that take all that there is.

A guard looks at all that this process has started, so no other browser may
run meanwhile.
"""

import contextlib
import os
import pathlib
import tempfile
import threading
from collections.abc import Iterator

import pytest

from ironic_console.drivers.displays import memory_guard
from ironic_console.drivers.displays.apps import base
from ironic_console.drivers.displays.failures import (
    BrowserFailed,
    VisitFailed,
)
from tests.helpers.display_browser import browser_for
from tests.helpers.scripted_site import Site, reply

pytestmark = pytest.mark.usefixtures('on_screen')

MEGABYTE = 1024 ** 2
#: For a browser and what its page keeps in memory.
ROOM = 640 * MEGABYTE
#: Of a profile in which nothing is stored.
MOST_ON_DISK = 64 * MEGABYTE
#: Seconds, for a gigabyte through a database.
PATIENCE = 240.0
# What a page can store with; each store(size) takes another piece.
STORES = {
    'IndexedDB': '''
        const database = await new Promise((done, failed) => {
            const opening = indexedDB.open('x');
            opening.onupgradeneeded = () => opening.result.createObjectStore(
                'x', { autoIncrement: true });
            opening.onsuccess = () => done(opening.result);
            opening.onerror = () => failed(opening.error);
        });
        const store = (piece) => new Promise((done, failed) => {
            const change = database.transaction('x', 'readwrite');
            change.objectStore('x').add(new Blob([piece]));
            change.oncomplete = done;
            change.onabort = () => failed(change.error);
        });''',
    'Cache': '''
        const cache = await caches.open('x');
        const store = (piece, number) => cache.put(
            `/${number}`, new Response(piece));''',
    'files': '''
        const folder = await navigator.storage.getDirectory();
        const file = await folder.getFileHandle('x', { create: true });
        const writer = await file.createWritable();
        const store = (piece) => writer.write(piece);''',
    'files of a worker': '''
        const worker = new Worker(URL.createObjectURL(new Blob([`(async () => {
            const folder = await navigator.storage.getDirectory();
            const file = await folder.getFileHandle('x', { create: true });
            const access = await file.createSyncAccessHandle();
            onmessage = ({ data }) => {
                try {
                    const at = access.getSize();
                    postMessage(access.write(data, { at }) === data.length);
                } catch {
                    postMessage(false);
                }
            };
            postMessage(true);
        })()`])));
        const answer = () => new Promise((done, failed) => {
            worker.onmessage = ({ data }) => data ? done() : failed();
        });
        await answer();
        const store = (piece) => {
            worker.postMessage(piece);
            return answer();
        };''',
    'blobs': '''
        const kept = [];
        const store = async (piece) => {
            kept.push(new Blob([piece]));
            await kept.at(-1).slice(0, 1).text();
        };''',
}
_FILL = '''async () => {
    %s
    const piece = new Uint8Array(8e6).fill(7);
    try {
        for (let number = 0; number < 150; number++) {
            await store(piece, number);
        }
    } catch {
        return 'refused';
    }
    return 'all of it is stored';
}'''


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, 'STEP_TIMEOUT', PATIENCE)


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    before = memory_guard.used_by_group(os.getpgrp())
    monkeypatch.setattr(memory_guard, 'MAX_BYTES', before + ROOM)


class Disk:
    """What is on it below a folder, looked at until the end of the ``with``.

    :ivar peak: bytes.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak = 0

    def __enter__(self) -> 'Disk':
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.peak = max(self.peak, self._used())
            if self._ended.wait(0.05):
                return

    def _used(self) -> int:
        total = 0
        for parent, _, names in os.walk(self._folder):
            for name in names:
                # They come and go.
                with contextlib.suppress(OSError):
                    total += 512 * os.lstat(
                        os.path.join(parent, name)).st_blocks
        return total


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """All that browsers write to; paths of their sockets must be short."""
    with tempfile.TemporaryDirectory(prefix='disk-') as folder:
        monkeypatch.setattr(tempfile, 'tempdir', folder)
        with Disk(pathlib.Path(folder)) as disk:
            yield disk


@pytest.mark.usefixtures('little_memory')
def test_a_page_that_eats_memory_loses_its_browser(
        site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with browser_for(site.url) as browser:
        browser.page.navigate(f'{site.url}/console.html')
        with pytest.raises(BrowserFailed):
            browser.page.evaluate('''async () => {
                for (const kept = [];;) {
                    kept.push(new Uint8Array(1e7).fill(1));
                    await new Promise((done) => setTimeout(done, 10));
                }
            }''')
    assert 'more memory than a display may have' in caplog.text


@pytest.mark.usefixtures('little_memory')
@pytest.mark.parametrize('store', STORES.values(), ids=STORES)
def test_a_page_that_stores_all_that_it_can_leaves_the_disk_alone(
        site: Site, disk: Disk, store: str) -> None:
    with browser_for(site.url) as browser:
        browser.page.navigate(f'{site.url}/console.html')
        try:
            how = browser.page.evaluate(_FILL % store)
        except VisitFailed:
            how = 'ended'
    assert how in ('refused', 'ended')
    assert 0 < disk.peak < MOST_ON_DISK


def test_what_a_page_loads_is_not_kept_on_the_disk(
        site: Site, disk: Disk) -> None:
    large = reply(200, bytes(8_000_000), 'Cache-Control: max-age=100000')
    for number in range(25):
        site.answers[f'GET /large?{number}'] = large
    with browser_for(site.url) as browser:
        browser.page.navigate(f'{site.url}/console.html')
        assert browser.page.evaluate('''async () => {
            let loaded = 0;
            for (let number = 0; number < 25; number++) {
                const answer = await fetch(`/large?${number}`);
                loaded += (await answer.arrayBuffer()).byteLength;
            }
            return loaded;
        }''') == 25 * 8_000_000
    assert 0 < disk.peak < MOST_ON_DISK
