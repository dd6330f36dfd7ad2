# SPDX-License-Identifier: Apache-2.0
"""What conductor and manager say to each other by files."""

import json
import os
import pathlib
import stat
from collections.abc import Iterator
from typing import Any

import pytest

from ironic_console.drivers.displays.private_folder import FolderError
from ironic_console.drivers.displays.settings import DisplaySettings
from ironic_console.drivers.displays.spool import (
    IMAGE_UID,
    Endpoint,
    Failure,
    Request,
    Spool,
    hand_over,
    new_generation,
    settings_name,
    take_back,
)
from tests.helpers.conductor import UUID
from tests.helpers.display_settings import SECRETS, SETTINGS

GENERATION, OTHER = 'a' * 32, 'b' * 32
REQUEST = Request(UUID, GENERATION, 'ilo', 'rack7', 'host')


@pytest.fixture
def spool(tmp_path: pathlib.Path) -> Iterator[Spool]:
    with Spool(str(tmp_path / 'spool')) as spool:
        yield spool


def ask(spool: Spool, generation: str = GENERATION) -> None:
    request = Request(UUID, generation, 'ilo', 'rack7', 'host')
    spool.ask(request, request.to_json(), SETTINGS)


def files(spool: Spool) -> set[str]:
    return set(spool.names())


def test_asking_leaves_a_request_and_settings(spool: Spool) -> None:
    ask(spool)
    assert files(spool) == {f'{UUID}.request',
                            f'{UUID}.{GENERATION}.settings'}
    assert spool.asked() == {UUID}
    data = spool.request(UUID)
    assert data
    assert Request.from_json(data) == REQUEST
    assert not [secret for secret in SECRETS if secret in data.decode()]
    settings = spool.settings(UUID, GENERATION)
    assert settings
    assert DisplaySettings.from_json(settings) == SETTINGS


def test_nobody_else_may_read_what_is_asked(spool: Spool) -> None:
    ask(spool)
    for name in files(spool):
        mode = (pathlib.Path(spool.path) / name).stat().st_mode
        assert stat.S_IMODE(mode) == 0o600


