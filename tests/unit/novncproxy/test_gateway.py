# SPDX-License-Identifier: Apache-2.0
"""Doors for viewers that speak plain RFB: when they are open, and to whom.

Real sockets and a real worker; behind the doors stands a simulator.
"""

import contextlib
import dataclasses
import pathlib
import re
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ironic_console.common.addresses import parse_networks
from ironic_console.common.clock import Clock
from ironic_console.common.nodes import NodeRecord
from ironic_console.common.nodes_memory import MemoryNodeStore
from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.common.tls import ServerTls
from ironic_console.novncproxy import gateway as gateway_module
from ironic_console.novncproxy.authorizer import AccessPolicy, Authorizer
from ironic_console.novncproxy.gateway import Gateway, GatewayAccess
from ironic_console.novncproxy.server import listen
from ironic_console.novncproxy.sessions import SessionPolicy
from ironic_console.novncproxy.settings import (
    GatewayPolicy,
    GatewaySettings,
    ListenAddress,
)
from tests.helpers.certificates import Authority, Files
from tests.helpers.plain_viewer import (
    NONE,
    VENCRYPT,
    X509_NONE,
    X509_PLAIN,
    PlainViewer,
    client_context,
)
from tests.helpers.proxy import (
    NODE,
    OTHER,
    SECRET,
    RefusedInside,
    RunningWorker,
    make_settings,
    node_record,
    ticket_for,
    wait_until,
)
from tests.simulators.rfb_server import RfbServer, echo_server, good
from tools.lab import ports

AUTHORITY, STRANGER = Authority('Cloud'), Authority('Stranger')
NOVA = 'nova.example.org'
HERE = parse_networks(['127.0.0.0/8'])
KEY_X = struct.pack('>BBxxI', 4, 1, ord('x'))


@dataclasses.dataclass(frozen=True)
class Shown:
    """Certificates in files."""

    ca: str
    gateway: Files
    nova: str
    printer: str
    foreign: str
    server_only: str


@pytest.fixture(scope='module')
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    folder = tmp_path_factory.mktemp('certificates')
    ca = folder / 'ca.pem'
    ca.write_bytes(AUTHORITY.pem)
    return Shown(
        str(ca), AUTHORITY.issue().save(folder, 'gateway'),
        AUTHORITY.issue(NOVA, client=True).save(folder, 'nova').both_file,
        AUTHORITY.issue('printer', client=True).save(
            folder, 'printer').both_file,
        STRANGER.issue(NOVA, client=True).save(folder, 'foreign').both_file,
        AUTHORITY.issue(NOVA).save(folder, 'server').both_file)


@pytest.fixture
def endpoint() -> Iterator[RfbServer]:
    with RfbServer(echo_server()) as server:
        yield server


@pytest.fixture
def port() -> int:
    return ports.free_port()


def behind(port: int, endpoint: RfbServer, uuid: str = NODE,
           **more: Any) -> NodeRecord:
    """:returns: a node whose door has a port."""
    record = node_record(endpoint.port, uuid=uuid, **more)
    return dataclasses.replace(
        record, info={**record.info, 'vnc_port': port})


def policy(port: int, *types: int, **more: Any) -> GatewayPolicy:
    return GatewayPolicy('127.0.0.1', range(port, port + 1),
                         types or (SecurityNumber.NONE,),
                         **{'networks': HERE, 'interval': 0.02} | more)


@pytest.fixture
def run(tmp_path: pathlib.Path, shown: Shown,
        ) -> Iterator[Callable[..., RunningWorker]]:
    """Starts a worker with a gateway."""
    with contextlib.ExitStack() as stack:
        def start(gateway: GatewayPolicy, *records: NodeRecord,
                  **settings: Any) -> RunningWorker:
            made = make_settings(tmp_path, **settings)
            tls = ServerTls(shown.gateway.cert_file, shown.gateway.key_file,
                            client_ca_file=shown.ca)
            worker = stack.enter_context(RunningWorker(dataclasses.replace(
                made, gateway=GatewaySettings(gateway, tls)), *records))
            for record in records:
                wait_until(lambda port=record.plain_port: ports.answers(
                    '127.0.0.1', port), 'the door')
            return worker
        yield start


