# SPDX-License-Identifier: Apache-2.0
"""What is answered besides consoles."""

import concurrent.futures
import json
import threading

import pytest

from ironic_console.common.nodes_memory import MemoryNodeStore
from ironic_console.novncproxy.pages import PagePolicy, Pages
from ironic_console.novncproxy.request import PageRequest
from ironic_console.novncproxy.site import Site
from tests.helpers.clock import FrozenClock
from tests.helpers.proxy import fake_novnc


@pytest.fixture
def store():
    return MemoryNodeStore()


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture
def site(store, clock, tmp_path):
    return Site(Pages(PagePolicy(fake_novnc(tmp_path))), store, clock)


def ask(site, path):
    answer = site(PageRequest(path))
    return answer.status, answer.body


def test_is_alive_also_while_the_store_is_down(site, store):
    store.available = False
    assert ask(site, '/healthz') == (200, b'{"status": "ok"}')


def test_is_ready_while_the_store_answers(site, store, clock):
    assert ask(site, '/readyz') == (200, b'{"status": "ok"}')
    store.available = False
    clock.advance(1)
    status, body = ask(site, '/readyz')
    assert status == 503
    assert json.loads(body)['status'] == 'refused'
    assert b'told to be down' not in body
    store.available = True
    clock.advance(1)
    assert ask(site, '/readyz')[0] == 200


@pytest.mark.parametrize('available', [True, False])
def test_strangers_cannot_keep_the_store_busy(site, store, clock,
                                              monkeypatch, available):
    asked = []
    real = store.check
    monkeypatch.setattr(store, 'check', lambda: asked.append(1) or real())
    store.available = available
    for _ in range(3):
        for _ in range(100):
            ask(site, '/readyz')
        clock.advance(1)
    assert len(asked) == 3


def test_who_asks_together_shares_one_answer_of_the_store(site, store,
                                                          monkeypatch):
    asked = threading.Semaphore(0)
    answered = threading.Event()

    def check():
        asked.release()
        assert answered.wait(10)

    monkeypatch.setattr(store, 'check', check)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = [pool.submit(ask, site, '/readyz') for _ in range(8)]
        assert asked.acquire(timeout=10)
        # Being alive is nothing to wait for.
        assert ask(site, '/healthz')[0] == 200
        answered.set()
        assert {status.result(10)[0] for status in statuses} == {200}
    assert not asked.acquire(blocking=False)


def test_serves_the_page(site):
    assert ask(site, '/console.html')[0] == 200


@pytest.mark.parametrize('path', ['/x', '/healthz/', '/readyz?x'])
def test_there_is_nothing_else(site, path):
    assert ask(site, path) == (404, b'There is nothing here.\n')
