# SPDX-License-Identifier: Apache-2.0
"""The real proxy program and its files, without an Ironic beside it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ironic_console.common.nodes import NodeRecord
from tests.helpers.proxy import PATIENCE, PUBLIC_URL, fake_novnc
from tools.lab import LocalProxy, settings

#: Programs of this Python load Ironic, which can take seconds when the
#: machine is busy.
START_PATIENCE = 60.0

_SCHEMA = '''
import sys
from ironic.command import dbsync
sys.exit(dbsync.main())
'''
_NODES = '''
import json, sys
import ironic.command
from ironic.common import config, context
from ironic import objects
config.parse_args(sys.argv[:3])
objects.register_all()
for uuid, interface, enabled, info in json.loads(sys.argv[3]):
    admin = context.get_admin_context()
    try:
        node = objects.Node.get_by_uuid(admin, uuid)
    except Exception:
        node = objects.Node(admin, uuid=uuid, driver='fake-hardware')
        node.create()
    node.console_interface = interface
    node.console_enabled = enabled
    node.driver_internal_info = info
    node.save()
'''


class Site:
    """A database with nodes, and the files that the proxy reads.

    :param folder: for all of it.
    :param schema: database to copy; made if missing.
    :param connection: URL of an empty database to use instead.
    """

    def __init__(self, folder: Path, schema: Path,
                 connection: str = '') -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.config_file = folder / 'ironic.conf'
        self.database = folder / 'ironic.sqlite'
        settings.write(self.config_file, {
            'DEFAULT': {'host': 'localhost', 'my_ip': '127.0.0.1',
                        'state_path': folder, 'debug': True},
            'database': {
                'connection': connection or f'sqlite:///{self.database}'},
        })
        if connection:
            self._run(_SCHEMA, 'create_schema')
            return
        if not schema.exists():
            self._run(_SCHEMA, 'create_schema')
            shutil.copyfile(self.database, schema)
        shutil.copyfile(schema, self.database)

    def save(self, *records: NodeRecord) -> None:
        """Write nodes as Ironic does."""
        self._run(_NODES, json.dumps([
            [record.uuid, record.interface, record.enabled,
             dict(record.info)] for record in records]))

    def options(self, *layers: Mapping[str, Mapping[str, Any]],
                ) -> settings.Settings:
        """:returns: what the proxy needs, quick enough for tests."""
        return settings.merged({
            'vnc': {'public_url': PUBLIC_URL,
                    'novnc_web': fake_novnc(self.folder / 'novnc')},
            'ironic_console': {
                'workers': 1,
                'endpoint_networks': ['127.0.0.0/8', '::1/128'],
                'recheck_interval': 0.2, 'drain_timeout': 20,
                'connect_timeout': 30, 'handshake_timeout': 30},
        }, *layers)

    def proxy(self, *layers: Mapping[str, Mapping[str, Any]],
              **options: Any) -> LocalProxy:
        """:returns: the program, not started."""
        return LocalProxy(self.config_file, self.folder,
                          options=self.options(*layers), **options)

    def _run(self, code: str, *arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c', code, '--config-file',
             str(self.config_file), *arguments],
            capture_output=True, timeout=START_PATIENCE + PATIENCE,
            check=False)
        assert done.returncode == 0, done.stderr.decode()[-2000:]
