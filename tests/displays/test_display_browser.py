# SPDX-License-Identifier: Apache-2.0
"""The browser of a visit: what apps work with, its beginning and its end.

A real Chromium on an Xvnc; the pages are our own, on a web server that says
what it was asked for. Pages that want to break out are in
test_display_browser_*.py.
"""

import dataclasses
import os
import pathlib
import ssl
import subprocess
import sys
import threading

import pytest

import ironic_console.drivers.displays as displays
from ironic_console.drivers.displays.cdp import Interrupted
from ironic_console.drivers.displays.chromium import Chromium
from ironic_console.drivers.displays.failures import (
    BmcAway,
    BmcUntrusted,
    BrowserFailed,
    PageChanged,
    PageMoving,
    VisitFailed,
)
from ironic_console.drivers.displays.settings import Screen
from ironic_console.drivers.displays.trust import Trust
from tests.helpers.certificates import Authority
from tests.helpers.display_browser import (
    ANSWERS,
    CONSOLE,
    HTML,
    navigate_alone,
    targets,
)
from tests.helpers.scripted_site import Site, reply
from tests.helpers.xvnc import Xvnc, find_program

pytestmark = pytest.mark.usefixtures('on_screen')


# -- what apps work with ------------------------------------------------------

def test_calls_functions_with_what_json_can_hold(browser: Chromium) -> None:
    strange = ['"\'`\\\u2028</script>', None, True, 1.5, {'a': [1]}]
    assert browser.page.evaluate(
        '(...all) => Promise.resolve(all)', *strange) == strange
    assert browser.page.evaluate('() => undefined') is None


