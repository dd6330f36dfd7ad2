# SPDX-License-Identifier: Apache-2.0
"""What a node remembers of its console, and what its operators are told of
it while nobody waits.

When a console is started or stopped is not decided here.
"""

import collections
import threading
from typing import Any

from ironic.common import states
from ironic.conductor import utils as conductor_utils
from oslo_log import log

from ironic_console.common import nodes

LOG = log.getLogger(__name__)

#: How texts begin that become ``last_error`` while nobody waits.
NOT_RUNNING = 'The console does not run as it should: '
NOT_STOPPED = 'The console may not have been stopped: '
# What was told last of nodes whose last_error is of others. Of more than
# these, the oldest is told again.
_MAX_TOLD = 10_000
_told: collections.OrderedDict[str, str] = collections.OrderedDict()
_lock = threading.Lock()


def forget(node: Any, kind: str) -> None:
    """Take every trace of what an interface has started, and stopped now,
    from a node that may have another console by now."""
    node.driver_internal_info = without_traces(node.driver_internal_info,
                                               kind)
    forgive(node, NOT_STOPPED)
    node.save()


def forgive(node: Any, beginning: str) -> bool:
    """Take back what was reported and is no longer true.

    :param beginning: of the text, ``NOT_RUNNING`` or ``NOT_STOPPED``.
    :returns: there was something; the node is to be saved.
    """
    _have_told(node, '')
    if not (node.last_error or '').startswith(beginning):
        return False
    node.last_error = None
    return True


def all_is_well(task: Any) -> None:
    """Take back that a console does not run; a look has found that it does.

    :param task: its lock may be shared.
    """
    _have_told(task.node, '')
    if (task.node.last_error or '').startswith(NOT_RUNNING):
        task.upgrade_lock()
        if forgive(task.node, NOT_RUNNING):
            task.node.save()


def is_news(node: Any, text: str) -> bool:
    """:returns: :func:`report` would say something."""
    if _is_of_others(node):
        with _lock:
            return _told.get(node.uuid) != text
    return bool(node.last_error != text)


def report(node: Any, text: str) -> None:
    """Tell operators of what went wrong while nobody waited for it: in the
    log, in ``last_error`` and in the node's history; once, however often.

    A ``last_error`` that others have left, such as why a deployment failed,
    stays; then the rest has to do.
    """
    if not is_news(node, text):
        return
    LOG.error('Node %s: %s', node.uuid, text)
    of_others = _is_of_others(node)
    if of_others:
        _have_told(node, text)
    conductor_utils.node_history_record(
        node, event=text, event_type=states.CONSOLE, error=not of_others)


def _have_told(node: Any, text: str) -> None:
    """:param text: '' for nothing that still holds."""
    with _lock:
        _told.pop(node.uuid, None)
        if text:
            _told[node.uuid] = text
        if len(_told) > _MAX_TOLD:
            _told.popitem(last=False)


def _is_of_others(node: Any) -> bool:
    return bool(node.last_error) and not node.last_error.startswith(
        (NOT_RUNNING, NOT_STOPPED))


def keep(node: Any, info: dict[str, Any]) -> None:
    """Save what is remembered of a node, if that is another thing now."""
    if info != node.driver_internal_info:
        node.driver_internal_info = info
        node.save()


def without_console(info: dict[str, Any]) -> dict[str, Any]:
    return _without(info, nodes.CONSOLE_KEYS)


def without_traces(info: dict[str, Any], kind: str) -> dict[str, Any]:
    """Without what an interface has left."""
    info = without_changes(info, kind)
    if not nodes.has_console_of(info, kind):
        return info
    # The rest may be of an in-tree driver by now.
    return _without(info, nodes.CONSOLE_KEYS if nodes.is_ours(info)
                    else nodes.OUR_KEYS)


def without_changes(info: dict[str, Any], kind: str) -> dict[str, Any]:
    """Only who has changed a BMC knows that this is undone."""
    if nodes.kind_of(info.get(nodes.CHANGES_KEY)) != kind:
        return info
    return _without(info, (nodes.CHANGES_KEY,))


def _without(info: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in info.items() if key not in keys}
