# SPDX-License-Identifier: Apache-2.0
"""What a program of ours asks the kernel for about itself.

A page of a BMC may be made to harm us, and a browser is large: before the
machine suffers, the visit does. prctl(2), proc(5), getrlimit(2).
"""

import contextlib
import os
import pathlib
import resource
import signal

#: Points of a thousand. Chromium gives its pages 300.
_OOM_SCORE = 500
_NICENESS = 5
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4


def leave_no_core() -> None:
    """No memory of ours, or of our children, comes to be on disk."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def bound_files(number: int) -> None:
    """:param number: of open files, at most."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY:
        number = min(number, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))


def come_last() -> None:
    """Others have the processor first, and lose memory last."""
    # There may be no /proc to write to; it is a courtesy.
    with contextlib.suppress(OSError):
        pathlib.Path('/proc/self/oom_score_adj').write_text(str(_OOM_SCORE))
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)


def end_with(parent: int) -> None:
    """End, by SIGTERM, when our parent does, however that ends.

    :param parent: its process number; if it has ended already, so do we.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)


def hide_memory() -> None:
    """What runs as the same user, as our browser does, cannot look into us.

    Children are not hidden: each program starts anew.
    """
    _prctl(_PR_SET_DUMPABLE, 0)


def _prctl(option: int, value: int) -> None:
    # Not for those who never ask: it costs memory.
    import ctypes
    ctypes.CDLL(None).prctl(option, value)
