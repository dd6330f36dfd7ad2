# SPDX-License-Identifier: Apache-2.0
"""Other people's viewers at our consoles: TigerVNC's vncviewer on a screen
of its own, and vncdotool through CONNECT."""

import contextlib
import os
import pathlib
import select
import socket
import struct
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Self

import pytest

from ironic_console.common import tickets
from ironic_console.common.clock import Clock
from ironic_console.common.secret import Secret
from tests.functional.test_ironic_consoles import stored_info
from tests.helpers import png
from tests.helpers.gateway import GatewaySite
from tests.helpers.plain_viewer import PlainViewer
from tests.helpers.proxy import wait_until
from tests.helpers.xvnc import Xvnc, find_program
from tests.simulators.rfb_server import (
    IDRAC8_ENCODINGS,
    RfbServer,
    good,
    show,
)
from tools.lab import ports
from tools.lab.process import Program
from tools.lab.proxy import LocalProxy

SLOW = 60.0
COLOUR = 0x3f7f3f
Site = GatewaySite


@pytest.fixture(scope='module')
def proxy(gateway_site: Site) -> Iterator[LocalProxy]:
    with gateway_site.proxy('native', gateway_security='none') as running:
        yield running


@pytest.fixture(scope='module')
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Xvnc]:
    """The screen that vncviewer shows its window on."""
    with Xvnc(tmp_path_factory.mktemp('screen'), '-geometry', '1280x900',
              ) as server:
        yield server


@pytest.fixture
def server() -> Iterator[RfbServer]:
    """What the consoles show; it notes what is typed."""
    with RfbServer(good(width=640, height=480, after=show(
            COLOUR, IDRAC8_ENCODINGS))) as server:
        yield server


@pytest.fixture
def node(gateway_site: Site, proxy: LocalProxy, server: RfbServer,
         ) -> Iterator[str]:
    made, _ = gateway_site.make_node(
        'generic-vnc', instance=False, vnc_address=server.host,
        vnc_port=server.port, vnc_security='none', vnc_encodings='5,1,0,-223')
    gateway_site.ironic.rest.set_console(made, True)
    door = gateway_site.door(made)
    yield made
    gateway_site.delete(made, door)


def pressed(server: RfbServer, key: str) -> bool:
    """:returns: a key went down and came up again."""
    said = b''.join(peer.received for peer in server.peers)
    return all(struct.pack('>BBxxI', 4, down, ord(key)) in said
               for down in (1, 0))


def ticket_in(url: str) -> str:
    path = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
    return dict(urllib.parse.parse_qsl(
        urllib.parse.urlsplit(path['path']).query))['token']


def ticket_of(site: Site, node: str, lifetime: float = 600,
              read_only: bool = False) -> str:
    """:returns: a ticket as Ironic would have made it."""
    secret = stored_info(site.ironic, node)['novnc_secret_token']
    return tickets.issue(Secret(secret), node, Clock().now(), lifetime,
                         read_only)


# -- TigerVNC -----------------------------------------------------------------

class VncViewer(Program):
    """``vncviewer`` on a screen.

    :param arguments: of the command line.
    """

    def __init__(self, folder: pathlib.Path, screen: Xvnc, username: str,
                 password: str, *arguments: str) -> None:
        self.screen = screen
        super().__init__(
            [find_program('vncviewer', 'tigervnc-viewer'),
             '-Log=*:stderr:100', '-ReconnectOnError=0', *arguments],
            folder / 'vncviewer.log', env={
                **os.environ, 'DISPLAY': screen.display,
                'HOME': str(folder), 'VNC_USERNAME': username,
                'VNC_PASSWORD': password})

    def shows(self, colour: int) -> bool:
        """:returns: most of its window has a colour."""
        with PlainViewer(('127.0.0.1', self.screen.port)).greet(
                ).choose_none().enter() as looker:
            pixels = raw_picture(looker)
        # 32 bits, little endian: blue, green, red.
        return pixels.count(colour.to_bytes(3, 'little')) > 640 * 480 / 2

    def type(self, text: str) -> None:
        """Press keys at the keyboard of the screen."""
        self.screen.run('xdotool', 'xdotool', 'search', '--sync', '--name',
                        'TigerVNC', 'windowfocus', 'key', *text)


