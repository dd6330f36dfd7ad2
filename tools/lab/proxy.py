# SPDX-License-Identifier: Apache-2.0
"""Proxies in front of a local Ironic: ours, and Ironic's own."""

import os
import signal
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tools.lab import ports, settings
from tools.lab.process import Program, Service

START_TIMEOUT = 60.0
# Ours lets sessions go on for a while, [ironic_console]drain_timeout.
STOP_TIMEOUT = 45.0
# Ironic's own loses a SIGTERM that comes while it accepts a connection.
IN_TREE_STOP_TIMEOUT = 5.0


class _Proxy(Service):
    """What both proxies share: files, start, stop.

    :param config_file: of the Ironic that they serve.
    :param state_dir: for the configuration file of their own, and the log.
    :param port: on which to listen; 0 picks a free one. The conductor writes
        it into URLs, so it needs it in [vnc]public_url.
    :param host: address on which to listen.
    :param options: by group; they win over those of Ironic's file.
    :param bin_dir: of the program; that of this Python if None.
    :param env: environment; ours if None.
    """

    name = ''

    def __init__(self, config_file: Path, state_dir: Path, *, port: int = 0,
                 host: str = ports.LOOPBACK,
                 options: Mapping[str, Mapping[str, settings.Value]]
                 | None = None,
                 bin_dir: Path | None = None,
                 env: Mapping[str, str] | None = None) -> None:
        self.config_file = config_file
        self.host = host
        self.port = port or ports.free_port(host)
        self.options = settings.merged(
            {'vnc': {'host_ip': host, 'port': self.port}},
            self.own_options(), options)
        self.bin_dir = bin_dir or Path(sys.executable).parent
        self.env = env
        self.own_config_file = state_dir.resolve() / f'{self.name}.conf'
        self.log = state_dir.resolve() / f'{self.name}.log'
        self.program: Program | None = None

    def own_options(self) -> settings.Settings:
        """:returns: what this kind of proxy has where nobody says else."""
        return {}

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it, without a slash."""
        secure = self.options['vnc'].get('enable_ssl') in (True, 'true')
        address = self.address
        if ':' in address:
            address = f'[{address}]'
        return f'{"https" if secure else "http"}://{address}:{self.port}'

    @property
    def address(self) -> str:
        """On which we reach it."""
        return {'0.0.0.0': ports.LOOPBACK, '::': '::1'}.get(
            self.host, self.host)

    def command(self) -> Sequence[str | Path]:
        """:returns: program and arguments."""
        return [self.bin_dir / self.name, '--config-file', self.config_file,
                '--config-file', self.own_config_file]

    def ready(self) -> bool:
        """:returns: whether it serves."""
        raise NotImplementedError

    def start(self) -> Self:
        """Start it and wait until it serves.

        :raises ProgramError: it did not come up; with the end of its log.
        """
        program = self.launch()
        try:
            program.wait_for(self.ready, START_TIMEOUT,
                             f'serving on {self.url}')
        except BaseException:
            self.stop(timeout=1)
            raise
        return self

    def launch(self) -> Program:
        """Start it without waiting, for those that watch it fail."""
        settings.write(self.own_config_file, self.options)
        environment = dict(os.environ if self.env is None else self.env)
        environment.setdefault('PYTHONWARNINGS', 'ignore')
        self.program = Program(self.command(), self.log, name=self.name,
                               env=environment)
        return self.program

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Send a signal to the main process."""
        if self.program:
            self.program.signal(number)

    def stop(self, timeout: float = STOP_TIMEOUT) -> int:
        """Stop it; sessions of ours are drained first.

        :returns: exit status, negative for a signal.
        """
        return self.program.stop(timeout) if self.program else 0

    def written(self) -> str:
        """:returns: what it wrote since its start."""
        return self.program.written() if self.program else ''


class LocalProxy(_Proxy):
    """Our ``ironic-console-novncproxy``."""

    name = 'ironic-console-novncproxy'
    #: concurrency_backend where options name none; '' leaves it alone
    backend = ''

    def own_options(self) -> settings.Settings:
        return ({'ironic_console': {'concurrency_backend': self.backend}}
                if self.backend else {})

    def ready(self) -> bool:
        """:returns: whether it says that it is, database included."""
        # Its certificate is the test's concern, not ours.
        context = ssl._create_unverified_context()
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=context))
        try:
            with opener.open(f'{self.url}/readyz', timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


class InTreeProxy(_Proxy):
    """Ironic's own ``ironic-novncproxy``.

    :param novnc_web: folder with its page, ``vnc_lite.html``.
    """

    name = 'ironic-novncproxy'

    def __init__(self, config_file: Path, state_dir: Path, *,
                 novnc_web: Path, port: int = 0,
                 host: str = ports.LOOPBACK,
                 options: Mapping[str, Mapping[str, settings.Value]]
                 | None = None,
                 bin_dir: Path | None = None,
                 env: Mapping[str, str] | None = None) -> None:
        # The conductor must not see [vnc]enabled: it would run the proxy in
        # its own process then.
        super().__init__(
            config_file, state_dir, port=port, host=host, bin_dir=bin_dir,
            env=env, options=settings.merged(
                {'vnc': {'enabled': True, 'novnc_web': novnc_web}}, options))

    def stop(self, timeout: float = IN_TREE_STOP_TIMEOUT) -> int:
        """Stop it, with SIGKILL if need be."""
        return super().stop(timeout)

    def ready(self) -> bool:
        """:returns: whether it accepts connections; it says no more."""
        return ports.answers(self.address, self.port)
