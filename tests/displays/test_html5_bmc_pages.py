# SPDX-License-Identifier: Apache-2.0
"""The simulated BMCs whose console is a page, in a real browser."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from selenium.common.exceptions import NoAlertPresentException

from tests.browser.chromium import Chromium, Size, chromium
from tests.helpers.certificates import Authority
from tests.helpers.html5_client import Html5Client
from tests.simulators.html5_bmc import (
    ADMIN,
    BLOCK,
    GROUND,
    Html5Bmc,
    Knobs,
)

IKVM_PAGE = '/cgi/url_redirect.cgi?url_name=man_ikvm_html5_bootstrap'
_PREVIEW = """(document.getElementById('TOPMENU')?.contentDocument
    ?.getElementById('frame_main')?.contentDocument
    ?.getElementById('img1')?.naturalWidth)"""
_PICTURES = 'Number(document.documentElement.dataset.pictures || 0)'
#: In a row, to be no accident.
_ENOUGH = 20


@pytest.fixture(scope='module')
def authority() -> Authority:
    return Authority('BMC', ['127.0.0.1', 'localhost'])


@pytest.fixture(scope='module')
def window(authority: Authority) -> Iterator[Chromium]:
    pin = authority.itself.pin
    with chromium(Size(1280, 960),
                  f'--ignore-certificate-errors-spki-list={pin}',
                  # A page may open a window without a click.
                  '--disable-popup-blocking') as browser:
        yield browser


@pytest.fixture
def browser(window: Chromium) -> Iterator[Chromium]:
    """Without cookies, and with one window when it is given back."""
    window.devtools('Network.clearBrowserCookies')
    driver = window.driver
    [first] = driver.window_handles
    yield window
    for handle in driver.window_handles:
        if handle != first:
            driver.switch_to.window(handle)
            driver.close()
    driver.switch_to.window(first)
    accept_alert(window)
    window.open('about:blank')


Start = Callable[..., Html5Bmc]


@pytest.fixture
def start(authority: Authority) -> Iterator[Start]:
    with contextlib.ExitStack() as stack:
        def start(profile: str, **knobs: Any) -> Html5Bmc:
            return stack.enter_context(Html5Bmc(
                profile, Knobs(**knobs), certificate=authority.itself))
        yield start


# -- what a person does -------------------------------------------------------

def log_in_to_ilo(browser: Chromium, bmc: Html5Bmc,
                  password: str = '') -> None:
    """With the form of the page that is shown."""
    browser.wait('the form to be usable', lambda: browser.run(
        "document.getElementById('username')?.disabled === false"))
    name = browser.driver.find_element('id', 'username')
    name.clear()
    name.send_keys(bmc.username)
    browser.driver.find_element('id', 'password').send_keys(
        password or bmc.password)
    browser.click_control('login-form__submit')


def open_ilo(browser: Chromium, bmc: Html5Bmc) -> None:
    """To its console, by its login page or the form of the console page."""
    if bmc.profile.own_form:
        browser.open(f'{bmc.url}/irc.html')
        log_in_to_ilo(browser, bmc)
        return
    browser.open(f'{bmc.url}/html/login.html')
    log_in_to_ilo(browser, bmc)
    browser.wait('its main page', lambda: browser.run(
        "location.pathname === '/html/admin.html'"))
    browser.open(f'{bmc.url}/irc.html')


def log_in_to_supermicro(browser: Chromium, bmc: Html5Bmc,
                         password: str = '') -> None:
    browser.open(bmc.url)
    find = browser.driver.find_element
    find('css selector', 'input[name=name]').send_keys(bmc.username)
    find('id', 'pwd').send_keys(password or bmc.password)
    browser.click_control('login_word')


def open_supermicro(browser: Chromium, bmc: Html5Bmc) -> None:
    """By its menu and its frames."""
    log_in_to_supermicro(browser, bmc)
    browser.wait('the preview in its frames',
                 lambda: browser.run(_PREVIEW) == 160)
    browser.open(bmc.url + IKVM_PAGE)


def open_idrac(browser: Chromium, bmc: Html5Bmc) -> None:
    ticket = Html5Client(bmc).kvm_session().json
    browser.open(
        f'{bmc.url}/restgui/vconsole/index.html?ip={bmc.host}'
        f'&kvmport={bmc.port}&title=Dell&VCSID={ticket["TempUsername"]}'
        f'&VCSID2={ticket["TempPassword"]}')


#: Of other iLOs only the name is another.
OPEN = {'ilo5': open_ilo, 'ilo6': open_ilo, 'supermicro': open_supermicro,
        'idrac9': open_idrac}


def open_console(browser: Chromium, bmc: Html5Bmc) -> None:
    OPEN[bmc.profile.name](browser, bmc)


def wait_for_picture(browser: Chromium, number: int = 1) -> None:
    browser.wait('a picture', lambda: browser.run(_PICTURES) >= number)


def shows(browser: Chromium, colour: int) -> bool:
    seen = browser.capture(0, 0, 1200, 700)
    wanted = colour.to_bytes(3) * _ENOUGH
    return any(wanted in row for row in seen.rows)


def wait_for_text(browser: Chromium, text: str) -> None:
    browser.wait(f'the text {text!r}', lambda: text in browser.run(
        'document.body.innerText'))


def accept_alert(browser: Chromium) -> str:
    """:returns: its text; '' if there is none."""
    try:
        alert = browser.driver.switch_to.alert
    except NoAlertPresentException:
        return ''
    text = alert.text
    alert.accept()
    return text


# -- when all is well ---------------------------------------------------------

@pytest.mark.parametrize('profile', OPEN)
def test_a_person_gets_to_the_console_and_types(browser, start, profile):
    bmc = start(profile)
    open_console(browser, bmc)
    wait_for_picture(browser)
    for colour in (bmc.profile.colour, GROUND, BLOCK):
        assert shows(browser, colour)
    assert (bmc.consoles, len(bmc.sessions)) == (1, 1)
    browser.type_text('aB ')
    browser.press('Control+Alt+Delete')
    bmc.wait_for(lambda: (False, 'ControlLeft') in bmc.keys, 'keys')
    assert bmc.typed == 'aB '
    assert bmc.keys[-6:] == [
        (True, 'ControlLeft'), (True, 'AltLeft'), (True, 'Delete'),
        (False, 'Delete'), (False, 'AltLeft'), (False, 'ControlLeft')]
    browser.driver.find_element('css selector', 'canvas').click()
    bmc.wait_for(lambda: bmc.clicks, 'a click')
    seen = browser.run(_PICTURES)
    wait_for_picture(browser, seen + 2)
    browser.open('about:blank')
    bmc.wait_for(lambda: not bmc.consoles, 'the console to be closed')


def test_leaving_the_page_of_dell_frees_its_slot(browser, start):
    bmc = start('idrac9')
    open_console(browser, bmc)
    wait_for_picture(browser)
    browser.open('about:blank')
    bmc.wait_for(lambda: not bmc.sessions, 'the slot to be free')


def test_supermicro_logs_out_by_its_link(browser, start):
    bmc = start('supermicro')
    open_console(browser, bmc)
    wait_for_picture(browser)
    browser.click_control('logout-link')
    bmc.wait_for(lambda: not bmc.sessions, 'the session to end')


@pytest.mark.parametrize('profile', OPEN)
def test_what_is_painted_is_seen(browser, start, profile):
    bmc = start(profile)
    open_console(browser, bmc)
    wait_for_picture(browser)
    bmc.paint(0xABCDEF)
    browser.wait('another colour', lambda: shows(browser, 0xABCDEF))
    assert not shows(browser, bmc.profile.colour)


# -- what a display must not let happen ---------------------------------------

@pytest.mark.parametrize('profile', OPEN)
def test_a_link_of_the_console_page_replaces_it(browser, start, profile):
    bmc = start(profile)
    open_console(browser, bmc)
    wait_for_picture(browser)
    bmc.click('settings-link')
    # A picture taken in the middle of it may never come.
    browser.wait('another page', lambda: browser.run(
        "location.pathname === '/html/admin.html'"
        " && document.readyState === 'complete'"))
    assert shows(browser, ADMIN)
    bmc.wait_for(lambda: not bmc.consoles, 'the console to be closed')


@pytest.mark.parametrize('profile', OPEN)
def test_the_console_page_opens_windows_and_downloads(browser, start, profile):
    bmc = start(profile)
    open_console(browser, bmc)
    wait_for_picture(browser)
    bmc.click('settings-window')
    bmc.click('support-window')
    browser.wait('two windows more',
                 lambda: len(browser.driver.window_handles) == 3)
    bmc.wait_for(lambda: bmc.strayed, 'a request for another host')
    bmc.click('download-link')
    bmc.wait_for(lambda: '/html/capture.bin' in {
        entry.path for entry in bmc.log}, 'a download')


# -- when it is not -----------------------------------------------------------

@pytest.mark.parametrize('profile', OPEN)
def test_a_lost_console_says_so_and_shows_nothing_more(browser, start,
                                                       profile):
    bmc = start(profile)
    open_console(browser, bmc)
    wait_for_picture(browser)
    bmc.kick()
    wait_for_text(browser, bmc.profile.texts.lost)
    assert not shows(browser, bmc.profile.colour)


@pytest.mark.parametrize('profile', OPEN)
def test_a_blank_console_never_draws(browser, start, profile):
    bmc = start(profile, blank=True)
    open_console(browser, bmc)
    bmc.wait_for(lambda: bmc.consoles, 'a console')
    bmc.wait_for(lambda: bmc.sessions, 'a session')
    assert browser.run(_PICTURES) == 0
    assert not shows(browser, bmc.profile.colour)


@pytest.mark.parametrize('profile', [
    name for name in OPEN if name != 'idrac9'])
def test_the_console_is_not_licensed(browser, start, profile):
    bmc = start(profile, no_licence=True)
    open_console(browser, bmc)
    wait_for_text(browser, bmc.profile.texts.licence)


@pytest.mark.parametrize('profile', [
    name for name in OPEN if name != 'supermicro'])
def test_the_session_is_gone_when_the_console_opens(browser, start, profile):
    bmc = start(profile, expired_token=True)
    open_console(browser, bmc)
    wait_for_text(browser, bmc.profile.texts.expired)
    assert not bmc.sessions


def test_supermicro_alerts_if_the_session_is_gone(browser, start):
    bmc = start('supermicro', expired_token=True)
    open_console(browser, bmc)
    browser.wait('an alert', functools.partial(accept_alert, browser))
    browser.wait('the login page', lambda: browser.run(
        "document.getElementById('login_word')"))
    assert not bmc.sessions


_YES = {'supermicro': 'ikvm-takeover', 'idrac9': 'sharing-request'}


@pytest.mark.parametrize('profile', OPEN)
@pytest.mark.parametrize('denies', [False, True])
def test_another_user_is_asked_for_the_console(browser, start, profile,
                                               denies):
    bmc = start(profile, in_use=True, denies=denies)
    open_console(browser, bmc)
    wait_for_text(browser, bmc.profile.texts.in_use)
    browser.click_control(_YES.get(profile, 'busy-acquire'))
    if denies:
        wait_for_text(browser, bmc.profile.texts.denied)
    else:
        wait_for_picture(browser)
        assert not browser.run("document.getElementById('dialog-text')"
                               '.checkVisibility()')


def test_nobody_has_to_be_asked(browser, start):
    bmc = start('idrac9', in_use=True)
    open_console(browser, bmc)
    wait_for_text(browser, 'Confirm Session Sharing')
    browser.click_control('sharing-cancel')
    bmc.wait_for(lambda: not bmc.consoles, 'the console to be closed')
    assert not bmc.sessions


def test_dell_says_that_its_slots_are_taken(browser, start):
    bmc = start('idrac9')
    ticket = Html5Client(bmc).kvm_session().json
    bmc.knobs.session_limit = 0
    browser.open(
        f'{bmc.url}/restgui/vconsole/index.html?ip={bmc.host}'
        f'&kvmport={bmc.port}&VCSID={ticket["TempUsername"]}'
        f'&VCSID2={ticket["TempPassword"]}')
    wait_for_text(browser, bmc.profile.texts.limit)


@pytest.mark.parametrize(('profile', 'page'), [
    ('ilo5', '/html/login.html'), ('ilo6', '/irc.html')])
@pytest.mark.parametrize(('reason', 'password', 'knobs'), [
    ('wrong', 'wrong', {}), ('limit', '', {'session_limit': 0}),
    ('hiccup', '', {'login_fails_once': True})])
def test_the_form_of_an_ilo_says_why_not(browser, start, profile, page,
                                         reason, password, knobs):
    bmc = start(profile, **knobs)
    browser.open(bmc.url + page)
    log_in_to_ilo(browser, bmc, password)
    wait_for_text(browser, getattr(bmc.profile.texts, reason))
    # And may be tried again.
    bmc.knobs.session_limit = None
    log_in_to_ilo(browser, bmc)
    bmc.wait_for(lambda: bmc.sessions, 'a session')


def test_supermicro_alerts_that_the_password_is_wrong(browser, start):
    bmc = start('supermicro')
    log_in_to_supermicro(browser, bmc, 'wrong')
    text = browser.wait('an alert', functools.partial(accept_alert, browser))
    assert text == bmc.profile.texts.wrong
    browser.wait('the login page', lambda: browser.run(
        "document.getElementById('login_word')"))


@pytest.mark.parametrize(('profile', 'page', 'gone'), [
    ('ilo5', '/html/login.html', '#username'),
    ('ilo6', '/irc.html', '#username'),
    ('supermicro', '/', 'input[name=name]'),
    ('idrac9', '/restgui/vconsole/index.html', 'canvas')])
def test_a_new_firmware_has_another_form(browser, start, profile, page, gone):
    bmc = start(profile, changed_page=True)
    browser.open(bmc.url + page)
    assert not browser.run('document.querySelector(arguments[0])', gone)
    assert profile == 'idrac9' or browser.run(
        "document.querySelector('input[type=password]')")
