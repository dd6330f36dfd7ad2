# SPDX-License-Identifier: Apache-2.0
"""The HTML5 console of HPE's iLO, as Ironic gets to know it."""

from ironic_console.drivers.ilo_kvm import ILOKVMConsole
from tests.helpers.kvm_interface import KvmInterfaceRules


class TestILOKVMConsole(KvmInterfaceRules):
    interface = ILOKVMConsole
    name = 'ilo-kvm'
    app = 'ilo'
