# SPDX-License-Identifier: Apache-2.0
"""RFB without I/O: bytes in, bytes and events out.

    file             RFC 6143        what
    constants.py     §7.1.2, §7.6.1  numbers and their names
    wire.py          §7              a reader that waits for whole fields
    versions.py      §7.1.1          what differs between 3.3, 3.7 and 3.8
    pixel_format.py  §7.4            PIXEL_FORMAT
    server_init.py   §7.3.2          ServerInit
    handshake.py     §7.1 - §7.3     what both handshakes share
    client.py                        we are the client (endpoint side)
    server.py                        we are the server (browser side)
    credential.py                    what we authenticate with, and how
    security/        §7.2            one file per security type
    messages.py      §7.5            client messages and their lengths
    read_only.py     §7.5            lets pass what a viewer needs to look
    pressed_keys.py  §7.5.4          keys that are down, and their release
    encodings.py     §7.5.2          spares a server encodings that upset it

Nothing here blocks, logs, sleeps or reads a clock.
"""
