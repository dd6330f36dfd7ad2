# SPDX-License-Identifier: Apache-2.0
"""The browser of a visit with pages that want a person to answer.

There is none who could, and nothing of this machine is for those who look.
"""

import contextlib
import os
import pathlib
import tempfile

import pytest

from ironic_console.drivers.displays.chromium import Chromium
from ironic_console.drivers.displays.failures import PageMoving
from tests.helpers.display_browser import PATIENCE, browser_for, windows
from tests.helpers.proxy import wait_until
from tests.helpers.scripted_site import Site
from tests.helpers.xvnc import Xvnc

pytestmark = pytest.mark.usefixtures('on_screen')


@pytest.mark.parametrize(('script', 'answer'), [
    ('alert("x") ?? "gone"', 'gone'),
    ('confirm("x")', False),
    ('prompt("x")', None),
    ('print() ?? "gone"', 'gone'),
    ('open("/console.html") ?? "gone"', 'gone'),
    ('showSaveFilePicker() ?? "gone"', 'gone'),
    ('navigator.clipboard.readText().catch((error) => error.name)',
     'NotAllowedError'),
    ('navigator.mediaDevices.getUserMedia({video: true})'
     '.catch((error) => typeof error.name)', 'string'),
])
def test_questions_to_a_person_are_answered_at_once(
        browser: Chromium, screen: Xvnc, script: str, answer: object,
        ) -> None:
    assert browser.page.evaluate(f'() => {script}') == answer
    wait_until(lambda: windows(screen) == 1, 'no other windows',
               PATIENCE)


def test_choosing_a_file_opens_nothing(
        browser: Chromium, screen: Xvnc) -> None:
    assert browser.page.evaluate('''() => new Promise((done) => {
        const input = document.createElement('input');
        input.type = 'file';
        input.addEventListener('cancel', () => done('cancelled'));
        input.click();
    })''') == 'cancelled'
    assert windows(screen) == 1


def test_a_page_that_does_not_want_to_be_left_is_left(
        browser: Chromium, site: Site) -> None:
    browser.page.evaluate('''() => {
        addEventListener('beforeunload', (event) => event.preventDefault());
    }''')
    browser.page.navigate('about:blank')
    assert browser.page.url == 'about:blank'


def test_no_password_is_asked_for(browser: Chromium, screen: Xvnc) -> None:
    assert browser.page.evaluate(
        '() => fetch("/password").then((answer) => answer.status)') == 401
    assert windows(screen) == 1


def test_downloads_are_dropped(
        browser: Chromium, screen: Xvnc) -> None:
    browser.page.evaluate('''() => {
        const link = document.createElement('a');
        link.href = URL.createObjectURL(new Blob(['x'.repeat(1000)]));
        link.download = 'screen.bin';
        link.click();
    }''')
    assert browser.page.evaluate('() => document.title') == 'console'
    assert windows(screen) == 1
    home = pathlib.Path(tempfile.gettempdir())
    assert not list(home.glob('chromium-*/**/screen*'))


OPENERS = (
    'location.href = url', 'open(url)',
    'const a = document.createElement("a"); a.href = url; a.click()',
    """const frame = document.createElement('iframe');
    frame.src = url;
    document.body.append(frame)""")


def test_no_program_of_this_machine_is_opened(
        site: Site, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch,
        ) -> None:
    calls = tmp_path / 'calls'
    for name in ('xdg-open', 'xdg-email', 'xdg-settings'):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho "$0" "$@" >> {calls}\n')
        program.chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path), prepend=os.pathsep)
    with browser_for(site.url) as browser:
        for url in ('mailto:a@b', 'ssh://host', 'xyz:'):
            for script in OPENERS:
                browser.page.navigate(f'{site.url}/console.html')
                with contextlib.suppress(PageMoving):
                    browser.page.evaluate(f'(url) => {{ {script} }}', url)
                # Whatever it makes of that comes before it goes elsewhere.
                browser.page.navigate('about:blank')
    assert not calls.exists()


@pytest.mark.parametrize('script', [
    'navigator.usb.requestDevice({filters: []})',
    'navigator.serial.requestPort()',
    'navigator.mediaDevices.getDisplayMedia({video: true})',
])
def test_devices_of_this_machine_are_not_offered(
        browser: Chromium, script: str) -> None:
    # A question to viewers would not be answered for ever.
    assert browser.page.evaluate(
        f'() => {script}.catch((error) => error.name)') in (
            'NotFoundError', 'NotAllowedError', 'SecurityError')
