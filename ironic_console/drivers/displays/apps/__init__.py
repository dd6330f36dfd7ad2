# SPDX-License-Identifier: Apache-2.0
"""How each vendor's console page is opened and left.

    base.py           what an app is, and a page
    ilo.py, supermicro.py, idrac.py    one vendor each
    redfish.py        what errors of Redfish mean
    signs.py          what pages mean, told by their words
    polling.py        waiting for pages
"""
