# SPDX-License-Identifier: Apache-2.0
"""A MariaDB server with one empty database, for as long as it is needed.

What is in it is lost when it stops. Root's server runs as nobody, so its
files lie in a folder of their own that nobody else can enter.
"""

import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Self

from tools.lab import ports
from tools.lab.installing import find_program
from tools.lab.process import Program, Service

START_TIMEOUT = 90.0
NAME = 'ironic'
_NOBODY = 'nobody'
# Runs when the server starts, before it listens.
_SETUP = '''\
CREATE DATABASE {name} CHARACTER SET utf8mb3;
CREATE USER '{name}'@'%' IDENTIFIED BY '{password}';
GRANT ALL ON {name}.* TO '{name}'@'%';
'''
# Nothing has to survive, and the machine has other things to do.
_OPTIONS = ('--innodb-flush-log-at-trx-commit=0', '--innodb-fast-shutdown=2',
            '--innodb-buffer-pool-size=32M', '--performance-schema=off',
            '--skip-name-resolve', '--skip-log-bin')


class LocalMariaDB(Service):
    """One server.

    :param state_dir: for its logs.
    :param port: on which to listen; 0 picks a free one.
    """

    def __init__(self, state_dir: Path, port: int = 0) -> None:
        self.state_dir = state_dir.resolve()
        self.port = port or ports.free_port()
        self._password = secrets.token_hex(16)
        self._folder: Path | None = None
        self._program: Program | None = None

    @property
    def connection(self) -> str:
        """For [database]connection; it holds the password."""
        return (f'mysql+pymysql://{NAME}:{self._password}@{ports.LOOPBACK}:'
                f'{self.port}/{NAME}?charset=utf8mb3')

    def start(self) -> Self:
        """Make its files, start it, and wait until it listens.

        :raises ProgramError: it failed; with the end of the log.
        """
        self._folder = Path(tempfile.mkdtemp(prefix='mariadb-'))
        try:
            self._launch(self._folder)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop it and remove its files."""
        if self._program:
            self._program.stop()
        if self._folder:
            shutil.rmtree(self._folder)
        self._program = self._folder = None

    def _launch(self, folder: Path) -> None:
        setup = folder / 'setup.sql'
        setup.touch(mode=0o600)
        setup.write_text(_SETUP.format(name=NAME, password=self._password))
        user = []
        if os.geteuid() == 0:
            user = [f'--user={_NOBODY}']
            for path in (folder, setup):
                shutil.chown(path, _NOBODY)
        data = f'--datadir={folder / "data"}'
        with Program(['mariadb-install-db', '--no-defaults', data,
                      '--auth-root-authentication-method=normal',
                      '--skip-test-db', *user],
                     self.state_dir / 'mariadb-install-db.log') as install:
            if install.wait(START_TIMEOUT):
                raise install.error('mariadb-install-db failed')
        self._program = Program(
            [find_program('mariadbd') or '/usr/sbin/mariadbd',
             '--no-defaults', data, f'--init-file={setup}',
             f'--socket={folder / "socket"}',
             f'--pid-file={folder / "pid"}',
             f'--bind-address={ports.LOOPBACK}', f'--port={self.port}',
             *_OPTIONS, *user], self.state_dir / 'mariadbd.log')
        self._program.wait_for(
            lambda: ports.answers(ports.LOOPBACK, self.port), START_TIMEOUT,
            'MariaDB to listen')
