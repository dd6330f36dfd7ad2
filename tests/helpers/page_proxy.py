# SPDX-License-Identifier: Apache-2.0
"""The proxy for tests of its page: with real noVNC files, open to browsers."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator

from ironic_console.common.nodes import NodeRecord
from ironic_console.novncproxy.pages import PagePolicy
from ironic_console.novncproxy.relay import RelayLimits
from ironic_console.novncproxy.request import allowed_origins
from ironic_console.novncproxy.settings import SetupLimits
from tests.helpers.proxy import RunningWorker, make_settings


@contextlib.contextmanager
def page_proxy(folder: pathlib.Path, novnc_root: pathlib.Path,
               *records: NodeRecord, ports: tuple[int, ...] = (),
               relay: RelayLimits | None = None) -> Iterator[RunningWorker]:
    """A worker whose own page may connect to it.

    :param folder: empty.
    :param records: nodes to begin with.
    :param ports: of this machine, from where the page may come as well.
    :param relay: limits of sessions; the usual ones if None.
    """
    # The tests' own limits are too short for a browser on a busy machine.
    settings = dataclasses.replace(
        make_settings(folder / 'unused', setup=SetupLimits(),
                      relay=relay or RelayLimits()),
        pages=PagePolicy(novnc_root))
    with RunningWorker(settings, *records) as worker:
        host, port = worker.address
        origins = [f'http://{host}:{one}' for one in (port, *ports)]
        worker.settings = dataclasses.replace(
            settings, access=dataclasses.replace(
                settings.access,
                origins=allowed_origins(origins[0], origins[1:])))
        worker.reload(worker.settings)
        yield worker
