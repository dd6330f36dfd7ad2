# SPDX-License-Identifier: Apache-2.0
"""What is missing between what is asked for and what runs, for one node.

It decides and does nothing.
"""

import dataclasses
import enum

from ironic_console.common.errors import DisplayError
from ironic_console.drivers.displays.spool import Endpoint, Failure, Request


class Step(enum.Enum):
    """What to do next.

    ``START``: make a container. ``LOOK``: ask it whether it lets viewers in.
    ``BURY``: tell why it ended, remove it. ``REMOVE``: end it, nobody wants
    it. ``LOST``: tell that it is gone. ``UNSAY``: the endpoint is nobody's.
    """

    START = enum.auto()
    LOOK = enum.auto()
    BURY = enum.auto()
    REMOVE = enum.auto()
    LOST = enum.auto()
    UNSAY = enum.auto()


@dataclasses.dataclass(frozen=True)
class Container:
    """One of ours.

    :ivar has_begun: it runs or did so once.
    :ivar host: for viewers; '' while its port is not published.
    :ivar status: with which it ended, unless it runs.
    """

    name: str
    node: str
    generation: str
    runs: bool
    has_begun: bool = True
    host: str = ''
    port: int = 0
    status: int = 0


class ContainerExistsError(DisplayError):
    """A display's container has been made meanwhile."""


@dataclasses.dataclass(frozen=True)
class Situation:
    """All that is known of one node.

    :ivar request: what is asked for; ``None`` for nothing.
    :ivar answer: the endpoint, whichever generation it is of.
    :ivar has_settings: those of the request are still there.
    """

    request: Request | None
    answer: Endpoint | Failure | None
    has_settings: bool
    containers: tuple[Container, ...]


def plan(now: Situation) -> list[tuple[Step, Container | None]]:
    """:returns: what to do, in order; the container that it is about."""
    wanted = now.request.generation if now.request else ''
    answered = now.answer.generation if now.answer else ''
    steps: list[tuple[Step, Container | None]] = []
    ours = next((one for one in now.containers
                 if one.generation == wanted), None)
    if now.request is None:
        if now.answer:
            steps.append((Step.UNSAY, None))
    elif ours is None:
        if now.has_settings and answered != wanted:
            steps.append((Step.START, None))
        elif not (answered == wanted and isinstance(now.answer, Failure)):
            steps.append((Step.LOST, None))
    elif not ours.has_begun and now.has_settings:
        # Somebody was killed while he made it.
        steps += [(Step.REMOVE, ours), (Step.START, None)]
    elif not ours.runs:
        steps.append((Step.BURY, ours))
    elif (now.answer != Endpoint(wanted, ours.host, ours.port)
          or now.has_settings):
        steps.append((Step.LOOK, ours))
    # A new one shall not have to wait until an old one has logged out.
    steps += [(Step.REMOVE, one) for one in now.containers if one is not ours]
    return steps
