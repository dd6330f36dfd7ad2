# SPDX-License-Identifier: Apache-2.0
"""What is answered besides consoles."""

import json

import pytest

from ironic_console.common.nodes_memory import MemoryNodeStore
from ironic_console.novncproxy.pages import PagePolicy, Pages
from ironic_console.novncproxy.request import PageRequest
from ironic_console.novncproxy.site import Site
from tests.helpers.proxy import fake_novnc


@pytest.fixture
def store():
    return MemoryNodeStore()


@pytest.fixture
def site(store, tmp_path):
    return Site(Pages(PagePolicy(fake_novnc(tmp_path))), store)


def ask(site, path):
    answer = site(PageRequest(path))
    return answer.status, answer.body


def test_is_alive_also_while_the_store_is_down(site, store):
    store.available = False
    assert ask(site, '/healthz') == (200, b'{"status": "ok"}')


def test_is_ready_while_the_store_answers(site, store):
    assert ask(site, '/readyz') == (200, b'{"status": "ok"}')
    store.available = False
    status, body = ask(site, '/readyz')
    assert status == 503
    assert json.loads(body)['status'] == 'refused'
    assert b'told to be down' not in body
    store.available = True
    assert ask(site, '/readyz')[0] == 200


def test_serves_the_page(site):
    assert ask(site, '/console.html')[0] == 200


@pytest.mark.parametrize('path', ['/x', '/healthz/', '/readyz?x'])
def test_there_is_nothing_else(site, path):
    assert ask(site, path) == (404, b'There is nothing here.\n')
