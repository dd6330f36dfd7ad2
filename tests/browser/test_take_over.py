# SPDX-License-Identifier: Apache-2.0
"""Two people and one console: the page asks, and who loses it is told.

Two real Chromiums, the real proxy with two workers in front of a real Ironic.
"""

import urllib.parse
from collections.abc import Callable, Iterator

import pytest

from tests.browser.chromium import Chromium, chromium
from tools.lab import look, ports
from tools.lab.ironic import LocalIronic
from tools.lab.proxy import LocalProxy

IN_USE = 'Somebody else is using this console.'
TAKEN_OVER = 'Somebody else took over this console.'


@pytest.fixture(scope='module')
def windows() -> Iterator[tuple[Chromium, Chromium]]:
    """Of two people."""
    with chromium() as one, chromium() as other:
        yield one, other


@pytest.fixture
def people(windows: tuple[Chromium, Chromium],
           ) -> Iterator[tuple[Chromium, Chromium]]:
    yield windows
    for window in windows:
        assert window.csp_violations() == []
        # Ends its session.
        window.open('about:blank')


Show = Callable[[Chromium], None]


@pytest.fixture(scope='module')
def proxy(ironic: LocalIronic, tmp_path_factory: pytest.TempPathFactory,
          ) -> Iterator[LocalProxy]:
    port = ports.free_port()
    with LocalProxy(
            ironic.config_file, tmp_path_factory.mktemp('proxy'), port=port,
            options={
                'cors': {'allowed_origin': f'http://127.0.0.1:{port}'},
                'ironic_console': {'sharing': 'takeover', 'workers': 2,
                                   'drain_timeout': 0}}) as running:
        yield running


def node_link(ironic: LocalIronic, proxy: LocalProxy, **driver_info: str,
              ) -> Iterator[Show]:
    """:returns: what opens the console of a new node, each time with a link
        of its own."""
    node = ironic.rest.create_node(
        driver='fake-hardware', console_interface='fake-vnc',
        driver_info=driver_info)['uuid']
    try:
        ironic.rest.set_console(node, True)

        def show(window: Chromium) -> None:
            link = urllib.parse.urlsplit(ironic.rest.console_url(node))
            window.open(link._replace(
                netloc=f'127.0.0.1:{proxy.port}').geturl())
        yield show
    finally:
        ironic.rest.delete_node(node)


@pytest.fixture
def show(ironic: LocalIronic, proxy: LocalProxy) -> Iterator[Show]:
    """Opens the console of a node that does as the proxy does."""
    yield from node_link(ironic, proxy)


@pytest.fixture
def show_refusing(ironic: LocalIronic, proxy: LocalProxy) -> Iterator[Show]:
    """Opens the console of a node that wants to be left alone."""
    yield from node_link(ironic, proxy, console_sharing='refuse')


def offers(window: Chromium, button: str) -> bool:
    return not window.run(
        'document.getElementById(arguments[0]).hidden', button)


def test_takes_over_when_asked_to_and_the_other_is_told(
        people: tuple[Chromium, Chromium], show: Show) -> None:
    first, second = people
    show(first)
    first.wait_phase('connected')

    show(second)
    second.wait_phase('failed')
    assert second.text('message') == IN_USE
    assert second.text('take-over') == 'Take over'
    assert offers(second, 'take-over')
    assert offers(second, 'retry')
    assert first.phase() == 'connected'

    second.click_control('take-over')
    second.wait_phase('connected')
    second.wait('colour bars', lambda: look.has_bars(second))
    assert not offers(second, 'take-over')
    first.wait_phase('closed')
    assert first.text('message') == TAKEN_OVER
    # Not by itself, or two pages would take it from each other for ever.
    assert not offers(first, 'stop')
    assert not offers(first, 'take-over')

    # Who wants it back is asked, too.
    first.click_control('retry')
    first.wait('the question', lambda: offers(first, 'take-over'))
    assert first.text('message') == IN_USE
    assert second.phase() == 'connected'


def test_a_reload_does_not_take_over_again(
        people: tuple[Chromium, Chromium], show: Show) -> None:
    first, second = people
    show(first)
    first.wait_phase('connected')
    show(second)
    second.wait_phase('failed')
    second.click_control('take-over')
    second.wait_phase('connected')
    first.wait_phase('closed')
    first.click_control('retry')
    first.wait('the question', lambda: offers(first, 'take-over'))
    first.click_control('take-over')
    first.wait_phase('connected')
    second.wait_phase('closed')
    second.driver.refresh()
    second.wait_phase('failed')
    assert second.text('message') == IN_USE
    assert first.phase() == 'connected'


def test_trying_again_is_enough_when_the_other_has_gone(
        people: tuple[Chromium, Chromium], show: Show) -> None:
    first, second = people
    show(first)
    first.wait_phase('connected')
    show(second)
    second.wait_phase('failed')
    first.open('about:blank')

    def free() -> bool:
        second.click_control('retry')
        second.wait('an end', lambda: second.phase() in (
            'failed', 'connected'))
        return second.phase() == 'connected'

    second.wait('the console', free)


def test_where_nobody_may_take_over_there_is_no_such_button(
        people: tuple[Chromium, Chromium], show_refusing: Show) -> None:
    first, second = people
    show_refusing(first)
    first.wait_phase('connected')
    show_refusing(second)
    second.wait_phase('failed')
    assert second.text('message') == IN_USE
    assert not offers(second, 'take-over')
    assert offers(second, 'retry')
    second.click_control('retry')
    second.wait_phase('failed')
    assert first.phase() == 'connected'
