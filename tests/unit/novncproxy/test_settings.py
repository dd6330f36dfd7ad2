# SPDX-License-Identifier: Apache-2.0
"""From options to plain values; every bad one is named."""

import ipaddress
import os

import pytest
from oslo_config import cfg

from ironic_console.common.conf import console as console_conf
from ironic_console.common.errors import ConfigError
from ironic_console.common.tls import ClientTls, ServerTls
from ironic_console.novncproxy.settings import needs_restart, read_settings

# As Ironic and oslo.middleware have them; this module must not need Ironic.
VNC = [
    cfg.HostAddressOpt('host_ip', default='0.0.0.0'),
    cfg.PortOpt('port', default=6090),
    cfg.URIOpt('public_url'),
    cfg.BoolOpt('enable_ssl', default=False),
    cfg.StrOpt('cert_file'),
    cfg.StrOpt('key_file'),
    cfg.StrOpt('tls_minimum_version', default='1.2'),
    cfg.StrOpt('tls_ciphers'),
    cfg.StrOpt('novnc_web', default='/usr/share/novnc'),
    cfg.BoolOpt('read_only', default=False),
    cfg.IntOpt('token_timeout', default=600),
]


@pytest.fixture
def read():
    """Reads settings with some options changed."""
    conf = cfg.ConfigOpts()
    conf.register_opts(VNC, 'vnc')
    conf.register_opts([cfg.ListOpt('allowed_origin')], 'cors')
    console_conf.register_opts(conf)
    conf([])
    conf.set_override('public_url', 'https://a.example/x', 'vnc')
    changed = []

    def read(group='vnc', **options):
        for name, value in options.items():
            conf.set_override(name, value, group)
            changed.append((name, group))
        return read_settings(conf)

    yield read
    # oslo.config keeps them in the group, which is everybody's.
    for name, group in changed:
        conf.clear_override(name, group)


def test_the_defaults_are_safe(read):
    settings = read()
    assert settings.access.origins == {'https://a.example:443'}
    assert settings.access.token_timeout == 600
    assert not settings.access.plain_tokens
    assert settings.listen.tls is None
    assert settings.relay.max_session_length == 0
    assert settings.relay.stall_timeout == 300
    assert settings.relay.max_frame_rate == 5000
    assert settings.sessions.max_sessions == 2000
    assert settings.sessions.sharing == 'shared'
    assert settings.trusted_proxies == ()
    assert settings.metrics is None
    assert settings.runtime_dir == ''
    assert settings.pages.frame_ancestors == ()
    assert settings.workers == min(os.cpu_count(), 4)
    assert settings.endpoint_tls == ClientTls('', '', '', False)
    assert not settings.access.read_only
    assert not settings.sessions.read_only
    for text in ('127.0.0.1', '169.254.169.254', '::1', 'fe80::1'):
        assert not settings.addresses.allows(ipaddress.ip_address(text))


@pytest.mark.parametrize(('group', 'options', 'named'), [
    ('vnc', {'port': 6091}, '[vnc]port'),
    ('vnc', {'host_ip': '127.0.0.1'}, '[vnc]host_ip'),
    ('ironic_console', {'workers': 7}, 'workers'),
    ('ironic_console', {'runtime_dir': '/run/x'}, 'runtime_dir'),
    ('ironic_console', {'database_timeout': 7}, 'database_timeout'),
    ('ironic_console', {'concurrency_backend': 'eventlet'},
     'concurrency_backend'),
    ('ironic_console', {'max_sessions': 2001}, 'max_sessions'),
    ('ironic_console', {'metrics_port': 9099}, 'metrics_port'),
    ('ironic_console', {'viewer_port': 5999, 'gateway_cert_file': '/x'},
     'viewer_port'),
])
def test_names_what_is_heeded_at_the_start_only(read, group, options, named):
    before = read()
    [option] = needs_restart(before, read(group, **options))
    assert named in option


def test_what_needs_no_restart_is_not_named(read):
    open_ports = {'metrics_port': 9099, 'viewer_port': 5999,
                  'gateway_cert_file': '/x'}
    before = read('ironic_console', **open_ports)
    assert not needs_restart(before, before)
    after = read('ironic_console', metrics_port=0, viewer_port=0,
                 max_sessions=10, drain_timeout=7, gateway_host='::1',
                 gateway_security=['none'], gateway_networks=['::1/128'])
    assert not needs_restart(before, after)


