# SPDX-License-Identifier: Apache-2.0
"""The layer check sees breaches of each of its tables."""

import pathlib

import pytest

from tools import check_layers


def found(root: pathlib.Path, name: str, source: str) -> list[str]:
    """:returns: what is said about a tree with just that module."""
    path = root / 'ironic_console' / name
    path.parent.mkdir(parents=True)
    path.write_text(source)
    return check_layers.problems(root)


@pytest.mark.parametrize(('name', 'source', 'word'), [
    ('drivers/x.py', 'import ironic_console.novncproxy.relay', 'novncproxy'),
    ('drivers/x.py', 'from ironic_console import novncproxy', 'novncproxy'),
    ('drivers/x.py', 'from .. import novncproxy', 'novncproxy'),
    ('novncproxy/x.py', 'from ironic_console.drivers import base', 'drivers'),
    ('common/x.py', 'from ironic_console.drivers import base', 'drivers'),
    ('common/x.py', 'from ironic_console.novncproxy import x', 'novncproxy'),
    ('common/rfb/x.py', 'from ironic_console.common import tls', 'tls'),
    ('common/rfb/security/x.py', 'from ... import clock', 'clock'),
    ('novncproxy/relay.py', 'from . import connection', 'connection'),
    ('novncproxy/connection.py', 'from . import server', 'server'),
    ('novncproxy/server.py', 'import ironic_console.novncproxy.cmd', 'cmd'),
    ('common/dialer.py', 'import eventlet', 'eventlet'),
    ('novncproxy/service.py', 'from eventlet import green', 'eventlet'),
    ('drivers/idrac_vnc.py', 'import sushy.exceptions', 'sushy'),
    ('novncproxy/server.py', 'from websockify import websocket',
     'websockify'),
    ('common/tickets.py', 'from ironic.common import vnc', 'ironic'),
    ('novncproxy/service.py', 'import ironic.conf', 'ironic'),
    ('common/rfb/client.py', 'from Crypto.Cipher import DES', 'Crypto'),
    ('common/rfb/client.py', 'import logging', 'logging'),
    ('common/rfb/security/x.py', 'import time', 'time'),
    ('common/rfb/security/x.py', 'import threading', 'threading'),
    ('common/rfb/security/ra2.py', 'import logging', 'logging'),
    ('common/rfb/x.py', 'from oslo_utils import timeutils', 'oslo_utils'),
    ('common/rfb/x.py', 'import h11', 'h11'),
    ('novncproxy/request.py', 'import socket', 'socket'),
    ('novncproxy/request.py', 'import ssl as tls', 'ssl'),
    ('drivers/displays/x.py', 'from ironic.conf import x', 'ironic'),
    ('drivers/displays/apps/x.py', 'import requests', 'requests'),
    ('drivers/displays/x.py', 'from ironic_console.drivers import base',
     'drivers.base'),
    ('common/x.py', "def f():\n    import importlib as i\n"
                    "    return i.import_module('eventlet')", 'eventlet'),
    ('common/x.py', 'if False:\n    import sushy', 'sushy'),
    ('other/x.py', 'from ironic_console.common import clock', 'LAYERS'),
    ('common/tls.py', 'from oslo_config import cfg\nx = cfg.CONF.debug',
     'CONF'),
    ('novncproxy/server.py', 'from oslo_config.cfg import CONF', 'CONF'),
])
def test_reports_a_breach(tmp_path: pathlib.Path, name: str, source: str,
                          word: str) -> None:
    lines = found(tmp_path, name, source)
    assert len(lines) == 1
    assert lines[0].startswith(f'ironic_console/{name}:')
    assert word in lines[0]


@pytest.mark.parametrize(('name', 'source'), [
    ('novncproxy/cmd.py', 'import eventlet\nimport ironic.command\n'
                          'from oslo_config import cfg\nx = cfg.CONF\n'
                          'from . import service, server, connection, relay'),
    ('novncproxy/__main__.py', 'from ironic_console.novncproxy import cmd'),
    ('novncproxy/request.py', 'import h11\nimport urllib.parse'),
    ('drivers/redfish.py', 'import sushy\nfrom ironic.conf import CONF\n'
                           'from ironic_console.common.endpoint import X'),
    ('common/nodes_ironic.py', 'from ironic import objects'),
    ('common/channels/websocket.py', 'from websockify import websocket'),
    ('common/rfb/security/vnc_auth.py', 'from Crypto.Cipher import DES'),
    ('common/rfb/security/ra2.py', 'import threading\n'
                                   'from Crypto.PublicKey import RSA\n'
                                   'from ...secret import Secret'),
    ('common/rfb/security/aes_eax.py', 'from Crypto.Cipher import AES'),
    ('common/rfb/wire.py', 'import struct\nfrom ..errors import X\n'
                           'from . import constants'),
    ('common/x.py', 'import ironic_console\nimport ironic_other'),
])
def test_allows_what_the_rules_allow(tmp_path: pathlib.Path, name: str,
                                     source: str) -> None:
    assert found(tmp_path, name, source) == []
