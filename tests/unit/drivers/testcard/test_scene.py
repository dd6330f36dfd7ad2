# SPDX-License-Identifier: Apache-2.0
"""Keys become text; text becomes lines."""

import datetime

import pytest

from ironic_console.drivers.testcard.scene import (
    MAX_TEXT,
    Keyboard,
    Scene,
    wrap,
)

CTRL, ALT, SHIFT, ALT_GR = 0xffe3, 0xffe9, 0xffe1, 0xfe03
RETURN, BACKSPACE, DELETE = 0xff0d, 0xff08, 0xffff


def scene():
    return Scene(datetime.datetime(2026, 9, 1, tzinfo=datetime.UTC))


def typed(*keysyms):
    shown, keyboard = scene(), Keyboard()
    for keysym in keysyms:
        shown.press(keyboard.key(keysym, True))
        keyboard.key(keysym, False)
    return shown


def chord(*keysyms):
    keyboard = Keyboard()
    return [keyboard.key(keysym, True) for keysym in keysyms][-1]


def test_letters_become_text():
    assert typed(*map(ord, 'Hi you~')).text == 'Hi you~'


def test_return_and_enter_begin_a_line():
    assert typed(0x61, RETURN, 0x62, 0xff8d).text == 'a\nb\n'


def test_backspace_removes_a_character_or_a_line_break():
    assert typed(0x61, 0x62, BACKSPACE).text == 'a'
    assert typed(0x61, RETURN, BACKSPACE).text == 'a'
    assert typed(BACKSPACE).text == ''


def test_the_key_pad_types_what_is_on_it():
    assert typed(0xffb0, 0xffb9, 0xffab, 0xffae, 0xff80).text == '09+. '


def test_takes_letters_beyond_ascii():
    assert typed(0xe4, 0x010020ac).text == 'ä€'


@pytest.mark.parametrize('keysym', [
    0, 0x1f, 0x7f, 0x9f, 0xad, 0xffbe, 0x0100d800, 0x01000000, 0x01110000,
    0x0110ffff, 0xffffffff])
def test_other_keys_type_nothing_and_have_a_name(keysym):
    shown = typed(keysym)
    assert shown.text == ''
    assert shown.stroke
    assert shown.strokes == 1


def test_a_key_that_goes_up_is_no_stroke():
    assert Keyboard().key(0x61, False) is None


def test_names_keys_with_the_modifiers_that_are_held():
    assert chord(CTRL, ALT, DELETE).name == 'Ctrl+Alt+Delete'
    assert chord(ALT, CTRL, 0x74).name == 'Ctrl+Alt+t'
    assert chord(SHIFT, 0xffc1).name == 'Shift+F4'
    assert chord(SHIFT, CTRL).name == 'Shift+Ctrl'
    assert chord(0x12345678).name == '0x12345678'


def test_shift_and_altgr_show_in_the_letter_already():
    assert chord(SHIFT, ord('A')).name == 'A'
    assert chord(ALT_GR, ord('@')).types == '@'


def test_shortcuts_type_nothing():
    assert chord(CTRL, 0x63).types == ''
    assert chord(ALT, RETURN).types == ''


def test_a_modifier_that_went_up_is_not_held():
    keyboard = Keyboard()
    keyboard.key(CTRL, True)
    keyboard.key(CTRL, False)
    assert keyboard.key(0x63, True).types == 'c'


def test_old_text_is_forgotten():
    shown, stroke = scene(), Keyboard().key(0x61, True)
    for _ in range(MAX_TEXT + 10):
        shown.press(stroke)
    assert len(shown.text) == MAX_TEXT
    assert shown.strokes == MAX_TEXT + 10


def test_wraps_long_lines_and_keeps_the_last_ones():
    assert wrap('', 5, 3) == ['']
    assert wrap('abcde', 5, 3) == ['abcde']
    assert wrap('abcdefg\n', 5, 3) == ['abcde', 'fg', '']
    assert wrap('1\n2\n\n4', 5, 2) == ['', '4']
    assert wrap('abcdef', 1, 2) == ['e', 'f']
