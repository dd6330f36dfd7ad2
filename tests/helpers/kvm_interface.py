# SPDX-License-Identifier: Apache-2.0
"""What holds for every console interface that shows a web page."""

import importlib.metadata
from typing import Any

from ironic_console.drivers import base
from ironic_console.drivers.display_console import DisplayConsole
from ironic_console.drivers.displays.settings import APPS
from tests.helpers.conductor import Node, Task


class KvmInterfaceRules:
    """To be inherited by the tests of an interface.

    :cvar name: that operators know it by.
    """

    interface: type[DisplayConsole]
    name: str
    app: str

    def test_ironic_finds_it_by_the_name_that_its_endpoints_bear(self,
                                                                 ) -> None:
        [entry] = importlib.metadata.entry_points(
            group='ironic.hardware.interfaces.console', name=self.name)
        assert entry.load() is self.interface
        assert self.interface.kind == entry.name

    def test_its_page_is_one_that_displays_know(self) -> None:
        assert self.interface.app == self.app
        assert self.app in APPS

    def test_every_setting_is_described(self, conf: Any) -> None:
        described = self.interface().get_properties()
        assert base.PROPERTIES.keys() < described.keys()
        assert {'redfish_address', 'redfish_username', 'redfish_password',
                'redfish_verify_ca'} < described.keys()

    def test_any_node_with_a_redfish_address_will_do(self, conf: Any,
                                                     ) -> None:
        conf.config(group='vnc', container_provider='display-process')
        node = Node(redfish_address='https://192.0.2.7',
                    redfish_username='admin', redfish_password='x',
                    ipmi_address='192.0.2.7')
        for driver in ('redfish', 'idrac', 'ipmi', 'console-ipmi'):
            node.driver = driver
            self.interface().validate(Task(node))
