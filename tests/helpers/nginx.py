# SPDX-License-Identifier: Apache-2.0
"""A real nginx with TLS, configured as the operator's manual says."""

import os
import pathlib
from types import TracebackType
from typing import Self

from tests.helpers.certificates import Certificate
from tests.helpers.xvnc import find_program
from tools.lab import ports
from tools.lab.process import Program

SNIPPET = (pathlib.Path(__file__).parents[2]
           / 'doc' / 'source' / 'nginx-consoles.conf')
START_TIMEOUT = 60.0
_FRAME = '''\
daemon off;
{user}
worker_processes 1;
pid nginx.pid;
error_log error.log info;
events {{}}
http {{
    access_log access.log;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include consoles.conf;
}}
'''


class Nginx:
    """A reverse proxy with the console page under ``/consoles/``.

    :param folder: its own.
    :param backend: where our proxy listens.
    :param certificate: that it presents.
    :param port: on which it listens.
    """

    def __init__(self, folder: pathlib.Path, backend: tuple[str, int],
                 certificate: Certificate, port: int) -> None:
        self._folder = folder
        self.port = port
        self._program: Program | None = None
        files = certificate.save(folder)
        snippet = SNIPPET.read_text()
        for documented, ours in (
                ('listen 443 ', f'listen {ports.LOOPBACK}:{port} '),
                ('server 127.0.0.1:6090;', f'server {backend[0]}:'
                                           f'{backend[1]};'),
                ('/etc/nginx/example.org.crt', files.cert_file),
                ('/etc/nginx/example.org.key', files.key_file),
                ('/var/log/nginx/', f'{folder}/')):
            assert documented in snippet
            snippet = snippet.replace(documented, ours)
        (folder / 'consoles.conf').write_text(snippet)
        # Root's nginx gives its workers away to a user who may not even
        # enter the folder.
        user = 'user root;' if os.geteuid() == 0 else ''
        (folder / 'nginx.conf').write_text(_FRAME.format(user=user))

    @property
    def url(self) -> str:
        """Of the folder with the page, with a slash."""
        return f'https://{ports.LOOPBACK}:{self.port}/consoles/'

    def logged(self) -> str:
        """:returns: all of its logs."""
        return ''.join(path.read_text()
                       for path in sorted(self._folder.glob('*.log')))

    def __enter__(self) -> Self:
        program = find_program('nginx', 'nginx-light')
        self._program = Program(
            [program, '-p', f'{self._folder}/', '-c', 'nginx.conf',
             # Or it opens Debian's log first, which is root's.
             '-e', 'error.log'], self._folder / 'nginx.out')
        self._program.wait_for(
            lambda: ports.answers(ports.LOOPBACK, self.port),
            START_TIMEOUT, 'nginx to listen')
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        assert self._program
        self._program.stop()
