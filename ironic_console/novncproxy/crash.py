# SPDX-License-Identifier: Apache-2.0
"""A worker whose thread has died of an exception ends, and is seen to end.

It would say that it is well and carry nothing. Its parent starts another.
What may go wrong without harm is caught where it happens, not here.
"""

import logging
import os
import threading

LOG = logging.getLogger(__name__)

#: What such a worker ends with; sysexits.h.
STATUS = os.EX_SOFTWARE


def end_process_with_its_threads() -> None:
    """From now on, end this process when one of its threads dies."""
    threading.excepthook = _end_process


def _end_process(died: threading.ExceptHookArgs) -> None:
    # A thread may end itself in this way, says threading.excepthook.
    if died.exc_type is SystemExit:
        return
    try:
        LOG.critical(
            'Bug: thread %s died, so this worker ends; another takes its '
            'place', died.thread.name if died.thread else 'of no name',
            exc_info=(died.exc_type, died.exc_value or died.exc_type(),
                      died.exc_traceback))
    finally:
        # Nothing that is waited for at an end can be relied upon any more.
        os._exit(STATUS)
