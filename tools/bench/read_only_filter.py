#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Print what is done to client messages costs, microseconds per message.

Each message comes alone, as from a WebSocket, and then many at once. This is
a measurement, not a test: it fails for nothing.
"""

import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ironic_console.common.rfb.encodings import EncodingFilter
from ironic_console.common.rfb.pixel_format import PixelFormat
from ironic_console.common.rfb.pressed_keys import PressedKeys
from ironic_console.common.rfb.read_only import ReadOnlyFilter

_ENCODINGS = [1, 7, -260, 16, 21, 5, 2, 6, 0, -26, -254, -223, -224, -258,
              -261, -308, -309, -312, -313, -307, -1063131698, -316,
              0x574d5664, -239]
_BORNE = [5, 1, 0, -223]
MESSAGES = {
    'SetPixelFormat': b'\x00\0\0\0' + PixelFormat().pack(),
    'SetEncodings, 24': struct.pack(f'>BxH{len(_ENCODINGS)}i', 2,
                                    len(_ENCODINGS), *_ENCODINGS),
    'FramebufferUpdateRequest': struct.pack('>BB4H', 3, 1, 0, 0, 1024, 768),
    'KeyEvent': struct.pack('>BBxxI', 4, 1, 0xff0d),
    'PointerEvent': struct.pack('>BBHH', 5, 1, 512, 384),
    'ClientCutText, 1 KiB': struct.pack('>BxxxI', 6, 1024) + bytes(1024),
    'EnableContinuousUpdates': struct.pack('>BB4H', 150, 1, 0, 0, 1024, 768),
    'ClientFence': struct.pack('>BxxxIB', 248, 1, 8) + bytes(8),
    'QEMU extended key': struct.pack('>BBHII', 255, 0, 1, 0xff0d, 28),
}
ROUNDS = 5
REPEAT = 20_000
AT_ONCE = 100


def microseconds(take: Callable[[bytes], object], data: bytes,
                 count: int) -> float:
    """:returns: the best of some rounds, for one call."""
    best = float('inf')
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for _ in range(count):
            take(data)
        best = min(best, (time.perf_counter() - begin) / count)
    return best * 1e6


def main() -> None:
    print(f'{"us per message":26}{"filter":>9}{"in a row":>9}'
          f'{"keys":>9}{"in a row":>9}'
          f'{"+ quirk":>9}{"in a row":>9}')
    for name, data in MESSAGES.items():
        costs = []
        for rule in (ReadOnlyFilter(), PressedKeys(),
                     EncodingFilter(PressedKeys(), _BORNE)):
            take = rule.receive_data
            costs += [microseconds(take, data, REPEAT),
                      microseconds(take, data * AT_ONCE,
                                   REPEAT // AT_ONCE) / AT_ONCE]
        print(f'{name:26}' + ''.join(f'{cost:9.2f}' for cost in costs))


if __name__ == '__main__':
    main()
