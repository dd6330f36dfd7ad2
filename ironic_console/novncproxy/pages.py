# SPDX-License-Identifier: Apache-2.0
"""The console page: every file of it, read once and served from memory.

Only what was found at the start is served, by its exact name; no request
ever reaches the file system.
"""

import dataclasses
import hashlib
import pathlib
from collections.abc import Iterator

from ironic_console.common.errors import ConfigError
from ironic_console.novncproxy.http import Answer
from ironic_console.novncproxy.request import PageRequest

WEB_ROOT = pathlib.Path(__file__).with_name('web')
PAGE = 'console.html'
# Names under which links to noVNC's own pages exist; the in-tree proxy and
# Nova are configured with them.
ALIASES = ('', 'vnc.html', 'vnc_auto.html', 'vnc_lite.html')
_NOVNC_FOLDERS = ('core', 'vendor')
_NOVNC_PROOF = 'core/rfb.js'

Headers = tuple[tuple[str, str], ...]

_TYPES = {
    '.css': 'text/css; charset=utf-8',
    '.html': 'text/html; charset=utf-8',
    '.js': 'text/javascript; charset=utf-8',
    '.svg': 'image/svg+xml',
}


@dataclasses.dataclass(frozen=True)
class PagePolicy:
    """How the page may be used.

    :ivar novnc_root: folder with noVNC's ``core`` and ``vendor``.
    :ivar frame_ancestors: origins that may frame it; empty for all.
    """

    novnc_root: pathlib.Path
    frame_ancestors: tuple[str, ...] = ()

    def security_policy(self) -> str:
        """Content-Security-Policy of the page."""
        policy = ("default-src 'none'; script-src 'self'; style-src 'self'; "
                  "img-src 'self' data: blob:; connect-src 'self'; "
                  "base-uri 'none'; form-action 'none'")
        if self.frame_ancestors:
            sources = ' '.join("'none'" if one == 'none' else one
                               for one in self.frame_ancestors)
            policy += f'; frame-ancestors {sources}'
        return policy


class Pages:
    """All files, ready to be answered.

    :param policy: where they are and who may frame them.
    :raises ConfigError: files are missing; it says how to get them.
    """

    def __init__(self, policy: PagePolicy) -> None:
        self._page_headers: Headers = (
            ('Cache-Control', 'no-store'),
            ('Content-Security-Policy', policy.security_policy()),
            ('Cross-Origin-Opener-Policy', 'same-origin'),
            ('Referrer-Policy', 'no-referrer'))
        self._answers: dict[str, Answer] = {}
        for name, path in _own_files():
            self._add(f'/{name}', path)
        for name, path in _novnc_files(policy.novnc_root):
            self._add(f'/novnc/{name}', path)
        page = self._answers.get(f'/{PAGE}')
        if page is None:
            raise ConfigError(f'{WEB_ROOT / PAGE} is missing; install '
                              'ironic-console again')
        for alias in ALIASES:
            self._answers[f'/{alias}'] = page

    def find(self, request: PageRequest) -> Answer | None:
        """:returns: ``None`` if there is no such file."""
        answer = self._answers.get(request.path)
        if answer and request.etag and (('ETag', request.etag)
                                        in answer.headers):
            return dataclasses.replace(answer, status=304)
        return answer

    def __len__(self) -> int:
        return len(self._answers)

    def _add(self, name: str, path: pathlib.Path) -> None:
        try:
            body = path.read_bytes()
        except OSError as exc:
            raise ConfigError(f'page file cannot be read: {exc}') from exc
        headers = self._page_headers
        if path.suffix != '.html':
            etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            headers = (('Cache-Control', 'no-cache'), ('ETag', etag))
        self._answers[name] = Answer(200, body, _TYPES[path.suffix], headers)


def _files(root: pathlib.Path, *folders: str,
           ) -> Iterator[tuple[str, pathlib.Path]]:
    for folder in folders:
        for path in sorted((root / folder).rglob('*')):
            if path.suffix in _TYPES and path.is_file():
                yield path.relative_to(root).as_posix(), path


def _own_files() -> Iterator[tuple[str, pathlib.Path]]:
    return _files(WEB_ROOT, '.')


def _novnc_files(root: pathlib.Path) -> Iterator[tuple[str, pathlib.Path]]:
    if not (root / _NOVNC_PROOF).is_file():
        raise ConfigError(
            f'noVNC is not in {root} ([vnc]novnc_web): there is no '
            f'{_NOVNC_PROOF}. Install it, for example with "apt-get install '
            'novnc" or "npm install @novnc/novnc", and name its folder')
    return _files(root, *_NOVNC_FOLDERS)
