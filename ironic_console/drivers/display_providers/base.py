# SPDX-License-Identifier: Apache-2.0
"""What our providers share towards Ironic, which calls all of them
"console container" providers."""

import abc
from typing import Any

from ironic.common import exception
from ironic.console.container import base

from ironic_console.common.errors import ConfigError
from ironic_console.drivers.displays.settings import DisplaySettings


class DisplayProvider(base.BaseConsoleContainer):
    """Starts displays, and nothing else that Ironic may want to run."""

    @abc.abstractmethod
    def start_display(self, settings: DisplaySettings) -> tuple[str, int]:
        """Start one anew; one that runs for the node is stopped first.

        :returns: host and port at which it lets viewers in, from now on.
        :raises DisplayError: it does not; says what to do.
        """

    @abc.abstractmethod
    def stop_display(self, node: str) -> None:
        """Stop the one of a node; none is fine.

        :raises DisplayError: it may still run.
        """

    @abc.abstractmethod
    def may_run(self, node: str) -> bool:
        """Whether that of a node is worth a look; ``False`` if it certainly
        does not run."""

    # -- for Ironic --------------------------------------------------------

    def start_container(self, task: Any, app_name: str, app_info: Any,
                        ) -> tuple[str, int]:
        """Not for our own console interfaces, which say more.

        :raises ConsoleContainerError: always.
        """
        try:
            settings = DisplaySettings.from_document(app_info)
        except ConfigError as exc:
            raise exception.ConsoleContainerError(
                provider=self.provider_name,
                reason='it shows consoles of ilo-kvm, supermicro-kvm and '
                       f'idrac-kvm only; set console_interface of node '
                       f'{task.node.uuid} to one of them') from exc
        return self.start_display(settings)

    def stop_container(self, task: Any) -> None:
        self.stop_display(task.node.uuid)
