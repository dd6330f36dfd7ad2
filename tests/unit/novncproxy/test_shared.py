# SPDX-License-Identifier: Apache-2.0
"""What workers share, across a fork."""

import dataclasses

from ironic_console.novncproxy.ledger import Ledger
from ironic_console.novncproxy.server import listen
from ironic_console.novncproxy.settings import ListenAddress
from ironic_console.novncproxy.shared import DrainOverride, Shared
from tests.helpers.forked import Forked
from tests.helpers.proxy import make_settings, refused


def test_who_overrides_the_draining_is_heard_in_all_processes():
    override = DrainOverride()
    assert not override
    with Forked(lambda: override) as process:
        process.do(DrainOverride.order)
    assert override


def test_closes_what_is_switched_off_and_nothing_else(tmp_path):
    with (listen('127.0.0.1', 0) as browsers,
          listen('127.0.0.1', 0) as metrics,
          listen('127.0.0.1', 0) as viewers):
        addresses = [listener.getsockname()[:2]
                     for listener in (browsers, metrics, viewers)]
        shared = Shared(browsers, Ledger(1), tmp_path, metrics, viewers)
        everything = dataclasses.replace(
            make_settings(tmp_path), metrics=ListenAddress('127.0.0.1', 1),
            viewers=ListenAddress('127.0.0.1', 2))
        shared.close_unused(everything)
        assert not any(refused(address) for address in addresses)
        shared.close_unused(make_settings(tmp_path))
        assert [refused(address) for address in addresses] == [
            False, True, True]
        assert shared.public_listeners() == [browsers]
