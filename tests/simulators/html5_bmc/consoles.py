# SPDX-License-Identifier: Apache-2.0
"""The consoles that are open: what is drawn on them, what is typed.

A vendor's own greeting comes before; from then on all speak alike: pictures
go down as JSON, keys and clicks come up so.
"""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.simulators.html5_bmc import profiles
from tests.simulators.html5_bmc.knobs import Knobs
from tests.simulators.html5_bmc.ledger import Ledger
from tests.simulators.html5_bmc.profiles import Profile
from tests.simulators.html5_bmc.websocket import WebSocket

#: Seconds between two pictures.
INTERVAL = 0.2
WIDTH, HEIGHT = 1024, 768
#: Pixels: width of the frame, size of the block.
FRAME, SIDE = 32, 96


def css(colour: int) -> str:
    """:param colour: 24 bits."""
    return f'#{colour:06x}'


class Consoles:
    """All of one BMC.

    :ivar colour: main colour of the picture.
    :ivar errands: ids of elements that the pages have to click on.
    """

    def __init__(self, profile: Profile, knobs: Knobs,
                 ledger: Ledger) -> None:
        self._title = profile.title
        self._knobs = knobs
        self._ledger = ledger
        self._lock = threading.Lock()
        self._open = 0
        self.colour = profile.colour
        self.errands: list[str] = []

    def __len__(self) -> int:
        return self._open

    @contextlib.contextmanager
    def counting(self) -> Iterator[None]:
        """Count one WebSocket as open."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def show(self, socket: WebSocket, is_right: Callable[[], bool],
             hear: Callable[[bytes], None] = lambda _: None) -> None:
        """Draw and listen until one side ends it.

        :param is_right: whether its session lives.
        :param hear: gets messages in the vendor's own language.
        :raises Closed: the browser did.
        """
        number, errand = 0, len(self.errands)
        while is_right():
            if not self._knobs.blank:
                socket.send(self._picture(number))
                number += 1
            for element_id in self.errands[errand:]:
                socket.send(json.dumps({'click': element_id}))
                errand += 1
            deadline = time.monotonic() + INTERVAL
            while (left := deadline - time.monotonic()) > 0:
                message = socket.receive(left)
                if isinstance(message, bytes):
                    hear(message)
                elif message:
                    self._note(json.loads(message))
        socket.close(1001)

    def _picture(self, number: int) -> str:
        room = (WIDTH - 2 * FRAME - SIDE) // SIDE
        return json.dumps({
            'number': number, 'width': WIDTH, 'height': HEIGHT,
            'title': self._title, 'frame': FRAME, 'side': SIDE,
            'left': FRAME + SIDE * (number % room), 'top': HEIGHT // 2,
            'colour': css(self.colour), 'ground': css(profiles.GROUND),
            'block': css(profiles.BLOCK)})

    def _note(self, event: dict[str, Any]) -> None:
        if 'code' in event:
            if not event['repeat']:
                self._ledger.note_key(bool(event['down']), str(event['code']),
                                      str(event['key']))
        else:
            self._ledger.note_click(int(event['x']), int(event['y']))

    def _count(self, change: int) -> None:
        with self._lock:
            self._open += change
        self._ledger.changed()
