# SPDX-License-Identifier: Apache-2.0
"""Text on the screen of a display, above everything, while there is no
picture.

It owns how that looks, and its connection to the X server, which exists
exactly as long as a text is shown. What the text says is not known here.
"""

import dataclasses
import logging
import socket
import textwrap
from collections.abc import Callable, Generator

from ironic_console.drivers.displays import x11
from ironic_console.drivers.displays.reception import Notice
from ironic_console.drivers.testcard.font import (
    CELL_HEIGHT,
    CELL_WIDTH,
    text_rows,
)

LOG = logging.getLogger(__name__)

PAPER, INK = 0x14202b, 0xe6ecf0
#: Letters in a line; more are tiring to read.
_MAX_COLUMNS = 60
_MAX_TITLE_LINES = 3
_SIGNS = ('.  ', '.. ', '...')
_RECEIVE_BYTES = 65536
#: All that we ever ask, several times over.
_MAX_UNSENT_BYTES = 4 * 1024 * 1024


@dataclasses.dataclass(frozen=True)
class TextLine:
    """One line of text and where it is."""

    text: str
    x: int
    y: int
    scale: int

    @property
    def box(self) -> x11.Box:
        return x11.Box(self.x, self.y,
                       len(self.text) * CELL_WIDTH * self.scale,
                       CELL_HEIGHT * self.scale)