def enter(port: int) -> PlainViewer:
    """Go in by the address alone."""
    return PlainViewer(('127.0.0.1', port)).greet().choose_none().enter()


def show(port: int, certificate: str) -> PlainViewer:
    """Go in with a certificate."""
    return PlainViewer(('127.0.0.1', port)).greet().choose_vencrypt(
        X509_NONE, client_context(AUTHORITY.pem, certificate)).enter()


# -- who may come in ----------------------------------------------------------

def test_who_is_in_the_networks_gets_the_console_for_nothing(
        run, endpoint, port):
    worker = run(policy(port), behind(port, endpoint))
    with enter(port) as viewer:
        assert viewer.types == (NONE,)
        assert (viewer.width, viewer.name) == (800, b'simulator')
        viewer.send(KEY_X)
        assert viewer.read(8) == KEY_X
        assert worker.sessions() == 1
    wait_until(lambda: not worker.sessions(), 'the end of the session')


def test_a_certificate_of_our_ca_opens_the_console(run, endpoint, port,
                                                   shown):
    run(policy(port, SecurityNumber.X509_NONE), behind(port, endpoint))
    with show(port, shown.nova) as viewer:
        assert viewer.types == (VENCRYPT,)
        # Nova takes no other, and raises at those that it does not know.
        assert viewer.sub_types == (X509_NONE,)
        viewer.send(KEY_X)
        assert viewer.read(8) == KEY_X


def test_both_ways_are_offered_in_the_order_of_the_option(run, endpoint,
                                                          port, shown):
    both = SecurityNumber.X509_NONE, SecurityNumber.NONE
    run(policy(port, *both), behind(port, endpoint))
    with enter(port) as viewer:
        assert viewer.types == (VENCRYPT, NONE)
    with show(port, shown.nova) as viewer:
        assert viewer.sub_types == (X509_NONE,)


def test_a_stranger_is_told_so_and_no_bmc_is_asked(run, endpoint, port,
                                                   caplog):
    run(policy(port, networks=parse_networks(['192.0.2.0/24'])),
        behind(port, endpoint))
    with (caplog.at_level('INFO'),
          pytest.raises(RefusedInside, match='This proxy may not use')):
        enter(port)
    assert '127.0.0.1 is not in [ironic_console]gateway_networks' in (
        caplog.text)
    assert not endpoint.peers


def test_a_stranger_is_not_offered_the_way_without_a_certificate(
        run, endpoint, port):
    both = SecurityNumber.X509_NONE, SecurityNumber.NONE
    run(policy(port, *both, networks=()), behind(port, endpoint))
    with PlainViewer(('127.0.0.1', port)).greet() as viewer:
        assert viewer.types == (VENCRYPT,)
        viewer.choose_none()
        with pytest.raises(RefusedInside):
            viewer.enter()
    assert not endpoint.peers


@pytest.mark.parametrize('which', ['', 'foreign', 'server_only'])
def test_no_or_another_certificate_gets_nowhere(run, endpoint, port, shown,
                                                which, caplog):
    worker = run(policy(port, SecurityNumber.X509_NONE),
                 behind(port, endpoint))
    with caplog.at_level('INFO'):
        with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
            show(port, getattr(shown, which) if which else '')
        wait_until(lambda: 'TLS failed' in caplog.text
                   or 'is not trusted' in caplog.text, 'the log')
    assert not endpoint.peers
    assert not worker.sessions()


