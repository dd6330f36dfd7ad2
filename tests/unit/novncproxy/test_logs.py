# SPDX-License-Identifier: Apache-2.0
"""Whoever logs does not suffer from the log."""

import logging

import pytest

from ironic_console.novncproxy.logs import lose_rather_than_raise


class Shaky(logging.Handler):
    """Writes to a list, when it can."""

    def __init__(self):
        super().__init__()
        self.lines = []
        self.trouble = None

    def emit(self, record):
        if self.trouble:
            raise self.trouble
        self.lines.append(record.getMessage())


@pytest.fixture
def handler():
    handler = Shaky()
    lose_rather_than_raise([handler])
    return handler


@pytest.fixture
def log(handler):
    log = logging.Logger('test')
    log.addHandler(handler)
    return log


def test_what_cannot_be_written_is_lost_and_counted(handler, log):
    log.info('before')
    handler.trouble = FileNotFoundError('the folder is gone')
    for _ in range(3):
        log.info('lost')
    handler.trouble = None
    log.info('after')
    log.info('and on')
    assert handler.lines == [
        'before', '3 lines were lost while the log could not be written',
        'after', 'and on']


def test_a_bug_is_not_hidden(handler, log):
    handler.trouble = TypeError('not all arguments converted')
    with pytest.raises(TypeError):
        log.info('line')


def test_guarding_twice_is_fine(handler, log):
    lose_rather_than_raise([handler])
    handler.trouble = OSError('disk full')
    log.info('lost')
    handler.trouble = None
    log.info('after')
    assert handler.lines == [
        '1 lines were lost while the log could not be written', 'after']