def raw_picture(viewer: PlainViewer) -> bytes:
    """Ask a server that sends Raw for all of its picture."""
    width, height = viewer.width, viewer.height
    viewer.send(b'\x02\0\0\1\0\0\0\0')
    viewer.send(b'\x03\0\0\0\0\0' + width.to_bytes(2) + height.to_bytes(2))
    screen, missing = bytearray(width * height * 4), width * height
    while missing > 0:
        kind = viewer.read(1)[0]
        assert kind == 0, f'message {kind}'
        for _ in range(int.from_bytes(viewer.read(3)[1:])):
            head = viewer.read(12)
            x, y, wide, high = (int.from_bytes(head[at:at + 2])
                                for at in (0, 2, 4, 6))
            for row in range(high):
                begin = ((y + row) * width + x) * 4
                screen[begin:begin + wide * 4] = viewer.read(wide * 4)
            missing -= wide * high
    return bytes(screen)


@pytest.fixture
def view(gateway_site: Site, screen: Xvnc, tmp_path: pathlib.Path,
         ) -> Iterator[Callable[..., VncViewer]]:
    """Starts vncviewer as ironic-console-url says."""
    with contextlib.ExitStack() as stack:
        def start(node: str, ticket: str, *more: str) -> VncViewer:
            return stack.enter_context(VncViewer(
                tmp_path, screen, node, ticket,
                '-SecurityTypes=X509Plain', '-X509CA='
                + gateway_site.certificates.ca_file, *more,
                f'localhost::{gateway_site.viewer_port}'))
        yield start


def test_vncviewer_shows_the_screen_and_types(
        gateway_site: Site, proxy: LocalProxy, node: str, server: RfbServer,
        view: Callable[..., VncViewer]) -> None:
    ticket = ticket_in(gateway_site.ironic.rest.console_url(node))
    viewer = view(node, ticket)
    viewer.wait_for(lambda: viewer.shows(COLOUR), SLOW, 'the picture')
    viewer.type('xyz')
    wait_until(lambda: all(pressed(server, key) for key in 'xyz'),
               'what was typed', SLOW)
    viewer.stop()
    line = wait_until(
        lambda: [line for line in proxy.written().splitlines()
                 if f'node {node} closed' in line], 'the audit line')[0]
    assert 'browser closed' in line
    assert ticket not in proxy.written() + viewer.written()


@pytest.mark.parametrize('kind', ['wrong', 'expired'])
def test_vncviewer_with_a_bad_ticket_is_told_so(
        gateway_site: Site, node: str, server: RfbServer, kind: str,
        view: Callable[..., VncViewer]) -> None:
    ticket = ('wr0ng' if kind == 'wrong'
              else ticket_of(gateway_site, node, -1))
    viewer = view(node, ticket)
    wait_until(lambda: 'This link does not open a console'
               in viewer.written(), 'the reason', SLOW)
    assert not server.peers


def test_vncviewer_with_a_ticket_to_look_does_not_type(
        gateway_site: Site, proxy: LocalProxy, node: str, server: RfbServer,
        view: Callable[..., VncViewer]) -> None:
    viewer = view(node, ticket_of(gateway_site, node, read_only=True))
    viewer.wait_for(lambda: viewer.shows(COLOUR), SLOW, 'the picture')
    viewer.type('xyz')
    assert f'node {node} opened' in proxy.written()
    assert ', read-only' in proxy.written()
    viewer.stop()
    wait_until(lambda: f'node {node} closed' in proxy.written(), 'the end')
    # Requests for the picture passed, and no key among them.
    assert b'\x03' in server.peer().received
    assert not any(pressed(server, key) for key in 'xyz')


# -- CONNECT ------------------------------------------------------------------