def test_a_certificate_for_somebody_else_is_told_so(run, endpoint, port,
                                                    shown, caplog):
    run(policy(port, SecurityNumber.X509_NONE, names=frozenset([NOVA])),
        behind(port, endpoint))
    with show(port, shown.nova):
        pass
    with (caplog.at_level('INFO'),
          pytest.raises(RefusedInside, match='This proxy may not use')):
        show(port, shown.printer)
    assert ('the certificate is for printer; none of that is in '
            '[ironic_console]gateway_client_names') in caplog.text
    assert len(endpoint.peers) == 1


def test_the_audit_line_names_the_certificate(run, endpoint, port, shown,
                                              caplog):
    run(policy(port, SecurityNumber.X509_NONE), behind(port, endpoint))
    with caplog.at_level('INFO'), show(port, shown.nova):
        wait_until(lambda: re.search(
            rf'opened for 127\.0\.0\.1:[0-9]+ \({NOVA}\) at ',
            caplog.text), 'the audit line')


# -- what can go wrong then ---------------------------------------------------

def test_the_reason_comes_as_zero_types_where_nothing_is_asked(
        run, endpoint, port):
    worker = run(policy(port), behind(port, endpoint))
    endpoint.stop()
    with pytest.raises(RefusedInside) as caught:
        enter(port)
    assert re.fullmatch("The server's console refused the connection or "
                        r'cannot be reached\. \([0-9a-f]{8}\)',
                        str(caught.value))
    wait_until(lambda: not worker.sessions(), 'the end of the session')


def test_the_reason_comes_behind_the_certificate_where_one_is_asked(
        run, endpoint, port, shown):
    worker = run(policy(port, SecurityNumber.X509_NONE),
                 behind(port, endpoint))
    endpoint.stop()
    with pytest.raises(RefusedInside, match='cannot be reached'):
        show(port, shown.nova)
    wait_until(lambda: not worker.sessions(), 'the end of the session')


def test_no_reason_is_longer_than_nova_passes_on(run, endpoint, port,
                                                 monkeypatch):
    run(policy(port), behind(port, endpoint))
    endpoint.stop()
    monkeypatch.setattr(
        'ironic_console.common.errors.EndpointUnreachable.public_reason',
        '\u00fc' * 200)
    with pytest.raises(RefusedInside) as caught:
        enter(port)
    assert 254 <= len(str(caught.value).encode()) <= 256


def test_who_says_nothing_makes_no_bmc_be_asked(run, endpoint, port):
    """Load balancers and conductors connect to see that the door is open."""
    run(policy(port), behind(port, endpoint))
    with PlainViewer(('127.0.0.1', port)) as viewer:
        assert viewer.unit(12) == b'RFB 003.008\n'
    with PlainViewer(('127.0.0.1', port)) as viewer:
        viewer.send(b'GET / HTTP/1.0\r\n\r\n')
        assert viewer.is_closed()
    assert not endpoint.peers


def test_limits_hold_and_are_told(run, endpoint, port):
    run(policy(port), behind(port, endpoint),
        sessions=SessionPolicy(max_per_node=1))
    with enter(port), pytest.raises(RefusedInside, match='Too many people'):
        enter(port)


def test_users_of_one_proxy_do_not_count_as_one(run, endpoint, port):
    run(policy(port), behind(port, endpoint),
        sessions=SessionPolicy(max_per_source=1))
    with enter(port), enter(port) as viewer:
        assert viewer.width == 800


def test_read_only_holds_here_too(run, endpoint, port):
    run(policy(port), behind(port, endpoint), read_only=True)
    request = struct.pack('>BBHHHH', 3, 0, 0, 0, 1, 1)
    with enter(port) as viewer:
        viewer.send(KEY_X + request)
        assert viewer.read(10) == request


# -- when doors are open ------------------------------------------------------

def test_disable_shuts_the_door_and_enable_opens_it_again(run, endpoint,
                                                          port):
    record = behind(port, endpoint)
    worker = run(policy(port), record)
    worker.store.records.clear()
    wait_until(lambda: not ports.answers('127.0.0.1', port), 'it to shut')
    worker.store.records[NODE] = record
    wait_until(lambda: ports.answers('127.0.0.1', port), 'it to open')
    with enter(port) as viewer:
        assert viewer.width == 800


