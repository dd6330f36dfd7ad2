# SPDX-License-Identifier: Apache-2.0
"""Versions: which rules a banner stands for."""

import pytest

from ironic_console.common.rfb import versions
from ironic_console.common.rfb.versions import V3_3, V3_7, V3_8

# banner -> (rules as a client, answer as a client, rules as a server)
TABLE = [
    ('003.003', V3_3, '003.003', V3_3),
    ('003.004', V3_3, '003.003', V3_3),
    ('003.005', V3_3, '003.003', V3_3),
    ('003.006', V3_3, '003.003', V3_3),
    ('003.007', V3_7, '003.007', V3_7),
    ('003.008', V3_8, '003.008', V3_8),
    ('003.889', V3_8, '003.008', V3_8),
    ('004.000', V3_8, '003.008', V3_8),
    ('004.001', V3_8, '003.008', V3_8),
    ('005.000', V3_8, '003.008', V3_8),
    ('055.008', V3_8, '055.008', V3_8),
    # numbers that nobody has described
    ('003.009', V3_8, '003.008', V3_3),
    ('003.014', V3_8, '003.008', V3_3),
    ('006.000', V3_8, '003.008', V3_3),
    ('055.009', V3_8, '003.008', V3_3),
    ('999.999', V3_8, '003.008', V3_3),
]


def banner(text: str) -> bytes:
    return f'RFB {text}\n'.encode()


@pytest.mark.parametrize(('heard', 'rules', 'answer', '_'), TABLE)
def test_a_server_is_answered_by_the_table(heard, rules, answer, _):
    assert versions.answer_server(banner(heard)) == (rules, banner(answer))


@pytest.mark.parametrize(('heard', '_', '__', 'rules'), TABLE)
def test_a_client_is_followed_by_the_table(heard, _, __, rules):
    assert versions.accept_client(banner(heard)) is rules


@pytest.mark.parametrize('heard', ['000.000', '000.001', '001.000',
                                   '003.002', '002.999'])
def test_a_server_older_than_3_3_is_refused(heard):
    with pytest.raises(versions.UnknownVersion):
        versions.answer_server(banner(heard))


def test_a_repeater_is_named():
    with pytest.raises(versions.UnknownVersion, match='UltraVNC repeater'):
        versions.answer_server(b'RFB 000.000\n')


@pytest.mark.parametrize('data', [
    b'', b'RFB 003.008', b'RFB 003.008\n\n', b'RFB 003.008\r', b'RFB 03.008\n',
    b'rfb 003.008\n', b'RFB -03.008\n', b'RFB 003,008\n', b'RFB  03.008\n',
    b'RFB 003.00\xb2\n', b'RFB \xd9\xa3\xd9\xa3.\xd9\n',
    b'\nRFB 003.008', b'XRFB 003.008\n'])
def test_what_is_no_banner_is_refused_on_both_sides(data):
    with pytest.raises(versions.UnknownVersion, match='not an RFB version'):
        versions.answer_server(data)
    with pytest.raises(versions.UnknownVersion, match='not an RFB version'):
        versions.accept_client(data)


@pytest.mark.parametrize('version', [V3_3, V3_7, V3_8])
def test_own_banners_stand_for_themselves(version):
    assert len(version.banner) == versions.BANNER_BYTES
    assert versions.accept_client(version.banner) is version
    assert versions.answer_server(version.banner) == (version,
                                                      version.banner)


def test_versions_are_written_as_people_write_them():
    assert [str(V3_3), str(V3_7), str(V3_8)] == ['3.3', '3.7', '3.8']


def test_only_the_rules_of_the_specification_exist():
    rules = {version.name: (version.offers_list, version.result_after_none,
                            version.reason_after_failure)
             for version in (V3_3, V3_7, V3_8)}
    assert rules == {'3.3': (False, False, False),
                     '3.7': (True, False, False),
                     '3.8': (True, True, True)}


@pytest.mark.parametrize(('data', 'words'), [
    (b'HTTP/1.0 200 OK\r\n', 'answered HTTP'),
    (b'http/1.1 400', 'answered HTTP'),
    (b'<html>', 'answered HTTP'),
    (b'<HTML>', 'answered HTTP'),
    (b'<!DOCTYPE html>', 'answered HTTP'),
    (b'SSH-2.0-dropbear\r\n', 'answered SSH'),
    (b'\x15\x03\x01\x00\x02\x02\x0a', 'answered TLS'),
    (b'\x16\x03\x04\x00', 'answered TLS'),
    (b'220 ready\r\n', 'answered FTP or SMTP'),
    (b'220-ready\r\n', 'answered FTP or SMTP'),
    (b'\xff\xfd\x18\xff', 'answered Telnet'),
    (b'2200', 'answered something else'),
    (b'\x16\x04\x00\x00', 'answered something else'),
    (b' HTTP', 'answered something else'),
    (b'\0\0\0\0', 'answered something else'),
    (b'', 'answered something else'),
])
def test_a_stranger_is_described(data, words):
    assert versions.describe_stranger(data) == words


@pytest.mark.parametrize('data', [
    b'HTTP/1.1 400 Bad Request', b'<html><body>', b'<!doctype html>',
    b'SSH-2.0-x', b'\x15\x03\x03\x00\x02\x02\x16', b'220 mail',
    b'\xff\xfb\x01\xff\xfb\x03'])
def test_four_bytes_of_a_stranger_are_enough(data):
    assert (versions.describe_stranger(data[:4])
            == versions.describe_stranger(data) != 'answered something else')