def test_the_settings_are_there_before_the_request(
        spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    put = Spool.put
    monkeypatch.setattr(Spool, 'put', lambda *arguments: (
        order.append(arguments[1]), put(*arguments)))
    ask(spool)
    assert order == [settings_name(UUID, GENERATION), f'{UUID}.request']


def test_asking_again_takes_all_of_the_first_back(spool: Spool) -> None:
    ask(spool)
    spool.reply(UUID, Endpoint(GENERATION, '192.0.2.1', 5901))
    ask(spool, OTHER)
    assert files(spool) == {f'{UUID}.request', f'{UUID}.{OTHER}.settings'}


def test_taking_back_touches_no_other_node(spool: Spool) -> None:
    ask(spool)
    other = UUID[:-1] + '0'
    spool.put(f'{other}.request', b'', 0o600)
    spool.withdraw(UUID)
    assert files(spool) == {f'{other}.request'}
    spool.withdraw(UUID)


@pytest.mark.parametrize('answer', [
    Endpoint(GENERATION, '192.0.2.1', 5901),
    Endpoint(GENERATION, '2001:db8::1', 65535),
    Failure(GENERATION, 'no image'),
    Failure(GENERATION, 'gone', lost=True),
])
def test_an_answer_arrives(spool: Spool, answer: Endpoint | Failure) -> None:
    spool.reply(UUID, answer)
    assert spool.answer(UUID, GENERATION) == answer
    assert spool.answer(UUID, '') == answer
    assert spool.replied() == {UUID}
    spool.unsay(UUID)
    assert spool.answer(UUID, GENERATION) is None
    assert not spool.replied()


def test_an_answer_to_another_question_is_none(spool: Spool) -> None:
    spool.reply(UUID, Endpoint(OTHER, '192.0.2.1', 5901))
    assert spool.answer(UUID, GENERATION) is None


@pytest.mark.parametrize('change', [
    {'host': ''}, {'host': 'a b'}, {'host': 7}, {'host': 'x' * 254},
    {'port': 0}, {'port': 65536}, {'port': '5900'}, {'port': True},
    {'version': 2}, {'version': None},
])
def test_an_answer_that_makes_no_sense_is_not_believed(
        spool: Spool, change: dict[str, Any]) -> None:
    document = {'version': 1, 'generation': GENERATION, 'host': '192.0.2.1',
                'port': 5901} | change
    spool.put(f'{UUID}.endpoint', json.dumps(document).encode(), 0o644)
    with pytest.raises(FolderError):
        spool.answer(UUID, GENERATION)


@pytest.mark.parametrize('data', [b'', b'{"version": 1', b'[]', b'\xff',
                                  b'[' * 10000])
def test_half_an_answer_is_not_believed(spool: Spool, data: bytes) -> None:
    spool.put(f'{UUID}.endpoint', data, 0o644)
    with pytest.raises(FolderError):
        spool.answer(UUID, GENERATION)


def test_a_failure_is_made_fit_for_users(spool: Spool) -> None:
    spool.reply(UUID, Failure(GENERATION, 'no\nimage\x1b[2J ' + 'x' * 9000))
    answer = spool.answer(UUID, GENERATION)
    assert isinstance(answer, Failure)
    assert answer.error.startswith('no image [2J xxx')
    assert len(answer.error) <= 1000


@pytest.mark.parametrize('data', [
    b'', b'{}', b'kind: Pod',
    json.dumps({'version': 1, 'node': '../x',
                'generation': GENERATION}).encode(),
    json.dumps({'version': 1, 'node': UUID, 'generation': '--rm'}).encode(),
])
def test_a_request_that_is_none_of_ours_is_not_believed(data: bytes) -> None:
    with pytest.raises(FolderError):
        Request.from_json(data)


def test_a_request_may_say_more_than_we_know() -> None:
    document = json.loads(REQUEST.to_json()) | {'colour': 'green'}
    assert Request.from_json(json.dumps(document).encode()) == REQUEST


def test_only_names_of_nodes_are_requests(spool: Spool) -> None:
    for name in ('x.request', f'{UUID}.endpoint.request', '.request',
                 f'{UUID.upper()}.request', f'{UUID}.request~'):
        spool.put(name, b'', 0o600)
    assert not spool.asked()


def test_settings_that_others_may_read_are_not_used(spool: Spool) -> None:
    spool.put(settings_name(UUID, GENERATION), b'{}', 0o640)
    with pytest.raises(FolderError, match='open to others'):
        spool.settings(UUID, GENERATION)


def test_settings_are_used_once(spool: Spool) -> None:
    ask(spool)
    assert spool.left_settings() == {(UUID, GENERATION)}
    spool.forget_settings(UUID, GENERATION)
    assert spool.settings(UUID, GENERATION) is None
    assert not spool.left_settings()


def test_clearing_up_leaves_what_is_wanted_or_new(spool: Spool) -> None:
    ask(spool)
    spool.put(settings_name(UUID, OTHER), b'', 0o600)
    for name in files(spool):
        os.utime(pathlib.Path(spool.path) / name, (0, 0))
    spool.put(settings_name(UUID, 'c' * 32), b'', 0o600)
    spool.clear_up({(UUID, GENERATION)})
    assert files(spool) == {
        f'{UUID}.request', settings_name(UUID, GENERATION),
        settings_name(UUID, 'c' * 32)}


def test_each_start_has_another_generation() -> None:
    assert len({new_generation() for _ in range(100)}) == 100


def test_hands_settings_over_in_a_folder_of_their_own(
        tmp_path: pathlib.Path) -> None:
    folder = pathlib.Path(hand_over(str(tmp_path / 'spool'), SETTINGS))
    assert folder == tmp_path / 'spool' / UUID
    file, = folder.iterdir()
    assert file.name == 'settings.json'
    assert DisplaySettings.from_json(file.read_bytes()) == SETTINGS
    owner = IMAGE_UID if os.geteuid() == 0 else os.geteuid()
    assert (file.stat().st_uid, folder.stat().st_uid) == (owner, owner)


def test_a_display_that_still_runs_does_not_get_the_next_settings(
        tmp_path: pathlib.Path) -> None:
    folder = hand_over(str(tmp_path / 'spool'), SETTINGS)
    old = os.open(folder, os.O_DIRECTORY)
    try:
        hand_over(str(tmp_path / 'spool'), SETTINGS)
        assert not os.listdir(old)
        with pytest.raises(FileNotFoundError):
            os.open('x', os.O_CREAT | os.O_WRONLY, dir_fd=old)
    finally:
        os.close(old)


def test_takes_back_what_was_not_read(tmp_path: pathlib.Path) -> None:
    folder = pathlib.Path(hand_over(str(tmp_path / 'spool'), SETTINGS))
    take_back(str(tmp_path / 'spool'), UUID)
    assert not folder.exists()
    take_back(str(tmp_path / 'spool'), UUID)
