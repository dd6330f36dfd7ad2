# SPDX-License-Identifier: Apache-2.0
"""The VNC server of an iDRAC, over attributes in memory."""

from collections.abc import Mapping
from typing import Any

import pytest

from ironic_console.common.errors import BmcRefused
from ironic_console.common.secret import Secret
from ironic_console.drivers.idrac_server import (
    NoVncServer,
    VncServer,
    Wanted,
    generation_of,
    new_password,
)

WANTED = Wanted(port=5901, timeout=600, tls=True)
PASSWORD = Secret('aB3#efgh')
OFF = {'VNCServer.1.Enable': 'Disabled', 'VNCServer.1.Port': 5901,
       'VNCServer.1.Timeout': 300, 'VNCServer.1.ActiveSessions': 0,
       'VNCServer.1.SSLEncryptionBitLength': 'Disabled',
       'VNCServer.1.Password': None, 'VirtualConsole.1.Port': 5900}


class Table:
    """Attributes that do as they are told, after a while or never.

    :ivar writes: what was written, oldest first.
    :ivar late: times that they are read before they show what is new.
    :ivar stuck: those that never change.
    """

    owner = 'The BMC at https://192.0.2.7'

    def __init__(self, **values: Any) -> None:
        self.values = {**OFF, **{f'VNCServer.1.{name}': value
                                 for name, value in values.items()}}
        self.shown = dict(self.values)
        self.writes: list[dict[str, object]] = []
        self.stuck: tuple[str, ...] = ()
        self.late = 0
        self.pauses = 0
        self.patience = 100

    def read(self) -> dict[str, Any]:
        if self.late:
            self.late -= 1
        else:
            self.shown = dict(self.values)
        return dict(self.shown)

    def write(self, values: Mapping[str, object]) -> None:
        self.writes.append(dict(values))
        self.values.update({
            name: None if isinstance(value, Secret) else value
            for name, value in values.items() if name not in self.stuck})

    def pause(self, seconds: float) -> bool:
        self.pauses += 1
        return self.pauses < self.patience


@pytest.mark.parametrize(('model', 'name', 'tls', 'encodings'), [
    ('12G Monolithic', 'iDRAC7', False, (5, 1, 0, -223)),
    ('13G DCS', 'iDRAC8', False, (5, 1, 0, -223)),
    ('14G Monolithic', 'iDRAC9', True, ()),
    ('16G Modular', 'iDRAC9', True, ()),
    ('17G Monolithic', 'iDRAC10', True, ()),
    ('99G Monolithic', 'iDRAC', True, ()),
    ('', 'iDRAC', True, ()), (None, 'iDRAC', True, ()),
    (['12G'], 'iDRAC', True, ()), ('x12G', 'iDRAC', True, ()),
    ('112G', 'iDRAC', True, ()),
])
def test_generation_is_in_the_model(
        model: object, name: str, tls: bool, encodings: tuple[int, ...],
        ) -> None:
    found = generation_of(model)
    assert (found.name, found.tls, found.encodings) == (name, tls, encodings)


def test_passwords_are_of_all_classes_and_never_the_same() -> None:
    passwords = {new_password().reveal() for _ in range(200)}
    assert len(passwords) == 200
    for one in passwords:
        assert len(one) == 8
        assert any(map(str.isupper, one))
        assert any(map(str.islower, one))
        assert any(map(str.isdigit, one))
        assert set(one) & set('!#-._')
        assert one.isascii()
    # No place of it is known to be of one class.
    for place in range(8):
        assert len({one[place] for one in passwords}) > 30


def test_start_switches_on_last() -> None:
    table = Table()
    VncServer(table).start(WANTED, PASSWORD)
    assert table.writes == [
        {'VNCServer.1.Password': PASSWORD, 'VNCServer.1.Port': 5901,
         'VNCServer.1.Timeout': 600,
         'VNCServer.1.SSLEncryptionBitLength': '256-Bit or higher'},
        {'VNCServer.1.Enable': 'Enabled'}]


