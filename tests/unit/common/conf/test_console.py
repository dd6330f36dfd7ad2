# SPDX-License-Identifier: Apache-2.0
"""The options of [ironic_console] are safe and refuse nonsense."""

import pathlib

import pytest
from oslo_config import cfg

from ironic_console.common.conf import console


def read(tmp_path: pathlib.Path, *lines: str) -> cfg.ConfigOpts:
    """:returns: options as read from a file with such lines."""
    path = tmp_path / 'ironic.conf'
    path.write_text('\n'.join(['[ironic_console]', *lines]))
    conf = cfg.ConfigOpts()
    console.register_opts(conf)
    conf(['--config-file', str(path)], default_config_files=[])
    return conf


def test_all_options_have_values_that_pass_their_own_limits(
        tmp_path: pathlib.Path) -> None:
    group = read(tmp_path).ironic_console
    assert {opt.dest for opt in console.OPTS} == set(group)


def test_registering_twice_is_fine(tmp_path: pathlib.Path) -> None:
    console.register_opts(read(tmp_path))


def test_defaults_are_safe(tmp_path: pathlib.Path) -> None:
    group = read(tmp_path).ironic_console
    assert group.token_format == 'signed'
    assert group.fake_vnc_address == '127.0.0.1'
    assert group.endpoint_networks == []


@pytest.mark.parametrize('option', console.OPTS,
                         ids=lambda option: option.dest)
def test_says_what_it_is_for_in_sentences(option: cfg.Opt) -> None:
    assert option.help.endswith('.')
    assert option.help[0].isupper() or option.help.startswith('oslo')


@pytest.mark.parametrize('line', [
    'token_format = none', 'workers = -1', 'workers = 65', 'max_sessions = 0',
    'connect_timeout = 0', 'handshake_timeout = -1', 'idle_timeout = -1',
    'ping_interval = soon', 'concurrency_backend = asyncio',
    'fake_vnc_address = not an address'])
def test_refuses_what_is_out_of_range(tmp_path: pathlib.Path,
                                      line: str) -> None:
    name = line.split()[0]
    with pytest.raises((ValueError, cfg.ConfigFileValueError), match=name):
        getattr(read(tmp_path, line).ironic_console, name)
