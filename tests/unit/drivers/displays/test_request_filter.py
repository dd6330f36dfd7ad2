# SPDX-License-Identifier: Apache-2.0
"""What a page may ask for, and what belongs to the console."""

import pytest

from ironic_console.drivers.displays.request_filter import RequestFilter

SITE = 'https://bmc.example'
DOCUMENTS = (r'/irc\.html(\?[\w=&]*)?', '/')
CONSOLE = [f'{SITE}/irc.html', f'{SITE}:443/irc.html?lang=en', SITE,
           f'{SITE}/', 'https://BMC.example/irc.html', f'{SITE}/irc.html#top']
OTHER_PAGES = [
    f'{SITE}/html/admin.html', f'{SITE}/irc.html/../html/admin.html',
    f'{SITE}/ircxhtml', f'{SITE}/irc.html?lang=en&next=/html',
    f'{SITE}/x/irc.html', f'{SITE}//irc.html', f'{SITE}/irc.html\n']
OTHER_SITES = [
    'http://bmc.example/irc.html', 'https://bmc.example:8443/irc.html',
    'https://bmc.example.evil/irc.html', 'https://evil/bmc.example/irc.html',
    'https://bmc.example@evil/irc.html', 'https://evil\\@bmc.example/irc.html',
    'https://evil/irc.html', '//bmc.example/irc.html', 'https:///irc.html',
    'https://bmc.example:x/irc.html', 'https://[bmc.example/irc.html',
    'https://bmc.ex\u0430mple/irc.html', 'file:///etc/passwd',
    'chrome://settings', 'devtools://devtools', 'view-source:' + SITE, '',
    'javascript:alert(1)', 'about:blank', 'filesystem:https://bmc.example/x']


def make(site: str = SITE) -> RequestFilter:
    return RequestFilter(site, DOCUMENTS)


@pytest.mark.parametrize('url', CONSOLE)
def test_lets_the_console_in(url: str) -> None:
    assert make().is_console(url)
    assert make().allows(url, 'Document')


@pytest.mark.parametrize('url', OTHER_PAGES + OTHER_SITES)
def test_lets_no_other_document_in(url: str) -> None:
    assert not make().is_console(url)
    assert not make().allows(url, 'Document')


@pytest.mark.parametrize('url', ['data:text/html,x', 'blob:' + SITE + '/1',
                                 'wss://bmc.example/irc.html'])
def test_what_pages_hold_in_themselves_is_no_document(url: str) -> None:
    assert not make().allows(url, 'Document')


@pytest.mark.parametrize('kind', ['Script', 'XHR', 'WebSocket', 'Other', ''])
@pytest.mark.parametrize('url', OTHER_SITES)
def test_nothing_comes_from_other_sites(url: str, kind: str) -> None:
    assert not make().allows(url, kind)


@pytest.mark.parametrize(('url', 'kind'), [
    (f'{SITE}/js/irc.js', 'Script'), (f'{SITE}/json/x?a=b', 'XHR'),
    ('wss://bmc.example/wss/ircport', 'WebSocket'),
    ('data:image/png;base64,AAAA', 'Image'),
    (f'blob:{SITE}/1-2-3', 'Other')])
def test_a_page_may_be_made_of_what_the_bmc_has(url: str, kind: str) -> None:
    assert make().allows(url, kind)


def test_a_socket_without_tls_is_not_of_a_site_with_it() -> None:
    assert not make().allows('ws://bmc.example/', 'WebSocket')
    assert make('http://bmc.example').allows('ws://bmc.example/', 'WebSocket')


def test_ports_and_ipv6_addresses_are_compared_as_they_are() -> None:
    requests = make('https://[2001:db8::1]:8443')
    assert requests.is_console('https://[2001:db8::1]:8443/irc.html')
    assert not requests.is_console('https://[2001:db8::1]/irc.html')
    assert not requests.is_console('https://[2001:db8::2]:8443/irc.html')
    assert not requests.is_console('https://2001:db8::1:8443/irc.html')


def test_a_site_that_is_none_lets_nothing_in() -> None:
    requests = make('bmc.example')
    assert not requests.allows('about:blank', 'Document')
    assert not requests.allows('', 'Image')
