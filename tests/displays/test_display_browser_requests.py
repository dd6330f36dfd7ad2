# SPDX-License-Identifier: Apache-2.0
"""The browser of a visit with pages that ask for what they may not.

It has the site of the BMC, and of that the console.
"""

import socket

import pytest

from ironic_console.drivers.displays.chromium import Chromium
from ironic_console.drivers.displays.failures import PageChanged
from ironic_console.drivers.displays.trust import Trust
from tests.helpers.display_browser import (
    HTML,
    PATIENCE,
    navigate_alone,
    targets,
    windows,
)
from tests.helpers.proxy import wait_until
from tests.helpers.scripted_site import Site, reply
from tests.helpers.xvnc import Xvnc

pytestmark = pytest.mark.usefixtures('on_screen')
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
    wait_until(lambda: windows(screen) == 1, 'other windows to be closed',
               PATIENCE)
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
