# SPDX-License-Identifier: Apache-2.0
"""What programs say of themselves, and what the manual says of them."""

import argparse
import pathlib
from collections.abc import Iterator

import pytest

from ironic_console.drivers.displays.manager import cmd as display_manager
from ironic_console.novncproxy import sessions_cmd, url_cmd

MANUAL = (pathlib.Path(__file__).parents[2] / 'doc' / 'source'
          / 'programs.rst')
PROGRAMS = {module.PROGRAM: module._parser() for module in (
    display_manager, sessions_cmd, url_cmd)}


def actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """:returns: all arguments, of commands too."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from actions(command)
        else:
            yield action


@pytest.mark.parametrize('program', PROGRAMS)
def test_help_is_plain_text_with_examples(program: str) -> None:
    text = PROGRAMS[program].format_help()
    assert '``' not in text
    assert text.count(f'\n  {program} ') >= 2
    assert max(map(len, text.splitlines())) < 80


@pytest.mark.parametrize('program', PROGRAMS)
def test_every_argument_says_what_it_is_for(program: str) -> None:
    mute = [action.dest for action in actions(PROGRAMS[program])
            if not action.help]
    assert not mute


@pytest.mark.parametrize('program', PROGRAMS)
def test_the_manual_has_every_option(program: str) -> None:
    chapter = MANUAL.read_text().partition(f'{program}\n---')[2]
    chapter = chapter.partition('\nironic-console-')[0]
    missing = [option for action in actions(PROGRAMS[program])
               for option in action.option_strings
               if option.startswith('--') and option != '--help'
               and option not in chapter]
    assert chapter
    assert not missing
