# SPDX-License-Identifier: Apache-2.0
"""The noVNC files: from npm as package-lock.json pins them, or Debian's.

They are never part of this repository.
"""

from pathlib import Path

from tools.lab import installing

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path('node_modules') / '@novnc' / 'novnc'
DEBIAN = Path('/usr/share/novnc')
# Present in either, and the one file that pages import.
ENTRY = Path('core') / 'rfb.js'

_IN_TREE_PAGE = '''\
<!DOCTYPE html>
<meta charset="utf-8">
<title>noVNC for the in-tree proxy</title>
<div id="screen" style="height: 100vh"></div>
<script type="module">
import RFB from './core/rfb.js';

const path = new URLSearchParams(location.search).get('path');
const socket = new URL(path, location.href);
socket.protocol = location.protocol.replace('http', 'ws');
const rfb = new RFB(document.getElementById('screen'), socket.href);
rfb.addEventListener('connect', () => { document.title = 'connected'; });
rfb.addEventListener('disconnect', () => { document.title = 'closed'; });
</script>
'''


class NoVNCMissing(Exception):
    """There is neither npm nor Debian's noVNC."""


def find() -> Path | None:
    """:returns: folder with ``core/rfb.js``, or None."""
    for folder in (ROOT / PACKAGE, DEBIAN):
        if (folder / ENTRY).is_file():
            return folder
    return None


def get(log: Path) -> Path:
    """Find noVNC, fetching it first if npm is there and it is not.

    :param log: file for what npm says.
    :returns: folder with ``core/rfb.js``.
    :raises NoVNCMissing: names the commands that help.
    """
    found = ROOT / PACKAGE
    if (found / ENTRY).is_file():
        return found
    reason = 'npm is not installed'
    if installing.find_program('npm'):
        try:
            installing.run(['npm', 'ci', '--no-audit', '--no-fund'], log,
                           cwd=ROOT)
            return found
        except installing.InstallError as exc:
            reason = str(exc)
    if (DEBIAN / ENTRY).is_file():
        return DEBIAN
    raise NoVNCMissing(
        f'noVNC is missing ({reason}). Run "npm ci" in {ROOT}, or '
        f'"apt-get install novnc" as root.')


def in_tree_web(folder: Path, novnc: Path) -> Path:
    """Make what Ironic's own proxy serves, [vnc]novnc_web.

    The npm package has no page, and Debian's needs a build of its own.

    :param folder: made if missing; gets vnc_lite.html and links to noVNC.
    :returns: that folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'vnc_lite.html').write_text(_IN_TREE_PAGE)
    for name in ('core', 'vendor'):
        link = folder / name
        if not link.is_symlink() and (novnc / name).exists():
            link.symlink_to(novnc / name)
    return folder
