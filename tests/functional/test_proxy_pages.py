# SPDX-License-Identifier: Apache-2.0
"""The files of the page, from outside: what a browser and a cache get."""

import concurrent.futures
import dataclasses
import gzip
import json
import re

import pytest

from ironic_console.novncproxy.pages import PagePolicy
from ironic_console.novncproxy.settings import SetupLimits
from tests.helpers.program import Site
from tests.helpers.proxy import (
    NODE,
    HTTPConnection,
    RunningWorker,
    http_get,
    make_settings,
    path_to,
    ticket_for,
    wait_until,
)

PACKED = 'Accept-Encoding: gzip, deflate, br, zstd'
FOR_EVER = 'public, max-age=31536000, immutable'
BASE = '/consoles'


@pytest.fixture(scope='module')
def proxy(tmp_path_factory, schema, record, novnc_root):
    """The program, with the real noVNC."""
    site = Site(tmp_path_factory.mktemp('site'), schema)
    site.save(record)
    with site.proxy({
        'vnc': {'novnc_web': novnc_root, 'public_url':
                f'https://console.example.org{BASE}/console.html'},
        'ironic_console': {'max_session_length': 3600},
    }) as running:
        yield running


@pytest.fixture(scope='module')
def address(proxy):
    return proxy.address, proxy.port


@pytest.fixture
def connection(address):
    with HTTPConnection(address) as connection:
        yield connection


def references(page):
    """:returns: paths of all files that a page names."""
    return list(dict.fromkeys(
        f'/{name}' for name in re.findall(r'(?:href|src)="([^":]+)"',
                                          page.decode())))


def test_the_page_names_all_it_needs_and_all_is_there(connection, proxy):
    page = connection.request('/vnc_lite.html?path=x')
    assert page.status == 200
    assert page.headers['cache-control'] == 'no-store'
    assert 'content-security-policy' in page.headers
    names = references(page.body)
    assert len(names) > 40
    for name in names:
        file = connection.request(name, PACKED)
        assert file.status == 200
        assert file.headers['cache-control'] == FOR_EVER
        assert file.headers['x-content-type-options'] == 'nosniff'
        # What it imports in turn is named as well, wherever it is written.
        body = file.body
        if 'content-encoding' in file.headers:
            body = gzip.decompress(body)
        folder = name.rpartition('/')[0]
        for specifier in re.findall(
                r"^(?:import|export|\}).* from ['\"](\..*?)['\"]",
                body.decode(), re.MULTILINE):
            imported = f'{folder}/{specifier}'.replace('/./', '/')
            while '/../' in imported:
                imported = re.sub(r'/[^/]+/\.\./', '/', imported, count=1)
            assert imported in names


def test_packed_files_are_what_they_were(connection, novnc_root):
    [name] = [name for name in references(connection.request('/').body)
              if name.endswith('/novnc/core/rfb.js')]
    packed = connection.request(name, PACKED)
    plain = connection.request(name)
    assert plain.body == (novnc_root / 'core' / 'rfb.js').read_bytes()
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 3
    for response, headers in ((packed, [PACKED]), (plain, [])):
        assert response.headers['vary'] == 'Accept-Encoding'
        etag = response.headers['etag']
        # A gateway that has touched it in between has made it weak.
        for known in (etag, f'"x", W/{etag}'):
            again = connection.request(name, *headers,
                                       f'If-None-Match: {known}')
            assert (again.status, again.body) == (304, b'')
            assert again.headers['etag'] == etag
            assert again.headers['cache-control'] == FOR_EVER
            assert again.headers['vary'] == 'Accept-Encoding'
    assert packed.headers['etag'] != plain.headers['etag']
    head = connection.request(name, PACKED, method='HEAD')
    assert head.headers == packed.headers


def test_everything_is_below_the_path_of_public_url_too(connection):
    for base in ('', BASE):
        for name in ('', 'console.html', 'vnc.html', 'vnc_auto.html',
                     'vnc_lite.html'):
            page = connection.request(f'{base}/{name}')
            assert page.status == 200
        for name in references(page.body)[:3]:
            assert connection.request(f'{base}{name}').status == 200


def test_a_page_of_before_an_upgrade_still_finds_its_files(connection):
    for name in references(connection.request('/').body):
        old = re.sub('^/static/[0-9a-f]{16}/', '/static/' + '0' * 16 + '/',
                     name)
        assert old != name
        file = connection.request(old, PACKED)
        assert file.status == 200
        assert file.headers['cache-control'] == 'no-store'
        assert 'etag' not in file.headers
        assert file.body == connection.request(name, PACKED).body


def test_what_was_named_before_has_no_name_now(address):
    for path in ('/js/main.js', '/novnc/core/rfb.js', '/console.css'):
        assert http_get(address, path).status == 404


def test_many_browsers_load_the_page_at_once(address):
    names = references(http_get(address, '/').body)

    def load(part):
        total = 0
        with HTTPConnection(address) as connection:
            for name in names[part::6]:
                response = connection.request(name, PACKED)
                assert response.status == 200
                total += len(response.body)
        return total

    # Six connections each, as browsers do.
    with concurrent.futures.ThreadPoolExecutor(60) as pool:
        totals = list(pool.map(load, list(range(6)) * 10))
    assert sum(totals) < 10 * 250_000
    for part in range(6):
        assert len(set(totals[part::6])) == 1


def test_a_file_arrives_whole_on_a_line_slower_than_keep_alive(
        tmp_path, record, novnc_root):
    settings = dataclasses.replace(
        make_settings(tmp_path), pages=PagePolicy(novnc_root),
        setup=SetupLimits(keepalive_timeout=0.05))
    with RunningWorker(settings, record) as worker:
        names = references(http_get(worker.address, '/').body)
        [name] = [name for name in names if name.endswith('core/rfb.js')]
        with HTTPConnection(worker.address, receive_buffer=4096) as slow:
            slow.send(f'GET {name} HTTP/1.1\r\nHost: a\r\n{PACKED}\r\n'
                      '\r\n'.encode())
            wait_until(lambda: not len(worker.worker._server._setups),
                       'the proxy has answered, waited, and closed')
            body = gzip.decompress(slow.read_response().body)
            assert body == (novnc_root / 'core' / 'rfb.js').read_bytes()
            assert slow.is_closed()


def test_browsers_that_keep_connections_leave_room_for_others(
        tmp_path, record):
    settings = dataclasses.replace(
        make_settings(tmp_path),
        setup=SetupLimits(max_setups=8, keepalive_timeout=60))
    with RunningWorker(settings, record) as worker:
        kept = []
        try:
            for _ in range(30):
                kept.append(HTTPConnection(worker.address))
                assert kept[-1].request('/').status == 200
            # The first ones may go on, the others were told to come again.
            assert kept[0].request('/').status == 200
            assert kept[-1].is_closed()
            with worker.open(record) as browser:
                browser.shake_hands()
        finally:
            for connection in kept:
                connection.close()


def test_the_page_is_told_about_its_session_and_nothing_else(
        connection, record):
    target = path_to(NODE, ticket_for(record))
    response = connection.request(target, PACKED)
    assert 'content-encoding' not in response.headers
    assert response.headers['cache-control'] == 'no-store'
    assert json.loads(response.body) == {
        'status': 'ok', 'read_only': False,
        # Which is not saved by the tests.
        'node': {'uuid': NODE, 'name': ''}, 'kind': 'fake-vnc',
        'session': {'max_length': 3600, 'idle_timeout': 0}}