def test_disable_ends_sessions_too(run, endpoint, port):
    worker = run(policy(port), behind(port, endpoint),
                 sessions=SessionPolicy(recheck_interval=0.02))
    with enter(port) as viewer:
        worker.store.records.clear()
        assert viewer.is_closed()


def test_consoles_of_others_and_other_ports_get_no_door(run, endpoint, port):
    mine, second = behind(port, endpoint), ports.free_port()
    worker = run(policy(port), mine)
    worker.store.records[OTHER] = behind(second, endpoint, OTHER)
    foreign = node_record(endpoint.port, uuid=NODE, ours=False)
    worker.store.records[NODE] = dataclasses.replace(
        foreign, info={**foreign.info, 'vnc_port': port})
    wait_until(lambda: not ports.answers('127.0.0.1', port), 'it to shut')
    assert not ports.answers('127.0.0.1', second)


def test_doors_stay_while_the_database_is_gone_and_say_so(run, endpoint,
                                                          port, caplog):
    worker = run(policy(port), behind(port, endpoint))
    worker.store.available = False
    wait_until(lambda: 'stay as they are' in caplog.text, 'the warning')
    with pytest.raises(RefusedInside, match='not available at the moment'):
        enter(port)
    worker.store.available = True
    with enter(port):
        assert caplog.text.count('stay as they are') == 1


def test_drain_shuts_the_doors(run, endpoint, port):
    worker = run(policy(port), behind(port, endpoint))
    worker.worker.drain()
    assert not ports.answers('127.0.0.1', port)


def test_a_door_that_is_opened_too_late_is_shut_at_once(run, endpoint, port):
    worker = run(policy(port), behind(port, endpoint))
    worker.worker.drain()
    late = listen('127.0.0.1', port)
    worker.worker._server.open(late, None)
    assert late.fileno() == -1


def test_a_new_certificate_and_new_networks_hold_from_the_reload_on(
        run, endpoint, port, shown, tmp_path):
    worker = run(policy(port, SecurityNumber.X509_NONE),
                 behind(port, endpoint))
    ca = tmp_path / 'other.pem'
    ca.write_bytes(STRANGER.pem)
    tls = ServerTls(shown.gateway.cert_file, shown.gateway.key_file,
                    client_ca_file=str(ca))
    worker.reload(dataclasses.replace(worker.settings, gateway=(
        GatewaySettings(policy(port, SecurityNumber.X509_NONE), tls))))
    with show(port, shown.foreign) as viewer:
        assert viewer.width == 800
    worker.reload(dataclasses.replace(worker.settings, gateway=(
        GatewaySettings(policy(port), None))))
    with enter(port) as viewer:
        assert viewer.types == (NONE,)


# -- one look at the nodes ----------------------------------------------------

class Accepted:
    """Stands in for the server: which doors it was told of."""

    def __init__(self) -> None:
        self.doors: dict[int, gateway_module.NodeDoor] = {}

    def open(self, listener: socket.socket, door: Any) -> None:
        self.doors[listener.getsockname()[1]] = door
        self._keep = [*getattr(self, '_keep', []), listener]

    def shut(self, listener: socket.socket) -> None:
        del self.doors[listener.getsockname()[1]]
        listener.close()


@pytest.fixture
def looking() -> Iterator[tuple[Gateway, Accepted, MemoryNodeStore]]:
    store, server = MemoryNodeStore(), Accepted()
    gateway = Gateway(
        GatewayAccess(policy(1), None), server,  # type: ignore[arg-type]
        Authorizer(store, AccessPolicy(frozenset(), 600), Clock()), store)
    yield gateway, server, store
    store.records.clear()
    gateway.refresh()


