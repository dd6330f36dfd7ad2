# SPDX-License-Identifier: Apache-2.0
"""A real Ironic on this machine: API and conductor, without authentication.

State is an sqlite file, hardware is fake unless other types are asked for,
and everything listens on one loopback address. It has no tenants and no
passwords: it is for the demo and the tests only.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tools.lab import ports, settings
from tools.lab.process import Program, ProgramError, Service
from tools.lab.rest import RestClient, RestError

START_TIMEOUT = 60.0
COMMAND_TIMEOUT = 60.0
# A server on a slow disk takes its time for a hundred tables.
DBSYNC_TIMEOUT = 300.0

_KINDS = ('bios', 'boot', 'deploy', 'firmware', 'inspect', 'management',
          'power', 'raid', 'rescue', 'vendor')
_REDFISH = {
    'bios': 'redfish', 'boot': 'redfish-virtual-media', 'deploy': 'direct',
    'firmware': 'redfish', 'inspect': 'redfish', 'management': 'redfish',
    'power': 'redfish', 'raid': 'no-raid', 'rescue': 'no-rescue',
    'vendor': 'redfish',
}
# A conductor does not start with a hardware type that finds no enabled
# interface of some kind.
_INTERFACES = {
    'fake-hardware': dict.fromkeys(_KINDS, 'fake'),
    'redfish': _REDFISH,
    'idrac': _REDFISH | {
        'bios': 'idrac-redfish', 'boot': 'idrac-redfish-virtual-media',
        'inspect': 'idrac-redfish', 'management': 'idrac-redfish',
        'power': 'idrac-redfish', 'vendor': 'idrac-redfish',
    },
    'ipmi': {
        'bios': 'no-bios', 'boot': 'ipxe', 'deploy': 'direct',
        'firmware': 'no-firmware', 'inspect': 'no-inspect',
        'management': 'ipmitool', 'power': 'ipmitool', 'raid': 'no-raid',
        'rescue': 'no-rescue', 'vendor': 'no-vendor',
    },
}
# The driver of type ipmi refuses to load without the program.
_IPMITOOL = '''\
#!/bin/sh
# Stands in for the real one: says its version, reaches no BMC.
[ "$1" = -V ] && echo 'ipmitool version 1.8.19' && exit 0
echo 'there is no BMC here' >&2
exit 1
'''
# What the log says when a worker dies. Its master forks it again and again,
# so that the program looks alive.
_WORKER_DIED = re.compile(
    r'Child \d+ (?:exited with status [1-9]\d*|killed by signal \d+)')

# Empty databases that this process made, by the programs that made them.
_schemas: dict[Path, bytes] = {}

_NESTED_COMMANDS = {'bios', 'boot', 'console', 'firmware', 'history',
                    'maintenance', 'power', 'trait', 'vif'}
_COMMANDS_WITH_RESULT = {'create', 'list', 'show', 'validate'}


class LocalIronic(Service):
    """One Ironic.

    :param state_dir: for its configuration, database and logs; made if
        missing. A database that lies there is used again.
    :param api_port: of the REST API; 0 picks a free one.
    :param json_rpc_port: of the conductor; 0 picks a free one.
    :param address: on which both listen.
    :param hardware_types: enabled; fake-hardware, redfish, idrac, ipmi, and
        ours that derive from them (console-redfish ...).
    :param console_interfaces: enabled; without no-console most nodes find
        no default.
    :param options: more options by group; they win over those made here.
    :param debug: whether it logs at DEBUG.
    :param split: start ironic-conductor and ironic-api instead of the one
        program that is both, so that one can go without the other.
    :param schema: database to copy instead of making a schema, which takes
        seconds; made if missing. One process makes only one in any case.
    :param connection: URL of an empty database to use instead of sqlite.
    :param bin_dir: of the programs; that of this Python if None.
    """

    def __init__(self, state_dir: Path, *, api_port: int = 0,
                 json_rpc_port: int = 0, address: str = ports.LOOPBACK,
                 hardware_types: Sequence[str] = ('fake-hardware',),
                 console_interfaces: Sequence[str] = ('fake-graphical',
                                                      'no-console'),
                 options: Mapping[str, Mapping[str, settings.Value]]
                 | None = None,
                 debug: bool = False, split: bool = False,
                 schema: Path | None = None, connection: str = '',
                 bin_dir: Path | None = None) -> None:
        free = ports.free_ports(2, address)
        self.state_dir = state_dir.resolve()
        self.address = address
        self.api_port = api_port or free[0]
        self.json_rpc_port = json_rpc_port or free[1]
        self.hardware_types = list(hardware_types)
        self.console_interfaces = list(console_interfaces)
        self.options = settings.merged(options)
        self.debug = debug
        self.split = split
        self.schema = schema
        self.connection = connection
        self.bin_dir = bin_dir or Path(sys.executable).parent
        self.config_file = self.state_dir / 'ironic.conf'
        self.database = self.state_dir / 'ironic.sqlite'
        self.url = f'http://{address}:{self.api_port}'
        self.rest = RestClient(self.url)
        self.programs: dict[str, Program] = {}

    @property
    def environment(self) -> dict[str, str]:
        """Of its programs and of CLI calls: nothing of another cloud."""
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith('OS_')}
        direct = ','.join(filter(None, [kept.get('no_proxy'), self.address]))
        path = [str(self.state_dir / 'bin'), str(self.bin_dir),
                kept.get('PATH', os.defpath)]
        return kept | {
            'OS_AUTH_TYPE': 'none', 'OS_ENDPOINT': self.url,
            'PATH': os.pathsep.join(path),
            'PYTHONWARNINGS': 'ignore',
            'no_proxy': direct, 'NO_PROXY': direct}

    def settings(self) -> settings.Settings:
        """:returns: all options of its configuration file."""
        types = [_INTERFACES[name.removeprefix('console-')]
                 for name in self.hardware_types]
        enabled: dict[str, settings.Value] = {
            f'enabled_{kind}_interfaces': list(dict.fromkeys(
                interfaces[kind] for interfaces in types))
            for kind in _KINDS}
        return settings.merged({
            'DEFAULT': {
                # JSON-RPC dials this name, so it has to resolve.
                'host': self.address,
                'my_ip': self.address,
                'auth_strategy': 'noauth',
                'rpc_transport': 'json-rpc',
                'state_path': self.state_dir,
                'debug': self.debug,
                'enabled_hardware_types': self.hardware_types,
                'enabled_console_interfaces': self.console_interfaces,
                'enabled_network_interfaces': 'noop',
                'enabled_storage_interfaces': 'noop',
                # An API that asks before the conductor is there would not
                # see it for the default of 15 s.
                'hash_ring_reset_interval': 1,
                **enabled,
            },
            'api': {'host_ip': self.address, 'port': self.api_port,
                    'api_workers': 1},
            'json_rpc': {'auth_strategy': 'noauth',
                         'host_ip': self.address,
                         'port': self.json_rpc_port},
            'database': {'connection': self.connection
                         or f'sqlite:///{self.database}'},
            'conductor': {'automated_clean': False,
                          'cache_clean_up_interval': 0,
                          'sync_power_state_interval': 0},
            'deploy': {'http_root': self.state_dir / 'httpboot',
                       'http_url': f'http://{self.address}:9'},
            'dhcp': {'dhcp_provider': 'none'},
            'oslo_concurrency': {'lock_path': self.state_dir / 'lock'},
            'pxe': {'tftp_root': self.state_dir / 'tftpboot'},
            'vnc': {'enabled': False, 'host_ip': self.address},
        }, self.options)

    def start(self) -> Self:
        """Write its files, start it, and wait until node calls work.

        :raises ProgramError: with the end of the log.
        """
        for name in ('bin', 'httpboot', 'tftpboot', 'lock'):
            (self.state_dir / name).mkdir(parents=True, exist_ok=True)
        stub = self.state_dir / 'bin' / 'ipmitool'
        stub.write_text(_IPMITOOL)
        stub.chmod(0o755)
        settings.write(self.config_file, self.settings())
        self._make_schema()
        names = ('ironic-conductor', 'ironic-api') if self.split else (
            'ironic',)
        try:
            for name in names:
                self.start_program(name)
            self.wait_ready()
        except BaseException:
            self.stop(timeout=1)
            raise
        return self

    def start_program(self, name: str) -> Program:
        """Start one of its services; `start` does it for all."""
        program = Program(
            [self.bin_dir / name, '--config-file', self.config_file],
            self.state_dir / f'{name}.log', env=self.environment)
        self.programs[name] = program
        return program

    def wait_ready(self, timeout: float = START_TIMEOUT) -> None:
        """Wait until the API answers and reaches the conductor.

        :raises ProgramError: it failed, or was too slow.
        """
        program = next(iter(self.programs.values()))
        program.wait_for(self._works, timeout, 'a call that goes through '
                         'the API to the conductor')

    def restart(self) -> None:
        """Stop it and start it on the same database."""
        self.stop()
        self.start()

    def stop(self, timeout: float = 20.0) -> None:
        """Stop all its programs and their workers."""
        while self.programs:
            _, program = self.programs.popitem()
            program.stop(timeout)

    def baremetal(self, *words: str) -> Any:
        """Run the real ``baremetal`` program against this Ironic.

        :param words: of the command line, for example 'node', 'list'.
        :returns: its parsed result; None for commands without one.
        :raises ProgramError: it failed; with what it said.
        """
        verb = words[2] if words[1] in _NESTED_COMMANDS else words[1]
        has_result = verb in _COMMANDS_WITH_RESULT
        argv = [str(self.bin_dir / 'baremetal'), *words,
                *(['-f', 'json'] if has_result else [])]
        done = subprocess.run(argv, env=self.environment, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=COMMAND_TIMEOUT, check=False)
        if done.returncode:
            raise ProgramError(f'baremetal {" ".join(words)} failed',
                               done.stderr or done.stdout)
        return json.loads(done.stdout) if has_result else None

    def log(self) -> str:
        """:returns: what its running programs wrote since their start."""
        return '\n'.join(program.written()
                         for program in self.programs.values())

    def _make_schema(self) -> None:
        if self.connection:
            self._make_tables()
            return
        if self.database.exists():
            return
        known = _schemas.get(self.bin_dir)
        if self.schema and self.schema.exists():
            known = self.schema.read_bytes()
        if known:
            self.database.write_bytes(known)
            return
        self._make_tables()
        _schemas[self.bin_dir] = self.database.read_bytes()
        if self.schema:
            shutil.copyfile(self.database, self.schema)

    def _make_tables(self) -> None:
        with Program([self.bin_dir / 'ironic-dbsync', '--config-file',
                      self.config_file, 'create_schema'],
                     self.state_dir / 'ironic-dbsync.log',
                     env=self.environment) as dbsync:
            if dbsync.wait(DBSYNC_TIMEOUT):
                raise dbsync.error('ironic-dbsync failed')

    def _works(self) -> bool:
        for program in self.programs.values():
            died = _WORKER_DIED.search(program.written())
            if died:
                raise program.error(f'{program.name}: {died.group()}')
            if not program.running():
                raise program.error(f'{program.name} ended at start')
        # The conductor answers this one, and it changes nothing.
        try:
            for name in self.hardware_types:
                self.rest.call('GET', f'/v1/drivers/{name}/properties',
                               timeout=5)
        except RestError:
            return False
        return True
