# SPDX-License-Identifier: Apache-2.0
"""Ironic's hardware types under other names, with our consoles."""

import pytest
from ironic.conf import CONF
from ironic.drivers import drac, ipmi, redfish

from ironic_console.drivers import hardware_types
from ironic_console.drivers.fake_vnc import FakeVNCConsole
from ironic_console.drivers.generic_vnc import GenericVNCConsole
from ironic_console.drivers.idrac_kvm import IDRACKVMConsole
from ironic_console.drivers.idrac_vnc import IDRACVNCConsole
from ironic_console.drivers.ilo_kvm import ILOKVMConsole
from ironic_console.drivers.supermicro_kvm import SupermicroKVMConsole

OURS = (FakeVNCConsole, GenericVNCConsole, IDRACKVMConsole, IDRACVNCConsole,
        ILOKVMConsole, SupermicroKVMConsole)


@pytest.mark.parametrize(('ours', 'theirs'), [
    (hardware_types.ConsoleRedfishHardware, redfish.RedfishHardware),
    (hardware_types.ConsoleIDRACHardware, drac.IDRACHardware),
    (hardware_types.ConsoleIPMIHardware, ipmi.IPMIHardware)])
def test_supports_what_ironic_does_and_ours_once_and_last(
        ours: type, theirs: type) -> None:
    expected = [one for one in theirs().supported_console_interfaces
                if one not in OURS]
    supported = [one for one in ours().supported_console_interfaces
                 if one in expected or one in OURS]
    assert [one for one in supported if one not in OURS] == expected
    assert {one: supported.count(one) for one in OURS} == dict.fromkeys(
        OURS, 1)
    last = max(supported.index(one) for one in expected
               if one.__module__.startswith('ironic.'))
    assert all(supported.index(one) > last for one in OURS)


@pytest.mark.parametrize('name', ['console-redfish', 'console-idrac',
                                  'console-ipmi'])
def test_ironic_finds_verify_ca_under_the_name_of_the_driver(
        name: str) -> None:
    assert CONF.get(name, {}).get('verify_ca') is None
