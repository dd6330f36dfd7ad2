# SPDX-License-Identifier: Apache-2.0
"""Files of the page: exactly those, with the right headers."""

import pytest

from ironic_console.common.errors import ConfigError
from ironic_console.novncproxy import pages
from ironic_console.novncproxy.pages import PagePolicy, Pages
from ironic_console.novncproxy.request import PageRequest
from tests.helpers.proxy import fake_novnc


@pytest.fixture
def novnc(tmp_path):
    root = fake_novnc(tmp_path / 'novnc')
    (root / 'core' / 'secret.py').write_text('x')
    (root / 'app').mkdir()
    (root / 'app' / 'ui.js').write_text('x')
    return root


@pytest.fixture
def site(novnc):
    return Pages(PagePolicy(novnc))


def find(site, path, etag=''):
    return site.find(PageRequest(path, etag=etag))


@pytest.mark.parametrize('path', [
    '/', '/console.html', '/vnc.html', '/vnc_auto.html', '/vnc_lite.html'])
def test_the_page_has_several_names(site, path):
    answer = find(site, path)
    headers = dict(answer.headers)
    assert answer.status == 200
    assert b'<!DOCTYPE html>' in answer.body
    assert answer.content_type == 'text/html; charset=utf-8'
    # The URL carries the ticket.
    assert headers['Cache-Control'] == 'no-store'
    assert headers['Referrer-Policy'] == 'no-referrer'
    assert 'X-Frame-Options' not in headers


def test_the_page_may_load_nothing_from_elsewhere(site):
    headers = dict(find(site, '/').headers)
    rules = dict(rule.strip().partition(' ')[::2] for rule
                 in headers['Content-Security-Policy'].split(';'))
    assert rules == {
        'default-src': "'none'", 'script-src': "'self'",
        'style-src': "'self'", 'img-src': "'self' data: blob:",
        'connect-src': "'self'", 'base-uri': "'none'",
        'form-action': "'none'"}


@pytest.mark.parametrize(('origins', 'rule'), [
    (('https://horizon.example',),
     'frame-ancestors https://horizon.example'),
    (('none',), "frame-ancestors 'none'"),
])
def test_who_may_frame_the_page_can_be_limited(novnc, origins, rule):
    policy = PagePolicy(novnc, origins).security_policy()
    assert policy.endswith(f'; {rule}')


def test_serves_novnc_below_its_name(site):
    answer = find(site, '/novnc/core/rfb.js')
    assert answer.body == b'export default class {}\n'
    assert answer.content_type == 'text/javascript; charset=utf-8'


@pytest.mark.parametrize('path', [
    '/novnc/core/secret.py', '/novnc/app/ui.js', '/core/rfb.js', '/novnc/',
    '/novnc/core/../core/rfb.js', '/novnc//core/rfb.js', '/../pages.py',
    '/%2e%2e/pages.py', '/js', '/js/', '/console.html/', '/CONSOLE.HTML',
    '//console.html', '/etc/passwd', '//evil.example',
    '/\\evil.example', '/novnc/core/rfb.js%00'])
def test_serves_nothing_else(site, path):
    assert find(site, path) is None


def test_every_script_that_the_page_names_is_there(site):
    for path in sorted(pages.WEB_ROOT.rglob('*.js')):
        name = path.relative_to(pages.WEB_ROOT).as_posix()
        assert find(site, f'/{name}').body == path.read_bytes()


def test_a_copy_that_is_current_is_not_sent_again(site):
    answer = find(site, '/novnc/core/rfb.js')
    headers = dict(answer.headers)
    assert headers['Cache-Control'] == 'no-cache'
    again = find(site, '/novnc/core/rfb.js', headers['ETag'])
    assert again.status == 304
    assert again.headers == answer.headers
    assert find(site, '/novnc/core/rfb.js', '"old"').status == 200


def test_no_request_reaches_the_file_system(site, novnc):
    (novnc / 'core' / 'rfb.js').unlink()
    (novnc / 'core' / 'new.js').write_text('x')
    assert find(site, '/novnc/core/rfb.js').status == 200
    assert find(site, '/novnc/core/new.js') is None


def test_says_how_to_get_novnc(tmp_path):
    with pytest.raises(ConfigError) as caught:
        Pages(PagePolicy(tmp_path))
    assert str(tmp_path) in str(caught.value)
    assert 'novnc_web' in str(caught.value)
    assert 'apt-get install novnc' in str(caught.value)


def test_says_when_the_page_is_missing(novnc, tmp_path, monkeypatch):
    monkeypatch.setattr(pages, 'WEB_ROOT', tmp_path / 'empty')
    with pytest.raises(ConfigError, match=r'console\.html is missing'):
        Pages(PagePolicy(novnc))


def test_says_which_file_cannot_be_read(novnc, monkeypatch):
    def fail(path):
        raise PermissionError(13, 'Permission denied', str(path))

    monkeypatch.setattr(pages.pathlib.Path, 'read_bytes', fail)
    with pytest.raises(ConfigError, match='Permission denied'):
        Pages(PagePolicy(novnc))
