# SPDX-License-Identifier: Apache-2.0
"""The picture of a test card: where everything is, and what changed.

It owns layout and colours; what is to be shown comes as a Scene, and nothing
here knows viewers or RFB.

    +-frame, one pixel at the very edge, then blocks------------+
    | node name                                      HH:MM:SS   |
    | UUID                                           date, UTC  |
    | colour bars, and a ramp of greys below them               |
    | +-typed text---------------+ +-status-------------------+ |
    | |                          | | pointer, keys, viewers   | |
    | |                          | | key lamp, test patterns  | |
    | +--------------------------+ +--------------------------+ |
    +-----------------------------------------------------------+

All distances are multiples of a unit that grows with the screen.
"""

from ironic_console.drivers.testcard.canvas import Canvas, Style
from ironic_console.drivers.testcard.font import (
    ASCENT,
    CELL_HEIGHT,
    CELL_WIDTH,
    CURSOR,
)
from ironic_console.drivers.testcard.geometry import Rect
from ironic_console.drivers.testcard.palette import (
    ACCENT,
    BACKGROUND,
    BARS,
    BLACK,
    FAINT,
    GREYS,
    INK,
    LINE,
    PANEL,
    TYPED,
    WHITE,
)
from ironic_console.drivers.testcard.scene import Scene, wrap

#: Width and height of a screen. From about 320x240 everything has room.
MIN_SIZE, MAX_SIZE = 160, 4096

_BUTTONS = ('left', 'middle', 'right', 'wheel up', 'wheel down',
            'wheel left', 'wheel right', 'back')
_LABELS = ('Pointer', 'Buttons', 'Key', 'Viewers', 'Screen')
_LABEL_COLUMNS = 9


class _Line:
    """A line of text that redraws only what differs."""

    def __init__(self, canvas: Canvas, position: tuple[int, int],
                 columns: int, style: Style) -> None:
        self._canvas = canvas
        self._position = position
        self._columns = columns
        self._style = style
        self._text = ''

    def show(self, text: str) -> Rect:
        """:returns: the pixels that changed."""
        if len(text) > self._columns:
            room = max(0, self._columns)
            text = (text[:max(0, room - 2)] + '..')[:room]
        same = next((n for n, (new, old) in enumerate(zip(
            text, self._text, strict=False)) if new != old),
            min(len(text), len(self._text)))
        rest = text[same:].ljust(len(self._text) - same)
        self._text = text
        x, y = self._position
        return self._canvas.write(
            x + same * CELL_WIDTH * self._style.scale, y, rest, self._style)


