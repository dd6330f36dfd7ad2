# SPDX-License-Identifier: Apache-2.0
"""Starting and ending programs that stand in for Chromium.

The real one is in tests/displays/test_display_browser.py.
"""

import os
import pathlib
import tempfile
from collections.abc import Callable

import pytest

from ironic_console.drivers.displays import (
    browser_command,
    chromium,
    display,
)
from ironic_console.drivers.displays.chromium import Chromium
from ironic_console.drivers.displays.failures import BrowserFailed
from ironic_console.drivers.displays.settings import Screen
from ironic_console.drivers.displays.trust import Trust

Stand = Callable[[str], Chromium]


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path,
             ) -> Stand:
    """Makes a browser of a shell script."""
    def make(script: str) -> Chromium:
        program = tmp_path / 'chromium'
        program.write_text(f'#!/bin/sh\n{script}\n')
        program.chmod(0o755)
        monkeypatch.setattr(browser_command, '_PROGRAMS', (str(program),))
        monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
        monkeypatch.setattr(chromium, '_MAX_PARENT_CHARS', 1000)
        return Chromium('http://127.0.0.1:1', '127.0.0.1', Trust(), (),
                        Screen())

    return make


def folders(tmp_path: pathlib.Path) -> list[pathlib.Path]:
    return list(tmp_path.glob('chromium-*'))


def count_descriptors() -> int:
    return len(os.listdir('/proc/self/fd'))


def test_its_last_words_are_logged_if_it_does_not_start(
        stand_in: Stand, tmp_path: pathlib.Path,
        caplog: pytest.LogCaptureFixture) -> None:
    browser = stand_in('echo first; echo "no\tdisplay" >&2; exit 1')
    with pytest.raises(BrowserFailed, match='stopped'):
        browser.start()
    browser.close()
    assert "Chromium said: 'no\\tdisplay'" in caplog.text
    assert folders(tmp_path) == []


def test_the_reason_is_told_although_its_helpers_complain_after_it(
        stand_in: Stand, caplog: pytest.LogCaptureFixture) -> None:
    browser = stand_in('exec >&2; echo no display; '
                       'for one in 1 2 3 4 5 6 7 8; do '
                       'echo "zygote $one: broken pipe"; done; exit 1')
    with pytest.raises(BrowserFailed):
        browser.start()
    browser.close()
    assert 'no display' in caplog.text
    assert 'zygote 8' in caplog.text


def test_one_that_cannot_be_executed_is_told(
        stand_in: Stand, tmp_path: pathlib.Path,
        caplog: pytest.LogCaptureFixture) -> None:
    browser = stand_in('')
    (tmp_path / 'chromium').write_bytes(b'\x7fELF')
    with pytest.raises(BrowserFailed, match='cannot be started'):
        browser.start()
    browser.close()
    assert 'Exec format error' in caplog.text


def test_a_folder_that_cannot_be_written_is_told(
        stand_in: Stand, tmp_path: pathlib.Path,
        caplog: pytest.LogCaptureFixture) -> None:
    browser = stand_in('')
    folder, = folders(tmp_path)
    (folder / 'profile').write_text('in the way')
    with pytest.raises(BrowserFailed, match='cannot be started'):
        browser.start()
    browser.close()
    assert 'cannot be started: ' in caplog.text


def test_one_that_says_nothing_sensible_fails(stand_in: Stand) -> None:
    browser = stand_in('head -c 10 <&3 >/dev/null; printf "[]\\0" >&4; '
                       'exec sleep 600')
    with pytest.raises(BrowserFailed):
        browser.start()
    browser.close()


def test_one_that_does_not_end_is_killed(
        stand_in: Stand, tmp_path: pathlib.Path,
        monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
        ) -> None:
    monkeypatch.setattr(chromium, 'CLOSE_TIMEOUT', 0.1)
    browser = stand_in('echo $$ > pid; exec 4>&-; exec sleep 600')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BrowserFailed):
        browser.start()
    browser.close()
    assert 'is killed' in caplog.text
    assert not pathlib.Path(
        f'/proc/{(tmp_path / "pid").read_text().strip()}').exists()


def test_nothing_is_left_open(stand_in: Stand) -> None:
    stand_in('exit 1').close()
    before = count_descriptors()
    for script in ('exit 1', 'exec sleep 0.1'):
        browser = stand_in(script)
        with pytest.raises(BrowserFailed):
            browser.start()
        browser.close()
    stand_in('').close()
    assert count_descriptors() == before


def test_its_folder_is_private_and_has_its_preferences(
        stand_in: Stand, tmp_path: pathlib.Path) -> None:
    browser = stand_in('find "$HOME" -type f -printf "%P %m "; exit 1')
    folder, = folders(tmp_path)
    assert folder.stat().st_mode & 0o777 == 0o700
    with pytest.raises(BrowserFailed):
        browser.start()
    assert (folder / 'profile/Default/Preferences').is_file()
    browser.close()
    assert folders(tmp_path) == []


def test_the_folder_of_a_visit_is_not_too_long() -> None:
    """Or it would not go with the visit, however that ends."""
    folder = f'/tmp/{display._PREFIX}12345678/visit-12345'
    assert len(folder) <= chromium._MAX_PARENT_CHARS


def test_paths_too_long_for_its_socket_are_not_used(
        stand_in: Stand, tmp_path: pathlib.Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in('').close()
    deep = tmp_path / ('x' * 60)
    deep.mkdir()
    monkeypatch.setattr(tempfile, 'tempdir', str(deep))
    monkeypatch.setattr(chromium, '_MAX_PARENT_CHARS', 40)
    monkeypatch.setattr(chromium, '_SHORT_PARENT', str(tmp_path))
    browser = Chromium('http://127.0.0.1:1', '127.0.0.1', Trust(), (),
                       Screen())
    assert len(folders(tmp_path)) == 1
    browser.close()
    assert os.listdir(deep) == []
