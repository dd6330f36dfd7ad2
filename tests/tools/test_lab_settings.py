# SPDX-License-Identifier: Apache-2.0
"""Options are written as oslo.config reads them."""

import pathlib

from oslo_config import cfg

from tools.lab import settings


def test_oslo_config_reads_what_was_written(tmp_path: pathlib.Path) -> None:
    path = tmp_path / 'x.conf'
    settings.write(path, {'DEFAULT': {'flag': True, 'names': ['a', 'b']},
                          'more': {'text': 'costs $5', 'number': 1.5}})
    conf = cfg.ConfigOpts()
    conf.register_opts([cfg.BoolOpt('flag'), cfg.ListOpt('names')])
    conf.register_opts([cfg.StrOpt('text'), cfg.FloatOpt('number')], 'more')
    conf(['--config-file', str(path)], default_config_files=[])
    assert conf.flag is True
    assert conf.names == ['a', 'b']
    assert conf.more.text == 'costs $5'
    assert conf.more.number == 1.5


def test_later_layers_win_option_by_option() -> None:
    assert settings.merged({'a': {'x': 1, 'y': 2}}, None,
                           {'a': {'y': 3}, 'b': {'z': 4}}) == {
        'a': {'x': 1, 'y': 3}, 'b': {'z': 4}}


def test_only_the_owner_reads_the_file(tmp_path: pathlib.Path) -> None:
    path = tmp_path / 'x.conf'
    settings.write(path, {'a': {'x': 1}})
    assert path.stat().st_mode & 0o077 == 0
