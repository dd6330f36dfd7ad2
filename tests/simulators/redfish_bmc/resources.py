# SPDX-License-Identifier: Apache-2.0
"""The resources that are read: path -> JSON.

What requests change is in :mod:`service`.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from tests.simulators.redfish_bmc.attributes import Attribute, Attributes
from tests.simulators.redfish_bmc.profiles import Profile
from tests.simulators.redfish_bmc.sessions import Sessions
from tests.simulators.redfish_bmc.tasks import Task, Tasks

ROOT = '/redfish/v1'
SESSION_SERVICE = f'{ROOT}/SessionService'
SESSIONS = f'{SESSION_SERVICE}/Sessions'
SYSTEMS = f'{ROOT}/Systems'
SYSTEM = f'{SYSTEMS}/System.Embedded.1'
MANAGERS = f'{ROOT}/Managers'
MANAGER = f'{MANAGERS}/iDRAC.Embedded.1'
DELL = f'{MANAGER}/Oem/Dell/DellAttributes'
ATTRIBUTES = f'{DELL}/iDRAC.Embedded.1'
LEGACY = f'{MANAGER}/Attributes'
REGISTRIES = f'{ROOT}/Registries'
REGISTRY_FILE = f'{REGISTRIES}/ManagerAttributeRegistry'
REGISTRY = f'{REGISTRY_FILE}/ManagerAttributeRegistry.v1_0_0.json'
TASK_SERVICE = f'{ROOT}/TaskService'
TASKS = f'{TASK_SERVICE}/Tasks'
#: They need no login.
PUBLIC = ('/redfish', ROOT)

_REGISTRY_NAME = 'ManagerAttributeRegistry.v1_0_0'
_OTHERS = {'System.Embedded.1': {'ServerTopology.1.RackName': ''},
           'LifecycleController.Embedded.1': {
               'LCAttributes.1.LifecycleControllerState': 'Enabled'}}


@dataclasses.dataclass(frozen=True)
class Machine:
    """What resources tell of."""

    profile: Profile
    service_tag: str
    attributes: Attributes
    sessions: Sessions
    tasks: Tasks


def link(path: str) -> dict[str, str]:
    return {'@odata.id': path}


def find(machine: Machine, path: str) -> Any | None:
    """:returns: the resource; ``None`` if there is none."""
    if path in (ATTRIBUTES, LEGACY) and path not in attribute_paths(
            machine.profile):
        return None
    read = _TABLE.get(path)
    if read:
        return read(machine)
    folder, _, name = path.rpartition('/')
    read_member = _MEMBERS.get(folder)
    return read_member(machine, name) if read_member else None


def attribute_paths(profile: Profile) -> list[str]:
    """:returns: where this one has its attributes."""
    return (profile.dell_attributes * [ATTRIBUTES]
            + profile.legacy_attributes * [LEGACY])


def task(one: Task) -> dict[str, Any]:
    good = one.state != 'Exception'
    return _resource(
        f'{TASKS}/{one.number}', '#Task.v1_4_3.Task', one.number,
        TaskState=one.state, TaskStatus='OK' if good else 'Critical',
        PercentComplete=0 if one.state == 'Running' else 100,
        Messages=[{'Message': 'Task in progress.' if one.state == 'Running'
                   else 'Job completed.' if good else 'Job failed.',
                   'MessageArgs': [], 'MessageId': 'IDRAC.2.9.JCP027'}])


def session(machine: Machine, number: str) -> dict[str, Any] | None:
    for one in machine.sessions.live():
        if one.number == number:
            return _resource(f'{SESSIONS}/{number}', '#Session.v1_6_0.Session',
                             number, UserName=one.user, SessionType='Redfish')
    return None


def _resource(path: str, kind: str, identity: str, **more: Any,
              ) -> dict[str, Any]:
    return {'@odata.context': f'{ROOT}/$metadata#'
            + kind.rpartition('.')[2] + '.' + kind.rpartition('.')[2],
            '@odata.id': path, '@odata.type': kind, 'Id': identity,
            'Name': identity, **more}


def _collection(path: str, kind: str, *members: str) -> dict[str, Any]:
    found = _resource(path, f'#{kind}Collection.{kind}Collection', kind)
    del found['Id']
    return {**found, 'Members': [link(member) for member in members],
            'Members@odata.count': len(members)}


# -- one function for each resource -------------------------------------------

def _versions(_machine: Machine) -> dict[str, str]:
    return {'v1': f'{ROOT}/'}


def _root(machine: Machine) -> dict[str, Any]:
    return _resource(
        ROOT, '#ServiceRoot.v1_15_0.ServiceRoot', 'RootService',
        Vendor='Dell', Product='Integrated Dell Remote Access Controller',
        RedfishVersion=machine.profile.redfish,
        Oem={'Dell': {'@odata.type': '#DellServiceRoot.v1_0_0.ServiceRoot',
                      'ServiceTag': machine.service_tag,
                      'ManagerMACAddress': '52:54:00:12:34:56'}},
        Links={'Sessions': link(SESSIONS)},
        SessionService=link(SESSION_SERVICE), Systems=link(SYSTEMS),
        Managers=link(MANAGERS), Registries=link(REGISTRIES),
        Tasks=link(TASK_SERVICE))


def _session_service(_machine: Machine) -> dict[str, Any]:
    return _resource(
        SESSION_SERVICE, '#SessionService.v1_1_8.SessionService',
        'SessionService', ServiceEnabled=True, SessionTimeout=1800,
        Sessions=link(SESSIONS))


def _sessions(machine: Machine) -> dict[str, Any]:
    return _collection(SESSIONS, 'Session', *(
        f'{SESSIONS}/{one.number}' for one in machine.sessions.live()))


def _systems(_machine: Machine) -> dict[str, Any]:
    return _collection(SYSTEMS, 'ComputerSystem', SYSTEM)


def _system(machine: Machine) -> dict[str, Any]:
    return _resource(
        SYSTEM, '#ComputerSystem.v1_20_1.ComputerSystem',
        'System.Embedded.1', Manufacturer='Dell Inc.',
        Model=machine.profile.system, SKU=machine.service_tag,
        SerialNumber=f'CN{machine.service_tag}0001', PowerState='On',
        SystemType='Physical', UUID='4c4c4544-0042-3510-8052-b4c04f565332',
        Status={'Health': 'OK', 'State': 'Enabled'},
        Links={'ManagedBy': [link(MANAGER)],
               'ManagedBy@odata.count': 1})


def _managers(_machine: Machine) -> dict[str, Any]:
    return _collection(MANAGERS, 'Manager', MANAGER)


def _manager(machine: Machine) -> dict[str, Any]:
    profile = machine.profile
    links: dict[str, Any] = {'ManagerForServers': [link(SYSTEM)],
                             'ManagerForServers@odata.count': 1}
    if profile.dell_attributes:
        members = [f'{DELL}/{name}'
                   for name in ('iDRAC.Embedded.1', *_OTHERS)]
        links['Oem'] = {'Dell': {
            '@odata.type': '#DellOem.v1_3_0.DellOemLinks',
            'DellAttributes': [link(member) for member in members],
            'DellAttributes@odata.count': len(members)}}
    values = machine.attributes.values()
    found = _resource(
        MANAGER, '#Manager.v1_17_0.Manager', 'iDRAC.Embedded.1',
        Model=profile.model, FirmwareVersion=profile.firmware,
        ManagerType='BMC', Status={'Health': 'OK', 'State': 'Enabled'},
        GraphicalConsole={
            'ConnectTypesSupported': ['KVMIP'],
            'ConnectTypesSupported@odata.count': 1,
            'MaxConcurrentSessions': values['VirtualConsole.1.MaxSessions'],
            'ServiceEnabled':
                values['VirtualConsole.1.Enable'] == 'Enabled'},
        Links=links)
    found['Name'] = 'Manager'
    return found


def _attributes_at(path: str, identity: str, values: Any) -> dict[str, Any]:
    found = _resource(
        path, '#DellAttributes.v1_0_0.DellAttributes', identity,
        AttributeRegistry=_REGISTRY_NAME, Attributes=values,
        Description='Attributes of this part.')
    found['Name'] = 'OEMAttributeRegistry'
    return found


def _dell_member(machine: Machine, name: str) -> dict[str, Any] | None:
    if name not in _OTHERS or not machine.profile.dell_attributes:
        return None
    return _attributes_at(f'{DELL}/{name}', name, _OTHERS[name])


def _registries(_machine: Machine) -> dict[str, Any]:
    return _collection(REGISTRIES, 'MessageRegistryFile', REGISTRY_FILE)


def _registry_file(_machine: Machine) -> dict[str, Any]:
    return _resource(
        REGISTRY_FILE, '#MessageRegistryFile.v1_1_0.MessageRegistryFile',
        'ManagerAttributeRegistry', Registry=_REGISTRY_NAME,
        Languages=['en'], Location=[{'Language': 'en', 'Uri': REGISTRY}])


def _registry(machine: Machine) -> dict[str, Any]:
    found = _resource(
        REGISTRY, '#AttributeRegistry.v1_3_6.AttributeRegistry',
        _REGISTRY_NAME, Language='en', OwningEntity='Dell',
        RegistryVersion='1.0.0', RegistryEntries={
            'Attributes': [_registry_entry(one)
                           for one in machine.attributes.known()],
            'Dependencies': [], 'Menus': []})
    found['Name'] = 'Manager Attribute Registry'
    return found


def _registry_entry(one: Attribute) -> dict[str, Any]:
    group, _, name = one.name.rpartition('.')
    entry: dict[str, Any] = {
        'AttributeName': one.name, 'CurrentValue': None,
        'DisplayName': name, 'HelpText': '', 'Hidden': False,
        'Id': one.name, 'MenuPath': f'./{group}', 'ReadOnly': one.read_only,
        'Type': one.kind, 'WriteOnly': one.secret, 'Regex': None}
    if one.values:
        entry['Value'] = [{'ValueDisplayName': value, 'ValueName': value}
                          for value in one.values]
    if one.high:
        entry['LowerBound'], entry['UpperBound'] = one.low, one.high
    if one.secret:
        entry['MinLength'], entry['MaxLength'] = 0, 8
    return entry


def _task_service(_machine: Machine) -> dict[str, Any]:
    return _resource(
        TASK_SERVICE, '#TaskService.v1_1_5.TaskService', 'TaskService',
        ServiceEnabled=True, Tasks=link(TASKS))


def _tasks(machine: Machine) -> dict[str, Any]:
    return _collection(TASKS, 'Task', *(
        f'{TASKS}/{one.number}' for one in machine.tasks.all()))


def _task(machine: Machine, number: str) -> dict[str, Any] | None:
    one = machine.tasks.find(number)
    return task(one) if one else None


_TABLE: dict[str, Callable[[Machine], Any]] = {
    '/redfish': _versions,
    ROOT: _root,
    SESSION_SERVICE: _session_service,
    SESSIONS: _sessions,
    SYSTEMS: _systems,
    SYSTEM: _system,
    MANAGERS: _managers,
    MANAGER: _manager,
    ATTRIBUTES: lambda machine: _attributes_at(
        ATTRIBUTES, 'iDRAC.Embedded.1', machine.attributes.readable()),
    LEGACY: lambda machine: _attributes_at(
        LEGACY, 'iDRACAttributes', machine.attributes.readable()),
    REGISTRIES: _registries,
    REGISTRY_FILE: _registry_file,
    REGISTRY: _registry,
    TASK_SERVICE: _task_service,
    TASKS: _tasks,
}
_MEMBERS: dict[str, Callable[[Machine, str], dict[str, Any] | None]] = {
    SESSIONS: session,
    DELL: _dell_member,
    TASKS: _task,
}
