# SPDX-License-Identifier: Apache-2.0
"""One viewer's story where it can end in the middle; whole ones stand in
test_gateway.py."""

import dataclasses
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ironic_console.common.channels.tcp import TcpChannel
from ironic_console.common.clock import Clock
from ironic_console.common.errors import (
    ConsoleError,
    EndpointUnreachable,
    NoConsole,
)
from ironic_console.common.interruption import Interruption
from ironic_console.common.rfb.constants import SecurityNumber
from ironic_console.common.rfb.credential import Credential
from ironic_console.common.rfb.server_policy import Verdict
from ironic_console.common.secret import Secret
from ironic_console.novncproxy import close_reasons
from ironic_console.novncproxy.authorizer import Grant
from ironic_console.novncproxy.lobby import Lobby
from ironic_console.novncproxy.opening import Services
from ironic_console.novncproxy.relay import Relay, RelayLimits
from ironic_console.novncproxy.sessions import Session
from ironic_console.novncproxy.settings import SetupLimits
from ironic_console.novncproxy.viewers import (
    Demand,
    Proof,
    ViewerConnection,
)
from tests.helpers.channels import tcp_pair
from tests.helpers.plain_viewer import BANNER
from tests.helpers.proxy import node_record, wait_until


class Sessions:
    """The registry, as far as a viewer sees it."""

    def __init__(self) -> None:
        self.added = 0
        self.removed = 0
        self.lobby = Lobby(Clock())

    def add(self, _id: str, grant: Grant, _source: str, _over: bool) -> Any:
        self.added += 1
        self.session = Session('id', grant, '', Clock().now(), 0)
        return self.session

    def remove(self, _session: Any) -> None:
        self.removed += 1


class Dialer:
    """Fails in the way it is told."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def open(self, *_: object) -> Any:
        raise self._error


class Patient(Dialer):
    """Fails when nobody wants it to go on."""

    def open(self, _endpoint: Any, _credential: Any, _listener: Any,
             interruption: Interruption) -> Any:
        wait_until(lambda: interruption._happened, 'it is interrupted')
        raise self._error


@dataclasses.dataclass
class Stage:
    """A viewer's connection, and who is at its far end."""

    sessions: Sessions
    near: socket.socket
    far: socket.socket
    heard: list[bool]
    services: Services
    proofs: list[Proof]

    def serve(self, *types: int, error: ConsoleError | None = None,
              ) -> threading.Thread:
        def authorize(proof: Proof) -> Grant:
            self.proofs.append(proof)
            if error:
                raise error
            return Grant(node_record(), None)
        connection = ViewerConnection(
            TcpChannel(self.near, 'viewer:1'), self.services,
            Demand(types, None, authorize), lambda: self.heard.append(True))
        thread = threading.Thread(target=connection.run)
        thread.start()
        return thread


@pytest.fixture
def stage() -> Iterator[Callable[..., Stage]]:
    made = []

    def make(failure: BaseException | None = None,
             dialer: type[Dialer] = Dialer, **limits: float) -> Stage:
        near, far = tcp_pair()
        far.settimeout(10)
        sessions = Sessions()
        sessions.lobby.start()
        services: Any = Services(
            None, sessions, Relay(RelayLimits(), Clock()),  # type: ignore
            dialer(failure or EndpointUnreachable('down')),  # type: ignore
            None, Clock(), SetupLimits(**limits))  # type: ignore[arg-type]
        made.append(Stage(sessions, near, far, [], services, []))
        return made[-1]
    yield make
    for one in made:
        one.far.close()
        one.sessions.lobby.stop()


def ended(thread: threading.Thread) -> bool:
    thread.join(10)
    return not thread.is_alive()


def test_a_viewer_that_leaves_has_cost_nothing(stage):
    one = stage()
    thread = one.serve(SecurityNumber.NONE)
    assert one.far.recv(12) == BANNER
    one.far.close()
    assert ended(thread)
    assert one.sessions.added == 0
    assert not one.heard
    assert one.near.fileno() == -1


def test_a_silent_viewer_has_to_go_in_time(stage, caplog):
    one = stage(browser_handshake_timeout=0.1)
    with caplog.at_level('DEBUG'):
        assert ended(one.serve(SecurityNumber.NONE))
    assert 'nothing came within the browser_handshake_timeout' in caplog.text
    assert not [record for record in caplog.records
                if record.levelname == 'INFO']


def test_the_time_is_for_all_steps_together(stage):
    one = stage(browser_handshake_timeout=2)
    thread = one.serve(SecurityNumber.X509_NONE)
    assert one.far.recv(12) == BANNER
    one.far.sendall(BANNER + b'\x13\0\2')
    assert ended(thread)
    assert one.far.recv(100).startswith(b'\x01\x13\0\x02\0\x01')


