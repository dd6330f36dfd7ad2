# SPDX-License-Identifier: Apache-2.0
"""One of every kind of client message, as the specification lays it out.

Written by hand from RFC 6143 §7.5 and rfbproto, to judge what parses them.
"""

# name -> (type, one whole message)
TABLE = {
    'SetPixelFormat': (0, '00 000000'
                       '20 18 00 01 00ff 00ff 00ff 10 08 00 000000'),
    'SetEncodings, none': (2, '02 00 0000'),
    'SetEncodings, three': (2, '02 00 0003 00000000 ffffff21 00000010'),
    'FramebufferUpdateRequest': (3, '03 01 0000 0001 0400 0300'),
    'KeyEvent': (4, '04 01 0000 0000ff0d'),
    'PointerEvent': (5, '05 01 0010 0020'),
    'PointerEvent, bit 7': (5, '05 80 0010 0020'),
    'ClientCutText, empty': (6, '06 000000 00000000'),
    'ClientCutText': (6, '06 000000 00000005 68656c6c6f'),
    'ClientCutText, extended': (6, '06 000000 fffffffc 02000001'),
    'EnableContinuousUpdates': (150, '96 01 0000 0000 0400 0300'),
    'ClientFence, empty': (248, 'f8 000000 00000001 00'),
    'ClientFence': (248, 'f8 000000 80000003 03 010203'),
    'ClientFence, longest': (248, 'f8 000000 00000001 40' + 64 * '00'),
    'xvp': (250, 'fa 00 01 02'),
    'SetDesktopSize, no screen': (251, 'fb 00 0400 0300 00 00'),
    'SetDesktopSize': (251, 'fb 00 0400 0300 01 00'
                       '00000001 0000 0000 0400 0300 00000000'),
    'gii, big endian': (253, 'fd 81 0004 00010001'),
    'gii, little endian': (253, 'fd 01 0400 01000100'),
    'gii, empty': (253, 'fd 80 0000'),
    'QEMU extended key': (255, 'ff 00 0001 0000ff0d 0000001c'),
    'QEMU audio, enable': (255, 'ff 01 0000'),
    'QEMU audio, disable': (255, 'ff 01 0001'),
    'QEMU audio, format': (255, 'ff 01 0002 03 02 0000ac44'),
}
WIRE = {name: bytes.fromhex(text) for name, (_, text) in TABLE.items()}
TYPES = {number for number, _ in TABLE.values()}
