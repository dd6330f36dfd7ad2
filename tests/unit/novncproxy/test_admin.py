# SPDX-License-Identifier: Apache-2.0
"""The sockets of operators: who may ask, what is answered, and to what."""

import json
import os
import pathlib
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading

import pytest

from ironic_console.novncproxy import admin as admin_module
from ironic_console.novncproxy import close_reasons
from ironic_console.novncproxy.admin import (
    MAX_QUESTION_BYTES,
    AdminFolder,
    AdminServer,
    NoAnswer,
    socket_path,
)
from ironic_console.novncproxy.ledger import Ledger
from tests.helpers.proxy import (
    NODE,
    OTHER,
    SECRET,
    Holdings,
    RunningWorker,
    make_settings,
    node_record,
    ticket_for,
    wait_until,
)
from tests.simulators.rfb_server import RfbServer, echo_server

NOBODY = 65534


class FakeSessions:
    """Has none, and notes what it is to close."""

    def __init__(self):
        self.closed = []

    def all(self):
        return []

    def close(self, which, reason):
        self.closed.append((which, reason))
        return 1


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix='admin-'))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def sessions():
    return FakeSessions()


@pytest.fixture
def door(folder, sessions):
    server = AdminServer(folder, sessions)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def ask(folder, door):
    return lambda question: AdminFolder(folder).ask(os.getpid(), question)


def knock(folder):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(10)
    sock.connect(str(socket_path(folder, os.getpid())))
    return sock


def say(folder, data):
    """:returns: what is answered to raw bytes; '' for nothing."""
    with knock(folder) as sock:
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            return sock.makefile().readline()
        except ConnectionError:
            return ''


# -- who may ask --------------------------------------------------------------

def test_only_our_user_may_open_it_whatever_the_umask(folder, sessions):
    before = os.umask(0)
    try:
        server = AdminServer(folder, sessions)
    finally:
        os.umask(before)
    server.start()
    path = socket_path(folder, os.getpid())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(folder) == [path.name]
    server.stop()
    assert os.listdir(folder) == []


KNOCK = '''
import os, socket, sys
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[2]))
sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
try:
    sock.connect(sys.argv[1])
except PermissionError:
    sys.exit(13)
'''


def test_another_user_cannot_even_connect(folder, door):
    if os.geteuid():
        pytest.fail('this test has to be run by root')
    path = socket_path(folder, os.getpid())

    def connects_as(user):
        return subprocess.run([sys.executable, '-c', KNOCK, path, str(user)],
                              timeout=60, check=False).returncode

    assert connects_as(0) == 0
    assert connects_as(NOBODY) == 13
    # Nor if somebody opens the folder: the socket has a mode of its own.
    folder.chmod(0o755)
    assert connects_as(NOBODY) == 13


# -- what is answered ---------------------------------------------------------

def test_lists(ask):
    assert ask({'do': 'list'}) == {'worker': os.getpid(), 'sessions': []}


def test_closes_with_a_reason(ask, sessions):
    answer = ask({'do': 'close', 'which': NODE, 'reason': 'Repair.'})
    assert answer == {'worker': os.getpid(), 'closed': 1}
    which, reason = sessions.closed[0]
    assert which == NODE
    assert (reason.code, reason.text) == (1008, 'Repair.')


def test_workers_pass_on_that_somebody_takes_over(folder, door, sessions):
    AdminFolder(folder).close(os.getpid(), 'id', close_reasons.TAKEN_OVER)
    assert sessions.closed == [('id', close_reasons.TAKEN_OVER)]


def test_passes_nothing_on_to_a_worker_that_has_gone(folder, caplog):
    AdminFolder(folder).close(4000000, 'id', close_reasons.TAKEN_OVER)
    assert 'id: session could not be closed' in caplog.text


@pytest.mark.parametrize('question', [
    b'', b'\n', b'{', b'nonsense\n', b'[]\n', b'"list"\n', b'null\n', b'7\n',
    b'{}\n', b'{"do": "explode"}\n', b'{"do": ["list"]}\n', b'\xff\xfe\n',
    b'\x00' * 100 + b'\n', b'[' * 4000 + b'\n', b'{"do":"list"',
    b'x' * (MAX_QUESTION_BYTES + 1) + b'\n', b'x' * 1_000_000,
], ids=lambda question: repr(question[:12]))
def test_no_question_is_the_last_one(folder, ask, question):
    answer = say(folder, question)
    if question.endswith(b'\n') and len(question) <= MAX_QUESTION_BYTES:
        assert 'error' in json.loads(answer)
    assert ask({'do': 'list'})['sessions'] == []


def test_a_bug_in_one_answer_is_not_the_end(folder, ask, sessions, caplog):
    def fails():
        raise RuntimeError('a bug')

    sessions.all = fails
    with pytest.raises(NoAnswer):
        ask({'do': 'list'})
    assert 'a bug' in caplog.text
    assert ask({'do': 'close', 'which': 'x'})['closed'] == 1