def test_two_nodes_with_one_port_get_no_door_at_all(looking, endpoint, port,
                                                    caplog):
    gateway, server, store = looking
    gateway.access = GatewayAccess(policy(port), None)
    store.records = {NODE: behind(port, endpoint)}
    gateway.refresh()
    assert port in server.doors
    store.records[OTHER] = behind(port, endpoint, OTHER)
    for _ in range(3):
        gateway.refresh()
    assert not server.doors
    assert caplog.text.count('have the same port') == 1
    del store.records[NODE]
    gateway.refresh()
    assert port in server.doors


def test_a_door_that_is_late_leads_to_nobody_else(looking, endpoint, port):
    """The port has gone to another node since it was opened."""
    gateway, _, store = looking
    gateway.access = GatewayAccess(policy(port), None)
    store.records = {NODE: behind(port, endpoint)}
    gateway.refresh()
    with pytest.raises(Exception, match=f'no console at port {port}'):
        gateway._authorizer.authorize_node(OTHER, port)
    store.records = {NODE: behind(port + 1, endpoint)}
    with pytest.raises(Exception, match=f'no console at port {port}'):
        gateway._authorizer.authorize_node(NODE, port)


def test_a_port_that_somebody_else_has_is_told_once_and_tried_again(
        looking, endpoint, port, caplog):
    gateway, server, store = looking
    gateway.access = GatewayAccess(policy(port), None)
    store.records = {NODE: behind(port, endpoint)}
    with socket.create_server(('127.0.0.1', port)):
        gateway.refresh()
        gateway.refresh()
    assert caplog.text.count(f'port {port} at 127.0.0.1 cannot be') == 1
    gateway.refresh()
    assert port in server.doors


def test_a_host_that_is_no_name_is_told_once(looking, endpoint, port,
                                             caplog):
    gateway, server, store = looking
    gateway.access = GatewayAccess(
        dataclasses.replace(policy(port), host='a..b'), None)
    store.records = {NODE: behind(port, endpoint)}
    gateway.refresh()
    gateway.refresh()
    assert caplog.text.count(f'port {port} at a..b cannot be') == 1
    assert not server.doors


def test_another_host_moves_the_doors(looking, endpoint, port):
    gateway, _, store = looking
    gateway.access = GatewayAccess(policy(port), None)
    store.records = {NODE: behind(port, endpoint)}
    gateway.refresh()
    assert ports.answers('127.0.0.1', port)
    gateway.access = GatewayAccess(dataclasses.replace(
        policy(port), host='127.0.0.2'), None)
    gateway.refresh()
    assert not ports.answers('127.0.0.1', port)
    assert ports.answers('127.0.0.2', port)


def test_a_look_that_fails_is_not_the_last_one(run, endpoint, port,
                                               monkeypatch, caplog):
    worker = run(policy(port))
    good_look = worker.store.consoles

    def fail() -> list[NodeRecord]:
        raise ZeroDivisionError
    monkeypatch.setattr(worker.store, 'consoles', fail)
    wait_until(lambda: 'Bug: the gateway failed' in caplog.text, 'the log')
    worker.store.records[NODE] = behind(port, endpoint)
    monkeypatch.setattr(worker.store, 'consoles', good_look)
    wait_until(lambda: ports.answers('127.0.0.1', port), 'the door')


# -- people's own viewers -----------------------------------------------------

@pytest.fixture
def viewer_door(tmp_path: pathlib.Path, shown: Shown, endpoint: RfbServer,
                monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningWorker]:
    """A worker with a port for viewers."""
    tls = ServerTls(shown.gateway.cert_file, shown.gateway.key_file)
    settings = dataclasses.replace(
        make_settings(tmp_path), viewers=ListenAddress('127.0.0.1', 0, tls))
    with running_with_viewers(settings, node_record(endpoint.port),
                              ) as worker:
        yield worker


@contextlib.contextmanager
def running_with_viewers(settings: Any, *records: NodeRecord,
                         ) -> Iterator[RunningWorker]:
    with (listen('127.0.0.1', 0) as listener,
          RunningWorker(settings, *records, viewers=listener) as worker):
        yield worker


