# SPDX-License-Identifier: Apache-2.0
"""The HTML5 console of Supermicro, as Ironic gets to know it."""

from ironic_console.drivers.supermicro_kvm import SupermicroKVMConsole
from tests.helpers.kvm_interface import KvmInterfaceRules


class TestSupermicroKVMConsole(KvmInterfaceRules):
    interface = SupermicroKVMConsole
    name = 'supermicro-kvm'
    app = 'supermicro'
