# SPDX-License-Identifier: Apache-2.0
"""When a card that is open will do."""

import dataclasses

from ironic_console.drivers.testcard.settings import CardSettings, Fault

OPEN = CardSettings('u1', 'node-1', port=5901)


def test_equal_settings_are_satisfied():
    assert dataclasses.replace(OPEN).satisfied_by(OPEN)


def test_port_zero_is_satisfied_by_any_port():
    assert OPEN.at_port(0).satisfied_by(OPEN)
    assert not OPEN.at_port(5902).satisfied_by(OPEN)


def test_every_other_difference_counts():
    for change in ({'name': 'x'}, {'width': 640}, {'height': 480},
                   {'host': '::1'}, {'fault': Fault.DROPS},
                   {'fault_seconds': 1.0}, {'uuid': 'u2'}):
        assert not dataclasses.replace(OPEN, **change).satisfied_by(OPEN)
