# SPDX-License-Identifier: Apache-2.0
"""Makes what runs what is asked for, again and again.

It looks into the spool twice a second instead of being told by the kernel:
that works on every file system, needs nothing, and costs less than asking
podman once. It knows of no options.
"""

import concurrent.futures
import contextlib
import dataclasses
import logging
import threading
from collections.abc import Iterator
from typing import Protocol

from ironic_console.common.clock import Clock
from ironic_console.common.errors import DisplayError
from ironic_console.drivers.displays.manager.plan import (
    Container,
    ContainerExistsError,
    Situation,
    Step,
    plan,
)
from ironic_console.drivers.displays.manager.workers import Workers
from ironic_console.drivers.displays.private_folder import (
    FolderError,
    PrivateFolder,
)
from ironic_console.drivers.displays.spool import (
    IMAGE_UID,
    SETTINGS_FILE,
    Endpoint,
    Failure,
    Request,
    Spool,
)

LOG = logging.getLogger(__name__)

#: Seconds between two looks into the spool.
SCAN_INTERVAL = 0.5
#: Seconds between two looks at containers when nothing happens.
CHECK_INTERVAL = 10.0
#: Seconds after which the same trouble is told again.
COMPLAINT_INTERVAL = 600.0


class ContainerEngine(Protocol):
    """What runs displays; see podman.py."""

    def containers(self) -> list[Container]:
        """All of them."""

    def start(self, request: Request, folder: str) -> None:
        """Run one; ContainerExistsError if there is one already."""

    def said(self, name: str) -> dict[str, object]:
        """What one said of itself."""

    def discard(self, request: Request) -> None:
        """Remove what is left of one that was never made."""

    def last_words(self, name: str) -> list[str]:
        """The end of its log."""

    def stop(self, name: str) -> None:
        """End one and remove it."""


@dataclasses.dataclass(frozen=True)
class Places:
    """Where things are.

    :ivar private: directory of ours, in memory, for settings on their way
        into a container.
    :ivar owner: user whose those are then; ``None`` for ourselves.
    """

    spool: Spool
    private: PrivateFolder
    owner: int | None = IMAGE_UID


