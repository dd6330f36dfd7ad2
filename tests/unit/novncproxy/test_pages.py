# SPDX-License-Identifier: Apache-2.0
"""Files of the page: exactly those, with the right headers."""

import gzip
import random
import re
import shutil

import pytest

from ironic_console.common.errors import ConfigError
from ironic_console.novncproxy import pages
from ironic_console.novncproxy.pages import PagePolicy, Pages
from ironic_console.novncproxy.request import PageRequest
from tests.helpers.proxy import fake_novnc

OTHER_HASH = '0123456789abcdef'
NAMES = ['', 'console.html', 'vnc.html', 'vnc_auto.html', 'vnc_lite.html']
_STRING = re.compile(r''''(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"''')
LONG = b'const a = 1;  // long enough to be packed\n' * 100


@pytest.fixture
def novnc(tmp_path):
    root = fake_novnc(tmp_path / 'novnc')
    (root / 'core' / 'long.js').write_bytes(LONG)
    (root / 'core' / 'secret.py').write_text('x')
    (root / 'app').mkdir()
    (root / 'app' / 'ui.js').write_text('x')
    return root


@pytest.fixture
def site(novnc):
    return Pages(PagePolicy(novnc))


def find(site, path, *etags, gzip=False):
    return site.find(PageRequest(path, etags=frozenset(etags), gzip=gzip))


def static(site, name, *etags, gzip=False):
    return find(site, f'/static/{site.hash}/{name}', *etags, gzip=gzip)


@pytest.mark.parametrize('base', ['/', '/consoles/', '/a/b/'])
@pytest.mark.parametrize('name', NAMES)
def test_the_page_has_several_names(novnc, base, name):
    site = Pages(PagePolicy(novnc, base_path=base))
    # A reverse proxy may take the path off or leave it on.
    for path in (f'/{name}', f'{base}{name}'):
        answer = find(site, path)
        headers = dict(answer.headers)
        assert answer.status == 200
        assert b'<!DOCTYPE html>' in answer.body
        assert answer.content_type == 'text/html; charset=utf-8'
        # The URL carries the ticket.
        assert headers['Cache-Control'] == 'no-store'
        assert headers['Referrer-Policy'] == 'no-referrer'
        assert 'X-Frame-Options' not in headers
        assert 'ETag' not in headers


def test_files_are_found_with_and_without_the_path_too(novnc):
    site = Pages(PagePolicy(novnc, base_path='/consoles/'))
    name = f'static/{site.hash}/novnc/core/rfb.js'
    assert find(site, f'/{name}') == find(site, f'/consoles/{name}')
    assert find(site, f'/other/{name}') is None
    assert find(site, f'/consoles/consoles/{name}') is None


def test_the_page_may_load_nothing_from_elsewhere(site):
    headers = dict(find(site, '/').headers)
    rules = dict(rule.strip().partition(' ')[::2] for rule
                 in headers['Content-Security-Policy'].split(';'))
    assert rules == {
        'default-src': "'none'", 'script-src': "'self'",
        'style-src': "'self'", 'img-src': "'self' data: blob:",
        'connect-src': "'self'", 'base-uri': "'none'",
        'form-action': "'none'", 'require-trusted-types-for': "'script'",
        'trusted-types': "'none'"}


def test_the_page_gets_clipboard_and_full_screen_and_no_more(site):
    rules = dict(rule.split('=') for rule in dict(
        find(site, '/').headers)['Permissions-Policy'].split(', '))
    assert {name for name, who in rules.items() if who == '(self)'} == {
        'clipboard-read', 'clipboard-write', 'fullscreen'}
    assert {'camera', 'microphone', 'geolocation', 'usb'} <= {
        name for name, who in rules.items() if who == '()'}


@pytest.mark.parametrize(('origins', 'rule'), [
    (('https://horizon.example',),
     'frame-ancestors https://horizon.example'),
    (('none',), "frame-ancestors 'none'"),
])
def test_who_may_frame_the_page_can_be_limited(novnc, origins, rule):
    policy = PagePolicy(novnc, origins).security_policy()
    assert policy.endswith(f'; {rule}')


