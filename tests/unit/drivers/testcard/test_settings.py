# SPDX-License-Identifier: Apache-2.0
"""When a card that is open will do."""

import dataclasses
import ssl

from ironic_console.common.rfb.credential import Credential
from ironic_console.common.rfb.server_policy import ServerPolicy
from ironic_console.common.secret import Secret
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
                   {'fault_seconds': 1.0}, {'uuid': 'u2'},
                   {'policy': ServerPolicy((2,))},
                   {'policy': ServerPolicy((2,), Credential(Secret('x')))},
                   {'context': ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)}):
        assert not dataclasses.replace(OPEN, **change).satisfied_by(OPEN)


def test_the_same_password_is_satisfied():
    def card(password):
        return CardSettings('u1', 'n', policy=ServerPolicy(
            (2,), Credential(Secret(password))))
    assert card('pa55word').satisfied_by(card('pa55word'))
    assert not card('pa55word').satisfied_by(card('pa55w0rd'))


def test_shows_no_password():
    card = CardSettings('u1', 'n', policy=ServerPolicy(
        (2,), Credential(Secret('pa55word'))))
    assert 'pa55word' not in repr(card)
    assert 'pa55word' not in str(card)
