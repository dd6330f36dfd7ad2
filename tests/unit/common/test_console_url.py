# SPDX-License-Identifier: Apache-2.0
"""The URL that ``console show`` prints."""

import urllib.parse

import pytest
from oslo_utils import strutils

from ironic_console.common import console_url

NODE = '1be26c0b-03f2-4d2e-ae87-c02d7f33c123'
PAGE = 'https://console.example:6090/vnc_lite.html'


def what_the_page_opens(url: str) -> dict[str, list[str]]:
    """:returns: the query of the WebSocket, read as noVNC reads it."""
    path = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)['path'][0]
    assert urllib.parse.urlsplit(path).path == 'websockify'
    return urllib.parse.parse_qs(urllib.parse.urlsplit(path).query)


def test_has_the_form_that_others_rely_on() -> None:
    assert console_url.build(PAGE, NODE, 'abc') == (
        f'{PAGE}?path=websockify%3Fnode={NODE}%26token=abc')


@pytest.mark.parametrize('token', [
    'abc', 'a.b-c_d', 'a+b/c==', 'ä', '%41', 'a&node=other', 'a b', '#'])
def test_carries_any_token(token: str) -> None:
    assert what_the_page_opens(console_url.build(PAGE, NODE, token)) == {
        'node': [NODE], 'token': [token]}


def test_stays_whole_when_horizon_appends_a_title() -> None:
    url = f'{console_url.build(PAGE, NODE, "abc")}&title=node(one)'
    assert what_the_page_opens(url) == {'node': [NODE], 'token': ['abc']}


def test_keeps_the_query_of_the_page() -> None:
    url = console_url.build(f'{PAGE}?lang=de', NODE, 'abc')
    assert url.startswith(f'{PAGE}?lang=de&path=websockify')
    assert what_the_page_opens(url) == {'node': [NODE], 'token': ['abc']}


@pytest.mark.parametrize('token', ['abc', 'a.b-c_d', 'a+b/c=='])
def test_ironic_masks_the_ticket_where_it_logs_results(token: str) -> None:
    url = console_url.build(PAGE, NODE, token)
    logged = strutils.mask_password({'console_info': {'url': url}})
    for text in (str(logged), strutils.mask_password(str({'url': url}))):
        assert '***' in text
        assert token not in text
        assert urllib.parse.quote(token, safe='') not in text


def test_what_was_built_can_be_read_again():
    url = console_url.build('https://h:6090/a/console.html?x=y', NODE,
                            't&=k/e n')
    found = console_url.parse(url + '&title=web1(1234)')
    assert (found.node, found.token.reveal(), found.host) == (
        NODE, 't&=k/e n', 'h')
    assert found.websocket.reveal().startswith(
        f'https://h:6090/a/websockify?node={NODE}&token=')
    assert 't&' not in repr(found)
