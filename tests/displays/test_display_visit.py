# SPDX-License-Identifier: Apache-2.0
"""A visit for real: Chromium on an Xvnc shows the page of a simulated BMC.

What a viewer sees and types goes through VNC.
"""

import contextlib
import json
import os
import pathlib
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.helpers.certificates import Authority, OneKindOfTls
from tests.helpers.proxy import wait_until
from tests.helpers.viewer import Frame, Viewer, pack_key, pack_pointer
from tests.helpers.xvnc import Xvnc
from tests.simulators.html5_bmc import ADMIN, Html5Bmc
from tools.lab import ports

PATIENCE = 90.0
WIDTH, HEIGHT = 1280, 960
#: Place on the picture of all simulated BMCs, away from their menus.
MIDDLE = 400, 400
_APPS = {'ilo5': 'ilo', 'ilo6': 'ilo', 'supermicro': 'supermicro',
         'idrac9': 'idrac'}
#: Keysyms.
CONTROL, SHIFT, ALT, SUPER = 0xFFE3, 0xFFE1, 0xFFE9, 0xFFEB
ESCAPE, HOME, DELETE, MENU, TAB = 0xFF1B, 0xFF50, 0xFFFF, 0xFF67, 0xFF09
LEFT, BACK_KEY = 0xFF51, 0x1008FF26


def function_key(number: int) -> int:
    return 0xFFBD + number


class Visiting:
    """The program of a visit; a context manager.

    :param more: what it is told of the BMC.
    :ivar said: all that it said so far.
    """

    def __init__(self, folder: pathlib.Path, display: Xvnc, bmc: Html5Bmc,
                 **more: object) -> None:
        self._bmc = bmc
        self._more = more
        self._folder = folder
        # Chromium's paths have to be short, see chromium.py.
        self._home = pathlib.Path(tempfile.mkdtemp(prefix='visit-'))
        self._log = folder / 'visit.log'
        self._display = display
        self.said: list[dict[str, Any]] = []
        self._news: queue.Queue[dict[str, Any] | None] = queue.Queue()

    def __enter__(self) -> 'Visiting':
        with self._log.open('wb') as log:
            self.process = subprocess.Popen(
                [sys.executable, '-P', '-m',
                 'ironic_console.drivers.displays.visit'],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                start_new_session=True, bufsize=0,
                env={'PATH': os.environ['PATH'],
                     'DISPLAY': self._display.display,
                     'HOME': str(self._home), 'TMPDIR': str(self._home)})
        threading.Thread(target=self._listen, daemon=True).start()
        assert self.process.stdin
        self.process.stdin.write(json.dumps(self._document()).encode()
                                 + b'\n')
        return self

    def _document(self) -> dict[str, Any]:
        bmc = self._bmc
        return {
            'version': 1, 'node': '1be26c0b-03f2-4d2e-ae87-c02d7f33c123',
            'title': 'node-7', 'app': _APPS[bmc.profile.name],
            'bmc': {'url': bmc.url, 'username': bmc.username,
                    'password': bmc.password,
                    'ca': pathlib.Path(bmc.ca_file).read_text(),
                    'networks': '127.0.0.0/8', **self._more},
            'vnc': {'certificate': 'none', 'key': 'none',
                    'password': 'vnc-pass'},
            'screen': {'width': WIDTH, 'height': HEIGHT}}

    def _listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._news.put(json.loads(line))
        self._news.put(None)

    def __exit__(self, *_exc: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        assert self.process.stdin
        self.process.stdin.close()
        shutil.rmtree(self._home, ignore_errors=True)

    def hear(self, key: str) -> Any:
        """Wait until it says something.

        :returns: what it says with that key.
        """
        while True:
            message = self._news.get(timeout=PATIENCE)
            assert message is not None, (f'it ended without {key}', self.said,
                                         self.written())
            self.said.append(message)
            if key in message:
                return message[key]
            assert 'failed' not in message, (message, self.written())

    def leave(self) -> int:
        """:returns: its exit status."""
        assert self.process.stdin
        self.process.stdin.close()
        return self.process.wait(PATIENCE)

    def written(self) -> str:
        return self._log.read_text()

    def browser_processes(self, kind: str = '') -> list[int]:
        """:param kind: of process, as Chromium names them; '' for the first
        one.
        :returns: those that run."""
        found = []
        for pid, words in all_processes():
            mine = any(word.startswith(f'--user-data-dir={self._home}')
                       for word in words)
            kinds = [word.removeprefix('--type=') for word in words
                     if word.startswith('--type=')]
            if mine and kinds == ([kind] if kind else []):
                found.append(pid)
        return found

    def processes(self) -> list[int]:
        """:returns: all of its session that run."""
        return [pid for pid, _ in all_processes()
                if session_of(pid) == self.process.pid]

    def left_behind(self) -> list[str]:
        """:returns: names of files."""
        return [path.name for path in self._home.iterdir()]


def all_processes() -> Iterator[tuple[int, list[str]]]:
    """:returns: number and command line; not those that have ended."""
    for path in pathlib.Path('/proc').glob('[0-9]*'):
        with contextlib.suppress(OSError):
            words = (path / 'cmdline').read_text(errors='replace')
            # Chromium's children write theirs anew, with blanks.
            if words:
                yield int(path.name), words.replace(' --', '\0--').split('\0')


def session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


@pytest.fixture(scope='module')
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Xvnc]:
    with Xvnc(tmp_path_factory.mktemp('xvnc'), '-geometry',
              f'{WIDTH}x{HEIGHT}', '-SendCutText=0') as display:
        yield display


