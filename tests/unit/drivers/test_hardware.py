# SPDX-License-Identifier: Apache-2.0
"""The one property of Ironic that we extend."""


import pytest
from ironic.common import exception
from ironic.drivers import generic, ipmi, redfish

from ironic_console.drivers import hardware


class OneConsole:
    """Stands for a console interface."""


class OtherConsole:
    """Stands for another."""


@pytest.fixture(autouse=True)
def untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = generic.GenericHardware.supported_console_interfaces
    while hasattr(kept.fget, 'extends'):
        kept = kept.fget.extends
    monkeypatch.setattr(generic.GenericHardware,
                        'supported_console_interfaces', kept)
    monkeypatch.setattr(hardware, '_ours', [])
    return


def test_all_hardware_types_get_ours_last() -> None:
    before = redfish.RedfishHardware().supported_console_interfaces
    hardware.support(OneConsole)
    for kind in (redfish.RedfishHardware, ipmi.IPMIHardware):
        supported = kind().supported_console_interfaces
        assert supported[-1] is OneConsole
    after = redfish.RedfishHardware().supported_console_interfaces
    assert after == [*before, OneConsole]


def test_doing_it_again_changes_nothing() -> None:
    hardware.support(OneConsole)
    hardware.support(OneConsole)
    hardware.support(OtherConsole)
    supported = redfish.RedfishHardware().supported_console_interfaces
    assert supported[-2:] == [OneConsole, OtherConsole]
    assert len(supported) == len(set(supported))


def test_other_ironic_is_named_instead_of_broken(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(generic.GenericHardware,
                        'supported_console_interfaces')
    monkeypatch.setattr(hardware, '_PROPERTY', 'no_such_property')
    with pytest.raises(exception.DriverLoadError,
                       match='extend_hardware_types'):
        hardware.support(OneConsole)
    monkeypatch.undo()
