# SPDX-License-Identifier: Apache-2.0
"""Free and busy ports."""

import socket

import pytest

from tools.lab import ports


def test_free_ports_are_different_and_free() -> None:
    found = ports.free_ports(5)
    assert len(set(found)) == 5
    for port in found:
        ports.check_free('127.0.0.1', port, 'this test')


def test_free_ports_are_none_that_the_kernel_gives_to_others() -> None:
    assert all(10000 <= port < 16000 for port in ports.free_ports(50))


def test_where_those_are_busy_the_kernel_chooses(
        monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(('127.0.0.1', 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setattr(ports, '_LOWEST', port)
        monkeypatch.setattr(ports, '_HIGHEST', port)
        found = ports.free_ports(2)
    assert len({port, *found}) == 3


def test_a_busy_port_is_named_with_its_purpose_and_option() -> None:
    with socket.create_server(('127.0.0.1', 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ports.PortBusy) as caught:
            ports.check_free('127.0.0.1', port, 'the proxy', '--port')
    assert str(caught.value) == (
        f'port {port} of 127.0.0.1, wanted for the proxy: is in use; '
        f'choose another with --port')


def test_an_address_of_another_machine_is_not_a_busy_port() -> None:
    with pytest.raises(ports.PortError, match='assign') as caught:
        ports.check_free('192.0.2.1', 6090, 'the proxy')
    assert not isinstance(caught.value, ports.PortBusy)


def test_answers_tells_listeners_from_silence() -> None:
    with socket.create_server(('127.0.0.1', 0)) as listener:
        port = listener.getsockname()[1]
        assert ports.answers('127.0.0.1', port)
    assert not ports.answers('127.0.0.1', port)
