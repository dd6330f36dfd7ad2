# SPDX-License-Identifier: Apache-2.0
"""An Ironic whose consoles are behind our gateway, and proxies that serve
it in the ways that sites may choose."""

import contextlib
import dataclasses
import pathlib
import random
import socket
import uuid
from collections.abc import Iterator

from tests.helpers.certificates import Authority, Files
from tests.helpers.proxy import wait_until
from tools.lab import ports, settings
from tools.lab.ironic import LocalIronic
from tools.lab.proxy import LocalProxy

#: What the certificate of nova-novncproxy says.
NOVA_NAME = 'nova-novncproxy.example.org'
#: Where nova-novncproxy is, as far as ``gateway_networks`` is concerned.
NETWORKS = '127.0.0.0/8'
# Below what the kernel gives to those who do not care.
_LOWEST, _HIGHEST = 16000, 32000
_WIDTH = 300


@dataclasses.dataclass(frozen=True)
class Certificates:
    """Who trusts whom.

    :ivar ca_file: of the authority of both sides.
    :ivar gateway: what the gateway shows.
    :ivar nova: what nova-novncproxy shows.
    :ivar other: of the same authority, for somebody else.
    :ivar foreign: of another authority, for the name of nova-novncproxy.
    """

    ca_file: str
    gateway: Files
    nova: Files
    other: Files
    foreign: Files


def make_certificates(folder: pathlib.Path) -> Certificates:
    authority, stranger = Authority('Cloud'), Authority('Somebody else')
    ca_file = folder / 'ca.pem'
    ca_file.write_bytes(authority.pem)
    return Certificates(
        str(ca_file), authority.issue().save(folder, 'gateway'),
        authority.issue(NOVA_NAME, client=True).save(folder, 'nova'),
        authority.issue('printer.example.org', client=True).save(
            folder, 'other'),
        stranger.issue(NOVA_NAME, client=True).save(folder, 'foreign'))


def free_range(width: int = _WIDTH) -> str:
    """:returns: so many ports in a row, all free now: FIRST:LAST."""
    dice = random.SystemRandom()
    while True:
        first = dice.randrange(_LOWEST, _HIGHEST - width)
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + width):
                    sock = stack.enter_context(socket.socket())
                    sock.bind((ports.LOOPBACK, port))
            except OSError:
                continue
        return f'{first}:{first + width - 1}'


@dataclasses.dataclass
class GatewaySite:
    """One Ironic with a gateway; what proxies serve it is up to a test.

    :ivar proxy_port: of the console page, in the URLs.
    """

    ironic: LocalIronic
    folder: pathlib.Path
    certificates: Certificates
    proxy_port: int
    viewer_port: int

    @property
    def first_port(self) -> int:
        """Of the gateway; node 1 has it."""
        text = str(self.ironic.options['ironic_console'][
            'gateway_port_range'])
        return int(text.partition(':')[0])

    def proxy(self, name: str, **ours: settings.Value) -> LocalProxy:
        """Make a proxy, to be started with ``with``.

        :param ours: options of ``[ironic_console]``.
        """
        files = self.certificates
        return LocalProxy(
            self.ironic.config_file, self.folder / name,
            port=self.proxy_port, options={'ironic_console': {
                'gateway_cert_file': files.gateway.cert_file,
                'gateway_key_file': files.gateway.key_file,
                'gateway_client_ca_file': files.ca_file,
                'gateway_networks': NETWORKS,
                'viewer_port': self.viewer_port,
                'drain_timeout': 1, 'workers': 2, **ours}})

    def make_node(self, interface: str = 'fake-vnc', *,
                  instance: bool = True, **driver_info: object,
                  ) -> tuple[str, str]:
        """Enroll a node; :returns: its UUID and that of its instance."""
        rest = self.ironic.rest
        node = rest.create_node(
            driver='idrac' if interface == 'idrac-vnc' else 'fake-hardware',
            console_interface=interface, driver_info=driver_info)['uuid']
        instance_uuid = str(uuid.uuid4())
        if instance:
            rest.set_node(node, instance_uuid=instance_uuid)
        return node, instance_uuid

    def forget(self, node: str) -> None:
        """Delete a node that an instance may have."""
        rest = self.ironic.rest
        rest.call('PATCH', f'/v1/nodes/{node}',
                  [{'op': 'remove', 'path': '/instance_uuid'}])
        rest.delete_node(node)

    def delete(self, node: str, door: int) -> None:
        """Delete a node, and wait for its door to be shut: SQLite gives the
        number of a deleted node, and so its port, to the next."""
        self.ironic.rest.delete_node(node)
        wait_until(lambda: not ports.answers(ports.LOOPBACK, door),
                   'the door was shut')

    def door(self, node: str) -> int:
        """:returns: port of the gateway that Nova is told."""
        info = self.ironic.rest.node(node)['driver_internal_info']
        assert info['vnc_host'] == ports.LOOPBACK
        return int(info['vnc_port'])


@contextlib.contextmanager
def start_site(folder: pathlib.Path, schema: pathlib.Path,
               novnc_root: pathlib.Path, **ours: settings.Value,
               ) -> Iterator[GatewaySite]:
    """Start such an Ironic.

    :param ours: options of ``[ironic_console]``.
    """
    proxy_port, viewer_port = ports.free_ports(2)
    options = settings.merged({
        'vnc': {'public_url': f'http://127.0.0.1:{proxy_port}/console.html',
                'novnc_web': novnc_root},
        'ironic_console': {
            'endpoint_networks': '127.0.0.0/8', 'recheck_interval': 1,
            'connect_timeout': 5, 'handshake_timeout': 5,
            'gateway_host': ports.LOOPBACK, 'gateway_interval': 0.5,
            'gateway_port_range': free_range(), 'bmc_timeout': 20,
            'vnc_ready_timeout': 20, **ours}})
    with LocalIronic(
            folder / 'ironic', console_interfaces=(
                'fake-vnc', 'generic-vnc', 'idrac-vnc', 'no-console'),
            hardware_types=('fake-hardware', 'idrac'), options=options,
            debug=True, schema=schema) as ironic:
        yield GatewaySite(ironic, folder, make_certificates(folder),
                          proxy_port, viewer_port)
