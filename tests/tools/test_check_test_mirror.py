# SPDX-License-Identifier: Apache-2.0
"""The mirror check sees both a module and a test left alone."""

import pathlib

from tools import check_test_mirror


def tree(root: pathlib.Path, *names: str) -> pathlib.Path:
    """:returns: the folder, with empty files of these names."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def test_accepts_a_mirror(tmp_path: pathlib.Path) -> None:
    tree(tmp_path,
         'ironic_console/__init__.py', 'ironic_console/a/__main__.py',
         'ironic_console/a/b.py', 'tests/unit/a/test_b.py',
         'tests/unit/a/__init__.py', 'tests/unit/a/helper.py')
    assert check_test_mirror.problems(tmp_path) == []


def test_accepts_a_folder_for_a_module(tmp_path: pathlib.Path) -> None:
    tree(tmp_path, 'ironic_console/a/b.py', 'tests/unit/a/b/test_one.py',
         'tests/unit/a/b/test_other.py')
    assert check_test_mirror.problems(tmp_path) == []
    tree(tmp_path, 'tests/unit/a/c/test_one.py')
    assert check_test_mirror.problems(tmp_path) == [
        'tests/unit/a/c/test_one.py has no module']


def test_reports_a_module_without_tests(tmp_path: pathlib.Path) -> None:
    tree(tmp_path, 'ironic_console/a/b.py', 'tests/unit/test_b.py')
    assert check_test_mirror.problems(tmp_path) == [
        'ironic_console/a/b.py has no tests/unit/a/test_b.py',
        'tests/unit/test_b.py has no module']


def test_reports_tests_without_a_module(tmp_path: pathlib.Path) -> None:
    tree(tmp_path, 'ironic_console/a.py', 'tests/unit/test_a.py',
         'tests/unit/x/test_gone.py')
    assert check_test_mirror.problems(tmp_path) == [
        'tests/unit/x/test_gone.py has no module']
