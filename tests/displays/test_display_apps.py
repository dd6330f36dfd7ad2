# SPDX-License-Identifier: Apache-2.0
"""The vendors' consoles, opened in a real Chromium, and whatever may be in the
way.

What is in the way is told in words of the vendor's own, wherever it is met:

============== =============== ======================= ======================
failure        iLO             Supermicro              iDRAC
============== =============== ======================= ======================
wrong password login           Redfish; web login      GetKVMSession
locked account login           web login               as a wrong password
session limit  login; form     one-time page, in a     GetKVMSession; console
                               dialog; web login
expired token  console page    one-time page; web page ticket, in the console
no licence     console page    Redfish; console page   GetKVMSession
another user   console         console                 console; also who left
                                                       without a goodbye
certificate    login           Redfish                 GetKVMSession
changed page   form; console   console                 address of the console
============== =============== ======================= ======================
"""

import contextlib
import dataclasses
import functools
import logging
import time
from collections.abc import Callable, Iterator

import pytest

from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.secret import Secret
from ironic_console.drivers.displays.apps import polling, supermicro
from ironic_console.drivers.displays.apps.base import App
from ironic_console.drivers.displays.apps.idrac import IdracApp
from ironic_console.drivers.displays.apps.ilo import IloApp
from ironic_console.drivers.displays.apps.supermicro import SupermicroApp
from ironic_console.drivers.displays.bmc_web import BmcWeb
from ironic_console.drivers.displays.chromium import Chromium
from ironic_console.drivers.displays.failures import (
    BmcAway,
    BmcUntrusted,
    ConsoleInUse,
    ConsoleLost,
    LoginRefused,
    NoSession,
    NotLicensed,
    NotOffered,
    PageChanged,
    PageMoving,
    VisitFailed,
)
from ironic_console.drivers.displays.settings import Bmc, Screen
from tests.helpers.certificates import Authority
from tests.helpers.xvnc import Xvnc
from tests.simulators.html5_bmc import Html5Bmc, Knobs

PATIENCE = 60.0
APPS: dict[str, type[App]] = {
    'ilo5': IloApp, 'ilo6': IloApp, 'supermicro': SupermicroApp,
    'idrac9': IdracApp}
#: What viewers know them as.
NAMES = {'ilo5': 'iLO', 'ilo6': 'iLO', 'supermicro': 'Supermicro BMC',
         'idrac9': 'iDRAC'}
IKVM = '/redfish/v1/Managers/1/Oem/Supermicro/IKVM'