def test_who_says_nothing_does_not_keep_others_waiting(
        folder, ask, monkeypatch):
    monkeypatch.setattr(admin_module, '_QUESTION_TIMEOUT', 0.3)
    stop = threading.Event()

    def dribble(sock):
        # One byte at a time resets no clock.
        while not stop.wait(0.05):
            try:
                sock.sendall(b' ')
            except OSError:
                return

    with knock(folder), knock(folder) as slow:
        thread = threading.Thread(target=dribble, args=(slow,))
        thread.start()
        try:
            answer = ask({'do': 'list'})
        finally:
            stop.set()
            thread.join()
    assert answer['sessions'] == []


def test_goes_on_after_descriptors_have_run_out(folder, sessions,
                                                monkeypatch):
    server = AdminServer(folder, sessions)
    failures = [1, 2]
    real = server._listener

    class Exhausted:
        def accept(self):
            if failures:
                failures.pop()
                raise OSError(24, 'Too many open files')
            return real.accept()

        def __getattr__(self, name):
            return getattr(real, name)

    monkeypatch.setattr(admin_module, '_PAUSE', 0.01)
    server._listener = Exhausted()
    server.start()
    try:
        assert AdminFolder(folder).ask(os.getpid(), {'do': 'list'})
        assert not failures
    finally:
        server.stop()


# -- whom to ask --------------------------------------------------------------

def test_finds_all_workers_and_nothing_else(folder, door):
    for name in ('worker-x.sock', 'gauge_livesum_7.db', 'worker-7.new'):
        (folder / name).touch()
    assert AdminFolder(folder).workers() == [os.getpid()]


def leave_a_door(folder, worker):
    """As a worker that was killed does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.bind(str(socket_path(folder, worker)))


def test_the_door_of_a_dead_worker_is_removed_and_the_others_answer(
        folder, door, caplog):
    leave_a_door(folder, 4000000)
    answers = list(AdminFolder(folder).ask_all({'do': 'list'}))
    assert [answer['worker'] for answer in answers] == [os.getpid()]
    assert 'worker 4000000 has died' in caplog.text
    assert AdminFolder(folder).workers() == [os.getpid()]


def test_a_new_service_removes_what_dead_ones_left(folder, door):
    leave_a_door(folder, 4000000)
    AdminFolder(folder).tidy()
    assert AdminFolder(folder).workers() == [os.getpid()]


def test_a_worker_that_hangs_is_left_out(folder, door, monkeypatch, caplog):
    monkeypatch.setattr(admin_module, '_TIMEOUT', 0.2)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as hung:
        hung.bind(str(socket_path(folder, 4000000)))
        hung.listen()
        answers = list(AdminFolder(folder).ask_all({'do': 'list'}))
    assert [answer['worker'] for answer in answers] == [os.getpid()]
    assert 'worker 4000000 does not answer' in caplog.text


@pytest.mark.parametrize('answer', [b'', b'x\n', b'[]\n', b'{'])
def test_an_answer_that_is_none_is_said_to_be_none(folder, answer):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as odd:
        odd.bind(str(socket_path(folder, 7)))
        odd.listen()

        def reply():
            sock, _ = odd.accept()
            with sock:
                sock.recv(4096)
                sock.sendall(answer)

        thread = threading.Thread(target=reply)
        thread.start()
        with pytest.raises(NoAnswer, match='worker 7'):
            AdminFolder(folder).ask(7, {'do': 'list'})
        thread.join()


def test_gives_everything_back(folder, sessions):
    def live():
        server = AdminServer(folder, sessions)
        server.start()
        AdminFolder(folder).ask(os.getpid(), {'do': 'list'})
        server.stop()

    live()
    before = Holdings.now()
    live()
    before.wait_for_return()


# -- a whole worker -----------------------------------------------------------

def test_describes_a_session_without_what_opens_it(tmp_path):
    with RfbServer(echo_server()) as endpoint:
        record = node_record(endpoint.port)
        with (RunningWorker(make_settings(tmp_path), record,
                            node_record(endpoint.port, uuid=OTHER),
                            ledger=Ledger(8)) as worker,
              worker.open(record, read_only=True) as browser):
            folder = AdminFolder(worker.shared.runtime_folder)
            browser.shake_hands()
            described = wait_until(lambda: [
                one for one in folder.ask(os.getpid(), {'do': 'list'})[
                    'sessions'] if one['state'] == 'open'], 'it is open')
            assert len(described) == 1
            one = described[0]
            assert one['node'] == NODE
            assert one['name'] == 'node-7'
            assert one['interface'] == 'fake-vnc'
            assert one['source'] == '127.0.0.1'
            assert one['mode'] == 'read-only'
            assert one['opened'].endswith('+00:00')
            text = json.dumps(described)
            assert SECRET not in text
            assert ticket_for(record)[:40] not in text
            assert folder.ask(os.getpid(), {
                'do': 'close', 'which': one['id'], 'reason': 'Bye.',
            })['closed'] == 1
            assert browser.wait_closed() == (1008, 'Bye.')