def test_a_function_that_fails_says_nothing_of_what_it_was_given(
        browser: Chromium, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level('DEBUG')
    with pytest.raises(PageChanged) as caught:
        browser.page.evaluate(
            '(text) => { throw new Error(`at ${text} of it`); }',
            'https://bmc/?VCSID=ticket')
    assert 'ticket' not in caught.value.text + caplog.text
    assert 'Error at 0:' in caplog.text


def test_a_page_that_is_going_away_can_be_asked_again(
        browser: Chromium, site: Site) -> None:
    with pytest.raises(PageMoving):
        browser.page.evaluate(
            '(url) => { location.href = url; return new Promise(() => 0); }',
            f'{site.url}/console.html?again')
    site.answers['GET /console.html?again'] = reply(200, CONSOLE, HTML)
    browser.page.navigate(f'{site.url}/console.html?again')
    assert browser.page.evaluate('() => document.title') == 'console'


def test_cookies_of_the_session_go_to_the_bmc(
        browser: Chromium, site: Site) -> None:
    browser.page.set_cookie('sessionKey', '0123abc')
    browser.page.navigate(f'{site.url}/console.html')
    assert site.asked[-1].headers['cookie'] == 'sessionKey=0123abc'
    assert browser.page.evaluate('() => document.cookie') == (
        'sessionKey=0123abc')


def test_a_bmc_that_is_away_is_told(screen: Xvnc) -> None:
    with Site() as site:
        url = site.url
    with pytest.raises(BmcAway):
        navigate_alone(url, Trust())


def anchor(authority: Authority) -> bytes:
    return ssl.PEM_cert_to_DER_cert(authority.pem.decode())


def test_only_the_certificate_that_was_found_good_is_taken() -> None:
    good, other = Authority('BMC', ['127.0.0.1']), Authority('Other')
    with Site(ANSWERS, good.itself.server_context()) as site:
        for trust in (Trust(pin=good.itself.pin),
                      Trust(anchor=anchor(good), is_own=True)):
            navigate_alone(site.url, trust)
        assert targets(site) == ['/console.html'] * 2
        for trust in (Trust(pin=other.itself.pin), Trust(),
                      Trust(anchor=anchor(other)),
                      Trust(anchor=anchor(other), is_own=True)):
            with pytest.raises(BmcUntrusted):
                navigate_alone(site.url, trust)
        assert targets(site) == ['/console.html'] * 2


def test_whom_the_authority_of_the_bmc_signs_is_taken() -> None:
    authority = Authority()
    with Site(ANSWERS, authority.issue().server_context()) as site:
        navigate_alone(site.url, Trust(anchor=anchor(authority)))
    with (Site(ANSWERS, authority.issue('192.0.2.1').server_context(),
               ) as site, pytest.raises(BmcUntrusted)):
        navigate_alone(site.url, Trust(anchor=anchor(authority)))


@pytest.mark.parametrize('is_own', [False, True])
def test_who_only_shows_a_good_certificate_beside_his_own_is_not(
        is_own: bool) -> None:
    """A pin would be content with that."""
    good = Authority('BMC', ['127.0.0.1'])
    stranger = Authority('Stranger').issue()
    both = dataclasses.replace(stranger, cert=stranger.cert + good.pem)
    with (Site(ANSWERS, both.server_context()) as site,
          pytest.raises(BmcUntrusted)):
        navigate_alone(site.url, Trust(anchor=anchor(good), is_own=is_own))


def test_finds_a_bmc_by_its_ipv6_address() -> None:
    with Site(ANSWERS, host='::1') as site:
        navigate_alone(site.url, Trust(), '::1')
        assert targets(site) == ['/console.html']


# -- beginning and end --------------------------------------------------------

def test_without_a_display_it_says_why(
        monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
        ) -> None:
    monkeypatch.setenv('DISPLAY', ':64999')
    browser = Chromium('http://127.0.0.1:1', '127.0.0.1', Trust(), (),
                       Screen())
    with pytest.raises(BrowserFailed):
        browser.start()
    browser.close()
    assert 'Missing X server' in caplog.text


def test_a_wait_can_be_interrupted_and_resumed(
        browser: Chromium) -> None:
    timer = threading.Timer(0.2, browser.interrupt)
    timer.start()
    with pytest.raises(Interrupted):
        browser.page.evaluate('() => new Promise(() => 0)')
    # Those that begin later as well.
    with pytest.raises(Interrupted):
        browser.page.evaluate('() => new Promise(() => 0)')
    browser.resume()
    assert browser.page.evaluate('() => 1') == 1


def test_closing_twice_and_before_the_start_is_fine() -> None:
    browser = Chromium('http://127.0.0.1:1', '127.0.0.1', Trust(), (),
                       Screen())
    browser.close()
    browser.close()
    with pytest.raises(VisitFailed):
        browser.page.evaluate('() => 1')


_WITH_POLICY = '''
import sys
from ironic_console.drivers.displays.chromium import Chromium
from ironic_console.drivers.displays.failures import VisitFailed
from ironic_console.drivers.displays.settings import Screen
from ironic_console.drivers.displays.trust import Trust
url = sys.argv[1]
browser = Chromium(url, '127.0.0.1', Trust(), [r'/console\\.html'],
                   Screen())
try:
    browser.start()
    browser.page.navigate(url + '/console.html')
    print(browser.page.evaluate('() => document.title'))
except VisitFailed as exc:
    print(type(exc).__name__)
finally:
    browser.close()
'''
_MOUNT = 'mount --bind "$1" /etc/chromium && shift && exec "$@"'


def _run_with_policies(folder: pathlib.Path, url: str) -> str:
    """:param folder: in place of /etc/chromium."""
    return subprocess.run(
        [find_program('unshare', 'util-linux'), '--mount', 'sh', '-c', _MOUNT,
         'sh', str(folder), sys.executable, '-c', _WITH_POLICY, url],
        stdout=subprocess.PIPE, text=True, timeout=120, check=True,
        ).stdout.strip()


@pytest.mark.skipif(os.geteuid() != 0, reason='bind mounts are for root')
def test_the_policy_of_the_image_lets_us_in_and_is_obeyed(
        site: Site, tmp_path: pathlib.Path) -> None:
    managed = tmp_path / 'policies' / 'managed'
    managed.mkdir(parents=True)
    policy = pathlib.Path(displays.__path__[0]) / 'chromium-policy.json'
    (managed / policy.name).write_bytes(policy.read_bytes())
    assert _run_with_policies(tmp_path, site.url) == 'console'
    # Chromium does read what is there.
    (managed / 'all.json').write_text('{"JavaScriptBlockedForUrls": ["*"], '
                                      '"DeveloperToolsAvailability": 2}')
    assert _run_with_policies(tmp_path, site.url) == 'CommandRefused'


_AS_NOBODY = '''
import logging, os, sys
from ironic_console.drivers.displays import browser_command
from ironic_console.drivers.displays.chromium import Chromium
from ironic_console.drivers.displays.settings import Screen
from ironic_console.drivers.displays.trust import Trust
logging.basicConfig(level=logging.WARNING, format='%(message)s')
url = sys.argv[1]
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
browser = Chromium(url, '127.0.0.1', Trust(), [r'/console\\.html'],
                   Screen())
try:
    browser.start()
    browser.page.navigate(url + '/console.html')
    print(browser.page.evaluate('() => document.title'))
    print(browser_command.find_no_sandbox_reason() or 'in its sandbox')
finally:
    browser.close()
'''


@pytest.mark.skipif(os.geteuid() != 0, reason='only root can be another user')
def test_runs_as_a_user_without_rights_in_its_sandbox_if_that_works(
        site: Site) -> None:
    ran = subprocess.run(
        [sys.executable, '-c', _AS_NOBODY, site.url], capture_output=True,
        text=True, timeout=120, check=True)
    title, sandbox = ran.stdout.splitlines()
    assert title == 'console'
    # A sandbox that is missing is warned of.
    assert (sandbox == 'in its sandbox') != (sandbox in ran.stderr)
