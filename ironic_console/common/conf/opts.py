# SPDX-License-Identifier: Apache-2.0
"""List of all our options, for oslo-config-generator."""

from oslo_config import cfg

from ironic_console.common.conf import console


def list_opts() -> list[tuple[cfg.OptGroup, list[cfg.Opt]]]:
    """:returns: groups with their options."""
    return [(console.GROUP, console.OPTS)]
