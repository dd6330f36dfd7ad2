# SPDX-License-Identifier: Apache-2.0
"""Displays: screens of BMCs whose console is only a web page.

    settings ─▶ display (Xvnc) ─▶ first viewer ─▶ visit (Chromium) ─▶ app
             ─▶ the console's own page ─▶ last viewer ─▶ logged out

A display is a program of its own, wherever it is started: beside a conductor
or in a container. It needs Python's standard library, TigerVNC's Xvnc and
Chromium, and nothing of Ironic.

    settings.py        what a display is told, as JSON; secrets in it
    __main__.py        reads that, once
    display.py         the program that waits: Xvnc always, a visit on demand
    reception.py       when a visit begins and ends, what viewers read
    visit_process.py   a visit as its display sees it; lines.py reads what
                       children say
    xvnc.py            the X and VNC server, and who is looking
    notice.py, x11.py  text on the screen while there is no picture
    visit.py           the program that one visit is: log in, show, log out
    chromium.py        the browser; browser_command.py says how it is called
    page.py            its one page, guard.js in it; cdp.py talks to it,
                       request_filter.py says what it may ask for
    bmc_web.py         what is asked of the BMC without a browser; one
                       deadline, one key (public_key.py)
    trust.py           whom the browser takes for the BMC
    apps/              how each vendor's page is opened and left
    spool.py           settings as files, between conductor and manager
    private_folder.py  what is believed of such files
    manager/           starts displays in containers, from those files
"""