class Forwarder:
    """A port that leads through CONNECT, for programs that cannot say it.

    :param proxy: address of the proxy.
    :param target: of CONNECT.
    """

    def __init__(self, proxy: tuple[str, int], target: str) -> None:
        self._proxy, self._target = proxy, target
        self._listener = socket.create_server((ports.LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        self.answer = b''
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            near, _ = self._listener.accept()
            with near, socket.create_connection(self._proxy) as far:
                far.sendall(f'CONNECT {self._target} HTTP/1.1\r\nHost: x'
                            '\r\n\r\n'.encode())
                while not self.answer.endswith(b'\r\n\r\n'):
                    data = far.recv(1)
                    if not data:
                        return
                    self.answer += data
                self._carry(near, far)

    @staticmethod
    def _carry(near: socket.socket, far: socket.socket) -> None:
        other = {near: far, far: near}
        while True:
            for ready in select.select([near, far], [], [])[0]:
                data = ready.recv(65536)
                if not data:
                    return
                other[ready].sendall(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()


def target_of(node: str, ticket: str) -> str:
    return '/console?' + urllib.parse.urlencode(
        {'node': node, 'token': ticket})


def vncdo(port: int, *words: str) -> subprocess.CompletedProcess[str]:
    """Run vncdotool's program to its end."""
    program = pathlib.Path(sys.executable).with_name('vncdo')
    return subprocess.run(
        [program, '--timeout', '30', '-s', f'127.0.0.1::{port}', *words],
        capture_output=True, text=True, timeout=SLOW, check=False)


def test_vncdotool_sees_and_types_through_connect(
        gateway_site: Site, proxy: LocalProxy, node: str, server: RfbServer,
        tmp_path: pathlib.Path) -> None:
    ticket = ticket_in(gateway_site.ironic.rest.console_url(node))
    shot = tmp_path / 'shot.png'
    with Forwarder((proxy.address, proxy.port), target_of(node, ticket),
                   ) as forwarder:
        done = vncdo(forwarder.port, 'capture', str(shot), 'type', 'hello')
    assert done.returncode == 0, done.stderr
    assert forwarder.answer.startswith(b'HTTP/1.1 200 OK\r\n')
    picture = png.read(shot.read_bytes())
    assert picture.pixel(320, 240) == tuple(COLOUR.to_bytes(3))
    wait_until(lambda: all(pressed(server, key) for key in 'hello'),
               'what was typed')
    assert ticket not in proxy.written()


def test_vncdotool_sees_and_types_at_the_port_of_nova(
        gateway_site: Site, proxy: LocalProxy, node: str, server: RfbServer,
        tmp_path: pathlib.Path) -> None:
    shot = tmp_path / 'shot.png'
    done = vncdo(gateway_site.door(node), 'capture', str(shot), 'type', 'abc')
    assert done.returncode == 0, done.stderr
    assert png.read(shot.read_bytes()).pixel(1, 1) == tuple(
        COLOUR.to_bytes(3))
    wait_until(lambda: pressed(server, 'c'), 'what was typed')


@pytest.mark.parametrize('kind', ['wrong', 'expired'])
def test_connect_with_a_bad_ticket_is_403(
        gateway_site: Site, proxy: LocalProxy, node: str, server: RfbServer,
        kind: str) -> None:
    ticket = ('wr0ng' if kind == 'wrong'
              else ticket_of(gateway_site, node, -1))
    with Forwarder((proxy.address, proxy.port), target_of(node, ticket),
                   ) as forwarder:
        done = vncdo(forwarder.port, 'type', 'x')
    assert done.returncode
    assert forwarder.answer.startswith(b'HTTP/1.1 403 ')
    assert not server.peers


def test_connect_with_a_ticket_to_look_does_not_type(
        gateway_site: Site, proxy: LocalProxy, node: str, server: RfbServer,
        tmp_path: pathlib.Path) -> None:
    ticket = ticket_of(gateway_site, node, read_only=True)
    with Forwarder((proxy.address, proxy.port), target_of(node, ticket),
                   ) as forwarder:
        done = vncdo(forwarder.port, 'type', 'x', 'capture',
                     str(tmp_path / 'shot.png'))
    assert done.returncode == 0, done.stderr
    assert not pressed(server, 'x')


# -- how to connect -----------------------------------------------------------

def test_the_program_for_users_gives_what_vncviewer_needs(
        gateway_site: Site, proxy: LocalProxy, node: str, server: RfbServer,
        screen: Xvnc, tmp_path: pathlib.Path) -> None:
    """From the name of a node to a picture, by what it prints alone."""
    program = pathlib.Path(sys.executable).with_name('ironic-console-url')
    ticket_file = tmp_path / 'ticket'
    done = subprocess.run(
        [program, '--viewer', '--ticket-file', ticket_file, node],
        env=gateway_site.ironic.environment, capture_output=True, text=True,
        timeout=SLOW, check=False)
    assert done.returncode == 0, done.stderr
    command = done.stdout.splitlines()[-1].strip().replace(
        'vncviewer ', 'exec vncviewer -X509CA='
        f'{gateway_site.certificates.ca_file} ')
    with Program(['/bin/sh', '-c', command], tmp_path / 'log', env={
            **os.environ, 'DISPLAY': screen.display, 'HOME': str(tmp_path)},
            ) as viewer:
        wait_until(lambda: server.peers and b'\x03' in
                   server.peer().received, 'the viewer to ask', SLOW)
        listed = pathlib.Path(f'/proc/{viewer.pid}/cmdline').read_bytes()
    assert ticket_file.read_text().strip().encode() not in listed
