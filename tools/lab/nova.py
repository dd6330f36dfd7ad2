# SPDX-License-Identifier: Apache-2.0
"""A real Nova for the tests: its programs, and noVNC's own page for them.

Made when the first test asks for it, in ``.venv-nova`` of the checkout, and
kept. It takes about a minute and needs the package index.
"""

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path

from tools.lab import installing, settings

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / '.venv-nova'
REQUIREMENTS = ROOT / 'nova-test-requirements.txt'
LOGS = VENV / 'log'
#: Where Debian has noVNC's page; the npm package has only its library.
PAGE = Path('/usr/share/novnc')
_PAGE_ENTRY = 'vnc.html'
START_TIMEOUT = 60.0


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Keep other test runs of this checkout out of the folder meanwhile."""
    # Beside the folder, which is cleared when it is made.
    with VENV.with_suffix('.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def get_python() -> Path:
    """Find the Python that can import nova, installing it if need be.

    :raises InstallError: it cannot be installed; with what pip says.
    """
    with _alone():
        installing.make_venv(VENV, LOGS / 'venv.log')
        installing.pip_install(
            VENV, ['-r', str(REQUIREMENTS)], LOGS / 'pip.log', name='nova',
            sources=[REQUIREMENTS])
    return VENV / 'bin' / 'python'


def get_page() -> Path:
    """Find noVNC's page, which nova-novncproxy serves.

    Debian's package would bring many others along; of them the page needs
    none, so it is only unpacked.

    :returns: folder with ``vnc.html``.
    :raises InstallError: there is none, and no way to fetch it.
    """
    with _alone():
        return _get_page()


def _get_page() -> Path:
    own = VENV / 'novnc'
    for folder in (PAGE, own / PAGE.relative_to('/')):
        if (folder / _PAGE_ENTRY).is_file():
            return folder
    download = VENV / 'download'
    shutil.rmtree(download, ignore_errors=True)
    download.mkdir(parents=True)
    log = LOGS / 'novnc.log'
    installing.run(['apt-get', 'download', 'novnc'], log, cwd=download)
    packages = list(download.glob('novnc_*.deb'))
    if len(packages) != 1:
        raise installing.InstallError(f'apt-get download gave {packages}')
    installing.run(['dpkg-deb', '-x', packages[0], own], log)
    return own / PAGE.relative_to('/')


def write_settings(path: Path, ironic_url: str, port: int,
                   vnc: settings.Settings) -> None:
    """Write a ``nova.conf``.

    :param port: of nova-novncproxy.
    :param vnc: more options by group; they win.
    """
    folder = path.parent
    settings.write(path, settings.merged({
        'DEFAULT': {'transport_url': 'fake://', 'debug': True,
                    'state_path': folder, 'web': get_page()},
        'database': {'connection': f'sqlite:///{folder / "nova.sqlite"}'},
        'api_database': {'connection': f'sqlite:///{folder / "api.sqlite"}'},
        'ironic': {'auth_type': 'none', 'endpoint_override': ironic_url,
                   'service_type': 'baremetal',
                   'vnc_console_state_timeout': 30},
        'vnc': {'novncproxy_host': '127.0.0.1', 'novncproxy_port': port,
                'novncproxy_base_url':
                f'http://127.0.0.1:{port}/{_PAGE_ENTRY}'},
    }, vnc))
