# SPDX-License-Identifier: Apache-2.0
"""Real VNC servers named in driver_info, in a real Ironic and through the
real proxy, seen as operators and users see them."""

import json
import pathlib
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from ironic_console.common import nodes
from tests.functional.test_ironic_consoles import BMC, stored_info
from tests.helpers.certificates import Authority
from tests.helpers.foreign_viewer import (
    ForeignViewer,
    ViewerClosed,
    ViewerRefused,
)
from tests.helpers.input_recorder import InputRecorder
from tests.helpers.vnc_servers import (
    IPV4,
    PASSWORD,
    USER,
    USER_PASSWORD,
    Identity,
    Qemu,
    Screen,
    X11vnc,
    tigervnc,
)
from tests.helpers.xvnc import Xvnc
from tests.simulators.rfb_server import (
    IDRAC8_ENCODINGS,
    RfbServer,
    good,
    late,
    show,
)
from tools.lab import ports
from tools.lab.ironic import LocalIronic
from tools.lab.proxy import LocalProxy
from tools.lab.rest import RestError

COLOUR = 0x2f6fb5
AUTHORITY = Authority()
STRANGER = Authority('Nobody we know')
CERTIFICATE = AUTHORITY.issue(IPV4)
CA = AUTHORITY.pem.decode()
UNPROVEN = "The server's console could not prove what it is"

MakeNode = Callable[..., str]


@pytest.fixture
def make_node(ironic: LocalIronic, proxy: LocalProxy) -> Iterator[MakeNode]:
    """Enrolls a node whose console is on this machine."""
    made = []

    def make(port: int, driver: str = 'fake-hardware',
             **driver_info: object) -> str:
        node = ironic.rest.create_node(
            driver=driver, console_interface='generic-vnc',
            driver_info=BMC[driver] | {
                'vnc_address': IPV4, 'vnc_port': port} | driver_info)
        made.append(node['uuid'])
        return str(node['uuid'])
    yield make
    for uuid in made:
        ironic.rest.delete_node(uuid)


@pytest.fixture(scope='module')
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Xvnc]:
    """An Xvnc that lets in by every type but those without a password."""
    with tigervnc(tmp_path_factory.mktemp('tigervnc'), CERTIFICATE, '1.3',
                  ('VncAuth', 'X509Vnc', 'X509Plain')) as server:
        server.paint(COLOUR)
        yield server


@pytest.fixture(scope='module')
def recorder(tmp_path_factory: pytest.TempPathFactory, secured: Xvnc,
             ) -> Iterator[InputRecorder]:
    with InputRecorder(tmp_path_factory.mktemp('xev'), secured) as recorder:
        yield recorder


def opened(ironic: LocalIronic, node: str) -> ForeignViewer:
    """Enable the console and look at it."""
    console = ironic.rest.set_console(node, True)
    return ForeignViewer(console['console_info']['url'])


def colours(viewer: ForeignViewer) -> Counter[int]:
    pixels = memoryview(viewer.picture()).cast('I')
    return Counter(pixel & 0xffffff for pixel in pixels)


# -- servers ------------------------------------------------------------------

@pytest.mark.parametrize('driver', BMC)
def test_console_works_on_nodes_of_every_hardware_type(
        ironic: LocalIronic, make_node: MakeNode, xvnc: Xvnc,
        driver: str) -> None:
    node = make_node(xvnc.port, driver, vnc_security='none')
    with opened(ironic, node) as viewer:
        assert viewer.name == b'a real X display'
        assert len(viewer.picture()) == viewer.width * viewer.height * 4


