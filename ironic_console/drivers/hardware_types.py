# SPDX-License-Identifier: Apache-2.0
"""Hardware types for sites that do not let us extend Ironic's own.

They are Ironic's types under other names, with our consoles; see
``[ironic_console]extend_hardware_types``.
"""

from typing import Any

from ironic.conf import CONF
from ironic.drivers import drac, ipmi, redfish
from oslo_config import cfg

from ironic_console.drivers import (
    fake_vnc,
    generic_vnc,
    idrac_kvm,
    idrac_vnc,
    ilo_kvm,
    supermicro_kvm,
)

_NAMES = ('console-redfish', 'console-idrac', 'console-ipmi')


def _register_verify_ca(name: str) -> None:
    # Ironic's redfish code looks up verify_ca in a group named like the
    # node's driver and fails when there is none.
    CONF.register_opt(cfg.StrOpt(
        'verify_ca',
        help='CA bundle for the BMCs of nodes with this driver; the default '
             'is the one of [redfish].'), group=name)


for _name in _NAMES:
    _register_verify_ca(_name)


def _with_ours(supported: list[type]) -> list[type]:
    ours = (fake_vnc.FakeVNCConsole, generic_vnc.GenericVNCConsole,
            idrac_kvm.IDRACKVMConsole, idrac_vnc.IDRACVNCConsole,
            ilo_kvm.ILOKVMConsole, supermicro_kvm.SupermicroKVMConsole)
    return supported + [one for one in ours if one not in supported]


class ConsoleRedfishHardware(redfish.RedfishHardware):
    """redfish, with our consoles."""

    @property
    def supported_console_interfaces(self) -> list[Any]:
        return _with_ours(super().supported_console_interfaces)


class ConsoleIDRACHardware(drac.IDRACHardware):
    """idrac, with our consoles."""

    @property
    def supported_console_interfaces(self) -> list[Any]:
        return _with_ours(super().supported_console_interfaces)


class ConsoleIPMIHardware(ipmi.IPMIHardware):
    """ipmi, with our consoles."""

    @property
    def supported_console_interfaces(self) -> list[Any]:
        return _with_ours(super().supported_console_interfaces)
