# SPDX-License-Identifier: Apache-2.0
"""Provider ``display-files``: says by files which displays there shall be.

Who reads them and starts displays is somebody else:
``ironic-console-display-manager``, or a tool of the operator's.
"""

import json
import os
import time

import jinja2
from ironic.common import utils
from ironic.conf import CONF
from oslo_log import log

from ironic_console.common.errors import DisplayError, DisplayTimeout
from ironic_console.drivers.display_providers import base, needs
from ironic_console.drivers.displays.private_folder import FolderError
from ironic_console.drivers.displays.settings import DisplaySettings
from ironic_console.drivers.displays.spool import (
    Endpoint,
    Failure,
    Request,
    Spool,
    new_generation,
    settings_name,
)

LOG = log.getLogger(__name__)

#: Seconds between two looks for an answer.
POLL_INTERVAL = 0.1


class FilesProvider(base.DisplayProvider):
    """Asks for displays in ``[ironic_console]display_directory``.

    They do not need a conductor: all that run keep running while it is
    restarted, and it finds them again.
    """

    provider_name = 'display-files'

    def check(self) -> None:
        with self._spool() as spool:
            _text(Request('', '', '', '', ''), spool.path)

    def start_display(self, settings: DisplaySettings) -> tuple[str, int]:
        request = Request(settings.node, new_generation(), settings.app,
                          settings.title, CONF.host)
        with self._spool() as spool:
            try:
                spool.ask(request, _text(request, spool.path), settings)
                answer = _wait(spool, request)
            except BaseException:
                # Nobody would ever use it.
                spool.withdraw(settings.node)
                raise
            if isinstance(answer, Failure):
                spool.withdraw(settings.node)
                raise DisplayError(f'The display was not started: '
                                   f'{answer.error}')
        return answer.host, answer.port

    def stop_display(self, node: str) -> None:
        with self._spool() as spool:
            spool.withdraw(node)

    def may_run(self, node: str) -> bool:
        try:
            with self._spool() as spool:
                return (spool.request(node) is not None and not isinstance(
                    spool.answer(node, ''), Failure))
        except FolderError as exc:
            LOG.warning('The display of node %s: %s', node, exc)
            return False

    def displays(self) -> dict[str, base.Address]:
        with self._spool() as spool:
            return {node: _address(spool, node) for node in spool.asked()
                    if _is_ours(spool, node)}

    def stop_all_containers(self) -> None:
        """Stop those that no console needs any more.

        Ironic calls this when it starts and when it ends; the others outlive
        that. No conductor shall fail to start for what fails here.
        """
        try:
            needs.stop_unneeded(self)
        except DisplayError as exc:
            LOG.error('Displays that no console needs any more may go on: %s',
                      exc)

    def _spool(self) -> Spool:
        return Spool(CONF.ironic_console.display_directory)


def _wait(spool: Spool, request: Request) -> Endpoint | Failure:
    """:raises DisplayTimeout: there is no answer."""
    timeout = CONF.ironic_console.display_start_timeout
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        answer = spool.answer(request.node, request.generation)
        if answer:
            return answer
        time.sleep(POLL_INTERVAL)
    raise DisplayTimeout(
        f'Nobody has started a display within the [ironic_console]'
        f'display_start_timeout of {timeout:g} s; check that '
        f'ironic-console-display-manager, or what else reads {spool.path}, '
        'runs, and see its log')


def _text(request: Request, directory: str) -> str:
    """:returns: content of the file.
    :raises DisplayError: the template cannot be used.
    """
    template = CONF.ironic_console.display_file_template
    if not template:
        return request.to_json()
    try:
        text: str = utils.render_template(template, {
            'uuid': request.node, 'generation': request.generation,
            'app': request.app, 'title': request.title,
            'conductor': request.conductor, 'image': CONF.vnc.console_image,
            'settings_file': os.path.join(directory, settings_name(
                request.node, request.generation)),
        }, strict=True)
    except (jinja2.TemplateError, OSError) as exc:
        raise DisplayError('[ironic_console]display_file_template '
                           f'{template} cannot be used: {exc}') from exc
    return text


def _address(spool: Spool, node: str) -> base.Address:
    try:
        answer = spool.answer(node, '')
    except FolderError as exc:
        LOG.warning('The display of node %s: %s', node, exc)
        return None
    return ((answer.host, answer.port) if isinstance(answer, Endpoint)
            else None)


def _is_ours(spool: Spool, node: str) -> bool:
    try:
        conductor = _conductor(spool.request(node))
    except FolderError as exc:
        LOG.warning('The request for a display of node %s is left alone: %s',
                    node, exc)
        return False
    # None: the operator's template does not say who asks.
    return conductor in (CONF.host, None)


def _conductor(data: bytes | None) -> str | None:
    """:returns: who asks, if the file is one that says so."""
    try:
        document = json.loads(data or b'')
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    conductor = document.get('conductor')
    return conductor if isinstance(conductor, str) else None