@pytest.mark.parametrize('settings', [
    {'vnc_password': PASSWORD, 'vnc_security': 'vncauth'},
    {'vnc_password': PASSWORD, 'vnc_ca': CA},
    {'vnc_password': PASSWORD, 'vnc_fingerprint': CERTIFICATE.fingerprint},
    {'vnc_password': USER_PASSWORD, 'vnc_username': USER, 'vnc_ca': CA},
], ids=['vncauth', 'x509vnc', 'x509vnc pinned', 'x509plain'])
def test_a_server_with_a_password_is_opened_and_keeps_it(
        ironic: LocalIronic, proxy: LocalProxy, make_node: MakeNode,
        secured: Xvnc, recorder: InputRecorder, settings: dict[str, str],
        ) -> None:
    node = make_node(secured.port, **settings)
    recorder.take()
    with opened(ironic, node) as viewer:
        assert colours(viewer).most_common(1)[0][0] == COLOUR
        viewer.press(ord('x'))
        recorder.wait_for('KeyPress x')
        recorder.wait_for('KeyRelease x')
    password = settings['vnc_password']
    stored = stored_info(ironic, node)
    assert stored.pop(nodes.CREDENTIAL_KEY)['password'] == password
    shown = ironic.rest.node(node)
    assert shown['driver_info']['vnc_password'] == '******'
    assert shown['driver_internal_info'][nodes.CREDENTIAL_KEY] == {
        'password': '******', 'username': settings.get('vnc_username', '')}
    api = [shown, ironic.rest.console(node),
           ironic.rest.call('GET', '/v1/nodes/detail'),
           ironic.rest.call('GET', f'/v1/nodes/{node}/validate')]
    assert password not in json.dumps([api, stored], ensure_ascii=False)
    ironic.rest.set_console(node, False)
    assert not set(nodes.CONSOLE_KEYS) & set(stored_info(ironic, node))
    assert password not in ironic.log() + proxy.written()


def test_the_ca_may_be_in_a_file_of_the_conductor(
        ironic: LocalIronic, make_node: MakeNode, secured: Xvnc,
        tmp_path: pathlib.Path) -> None:
    path = tmp_path / 'ca.pem'
    path.write_bytes(AUTHORITY.itself.key + AUTHORITY.pem)
    node = make_node(secured.port, vnc_password=PASSWORD, vnc_ca=str(path))
    with opened(ironic, node) as viewer:
        assert colours(viewer)[COLOUR]
    stored = stored_info(ironic, node)
    assert stored[nodes.ENDPOINT_KEY]['tls'] == {'ca': CA}


@pytest.mark.parametrize('about', [
    {'vnc_ca': STRANGER.pem.decode()},
    {'vnc_fingerprint': STRANGER.itself.fingerprint},
    {'vnc_ca': CA, 'vnc_server_name': 'other.example'}],
    ids=['ca', 'fingerprint', 'name'])
def test_a_server_that_cannot_prove_what_it_is_gets_no_password(
        ironic: LocalIronic, make_node: MakeNode, secured: Xvnc,
        about: dict[str, str]) -> None:
    node = make_node(secured.port, vnc_password=PASSWORD, **about)
    with pytest.raises(ViewerClosed) as caught:
        opened(ironic, node)
    assert caught.value.code == 4502
    assert UNPROVEN in caught.value.refusal


def test_a_wrong_password_is_told_to_the_user(
        ironic: LocalIronic, make_node: MakeNode, secured: Xvnc) -> None:
    node = make_node(secured.port, vnc_password='wr0ng', vnc_ca=CA)
    with pytest.raises(ViewerClosed) as caught:
        opened(ironic, node)
    assert 'did not accept our credentials' in caught.value.refusal


QEMU = [
    (Screen(), {'vnc_security': 'none'}),
    (Screen(password=True), {'vnc_password': PASSWORD,
                             'vnc_security': 'vncauth'}),
    (Screen(password=True, tls=Identity(CERTIFICATE, '1.3')),
     {'vnc_password': PASSWORD, 'vnc_ca': CA}),
    (Screen(tls=Identity(CERTIFICATE, '1.3')),
     {'vnc_security': 'x509none', 'vnc_ca': CA})]


def test_qemu_with_and_without_certificate_and_password(
        ironic: LocalIronic, make_node: MakeNode, tmp_path: pathlib.Path,
        ) -> None:
    with Qemu(tmp_path, [screen for screen, _ in QEMU]) as qemu:
        for screen, settings in QEMU:
            node = make_node(qemu.port(screen), **settings)
            with opened(ironic, node) as viewer:
                assert viewer.name == b'QEMU'
                assert colours(viewer).total() == 640 * 480


@pytest.mark.parametrize('tls', ['on', 'auto'])
def test_tls_from_the_first_byte(
        ironic: LocalIronic, make_node: MakeNode, secured: Xvnc,
        tmp_path: pathlib.Path, tls: str) -> None:
    # x11vnc can do nothing with an elliptic curve.
    certificate = AUTHORITY.issue(IPV4, rsa_key=True)
    with X11vnc(tmp_path, secured, certificate=certificate) as server:
        node = make_node(server.port, vnc_password=PASSWORD, vnc_tls=tls,
                         vnc_fingerprint=certificate.fingerprint,
                         # The probe of auto takes 3 s, half of what these
                         # proxies give others.
                         vnc_handshake_timeout=20)
        with opened(ironic, node) as viewer:
            assert colours(viewer)[COLOUR]


