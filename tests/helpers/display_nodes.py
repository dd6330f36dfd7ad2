# SPDX-License-Identifier: Apache-2.0
"""Nodes of a real Ironic whose BMCs have their console on a web page.

    with DisplayNodes(ironic, proxy) as nodes:
        node = nodes.enroll('ilo5')
        with node.opened() as viewer:
            node.wait_for_picture(viewer)

At the end the nodes are deleted, nobody is logged in at their BMCs any more,
no program of their displays is left, and what opens something has been seen
by nobody.
"""

import contextlib
import time
from collections import Counter
from types import TracebackType
from typing import Any, Self

import psutil

from ironic_console.common import nodes as keys
from tests.helpers.console_node import ConsoleNode
from tests.helpers.display_program import shows
from tests.helpers.foreign_viewer import ForeignViewer
from tests.helpers.onlooker import Onlooker
from tests.helpers.proxy import wait_until
from tests.helpers.viewer import Frame
from tests.simulators.html5_bmc import Html5Bmc, Knobs
from tools.lab.ironic import LocalIronic
from tools.lab.proxy import LocalProxy

#: Seconds for a browser that starts on a busy machine.
PATIENCE = 90.0
#: Profile of a BMC -> console interface.
INTERFACES = {'ilo5': 'ilo-kvm', 'ilo6': 'ilo-kvm',
              'supermicro': 'supermicro-kvm', 'idrac9': 'idrac-kvm'}
#: Part of a screen that has to be of one colour to be the console's.
_SHARE = 0.05
#: What a display is made of, as process lists name it.
_PROGRAMS = ('ironic_console.drivers.displays', 'Xtigervnc', 'Xvnc',
             'chromium')


class DisplayNode(ConsoleNode):
    """A node of Ironic, and its BMC."""

    def __init__(self, ironic: LocalIronic, bmc: Html5Bmc, uuid: str,
                 ) -> None:
        super().__init__(ironic, uuid, PATIENCE)
        self.bmc = bmc

    @property
    def endpoint(self) -> dict[str, Any]:
        return dict(self.stored()[keys.ENDPOINT_KEY])

    def wait_for_picture(self, viewer: ForeignViewer,
                         colour: int | None = None) -> None:
        """:param colour: that fills a good part of it; that of the BMC's
            picture if not given."""
        wanted = self.bmc.profile.colour if colour is None else colour
        wait_for_colour(viewer, wanted)

    def wait_for_text(self, viewer: ForeignViewer, text: str) -> None:
        """:param text: part of a line of what the display has to say."""
        def is_shown() -> bool:
            frame = Frame(viewer.width, viewer.height)
            frame.put((0, 0, viewer.width, viewer.height), viewer.picture())
            return shows(frame, text, max(1, viewer.width // 480))
        wait_until(is_shown, text, PATIENCE)

    def programs(self, name: str) -> list[psutil.Process]:
        """:returns: of its display, if it is the only one: processes with a
            word in their command lines."""
        return programs_of(self.ironic, name)


class DisplayNodes:
    """Those of one test; a context manager."""

    def __init__(self, ironic: LocalIronic, proxy: LocalProxy) -> None:
        self._ironic = ironic
        self._nodes: list[DisplayNode] = []
        self._stack = contextlib.ExitStack()
        self._onlooker = Onlooker(
            *(ironic.state_dir / f'{name}.log' for name in ironic.programs),
            proxy.log)

    def enroll(self, profile: str = 'ilo5', driver: str = 'redfish',
               knobs: Knobs | None = None, **driver_info: Any,
               ) -> DisplayNode:
        bmc = self._stack.enter_context(Html5Bmc(profile, knobs))
        node = self._ironic.rest.create_node(
            driver=driver, console_interface=INTERFACES[profile],
            driver_info={'redfish_address': bmc.url,
                         'redfish_username': bmc.username,
                         'redfish_password': bmc.password,
                         'redfish_verify_ca': bmc.ca_file} | driver_info)
        self._nodes.append(DisplayNode(self._ironic, bmc, node['uuid']))
        return self._nodes[-1]

    def __enter__(self) -> Self:
        self._onlooker.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        known: set[str] = set()
        try:
            with self._stack:
                self._end(known)
        finally:
            self._onlooker.__exit__(kind, error, trace)
        found = self._onlooker.found(known)
        assert error or not found, found

    def _end(self, known: set[str]) -> None:
        """:param known: gets what opens something."""
        for node in self._nodes:
            wait_until(lambda node=node: not node['reservation'],
                       'nobody works with it', PATIENCE)
            stored = node.stored()
            if keys.CREDENTIAL_KEY in stored:
                known.add(node.password)
            self._onlooker.ask_api(self._ironic, node.uuid)
            self._ironic.rest.delete_node(node.uuid)
            known |= node.bmc.secrets | node.openers | {node.bmc.password}
        for node in self._nodes:
            node.bmc.wait_for(lambda node=node: not node.bmc.sessions,
                              'to be logged out')
        wait_until(lambda: not programs_of(self._ironic),
                   'displays to be gone', PATIENCE)


def programs_of(ironic: LocalIronic, name: str = '') -> list[psutil.Process]:
    """:param name: that has to be in their command lines.
    :returns: what displays of an Ironic's conductor consist of."""
    found = []
    for program in ironic.programs.values():
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(program.pid).children(
                    recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    words = ' '.join(child.cmdline())
                    if name in words and any(one in words
                                             for one in _PROGRAMS):
                        found.append(child)
    return found


def memory_of(ironic: LocalIronic) -> int:
    """:returns: of its displays, bytes (PSS)."""
    total = 0
    for one in programs_of(ironic):
        # They come and go.
        with contextlib.suppress(psutil.NoSuchProcess):
            total += one.memory_full_info().pss
    return total


def colours(viewer: ForeignViewer) -> Counter[int]:
    """:returns: of its screen, 24 bits, with how often they are there."""
    pixels = memoryview(viewer.picture()).cast('I')
    return Counter(pixel & 0xffffff for pixel in pixels)


def wait_for_colour(viewer: ForeignViewer, colour: int) -> None:
    """Look until a good part of the screen has a colour."""
    enough = viewer.width * viewer.height * _SHARE
    deadline = time.monotonic() + PATIENCE
    while (seen := colours(viewer))[colour] < enough:
        assert time.monotonic() < deadline, [
            (f'{one:06x}', count) for one, count in seen.most_common(6)]
        # A whole screen each; nothing of it needs to be quicker.
        time.sleep(0.2)
