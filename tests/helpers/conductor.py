# SPDX-License-Identifier: Apache-2.0
"""A node and a task as console interfaces see them, without a conductor."""

import copy
from typing import Any

UUID = '1be26c0b-03f2-4d2e-ae87-c02d7f33c123'


class Node:
    """What a console interface uses of Ironic's node object.

    :ivar saved: driver_internal_info at every save, oldest first.
    """

    def __init__(self, **driver_info: object) -> None:
        self.uuid = UUID
        self.name = 'rack7'
        self.driver = 'redfish'
        self.driver_info = driver_info
        self.driver_internal_info: dict[str, Any] = {'other': 'kept'}
        self.console_enabled = False
        self.console_interface = 'some-vnc'
        self.last_error: str | None = None
        self.saved: list[dict[str, Any]] = []

    def set_driver_internal_info(self, key: str, value: object) -> None:
        self.driver_internal_info = {**self.driver_internal_info, key: value}

    def save(self) -> None:
        self.saved.append(copy.deepcopy(self.driver_internal_info))


class Task:
    """A task that holds the node's lock, or gets it when it asks.

    :ivar upgrades: how often it asked.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.upgrades = 0

    def upgrade_lock(self) -> None:
        self.upgrades += 1
