# SPDX-License-Identifier: Apache-2.0
"""Which addresses an endpoint may have, and that no others are dialled."""

import ipaddress
import socket
import threading

import pytest

from ironic_console.common.addresses import (
    AddressPolicy,
    Resolver,
    instead_of_wildcard,
    parse_networks,
    with_port,
    without_port,
)
from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.errors import (
    ConfigError,
    EndpointTimeout,
    EndpointUnreachable,
    EndpointUntrusted,
)
from tests.helpers.channels import soon

ANY = AddressPolicy()
FORBIDDEN = [
    '127.0.0.1', '127.1.2.3', '127.255.255.255', '::1',
    '169.254.0.1', '169.254.169.254', 'fe80::1', 'febf::1',
    '224.0.0.1', '239.255.255.255', 'ff02::1',
    '0.0.0.0', '0.0.0.1', '0.255.255.255', '::',
    '240.0.0.1', '255.255.255.255',
    '::ffff:127.0.0.1', '::ffff:169.254.169.254', '::ffff:0.0.0.0',
    '::ffff:224.0.0.1', '::ffff:7f00:1', '::127.0.0.1',
    'fe80::1%eth0', '2001:db8::1%eth0', '::ffff:192.0.2.1%1',
]
ALLOWED = ['10.0.0.1', '172.16.0.1', '192.168.0.1', '192.0.2.1', '8.8.8.8',
           '100.64.0.1', '1.0.0.1', '126.255.255.255', '128.0.0.1',
           '2001:db8::1', 'fd00::1', '::ffff:192.0.2.1']


def resolver(*addresses: str, networks: tuple[str, ...] = ()) -> Resolver:
    """:returns: one for which every name has these addresses."""
    return Resolver(AddressPolicy(parse_networks(networks)),
                    lookup=lambda host: list(addresses))


class TestAddressPolicy:
    @pytest.mark.parametrize('address', FORBIDDEN)
    def test_forbids_what_leads_back_or_nowhere(self, address: str) -> None:
        assert not ANY.allows(ipaddress.ip_address(address))

    @pytest.mark.parametrize('address', ALLOWED)
    def test_allows_all_others(self, address: str) -> None:
        assert ANY.allows(ipaddress.ip_address(address))

    @pytest.mark.parametrize(('address', 'verdict'), [
        ('127.0.0.2', True), ('::ffff:127.0.0.2', True), ('127.0.0.3', False),
        ('192.0.2.1', True), ('fe80::1%eth0', False)])
    def test_exceptions_are_allowed_beside_the_others(
            self, address: str, verdict: bool) -> None:
        policy = AddressPolicy(exceptions=parse_networks(
            ['127.0.0.2/32', 'fe80::/10']))
        assert policy.allows(ipaddress.ip_address(address)) is verdict

    @pytest.mark.parametrize(('address', 'verdict'), [
        ('192.0.2.1', True), ('192.0.3.1', False),
        ('::ffff:192.0.2.1', True), ('::ffff:192.0.3.1', False),
        ('2001:db8::5', True), ('2001:db9::5', False),
        ('127.0.0.1', True), ('127.0.0.2', False),
        ('::ffff:127.0.0.1', True), ('2001:db8::5%eth0', False),
    ])
    def test_networks_are_all_that_is_allowed(self, address: str,
                                              verdict: bool) -> None:
        policy = AddressPolicy(parse_networks(
            ['192.0.2.0/24', '2001:db8::/32', '127.0.0.1']))
        assert policy.allows(ipaddress.ip_address(address)) is verdict


@pytest.mark.parametrize(('host', 'found'), [
    ('', '192.0.2.1'), ('0.0.0.0', '192.0.2.1'), ('::', '192.0.2.1'),
    ('127.0.0.1', '127.0.0.1'), ('::1', '::1'),
    ('host.example', 'host.example')])
def test_nobody_is_led_to_a_wildcard(host: str, found: str) -> None:
    assert instead_of_wildcard(host, '192.0.2.1') == found


@pytest.mark.parametrize(('host', 'text'), [
    ('192.0.2.1', '192.0.2.1:5900'), ('bmc.example', 'bmc.example:5900'),
    ('::1', '[::1]:5900'), ('fe80::1%eth0', '[fe80::1%eth0]:5900'),
    ('::ffff:192.0.2.1', '[::ffff:192.0.2.1]:5900'),
])
def test_hosts_are_found_again_in_what_is_written_with_a_port(
        host: str, text: str) -> None:
    assert with_port(host, 5900) == text
    assert without_port(text) == host


class TestParseNetworks:
    def test_takes_networks_and_single_addresses(self) -> None:
        assert parse_networks(['192.0.2.0/24', '::1']) == (
            ipaddress.ip_network('192.0.2.0/24'),
            ipaddress.ip_network('::1/128'))

    @pytest.mark.parametrize('text', ['bmc.example', '192.0.2.1/24', '', '1',
                                      '192.0.2.0/33'])
    def test_names_what_is_not_a_network(self, text: str) -> None:
        with pytest.raises(ConfigError) as caught:
            parse_networks(['192.0.2.0/24', text])
        assert '[ironic_console]endpoint_networks' in str(caught.value)
        assert repr(text) in str(caught.value)


