# SPDX-License-Identifier: Apache-2.0
"""Values of driver_info: what is taken, and what is said of the rest."""

import os
import pathlib

import pytest

from ironic_console.common.errors import ConfigError
from ironic_console.drivers import driver_info
from tests.helpers.certificates import Authority
from tests.helpers.proxy import Holdings

CA = Authority()
PEM = CA.pem.decode()


def test_a_setting_that_nobody_obeys_is_refused_with_those_that_exist(
        ) -> None:
    known = ('some_port', 'some_host')
    driver_info.refuse_unknown({'some_port': 1, 'other_port': 2}, 'some_',
                               known, 'some-vnc')
    with pytest.raises(ConfigError, match='driver_info/some_prot is not a '
                       'setting of some-vnc; there are some_port, some_host'):
        driver_info.refuse_unknown({'some_prot': 'secret'}, 'some_', known,
                                   'some-vnc')


@pytest.mark.parametrize(('value', 'text'), [
    ('words', 'words'), ('', ''), (12345678, '12345678'), (0, '0')])
def test_takes_text_and_what_the_command_line_made_a_number(
        value: object, text: str) -> None:
    assert driver_info.text({'key': value}, 'key') == text
    assert driver_info.text({}, 'key') == ''


@pytest.mark.parametrize('value', [None, True, 1.5, [], ['pa55'], {'a': 1}])
def test_says_how_text_is_written_and_does_not_repeat_it(value: object,
                                                         ) -> None:
    with pytest.raises(ConfigError, match='info/key must be text') as caught:
        driver_info.text({'key': value}, 'key')
    assert str(caught.value).endswith("""key='"..."'""")
    assert 'pa55' not in str(caught.value)


@pytest.mark.parametrize('value', ['5,1, 0 ,,-223', [5, 1, '0', -223]])
def test_a_list_has_commas_or_is_one(value: object) -> None:
    assert driver_info.items({'key': value}, 'key') == ['5', '1', '0', '-223']


@pytest.mark.parametrize('value', ['', ' ', ',', []])
def test_a_list_may_be_empty(value: object) -> None:
    assert driver_info.items({'key': value}, 'key') == []
    assert driver_info.items({}, 'key') == []


@pytest.mark.parametrize('part', [None, True, 1.5, ['none'], {}])
def test_parts_of_a_list_are_text_too(part: object) -> None:
    with pytest.raises(ConfigError, match='info/key must be text'):
        driver_info.items({'key': ['5', part]}, 'key')


def test_a_single_number_is_a_list_too() -> None:
    assert driver_info.items({'key': 5}, 'key') == ['5']


def test_a_choice_is_one_of_them() -> None:
    choices = ('off', 'on')
    assert driver_info.choice({'key': 'on'}, 'key', choices, 'off') == 'on'
    assert driver_info.choice({}, 'key', choices, 'off') == 'off'
    for value in ('', 'On', None, True, ['on'], {}):
        with pytest.raises(ConfigError,
                           match=r'info/key is .* one of off, on'):
            driver_info.choice({'key': value}, 'key', choices, 'off')


@pytest.mark.parametrize(('value', 'found'), [
    ('5', 5), (5, 5), ('-1', -1), ('x', 'x'), (None, None), ([1], [1])])
def test_what_is_no_number_stays_for_whoever_refuses_it(
        value: object, found: object) -> None:
    assert driver_info.number(value, int) == found
    assert driver_info.number(float('inf'), int) == float('inf')


@pytest.mark.parametrize(('value', 'kind', 'found'), [
    (7, int, 7), ('7', int, 7), (7.0, int, 7), (1.5, float, 1.5),
    ('1.5', float, 1.5), (1, float, 1.0), (0, int, 0), (9, int, 9)])
def test_a_number_is_what_people_write(
        value: object, kind: type, found: float) -> None:
    read = driver_info.number_in({'key': value}, 'key', 5, 0, 9, kind)
    assert read == found
    assert type(read) is kind


@pytest.mark.parametrize('kind', [int, float])
@pytest.mark.parametrize('value', [
    -1, 10, '10', True, None, 'x' * 100_000, 10 ** 400, float('nan'),
    float('inf'), [5], '9' * 5000])
def test_a_number_is_within_its_limits(value: object, kind: type) -> None:
    with pytest.raises(ConfigError, match=r'info/key is .* from 0 to 9',
                       ) as caught:
        driver_info.number_in({'key': value}, 'key', 5, 0, 9, kind)
    assert len(str(caught.value)) < 1000