class Layout:
    """Where text goes on a screen.

    :param title: stands above all texts.
    """

    def __init__(self, width: int, height: int, title: str) -> None:
        self._height = height
        self._scale = max(1, min(width // 480, height // 240))
        cell = CELL_WIDTH * self._scale
        self._left = max(cell, (width - _MAX_COLUMNS * cell) // 2)
        self._columns = min(_MAX_COLUMNS, width // cell - 2)
        self._title = title

    def lines(self, text: str) -> list[TextLine]:
        """:returns: the title and the text, as far as they fit."""
        scale = self._scale + 1
        columns = self._columns * self._scale // scale
        placed = []
        y = self._height // 4
        for line in self._wrap(self._title, columns)[:_MAX_TITLE_LINES]:
            placed.append(TextLine(line, self._left, y, scale))
            y += CELL_HEIGHT * scale
        y += CELL_HEIGHT * self._scale
        step = CELL_HEIGHT * self._scale * 5 // 4
        for line in self._wrap(text, self._columns):
            # The last one is for the sign of life.
            if y + 2 * step > self._height:
                break
            if line:
                placed.append(TextLine(line, self._left, y, self._scale))
            y += step
        return placed

    def sign(self, lines: list[TextLine], count: int) -> TextLine:
        """:param lines: that are on the screen.
        :returns: a sign of life, another one for each count.
        """
        last = lines[-1].box if lines else x11.Box(0, 0, 0, 0)
        return TextLine(_SIGNS[count % len(_SIGNS)], self._left,
                        last.y + last.height * 3 // 2, self._scale)

    @staticmethod
    def _wrap(text: str, columns: int) -> list[str]:
        lines: list[str] = []
        for paragraph in text.split('\n'):
            lines += textwrap.wrap(_printable(paragraph), columns) or ['']
        return lines


def _printable(text: str) -> str:
    """:returns: what the font has, one letter for each."""
    return ''.join(char if ' ' <= char <= '~' else '?' for char in text)


class Painter:
    """Speaks with the X server: bytes in, bytes out.

    :param cookie: that opens it.
    """

    def __init__(self, cookie: bytes, layout: Layout) -> None:
        self._layout = layout
        self._reader = x11.XReader()
        self._notice = Notice('')
        self._lines: list[TextLine] = []
        self._life = 0
        self._canvas: _Canvas | None = None
        self._talk: Generator[None, x11.XMessage] | None = None
        self._out = bytearray(x11.connect(cookie))

    def show(self, notice: Notice) -> None:
        if notice != self._notice:
            self._notice = notice
            self._lines = self._layout.lines(notice.text)
            self._draw()

    def tick(self) -> None:
        """Show that we are alive."""
        self._life += 1
        if self._canvas and self._notice.is_busy:
            self._out += self._canvas.write(
                self._layout.sign(self._lines, self._life))

    def data_to_send(self) -> bytes:
        """:returns: what has not been taken yet."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def receive_data(self, data: bytes) -> None:
        """:raises X11Error: the server does not do what we need."""
        self._reader.receive_data(data)
        for message in self._reader.messages():
            if message.is_error:
                raise x11.X11Error(f'the X server reports {message}')
            if message.is_reply and self._talk:
                self._talk.send(message)
            elif message.kind == x11.EXPOSE:
                self._draw()
        if self._reader.screen and not self._talk:
            self._talk = self._prepare(self._reader.screen)
            next(self._talk)

    def _prepare(self, screen: x11.XScreen,
                 ) -> Generator[None, x11.XMessage]:
        """Put our window above all others, and keep the keys."""
        self._out += x11.query_extension(x11.COMPOSITE)
        extension = yield
        if not extension.data[8]:
            raise x11.X11Error('the X server has no Composite extension')
        major = extension.data[9]
        self._out += x11.query_composite(major)
        yield
        self._out += x11.get_overlay_window(major, screen.root)
        overlay = (yield).field(8)
        self._canvas = _Canvas(screen)
        # Above all others is not before all others: keys go to a window that
        # has the focus, and that may have a form for passwords.
        self._out += self._canvas.open(overlay)
        while True:
            yield

    def _draw(self) -> None:
        if not self._canvas:
            return
        self._out += self._canvas.clear()
        for line in self._lines:
            self._out += self._canvas.write(line)
        if self._notice.is_busy:
            self._out += self._canvas.write(
                self._layout.sign(self._lines, self._life))


class _Canvas:
    """Requests about our window.

    :param screen: on which it is.
    """

    def __init__(self, screen: x11.XScreen) -> None:
        self._screen = screen
        self._window, self._context = screen.first_id, screen.first_id + 1
        self._box = x11.Box(0, 0, screen.width, screen.height)

    def open(self, parent: int) -> bytes:
        paper, ink = map(self._screen.pixel, (PAPER, INK))
        return (x11.create_window(self._window, parent, self._box, paper)
                + x11.create_gc(self._context, self._window, ink, paper)
                + x11.map_window(self._window)
                + x11.grab_keyboard(self._window))

    def clear(self) -> bytes:
        return x11.clear_area(self._window, self._box)

    def write(self, line: TextLine) -> bytes:
        rows = b''.join(map(self._screen.pack_row,
                            text_rows(line.text, line.scale)))
        return x11.put_bitmap(self._window, self._context, line.box, rows)


class NoticeWindow:
    """The window that texts are in, and its connection.

    :param address: of the X server's socket.
    :param cookie: that opens it.
    """

    def __init__(self, address: str, cookie: bytes, layout: Layout) -> None:
        self._address = address
        self._cookie = cookie
        self._layout = layout
        self._notice: Notice | None = None
        self._socket: socket.socket | None = None
        self._painter = Painter(cookie, layout)
        self._unsent = b''

    @property
    def is_busy(self) -> bool:
        """It has a sign of life, which :meth:`tick` moves on."""
        return bool(self._socket and self._notice and self._notice.is_busy)

    @property
    def has_unsent(self) -> bool:
        return bool(self._unsent)

    def fileno(self) -> int:
        """-1 while no text is shown."""
        return self._socket.fileno() if self._socket else -1

    def show(self, notice: Notice | None) -> None:
        """:param notice: ``None`` for none."""
        if notice == self._notice:
            return
        self._notice = notice
        if notice is None:
            self.close()
        else:
            self._attempt(self._open)
            self._painter.show(notice)
            self._attempt(self._flush)

    def tick(self) -> None:
        """Show that we are alive."""
        self._painter.tick()
        self._attempt(self._flush)

    def serve(self) -> None:
        """Read and write what is possible now."""
        self._attempt(self._receive)
        self._attempt(self._flush)

    def close(self) -> None:
        """Take it away: the server removes what was ours."""
        if self._socket:
            self._socket.close()
        self._socket = None
        self._unsent = b''

    def _attempt(self, action: Callable[[], None]) -> None:
        """Without a text the console still works, so nothing else fails.
        The next text is the next attempt."""
        try:
            action()
        except BlockingIOError:
            return
        except (OSError, x11.X11Error) as exc:
            LOG.warning('there is no text on the screen: %s', exc)
            self.close()

    def _open(self) -> None:
        if self._socket:
            return
        self._painter = Painter(self._cookie, self._layout)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        try:
            self._socket.connect(self._address)
        except BlockingIOError as exc:
            raise x11.X11Error('the X server takes no connections') from exc

    def _receive(self) -> None:
        if self._socket:
            data = self._socket.recv(_RECEIVE_BYTES)
            if not data:
                raise x11.X11Error('the X server has gone')
            self._painter.receive_data(data)

    def _flush(self) -> None:
        if not self._socket:
            return
        self._unsent += self._painter.data_to_send()
        if len(self._unsent) > _MAX_UNSENT_BYTES:
            raise x11.X11Error('the X server does not listen')
        while self._unsent:
            self._unsent = self._unsent[self._socket.send(self._unsent):]
