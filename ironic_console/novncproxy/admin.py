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
import time
from collections.abc import Iterator
from typing import Any

from ironic_console.novncproxy import close_reasons
from ironic_console.novncproxy.close_reasons import CloseReason
from ironic_console.novncproxy.sessions import Session, SessionRegistry

LOG = logging.getLogger(__name__)

#: Longest question and longest answer, bytes; 2,000 sessions are 600 KB.
MAX_QUESTION_BYTES = 4096
MAX_ANSWER_BYTES = 64 * 1024 * 1024
# One who asks has the question ready, and is waited for by all others; who
# asks waits for several of those. Seconds.
_QUESTION_TIMEOUT, _TIMEOUT = 1.0, 5.0
# Those who take a console over ask at the same moment.
_BACKLOG = 128
_PAUSE = 0.1
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
        self._stopping = threading.Event()
        self._path = socket_path(folder, os.getpid())
        # Under another name until it listens: who is refused takes it for
        # the door of a dead worker.
        hidden = self._path.with_suffix('.new')
        hidden.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # The mode that bind() gives it. The umask is the process's, and
        # other threads may be making files.
        os.fchmod(self._listener.fileno(), 0o600)
        self._listener.bind(str(hidden))
        self._listener.listen(_BACKLOG)
        hidden.rename(self._path)
        self._thread = threading.Thread(target=self._run, name='admin',
                                        daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        # Somebody at the door wakes green threads too, which do not see
        # that a listener was shut down. A full backlog is somebody as well.
        with (contextlib.suppress(OSError),
              socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as waker):
            waker.setblocking(False)
            waker.connect(str(self._path))
        self._path.unlink(missing_ok=True)
        self._thread.join(_TIMEOUT)
        self._listener.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError as exc:
                # Out of file descriptors is when operators want to look.
                LOG.debug('Admin socket: %s', exc)
                self._stopping.wait(_PAUSE)
                continue
            with sock:
                if self._stopping.is_set():
                    return
                try:
                    self._serve(sock)
                # One strange question must not be the last one.
                except Exception as exc:
                    LOG.warning('Admin socket: %r', exc)

    def _serve(self, sock: socket.socket) -> None:
        line = _read_line(sock, MAX_QUESTION_BYTES, _QUESTION_TIMEOUT)
        try:
            question = json.loads(line)
        except (ValueError, RecursionError):
            question = None
        answer = (self._answer(question) if isinstance(question, dict)
                  else {'error': 'not a question'})
        sock.settimeout(_QUESTION_TIMEOUT)
        sock.sendall(json.dumps(answer).encode() + b'\n')

    def _answer(self, question: dict[str, Any]) -> dict[str, object]:
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
        'state': session.state,
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

    def tidy(self) -> None:
        """Remove the doors that dead workers have left behind."""
        for worker in self.workers():
            path = socket_path(self._path, worker)
            with (contextlib.suppress(OSError),
                  socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock):
                sock.settimeout(_TIMEOUT)
                try:
                    sock.connect(str(path))
                except ConnectionRefusedError:
                    path.unlink(missing_ok=True)

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
                answer = json.loads(_read_line(sock, MAX_ANSWER_BYTES,
                                               _TIMEOUT))
        except (ConnectionRefusedError, FileNotFoundError) as exc:
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


def _read_line(sock: socket.socket, limit: int, timeout: float) -> bytes:
    """:raises ValueError: there is none, or it is too long.
    :raises OSError: it breaks, or takes too long.
    """
    line = bytearray()
    deadline = time.monotonic() + timeout
    while not line.endswith(b'\n'):
        # For all of it: one byte every four seconds is no line either.
        sock.settimeout(max(_PAUSE, deadline - time.monotonic()))
        data = sock.recv(64 * 1024)
        line += data
        if not data or len(line) > limit:
            raise ValueError('no line, or a long one')
        if time.monotonic() > deadline:
            raise TimeoutError('the line took too long')
    return bytes(line)
