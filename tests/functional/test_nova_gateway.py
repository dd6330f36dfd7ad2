# SPDX-License-Identifier: Apache-2.0
"""The real Nova at our gateway: its Ironic driver asks a real Ironic, its
proxy shows the screen."""

import contextlib
import json
import socket
import sqlite3
import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.helpers.bmc import Bmcs
from tests.helpers.foreign_viewer import ForeignViewer, ViewerClosed
from tests.helpers.gateway import NOVA_NAME, GatewaySite
from tests.helpers.proxy import wait_until
from tests.helpers.real_nova import Nova
from tools.lab import ports
from tools.lab.proxy import LocalProxy
from tools.lab.rest import RestError

#: Starting programs on a busy machine takes a while.
SLOW = 60.0
Site = GatewaySite
GetNova = Callable[[str], Nova]


@pytest.fixture(scope='module')
def proxy(gateway_site: Site) -> Iterator[LocalProxy]:
    """Our proxy, that lets Nova in with a certificate or by its address."""
    with gateway_site.proxy('nova', gateway_security='x509none,none',
                            gateway_client_names=NOVA_NAME) as running:
        yield running


@pytest.fixture(scope='module')
def get_nova(gateway_site: Site, tmp_path_factory: pytest.TempPathFactory,
             ) -> Iterator[GetNova]:
    """Gives the Nova of a name, started when it is first asked for."""
    files = gateway_site.certificates
    shown = {'vencrypt': files.nova, 'other': files.other,
             'foreign': files.foreign, 'missing': None}
    started: dict[str, Nova] = {}
    with contextlib.ExitStack() as stack:
        def get(name: str) -> Nova:
            if name not in started:
                vnc = {'auth_schemes': 'none'}
                if name in shown:
                    vnc = {'auth_schemes': 'vencrypt',
                           'vencrypt_ca_certs': files.ca_file}
                    certificate = shown[name]
                    if certificate:
                        vnc |= {'vencrypt_client_cert': certificate.cert_file,
                                'vencrypt_client_key': certificate.key_file}
                started[name] = stack.enter_context(Nova(
                    tmp_path_factory.mktemp(name), gateway_site.ironic.url,
                    **vnc))
            return started[name]
        yield get