def test_what_a_server_has_to_be_spared_reaches_the_proxy(
        ironic: LocalIronic, make_node: MakeNode) -> None:
    # Later than handshake_timeout, which is 6 s for these proxies.
    slow = late(good(after=show(COLOUR, IDRAC8_ENCODINGS)), 7)
    with RfbServer(slow) as server:
        node = make_node(server.port, vnc_security='none',
                         vnc_encodings='0,1,5,-223',
                         vnc_handshake_timeout=60)
        with opened(ironic, node) as viewer:
            viewer.send(bytes.fromhex('02 00 0002 00000010 00000000'))
            assert colours(viewer) == {COLOUR: 800 * 600}


# -- rules of a console -------------------------------------------------------

def test_a_server_that_is_off_is_enabled_and_told_to_who_looks(
        ironic: LocalIronic, make_node: MakeNode) -> None:
    node = make_node(ports.free_port(), vnc_security='none')
    with pytest.raises(ViewerClosed, match='cannot be reached') as caught:
        opened(ironic, node)
    assert caught.value.code == 4503
    assert ironic.rest.node(node)['console_enabled'] is True


def test_disable_ends_the_session(ironic: LocalIronic, make_node: MakeNode,
                                  xvnc: Xvnc) -> None:
    node = make_node(xvnc.port, vnc_security='none')
    with opened(ironic, node) as viewer:
        link = ironic.rest.console_url(node)
        ironic.rest.set_console(node, False)
        assert viewer.wait_closed().code == 1008
    with pytest.raises(ViewerRefused):
        ForeignViewer(link)


def test_a_read_only_console_takes_no_keys(
        ironic: LocalIronic, make_node: MakeNode, secured: Xvnc,
        recorder: InputRecorder) -> None:
    node = make_node(secured.port, vnc_password=PASSWORD,
                     vnc_security='vncauth', console_read_only=True)
    recorder.take()
    with opened(ironic, node) as viewer:
        viewer.press(ord('y'))
        assert colours(viewer)[COLOUR]
    assert not [event for event in recorder.take() if 'KeyPress' in event]


@pytest.mark.parametrize(('settings', 'words'), [
    ({}, 'driver_info/vnc_security and vnc_password are not set'),
    ({'vnc_pasword': PASSWORD},
     'driver_info/vnc_pasword is not a setting of generic-vnc; there are '
     'vnc_address, vnc_port, vnc_password,'),
    ({'vnc_password': 'nine-char', 'vnc_security': 'vncauth'},
     'the VNC password has 9 characters; VncAuth takes 1 to 8'),
    ({'vnc_security': 'vncauth'}, 'vncauth, which needs vnc_password'),
    ({'vnc_security': 'none', 'vnc_fingerprint': '0' * 64},
     'vnc_fingerprint is set, but no certificate is shown; set vnc_tls to on'),
    ({'vnc_security': 'none', 'vnc_address': ''}, 'vnc_address is not set'),
])
def test_bad_driver_info_is_refused_with_key_and_remedy(
        ironic: LocalIronic, make_node: MakeNode, settings: dict[str, str],
        words: str) -> None:
    node = make_node(5900, **settings)
    validation = ironic.rest.call('GET', f'/v1/nodes/{node}/validate')
    assert validation['console']['result'] is False
    assert words in validation['console']['reason']
    with pytest.raises(RestError) as caught:
        ironic.rest.set_console(node, True)
    assert caught.value.status == 400
    assert words in caught.value.reason
    assert 'nine-char' not in caught.value.reason


def test_an_address_that_is_not_allowed_is_told_in_last_error(
        ironic: LocalIronic, make_node: MakeNode) -> None:
    node = make_node(5900, vnc_security='none',
                     vnc_address='169.254.169.254')
    validation = ironic.rest.call('GET', f'/v1/nodes/{node}/validate')
    assert validation['console']['result'] is True
    with pytest.raises(RestError, match='endpoint_networks does not allow'):
        ironic.rest.set_console(node, True)
    assert ironic.rest.node(node)['console_enabled'] is False
