# SPDX-License-Identifier: Apache-2.0
"""The proxies that are measured, all in front of one backend."""

import contextlib
import dataclasses
import itertools
import os
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from ironic_console.common.nodes import NodeRecord
from tests.helpers.certificates import Files
from tests.helpers.program import Site
from tests.helpers.proxy import (
    NODE,
    OTHER,
    SECRET,
    node_record,
    ticket_for,
)
from tests.helpers.xvnc import find_program
from tools.bench.native import Addresses, Entrance, Missing
from tools.lab import novnc, ports
from tools.lab.process import Program
from tools.lab.proxy import InTreeProxy, LocalProxy
from tools.lab.settings import Settings, merged

START_TIMEOUT = 60.0
_DAY = 24 * 3600
#: Entrances: neither side with TLS, one of them, or a ticket that only looks.
PLAIN, BROWSER_TLS, ENDPOINT_TLS, READ_ONLY = (
    'plain', 'browser TLS', 'endpoint TLS', 'read-only')

OURS, IN_TREE, WEBSOCKIFY, NGINX = 'ours', 'in-tree', 'websockify', 'nginx'
OURS_2, OURS_EVENTLET, NGINX_2 = (
    'ours, 2 workers', 'ours, eventlet', 'nginx, 2 workers')

PEERS = (OURS, IN_TREE, WEBSOCKIFY, NGINX)
VARIANTS = (OURS_2, OURS_EVENTLET, NGINX_2)

_STREAM_MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so'
_NGINX = '''\
load_module {module};
daemon off;
{user}
worker_processes {workers};
worker_rlimit_nofile 20000;
pid nginx.pid;
error_log error.log error;
events {{ worker_connections 16000; }}
stream {{
    tcp_nodelay on;
    server {{ listen {host}:{plain}; proxy_pass {host}:{backend.plain}; }}
    server {{
        listen {host}:{browser_tls} ssl;
        ssl_certificate {files.cert_file};
        ssl_certificate_key {files.key_file};
        proxy_pass {host}:{backend.plain};
    }}
    server {{
        listen {host}:{endpoint_tls};
        proxy_pass {host}:{backend.tls};
        proxy_ssl on;
    }}
}}
'''


@dataclasses.dataclass(frozen=True)
class Peer:
    """One proxy, or a variant of ours.

    :ivar entrances: by name.
    :ivar most_sessions: that this machine can be asked to hold.
    """

    name: str
    entrances: Mapping[str, Entrance]
    most_sessions: int = 10_000


@dataclasses.dataclass(frozen=True)
class Stage:
    """What all of them need.

    :ivar folder: for their files.
    :ivar files: certificate for whoever needs one.
    :ivar fingerprint: of it.
    :ivar authority: file with the certificate of who signed it.
    """

    folder: Path
    files: Files
    fingerprint: str
    authority: str
    backend: Addresses


@contextlib.contextmanager
def running(stage: Stage, names: Collection[str]) -> Iterator[list[Peer]]:
    """Start them.

    :param names: of those that are wanted.
    """
    with contextlib.ExitStack() as stack:
        site = Site(stage.folder / 'site', stage.folder / 'schema.sqlite')
        records = (node_record(stage.backend.plain),
                   node_record(stage.backend.vencrypt, uuid=OTHER, endpoint={
                       'security_types': [260],
                       'tls': {'verify': 'fingerprint',
                               'fingerprint': stage.fingerprint}}))
        site.save(*records)
        secure = _tls(stage.files)
        # Loading Ironic takes seconds: all of them at the same time.
        variants: dict[str, list[Settings]] = {
            OURS: [{}, secure],
            OURS_2: [{'ironic_console': {'workers': 2}}],
            OURS_EVENTLET: [{'ironic_console': {
                'concurrency_backend': 'eventlet'}}]}
        ours = {name: [_ours(stage, site, options, stack) for options in each]
                for name, each in variants.items() if name in names}
        in_tree = [_in_tree(stage, site, options, stack)
                   for options in ({}, secure)] if IN_TREE in names else []
        for proxy in (*itertools.chain(*ours.values()), *in_tree):
            assert proxy.program
            proxy.program.wait_for(proxy.ready, START_TIMEOUT, 'serving')
        found = [Peer(name, _consoles(proxies, records))
                 for name, proxies in ours.items()]
        if in_tree:
            found.append(Peer(IN_TREE, dict(zip(
                (PLAIN, BROWSER_TLS), map(_in_tree_console, in_tree),
                strict=True)), 50))
        if WEBSOCKIFY in names:
            found.append(Peer(WEBSOCKIFY, _websockify(stage, stack), 200))
        found += [Peer(name, _nginx(stage, workers, stack))
                  for name, workers in ((NGINX, 1), (NGINX_2, 2))
                  if name in names]
        yield found


def _tls(files: Files) -> Settings:
    return {'vnc': {'enable_ssl': True, 'cert_file': files.cert_file,
                    'key_file': files.key_file}}