class TestResolver:
    @pytest.mark.parametrize('host', [
        '127.1', '0x7f.1', '0x7f000001', '2130706433', '017700000001',
        '127.0.1', '0', '0x0', '::ffff:127.0.0.1', '0:0:0:0:0:0:0:1',
        'localhost', '169.254.169.254', '2852039166', '0xa9fea9fe',
        '224.0.0.1', '0.0.0.0', '::', 'fe80::1%1', '127.0.0.1'])
    def test_knows_all_spellings_of_what_is_forbidden(self, host: str,
                                                      ) -> None:
        """With the machine's own resolver."""
        with pytest.raises(EndpointUntrusted):
            Resolver(ANY).resolve(host, soon())

    @pytest.mark.parametrize('host', ['localhost.', 'LOCALHOST',
                                      'ip6-localhost'])
    def test_names_of_loopback_lead_nowhere(self, host: str) -> None:
        # Not every resolver knows them.
        with pytest.raises((EndpointUntrusted, EndpointUnreachable)):
            Resolver(ANY).resolve(host, soon())

    def test_a_forbidden_address_is_named_with_the_option(self) -> None:
        with pytest.raises(EndpointUntrusted) as caught:
            resolver('127.0.0.1', '::1').resolve('bmc.example', soon())
        assert str(caught.value) == (
            'bmc.example is 127.0.0.1, ::1, which '
            '[ironic_console]endpoint_networks does not allow')
        assert '127' not in caught.value.public_reason

    def test_leaves_out_what_is_forbidden(self) -> None:
        assert resolver('127.0.0.1', '192.0.2.1', '::1', 'fe80::1%eth0',
                        ).resolve('bmc.example', soon()) == ['192.0.2.1']

    def test_an_address_is_not_looked_up(self) -> None:
        assert Resolver(ANY, lookup=lambda host: pytest.fail(host)).resolve(
            '192.0.2.1', soon()) == ['192.0.2.1']

    def test_asks_once_and_gives_what_was_checked(self) -> None:
        """DNS rebinding: good for the check, bad for the connect."""
        answers = [['192.0.2.1'], ['127.0.0.1']]
        resolver = Resolver(ANY, lookup=lambda host: answers.pop(0))
        assert resolver.resolve('bmc.example', soon()) == ['192.0.2.1']
        assert answers == [['127.0.0.1']]

    def test_gives_literals_that_no_resolver_changes(self) -> None:
        for address in resolver('192.0.2.1', '2001:DB8:0::1').resolve(
                'bmc.example', soon()):
            found = socket.getaddrinfo(address, 5900,
                                       flags=socket.AI_NUMERICHOST)
            assert {entry[4][0] for entry in found} == {address}

    def test_takes_the_families_in_turn(self) -> None:
        assert resolver('2001:db8::1', '2001:db8::2', '2001:db8::3',
                        '192.0.2.1', '192.0.2.2').resolve(
            'bmc.example', soon()) == [
                '2001:db8::1', '192.0.2.1', '2001:db8::2', '192.0.2.2',
                '2001:db8::3']

    def test_keeps_the_order_of_the_resolver(self) -> None:
        assert resolver('192.0.2.2', '2001:db8::1', '192.0.2.1').resolve(
            'bmc.example', soon()) == ['192.0.2.2', '2001:db8::1',
                                       '192.0.2.1']

    def test_gives_each_address_once(self) -> None:
        assert resolver('192.0.2.1', '192.0.2.1', '192.0.2.2').resolve(
            'bmc.example', soon()) == ['192.0.2.1', '192.0.2.2']

    def test_a_name_does_not_make_us_knock_at_every_door(self) -> None:
        many = [f'192.0.2.{number}' for number in range(256)]
        assert resolver(*many).resolve('bmc.example', soon()) == many[:16]
        with pytest.raises(EndpointUntrusted) as caught:
            resolver(*many, networks=('10.0.0.0/8',)).resolve(
                'bmc.example', soon())
        assert len(str(caught.value)) < 400

    def test_a_name_that_is_not_known_is_unreachable(self) -> None:
        def fail(host: str) -> list[str]:
            raise socket.gaierror(socket.EAI_NONAME, 'Name not known')
        with pytest.raises(EndpointUnreachable,
                           match=r"name 'bmc\.example' is not known: .*Name "
                                 'not known'):
            Resolver(ANY, lookup=fail).resolve('bmc.example', soon())

    def test_a_name_that_cannot_be_looked_up_is_unreachable(self) -> None:
        with pytest.raises(EndpointUnreachable):
            Resolver(ANY).resolve('a' * 64 + '.example', soon())

    def test_a_name_without_addresses_is_unreachable(self) -> None:
        with pytest.raises(EndpointUnreachable, match='has no address'):
            resolver().resolve('bmc.example', soon())

    def test_a_resolver_that_hangs_is_given_up_at_the_deadline(self) -> None:
        hang = threading.Event()

        def lookup(host: str) -> list[str]:
            hang.wait(10)
            return []
        resolver = Resolver(ANY, lookup=lookup)
        with pytest.raises(EndpointTimeout,
                           match=r"name 'bmc\.example' was not resolved "
                                 r'within the connect_timeout of 0\.02 s'):
            resolver.resolve('bmc.example', Deadline(Clock(), 0.02,
                                                     'connect_timeout'))
        hang.set()

    def test_gives_up_at_once_when_it_is_closed(self) -> None:
        resolver = Resolver(ANY)
        resolver.close()
        with pytest.raises(EndpointTimeout):
            resolver.resolve('bmc.example', soon())
