# SPDX-License-Identifier: Apache-2.0
"""Test cards: live screens for consoles that have no hardware behind them.

    server.py       open and close a card; also a program, __main__.py
    loop.py         the thread: sockets and deadlines
    connection.py   a card and the sockets of its viewers
    viewer.py       RFB with one viewer
    picture.py      what is where, and what changed
    scene.py        what there is to show; keys
    canvas.py       pixels      pixels.py     their formats
    palette.py      colours     geometry.py   rectangles
    font.py         letters     settings.py   of a card
"""
