# SPDX-License-Identifier: Apache-2.0
"""Threads for the steps of many nodes, so that none has to wait for slower
ones. What the steps do is not known here.
"""

import concurrent.futures
from collections.abc import Callable
from typing import Any

from ironic_console.drivers.displays.manager.plan import Step

#: What is done at the same time: starts, ends, and all that takes a moment.
#: Logging out of a BMC takes long, and costs this machine nothing.
STARTS, ENDS, LOOKS = 4, 16, 4


class Workers:
    """Three kinds of them."""

    def __init__(self) -> None:
        starts, ends, looks = (
            concurrent.futures.ThreadPoolExecutor(
                number, thread_name_prefix='node')
            for number in (STARTS, ENDS, LOOKS))
        self._pools = {Step.START: starts, Step.REMOVE: ends,
                       Step.BURY: ends}
        self._looks = looks

    def submit(self, step: Step, work: Callable[..., None], *args: Any,
               ) -> concurrent.futures.Future[None]:
        return self._pools.get(step, self._looks).submit(work, *args)

    def close(self) -> None:
        """Finish what has begun, and begin nothing more."""
        for pool in {*self._pools.values(), self._looks}:
            pool.shutdown(wait=True, cancel_futures=True)
