# SPDX-License-Identifier: Apache-2.0
"""Does a number grow? A judgement that a few odd samples do not change."""

import statistics
from collections.abc import Sequence


def growth(samples: Sequence[float]) -> float:
    """:returns: by how much it grew from the first sample to the last.

    After Theil and Sen: the median of the slopes between any two samples, so
    that up to a quarter of them may be anything.
    """
    slopes = [(after - before) / distance
              for distance in range(1, len(samples))
              for before, after in zip(samples, samples[distance:],
                                       strict=False)]
    return statistics.median(slopes) * (len(samples) - 1)
