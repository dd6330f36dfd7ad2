# SPDX-License-Identifier: Apache-2.0
import pytest

from ironic_console.drivers.displays.apps.polling import wait_for
from ironic_console.drivers.displays.failures import (
    ConsoleLost,
    PageChanged,
    PageMoving,
)


def test_looks_until_something_is_seen() -> None:
    seen = iter(['', None, 0, 'picture', 'more'])
    assert wait_for(lambda: next(seen), 'nothing') == 'picture'


def test_a_page_on_its_way_is_waited_for() -> None:
    seen = iter([PageMoving('moving'), 'picture'])

    def look() -> str:
        value = next(seen)
        if isinstance(value, PageMoving):
            raise value
        return value
    assert wait_for(look, 'nothing') == 'picture'


def test_what_is_never_seen_is_said() -> None:
    with pytest.raises(PageChanged, match='no picture'):
        wait_for(lambda: False, 'no picture', timeout=0)


def test_other_failures_are_not_waited_away() -> None:
    def look() -> bool:
        raise ConsoleLost('lost')
    with pytest.raises(ConsoleLost):
        wait_for(look, 'nothing')
