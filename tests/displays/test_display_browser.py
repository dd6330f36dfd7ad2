# SPDX-License-Identifier: Apache-2.0
"""The browser of a visit with pages that want to break out of it.

A real Chromium on an Xvnc; the pages are our own, on a web server that says
what it was asked for.
"""

import contextlib
import dataclasses
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator

import pytest

import ironic_console.drivers.displays as displays
from ironic_console.drivers.displays import memory_guard
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
from tests.helpers.proxy import wait_until
from tests.helpers.scripted_site import Site, reply
from tests.helpers.xvnc import Xvnc, find_program

HTML = 'Content-Type: text/html'
CONSOLE = b'<!doctype html><title>console</title><p>the console'
DOCUMENTS = (r'/console\.html(\?.*)?', '/moved.html')
ANSWERS = {
    'GET /console.html': reply(200, CONSOLE, HTML),
    'GET /marker': reply(200, b'', 'Access-Control-Allow-Origin: *'),
    'GET /password': reply(401, b'', 'WWW-Authenticate: Basic realm="x"'),
}
# What a page can fetch with, each a promise that is fulfilled when it is
# over one way or the other.
FETCHES = {
    'fetch': 'fetch(url, {mode: "no-cors"}).catch(() => 0)',
    'image': '''new Promise((done) => {
        const image = new Image();
        image.onload = image.onerror = done;
        image.src = url;
    }).then(() => 0)''',
    'script': '''new Promise((done) => {
        const script = document.createElement('script');
        script.onload = script.onerror = done;
        script.src = url;
        document.body.append(script);
    }).then(() => 0)''',
    'import': 'import(url).catch(() => 0)',
    'worker': '''new Promise((done) => {
        const code = `fetch(${JSON.stringify(url)}, {mode: "no-cors"})
            .catch(() => 0).then(() => postMessage(1))`;
        new Worker(URL.createObjectURL(new Blob([code]))).onmessage = done;
    }).then(() => 0)''',
    'socket': '''new Promise((done) => {
        const socket = new WebSocket(url.replace('http', 'ws'));
        socket.onerror = socket.onopen = done;
    }).then(() => 0)''',
    'events': '''new Promise((done) => {
        const events = new EventSource(url);
        events.onerror = events.onopen = () => { events.close(); done(); };
    }).then(() => 0)''',
}
# What opens a document, in the window, in a frame or in a new window.
NAVIGATIONS = {
    'location': 'location.href = url',
    'replace': 'location.replace(url)',
    'link': 'link("_self").click()',
    'new window': 'link("_blank").click()',
    'window.open': 'window.open(url)',
    "a frame's window.open": '''
        const frame = document.createElement('iframe');
        document.body.append(frame);
        frame.contentWindow.open(url)''',
    'form': '''
        const form = document.createElement('form');
        form.action = url;
        form.method = 'post';
        document.body.append(form);
        form.submit()''',
    'form in a window': '''
        const form = document.createElement('form');
        form.action = url;
        form.target = '_blank';
        document.body.append(form);
        form.submit()''',
    'frame': '''
        const frame = document.createElement('iframe');
        frame.src = url;
        document.body.append(frame)''',
    'frame in a sandbox': '''
        const frame = document.createElement('iframe');
        frame.sandbox = 'allow-scripts allow-popups';
        frame.srcdoc = `<script>location.href = ${JSON.stringify(url)}` +
            '</' + 'script>';
        document.body.append(frame)''',
    'refresh': '''
        const meta = document.createElement('meta');
        meta.httpEquiv = 'refresh';
        meta.content = `0; url=${url}`;
        document.head.append(meta)''',
}
LINK = '''const link = (target) => {
    const link = document.createElement('a');
    [link.href, link.target] = [url, target];
    document.body.append(link);
    return link;
};'''


@pytest.fixture(scope='module')
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Xvnc]:
    with Xvnc(tmp_path_factory.mktemp('xvnc'), '-geometry',
              '1280x960') as display:
        yield display


