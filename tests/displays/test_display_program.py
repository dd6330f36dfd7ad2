# SPDX-License-Identifier: Apache-2.0
"""The program that waits for viewers, with a real Xvnc; its visits are
puppets."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from ironic_console.drivers.displays import reception
from ironic_console.drivers.displays.settings import DisplaySettings
from tests.helpers.certificates import Authority
from tests.helpers.display_program import (
    BMC_PASSWORD,
    NODE,
    TITLE,
    VNC_PASSWORD,
    DisplayProgram,
    is_alive,
    make_settings,
    shows,
    wait_until,
    with_port,
)
from tests.helpers.plain_viewer import VENCRYPT, PlainViewer
from tests.helpers.viewer import Frame

X509_VNC = 261
MAX_IDLE_KB = 40 * 1024
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
# An X program with one white window all over the screen. For each line of
# input it says whether somebody else has the keyboard to himself.
_WINDOW = '''
import ctypes, sys
x = ctypes.CDLL('libX11.so.6')
x.XOpenDisplay.restype = ctypes.c_void_p
display = ctypes.c_void_p(x.XOpenDisplay(None))
root = x.XDefaultRootWindow(display)
window = x.XCreateSimpleWindow(display, root, 0, 0, 4096, 4096, 0, 0xffffff,
                               0xffffff)
x.XMapRaised(display, window)
x.XSync(display, 0)
print('mapped', flush=True)
for _ in sys.stdin:
    result = x.XGrabKeyboard(display, root, 0, 1, 1, 0)
    x.XUngrabKeyboard(display, 0)
    x.XSync(display, 0)
    print(result, flush=True)
'''
_GRAB_SUCCESS, _ALREADY_GRABBED = b'0\n', b'1\n'


@pytest.fixture(scope='module')
def authority() -> Authority:
    return Authority()


@pytest.fixture
def settings(authority: Authority) -> DisplaySettings:
    return make_settings(authority)


@pytest.fixture
def display(tmp_path: pathlib.Path, settings: DisplaySettings,
            ) -> Iterator[DisplayProgram]:
    with DisplayProgram(tmp_path, settings) as running:
        yield running


def text(line: str, scale: int = 1) -> Callable[[Frame], bool]:
    return lambda frame: shows(frame, line, scale)


def only(colour: tuple[int, int, int]) -> Callable[[Frame], bool]:
    return lambda frame: frame.colours(
        0, 0, frame.width, frame.height) == {colour}


# -- who gets in --------------------------------------------------------------

def test_lets_viewers_in_through_tls_with_a_password_only(display):
    with PlainViewer(('127.0.0.1', display.port)) as viewer:
        viewer.greet()
        assert viewer.types == (VENCRYPT,)
        viewer.send(bytes([VENCRYPT]))
        assert viewer.unit(2) == b'\0\2'
        viewer.send(b'\0\2')
        assert viewer.read(2) == b'\0\1'
        assert int.from_bytes(viewer.read(4)) == X509_VNC


def test_checks_of_the_port_shut_nobody_out(display):
    for _ in range(12):
        socket.create_connection(('127.0.0.1', display.port)).close()
    with display.viewer():
        display.visit()


def test_listens_on_the_address_that_it_is_told_and_no_other(display):
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(('127.0.0.2', display.port))


def test_secrets_are_nowhere_but_in_memory(display, settings):
    with display.viewer():
        visit = display.visit()
        processes = [display.pid, *display.children(), visit.pid]
        seen = [pathlib.Path(f'/proc/{pid}/{name}').read_bytes()
                for pid in processes for name in ('cmdline', 'environ')]
        seen += [path.read_bytes() for path in display.own.rglob('*')
                 if path.is_file()]
        assert len(seen) > 2 * len(processes)
    seen.append(display.written().encode())
    key = settings.vnc.key.reveal().splitlines()[1]
    for secret in (VNC_PASSWORD, BMC_PASSWORD, key):
        assert not any(secret.encode() in one for one in seen)


def test_hides_its_memory_before_there_is_a_secret_in_it():
    """Its browser has the same user."""
    said = subprocess.run(
        [sys.executable, '-c',
         'from ironic_console.drivers.displays import own_process, __main__\n'
         'own_process.hide_memory = lambda: print("hidden", flush=True)\n'
         '__main__.main(["--settings", "/nowhere"])'],
        check=True, capture_output=True, text=True, timeout=60,
        ).stdout.splitlines()
    assert said[0] == 'hidden'
    assert 'cannot be read' in said[1]


def test_others_of_this_machine_cannot_read_its_folder(display):
    folder, = display.own.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_crowd_that_only_connects_does_not_bring_it_down(display):
    with contextlib.ExitStack() as crowd:
        # Xvnc with more than 1023 files crashed. Beyond its bound nobody is
        # taken any more.
        with contextlib.suppress(TimeoutError):
            for _ in range(1100):
                crowd.enter_context(socket.create_connection(
                    ('127.0.0.1', display.port), 5))
        assert is_alive(display.xvnc())
    with display.viewer():
        display.visit()
    assert 'Xvnc died' not in display.written()


# -- visits -------------------------------------------------------------------

def test_a_visit_is_told_where_to_show_what(display, settings):
    with display.viewer():
        visit = display.visit()
        home = pathlib.Path(visit.environment['HOME'])
        assert home.stat().st_mode & 0o777 == 0o700
        subprocess.run(['xdpyinfo'], env=visit.environment, check=True,
                       stdout=subprocess.DEVNULL)
    assert visit.document == settings.to_document()
    assert visit.environment['TMPDIR'] == str(home)
    assert visit.is_asked_to_leave()
    wait_until(lambda: not home.exists(), 'the home to be removed')


def test_nobody_gets_at_the_screen_without_the_cookie(display):
    with display.viewer():
        environment = display.visit().environment
        environment['XAUTHORITY'] = '/nowhere'
        done = subprocess.run(['xdpyinfo'], env=environment, check=False,
                              capture_output=True)
    assert done.returncode
    assert b'unable to open display' in done.stderr


def test_who_only_looks_whether_it_is_up_starts_no_visit(
        tmp_path, settings):
    with DisplayProgram(tmp_path, settings, before=(
            'from ironic_console.drivers.displays import display, reception\n'
            'reception.QUIET_VIEWER = 1e6\n'
            'display.LOG.setLevel("DEBUG")')) as display:
        with display.viewer(wants_pictures=False):
            pass
        display.wait_for_log('DEBUG the last viewer has gone')
        assert 'visit' not in display.written()


def test_a_viewer_does_not_wait_until_it_is_sure_not_to_be_a_check(
        tmp_path, settings):
    with DisplayProgram(tmp_path, settings, before=(
            'from ironic_console.drivers.displays import reception\n'
            'reception.QUIET_VIEWER = 1e6')) as display, display.viewer():
        display.visit()


def test_a_viewer_that_asks_for_nothing_special_is_one_too(display):
    with display.viewer(wants_pictures=False):
        display.visit()


def test_a_visit_outlives_a_page_that_is_loaded_again(
        tmp_path, authority):
    settings = make_settings(authority, linger=500.0)
    with DisplayProgram(tmp_path, settings) as display:
        with display.viewer():
            visit = display.visit()
            visit.say(shown=True)
            display.wait_for_log('there is a picture')
        display.wait_for_log('the last viewer has gone')
        with display.viewer() as viewer:
            viewer.look_until(only(BLACK))
        assert is_alive(visit.pid)
        assert display.written().count('begins') == 1


def test_a_visit_ends_when_the_last_viewer_has_gone(display):
    with display.viewer(), display.viewer():
        visit = display.visit()
    assert visit.is_asked_to_leave()
    wait_until(visit.is_gone, 'the visit to end')
    with display.viewer():
        display.visit()


def test_who_comes_while_a_visit_leaves_gets_one_of_his_own(
        tmp_path, settings):
    with DisplayProgram(tmp_path, settings, before=(
            'from ironic_console.drivers.displays import visit_process\n'
            'visit_process.LEAVE_TIMEOUT = 600.0')) as display:
        with display.viewer():
            visit = display.visit()
            visit.order('stay')
            assert visit.hear() == 'stays'
        assert visit.is_asked_to_leave()
        with display.viewer() as viewer:
            viewer.look_until(text(reception.LEAVING))
            visit.order('exit 0')
            assert display.visit().pid != visit.pid


def test_a_visit_that_does_not_leave_is_killed(tmp_path, settings):
    with DisplayProgram(tmp_path, settings, before=(
            'from ironic_console.drivers.displays import visit_process\n'
            'visit_process.LEAVE_TIMEOUT = 0.2')) as display:
        with display.viewer():
            visit = display.visit()
            visit.order('stay')
            assert visit.hear() == 'stays'
        assert visit.is_asked_to_leave()
        wait_until(visit.is_gone, 'all of the visit to be gone')
        with display.viewer():
            display.visit()


def test_the_first_process_of_a_container_leaves_no_zombies(
        tmp_path, settings):
    # 36 is PR_SET_CHILD_SUBREAPER of prctl(2).
    with DisplayProgram(tmp_path, settings, before=(
            'import ctypes\nctypes.CDLL(None).prctl(36, 1)')) as display:
        idle = display.children()
        with display.viewer():
            os.kill(display.visit().pid, signal.SIGKILL)
            display.visit()
        wait_until(lambda: display.children() == idle, 'all to be buried')


# -- what viewers see ---------------------------------------------------------

def test_viewers_read_what_happens_until_there_is_a_picture(display):
    with display.viewer() as viewer:
        viewer.look_until(text(TITLE, 2))
        visit = display.visit()
        visit.say(step='Logging in')
        viewer.look_until(text('Logging in'))
        visit.say(shown=True)
        viewer.look_until(only(BLACK))
        visit.say(hidden=True, text='The picture has gone')
        viewer.look_until(text('The picture has gone'))


def test_viewers_see_that_something_goes_on(display):
    with display.viewer() as viewer:
        signs = {'.  ', '.. ', '...'}
        viewer.look_until(lambda frame: not signs.difference_update(
            {sign for sign in signs if shows(frame, sign)}) and not signs)


def test_nothing_that_opens_during_the_login_is_seen_or_typed_into(display):
    with display.viewer() as viewer:
        visit = display.visit()
        with subprocess.Popen(
                [sys.executable, '-c', _WINDOW], env=visit.environment,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE) as window:
            assert window.stdout.readline() == b'mapped\n'

            def has_keyboard() -> bool:
                window.stdin.write(b'\n')
                window.stdin.flush()
                return window.stdout.readline() == _ALREADY_GRABBED
            wait_until(has_keyboard, 'the notice to take the keyboard')
            viewer.look_until(text(TITLE, 2))
            frame = viewer.look()
            assert WHITE not in frame.colours(0, 0, *viewer.whole[2:])
            visit.say(shown=True)
            viewer.look_until(only(WHITE))
            assert not has_keyboard()
            window.kill()


def test_a_visit_that_fails_is_repeated_once(display):
    with display.viewer() as viewer:
        first = display.visit()
        first.say(failed='the BMC is away', retry=True)
        first.order('exit 1')
        second = display.visit()
        viewer.look_until(text('This is another try. the BMC is away'))
        second.say(failed='it is broken', retry=True)
        second.order('exit 1')
        viewer.look_until(text('it is broken'))
        viewer.look_until(text('To try again, close this console'))
    display.wait_for_log('the last viewer has gone')
    assert display.written().count('begins') == 2
    with display.viewer():
        display.visit()


def test_a_visit_that_would_do_harm_again_is_not_repeated(display):
    with display.viewer() as viewer:
        visit = display.visit()
        visit.say(failed='wrong password', retry=False)
        visit.order('exit 1')
        viewer.look_until(text('wrong password'))
        wait_until(visit.is_gone, 'all of the visit to be gone')
    assert display.written().count('begins') == 1


def test_a_visit_that_dies_twice_is_not_started_a_third_time(display):
    with display.viewer() as viewer:
        for _ in range(2):
            visit = display.visit()
            os.kill(visit.pid, signal.SIGKILL)
            wait_until(visit.is_gone, 'all of the visit to be gone')
        viewer.look_until(text('ended unexpectedly'))
    assert display.written().count('begins') == 2


def test_nonsense_from_a_visit_harms_nobody(display):
    with display.viewer() as viewer:
        visit = display.visit()
        for nonsense in ('[' * 3000, '"x"', '{"step": 1}', 'x' * 20_000,
                         '{"shown": false}', '\x00\x1b[2J'):
            visit.order(f'say {nonsense}')
        visit.say(step='after all that')
        viewer.look_until(text('after all that'))
    assert '\x1b' not in display.written()


# -- beginning and end --------------------------------------------------------

def test_an_idle_display_is_small(tmp_path, authority):
    settings = make_settings(authority, width=1280, height=960)
    with DisplayProgram(tmp_path, settings) as display:
        xvnc, = display.children()
        kilobytes = sum(
            int(line.split()[1]) for pid in (display.pid, xvnc)
            for line in pathlib.Path(f'/proc/{pid}/smaps_rollup',
                                     ).read_text().splitlines()
            if line.startswith('Pss:'))
    assert kilobytes < MAX_IDLE_KB


def end_by_signal(display: DisplayProgram) -> None:
    display.process.send_signal(signal.SIGTERM)


def end_by_input(display: DisplayProgram) -> None:
    display.end_input()


@pytest.mark.parametrize('end', [end_by_signal, end_by_input])
def test_it_ends_after_its_visit_and_leaves_nothing(display, end):
    xvnc = display.xvnc()
    with display.viewer():
        visit = display.visit()
        end(display)
        assert visit.is_asked_to_leave()
        assert display.wait() == 0
    assert not is_alive(xvnc)
    assert visit.is_gone()
    assert not list(display.own.iterdir())


def test_who_is_in_a_hurry_tells_it_twice(display):
    with display.viewer():
        visit = display.visit()
        visit.order('stay')
        assert visit.hear() == 'stays'
        end_by_signal(display)
        assert visit.is_asked_to_leave()
        end_by_signal(display)
        assert display.wait() == 0
    assert visit.is_gone()


def test_nothing_outlives_a_display_that_is_killed(display):
    xvnc = display.xvnc()
    with display.viewer():
        visit = display.visit()
        display.process.kill()
        wait_until(lambda: not is_alive(xvnc), 'Xvnc to end')
        assert visit.is_asked_to_leave()
        wait_until(visit.is_gone, 'the visit to end')


def test_it_ends_when_xvnc_dies_and_says_so(display):
    with display.viewer():
        visit = display.visit()
        os.kill(display.xvnc(), signal.SIGKILL)
        assert visit.is_asked_to_leave()
        assert display.wait() == 1
    assert 'Xvnc died' in display.written()
    assert visit.is_gone()


def test_says_which_port_is_taken(tmp_path, settings):
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        with DisplayProgram(tmp_path, with_port(settings, port)) as display:
            assert 'already in use' in display.answer['error']
            assert display.wait() == 1


def test_takes_settings_from_a_file_and_removes_it(tmp_path, settings):
    path = tmp_path / 'settings.json'
    path.touch(0o600)
    path.write_text(json.dumps(settings.to_document()))
    with DisplayProgram(tmp_path, settings, '--settings', str(path),
                        ) as display:
        assert not path.exists()
        # Nobody holds its input then.
        display.end_input()
        with display.viewer():
            display.visit()
        end_by_signal(display)
        assert display.wait() == 0


@pytest.mark.parametrize('trick', ['readable', 'link', 'fifo', 'missing'])
def test_takes_settings_from_no_file_that_others_may_know(
        tmp_path, settings, trick):
    path, document = tmp_path / 'settings', json.dumps(settings.to_document())
    if trick == 'readable':
        path.write_text(document)
        path.chmod(0o640)
    elif trick == 'link':
        target = tmp_path / 'target'
        target.touch(0o600)
        target.write_text(document)
        path.symlink_to(target)
    elif trick == 'fifo':
        os.mkfifo(path, 0o600)
    with DisplayProgram(tmp_path, settings, '--settings', str(path),
                        ) as display:
        assert str(path) in display.answer['error']
        assert display.wait() == 1


def test_says_what_to_install_when_there_is_no_xvnc(tmp_path, settings,
                                                    monkeypatch):
    monkeypatch.setenv('PATH', str(tmp_path))
    with DisplayProgram(tmp_path, settings) as display:
        assert 'tigervnc-standalone-server' in display.answer['error']
        assert display.wait() == 1


def test_every_line_of_its_log_is_about_its_node(display):
    with display.viewer():
        visit = display.visit()
        visit.say(step='one\ntwo')
        display.wait_for_log('one')
    assert all(line.startswith(NODE)
               for line in display.written().splitlines())