def types_and_sees(viewer: ForeignViewer) -> None:
    def lower_half() -> bytes:
        # The test card's clock is in the upper one.
        picture = viewer.picture()
        return picture[len(picture) // 2:]

    before = lower_half()
    assert len(set(before)) > 10
    assert lower_half() == before
    viewer.press(ord('x'))
    wait_until(lambda: lower_half() != before, 'what was typed')


def through(nova: Nova, url: str) -> ForeignViewer:
    """Open a URL of Nova as its page does."""
    return ForeignViewer(nova.page_url(url))


@pytest.mark.parametrize('scheme', ['none', 'vencrypt'])
def test_nova_shows_the_screen_and_types(
        gateway_site: Site, proxy: LocalProxy, get_nova: GetNova,
        scheme: str) -> None:
    nova = get_nova(scheme)
    node, instance = gateway_site.make_node()
    console = nova.console(instance, node)
    # It was not enabled before, and can be used the moment it is.
    assert (console['host'], console['port']) == (
        ports.LOOPBACK, gateway_site.door(node))
    with through(nova, console['url']) as viewer:
        assert viewer.width == 1024
        types_and_sees(viewer)
    wait_until(lambda: f'node {node} closed' in proxy.written(),
               'the audit line')
    line = next(line for line in proxy.written().splitlines()
                if f'node {node} opened' in line)
    assert (NOVA_NAME in line) == (scheme == 'vencrypt')


def test_nova_shows_an_idrac_whose_password_it_never_learns(
        gateway_site: Site, proxy: LocalProxy, get_nova: GetNova,
        bmcs: Bmcs) -> None:
    nova = get_nova('vencrypt')
    bmc = bmcs.start('idrac9', colour=0x2f6fb5)
    node, instance = gateway_site.make_node('idrac-vnc',
                                            **bmcs.driver_info(bmc))
    console = nova.console(instance, node)
    assert console['port'] == gateway_site.door(node)
    with through(nova, console['url']) as viewer:
        wait_until(lambda: set(viewer.picture()) >= {0x2f, 0x6f, 0xb5},
                   'the colour')
    with sqlite3.connect(gateway_site.ironic.database) as database:
        stored = json.loads(database.execute(
            'SELECT driver_internal_info FROM nodes WHERE uuid = ?',
            (node,)).fetchone()[0])
    password = stored['console_endpoint_secret']['password']
    shown = json.dumps([gateway_site.ironic.rest.node(node), console])
    assert password not in shown + nova.written() + proxy.written()
    gateway_site.forget(node)


@pytest.mark.parametrize(('name', 'told', 'logged'), [
    ('missing', '', ''),
    ('foreign', '', 'its certificate is not trusted'),
    ('other', 'This proxy may not use the consoles here',
     'the certificate is for printer.example.org'),
])
def test_nova_without_the_right_certificate_gets_no_console(
        gateway_site: Site, proxy: LocalProxy, get_nova: GetNova, name: str,
        told: str, logged: str) -> None:
    nova = get_nova(name)
    node, instance = gateway_site.make_node()
    console = nova.console(instance, node)
    with pytest.raises(ViewerClosed) as caught:
        through(nova, console['url'])
    assert told in caught.value.refusal
    assert logged in proxy.written()
    assert f'node {node} opened' not in proxy.written()


def test_disable_ends_the_session_and_the_old_url_works_again(
        gateway_site: Site, proxy: LocalProxy, get_nova: GetNova) -> None:
    nova, rest = get_nova('vencrypt'), gateway_site.ironic.rest
    node, instance = gateway_site.make_node()
    console = nova.console(instance, node)
    with through(nova, console['url']) as viewer:
        rest.set_console(node, False)
        viewer.wait_closed()
    closed = wait_until(
        lambda: [line for line in proxy.written().splitlines()
                 if f'node {node} closed' in line], 'the audit line')
    assert closed[0].endswith(('revoked', 'endpoint closed'))
    wait_until(lambda: not ports.answers(ports.LOOPBACK, console['port']),
               'the port to be shut')
    # Nova's proxy has nova-compute ask the driver, which enables it again.
    with through(nova, console['url']) as viewer:
        types_and_sees(viewer)
    assert gateway_site.door(node) == console['port']


def test_old_url_works_after_a_restart_of_the_conductor(
        gateway_site: Site, proxy: LocalProxy, get_nova: GetNova) -> None:
    nova, ironic = get_nova('none'), gateway_site.ironic
    node, instance = gateway_site.make_node()
    console = nova.console(instance, node)
    ironic.restart()
    wait_until(lambda: not ironic.rest.node(node)['reservation'],
               'the console to be restored', SLOW)
    assert gateway_site.door(node) == console['port']

    def opens() -> bool:
        # The test card is started again by the conductor.
        with contextlib.suppress(ViewerClosed), \
                through(nova, console['url']) as viewer:
            types_and_sees(viewer)
            return True
        return False
    wait_until(opens, 'the console', SLOW)


def test_nova_says_why_there_is_no_picture(
        gateway_site: Site, proxy: LocalProxy, get_nova: GetNova) -> None:
    nova, rest = get_nova('vencrypt'), gateway_site.ironic.rest
    # An endpoint that does not answer: the reason comes after TLS.
    node, instance = gateway_site.make_node(fake_vnc_fault='never-answers')
    console = nova.console(instance, node)
    with pytest.raises(ViewerClosed) as caught:
        through(nova, console['url'])
    assert 'did not answer in time' in caught.value.refusal
    assert len(caught.value.refusal.encode()) <= 256
    rest.set_console(node, False)


def test_200_enabled_consoles_have_200_ports_that_answer(
        gateway_site: Site, proxy: LocalProxy) -> None:
    node, _ = gateway_site.make_node()
    gateway_site.ironic.rest.set_console(node, True)
    first = gateway_site.first_port
    with copies(gateway_site, node, 200) as numbers:
        places = [(ports.LOOPBACK, first + number - 1) for number in numbers]
        wait_until(lambda: all(ports.answers(*place) for place in places),
                   '200 ports', SLOW)
        for place in places:
            with socket.create_connection(place, SLOW) as sock:
                sock.settimeout(SLOW)
                assert sock.recv(12) == b'RFB 003.008\n'
    wait_until(lambda: not any(ports.answers(*place) for place in places),
               'them to be shut', SLOW)


def test_node_beyond_the_ports_cannot_be_enabled_and_says_why(
        gateway_site: Site, proxy: LocalProxy) -> None:
    rest = gateway_site.ironic.rest
    node, _ = gateway_site.make_node()
    with copies(gateway_site, node, 1, number=5000):
        late, _ = gateway_site.make_node(instance=False)
        with pytest.raises(RestError, match='gateway_port_range') as caught:
            rest.set_console(late, True)
        assert caught.value.status == 400
        assert 'node number 5001' in caught.value.reason
        validation = rest.call('GET', f'/v1/nodes/{late}/validate')
        assert 'make it longer' in validation['console']['reason']
        rest.delete_node(late)


@contextlib.contextmanager
def copies(site: Site, node: str, count: int, number: int = 0,
           ) -> Iterator[list[int]]:
    """Put copies of a node into the database, each with its own port.

    Enabling so many takes minutes.

    :param number: of the first in the database; the next one if 0.
    :returns: their numbers.
    """
    with contextlib.closing(sqlite3.connect(site.ironic.database,
                                            timeout=SLOW)) as database:
        database.row_factory = sqlite3.Row
        row = dict(database.execute('SELECT * FROM nodes WHERE uuid = ?',
                                    (node,)).fetchone())
        last = database.execute('SELECT max(id) FROM nodes').fetchone()[0]
        numbers = list(range(number or last + 1, (number or last + 1)
                             + count))
        info = json.loads(row['driver_internal_info'])
        for one in numbers:
            port = site.first_port + one - 1
            info |= {'vnc_port': port,
                     'console_told': [info.get('vnc_host'), port]}
            row |= {'id': one, 'uuid': str(uuid.uuid4()), 'name': None,
                    'instance_uuid': None,
                    'driver_internal_info': json.dumps(info)}
            database.execute(
                f'INSERT INTO nodes ({", ".join(row)}) VALUES '
                f'({", ".join("?" * len(row))})', tuple(row.values()))
        database.commit()
        try:
            yield numbers
        finally:
            database.execute('DELETE FROM nodes WHERE id >= ? AND id <= ?',
                             (numbers[0], numbers[-1]))
            database.commit()
