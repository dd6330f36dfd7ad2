# SPDX-License-Identifier: Apache-2.0
"""What is demanded of clients, and what of it is secret."""

import pytest

from ironic_console.common.rfb.server_policy import ServerPolicy, Verdict
from tests.helpers.security import credential


def test_a_policy_does_not_show_its_secret():
    policy = ServerPolicy((2,), credential('secret'))
    assert 'secret' not in repr(policy)


def test_no_challenge_is_made_twice():
    policy = ServerPolicy()
    assert policy.challenge() != policy.challenge()
    assert len(policy.challenge()) == 16


@pytest.mark.parametrize(('verdict', 'judges'), [
    (Verdict.NEVER, True), (Verdict.BEFORE_TYPES, False),
    (Verdict.BEFORE_RESULT, False)])
def test_judges_itself_unless_the_caller_does(verdict, judges):
    assert ServerPolicy(verdict=verdict).judges is judges