class Manager:
    """One spool and its containers."""

    def __init__(self, places: Places, engine: ContainerEngine,
                 clock: Clock | None = None) -> None:
        self._places = places
        self._spool = places.spool
        self._engine = engine
        self._clock = clock or Clock()
        self._busy: dict[str, concurrent.futures.Future[None]] = {}
        self._seen: dict[str, bytes] = {}
        self._check_at = 0.0
        self._retry_at: dict[str, float] = {}
        # When each was made.
        self._complaints: dict[str, float] = {}

    def run(self, stopping: threading.Event) -> None:
        """Serve until told to stop; displays go on then.

        :raises FolderError: the spool has been replaced by another.
        """
        with contextlib.closing(Workers()) as workers:
            while not stopping.is_set():
                try:
                    self.look(workers)
                except DisplayError as exc:
                    # Without knowing all, nothing is decided.
                    self._complain(str(exc))
                    stopping.wait(CHECK_INTERVAL)
                if not self._spool.is_in_place():
                    raise FolderError(f'{self._spool.path} has been replaced')
                stopping.wait(SCAN_INTERVAL)

    def look(self, workers: Workers) -> None:
        """Look once, and begin what is to be done.

        :raises DisplayError: not everything could be looked at.
        """
        self._reap()
        now = self._clock.monotonic()
        # What podman says of the busy may be old when we plan.
        untouchable = {*self._busy, *(
            node for node, at in self._retry_at.items() if at > now)}
        seen = self._requests()
        if not self._spool.is_in_place():
            # Of one that is gone nothing can be read; nobody has asked for
            # an end. run() says so.
            return
        if seen == self._seen and now < self._check_at:
            return
        by_node: dict[str, list[Container]] = {}
        for container in self._engine.containers():
            by_node.setdefault(container.node, []).append(container)
        self._seen = seen
        self._check_at = now + CHECK_INTERVAL
        left = self._spool.left_settings()
        situations = {}
        for node in {*seen, *by_node, *self._spool.replied()} - untouchable:
            with self._excusing(f'node {node}'):
                situations[node] = self._situation(
                    node, seen.get(node), left, by_node.get(node, []))
        for node, situation in situations.items():
            steps = plan(situation)
            if steps:
                # What comes behind the first is planned anew.
                step, subject = steps[0]
                self._busy[node] = workers.submit(
                    step, self._do, step, node, situation, subject)
        self._clear_up(by_node)
        if self._busy or untouchable:
            # Until all is as it should be.
            self._check_at = now

    def _requests(self) -> dict[str, bytes]:
        """:returns: what is asked for, by node; empty if that cannot be
            believed."""
        found = {}
        for node in self._spool.asked():
            data: bytes | None = b''
            with self._excusing(f'node {node}'):
                data = self._spool.request(node)
            if data is not None:
                found[node] = data
        return found

    def _reap(self) -> None:
        for node, job in list(self._busy.items()):
            if job.done():
                del self._busy[node]
                if job.exception():
                    self._complain(f'node {node}: {job.exception()}')
                    self._retry_at[node] = (self._clock.monotonic()
                                            + CHECK_INTERVAL)
                else:
                    self._retry_at.pop(node, None)

    def _situation(self, node: str, data: bytes | None,
                   left: set[tuple[str, str]],
                   containers: list[Container]) -> Situation:
        """:raises FolderError: the request cannot be understood, so that
            nothing shall be touched."""
        request = None if data is None else Request.from_json(data)
        if request and request.node != node:
            raise FolderError('its request is of another node')
        try:
            answer = self._spool.answer(node, '')
        except FolderError:
            # Ours are sound; it is written anew.
            self._spool.unsay(node)
            answer = None
        has_settings = bool(request
                            and (node, request.generation) in left)
        return Situation(request, answer, has_settings, tuple(containers))

    def _do(self, step: Step, node: str, situation: Situation,
            container: Container | None) -> None:
        """:raises DisplayError: it has to be tried again, later."""
        match step, situation.request, container:
            case Step.START, Request() as request, None:
                self._start(request)
            case Step.LOOK, Request() as request, Container():
                self._look_at(request, container)
            case Step.BURY, Request() as request, Container():
                self._bury(request, container, situation.answer)
            case Step.REMOVE, _, Container():
                LOG.info('node %s: its display is not wanted any more', node)
                self._engine.stop(container.name)
                self._places.private.remove_folder(container.generation)
            case Step.LOST, Request() as request, None:
                LOG.warning('node %s: its display is gone', node)
                self._reply(request, Failure(
                    request.generation, 'it is gone, and what it was told '
                    'is gone with it; it has to be asked for anew',
                    lost=True))
            case Step.UNSAY, None, None:
                self._spool.unsay(node)

    def _start(self, request: Request) -> None:
        private = self._places.private
        try:
            data = self._spool.settings(request.node, request.generation)
            if data is None:
                # The request has been taken back meanwhile.
                return
            private.remove_folder(request.generation)
            private.make_folder(request.generation, SETTINGS_FILE, data,
                                self._places.owner)
            LOG.info('node %s: starting its display', request.node)
            self._engine.start(
                request, f'{private.path}/{request.generation}')
        except ContainerExistsError:
            # By the podman of a manager that was killed. The next look
            # tells what has become of it.
            if not any(one.generation == request.generation
                       for one in self._engine.containers()):
                # That was killed as well, and only its name is left.
                self._engine.discard(request)
                raise
        except DisplayError as exc:
            LOG.error('node %s: its display cannot be started: %s',
                      request.node, exc)
            self._reply(request, Failure(request.generation, str(exc)))
            self._forget(request)

    def _look_at(self, request: Request, container: Container) -> None:
        said = self._engine.said(container.name)
        if 'port' not in said:
            return
        # It has read them.
        self._forget(request)
        LOG.info('node %s: its display is at %s port %d', request.node,
                 container.host, container.port)
        self._reply(request, Endpoint(request.generation, container.host,
                                      container.port))

    def _bury(self, request: Request, container: Container,
              answer: Endpoint | Failure | None) -> None:
        said = self._engine.said(container.name)
        for line in self._engine.last_words(container.name):
            LOG.error('display: %s', line)
        error = said.get('error')
        text = (error if isinstance(error, str) else
                f'it ended with status {container.status}; see the log of '
                'ironic-console-display-manager')
        LOG.error('node %s: its display has ended: %s', request.node, text)
        self._reply(request, Failure(
            request.generation, text,
            lost='port' in said or isinstance(answer, Endpoint)))
        self._forget(request)
        self._engine.stop(container.name)

    def _forget(self, request: Request) -> None:
        """Remove the settings: whoever needs them has them."""
        self._spool.forget_settings(request.node, request.generation)
        self._places.private.remove_folder(request.generation)

    def _reply(self, request: Request, answer: Endpoint | Failure) -> None:
        data = self._spool.request(request.node)
        # Somebody may have asked for another one meanwhile. Should that
        # happen in this very moment, the generation tells.
        if data and Request.from_json(data).generation == answer.generation:
            self._spool.reply(request.node, answer)

    def _clear_up(self, by_node: dict[str, list[Container]]) -> None:
        """Remove secrets that nobody needs."""
        wanted = set()
        for node, data in self._seen.items():
            with contextlib.suppress(FolderError):
                wanted.add((node, Request.from_json(data).generation))
        self._spool.clear_up(wanted)
        needed = {generation for _, generation in wanted} | {
            container.generation for containers in by_node.values()
            for container in containers}
        for name in self._places.private.names():
            if len(name) == 32 and name not in needed:
                self._places.private.remove_folder(name)

    @contextlib.contextmanager
    def _excusing(self, what: str) -> Iterator[None]:
        """What goes wrong with one node shall not harm others."""
        try:
            yield
        except DisplayError as exc:
            self._complain(f'{what}: {exc}')

    def _complain(self, text: str) -> None:
        # Twice a second would be too often.
        now = self._clock.monotonic()
        self._complaints = {
            one: at for one, at in self._complaints.items()
            if now - at < COMPLAINT_INTERVAL}
        if text not in self._complaints:
            self._complaints[text] = now
            LOG.error('%s', text)