def test_serves_novnc_below_its_name(site):
    answer = static(site, 'novnc/core/rfb.js')
    assert answer.body == b'export default class {}\n'
    assert answer.content_type == 'text/javascript; charset=utf-8'


@pytest.mark.parametrize('path', [
    '/static/{}/novnc/core/secret.py', '/static/{}/novnc/app/ui.js',
    '/static/{}/core/rfb.js', '/static/{}/novnc/', '/static/{}/',
    '/static/{}', '/static/{}/console.html', '/static/{}/vnc.html',
    '/static/{}/novnc/core/../core/rfb.js', '/static/{}/../pages.py',
    '/static/{}//novnc/core/rfb.js', '/static/{}/novnc/core/rfb.js%00',
    '/static/{}0/novnc/core/rfb.js', '/static/x/novnc/core/rfb.js',
    '/static//novnc/core/rfb.js', '/novnc/core/rfb.js', '/js/main.js',
    '/static/', '/static', '/../pages.py', '/%2e%2e/pages.py', '/js',
    '/console.html/', '/CONSOLE.HTML', '//console.html', '//', '/etc/passwd',
    '//evil.example', '/\\evil.example', '//static/{}/novnc/core/rfb.js'])
def test_serves_nothing_else(site, path):
    assert find(site, path.format(site.hash)) is None


def test_every_file_of_the_page_is_there(site):
    paths = [path for suffix in ('js', 'css', 'svg')
             for path in sorted(pages.WEB_ROOT.rglob(f'*.{suffix}'))]
    assert paths
    for path in paths:
        name = path.relative_to(pages.WEB_ROOT).as_posix()
        served = static(site, name).body.splitlines()
        lines = path.read_bytes().splitlines()
        # Comments of our modules stay here; nothing moves by that.
        assert len(served) == len(lines)
        for one, line in zip(served, lines, strict=True):
            assert one == line or (path.suffix == '.js' and not one
                                   and line.lstrip().startswith(b'//'))


def test_no_text_of_our_modules_looks_like_a_comment():
    # Only in a template could a line begin with // and be none.
    for path in pages.WEB_ROOT.rglob('*.js'):
        marks = 0
        for line in path.read_text().splitlines():
            if not line.lstrip().startswith('//'):
                marks += _STRING.sub('', line).count('`')
            assert marks % 2 == 0 or '//' not in line, f'{path}: {line}'


def test_novnc_is_served_as_it_is(site, novnc):
    for name in ('core/rfb.js', 'core/long.js'):
        assert static(site, f'novnc/{name}').body == (
            novnc / name).read_bytes()


def test_the_page_refers_to_files_that_are_there_for_ever(site):
    body = find(site, '/').body.decode()
    references = re.findall(r'(?:href|src)="([^":]+)"', body)
    assert f'static/{site.hash}/novnc/core/rfb.js' in references
    for reference in references:
        headers = dict(find(site, f'/{reference}').headers)
        assert headers['Cache-Control'] == (
            'public, max-age=31536000, immutable')


# -- the hash -----------------------------------------------------------------

def test_the_hash_changes_with_every_change_of_a_file(novnc):
    hashes = [Pages(PagePolicy(novnc)).hash]
    file = novnc / 'core' / 'long.js'
    file.write_bytes(LONG[:-1])
    hashes.append(Pages(PagePolicy(novnc)).hash)
    file = file.rename(file.with_name('other.js'))
    hashes.append(Pages(PagePolicy(novnc)).hash)
    file.unlink()
    hashes.append(Pages(PagePolicy(novnc)).hash)
    assert len(set(hashes)) == 4


def test_the_hash_is_the_same_on_every_host(novnc, tmp_path):
    copy = tmp_path / 'elsewhere'
    shutil.copytree(novnc, copy)
    (copy / 'core' / 'secret.py').unlink()
    assert Pages(PagePolicy(copy)).hash == Pages(PagePolicy(novnc)).hash


