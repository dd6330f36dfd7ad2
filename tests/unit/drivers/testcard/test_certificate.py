# SPDX-License-Identifier: Apache-2.0
"""The certificate of test cards: one for each process, to be pinned."""

import concurrent.futures
import hashlib
import ssl
import tempfile

import pytest

from ironic_console.drivers.testcard import certificate
from ironic_console.drivers.testcard.certificate import own_identity
from tests.unit.common.test_tls import shake_hands


@pytest.fixture
def none_yet():
    certificate._make_identity.cache_clear()


@pytest.mark.usefixtures('none_yet')
def test_there_is_one_however_many_want_it():
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: own_identity(), range(8)))
    assert len(made) == 1


def test_another_process_has_another():
    before = own_identity().fingerprint
    certificate._make_identity.cache_clear()
    assert own_identity().fingerprint != before


def test_it_is_what_the_fingerprint_says():
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    der = shake_hands(own_identity().context, client).getpeercert(
        binary_form=True)
    assert hashlib.sha256(der).hexdigest() == own_identity().fingerprint


def test_nobody_vouches_for_it():
    client = ssl.create_default_context()
    with pytest.raises(ssl.SSLCertVerificationError, match='self-signed'):
        shake_hands(own_identity().context, client, 'fake-vnc')


@pytest.mark.usefixtures('none_yet')
def test_the_key_is_not_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    own_identity()
    assert not list(tmp_path.iterdir())