def test_start_switches_off_first_what_is_on() -> None:
    table = Table(Enable='Enabled')
    VncServer(table).start(WANTED, PASSWORD)
    assert table.writes[0] == {'VNCServer.1.Enable': 'Disabled'}
    assert len(table.writes) == 3


def test_start_leaves_alone_what_a_firmware_has_not() -> None:
    table = Table()
    del table.values['VNCServer.1.SSLEncryptionBitLength']
    server = VncServer(table)
    server.start(WANTED, PASSWORD)
    assert 'VNCServer.1.SSLEncryptionBitLength' not in table.writes[0]
    assert server.runs_as(WANTED)


def test_stop_takes_the_password_away_too() -> None:
    table = Table(Enable='Enabled')
    VncServer(table).stop()
    (written,) = table.writes
    assert written['VNCServer.1.Enable'] == 'Disabled'
    password = written['VNCServer.1.Password']
    assert isinstance(password, Secret)
    assert password != PASSWORD


def test_settings_can_be_given_back() -> None:
    table = Table(Enable='Enabled', Timeout=1234)
    server = VncServer(table)
    before = server.settings
    assert before == {
        'VNCServer.1.Enable': 'Enabled', 'VNCServer.1.Port': 5901,
        'VNCServer.1.Timeout': 1234,
        'VNCServer.1.SSLEncryptionBitLength': 'Disabled'}
    server.start(WANTED, PASSWORD)
    server.restore({**before, 'VirtualConsole.1.Port': 1})
    assert server.settings == before
    assert table.values['VirtualConsole.1.Port'] == 5900


def test_giving_back_what_was_off_takes_one_change() -> None:
    table = Table(Enable='Enabled')
    VncServer(table).restore({'VNCServer.1.Enable': 'Disabled',
                              'VNCServer.1.Timeout': 77})
    assert len(table.writes) == 1
    assert table.values['VNCServer.1.Timeout'] == 77


def test_what_takes_a_while_is_waited_for() -> None:
    table = Table()
    server = VncServer(table)
    table.late = 3
    server.start(WANTED, PASSWORD)
    assert table.pauses == 3


def test_what_never_changes_is_told_by_name() -> None:
    table = Table()
    table.stuck = ('VNCServer.1.Timeout',)
    with pytest.raises(BmcRefused) as caught:
        VncServer(table).start(WANTED, PASSWORD)
    text = str(caught.value)
    assert text.startswith('The BMC at https://192.0.2.7 was told to change '
                           'VNCServer.1.Timeout and did not;')
    assert table.pauses == 10


def test_it_is_not_waited_for_longer_than_there_is_time() -> None:
    table = Table()
    table.stuck = ('VNCServer.1.Port',)
    table.patience = 2
    with pytest.raises(BmcRefused):
        VncServer(table).restore({'VNCServer.1.Port': 1})
    assert table.pauses == 2


def test_no_server_without_a_licence() -> None:
    table = Table()
    table.values = {'VirtualConsole.1.Port': 5900}
    with pytest.raises(NoVncServer, match='Enterprise or Datacenter'):
        VncServer(table)


@pytest.mark.parametrize(('sessions', 'in_use'), [
    (0, False), (1, True), (2, True), (None, False), ('1', False),
    ([], False)])
def test_somebody_is_connected(sessions: object, in_use: bool) -> None:
    assert VncServer(Table(ActiveSessions=sessions)).in_use is in_use


@pytest.mark.parametrize('change', [
    {'Enable': 'Disabled'}, {'Port': 5902}, {'Timeout': 601},
    {'SSLEncryptionBitLength': 'Auto Negotiate'}, {'Port': '5901'}])
def test_server_runs_as_wanted_in_all_or_not(change: dict[str, Any]) -> None:
    good = {'Enable': 'Enabled', 'Port': 5901, 'Timeout': 600,
            'SSLEncryptionBitLength': '256-Bit or higher'}
    assert VncServer(Table(**good)).runs_as(WANTED)
    assert not VncServer(Table(**{**good, **change})).runs_as(WANTED)
