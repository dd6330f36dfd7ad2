# SPDX-License-Identifier: Apache-2.0
"""A display of an ordinary user, who runs manager and podman without root."""

import os
import pathlib
from collections.abc import Iterator
from typing import Self

import psutil
import pytest

from tests.displays.test_display_container import look_until, shows
from tests.helpers import podman as podman_helper
from tests.helpers.display_manager import (
    PATIENCE,
    Conductor,
    bmc_certificate,
    make_settings,
    viewer,
)
from tests.helpers.podman_rootless import UID, Account
from tests.helpers.proxy import wait_until
from tests.simulators.html5_bmc import Html5Bmc
from tools.lab import Program


class UsersManager(Conductor):
    """The manager as the user's program; a context manager."""

    uid = UID

    def __init__(self, account: Account, log: pathlib.Path, image: str,
                 options: list[str]) -> None:
        self._directory = account.runtime / 'displays'
        self._log = log
        self._command = account.command(
            *account.python(), '-m', 'ironic_console.drivers.displays.manager',
            '--directory', self._directory,
            '--state-directory', account.runtime / 'manager',
            '--image', image, '--network', podman_helper.NETWORK,
            '--podman', ' '.join(['podman', *options]))

    def __enter__(self) -> Self:
        self._program = Program(self._command, self._log, name='manager')
        self._program.wait_for(self._directory.is_dir, PATIENCE,
                               'the directory')
        self.open(self._directory)
        return self

    def __exit__(self, *_: object) -> None:
        self._program.stop()
        self.spool.close()
        print(self._log.read_text())


@pytest.fixture(scope='module')
def manager(tmp_path_factory: pytest.TempPathFactory,
            ) -> Iterator[UsersManager]:
    if os.geteuid():
        pytest.skip('NOT RUN: only root can become an ordinary user')
    image = podman_helper.get().image
    with Account() as account:
        account.take(image)
        options = account.runtime_options(image)
        log = tmp_path_factory.mktemp('rootless') / 'manager.log'
        with UsersManager(account, log, image, options) as running:
            yield running


def processes_of(uid: int) -> list[psutil.Process]:
    """:returns: all in containers, as the host sees them."""
    found = []
    for process in psutil.process_iter():
        try:
            if (uid in process.uids() and any(
                    word in ' '.join(process.cmdline())
                    for word in ('/settings/settings.json', 'Xtigervnc',
                                 'chromium'))):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def test_a_display_runs_without_root(manager: UsersManager) -> None:
    with Html5Bmc('ilo5', certificate=bmc_certificate()) as bmc:
        settings = make_settings(bmc)
        with viewer(settings, manager.begin(settings)) as one:
            look_until(one, shows(bmc.profile.colour))
            processes = processes_of(UID)
            assert any('chromium' in one.name() for one in processes)
            for process in processes:
                assert set(process.uids()) == {UID}
                assert not {'--no-sandbox'} & set(process.cmdline())
        manager.withdraw(settings.node)
        wait_until(lambda: not processes_of(UID), 'it ends', PATIENCE)
        assert not bmc.sessions