@pytest.fixture
def bmc() -> Iterator[Html5Bmc]:
    with Html5Bmc('ilo5') as bmc:
        yield bmc


@pytest.fixture
def visit(tmp_path: pathlib.Path, screen: Xvnc, bmc: Html5Bmc,
          ) -> Iterator[Visiting]:
    with Visiting(tmp_path, screen, bmc) as visit:
        yield visit


@pytest.fixture
def viewer(screen: Xvnc) -> Iterator[Viewer]:
    with Viewer(ports.LOOPBACK, screen.port) as viewer:
        yield viewer


def rgb(colour: int) -> tuple[int, int, int]:
    red, green, blue = colour.to_bytes(3, 'big')
    return red, green, blue


def shows(colour: int) -> Callable[[Frame], bool]:
    """:returns: whether a colour is on a screen; in columns, as whole
    screens take long."""
    return lambda frame: any(rgb(colour) in frame.colours(x, 0, 1, HEIGHT)
                             for x in range(0, WIDTH, 40))


def press(viewer: Viewer, *keys: int) -> None:
    """Press keys together, and let go of them."""
    for key in keys:
        viewer.send(pack_key(key))
    for key in reversed(keys):
        viewer.send(pack_key(key, down=False))


def click(viewer: Viewer, x: int, y: int, button: int = 1) -> None:
    mask = 1 << button - 1
    for buttons in (0, mask, 0):
        viewer.send(pack_pointer(x, y, buttons))


def type_and_wait(viewer: Viewer, bmc: Html5Bmc, text: str) -> None:
    viewer.send(pack_pointer(*MIDDLE))
    before = len(bmc.typed)
    viewer.type(text)
    bmc.wait_for(lambda: bmc.typed[before:] == text,
                 f'{text!r} to be typed')


# -- what it is for -----------------------------------------------------------

@pytest.mark.parametrize('vendor', _APPS)
def test_shows_the_console_and_logs_out_afterwards(
        vendor: str, tmp_path: pathlib.Path, screen: Xvnc, viewer: Viewer,
        ) -> None:
    with (Html5Bmc(vendor) as bmc,
          Visiting(tmp_path, screen, bmc) as visit):
        visit.hear('shown')
        # It says so when it is so, and not a moment before.
        assert shows(bmc.profile.colour)(viewer.look())
        assert (len(bmc.sessions), bmc.consoles) == (1, 1)
        type_and_wait(viewer, bmc, 'root')
        assert visit.leave() == 0
        assert bmc.sessions == []
        assert visit.left_behind() == []
        bmc.wait_for(lambda: not bmc.consoles, 'the page to be gone')
        wait_until(lambda: not visit.processes(), 'no process to be left')


def test_fills_the_screen_to_its_last_pixel(
        visit: Visiting, viewer: Viewer, screen: Xvnc) -> None:
    screen.paint(0xFF00FF)
    visit.hear('shown')
    frame = viewer.look()
    border = {frame.pixel(x, HEIGHT - 1) for x in range(WIDTH)} | {
        frame.pixel(WIDTH - 1, y) for y in range(HEIGHT)}
    assert rgb(0xFF00FF) not in border
    assert rgb(0) not in border


def test_says_what_it_does_meanwhile(visit: Visiting) -> None:
    visit.hear('shown')
    steps = [message['step'] for message in visit.said if 'step' in message]
    assert steps == ['Logging in to the BMC', 'Opening the console',
                     'Waiting for the picture']


