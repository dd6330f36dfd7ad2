# SPDX-License-Identifier: Apache-2.0
"""What pip installs is all that an installation needs.

The wheel is made from the source archive, as distributions do it, so what is
missing there is missing here too.
"""

import email.message
import email.parser
import pathlib
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SHARED = 'ironic_console-{version}.data/data/share/ironic-console/'
# Folders made by working in a checkout, and none of it.
MADE = shutil.ignore_patterns(
    '.git', '.venv*', '.quickstart', '.tox', '.*_cache', '.hypothesis',
    'node_modules', 'build', 'dist', '*.egg-info', '__pycache__')
_TIMEOUT = 600.0


def run(folder: pathlib.Path, *words: str) -> None:
    """Run Python, with what it said when it fails."""
    done = subprocess.run([sys.executable, *words], cwd=folder, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=_TIMEOUT, check=False)
    assert done.returncode == 0, done.stdout


def made(folder: str, names: list[str]) -> set[str]:
    """:returns: what is not to be copied, for shutil.copytree."""
    return {name for name in MADE(folder, names)
            if (pathlib.Path(folder) / name).is_dir()
            # A worktree has a file of this name.
            or name == '.git'}


@pytest.fixture(scope='module')
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """:returns: the folder that the source archive unpacks to."""
    folder = tmp_path_factory.mktemp('package')
    checkout = folder / 'checkout'
    shutil.copytree(ROOT, checkout, symlinks=True, ignore=made)
    run(checkout, '-c', 'from setuptools import build_meta; '
                        f'build_meta.build_sdist({str(folder)!r})')
    archive, = folder.glob('*.tar.gz')
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter='data')
    return folder / archive.name.removesuffix('.tar.gz')


@pytest.fixture(scope='module')
def wheel(unpacked: pathlib.Path) -> zipfile.ZipFile:
    """:returns: the wheel that is made of it, open."""
    run(unpacked, '-m', 'pip', 'wheel', '--no-deps', '--no-build-isolation',
        '--wheel-dir', str(unpacked.parent), '.')
    found, = unpacked.parent.glob('*.whl')
    return zipfile.ZipFile(found)


@pytest.fixture
def metadata(wheel: zipfile.ZipFile) -> email.message.Message:
    """:returns: what package indexes show."""
    name, = (name for name in wheel.namelist() if name.endswith('/METADATA'))
    return email.parser.BytesParser().parsebytes(wheel.read(name))


def files(folder: pathlib.Path, pattern: str = '*') -> set[str]:
    """:returns: relative paths of what a checkout holds there."""
    return {str(path.relative_to(folder)) for path in folder.rglob(pattern)
            if path.is_file() and '__pycache__' not in path.parts}


@pytest.mark.parametrize('folder', ['doc/source', 'etc', 'releasenotes/notes',
                                    'releasenotes/source', 'tests', 'tools'])
def test_the_source_archive_has_what_a_checkout_has(
        unpacked: pathlib.Path, folder: str) -> None:
    assert not files(ROOT / folder) - files(unpacked / folder)


def test_the_source_archive_has_what_stands_beside_the_readme(
        unpacked: pathlib.Path) -> None:
    for name in ('README.rst', 'CONTRIBUTING.md', 'SECURITY.md', 'LICENSE',
                 'tox.ini', 'test-requirements.txt', 'package-lock.json'):
        assert (unpacked / name).is_file(), name


def test_units_samples_and_templates_are_installed(
        wheel: zipfile.ZipFile, metadata: email.message.Message) -> None:
    shared = SHARED.format(version=metadata['Version'])
    installed = {name.removeprefix(shared) for name in wheel.namelist()
                 if name.startswith(shared)}
    # The generator's own configuration is for those who change options.
    assert installed == files(ROOT / 'etc') - {'config-generator.conf'}


@pytest.mark.parametrize('pattern', ['*.py', '*.js', '*.css', '*.html',
                                     '*.json'])
def test_programs_pages_and_policies_are_installed(
        wheel: zipfile.ZipFile, pattern: str) -> None:
    wanted = {f'ironic_console/{path}'
              for path in files(ROOT / 'ironic_console', pattern)}
    assert wanted
    assert not wanted - set(wheel.namelist())


def test_no_test_is_installed(wheel: zipfile.ZipFile) -> None:
    assert not [name for name in wheel.namelist()
                if name.startswith(('tests/', 'tools/'))]


def test_the_description_has_no_picture_that_an_index_cannot_show(
        metadata: email.message.Message) -> None:
    text = metadata.get_payload()
    assert isinstance(text, str)
    assert len(text) > 500
    assert 'image::' not in text
