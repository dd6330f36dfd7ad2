# SPDX-License-Identifier: Apache-2.0
"""oslo-config-generator finds all our options."""

import importlib.metadata

from ironic_console.common.conf import console, opts


def test_lists_each_group_once_with_all_its_options() -> None:
    assert opts.list_opts() == [(console.GROUP, console.OPTS)]


def test_is_the_entry_point_of_the_generator() -> None:
    found, = importlib.metadata.entry_points(group='oslo.config.opts',
                                             name='ironic_console')
    assert found.load() is opts.list_opts