def test_tells_no_secret_to_anybody(visit: Visiting, bmc: Html5Bmc) -> None:
    visit.hear('shown')
    seen = [visit.written(), json.dumps(visit.said)]
    for pid in visit.processes():
        for name in ('cmdline', 'environ'):
            with contextlib.suppress(OSError):
                seen.append(pathlib.Path(f'/proc/{pid}/{name}').read_text(
                    errors='replace'))
    assert len(seen) > 6
    visit.leave()
    seen.append(visit.written())
    for secret in {bmc.password, 'vnc-pass', *bmc.secrets}:
        assert not any(secret in text for text in seen)


# -- what a viewer may not do -------------------------------------------------

def test_keys_that_browsers_know_reach_the_console_and_do_nothing_else(
        visit: Visiting, viewer: Viewer, bmc: Html5Bmc) -> None:
    visit.hear('shown')
    viewer.send(pack_pointer(*MIDDLE))
    type_and_wait(viewer, bmc, 'a')
    requests = len(bmc.log)
    chords = [(CONTROL, ord(letter)) for letter in 'tnopsjuhdlfgkrw0'] + [
        (CONTROL, SHIFT, ord(letter)) for letter in 'IJNTWQOA'] + [
        (function_key(number),) for number in range(1, 13)] + [
        (SHIFT, ESCAPE), (CONTROL, SHIFT, DELETE), (ALT, HOME), (ALT, LEFT),
        (ALT, function_key(4)), (ALT, ord(' ')), (CONTROL, TAB), (BACK_KEY,),
        (MENU,), (SHIFT, function_key(10)), (SUPER,), (ESCAPE,)]
    for chord in chords:
        before = len(bmc.keys)
        press(viewer, *chord)
        # Each letter of a chord with Shift is one more key at most.
        bmc.wait_for(lambda before=before, chord=chord:
                     len(bmc.keys) - before >= 2 * len(chord),
                     f'{[hex(key) for key in chord]} to arrive')
    type_and_wait(viewer, bmc, 'still here')
    assert len(bmc.log) == requests
    viewer.look_until(shows(bmc.profile.colour))
    assert visit.leave() == 0


@pytest.mark.parametrize('button', [1, 2, 3, 8])
@pytest.mark.parametrize('key', [None, CONTROL, SHIFT])
def test_clicks_on_all_links_lead_nowhere(
        everywhere: Callable[[int, int | None], None], button: int,
        key: int | None) -> None:
    everywhere(button, key)


@pytest.fixture(scope='module')
def everywhere(tmp_path_factory: pytest.TempPathFactory, screen: Xvnc,
               ) -> Iterator[Callable[[int, int | None], None]]:
    """Clicks all over the menu of one visit, and looks whether it stays."""
    with (Html5Bmc('ilo5') as bmc, Visiting(
            tmp_path_factory.mktemp('visit'), screen, bmc) as visit,
          Viewer(ports.LOOPBACK, screen.port) as viewer):
        visit.hear('shown')
        requests = len(bmc.log)

        def click_everywhere(button: int, key: int | None) -> None:
            if key:
                viewer.send(pack_key(key))
            for x in range(20, 600, 30):
                click(viewer, x, 14, button)
            if key:
                viewer.send(pack_key(key, down=False))
            type_and_wait(viewer, bmc, 'still here')
            viewer.look_until(shows(bmc.profile.colour))
            assert not shows(ADMIN)(viewer.frame)
            # Chromium asks for that of pages that it has not got; we do.
            assert len(bmc.log) == requests, (bmc.log[requests:],
                                              visit.written())
            assert not bmc.strayed

        yield click_everywhere
        assert visit.leave() == 0


@pytest.mark.parametrize('link', [
    'settings-link', 'settings-window', 'support-link', 'support-window',
    'download-link'])
def test_scripts_of_the_page_lead_nowhere_either(
        visit: Visiting, viewer: Viewer, bmc: Html5Bmc, link: str) -> None:
    visit.hear('shown')
    requests = len(bmc.log)
    bmc.click(link)
    type_and_wait(viewer, bmc, 'still here')
    viewer.look_until(shows(bmc.profile.colour))
    assert [entry for entry in bmc.log[requests:]
            if 'favicon' not in entry.path] == []
    assert not bmc.strayed


# -- what may go wrong --------------------------------------------------------

def test_a_wrong_password_is_tried_once_and_starts_no_browser(
        tmp_path: pathlib.Path, screen: Xvnc) -> None:
    with Html5Bmc('ilo5') as bmc:
        bmc.password = 'wrong'
        with Visiting(tmp_path, screen, bmc) as visit:
            assert 'driver_info' in visit.hear('failed')
            assert visit.said[-1]['retry'] is False
            assert visit.process.wait(PATIENCE) == 1
        assert len(bmc.log) == 1


