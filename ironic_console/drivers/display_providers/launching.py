# SPDX-License-Identifier: Apache-2.0
"""Starts and stops displays with whichever provider Ironic has been given.

Ironic's own providers put what they are told into the environment of a
container, where everybody who may look at containers reads it. They are told
nothing: settings go by a file which the templates that we ship mount
(``etc/ironic_console``). In Kubernetes that file is a Secret.
"""

import contextlib
from typing import Any

from ironic.common import console_factory, exception
from ironic.conf import CONF

from ironic_console.common.addresses import instead_of_wildcard
from ironic_console.common.errors import ConfigError, DisplayError
from ironic_console.common.quotation import one_line
from ironic_console.drivers.display_providers import needs
from ironic_console.drivers.display_providers.base import DisplayProvider
from ironic_console.drivers.displays import spool
from ironic_console.drivers.displays.settings import DisplaySettings

_PROCESS, _KUBERNETES, _NOTHING = 'display-process', 'kubernetes', 'fake'
# Of what a provider says: some quote all that a program has written.
_MAX_REASON_CHARS = 400


def check_provider() -> None:
    """:raises ConfigError: the one that is configured starts nothing."""
    if CONF.vnc.container_provider == _NOTHING:
        raise ConfigError(
            '[vnc]container_provider is fake, which starts nothing; set it '
            'to display-process to have displays run beside the conductor, '
            'or to display-files, container, systemd or kubernetes to have '
            'them in containers')
    try:
        provider = _provider()
        if isinstance(provider, DisplayProvider):
            provider.check()
    except DisplayError as exc:
        raise ConfigError(str(exc)) from exc


def listen_at(usual_port: int) -> tuple[str, int]:
    """:param usual_port: at which the display of the node was before; 0 if
        there was none.
    :returns: address and port for a display.
    """
    if CONF.vnc.container_provider == _PROCESS:
        # Nova compares the port when somebody opens an old link.
        return str(CONF.ironic_console.display_address), usual_port
    # Others decide what is let through to a container.
    return '', spool.PORT


def start(task: Any, settings: DisplaySettings) -> tuple[str, int]:
    """Start a display anew.

    :returns: host and port at which it lets viewers in.
    :raises DisplayError: it does not; says what to do.
    """
    provider = _provider()
    if isinstance(provider, DisplayProvider):
        return provider.start_display(settings)
    if CONF.vnc.container_provider == _KUBERNETES:
        try:
            return _address(provider.start_container(
                task, settings.app, settings.to_document()))
        except Exception as exc:
            # kubectl quotes a Secret that it cannot apply.
            raise _failed('start', f'{type(exc).__name__}, see the log of '
                          'the conductor') from None
    directory = CONF.ironic_console.display_directory
    spool.hand_over(directory, settings)
    try:
        try:
            found = _address(provider.start_container(task, settings.app, {}))
        finally:
            # The display has read it, or never will.
            spool.take_back(directory, settings.node)
    except Exception as exc:
        with contextlib.suppress(Exception):
            provider.stop_container(task)
        raise _failed('start', exc) from exc
    return found


def stop(task: Any) -> None:
    """:raises DisplayError: it may still run."""
    provider = _provider()
    if isinstance(provider, DisplayProvider):
        provider.stop_display(task.node.uuid)
        return
    try:
        provider.stop_container(task)
    except Exception as exc:
        raise _failed('stop', exc) from exc


def may_run(node: str) -> bool:
    """Whether a display is worth a look; ``False`` if it certainly does not
    run."""
    provider = _provider()
    return (provider.may_run(node) if isinstance(provider, DisplayProvider)
            else True)


def stop_unneeded() -> None:
    """Stop displays of this conductor that no console needs any more.

    Only ours can tell which there are.

    :raises DisplayError: one may still run that should not.
    """
    provider = _provider()
    if isinstance(provider, DisplayProvider):
        needs.stop_unneeded(provider)


def _provider() -> Any:
    try:
        return console_factory.ConsoleContainerFactory().provider
    except exception.ConsoleContainerError as exc:
        raise DisplayError(
            f'[vnc]container_provider cannot be used: {exc}') from exc


def _address(found: tuple[Any, Any]) -> tuple[str, int]:
    host, port = found
    return instead_of_wildcard(str(host), CONF.my_ip), int(port)


def _failed(what: str, reason: object) -> DisplayError:
    words = one_line(reason)
    return DisplayError(
        f'{CONF.vnc.container_provider}, which is [vnc]container_provider, '
        f'could not {what} the display: {words[:_MAX_REASON_CHARS]}')
