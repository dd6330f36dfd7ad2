# SPDX-License-Identifier: Apache-2.0
"""The console page: every file of it, read once and served from memory.

Only what was found at the start is served, by its exact name; no request
ever reaches the file system.

All but the page itself is served below ``static/HASH/``, where HASH stands
for the names and contents of all files. So browsers may keep them for ever,
relative imports between modules hold, and what was loaded together fits
together.
"""

import dataclasses
import gzip
import hashlib
import pathlib
import re
from collections.abc import Iterator, Mapping

from ironic_console.common.errors import ConfigError
from ironic_console.novncproxy.http import Answer
from ironic_console.novncproxy.references import NOVNC, place
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
# A line of our own modules with a comment and nothing else. They are a quarter
# of what would be sent, and for those who read the source. Empty lines take
# their place: where an error happened is still where the source has it.
_COMMENT = re.compile(rb'^ *//.*$', re.MULTILINE)
_HASH_CHARS = 16
_STATIC = re.compile(f'static/([0-9a-f]{{{_HASH_CHARS}}})/(.+)')
# A shorter file fits into one packet anyway.
_MIN_PACKED_BYTES = 860
_FOR_EVER = ('Cache-Control', 'public, max-age=31536000, immutable')
_NEVER = ('Cache-Control', 'no-store')
# What the page asks for, and what nobody shall get through it. A name that a
# browser does not know costs a warning in its console.
_PERMISSIONS = ', '.join([
    *(f'{name}=(self)' for name in (
        'clipboard-read', 'clipboard-write', 'fullscreen')),
    *(f'{name}=()' for name in (
        'accelerometer', 'autoplay', 'camera', 'display-capture',
        'encrypted-media', 'geolocation', 'gyroscope', 'hid',
        'idle-detection', 'local-fonts', 'magnetometer', 'microphone',
        'midi', 'payment', 'picture-in-picture',
        'publickey-credentials-get', 'screen-wake-lock', 'serial', 'usb',
        'xr-spatial-tracking'))])


@dataclasses.dataclass(frozen=True)
class PagePolicy:
    """How the page may be used.

    :ivar novnc_root: folder with noVNC's ``core`` and ``vendor``.
    :ivar frame_ancestors: origins that may frame it; empty for all.
    :ivar base_path: of ``[vnc]public_url``, with a slash at both ends. A
        reverse proxy may take it off or leave it on.
    """

    novnc_root: pathlib.Path
    frame_ancestors: tuple[str, ...] = ()
    base_path: str = '/'

    def security_policy(self) -> str:
        """Content-Security-Policy of the page."""
        policy = ("default-src 'none'; script-src 'self'; style-src 'self'; "
                  "img-src 'self' data: blob:; connect-src 'self'; "
                  "base-uri 'none'; form-action 'none'; "
                  "require-trusted-types-for 'script'; trusted-types 'none'")
        if self.frame_ancestors:
            sources = ' '.join("'none'" if one == 'none' else one
                               for one in self.frame_ancestors)
            policy += f'; frame-ancestors {sources}'
        return policy


@dataclasses.dataclass(frozen=True)
class _File:
    """A file in both forms in which it can be sent.

    :ivar packed: gzip; ``None`` where that saves nothing.
    """

    content_type: str
    plain: bytes
    packed: bytes | None

    @classmethod
    def of(cls, name: str, body: bytes) -> '_File':
        packed = None
        if len(body) >= _MIN_PACKED_BYTES:
            # Nothing in it depends on who asks, so its length tells nothing.
            smaller = gzip.compress(body, 9, mtime=0)
            packed = smaller if len(smaller) < len(body) else None
        return cls(_TYPES[pathlib.PurePath(name).suffix], body, packed)

    def answer(self, request: PageRequest, headers: Headers,
               tag: str = '') -> Answer:
        """:param tag: of the content, or '' if it cannot be named."""
        body = self.plain
        if self.packed is not None:
            headers += (('Vary', 'Accept-Encoding'),)
            if request.gzip:
                headers += (('Content-Encoding', 'gzip'),)
                body, tag = self.packed, tag and f'{tag}-gzip'
        if tag:
            headers += (('ETag', f'"{tag}"'),)
        status = 304 if tag and f'"{tag}"' in request.etags else 200
        return Answer(status, body, self.content_type, headers)


class Pages:
    """All files, ready to be answered.

    :param policy: where they are and who may frame them.
    :raises ConfigError: files are missing; it says how to get them.
    :ivar hash: of all files but the page.
    """

    def __init__(self, policy: PagePolicy) -> None:
        self._base_path = policy.base_path
        self._page_headers: Headers = (
            _NEVER,
            ('Content-Security-Policy', policy.security_policy()),
            ('Cross-Origin-Opener-Policy', 'same-origin'),
            ('Permissions-Policy', _PERMISSIONS),
            ('Referrer-Policy', 'no-referrer'))
        bodies = dict(_read_files(policy.novnc_root))
        html = bodies.pop(PAGE, None)
        if html is None:
            raise ConfigError(f'{WEB_ROOT / PAGE} is missing; install '
                              'ironic-console again')
        self.hash = _hash(bodies)
        self._files = {name: _File.of(name, body)
                       for name, body in bodies.items()}
        self._page = _File.of(PAGE, place(
            html.decode(), f'static/{self.hash}/', bodies).encode())

    def find(self, request: PageRequest) -> Answer | None:
        """:returns: ``None`` if there is no such file."""
        path = request.path
        if path.startswith(self._base_path):
            path = path.removeprefix(self._base_path)
        else:
            path = path.removeprefix('/')
        if path == PAGE or path in ALIASES:
            return self._page.answer(request, self._page_headers)
        static = _STATIC.fullmatch(path)
        file = self._files.get(static[2]) if static else None
        if static is None or file is None:
            return None
        if static[1] != self.hash:
            # Of a page that is older than the last upgrade, or comes from
            # another proxy behind the same name during one. Ours most likely
            # fits, "not found" never would; but no cache may keep it under
            # that name.
            return file.answer(request, (_NEVER,))
        return file.answer(request, (_FOR_EVER,), self.hash)

    def __len__(self) -> int:
        return len(self._files)


def _hash(bodies: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, body in sorted(bodies.items()):
        for part in (name.encode(), body):
            digest.update(len(part).to_bytes(8) + part)
    return digest.hexdigest()[:_HASH_CHARS]


def _read_files(novnc_root: pathlib.Path) -> Iterator[tuple[str, bytes]]:
    """:returns: names relative to the page, and contents."""
    if not (novnc_root / _NOVNC_PROOF).is_file():
        raise ConfigError(
            f'noVNC is not in {novnc_root} ([vnc]novnc_web): there is no '
            f'{_NOVNC_PROOF}. Install it, for example with "apt-get install '
            'novnc" or "npm install @novnc/novnc", and name its folder')
    try:
        for path in _files(WEB_ROOT):
            body = path.read_bytes()
            if path.suffix == '.js':
                body = _COMMENT.sub(b'', body)
            yield path.relative_to(WEB_ROOT).as_posix(), body
        for folder in _NOVNC_FOLDERS:
            for path in _files(novnc_root / folder):
                name = path.relative_to(novnc_root).as_posix()
                yield f'{NOVNC}/{name}', path.read_bytes()
    except OSError as exc:
        raise ConfigError(f'page file cannot be read: {exc}') from exc


def _files(root: pathlib.Path) -> Iterator[pathlib.Path]:
    return (path for path in sorted(root.rglob('*'))
            if path.suffix in _TYPES and path.is_file())
