# SPDX-License-Identifier: Apache-2.0
"""What podman is asked, and what is made of its answers.

A little program in its place notes its arguments and says what it was told.
"""

import json
import os
import pathlib
import sys
from typing import Any

import pytest

from ironic_console.common.errors import DisplayError
from ironic_console.drivers.displays.manager import podman
from ironic_console.drivers.displays.manager.plan import (
    Container,
    ContainerExistsError,
)
from ironic_console.drivers.displays.manager.podman import (
    Engine,
    Limits,
    Podman,
    allow_sandbox,
)
from ironic_console.drivers.displays.spool import Request
from tests.helpers.conductor import UUID

GENERATION = 'a' * 32
REQUEST = Request(UUID, GENERATION, 'ilo', 'the rack', 'host')
_PROGRAM = '''\
import json, os, sys
folder = sys.argv[1]
with open(f'{folder}/asked', 'a') as file:
    file.write(json.dumps(sys.argv[2:]) + '\\n')
answer = json.load(open(f'{folder}/answer'))
sys.stdout.write(answer.get('out', ''))
sys.stderr.write(answer.get('err', ''))
sys.exit(answer.get('status', 0))
'''


class StandIn:
    """In podman's place."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        (folder / 'podman.py').write_text(_PROGRAM)
        self.command = (sys.executable, str(folder / 'podman.py'),
                        str(folder))
        self.answer()

    def answer(self, **words: Any) -> None:
        (self._folder / 'answer').write_text(json.dumps(words))

    @property
    def asked(self) -> list[list[str]]:
        return [json.loads(line) for line in
                (self._folder / 'asked').read_text().splitlines()]


@pytest.fixture
def stand_in(tmp_path: pathlib.Path) -> StandIn:
    return StandIn(tmp_path)


@pytest.fixture
def engine(stand_in: StandIn) -> Podman:
    return Podman(Engine('image', stand_in.command), 'spool')


def started_with(stand_in: StandIn, seccomp: str = '', **engine: Any,
                 ) -> list[str]:
    Podman(Engine('image', stand_in.command, **engine), 'spool', seccomp,
           ).start(REQUEST, '/private/folder')
    return stand_in.asked[-1]


def value_of(words: list[str], option: str) -> list[str]:
    return [words[place + 1] for place, word in enumerate(words)
            if word == option]


def test_a_display_has_no_rights(stand_in: StandIn) -> None:
    words = started_with(stand_in)
    assert words[0] == 'run'
    assert words[-1] == 'image'
    assert value_of(words, '--user') == ['65532:65532']
    assert value_of(words, '--cap-drop') == ['all']
    assert 'no-new-privileges' in value_of(words, '--security-opt')
    assert {'--read-only', '--read-only-tmpfs=false',
            '--http-proxy=false'} <= set(words)
    for tmpfs in value_of(words, '--tmpfs'):
        assert 'size=' in tmpfs
    assert value_of(words, '--pids-limit') == ['512']
    assert value_of(words, '--memory') == ['1g']
    # Or it could use as much again of swap.
    assert value_of(words, '--memory-swap') == ['1g']


def test_a_display_is_published_on_one_address(stand_in: StandIn) -> None:
    assert value_of(started_with(stand_in), '--publish') == [
        '127.0.0.1::5900/tcp']
    assert value_of(started_with(stand_in, publish='2001:db8::1'),
                    '--publish') == ['[2001:db8::1]::5900/tcp']


def test_a_display_is_found_again_by_its_labels(stand_in: StandIn) -> None:
    words = started_with(stand_in)
    assert set(value_of(words, '--label')) == {
        'org.ironic-console.directory=spool',
        f'org.ironic-console.node={UUID}',
        f'org.ironic-console.generation={GENERATION}'}
    # podman takes no name twice.
    assert value_of(words, '--name') == [f'ironic-display-spool-{GENERATION}']


def test_what_people_say_of_a_node_reaches_no_command_line(
        stand_in: StandIn) -> None:
    assert not [word for word in started_with(stand_in) if 'rack' in word]


def test_options_and_limits_of_operators_are_obeyed(
        stand_in: StandIn) -> None:
    words = started_with(stand_in, '/seccomp', limits=Limits('', 0),
                         network='bmc', options=['--dns=192.0.2.1'])
    assert not value_of(words, '--memory')
    assert value_of(words, '--pids-limit') == ['0']
    assert value_of(words, '--network') == ['bmc']
    assert 'seccomp=/seccomp' in value_of(words, '--security-opt')
    assert words[-2:] == ['--dns=192.0.2.1', 'image']


@pytest.mark.parametrize(('uid', 'users'), [
    (0, []), (1000, ['keep-id:uid=65532,gid=65532'])])
def test_without_root_settings_are_the_displays_all_the_same(
        stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, uid: int,
        users: list[str]) -> None:
    monkeypatch.setattr(os, 'geteuid', lambda: uid)
    assert value_of(started_with(stand_in), '--userns') == users


def entry(**changes: Any) -> dict[str, Any]:
    """As podman 4.3 tells of a container, but for what nobody needs."""
    return {
        'Names': ['name'], 'State': 'running', 'ExitCode': 0,
        'Labels': {'org.ironic-console.node': UUID,
                   'org.ironic-console.generation': GENERATION},
        'Ports': [{'host_ip': '127.0.0.1', 'container_port': 5900,
                   'host_port': 39013, 'range': 1, 'protocol': 'tcp'}],
    } | changes


@pytest.mark.parametrize(('changes', 'container'), [
    ({}, Container('name', UUID, GENERATION, True, True, '127.0.0.1',
                   39013)),
    ({'State': 'exited', 'ExitCode': 1},
     Container('name', UUID, GENERATION, False, True, '127.0.0.1', 39013,
               1)),
    ({'State': 'created', 'Ports': None},
     Container('name', UUID, GENERATION, False, False)),
    ({'State': 'stopping', 'ExitCode': None},
     Container('name', UUID, GENERATION, False, True, '127.0.0.1', 39013)),
])
def test_sees_what_there_is(
        engine: Podman, stand_in: StandIn, changes: dict[str, Any],
        container: Container) -> None:
    stand_in.answer(out=json.dumps([entry(**changes)]))
    assert engine.containers() == [container]
    assert ('label=org.ironic-console.directory=spool'
            in value_of(['', *stand_in.asked[0]], '--filter'))


def test_tells_viewers_another_address_if_told(stand_in: StandIn) -> None:
    stand_in.answer(out=json.dumps([entry()]))
    one, = Podman(Engine('image', stand_in.command, address='192.0.2.9'),
                  'spool').containers()
    assert (one.host, one.port) == ('192.0.2.9', 39013)


@pytest.mark.parametrize('out', ['{', '[{}]', '[7]', '7',
                                 json.dumps([entry(ExitCode='x')])])
def test_does_not_guess_what_podman_means(
        engine: Podman, stand_in: StandIn, out: str) -> None:
    stand_in.answer(out=out)
    with pytest.raises(DisplayError, match='podman 4'):
        engine.containers()


def test_somebody_who_was_quicker_is_told_from_other_trouble(
        engine: Podman, stand_in: StandIn) -> None:
    name = f'ironic-display-spool-{GENERATION}'
    stand_in.answer(status=125, err=(
        f'Error: creating container storage: the container name "{name}" is '
        'already in use by 9719c49c7cc14f2dce91ab4e0bd04127912432b8. You '
        'have to remove that container to be able to reuse that name'))
    with pytest.raises(ContainerExistsError):
        engine.start(REQUEST, '/private/folder')
    stand_in.answer(status=126, err='Error: address already in use')
    with pytest.raises(DisplayError) as caught:
        engine.start(REQUEST, '/private/folder')
    assert not isinstance(caught.value, ContainerExistsError)


def test_removes_what_has_only_a_name(engine: Podman, stand_in: StandIn,
                                      ) -> None:
    engine.discard(REQUEST)
    assert stand_in.asked == [['rm', '--force', '--ignore',
                               f'ironic-display-spool-{GENERATION}']]


def test_nothing_is_no_container(engine: Podman, stand_in: StandIn) -> None:
    stand_in.answer(out='')
    assert engine.containers() == []


@pytest.mark.parametrize(('out', 'said'), [
    ('', {}),
    ('{"version": 1, "port": 5900}\n', {'version': 1, 'port': 5900}),
    ('rubbish\n[]\n{"error": "no"}\n{"port": 1}', {'error': 'no'}),
])
def test_hears_what_a_display_says(
        engine: Podman, stand_in: StandIn, out: str, said: dict[str, Any],
        ) -> None:
    stand_in.answer(out=out, err='{"error": "only a log"}')
    assert engine.said('name') == said


def test_passes_on_the_last_words(engine: Podman, stand_in: StandIn) -> None:
    stand_in.answer(out='{}', err='one\ntwo\n')
    assert engine.last_words('name') == ['one', 'two']


def test_a_display_may_log_out_before_it_is_removed(
        engine: Podman, stand_in: StandIn) -> None:
    engine.stop('name')
    assert [words[0] for words in stand_in.asked] == ['stop', 'rm']
    # A visit has ten seconds for that.
    assert int(value_of(stand_in.asked[0], '--time')[0]) > 10


def test_what_podman_cannot_do_is_told(
        engine: Podman, stand_in: StandIn) -> None:
    stand_in.answer(err='Error: image: \n image not known', status=125)
    with pytest.raises(DisplayError, match='podman run failed: '
                                           'Error: image: image not known'):
        engine.start(REQUEST, '/folder')


def test_a_podman_that_is_not_there_is_told() -> None:
    with pytest.raises(DisplayError, match='/nowhere cannot be run'):
        Podman(Engine('image', ['/nowhere']), 'spool').containers()


def test_a_podman_that_hangs_is_not_waited_for(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(podman, 'COMMAND_TIMEOUT', 0.2)
    with pytest.raises(DisplayError, match='takes more than'):
        Podman(Engine('image', ['/bin/sh', '-c', 'exec sleep 60']), 'spool',
               ).containers()


def test_the_sandbox_of_chromium_may_change_its_root(
        tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [{'names': ['read', 'write'], 'action': 'SCMP_ACT_ALLOW'},
             {'names': ['chroot'], 'action': 'SCMP_ACT_ERRNO',
              'excludes': {'caps': ['CAP_SYS_CHROOT']}}]
    (tmp_path / 'podmans').write_text(json.dumps(
        {'defaultAction': 'SCMP_ACT_ERRNO', 'syscalls': rules}))
    monkeypatch.setattr(podman, 'PROFILES', (
        str(tmp_path / 'missing'), str(tmp_path / 'podmans')))
    made = allow_sandbox()
    assert made
    assert json.loads(made) == {
        'defaultAction': 'SCMP_ACT_ERRNO',
        'syscalls': [rules[0], {'names': ['chroot'],
                                'action': 'SCMP_ACT_ALLOW'}]}


@pytest.mark.parametrize('text', ['', '{', '{"syscalls": 7}', '[]'])
def test_a_profile_that_is_not_understood_is_left_alone(
        tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, text: str,
        ) -> None:
    (tmp_path / 'podmans').write_text(text)
    monkeypatch.setattr(podman, 'PROFILES', (str(tmp_path / 'podmans'),))
    assert allow_sandbox() is None