@pytest.mark.parametrize('packed', [False, True])
def test_pages_of_another_version_get_what_there_is_and_do_not_keep_it(
        site, packed):
    path = f'/static/{OTHER_HASH}/novnc/core/long.js'
    answer = find(site, path, '""', '"None"', gzip=packed)
    headers = dict(answer.headers)
    assert answer.status == 200
    assert answer.body == static(site, 'novnc/core/long.js',
                                 gzip=packed).body
    assert headers['Cache-Control'] == 'no-store'
    assert 'ETag' not in headers
    assert find(site, f'/static/{OTHER_HASH}/novnc/core/no.js') is None


def test_a_copy_that_is_current_is_not_sent_again(site):
    for packed in (False, True):
        answer = static(site, 'novnc/core/long.js', gzip=packed)
        etag = dict(answer.headers)['ETag']
        again = static(site, 'novnc/core/long.js', '"old"', etag,
                       gzip=packed)
        assert again.status == 304
        assert again.headers == answer.headers
        assert static(site, 'novnc/core/long.js', '"old"',
                      gzip=packed).status == 200


# -- gzip ---------------------------------------------------------------------

def test_packs_what_is_long_for_who_wants_it(site):
    plain = static(site, 'novnc/core/long.js')
    packed = static(site, 'novnc/core/long.js', gzip=True)
    assert plain.body == LONG
    assert gzip.decompress(packed.body) == LONG
    assert len(packed.body) < len(LONG) / 2
    assert packed.content_type == plain.content_type
    assert 'Content-Encoding' not in dict(plain.headers)
    assert dict(packed.headers)['Content-Encoding'] == 'gzip'
    # Or a cache between would give one for the other.
    for answer in (plain, packed):
        assert dict(answer.headers)['Vary'] == 'Accept-Encoding'
    assert dict(plain.headers)['ETag'] != dict(packed.headers)['ETag']


def test_packs_the_page_itself(site):
    plain, packed = find(site, '/'), find(site, '/', gzip=True)
    assert gzip.decompress(packed.body) == plain.body
    assert dict(packed.headers)['Content-Encoding'] == 'gzip'
    assert dict(packed.headers)['Cache-Control'] == 'no-store'


def test_packs_nothing_that_is_short_or_does_not_shrink(novnc):
    (novnc / 'core' / 'noise.js').write_bytes(
        random.Random(1).randbytes(2000))
    (novnc / 'core' / 'packet.js').write_bytes(b' ' * 859)
    site = Pages(PagePolicy(novnc))
    for name in ('rfb.js', 'noise.js', 'packet.js'):
        answer = static(site, f'novnc/core/{name}', gzip=True)
        assert answer == static(site, f'novnc/core/{name}')
        assert 'Vary' not in dict(answer.headers)


def test_packs_the_same_on_every_host(novnc, monkeypatch):
    first = static(Pages(PagePolicy(novnc)), 'novnc/core/long.js', gzip=True)
    monkeypatch.setattr(pages.gzip.time, 'time', lambda: 1e9)
    again = static(Pages(PagePolicy(novnc)), 'novnc/core/long.js', gzip=True)
    assert first == again


# -- files --------------------------------------------------------------------

def test_no_request_reaches_the_file_system(site, novnc):
    (novnc / 'core' / 'rfb.js').unlink()
    (novnc / 'core' / 'new.js').write_text('x')
    assert static(site, 'novnc/core/rfb.js').status == 200
    assert static(site, 'novnc/core/new.js') is None


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


def test_says_when_novnc_is_not_complete(novnc):
    (novnc / 'core' / 'rfb.js').write_text("import './display.js';\n")
    with pytest.raises(ConfigError, match=r'display\.js is missing'):
        Pages(PagePolicy(novnc))


def test_says_which_file_cannot_be_read(novnc, monkeypatch):
    def fail(path):
        raise PermissionError(13, 'Permission denied', str(path))

    monkeypatch.setattr(pages.pathlib.Path, 'read_bytes', fail)
    with pytest.raises(ConfigError, match='Permission denied'):
        Pages(PagePolicy(novnc))