def test_a_killed_browser_is_told_and_its_session_ended(
        visit: Visiting, bmc: Html5Bmc) -> None:
    visit.hear('shown')
    os.kill(*visit.browser_processes(), signal.SIGKILL)
    assert 'browser' in visit.hear('failed')
    assert visit.said[-1]['retry'] is True
    assert visit.process.wait(PATIENCE) == 1
    assert bmc.sessions == []
    assert visit.left_behind() == []
    wait_until(lambda: not visit.processes(), 'no process to be left',
               PATIENCE)


def test_a_crashed_page_is_told_and_its_session_ended(
        visit: Visiting, bmc: Html5Bmc) -> None:
    visit.hear('shown')
    for pid in visit.browser_processes('renderer'):
        os.kill(pid, signal.SIGSEGV)
    assert 'crashed' in visit.hear('failed')
    assert visit.said[-1]['retry'] is True
    assert visit.process.wait(PATIENCE) == 1
    assert bmc.sessions == []


def test_a_browser_that_hangs_does_not_keep_it_from_logging_out_in_time(
        visit: Visiting, bmc: Html5Bmc) -> None:
    visit.hear('shown')
    for pid in visit.browser_processes():
        os.kill(pid, signal.SIGSTOP)
    assert visit.leave() == 0
    assert bmc.sessions == []
    wait_until(lambda: not visit.processes(), 'no process to be left',
               PATIENCE)


@pytest.mark.parametrize('step', range(3))
def test_can_be_ended_at_any_step(
        visit: Visiting, bmc: Html5Bmc, step: int) -> None:
    for _ in range(step + 1):
        visit.hear('step')
    assert visit.leave() == 0
    assert bmc.sessions == []
    assert visit.left_behind() == []


def test_a_signal_ends_it_as_the_end_of_input_does(
        visit: Visiting, bmc: Html5Bmc) -> None:
    visit.hear('shown')
    visit.process.terminate()
    assert visit.process.wait(PATIENCE) == 0
    assert bmc.sessions == []


def test_a_session_that_the_bmc_ends_is_told(
        visit: Visiting, bmc: Html5Bmc) -> None:
    visit.hear('shown')
    bmc.kick()
    assert 'iLO' in visit.hear('failed')
    assert visit.said[-1]['retry'] is True
    assert visit.process.wait(PATIENCE) == 1


def test_a_visit_that_is_killed_leaves_no_browser(visit: Visiting) -> None:
    visit.hear('shown')
    visit.process.kill()
    wait_until(lambda: not visit.browser_processes(),
               'the browser to end with it', PATIENCE)


def test_settings_that_cannot_be_used_are_told(
        tmp_path: pathlib.Path, screen: Xvnc, bmc: Html5Bmc,
        monkeypatch: pytest.MonkeyPatch) -> None:
    visit = Visiting(tmp_path, screen, bmc)
    monkeypatch.setattr(visit, '_document', lambda: {'version': 2})
    with visit:
        assert 'same version' in visit.hear('failed')
        assert visit.said[-1]['retry'] is False
        assert visit.process.wait(PATIENCE) == 1


@pytest.mark.parametrize('verify', [True, False])
@pytest.mark.parametrize(('version', 'cipher'), [
    ('1.3', ''), ('1.2', 'ECDHE-ECDSA-AES256-GCM-SHA384')])
def test_speaks_tls_as_the_node_says(
        tmp_path: pathlib.Path, screen: Xvnc, viewer: Viewer, version: str,
        cipher: str, verify: bool) -> None:
    own = Authority('BMC', ['127.0.0.1']).itself
    with (Html5Bmc('ilo5', certificate=OneKindOfTls.of(own, version, cipher),
                   ) as bmc,
          Visiting(tmp_path, screen, bmc, tls_minimum_version=version,
                   tls_ciphers=cipher, verify=verify) as visit):
        visit.hear('shown')
        viewer.look_until(shows(bmc.profile.colour))
        assert visit.leave() == 0
        assert bmc.sessions == []


def test_a_bmc_that_speaks_older_tls_than_the_node_says_is_told(
        tmp_path: pathlib.Path, screen: Xvnc) -> None:
    own = Authority('BMC', ['127.0.0.1']).itself
    with (Html5Bmc('ilo5', certificate=OneKindOfTls.of(own, '1.2')) as bmc,
          Visiting(tmp_path, screen, bmc, tls_minimum_version='1.3',
                   ) as visit):
        assert 'redfish_tls_minimum_version' in visit.hear('failed')
        assert bmc.sessions_begun == 0


def test_is_patient_with_a_slow_page(
        visit: Visiting, bmc: Html5Bmc, viewer: Viewer) -> None:
    bmc.knobs.slow = 2.0
    visit.hear('shown')
    viewer.look_until(shows(bmc.profile.colour))
