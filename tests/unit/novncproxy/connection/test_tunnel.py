# SPDX-License-Identifier: Apache-2.0
"""Plain RFB behind CONNECT."""


import pytest

from ironic_console.novncproxy.sessions import SessionPolicy
from tests.helpers.plain_viewer import Tunnel
from tests.helpers.proxy import (
    NODE,
    node_record,
    path_to,
    ticket_for,
    wait_until,
)
from tests.simulators.rfb_server import refused_port


def tunnel(worker, record, **options):
    ticket = ticket_for(record, **options)
    return Tunnel(worker.address, record.uuid, ticket)


def test_connect_goes_on_as_plain_rfb(worker, record):
    with tunnel(worker, record) as viewer:
        assert viewer.head == b'HTTP/1.1 200 OK\r\n\r\n'
        viewer.greet().choose_none().enter()
        assert viewer.types == (1,)
        assert (viewer.width, viewer.name) == (800, b'simulator')
        viewer.send(b'\x04\x01\0\0\0\0\0x')
        assert viewer.read(8) == b'\x04\x01\0\0\0\0\0x'
        assert worker.sessions() == 1
    wait_until(lambda: not worker.sessions(), 'the end')


def test_who_may_only_look_does_so_behind_connect_too(worker, record):
    request = b'\x03\0\0\0\0\0\0\1\0\1'
    with tunnel(worker, record, read_only=True) as viewer:
        viewer.greet().choose_none().enter()
        viewer.send(b'\x04\x01\0\0\0\0\0x' + request)
        assert viewer.read(10) == request


@pytest.mark.parametrize(('target', 'headers', 'status'), [
    (f'/console?node={NODE}&token=bad', (), 403),
    (f'/console?node={NODE}', (), 403), ('/console', (), 403),
    (f'/websockify?node={NODE}&token=bad', (), 400), ('/', (), 400),
    ('192.0.2.1:5900', (), 400), ('console.example.org:6090', (), 400),
    (f'/console?node={NODE}&token=bad', ('Content-Length: 3',), 400)])
def test_connect_leads_nowhere_else(worker, endpoint, target, headers,
                                    status):
    before = len(endpoint.peers)
    with Tunnel(worker.address, target=target, headers=headers) as viewer:
        assert viewer.status == status
    assert len(endpoint.peers) == before


def test_connect_from_the_page_of_another_site_is_refused(worker, record):
    target = '/console?' + path_to(NODE, ticket_for(record)).partition(
        '?')[2]
    with Tunnel(worker.address, target=target,
                headers=('Origin: https://evil.example',)) as viewer:
        assert viewer.status == 403


def test_connect_counts_for_the_limits(run, record):
    worker = run(record, sessions=SessionPolicy(max_sessions=1))
    with tunnel(worker, record) as viewer:
        viewer.greet().choose_none().enter()
        with tunnel(worker, record) as other:
            assert other.status == 503
    wait_until(lambda: not worker.sessions(), 'the end')


def test_connect_says_in_http_why_there_is_no_console(run):
    with refused_port() as (_, port):
        record = node_record(port)
        worker = run(record)
        viewer = tunnel(worker, record)
    with viewer:
        assert viewer.status == 502
        body = viewer.read(len(b'{"status": "refused"'))
        assert body == b'{"status": "refused"'
    wait_until(lambda: not worker.sessions(), 'the end')


def test_who_speaks_before_the_tunnel_is_open_is_refused(worker, record):
    target = '/console?' + path_to(NODE, ticket_for(record)).partition(
        '?')[2]
    with Tunnel(worker.address, target=target, early=b'RFB 003.008\n',
                ) as viewer:
        assert viewer.status == 400
    assert not worker.sessions()


def test_a_tunnel_that_is_left_leaves_nothing(worker, record):
    with tunnel(worker, record) as viewer:
        viewer.unit(12)
    wait_until(lambda: not worker.sessions(), 'the end')


def test_no_ticket_of_a_tunnel_stands_in_the_log(worker, record, caplog):
    ticket = ticket_for(record)
    with caplog.at_level('DEBUG'):
        with Tunnel(worker.address, NODE, ticket) as viewer:
            viewer.greet().choose_none().enter()
        wait_until(lambda: 'closed for' in caplog.text, 'the audit line')
    assert ticket not in caplog.text