def _own_folder(stage: Stage, name: str) -> Path:
    folder = stage.folder / name
    number = 1
    while folder.exists():
        number += 1
        folder = stage.folder / f'{name}-{number}'
    folder.mkdir()
    return folder


def _ours(stage: Stage, site: Site,
          options: Settings,
          stack: contextlib.ExitStack) -> LocalProxy:
    made = site.options(
        {'DEFAULT': {'debug': False},
         'vnc': {'token_timeout': _DAY},
         'ironic_console': {'max_sessions': 8000, 'recheck_interval': 5,
                            'drain_timeout': 0}}, options)
    proxy = LocalProxy(site.config_file, _own_folder(stage, 'ours'),
                       options=made)
    stack.callback(proxy.stop)
    proxy.launch()
    return proxy


def _consoles(proxies: Sequence[LocalProxy],
              records: tuple[NodeRecord, NodeRecord],
              ) -> dict[str, Entrance]:
    """:param proxies: without TLS, and with it if there is such a one."""
    plain, tls = records

    def entrance(proxy: LocalProxy, record: NodeRecord,
                 read_only: bool = False) -> Entrance:
        assert proxy.program
        ticket = ticket_for(record, _DAY, read_only=read_only)
        return Entrance(
            proxy.program.pid, proxy.port, proxy.url.startswith('https'),
            f'/websockify?node={record.uuid}&token={quote(ticket)}')

    found = {PLAIN: entrance(proxies[0], plain),
             READ_ONLY: entrance(proxies[0], plain, read_only=True),
             ENDPOINT_TLS: entrance(proxies[0], tls)}
    for proxy in proxies[1:]:
        found[BROWSER_TLS] = entrance(proxy, plain)
    return found


def _in_tree(stage: Stage, site: Site,
             options: Settings,
             stack: contextlib.ExitStack) -> InTreeProxy:
    folder = _own_folder(stage, 'in-tree')
    proxy = InTreeProxy(
        site.config_file, folder, options=merged(
            {'DEFAULT': {'debug': False}, 'vnc': {'token_timeout': _DAY}},
            options),
        novnc_web=novnc.in_tree_web(folder / 'web',
                                    novnc.get(folder / 'npm.log')))
    stack.callback(proxy.stop)
    proxy.launch()
    return proxy


def _in_tree_console(proxy: InTreeProxy) -> Entrance:
    assert proxy.program
    return Entrance(proxy.program.pid, proxy.port,
                    proxy.url.startswith('https'),
                    f'/websockify?node={NODE}&token={quote(SECRET)}')


def _websockify(stage: Stage, stack: contextlib.ExitStack,
                ) -> dict[str, Entrance]:
    program = Path(sys.executable).parent / 'websockify'
    files, backend = stage.files, stage.backend
    found = {}
    for name, target, options in (
            (PLAIN, backend.plain, []),
            (BROWSER_TLS, backend.plain,
             ['--cert', files.cert_file, '--key', files.key_file]),
            (ENDPOINT_TLS, backend.tls, ['--ssl-target'])):
        port = ports.free_port()
        running = stack.enter_context(Program(
            [program, *options, f'{ports.LOOPBACK}:{port}',
             f'{ports.LOOPBACK}:{target}'],
            _own_folder(stage, 'websockify') / 'log',
            env=os.environ | {'SSL_CERT_FILE': stage.authority}))
        running.wait_for(lambda port=port: ports.answers(  # type: ignore[misc]
            ports.LOOPBACK, port), START_TIMEOUT, 'websockify to listen')
        found[name] = Entrance(running.pid, port, name == BROWSER_TLS,
                               '/websockify')
    return found


def _nginx(stage: Stage, workers: int, stack: contextlib.ExitStack,
           ) -> dict[str, Entrance]:
    if not Path(_STREAM_MODULE).exists():
        raise Missing('nginx cannot pass on streams: apt-get install '
                      'nginx-light libnginx-mod-stream')
    folder = _own_folder(stage, 'nginx')
    plain, browser_tls, endpoint_tls = ports.free_ports(3)
    (folder / 'nginx.conf').write_text(_NGINX.format(
        module=_STREAM_MODULE, workers=workers, host=ports.LOOPBACK,
        user='user root;' if os.geteuid() == 0 else '', plain=plain,
        browser_tls=browser_tls, endpoint_tls=endpoint_tls,
        backend=stage.backend, files=stage.files))
    program = stack.enter_context(Program(
        [find_program('nginx', 'nginx-light'), '-p', f'{folder}/', '-c',
         'nginx.conf', '-e', 'error.log'], folder / 'nginx.out'))
    program.wait_for(lambda: ports.answers(ports.LOOPBACK, endpoint_tls),
                     START_TIMEOUT, 'nginx to listen')
    # Its workers take a moment longer.
    time.sleep(0.2)
    return {PLAIN: Entrance(program.pid, plain),
            BROWSER_TLS: Entrance(program.pid, browser_tls, True),
            ENDPOINT_TLS: Entrance(program.pid, endpoint_tls)}
