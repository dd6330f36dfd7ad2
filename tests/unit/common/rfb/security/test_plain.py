# SPDX-License-Identifier: Apache-2.0
"""VeNCrypt's Plain; what is said stands in transcripts *plain*."""

import pytest

from ironic_console.common.rfb.security import REGISTRY
from tests.helpers.pair import HandshakePair
from tests.helpers.play import play
from tests.helpers.properties import client_for, recorded, server_for
from tests.helpers.security import credential

LONG = credential('\u00fc' * 512, 'u' * 1024)


def test_is_no_type_of_its_own():
    assert 256 not in REGISTRY


def test_texts_may_have_1024_bytes_of_utf_8():
    pair = HandshakePair(client_for(256, LONG), server_for(256, LONG))
    pair.run()
    assert pair.client.machine.done
    assert pair.server.machine.done


@pytest.mark.parametrize('known', [
    None, credential(''), credential('p' * 1025), credential('p\ud800'),
    credential(username='u' * 1025)], ids=repr)
@pytest.mark.parametrize('number', [256, 259, 262])
def test_a_credential_that_does_not_fit_is_never_sent_or_compared(number,
                                                                  known):
    pair = HandshakePair(client_for(number, known), server_for(number))
    pair.run()
    assert type(pair.client.error).__name__ == 'ConfigError'
    assert pair.client.sent.endswith(number.to_bytes(4))
    _, heard = recorded(number)
    outcome = play(server_for(number, known),
                   [heard[0], None, *heard[1:]], close=True)
    assert outcome.end == 'ConfigError'