def test_a_whole_number_is_not_made_one() -> None:
    with pytest.raises(ConfigError, match=r'5.5'):
        driver_info.number_in({'key': 5.5}, 'key', 5, 0, 9)
    assert driver_info.number_in({}, 'key', 5, 0, 9) == 5


@pytest.mark.parametrize(('value', 'found'), [
    (True, True), ('yes', True), (1, True), (False, False), ('off', False)])
def test_a_flag_is_what_people_write(value: object, found: bool) -> None:
    assert driver_info.flag({'key': value}, 'key') is found
    assert driver_info.flag({}, 'key') is False


@pytest.mark.parametrize('value', ['maybe', '', None, 2, [], 'x' * 100_000])
def test_a_flag_is_true_or_false(value: object) -> None:
    with pytest.raises(ConfigError, match=r'info/key is .* true or false',
                       ) as caught:
        driver_info.flag({'key': value}, 'key')
    assert len(str(caught.value)) < 1000


def test_an_error_of_somebody_else_gets_the_key() -> None:
    def fail() -> None:
        raise ConfigError('it is wrong')
    with pytest.raises(ConfigError, match=r'^driver_info/key: it is wrong$'):
        driver_info.checked('key', fail)
    assert driver_info.checked('key', lambda: 5) == 5


# -- CAs ----------------------------------------------------------------------

def cas(value: object) -> str:
    return driver_info.cas({'key': str(value)}, 'key')


def refusal(value: object) -> str:
    with pytest.raises(ConfigError) as caught:
        cas(value)
    assert str(caught.value).startswith('driver_info/key')
    return str(caught.value)


def test_cas_stand_there_or_in_a_file(tmp_path: pathlib.Path) -> None:
    path = tmp_path / 'ca.pem'
    path.write_text(PEM)
    assert cas(path) == cas(PEM) == PEM
    assert driver_info.cas({}, 'key') == ''


def test_nothing_but_certificates_leaves_a_file(tmp_path: pathlib.Path,
                                                ) -> None:
    path = tmp_path / 'both.pem'
    path.write_bytes(b'password = pa55word \xff\n' + CA.itself.key
                     + CA.pem + b'more')
    assert cas(path) == PEM


def test_a_file_without_certificates_is_not_shown(tmp_path: pathlib.Path,
                                                  ) -> None:
    path = tmp_path / 'ironic.conf'
    path.write_text('connection = mysql://ironic:pa55word@db/ironic\n')
    text = refusal(path)
    assert 'no certificates of CAs in PEM' in text
    assert 'pa55word' not in text


@pytest.mark.parametrize('path', ['ca.pem', './ca.pem', 'file:///ca.pem',
                                  'https://ca.example'])
def test_a_path_begins_with_a_slash(path: str) -> None:
    assert f'{path!r}, which is neither PEM nor the path' in refusal(path)


def test_a_file_that_cannot_be_read_is_told(tmp_path: pathlib.Path) -> None:
    missing = refusal(tmp_path / 'missing')
    assert missing.endswith('conductor cannot read: No such file or directory')
    assert 'cannot read: ' in refusal('/a\0b')
    assert refusal(tmp_path).endswith('cannot read: Is a directory')
    assert refusal('/dev/zero').endswith('which is no file')


def test_no_file_stays_open(tmp_path: pathlib.Path) -> None:
    before = Holdings.now()
    for path in (tmp_path, '/dev/zero', tmp_path / 'missing'):
        refusal(path)
    before.wait_for_return()


def test_a_pipe_is_not_waited_for(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / 'pipe')
    assert refusal(tmp_path / 'pipe').endswith('which is no file')


def test_a_file_is_not_read_to_an_end_that_is_far(tmp_path: pathlib.Path,
                                                  ) -> None:
    path = tmp_path / 'huge.pem'
    with path.open('wb') as file:
        file.truncate(2**40)
    assert 'has more than 262144 bytes' in refusal(path)


def test_what_a_node_cannot_remember_is_refused(tmp_path: pathlib.Path,
                                                ) -> None:
    path = tmp_path / 'bundle.pem'
    path.write_text(PEM * (32 * 1024 // len(PEM) + 1))
    assert 'name only the CAs of this server' in refusal(path)
