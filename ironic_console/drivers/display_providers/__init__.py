# SPDX-License-Identifier: Apache-2.0
"""Who starts displays: ``[vnc]container_provider``, Ironic's or ours.

    base.py       what ours share
    process.py    display-process: a child of the conductor
    files.py      display-files: somebody who reads files
    launching.py  starts and stops one with whichever is configured
    needs.py      stops those that no console needs any more
"""
