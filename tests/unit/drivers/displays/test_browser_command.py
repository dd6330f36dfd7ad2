# SPDX-License-Identifier: Apache-2.0
"""Command lines of Chromium, and what they depend on."""

import os
import pathlib
import subprocess
from typing import Any

import pytest

from ironic_console.drivers.displays import browser_command
from ironic_console.drivers.displays.browser_command import (
    BrowserMissing,
    build,
    environment,
    find_no_sandbox_reason,
    find_program,
    machine_flags,
    site_flags,
)
from ironic_console.drivers.displays.failures import VisitFailed
from ironic_console.drivers.displays.settings import Screen


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, 'geteuid', lambda: 65534)


def allow(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    """:param status: of the probe for user namespaces."""
    def run(command: list[str], **_: Any,
            ) -> 'subprocess.CompletedProcess[bytes]':
        return subprocess.CompletedProcess(command, status)

    monkeypatch.setattr(subprocess, 'run', run)


def test_only_the_host_and_port_of_the_bmc_are_found() -> None:
    assert site_flags('http://bmc.example', '192.0.2.7') == [
        '--host-resolver-rules=MAP bmc.example:80 192.0.2.7:80, '
        'MAP * ~NOTFOUND']
    assert site_flags('https://192.0.2.7', '192.0.2.7')[0].startswith(
        '--host-resolver-rules=MAP 192.0.2.7:443 192.0.2.7:443, ')
    [flag] = site_flags('https://[2001:db8::7]:8443', '2001:db8::7')
    assert flag.startswith(
        '--host-resolver-rules=MAP [2001:db8::7]:8443 [2001:db8::7]:8443, ')


@pytest.mark.parametrize('host', [
    'bmc,EXCLUDE *', 'bmc MAP', 'b*c', '', 'b\u00e4r', 'a%2c'])
def test_a_host_that_would_change_the_rules_is_refused(host: str) -> None:
    with pytest.raises(VisitFailed, match='driver_info'):
        site_flags(f'https://{host}/', '192.0.2.7')


def test_nothing_listens_and_the_window_is_as_large_as_the_screen() -> None:
    command = build('https://bmc', '192.0.2.7', Screen(800, 600))
    assert '--remote-debugging-pipe' in command
    assert not any('debugging-port' in flag or 'debugging-address' in flag
                   for flag in command)
    assert '--window-size=800,600' in command


def test_a_missing_chromium_is_no_reason_to_try_again(
        monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
        ) -> None:
    monkeypatch.setattr(browser_command, '_PROGRAMS', ('/no/chromium',))
    with pytest.raises(BrowserMissing, match='package chromium') as caught:
        find_program()
    assert caught.value.retry is False
    assert 'apt-get install chromium' in caplog.text


def test_root_runs_without_a_sandbox_and_is_warned(
        monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
        ) -> None:
    monkeypatch.setattr(os, 'geteuid', lambda: 0)
    assert '--no-sandbox' in machine_flags()
    assert 'root' in caplog.text


@pytest.mark.usefixtures('nobody')
def test_the_sandbox_is_on_where_user_namespaces_are_allowed(
        monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
        ) -> None:
    allow(monkeypatch, 0)
    assert '--no-sandbox' not in machine_flags()
    assert caplog.text == ''


@pytest.mark.usefixtures('nobody')
def test_the_sandbox_is_on_where_it_has_a_helper_of_root(
        monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    allow(monkeypatch, 1)
    helper = tmp_path / 'chrome-sandbox'
    monkeypatch.setattr(browser_command, '_SUID_SANDBOX', helper)
    assert 'chromium-sandbox' in find_no_sandbox_reason()
    helper.touch(0o755)
    assert 'chromium-sandbox' in find_no_sandbox_reason()
    helper.chmod(0o4755)
    assert find_no_sandbox_reason() == ''
    # As in a container with no-new-privileges.
    read = pathlib.Path.read_text
    monkeypatch.setattr(pathlib.Path, 'read_text', lambda path: read(
        path).replace('NoNewPrivs:\t0', 'NoNewPrivs:\t1'))
    assert 'chromium-sandbox' in find_no_sandbox_reason()


@pytest.mark.usefixtures('nobody')
def test_a_probe_that_hangs_means_no_sandbox(
        monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    def run(*_: Any, **__: Any) -> None:
        raise subprocess.TimeoutExpired('unshare', 5)

    monkeypatch.setattr(subprocess, 'run', run)
    monkeypatch.setattr(browser_command, '_SUID_SANDBOX', tmp_path / 'none')
    assert find_no_sandbox_reason()


@pytest.mark.parametrize(('path', 'is_needed'), [
    ('/dev/shm', False), ('/nowhere', True)])
def test_files_take_the_place_of_shared_memory_that_is_missing(
        monkeypatch: pytest.MonkeyPatch, path: str, is_needed: bool) -> None:
    monkeypatch.setattr(browser_command, '_SHARED_MEMORY', path)
    monkeypatch.setattr(browser_command, '_MIN_SHARED_MEMORY', 1)
    assert ('--disable-dev-shm-usage' in machine_flags()) is is_needed


def test_too_little_shared_memory_is_not_used(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser_command, '_MIN_SHARED_MEMORY', 1 << 60)
    assert '--disable-dev-shm-usage' in machine_flags()


def test_chromium_gets_little_of_our_environment(
        monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    for name in ('DISPLAY', 'XAUTHORITY', 'http_proxy', 'OS_PASSWORD',
                 'DBUS_SESSION_BUS_ADDRESS', 'LD_PRELOAD'):
        monkeypatch.setenv(name, 'ours')
    env = environment(tmp_path)
    assert {name for name, value in env.items() if value == 'ours'} == {
        'DISPLAY', 'XAUTHORITY'}
    assert env['HOME'] == env['TMPDIR'] == str(tmp_path)