def test_the_session_is_gone_when_there_is_no_console(stage):
    one = stage()
    thread = one.serve(SecurityNumber.NONE)
    one.far.sendall(BANNER)
    said = one.far.recv(1000)
    while b'cannot be reached' not in said:
        said += one.far.recv(1000)
    one.far.shutdown(socket.SHUT_WR)
    assert ended(thread)
    assert one.heard
    assert (one.sessions.added, one.sessions.removed) == (1, 1)
    assert said.startswith(BANNER + b'\0\0\0\0')
    assert one.far.recv(1) == b''


def test_who_leaves_while_its_console_is_reached_ends_that(stage):
    one = stage(dialer=Patient)
    thread = one.serve(SecurityNumber.NONE)
    one.far.sendall(BANNER)
    wait_until(lambda: one.sessions.added, 'it is being reached')
    one.far.close()
    assert ended(thread)
    assert one.sessions.removed == 1


def test_who_has_to_go_while_its_console_is_reached_is_told_so(stage):
    one = stage(dialer=Patient)
    thread = one.serve(SecurityNumber.NONE)
    one.far.sendall(BANNER)
    wait_until(lambda: one.sessions.added, 'it is being reached')
    one.sessions.session.revoked = close_reasons.KICKED
    one.sessions.session.interruption.happen()
    said = one.far.recv(1000)
    while b'An operator closed this session.' not in said:
        data = one.far.recv(1000)
        assert data, said
        said += data
    one.far.close()
    assert ended(thread)
    assert one.sessions.removed == 1


def test_the_session_is_gone_when_we_have_a_bug(stage, caplog):
    one = stage(ZeroDivisionError())
    thread = one.serve(SecurityNumber.NONE)
    one.far.sendall(BANNER)
    assert ended(thread)
    assert 'Bug: connection' in caplog.text
    assert (one.sessions.added, one.sessions.removed) == (1, 1)
    assert one.near.fileno() == -1


def test_who_is_refused_has_no_session_and_is_not_heard(stage):
    one = stage()
    thread = one.serve(SecurityNumber.NONE, error=NoConsole('off'))
    one.far.sendall(BANNER)
    one.far.shutdown(socket.SHUT_WR)
    assert ended(thread)
    assert one.sessions.added == 0
    assert not one.heard
    assert b'switched off' in one.far.recv(1000)
    assert one.proofs == [Proof()]


def test_a_refusal_is_not_lost_to_what_the_viewer_says_at_once(stage):
    """Unread bytes would make the kernel reset the connection."""
    one = stage()
    thread = one.serve(SecurityNumber.NONE, error=NoConsole('off'))
    # More than is read at once.
    one.far.sendall(BANNER + b'\x01\x01' + bytes(50_000))
    assert one.far.recv(12) == BANNER
    said = b''
    while data := one.far.recv(1000):
        said += data
    assert b'switched off' in said
    one.far.close()
    assert ended(thread)


def test_a_viewer_that_does_not_leave_is_left(stage, monkeypatch):
    monkeypatch.setattr('ironic_console.novncproxy.viewers.CLOSE_TIMEOUT',
                        0.1)
    one = stage()
    thread = one.serve(SecurityNumber.NONE, error=NoConsole('off'))
    one.far.sendall(BANNER)
    assert ended(thread)
    assert one.near.fileno() == -1


def test_tls_without_a_certificate_of_ours_is_a_bug(stage, caplog):
    one = stage()
    with caplog.at_level('INFO'):
        thread = one.serve(SecurityNumber.X509_NONE)
        one.far.sendall(BANNER + b'\x13\0\2' + (260).to_bytes(4))
        assert ended(thread)
    assert 'there is no certificate' in caplog.text


@pytest.mark.parametrize(('types', 'verdict'), [
    ((SecurityNumber.NONE,), Verdict.BEFORE_TYPES),
    ((SecurityNumber.X509_NONE,), Verdict.BEFORE_RESULT),
    ((SecurityNumber.X509_NONE, SecurityNumber.NONE), Verdict.BEFORE_RESULT),
    ((SecurityNumber.X509_PLAIN,), Verdict.BEFORE_RESULT)])
def test_decides_early_only_where_nothing_is_to_be_shown(types, verdict):
    assert Demand(types, None, lambda proof: None).verdict is verdict


def test_a_proof_does_not_show_a_ticket():
    proof = Proof(Credential(Secret('t1cket'), 'node-7'))
    assert 't1cket' not in repr(proof)