def test_metrics_are_served_where_the_options_say(read):
    metrics = read('ironic_console', metrics_host='::1',
                   metrics_port=9099).metrics
    assert (metrics.host, metrics.port, metrics.tls) == ('::1', 9099, None)


def test_a_trusted_proxy_that_is_no_network_is_named(read):
    with pytest.raises(ConfigError, match=r'trusted_proxies.*10\.0\.0\.300'):
        read('ironic_console', trusted_proxies=['10.0.0.300'])


def test_reads_where_to_listen(read):
    listen = read(host_ip='::', port=6099).listen
    assert (listen.host, listen.port) == ('::', 6099)


@pytest.mark.parametrize(('url', 'base'), [
    ('https://a.example', '/'), ('https://a.example/', '/'),
    ('https://a.example/x.html', '/'),
    ('https://a.example/consoles/x.html?y=/z/', '/consoles/'),
    ('https://a.example/a/b/', '/a/b/'),
])
def test_reads_below_which_path_the_page_is(read, url, base):
    assert read(public_url=url).pages.base_path == base


def test_reads_tls(read):
    assert read(enable_ssl=True, cert_file='/c', key_file='/k',
                tls_minimum_version='1.3', tls_ciphers='HIGH').listen.tls == (
        ServerTls('/c', '/k', '1.3', 'HIGH'))


def test_tls_without_files_is_found_when_they_are_loaded(read):
    assert read(enable_ssl=True).listen.tls == ServerTls('', '', '1.2', '')


def test_read_only_holds_for_new_sessions_and_for_those_that_are(read):
    settings = read(read_only=True)
    assert settings.access.read_only
    assert settings.sessions.read_only


def test_more_origins_may_come(read):
    assert 'http://b.example:80' in read(
        'cors', allowed_origin=['http://b.example']).access.origins


def test_reads_every_option_of_ours_that_is_for_the_proxy(read):
    settings = read(
        'ironic_console', token_format='plain', workers=3, max_sessions=7,
        max_sessions_per_node=2, max_sessions_per_source=4,
        sharing='takeover', max_frame_rate=50.5, runtime_dir='/r',
        trusted_proxies=['198.51.100.0/24'],
        max_setups=8, head_timeout=1.5, keepalive_timeout=2.5,
        connect_timeout=3.5, handshake_timeout=4.5,
        browser_handshake_timeout=5.5, ping_interval=6.5, idle_timeout=7.5,
        stall_timeout=8.5, max_session_length=9.5, recheck_interval=10.5,
        database_grace=11.5, database_timeout=12.5, drain_timeout=13.5,
        endpoint_networks=['192.0.2.0/24'], frame_ancestors=['none'],
        vencrypt_ca_certs='/a', vencrypt_client_cert='/c',
        vencrypt_client_key='/k', allow_unverified_tls=True)
    assert settings.access.plain_tokens
    assert settings.workers == 3
    assert vars(settings.sessions) == {
        'max_sessions': 7, 'recheck_interval': 10.5, 'database_grace': 11.5,
        'read_only': False, 'max_per_node': 2, 'max_per_source': 4,
        'sharing': 'takeover'}
    assert vars(settings.setup) == {
        'max_setups': 8, 'head_timeout': 1.5, 'keepalive_timeout': 2.5,
        'connect_timeout': 3.5, 'handshake_timeout': 4.5,
        'browser_handshake_timeout': 5.5}
    assert vars(settings.relay) == {
        'ping_interval': 6.5, 'idle_timeout': 7.5, 'stall_timeout': 8.5,
        'max_session_length': 9.5, 'max_frame_rate': 50.5}
    assert settings.runtime_dir == '/r'
    assert settings.trusted_proxies == (
        ipaddress.ip_network('198.51.100.0/24'),)
    assert settings.database_timeout == 12.5
    assert settings.drain_timeout == 13.5
    assert settings.pages.frame_ancestors == ('none',)
    assert settings.endpoint_tls == ClientTls('/a', '/c', '/k', True)
    assert settings.addresses.allows(ipaddress.ip_address('192.0.2.1'))
    assert not settings.addresses.allows(ipaddress.ip_address('192.0.3.1'))


