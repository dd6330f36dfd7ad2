# SPDX-License-Identifier: Apache-2.0
"""The HTML5 console of HPE's iLO, as Ironic gets to know it."""

import importlib.metadata
from typing import Any

from ironic_console.drivers import base
from ironic_console.drivers.displays.settings import APPS
from ironic_console.drivers.ilo_kvm import ILOKVMConsole
from tests.helpers.conductor import Node, Task


def test_ironic_finds_it_by_the_name_that_its_endpoints_bear() -> None:
    [entry] = importlib.metadata.entry_points(
        group='ironic.hardware.interfaces.console', name='ilo-kvm')
    assert entry.load() is ILOKVMConsole
    assert ILOKVMConsole.kind == entry.name


def test_its_page_is_one_that_displays_know() -> None:
    assert ILOKVMConsole.app == 'ilo'
    assert ILOKVMConsole.app in APPS


def test_every_setting_is_described(conf: Any) -> None:
    described = ILOKVMConsole().get_properties()
    assert base.PROPERTIES.keys() < described.keys()
    assert {'redfish_address', 'redfish_username', 'redfish_password',
            'redfish_verify_ca'} < described.keys()


def test_any_node_with_a_redfish_address_will_do(conf: Any) -> None:
    conf.config(group='vnc', container_provider='display-process')
    node = Node(redfish_address='https://192.0.2.7',
                redfish_username='admin', redfish_password='x',
                ipmi_address='192.0.2.7')
    for driver in ('redfish', 'idrac', 'ipmi', 'console-ipmi'):
        node.driver = driver
        ILOKVMConsole().validate(Task(node))
