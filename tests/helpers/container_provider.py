# SPDX-License-Identifier: Apache-2.0
"""A container provider for Ironic's in-tree graphical consoles.

It starts no container: every console is the VNC server that runs already.
Ironic loads it in its own process, so it is installed as a distribution in
a folder for PYTHONPATH.
"""

import pathlib

NAME = 'running-server'

_MODULE = '''\
from ironic.console.container import base


class RunningServer(base.BaseConsoleContainer):
    provider_name = {name!r}

    def start_container(self, task, app_name, app_info):
        return {host!r}, {port}

    def stop_container(self, task):
        pass

    def stop_all_containers(self):
        pass
'''


def install_provider(folder: pathlib.Path, host: str, port: int) -> str:
    """Make the distribution.

    :param folder: for PYTHONPATH of Ironic.
    :param host: of the VNC server that every console is.
    :returns: value for ``[vnc]container_provider``.
    """
    (folder / 'running_server.py').write_text(
        _MODULE.format(name=NAME, host=host, port=port))
    info = folder / 'running_server-1.0.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text(
        'Metadata-Version: 2.1\nName: running-server\nVersion: 1.0\n')
    (info / 'entry_points.txt').write_text(
        '[ironic.console.container]\n'
        f'{NAME} = running_server:RunningServer\n')
    return NAME
