# SPDX-License-Identifier: Apache-2.0
"""What Chromium is told of the BMC's certificate. What it makes of that is
in tests/displays/test_display_browser.py."""

import pathlib
import ssl
import subprocess

import pytest

from ironic_console.drivers.displays import trust
from ironic_console.drivers.displays.trust import Trust, TrustUnavailable
from tests.helpers.certificates import Authority


@pytest.fixture(scope='module')
def anchor() -> bytes:
    return ssl.PEM_cert_to_DER_cert(Authority('BMC').pem.decode())


@pytest.mark.parametrize(('is_own', 'flags'), [(False, 'C,,'), (True, 'P,,')])
def test_an_anchor_is_all_that_is_trusted(tmp_path: pathlib.Path,
                                          anchor: bytes, is_own: bool,
                                          flags: str) -> None:
    wanted = Trust(anchor=anchor, is_own=is_own)
    assert wanted.flags() == ['--ssl-version-min=tls1.2']
    wanted.install(tmp_path)
    folder = tmp_path / trust.DATABASE
    assert folder.stat().st_mode & 0o077 == 0
    found = subprocess.run(
        ['certutil', '-L', '-d', f'sql:{folder}'], capture_output=True,
        text=True, timeout=30, check=True).stdout.splitlines()
    rows = [line.split() for line in found if ',' in line and 'SSL' not in
            line]
    assert rows == [['bmc', flags]]


def test_a_pin_is_a_flag_and_nothing_else(tmp_path: pathlib.Path) -> None:
    wanted = Trust(pin='cGlu')
    assert wanted.flags() == ['--ignore-certificate-errors-spki-list=cGlu',
                              '--ssl-version-min=tls1.2']
    wanted.install(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_missing_certutil_is_told(
        tmp_path: pathlib.Path, anchor: bytes,
        monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
        ) -> None:
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(TrustUnavailable, match='libnss3-tools') as caught:
        Trust(anchor=anchor).install(tmp_path)
    assert not caught.value.retry
    assert 'apt-get install libnss3-tools' in caplog.text


@pytest.mark.parametrize('script', ['echo "bad\n database"; exit 1',
                                    'exec sleep 600'])
def test_a_certutil_that_fails_is_told(
        tmp_path: pathlib.Path, anchor: bytes, script: str,
        monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
        ) -> None:
    program = tmp_path / 'certutil'
    program.write_text(f'#!/bin/sh\n{script}\n')
    program.chmod(0o755)
    monkeypatch.setattr(trust.shutil, 'which', lambda _: str(program))
    monkeypatch.setattr(trust, '_TIMEOUT', 0.5)
    with pytest.raises(TrustUnavailable):
        Trust(anchor=anchor).install(tmp_path)
    [record] = caplog.records
    assert '\n' not in record.getMessage()
