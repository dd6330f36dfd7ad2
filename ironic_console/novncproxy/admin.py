# SPDX-License-Identifier: Apache-2.0
"""A door for operators: one Unix socket of each worker, and who knocks.

One line of JSON is a question, one line the answer. Who may open the socket
may ask: only the user that the service runs as, and root. The folder holds
the doors of all workers, so that they find each other, too.
"""

import contextlib
import json
import logging
import os
import pathlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

from ironic_console.novncproxy import close_reasons
from ironic_console.novncproxy.close_reasons import CloseReason
from ironic_console.novncproxy.sessions import Session, SessionRegistry

LOG = logging.getLogger(__name__)

#: Longest question and longest answer, bytes; 2,000 sessions are 600 KB.
MAX_QUESTION_BYTES = 4096
MAX_ANSWER_BYTES = 64 * 1024 * 1024
_TIMEOUT = 5.0
_SUFFIX = '.sock'


class NoAnswer(Exception):
    """A worker does not answer, or there is none."""


def socket_path(folder: pathlib.Path, worker: int) -> pathlib.Path:
    return folder / f'worker-{worker}{_SUFFIX}'


class AdminServer:
    """Answers the questions of operators and of other workers.

    :param folder: of all doors; only our user may look into it.
    :param sessions: of this worker.
    """

    def __init__(self, folder: pathlib.Path, sessions: SessionRegistry,
                 ) -> None:
        self._sessions = sessions
        self._path = socket_path(folder, os.getpid())
        self._path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # The umask is the process's, and other threads may be making files.
        os.fchmod(self._listener.fileno(), 0o600)
        self._listener.bind(str(self._path))
        self._path.chmod(0o600)
        self._listener.listen(16)
        self._thread = threading.Thread(target=self._run, name='admin',
                                        daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(_TIMEOUT)
        self._listener.close()

    def _run(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with sock:
                sock.settimeout(_TIMEOUT)
                try:
                    answer = self._answer(_read_line(sock,
                                                     MAX_QUESTION_BYTES))
                    sock.sendall(json.dumps(answer).encode() + b'\n')
                except (OSError, ValueError) as exc:
                    LOG.debug('Admin socket: %s', exc)

    def _answer(self, line: bytes) -> dict[str, object]:
        question = json.loads(line)
        if not isinstance(question, dict):
            return {'error': 'not a question'}
        what = question.get('do')
        if what == 'list':
            return {'worker': os.getpid(), 'sessions': [
                _described(one) for one in self._sessions.all()]}
        if what == 'close':
            reason = _reason(question)
            which = str(question.get('which', ''))
            closed = self._sessions.close(which, reason)
            LOG.info('Closed %d sessions of %r: %s', closed, which, reason)
            return {'worker': os.getpid(), 'closed': closed}
        return {'error': f'{what!r} is not known; ask list or close'}


def _reason(question: dict[str, Any]) -> CloseReason:
    if question.get('taken_over') is True:
        return close_reasons.TAKEN_OVER
    return close_reasons.by_operator(str(question.get('reason', '')))


def _described(session: Session) -> dict[str, object]:
    """A session as operators see it; the ticket is not part of it."""
    node, link = session.grant.node, session.link
    return {
        'id': session.id, 'node': node.uuid, 'name': node.name,
        'interface': node.interface, 'source': session.source,
        'opened': session.opened.isoformat(timespec='seconds'),
        'mode': 'read-only' if session.grant.read_only else 'read-write',
        'state': 'open' if link else 'connecting',
        'bytes_from_browser': link.from_browser_bytes if link else 0,
        'bytes_to_browser': link.to_browser_bytes if link else 0}


class AdminFolder:
    """The doors of all workers.

    :param path: of the folder.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path

    def workers(self) -> list[int]:
        """:returns: process ids of those that have a door."""
        found = []
        for path in self._path.glob(f'worker-*{_SUFFIX}'):
            number = path.name.removeprefix('worker-').removesuffix(_SUFFIX)
            if number.isdecimal():
                found.append(int(number))
        return sorted(found)

    def ask(self, worker: int, question: dict[str, object],
            ) -> dict[str, Any]:
        """Ask one worker.

        :raises NoAnswer: it has gone, or is busy for too long.
        """
        path = socket_path(self._path, worker)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                sock.settimeout(_TIMEOUT)
                sock.connect(str(path))
                sock.sendall(json.dumps(question).encode() + b'\n')
                answer = json.loads(_read_line(sock, MAX_ANSWER_BYTES))
        except ConnectionRefusedError as exc:
            # Its process was killed; nobody else removes the door.
            path.unlink(missing_ok=True)
            raise NoAnswer(f'worker {worker} has died') from exc
        except (OSError, ValueError) as exc:
            raise NoAnswer(f'worker {worker} does not answer: {exc}',
                           ) from exc
        if not isinstance(answer, dict):
            raise NoAnswer(f'worker {worker} gave a strange answer')
        return answer

    def ask_all(self, question: dict[str, object],
                ) -> Iterator[dict[str, Any]]:
        """Ask every worker; those that do not answer are left out."""
        for worker in self.workers():
            try:
                yield self.ask(worker, question)
            except NoAnswer as exc:
                LOG.warning('%s', exc)

    def close(self, worker: int, session: str, reason: CloseReason) -> None:
        """See :class:`sessions.Peers`."""
        try:
            self.ask(worker, {
                'do': 'close', 'which': session, 'reason': reason.text,
                'taken_over': reason == close_reasons.TAKEN_OVER})
        except NoAnswer as exc:
            LOG.warning('%s: session could not be closed: %s', session, exc)


def _read_line(sock: socket.socket, limit: int) -> bytes:
    """:raises ValueError: there is none, or it is too long."""
    line = bytearray()
    while not line.endswith(b'\n'):
        data = sock.recv(64 * 1024)
        line += data
        if not data or len(line) > limit:
            raise ValueError('no line, or a long one')
    return bytes(line)