@pytest.mark.parametrize(('group', 'options', 'says'), [
    ('vnc', {'public_url': None}, '[vnc]public_url is not set'),
    ('vnc', {'public_url': 'ftp://a.example/x'}, '[vnc]public_url has'),
    ('cors', {'allowed_origin': ['*', 'null']},
     "[cors]allowed_origin has 'null'"),
    ('ironic_console', {'endpoint_networks': ['10.0.0.1/8']},
     "[ironic_console]endpoint_networks has '10.0.0.1/8'"),
    ('ironic_console', {'frame_ancestors': ["'self'"]},
     '[ironic_console]frame_ancestors has'),
    ('ironic_console', {'frame_ancestors': ['https://a.example; x']},
     '[ironic_console]frame_ancestors has'),
])
def test_names_the_option_that_is_bad(read, group, options, says):
    with pytest.raises(ConfigError) as caught:
        read(group, **options)
    assert says in str(caught.value)
    assert '\n' not in str(caught.value)


def test_any_origin_for_the_api_is_none_for_consoles(read, caplog):
    without = read('cors').access.origins
    assert read('cors', allowed_origin=['*']).access.origins == without
    assert caplog.text.count('[cors]allowed_origin is *') == 1


# -- the gateway --------------------------------------------------------------

GATEWAY = {'gateway_host': '192.0.2.20', 'gateway_security': ['none'],
           'gateway_networks': ['192.0.2.31/32']}


def test_there_is_no_gateway_unless_it_is_asked_for(read):
    assert read().gateway is None
    assert read().viewers is None


def test_reads_the_gateway(read):
    found = read('ironic_console', **GATEWAY | {
        'gateway_security': ['x509none', 'none', 'none'],
        'gateway_client_ca_file': 'ca', 'gateway_cert_file': 'cert',
        'gateway_key_file': 'key', 'gateway_client_names': ['nova'],
        'gateway_port_range': '100:102', 'gateway_interval': 2}).gateway
    assert found.policy.host == '192.0.2.20'
    assert found.policy.ports == range(100, 103)
    assert found.policy.security_types == (260, 1)
    assert found.policy.networks == (
        ipaddress.ip_network('192.0.2.31/32'),)
    assert found.policy.names == {'nova'}
    assert found.policy.interval == 2
    assert (found.tls.cert_file, found.tls.key_file,
            found.tls.client_ca_file) == ('cert', 'key', 'ca')
    assert '[ironic_console]gateway_cert_file' in found.tls.options


def test_a_gateway_without_tls_needs_no_certificate(read):
    assert read('ironic_console', **GATEWAY).gateway.tls is None


def test_the_gateway_shows_what_browsers_see_if_it_has_nothing_else(read):
    read('vnc', cert_file='page', key_file='page-key')
    found = read('ironic_console', **GATEWAY | {
        'gateway_security': ['x509none'], 'gateway_client_ca_file': 'ca',
        'viewer_port': 5901})
    for tls in (found.gateway.tls, found.viewers.tls):
        assert (tls.cert_file, tls.key_file) == ('page', 'page-key')
        assert '[vnc]cert_file' in tls.options
    # People have a ticket, not a certificate.
    assert found.viewers.tls.client_ca_file == ''


@pytest.mark.parametrize(('options', 'says'), [
    ({'gateway_security': []}, 'gateway_security is empty'),
    ({'gateway_networks': []}, 'name the hosts of nova-novncproxy'),
    ({'gateway_networks': ['nova']}, "gateway_networks has 'nova'"),
    ({'gateway_security': ['x509none']}, 'gateway_client_ca_file'),
    ({'gateway_port_range': '1'}, 'gateway_port_range'),
    ({'gateway_port_range': '6000:6100'}, r'\[vnc\]port is 6090'),
    ({'viewer_port': 16001}, 'viewer_port is 16001'),
    ({'metrics_port': 19999}, 'metrics_port is 19999')])
def test_names_what_is_wrong_with_the_gateway(read, options, says):
    with pytest.raises(ConfigError, match=says):
        read('ironic_console', **GATEWAY | options)


def test_a_key_without_its_certificate_is_named(read):
    with pytest.raises(ConfigError, match='name the certificate of that key'):
        read('ironic_console', viewer_port=5901, gateway_key_file='key')
