# SPDX-License-Identifier: Apache-2.0
"""Any bytes give progress, success or a documented error: longer runs.

``FUZZ_SECONDS`` (20 by default) is the time for all of them together. Every
run uses other examples; a failure prints the example and the seed, and
``FUZZ_SEED`` repeats it.
"""

import itertools
import os
import random
import time

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import properties
from tests.helpers.properties import (
    ALLOWED,
    CLIENT_CHANGES,
    CLIENT_MESSAGES,
    CREDENTIALS,
    CUTS,
    ENCODING_MESSAGES,
    ENDPOINTS,
    INFOS,
    SERVER_CHANGES,
    SPEECHES,
    TIMES,
)

PROPERTIES = [
    (properties.client_takes_anything,
     (SPEECHES, CUTS, st.booleans(), ALLOWED, CREDENTIALS)),
    (properties.client_takes_any_offer,
     (st.lists(st.integers(1, 255), min_size=1, max_size=255),)),
    (properties.client_takes_changes, CLIENT_CHANGES),
    (properties.server_takes_changes, SERVER_CHANGES),
    (properties.server_takes_anything, (SPEECHES, CUTS, st.booleans())),
    (properties.refusal_takes_anything, (SPEECHES, CUTS, st.booleans())),
    (properties.messages_take_anything, (CLIENT_MESSAGES, CUTS)),
    (properties.read_only_takes_anything, (CLIENT_MESSAGES, CUTS)),
    (properties.pressed_keys_take_anything, (CLIENT_MESSAGES, CUTS)),
    (properties.encodings_take_anything, (ENCODING_MESSAGES, CUTS)),
    (properties.endpoint_takes_anything, (ENDPOINTS,)),
    (properties.node_takes_anything, (INFOS,)),
    (properties.time_takes_anything, (TIMES,)),
]
SECONDS = float(os.environ.get('FUZZ_SECONDS', '20')) / len(PROPERTIES)
SEED = int(os.environ.get('FUZZ_SEED') or random.randrange(2**32))
ROUND = hypothesis.settings(max_examples=200, deadline=None, database=None)


@pytest.mark.parametrize(
    ('holds', 'strategies'),
    [pytest.param(*entry, id=entry[0].__name__) for entry in PROPERTIES])
def test_holds_for_as_long_as_there_is_time(holds, strategies):
    end = time.monotonic() + SECONDS
    for seed in itertools.count(SEED):
        print(f'FUZZ_SEED={seed}')

        @hypothesis.seed(seed)
        @ROUND
        @given(st.tuples(*strategies))
        def one_round(example):
            holds(*example)

        one_round()
        if time.monotonic() > end:
            break