class Picture:
    """The framebuffer of one card.

    :param name: of the node, any text.
    :param uuid: of the node.
    :param width: ``MIN_SIZE`` to ``MAX_SIZE`` pixels.
    :param height: ``MIN_SIZE`` to ``MAX_SIZE`` pixels.
    :raises ValueError: the size is outside of that.
    :ivar canvas: the pixels, as indices of ``PALETTE``.
    """

    def __init__(self, name: str, uuid: str, width: int, height: int,
                 ) -> None:
        if min(width, height) < MIN_SIZE or max(width, height) > MAX_SIZE:
            raise ValueError(
                f'a test card of {width}x{height} pixels is not possible; '
                f'{MIN_SIZE} to {MAX_SIZE} are allowed')
        self.canvas = Canvas(width, height, BACKGROUND)
        self.unit = max(1, round(min(width / 512, height / 384)))
        self._crosshair: list[Rect] = []
        self._strokes = 0
        self._draw_frame()
        inner = self.canvas.bounds.inset(10 * self.unit)
        below = self._draw_header(inner, name, uuid)
        below = self._draw_bars(below)
        gap = 6 * self.unit
        left = below.width * 3 // 5
        self._lines: list[_Line] = []
        self._draw_text_panel(
            Rect(below.x, below.y, left, below.height))
        self._draw_status_panel(
            Rect(below.x + left + gap, below.y, below.width - left - gap,
                 below.height))

    def show(self, scene: Scene) -> list[Rect]:
        """Draw what differs from what was shown last.

        :returns: the pixels that changed; rectangles may overlap.
        """
        crosshair = self._aim(scene)
        for arm in self._crosshair:
            self.canvas.invert(arm)
        changed = [
            self._clock.show(f'{scene.now:%H:%M:%S}'),
            self._date.show(f'{scene.now:{self._date_format}}'),
            *self._show_text(scene.text), *self._show_status(scene)]
        for arm in crosshair:
            self.canvas.invert(arm)
        if crosshair != self._crosshair:
            changed += [*self._crosshair, *crosshair]
            self._crosshair = crosshair
        return [rect for rect in changed if rect]

    # -- where the tests look ----------------------------------------------

    def text_cell(self, row: int, column: int) -> Rect:
        """:returns: where a character of the typed text is."""
        width, height = CELL_WIDTH * self.unit, CELL_HEIGHT * self.unit
        return Rect(self._text_at[0] + column * width,
                    self._text_at[1] + row * (height + self.unit),
                    width, height)

    # -- drawn once --------------------------------------------------------

    def _draw_frame(self) -> None:
        """One pixel wide at the edge: a screen that is cropped or scaled
        badly loses it on some side."""
        canvas, thick = self.canvas, 4 * self.unit
        canvas.fill(canvas.bounds, ACCENT)
        inside = canvas.bounds.inset(1)
        # An odd number of blocks makes all four corners alike.
        across = inside.width // (16 * self.unit) | 1
        down = inside.height // (16 * self.unit) | 1
        canvas.fill(inside, FAINT)
        for n in range(0, across, 2):
            start, end = (inside.width * k // across for k in (n, n + 1))
            canvas.fill(Rect(1 + start, 1, end - start, inside.height), INK)
        body = Rect(1, 1 + thick, inside.width, inside.height - 2 * thick)
        canvas.fill(body, FAINT)
        for n in range(0, down, 2):
            start, end = (inside.height * k // down for k in (n, n + 1))
            canvas.fill(Rect(1, 1 + start, inside.width, end - start).clip(
                body), INK)
        canvas.fill(inside.inset(thick), BACKGROUND)

    def _draw_header(self, space: Rect, name: str, uuid: str) -> Rect:
        """:returns: the space that is left below."""
        unit = self.unit
        # The clock takes half of the width at the most.
        clock = 8 * CELL_WIDTH - 1
        big = max(1, min(4, space.width // (2 * clock * unit))) * unit
        clock_x = space.right - clock * big
        self._clock = _Line(self.canvas, (clock_x, space.y), 8,
                            Style(big, BACKGROUND, INK, dots=ASCENT))
        # Name and clock stand on the same line, and what hangs below it of
        # the largest name ends where the UUID begins.
        line = space.y + ASCENT * big
        below = line + (CELL_HEIGHT - 1 - ASCENT) * 3 * unit + unit
        room = clock_x - space.x - 8 * unit
        fitting = room // max(1, len(name) * CELL_WIDTH * unit)
        scale = max(1, min(3, fitting)) * unit
        _Line(self.canvas, (space.x, line - ASCENT * scale),
              room // (CELL_WIDTH * scale),
              Style(scale, BACKGROUND, ACCENT)).show(name or 'Test card')
        # The UUID has to be whole: where both have no room the date goes.
        columns = space.width // (CELL_WIDTH * unit)
        self._date_format, length = '%Y-%m-%d UTC', 14
        if columns < len(uuid) + 2 + length:
            self._date_format, length = 'UTC', 3
        faint = Style(unit, BACKGROUND, FAINT)
        _Line(self.canvas, (space.x, below), columns - 2 - length,
              faint).show(uuid)
        date_x = space.right - (length * CELL_WIDTH - 1) * unit
        self._date = _Line(self.canvas, (date_x, below), length, faint)
        used = below + CELL_HEIGHT * unit + 2 * unit - space.y
        return Rect(space.x, space.y + used, space.width,
                    space.height - used)

    def _draw_bars(self, space: Rect) -> Rect:
        """:returns: the space that is left below."""
        unit = self.unit
        tall, low = space.height // 4, 10 * unit
        for colours, y, height in ((BARS, space.y, tall),
                                   (GREYS, space.y + tall, low)):
            for n, colour in enumerate(colours):
                start, end = (space.width * k // len(colours)
                              for k in (n, n + 1))
                self.canvas.fill(
                    Rect(space.x + start, y, end - start, height), colour)
        used = tall + low + 6 * unit
        return Rect(space.x, space.y + used, space.width,
                    space.height - used)

    def _draw_panel(self, space: Rect, title: str) -> Rect:
        """:returns: the space for its content."""
        unit = self.unit
        self.canvas.fill(space, LINE)
        self.canvas.fill(space.inset(unit), PANEL)
        inner = space.inset(6 * unit)
        self.canvas.write(inner.x, inner.y - unit, title,
                          Style(unit, PANEL, FAINT))
        used = 13 * unit
        return Rect(inner.x, inner.y + used, inner.width,
                    inner.height - used)

    def _draw_text_panel(self, space: Rect) -> None:
        unit = self.unit
        content = self._draw_panel(space, 'Typed text')
        self._columns = content.width // (CELL_WIDTH * unit)
        self._text_at = content.x, content.y
        rows = max(1, content.height // ((CELL_HEIGHT + 1) * unit))
        for row in range(rows):
            cell = self.text_cell(row, 0)
            self._lines.append(_Line(self.canvas, (cell.x, cell.y),
                                     self._columns,
                                     Style(unit, PANEL, TYPED)))

    def _draw_status_panel(self, space: Rect) -> None:
        unit = self.unit
        content = self._draw_panel(space, 'Status')
        columns = content.width // (CELL_WIDTH * unit)
        self._status = []
        y = content.y
        for label in _LABELS:
            self.canvas.write(content.x, y, label,
                              Style(unit, PANEL, FAINT))
            self._status.append(_Line(
                self.canvas,
                (content.x + _LABEL_COLUMNS * CELL_WIDTH * unit, y),
                columns - _LABEL_COLUMNS, Style(unit, PANEL, INK)))
            y += (CELL_HEIGHT + 2) * unit
        self._status.pop().show(
            f'{self.canvas.bounds.width}x{self.canvas.bounds.height}')
        y += 2 * unit
        self._draw_patterns(Rect(content.x, y, content.width,
                                 content.bottom - y))

    def _draw_patterns(self, space: Rect) -> None:
        """The lamp, and patterns that blur when a screen is scaled."""
        unit = self.unit
        gap = 5 * unit
        side = max(0, min(space.height, (space.width - 4 * gap) // 5))
        squares = [Rect(space.x + n * (side + gap), space.y, side, side)
                   for n in range(5)]
        self.lamp = squares[0].inset(unit)
        self.canvas.fill(squares[0], LINE)
        self.canvas.fill(self.lamp, BLACK)
        for square, cell in zip(squares[1:], (
                (1, 1), (2, 2), (1, side), (side, 1)), strict=True):
            if square:
                self.canvas.checkers(square, cell, (WHITE, BLACK))

    # -- drawn again -------------------------------------------------------

    def _show_text(self, text: str) -> list[Rect]:
        lines = wrap(text + CURSOR, self._columns, len(self._lines))
        lines += [''] * (len(self._lines) - len(lines))
        return [line.show(content)
                for line, content in zip(self._lines, lines, strict=True)]

    def _show_status(self, scene: Scene) -> list[Rect]:
        place = '-' if scene.pointer is None else '{}, {}'.format(
            *scene.pointer)
        pressed = [name for bit, name in enumerate(_BUTTONS)
                   if scene.buttons >> bit & 1]
        contents = (place, ' + '.join(pressed) or '-', scene.stroke or '-',
                    str(scene.viewers))
        changed = [line.show(content) for line, content in zip(
            self._status, contents, strict=True)]
        return [*changed, self._show_lamp(scene.strokes)]

    def _show_lamp(self, strokes: int) -> Rect:
        """The lamp is black at first, and takes the colour of the next
        bar with every key."""
        if strokes == self._strokes:
            return Rect(0, 0, 0, 0)
        self._strokes = strokes
        self.canvas.fill(self.lamp, BARS[strokes % len(BARS) - 1])
        return self.lamp

    def _aim(self, scene: Scene) -> list[Rect]:
        """Four arms around the pointer, thick while a button is down; they
        do not overlap, so that inverting them twice undoes them."""
        if scene.pointer is None:
            return []
        x, y = scene.pointer
        unit = self.unit
        half = unit * 2 if scene.buttons else (unit - 1) // 2
        thick, gap, length = 2 * half + 1, 3 * unit, 12 * unit
        arms = (Rect(x - gap - length, y - half, length, thick),
                Rect(x + gap + 1, y - half, length, thick),
                Rect(x - half, y - gap - length, thick, length),
                Rect(x - half, y + gap + 1, thick, length),
                Rect(x, y, 1, 1))
        return [arm for arm in (arm.clip(self.canvas.bounds)
                                for arm in arms) if arm]