def address_of(worker: RunningWorker) -> tuple[str, int]:
    listener = worker.shared.viewers_listener
    assert listener
    address: tuple[str, int] = listener.getsockname()[:2]
    return address


def log_in(worker: RunningWorker, name: str, ticket: str) -> PlainViewer:
    return PlainViewer(address_of(worker)).greet().choose_vencrypt(
        X509_PLAIN, client_context(AUTHORITY.pem)).log_in(
            name, ticket).enter()


@pytest.mark.parametrize('name', [NODE, NODE.upper(), 'node-7'])
def test_node_and_ticket_are_the_login(viewer_door, name):
    record = viewer_door.store.records[NODE]
    with log_in(viewer_door, name, ticket_for(record)) as viewer:
        assert viewer.types == (VENCRYPT,)
        assert viewer.sub_types == (X509_PLAIN,)
        viewer.send(KEY_X)
        assert viewer.read(8) == KEY_X


@pytest.mark.parametrize('name', ['', OTHER, 'node-8', 'node 7', '\0', "';--",
                                  'n' * 1024, NODE + '0'])
def test_whatever_else_looks_the_same_outside(viewer_door, name, endpoint):
    record = viewer_door.store.records[NODE]
    reasons = set()
    for who, ticket in ((name, ticket_for(record)), (NODE, 'x'), (NODE, ''),
                        (NODE, SECRET), (NODE, ticket_for(record, -1))):
        with pytest.raises(RefusedInside) as caught:
            log_in(viewer_door, who, ticket)
        reasons.add(re.sub(r'\([0-9a-f]+\)', '', str(caught.value)))
    assert len(reasons) == 1
    assert 'This link does not open a console' in reasons.pop()
    assert not endpoint.peers


def test_no_ticket_stands_in_the_log(viewer_door, caplog):
    record = viewer_door.store.records[NODE]
    good_one, old = ticket_for(record), ticket_for(record, -1)
    with caplog.at_level('DEBUG'):
        with log_in(viewer_door, NODE, good_one):
            pass
        with pytest.raises(RefusedInside):
            log_in(viewer_door, NODE, old)
    assert good_one not in caplog.text
    assert old not in caplog.text


def test_a_ticket_to_look_lets_nobody_type(viewer_door):
    record = viewer_door.store.records[NODE]
    request = struct.pack('>BBHHHH', 3, 0, 0, 0, 1, 1)
    with log_in(viewer_door, NODE, ticket_for(record, read_only=True),
                ) as viewer:
        viewer.send(KEY_X + request)
        assert viewer.read(10) == request


def test_a_viewer_without_vencrypt_is_refused(viewer_door, endpoint):
    with PlainViewer(address_of(viewer_door)).greet() as viewer:
        viewer.choose_none()
        with pytest.raises(RefusedInside, match='not valid RFB'):
            viewer.enter()
    assert not endpoint.peers


def test_viewers_see_a_new_certificate_from_the_reload_on(viewer_door, shown,
                                                          tmp_path):
    files = STRANGER.issue().save(tmp_path, 'new')
    viewer_door.reload(dataclasses.replace(
        viewer_door.settings, viewers=ListenAddress(
            '127.0.0.1', 0, ServerTls(files.cert_file, files.key_file))))
    record = viewer_door.store.records[NODE]
    with PlainViewer(address_of(viewer_door)).greet().choose_vencrypt(
            X509_PLAIN, client_context(STRANGER.pem)).log_in(
                NODE, ticket_for(record)).enter() as viewer:
        assert viewer.width == 800


def test_the_picture_of_a_server_that_speaks_first_is_not_lost(
        viewer_door, endpoint):
    """What came with ServerInit goes to the viewer, all of it."""
    early = bytes(range(256)) * 200
    endpoint.behaviour = good(after=lambda peer: peer.send(early))
    record = viewer_door.store.records[NODE]
    with log_in(viewer_door, NODE, ticket_for(record)) as viewer:
        assert viewer.read(len(early)) == early