@pytest.fixture(autouse=True)
def on_screen(screen: Xvnc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('DISPLAY', screen.display)


@pytest.fixture(scope='module')
def elsewhere() -> Iterator[Site]:
    """Another server, on the same host."""
    with Site(ANSWERS) as site:
        yield site


@pytest.fixture(scope='module')
def module_site() -> Iterator[Site]:
    with Site(ANSWERS) as site:
        yield site


@pytest.fixture(scope='module')
def module_browser(screen: Xvnc, module_site: Site) -> Iterator[Chromium]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('DISPLAY', screen.display)
        browser = Chromium(module_site.url, '127.0.0.1', Trust(), DOCUMENTS,
                           Screen())
        try:
            browser.start()
            yield browser
        finally:
            browser.close()


@pytest.fixture
def site(module_site: Site) -> Site:
    module_site.asked.clear()
    return module_site


@pytest.fixture
def browser(module_browser: Chromium, site: Site) -> Chromium:
    """It shows the console."""
    module_browser.page.navigate(f'{site.url}/console.html')
    return module_browser


def targets(site: Site) -> list[str]:
    """:returns: what it was asked for, without pictures of a site."""
    return [asked.target for asked in site.asked
            if asked.target != '/favicon.ico']


def windows(screen: Xvnc) -> int:
    """:returns: number of windows that can be seen."""
    return len(screen.run('xdotool', 'xdotool', 'search', '--onlyvisible',
                          '--class', 'chromium').split())


# -- the site of the BMC, and nothing else ------------------------------------

@pytest.mark.parametrize('script', FETCHES.values(), ids=FETCHES)
def test_fetches_from_the_bmc_and_from_nobody_else(
        browser: Chromium, site: Site, elsewhere: Site, script: str) -> None:
    for base in (elsewhere.url, site.url):
        browser.page.evaluate(f'(url) => {script}', f'{base}/marker')
    assert '/marker' in targets(site)
    assert elsewhere.asked == []


@pytest.mark.parametrize('where', ['elsewhere', 'admin', 'redirect'])
@pytest.mark.parametrize('script', NAVIGATIONS.values(), ids=NAVIGATIONS)
def test_stays_where_it_is(
        browser: Chromium, site: Site, elsewhere: Site, screen: Xvnc,
        script: str, where: str) -> None:
    url = {'elsewhere': f'{elsewhere.url}/console.html',
           'admin': f'{site.url}/admin.html',
           'redirect': f'{site.url}/console.html?redirect'}[where]
    site.answers['GET /console.html?redirect'] = reply(
        302, b'', 'Location: /admin.html')
    site.answers['POST /console.html?redirect'] = reply(
        302, b'', 'Location: /admin.html')
    browser.page.evaluate(f'(url) => {{ {LINK}{script} }}', url)
    # It is still the same page, and the only window.
    browser.page.evaluate('(url) => fetch(url).then(() => 0)', '/marker')
    assert browser.page.evaluate('() => document.title') == 'console'
    assert browser.page.is_console
    wait_until(lambda: windows(screen) == 1, 'other windows to be closed')
    assert elsewhere.asked == []
    assert '/admin.html' not in targets(site)


def test_follows_the_bmc_from_one_console_document_to_another(
        browser: Chromium, site: Site) -> None:
    site.answers['GET /console.html?go'] = reply(
        302, b'', 'Location: /moved.html')
    site.answers['GET /moved.html'] = reply(
        200, b'<title>moved</title>', HTML)
    browser.page.navigate(f'{site.url}/console.html?go')
    assert browser.page.url == f'{site.url}/moved.html'
    assert browser.page.evaluate('() => document.title') == 'moved'


@pytest.mark.parametrize('target', ['/admin.html', '/console.html?away'])
def test_a_document_that_is_not_the_console_is_a_changed_page(
        browser: Chromium, site: Site, target: str) -> None:
    site.answers['GET /console.html?away'] = reply(
        302, b'', 'Location: /admin.html')
    with pytest.raises(PageChanged, match='not its console'):
        browser.page.navigate(f'{site.url}{target}')


def hear(ear: socket.socket, sender: socket.socket) -> bytes:
    """:returns: what comes to an ear first; what we send comes last."""
    sender.sendto(b'the end', ear.getsockname())
    ear.settimeout(20)
    return ear.recv(2000)


@pytest.mark.parametrize('script', [
    '''const peer = new RTCPeerConnection({iceServers: [
        {urls: `stun:${host}`},
        {urls: `turn:${host}`, username: 'a', credential: 'b'}]});
    peer.createDataChannel('x');
    await peer.setLocalDescription(await peer.createOffer());
    await ended(peer, 'iceGatheringState', 'complete');''',
    '''const [one, two] = [new RTCPeerConnection(), new RTCPeerConnection()];
    one.createDataChannel('x');
    await one.setLocalDescription(await one.createOffer());
    await two.setRemoteDescription(one.localDescription);
    await two.setLocalDescription(await two.createAnswer());
    await one.setRemoteDescription(two.localDescription);
    await one.addIceCandidate({sdpMid: '0', candidate:
        `candidate:1 1 udp 2113937151 ${host.replace(':', ' ')} typ host`});
    await ended(one, 'iceConnectionState', 'failed');''',
    '''await new WebTransport(`https://${host}/x`).ready.catch(() => 0);''',
], ids=['STUN and TURN', 'candidate', 'WebTransport'])
def test_sends_no_datagrams_to_anybody(
        browser: Chromium, script: str) -> None:
    # They pass neither the request filter nor the resolver.
    with (socket.socket(type=socket.SOCK_DGRAM) as ear,
          socket.socket(type=socket.SOCK_DGRAM) as sender):
        ear.bind(('127.0.0.1', 0))
        assert browser.page.evaluate(f'''async (host) => {{
            const ended = (peer, what, state) => Promise.race([
                new Promise((done) => {{
                    peer[`on${{what.toLowerCase()}}change`] = () =>
                        peer[what] === state && done();
                }}), new Promise((done) => setTimeout(done, 3000))]);
            {script}
            return 'over';
        }}''', f'127.0.0.1:{ear.getsockname()[1]}') == 'over'
        assert hear(ear, sender) == b'the end'


def test_a_name_leads_where_it_led_when_it_was_judged(site: Site) -> None:
    # RFC 6761: no resolver knows this name.
    url = f'http://bmc.invalid:{site.port}'
    navigate_alone(url, Trust())
    assert targets(site) == ['/console.html']
    assert site.asked[0].headers['host'] == f'bmc.invalid:{site.port}'


# -- nothing that waits for a person ------------------------------------------

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
    wait_until(lambda: windows(screen) == 1, 'no other windows')


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
    browser = Chromium(site.url, '127.0.0.1', Trust(), DOCUMENTS, Screen())
    try:
        browser.start()
        for url in ('mailto:a@b', 'ssh://host', 'xyz:'):
            for script in OPENERS:
                browser.page.navigate(f'{site.url}/console.html')
                with contextlib.suppress(PageMoving):
                    browser.page.evaluate(f'(url) => {{ {script} }}', url)
                # Whatever it makes of that comes before it goes elsewhere.
                browser.page.navigate('about:blank')
    finally:
        browser.close()
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


# -- what a page may take -----------------------------------------------------

def test_a_page_that_eats_memory_loses_its_browser(
        site: Site, monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture) -> None:
    before = memory_guard.used_by_group(os.getpgrp())
    monkeypatch.setattr(memory_guard, 'MAX_BYTES', before + 1024 ** 3)
    browser = Chromium(site.url, '127.0.0.1', Trust(), DOCUMENTS, Screen())
    try:
        browser.start()
        browser.page.navigate(f'{site.url}/console.html')
        with pytest.raises(BrowserFailed):
            browser.page.evaluate('''async () => {
                for (const kept = [];;) {
                    kept.push(new Uint8Array(1e7).fill(1));
                    await new Promise((done) => setTimeout(done, 10));
                }
            }''')
    finally:
        browser.close()
    assert 'more memory than a display may have' in caplog.text


# -- keys and buttons that browsers know --------------------------------------

#: As xdotool names them.
CHORDS = [
    *(f'ctrl+{key}' for key in 'tnopsjuhdlfgkrwaq0'),
    *(f'ctrl+shift+{key}' for key in 'ijntwqoamb'),
    *(f'F{number}' for number in range(1, 13)),
    'ctrl+equal', 'ctrl+minus', 'ctrl+Tab', 'ctrl+F4', 'ctrl+F5',
    'ctrl+shift+Delete', 'ctrl+BackSpace', 'shift+Escape', 'shift+F10',
    'alt+Home', 'alt+Left', 'alt+Right', 'alt+F4', 'alt+space', 'alt+d',
    'alt+f', 'Menu', 'Super_L', 'XF86Back', 'XF86HomePage', 'XF86Search',
    'XF86Refresh', 'Print', 'Escape']
LISTENING = '''() => {
    window.keys = [];
    addEventListener('keydown', (event) => keys.push(event.code));
    window.mark = 'not loaded again';
}'''
UNHARMED = '() => [window.mark, document.title, devicePixelRatio]'


def xdotool(screen: Xvnc, *words: str) -> None:
    screen.run('xdotool', 'xdotool', *words)


@pytest.mark.parametrize('chord', CHORDS)
def test_keys_reach_the_page_and_nothing_else(
        listening: Chromium, screen: Xvnc, chord: str) -> None:
    xdotool(screen, 'key', chord)
    # Had anything come up, what follows would go there.
    for _ in range(3):
        xdotool(screen, 'key', 'z')
    count = chord.count('+') + 4
    codes = wait_until(lambda: listening.page.evaluate(
        '(count) => keys.length >= count && keys.splice(0)', count),
        'keys to arrive')
    assert len(codes) == count
    assert codes[-3:] == ['KeyZ'] * 3
    assert listening.page.evaluate(UNHARMED) == [
        'not loaded again', 'console', 1]
    assert windows(screen) == 1


@pytest.mark.parametrize('words', [
    ('click', '8'), ('click', '9'), ('click', '3'), ('click', '2'),
    ('keydown', 'ctrl', 'click', '4', 'click', '5', 'click', '5', 'keyup',
     'ctrl')], ids=['back', 'forward', 'menu', 'middle', 'zoom'])
def test_buttons_of_the_mouse_do_nothing_of_a_browser(
        listening: Chromium, screen: Xvnc, words: tuple[str, ...]) -> None:
    xdotool(screen, *words, 'key', 'z')
    wait_until(lambda: listening.page.evaluate(
        '() => keys.splice(0).includes("KeyZ")'), 'a key to arrive')
    assert listening.page.evaluate(UNHARMED) == [
        'not loaded again', 'console', 1]
    assert windows(screen) == 1


@pytest.fixture(scope='module')
def listening(module_browser: Chromium, module_site: Site, screen: Xvnc,
              ) -> Chromium:
    """The page notes keys, and does not keep the browser from them."""
    module_browser.page.navigate(f'{module_site.url}/console.html')
    module_browser.page.evaluate(LISTENING)
    xdotool(screen, 'mousemove', '600', '400')
    return module_browser


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


def navigate_alone(url: str, trust: Trust, address: str = '127.0.0.1',
                   ) -> None:
    """With a browser of its own."""
    browser = Chromium(url, address, trust, DOCUMENTS, Screen())
    try:
        browser.start()
        browser.page.navigate(f'{url}/console.html')
    finally:
        browser.close()


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
