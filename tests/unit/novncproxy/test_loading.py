# SPDX-License-Identifier: Apache-2.0
"""What is found out when certificates and page files are read."""

import dataclasses

import pytest

from ironic_console.common.errors import ConfigError
from ironic_console.common.tls import ClientTls, ServerTls
from ironic_console.novncproxy.loading import load
from ironic_console.novncproxy.settings import ListenAddress
from tests.helpers.certificates import Authority
from tests.helpers.proxy import make_settings


def test_loading_finds_what_is_missing(tmp_path):
    settings = make_settings(tmp_path, tls=ServerTls('/no/such/file'))
    with pytest.raises(ConfigError, match='cert_file'):
        load(settings)


def test_loading_finds_what_is_missing_for_endpoints(tmp_path):
    settings = make_settings(tmp_path, endpoint_tls=ClientTls('/no/file'))
    with pytest.raises(ConfigError, match='vencrypt_ca_certs'):
        load(settings)


@pytest.mark.parametrize('allowed', [False, True])
def test_warns_at_the_start_that_endpoints_may_be_anybody(
        tmp_path, caplog, allowed):
    load(make_settings(tmp_path, endpoint_tls=ClientTls(
        allow_unverified=allowed)))
    warnings = [record.getMessage() for record in caplog.records
                if record.levelname == 'WARNING']
    assert ['allow_unverified_tls' in text for text in warnings] == (
        [True] if allowed else [])


def test_viewers_get_no_tickets_of_tls_and_browsers_do(tmp_path):
    files = Authority('viewers').issue().save(tmp_path)
    certificate = ServerTls(files.cert_file, files.key_file)
    loaded = load(dataclasses.replace(
        make_settings(tmp_path, tls=certificate),
        viewers=ListenAddress('127.0.0.1', 0, certificate)))
    assert loaded.viewers_context.num_tickets == 0
    assert loaded.context.num_tickets > 0
