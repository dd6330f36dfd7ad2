# SPDX-License-Identifier: Apache-2.0
"""What all simulated BMCs have whose console is a page; as a program too."""

import base64
import contextlib
import http.client
import json
import pathlib
import signal
import ssl
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest

from tests.helpers.certificates import Authority
from tests.helpers.html5_client import Html5Client
from tests.helpers.redfish_client import PATIENCE
from tests.simulators.html5_bmc import PROFILES, Html5Bmc, Knobs
from tests.simulators.html5_bmc.supermicro import IKVM
from tools.lab.process import Program


@pytest.mark.parametrize('profile', PROFILES)
def test_the_certificate_is_self_signed_and_the_address_is_in_it(profile):
    with Html5Bmc(profile) as bmc:
        assert Html5Client(bmc).get('/redfish/v1').status == 200


def test_another_certificate_may_be_presented():
    authority = Authority()
    with Html5Bmc(certificate=authority.issue()) as bmc:
        client = Html5Client(bmc)
        with pytest.raises(OSError, match='CERTIFICATE_VERIFY_FAILED'):
            client.get('/')


def test_secrets_are_known_and_not_in_the_log(idrac):
    client = Html5Client(idrac)
    ticket = client.kvm_session().json
    client.get('/restgui/vconsole/index.html?' + urllib.parse.urlencode(
        {'VCSID': ticket['TempUsername'], 'VCSID2': ticket['TempPassword']}),
        Accept_Encoding='gzip')
    assert idrac.secrets >= {idrac.password, *ticket.values()}
    assert len(idrac.log) == 2
    assert not [secret for secret in idrac.secrets
                if secret in str((idrac.log, idrac.sessions))]


def test_slow_pages_are_slow_and_do_not_delay_the_end():
    ended = threading.Event()
    with Html5Bmc('ilo5', Knobs(slow=3600.0)) as bmc:
        client = Html5Client(bmc)
        assert client.ilo_login().status == 200

        def look() -> None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                client.get('/irc.html')
            ended.set()
        threading.Thread(target=look, daemon=True).start()
        bmc.wait_for(lambda: bmc.log[-1].path == '/irc.html', 'a request')
        assert not ended.is_set()
    assert ended.wait(PATIENCE)


@pytest.fixture
def program(tmp_path: pathlib.Path) -> Iterator[Program]:
    with Program([sys.executable, '-m', 'tests.simulators.html5_bmc',
                  '--profile', 'supermicro', '--knob', 'ikvm_node=java'],
                 tmp_path / 'bmc.log') as started:
        yield started


def test_it_runs_as_a_program_until_it_is_interrupted(program):
    program.wait_for(lambda: '\n' in program.written(), PATIENCE,
                     'a line of JSON')
    told = json.loads(program.written())
    both = base64.b64encode(f"{told['username']}:{told['password']}".encode())
    request = urllib.request.Request(told['url'] + IKVM, headers={
        'Authorization': f'Basic {both.decode()}'})
    with urllib.request.urlopen(
            request, timeout=PATIENCE,
            context=ssl.create_default_context(cafile=told['ca_file'])
            ) as answer:
        assert json.load(answer)['Current interface'] == 'JAVA plug-in'
    program.signal(signal.SIGINT)
    assert program.wait(PATIENCE) == 0


def test_a_knob_that_is_none_is_named(tmp_path):
    with Program([sys.executable, '-m', 'tests.simulators.html5_bmc',
                  '--knob', 'speed=1'], tmp_path / 'bmc.log') as started:
        assert started.wait(PATIENCE) == 1
        assert "'speed'" in started.written()
