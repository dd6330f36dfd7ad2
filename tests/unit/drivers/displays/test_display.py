# SPDX-License-Identifier: Apache-2.0
"""A display whose Xvnc does not do what it should; test_display_program.py
has a real one."""

import pytest

from ironic_console.drivers.displays import display as module
from tests.helpers.certificates import Authority
from tests.helpers.display_program import (
    DisplayProgram,
    is_alive,
    make_settings,
    wait_until,
    with_port,
)

_TAKEN = 'echo "(EE) failed to bind socket: Address already in use" >&2\n'
# It tells its number to the file that -displayfd names.
_NO_SOCKET = ('from ironic_console.drivers.displays.xvnc import Xvnc\n'
              'Xvnc.check_socket = lambda _: None')
_START = '''
while [ "$1" != -displayfd ]; do shift; done
echo 77 > "/proc/self/fd/$2"
exec sleep 1000
'''


@pytest.fixture
def settings():
    return make_settings(Authority())


@pytest.fixture
def xvnc(tmp_path, monkeypatch):
    """Say what stands in for Xvnc: a script for the shell, in which
    ``$tries`` counts."""
    folder = tmp_path / 'bin'
    folder.mkdir()

    def write(script):
        program = folder / 'Xtigervnc'
        program.write_text(
            f'#!/bin/sh\necho >> {folder}/tries\n'
            f'tries=$(wc -l < {folder}/tries)\n{script}')
        program.chmod(0o755)
        monkeypatch.setenv('PATH', f'{folder}:/usr/bin:/bin')
        return lambda: (folder / 'tries').read_text().count('\n')
    return write


def test_takes_another_port_when_somebody_was_quicker(
        xvnc, tmp_path, settings):
    tries = xvnc(f'[ $tries = 3 ] || {{ {_TAKEN} exit 1; }}\n{_START}')
    with DisplayProgram(tmp_path, settings, before=_NO_SOCKET) as display:
        assert display.port
    assert tries() == 3


def test_lets_nobody_in_when_the_screen_is_not_where_it_should_be(
        xvnc, tmp_path, settings):
    xvnc(_START)
    with DisplayProgram(tmp_path, settings) as display:
        assert '/tmp/.X11-unix/X77' in display.answer['error']
        assert display.wait() == 1


def test_does_not_look_for_ports_for_ever(xvnc, tmp_path, settings):
    tries = xvnc(f'{_TAKEN} exit 1')
    with DisplayProgram(tmp_path, settings) as display:
        assert 'already in use' in display.answer['error']
        assert display.wait() == 1
    assert tries() == module.MAX_PORTS


def test_a_port_that_was_wanted_is_not_exchanged(xvnc, tmp_path, settings):
    tries = xvnc(f'{_TAKEN} exit 1')
    with DisplayProgram(tmp_path, with_port(settings, 1)) as display:
        assert 'already in use' in display.answer['error']
    assert tries() == 1


def test_tells_the_last_words_of_an_xvnc_that_does_not_start(
        xvnc, tmp_path, settings):
    tries = xvnc('yes "a long story" | head -n 50000 >&2\n'
                 'echo "no space left" >&2\nexit 1')
    with DisplayProgram(tmp_path, settings) as display:
        assert 'no space left' in display.answer['error']
        assert len(display.answer['error']) < 500
    assert tries() == 1


def test_an_xvnc_that_does_not_listen_is_killed_at_the_end(
        xvnc, tmp_path, settings):
    xvnc('trap "" TERM\n' + _START.replace('exec sleep 1000',
                                           'while :; do sleep 1; done'))
    with DisplayProgram(tmp_path, settings, before=_NO_SOCKET) as display:
        pid = display.xvnc()
        display.end_input()
        assert display.wait() == 0
    wait_until(lambda: not is_alive(pid), 'Xvnc to be killed')


def test_does_not_wait_for_ever(xvnc, tmp_path, settings):
    xvnc('exec sleep 1000')
    with DisplayProgram(tmp_path, settings, before=(
            'from ironic_console.drivers.displays import display\n'
            'display.START_TIMEOUT = 0.5')) as display:
        assert 'said nothing for 0.5 s' in display.answer['error']
        assert display.wait() == 1


def test_can_be_ended_while_xvnc_starts(xvnc, tmp_path, settings):
    xvnc('exec sleep 1000')
    with DisplayProgram(tmp_path, settings, announced=False) as display:
        display.end_input()
        assert display.wait() == 0
        assert not list(display.own.iterdir())
