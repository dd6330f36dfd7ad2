# SPDX-License-Identifier: Apache-2.0
"""What Xvnc is told and what it says; test_display_program.py runs it."""

import dataclasses
import os
import pathlib
import socket

import pytest

from ironic_console.common.errors import ConfigError
from ironic_console.common.secret import Secret
from ironic_console.drivers.displays import xvnc
from ironic_console.drivers.displays.xvnc import Seen, Xvnc
from tests.helpers.certificates import Authority
from tests.helpers.display_program import make_settings


@pytest.fixture
def settings():
    return make_settings(Authority())


def arguments(settings, tmp_path):
    return Xvnc(settings, str(tmp_path))._arguments(9, (3, 4, 5))


@pytest.mark.parametrize(('line', 'seen'), [
    (' VNCServerST: starting desktop', Seen.CAME),
    (' VNCServerST: Starting desktop', Seen.CAME),
    (' VNCSConnST:  Client pixel format depth 24 (32bpp) little-endian '
     'rgb888', Seen.LOOKS),
    (' VNCSConnST:  Client pixel format depth 8 (8bpp) rgb max 7,7,3 shift '
     '0,3,6', Seen.LOOKS),
    (' VNCServerST: stopping desktop', Seen.LEFT),
    (' VNCServerST: Stopping desktop', Seen.LEFT),
    (' VNCSConnST:  Server default pixel format depth 24 (32bpp)', None),
    (' VNCServerST: creating single-threaded server starting desktop', None),
    ('              VNCServerST: starting desktop', None),
    ('VNCServerST: stopping desktop', None),
    ('', None),
])
def test_understands_the_log(line, seen):
    assert xvnc.find_seen(line) is seen


def test_a_title_cannot_be_taken_for_a_line_of_the_log():
    title = xvnc.clean_title('a\n VNCServerST: stopping desktop')
    assert '\n' not in title
    assert len(xvnc.clean_title('x' * 1000)) <= 128


def test_the_screen_is_as_it_was_wanted(settings, tmp_path):
    told = arguments(settings, tmp_path)
    assert told[told.index('-geometry') + 1] == '640x480'
    assert '-interface=127.0.0.1' in told
    assert f'-desktop={settings.title}' in told


def test_listens_everywhere_if_no_address_is_given(settings, tmp_path):
    everywhere = dataclasses.replace(settings, vnc=dataclasses.replace(
        settings.vnc, host=''))
    assert not any('interface' in one
                   for one in arguments(everywhere, tmp_path))


def test_a_read_only_screen_takes_neither_keys_nor_pointers(tmp_path):
    settings = make_settings(Authority(), read_only=True)
    told = arguments(settings, tmp_path)
    assert {'-AcceptKeyEvents=0', '-AcceptPointerEvents=0'} <= set(told)


def test_otherwise_it_takes_them(settings, tmp_path):
    assert not any('Events' in one for one in arguments(settings, tmp_path))


def test_the_clipboard_stays_where_it_is(settings, tmp_path):
    assert {'-SendCutText=0', '-AcceptCutText=0', '-AllowOverride=',
            '-AcceptSetDesktopSize=0'} <= set(arguments(settings, tmp_path))


def test_no_secret_is_among_its_arguments(settings, tmp_path):
    told = ' '.join(arguments(settings, tmp_path))
    assert settings.vnc.password.reveal() not in told
    assert 'PRIVATE' not in told


def test_the_cookie_is_for_the_owner_alone(settings, tmp_path):
    server = Xvnc(settings, str(tmp_path))
    path = pathlib.Path(server.authority)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes() == (
        b'\xff\xff\0\0\0\0\0\x12MIT-MAGIC-COOKIE-1\0\x10' + server.cookie)


@pytest.mark.parametrize('password', [
    's\u00e9cret12', 'two\nline', 'a b c d '])
def test_refuses_passwords_that_would_become_others(settings, tmp_path,
                                                    password):
    bad = dataclasses.replace(settings, vnc=dataclasses.replace(
        settings.vnc, password=Secret(password)))
    with pytest.raises(ConfigError) as caught:
        Xvnc(bad, str(tmp_path)).start()
    assert password not in str(caught.value)


@pytest.mark.parametrize(('program', 'package'), [
    ('Xtigervnc', 'tigervnc-standalone-server'),
    ('tigervncpasswd', 'tigervnc-tools')])
def test_says_what_to_install(settings, tmp_path, monkeypatch, program,
                              package):
    for name in {'Xtigervnc', 'tigervncpasswd'} - {program}:
        path = tmp_path / name
        path.write_text('#!/bin/sh\n')
        path.chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(ConfigError, match=package):
        Xvnc(settings, str(tmp_path)).start()


@pytest.fixture
def listening(settings, tmp_path, monkeypatch):
    """An Xvnc whose socket this very process listens at."""
    folder = tmp_path / 'sockets'
    folder.mkdir(0o700)
    path = str(folder / 'X1')
    monkeypatch.setattr(Xvnc, 'socket', path)
    monkeypatch.setattr(Xvnc, 'pid', os.getpid())
    with socket.socket(socket.AF_UNIX) as ear:
        ear.bind(path)
        ear.listen()
        yield Xvnc(settings, str(tmp_path)), folder


@pytest.mark.parametrize('mode', [0o700, 0o755, 0o1777])
def test_its_own_socket_is_fine_where_nobody_can_replace_it(listening, mode):
    server, folder = listening
    folder.chmod(mode)
    server.check_socket()


@pytest.mark.parametrize('mode', [0o777, 0o720])
def test_no_screen_where_others_could_put_a_socket_of_theirs(listening, mode):
    server, folder = listening
    folder.chmod(mode)
    with pytest.raises(ConfigError, match='1777'):
        server.check_socket()


@pytest.mark.skipif(os.geteuid() != 0, reason='only root can give files away')
def test_no_screen_in_a_folder_of_somebody_else(listening):
    server, folder = listening
    os.chown(folder, 65534, 65534)
    with pytest.raises(ConfigError, match='1777'):
        server.check_socket()


def test_the_cookie_goes_to_no_other_program(listening, monkeypatch):
    server, _ = listening
    monkeypatch.setattr(Xvnc, 'pid', os.getpid() + 1)
    with pytest.raises(ConfigError, match='another program listens'):
        server.check_socket()


def test_a_socket_that_nobody_listens_at_is_told(listening):
    server, folder = listening
    (folder / 'X1').unlink()
    with pytest.raises(ConfigError, match='cannot be used'):
        server.check_socket()