class Bench:
    """A simulated BMC, a browser that may look at nothing else, and what
    knows the way.

    :ivar app: has to log in yet.
    """

    def __init__(self, bmc: Html5Bmc, kind: type[App]) -> None:
        self.bmc = bmc
        self._kind = kind
        # The browser begins before anybody logs in.
        web = self._web()
        with contextlib.suppress(VisitFailed):
            web.request('GET', '/redfish/v1/')
        self._browser = Chromium(bmc.url, web.address, web.trust,
                                 kind.documents, Screen())
        self._browser.start()
        self.page = self._browser.page
        self.reset()

    def _web(self) -> BmcWeb:
        return BmcWeb(self._settings(self.bmc.password),
                      Deadline(Clock(), PATIENCE, 'log_in'))

    def _settings(self, password: str) -> Bmc:
        return Bmc(self.bmc.url, self.bmc.username, Secret(password),
                   ca=self.bmc.certificate.cert.decode(),
                   networks='127.0.0.0/8')

    def reset(self, password: str = '') -> None:
        self.page.navigate('about:blank')
        self.bmc.kick()
        for field in dataclasses.fields(Knobs):
            setattr(self.bmc.knobs, field.name, field.default)
        self.bmc.log.clear()
        settings = self._settings(password or self.bmc.password)
        self.app = self._kind(settings, BmcWeb(
            settings, Deadline(Clock(), PATIENCE, 'log_in')))

    def close(self) -> None:
        self._browser.close()

    def show(self) -> None:
        """As a visit does: until there is a picture.

        :raises VisitFailed: there is none.
        """
        self.app.log_in()
        self.open()

    def open(self) -> None:
        """The same, with a login that is there."""
        self.app.open(self.page)
        self.look_until(lambda: self.page.evaluate(self.app.painted))
        self.page.ignore_dialogs()

    def look_until(self, condition: Callable[[], object]) -> None:
        """:raises VisitFailed: something is wrong with the console."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(PageMoving):
                fault = self.app.find_fault(self.page)
                if fault:
                    raise fault
                if condition():
                    return
            time.sleep(0.1)
        raise AssertionError(f'waited for {PATIENCE:g} s at {self.page.url}')

    def end(self) -> None:
        self.app.leave(self.page)
        self.app.log_out()

    def asked(self, method: str, path: str) -> list[int]:
        """:returns: statuses of such requests."""
        return [entry.status for entry in self.bmc.log
                if (entry.method, entry.path.partition('?')[0])
                == (method, path)]


@pytest.fixture(scope='module')
def screen(xvnc: Xvnc) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('DISPLAY', xvnc.display)
        yield


@pytest.fixture(scope='module', params=APPS)
def each(request: pytest.FixtureRequest, screen: None) -> Iterator[Bench]:
    with Html5Bmc(request.param) as bmc, contextlib.closing(
            Bench(bmc, APPS[request.param])) as bench:
        yield bench


@pytest.fixture
def bench(each: Bench) -> Bench:
    each.reset()
    return each


def of(*names: str) -> pytest.MarkDecorator:
    """Only for these BMCs."""
    return pytest.mark.parametrize('each', names, indirect=True,
                                   scope='module')


# -- all goes well ------------------------------------------------------------

def test_its_picture_is_shown_and_its_session_ends(bench: Bench) -> None:
    bench.show()
    assert bench.bmc.consoles == 1
    assert len(bench.bmc.sessions) == 1
    bench.bmc.wait_for(lambda: bench.app.find_fault(bench.page) is None,
                       'a page without faults')
    bench.end()
    bench.bmc.wait_for(lambda: not bench.bmc.sessions, 'a logout')
    bench.bmc.wait_for(lambda: not bench.bmc.consoles, 'the console to end')


def test_another_visit_finds_everything_free(bench: Bench) -> None:
    bench.bmc.knobs.session_limit = 1
    for _ in range(2):
        bench.show()
        bench.end()
        bench.bmc.wait_for(lambda: not bench.bmc.sessions, 'a logout')


def test_nothing_secret_is_logged(bench: Bench,
                                  caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bench.show()
    bench.end()
    said = '\n'.join(record.getMessage() for record in caplog.records
                     if record.name.startswith('ironic_console'))
    assert said
    for secret in bench.bmc.secrets:
        assert secret not in said


@of('ilo5', 'idrac9', 'supermicro')
def test_the_browser_gets_to_know_no_password(bench: Bench) -> None:
    bench.show()
    logins = (bench.asked('POST', '/json/login_session')
              + bench.asked('POST', '/cgi/login.cgi'))
    assert len(logins) <= 1
    bench.end()


@of('ilo6')
def test_a_form_in_the_console_page_costs_no_second_session(
        bench: Bench) -> None:
    bench.bmc.knobs.session_limit = 1
    bench.show()
    assert bench.asked('POST', '/json/login_session') == [200, 200, 200]
    bench.end()
    assert not bench.bmc.sessions


@of('supermicro')
@pytest.mark.parametrize('node', ['missing', 'unlicensed'])
def test_firmware_without_redfish_is_logged_in_to_as_a_web_page(
        bench: Bench, node: str) -> None:
    bench.bmc.knobs.ikvm_node = node  # type: ignore[assignment]
    bench.show()
    assert bench.asked('POST', '/cgi/login.cgi') == [200]
    assert bench.page.evaluate('() => document.referrer').endswith(
        '/cgi/url_redirect.cgi?url_name=mainmenu')
    bench.end()
    bench.bmc.wait_for(lambda: not bench.bmc.sessions, 'a logout')


@of('idrac9')
@pytest.mark.parametrize('knob', ['old_paths', 'accepted'])
def test_other_firmware_gives_tickets_too(bench: Bench, knob: str) -> None:
    setattr(bench.bmc.knobs, knob, True)
    bench.show()
    bench.end()


# -- something is in the way --------------------------------------------------

def test_a_wrong_password_is_tried_once(bench: Bench) -> None:
    bench.reset(password='wrong')
    with pytest.raises(LoginRefused, match='password') as caught:
        bench.show()
    assert NAMES[bench.bmc.profile.name] in caught.value.text
    assert not caught.value.retry
    tries = [entry for entry in bench.bmc.log if 'GetKVM' in entry.path
             or 'login' in entry.path or entry.path == IKVM]
    assert len(tries) == 1


def test_a_locked_account_is_told_from_a_wrong_password() -> None:
    with Html5Bmc('ilo5') as bmc:
        def log_in(password: str) -> None:
            settings = Bmc(bmc.url, bmc.username, Secret(password),
                           verify=False, networks='127.0.0.0/8')
            IloApp(settings, BmcWeb(settings, Deadline(
                Clock(), PATIENCE, 'log_in'))).log_in()

        for _ in range(3):
            with pytest.raises(LoginRefused, match='Correct them'):
                log_in('wrong')
        with pytest.raises(LoginRefused, match='wait a few minutes'):
            log_in(bmc.password)


@pytest.mark.parametrize(('knob', 'value', 'failure'), [
    ('login_fails_once', True, BmcAway),
    ('session_limit', 0, NoSession),
    ('no_licence', True, NotLicensed),
    ('in_use', True, ConsoleInUse),
    ('expired_token', True, ConsoleLost)])
def test_what_is_in_the_way_is_named(
        bench: Bench, knob: str, value: object,
        failure: type[VisitFailed]) -> None:
    setattr(bench.bmc.knobs, knob, value)
    with pytest.raises(VisitFailed) as caught:
        bench.show()
    assert type(caught.value) is failure, caught.value.text
    assert NAMES[bench.bmc.profile.name] in caught.value.text
    for word in ('operator', '192.0.2.44', bench.bmc.password,
                 bench.bmc.username + ' '):
        assert word not in caught.value.text.replace('your operator', '')
    bench.end()
    bench.bmc.wait_for(lambda: not bench.bmc.sessions, 'a logout')
    # Whoever has the console keeps it.
    assert bench.bmc.knobs.in_use == (knob == 'in_use')


@of('ilo6', 'supermicro', 'idrac9')
def test_a_session_limit_that_only_the_page_meets_is_named_too(
        bench: Bench) -> None:
    bench.app.log_in()
    bench.bmc.knobs.session_limit = 0
    # An iLO says it below its form, Supermicro in a dialog, Dell in its
    # console.
    with pytest.raises(NoSession, match='open the console again'):
        bench.open()


@of('supermicro')
@pytest.mark.parametrize(('knob', 'value', 'failure'), [
    ('login_fails_once', True, BmcAway),
    ('session_limit', 0, NoSession),
    ('no_licence', True, NotLicensed),
    ('in_use', True, ConsoleInUse),
    ('expired_token', True, ConsoleLost)])
def test_the_web_login_names_it_too(
        bench: Bench, knob: str, value: object,
        failure: type[VisitFailed]) -> None:
    bench.bmc.knobs.ikvm_node = 'missing'
    setattr(bench.bmc.knobs, knob, value)
    with pytest.raises(failure):
        bench.show()


@of('supermicro')
def test_who_has_java_is_told_how_to_get_html5(bench: Bench) -> None:
    bench.bmc.knobs.ikvm_node = 'java'
    with pytest.raises(NotOffered, match='HTML 5'):
        bench.show()
    # Nothing is changed behind anybody's back.
    assert bench.bmc.knobs.ikvm_node == 'java'
    assert not bench.asked('POST', '/cgi/login.cgi')


@of('ilo6', 'idrac9')
def test_a_page_that_is_not_known_is_not_waited_for(bench: Bench) -> None:
    bench.bmc.knobs.changed_page = True
    with pytest.raises(PageChanged, match='firmware'):
        bench.show()


@of('supermicro')
@pytest.mark.parametrize('node', ['html5', 'unlicensed'])
def test_a_page_that_may_become_a_console_is_waited_for_and_told(
        bench: Bench, monkeypatch: pytest.MonkeyPatch, node: str) -> None:
    monkeypatch.setattr(supermicro, 'wait_for', functools.partial(
        polling.wait_for, timeout=1.0))
    bench.bmc.knobs.ikvm_node = node  # type: ignore[assignment]
    bench.bmc.knobs.changed_console = True
    with pytest.raises(PageChanged, match=r'Supermicro .*firmware'):
        bench.show()
    bench.end()


def test_a_certificate_that_is_not_vouched_for_is_named(bench: Bench) -> None:
    settings = dataclasses.replace(
        bench.app.bmc, ca=Authority('Another').pem.decode())
    app = type(bench.app)(settings, BmcWeb(
        settings, Deadline(Clock(), PATIENCE, 'log_in')))
    with pytest.raises(BmcUntrusted, match='redfish_verify_ca'):
        app.log_in()
    assert not bench.bmc.log


@of('idrac9')
def test_a_console_that_was_left_open_is_not_shared(bench: Bench) -> None:
    bench.show()
    bench.app = IdracApp(bench.app.bmc, bench.app.web)
    # Its browser dies: nobody says goodbye.
    session = bench.bmc.sessions[0]
    bench.page.evaluate('() => { window.WebSocket.prototype.send = () => 0; }')
    bench.page.navigate('about:blank')
    bench.bmc.wait_for(lambda: not bench.bmc.consoles, 'the console to end')
    assert bench.bmc.sessions == [session]
    with pytest.raises(ConsoleInUse, match='left without being closed'):
        bench.show()


def test_a_console_that_goes_away_is_noticed(bench: Bench) -> None:
    bench.show()
    bench.bmc.kick()
    with pytest.raises(ConsoleLost):
        bench.look_until(lambda: False)
    bench.end()
