# SPDX-License-Identifier: Apache-2.0
"""What our providers share towards Ironic, which calls all of them
"console container" providers."""

import abc
from typing import Any

from ironic.common import exception
from ironic.console.container import base

from ironic_console.common.errors import ConfigError, DisplayError
from ironic_console.drivers.displays.settings import DisplaySettings

#: Host and port at which a display lets viewers in; ``None`` while nobody
#: knows.
Address = tuple[str, int] | None


class DisplayProvider(base.BaseConsoleContainer):
    """Starts displays, and nothing else that Ironic may want to run."""

    @abc.abstractmethod
    def check(self) -> None:
        """Look whether displays can be started here.

        :raises DisplayError: they cannot; says what to do.
        """

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

    @abc.abstractmethod
    def displays(self) -> dict[str, Address]:
        """All that this conductor has started and not stopped, by node.

        :raises DisplayError: nobody can say.
        """

    # -- for Ironic --------------------------------------------------------

    def start_container(self, task: Any, app_name: str, app_info: Any,
                        ) -> tuple[str, int]:
        """Not what our own console interfaces call.

        :param app_info: settings as a document; others give what we cannot
            show.
        :raises ConsoleContainerError: saying what to do.
        """
        try:
            settings = DisplaySettings.from_document(app_info)
        except ConfigError as exc:
            raise self._error(
                'it shows consoles of ilo-kvm, supermicro-kvm and idrac-kvm '
                f'only; set console_interface of node {task.node.uuid} to '
                'one of them') from exc
        try:
            return self.start_display(settings)
        except DisplayError as exc:
            raise self._error(str(exc)) from exc

    def stop_container(self, task: Any) -> None:
        """:raises ConsoleContainerError: it may still run."""
        try:
            self.stop_display(task.node.uuid)
        except DisplayError as exc:
            raise self._error(str(exc)) from exc

    def _error(self, reason: str) -> Exception:
        error: Exception = exception.ConsoleContainerError(
            provider=self.provider_name, reason=reason)
        return error
