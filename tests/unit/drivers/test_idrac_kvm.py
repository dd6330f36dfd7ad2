# SPDX-License-Identifier: Apache-2.0
"""The HTML5 console of Dell's iDRAC9, as Ironic gets to know it."""

from ironic_console.drivers.idrac_kvm import IDRACKVMConsole
from tests.helpers.kvm_interface import KvmInterfaceRules


class TestIDRACKVMConsole(KvmInterfaceRules):
    interface = IDRACKVMConsole
    name = 'idrac-kvm'
    app = 'idrac'
