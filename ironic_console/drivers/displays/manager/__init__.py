# SPDX-License-Identifier: Apache-2.0
"""Starts displays in containers: ``ironic-console-display-manager``.

    spool ─▶ requests ┐
                      ├▶ plan ─▶ podman ─▶ spool
    podman ─▶ containers ┘

    cmd.py      options; nothing else
    manager.py  looks at both sides again and again, and does what is missing
    plan.py     what that is, for one node
    podman.py   the engine

It keeps nothing in mind that would be lost with it: what is asked for is in
the spool, what runs is in the labels of containers. It needs the standard
library and podman, and nothing of Ironic.
"""
