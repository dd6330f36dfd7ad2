# SPDX-License-Identifier: Apache-2.0
"""A security type for tests that authenticates, with one byte."""

from collections.abc import Generator

from ironic_console.common.errors import AuthenticationFailed
from ironic_console.common.rfb.handshake import Handshake
from ironic_console.common.rfb.security.base import SecurityType

ANSWER = b'\x2a'


class OneByte(SecurityType):
    """The client proves its right with one byte.

    :param answer: what our client says.
    """

    number = 200
    authenticates = True

    def __init__(self, answer: bytes = ANSWER) -> None:
        self._answer = answer

    def client_steps(self, handshake: Handshake,
                     ) -> Generator[None, None, None]:
        handshake.send(self._answer)
        yield from ()

    def server_steps(self, handshake: Handshake,
                     ) -> Generator[None, None, None]:
        answer = yield from handshake.read(1, 'one byte')
        if answer != ANSWER:
            raise AuthenticationFailed(handshake.side, 'one byte',
                                       'not 0x2a')
