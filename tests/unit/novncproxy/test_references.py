# SPDX-License-Identifier: Apache-2.0
"""Which files a page and its modules need."""

import pytest

from ironic_console.common.errors import ConfigError
from ironic_console.novncproxy.references import (
    closure,
    place,
    static_imports,
)


@pytest.mark.parametrize(('source', 'specifiers'), [
    ("import a from './a.js';", ['./a.js']),
    ('import { a, b as c } from "./a.js"', ['./a.js']),
    ("import * as a from '../a.js';", ['../a.js']),
    ("import a, { b } from './a.js';", ['./a.js']),
    ("import './a.js';", ['./a.js']),
    ("import{a}from'./a.js';", ['./a.js']),
    ("import {\n    a,\n    b,\n}\n    from './a.js';", ['./a.js']),
    ("export { a } from './a.js';", ['./a.js']),
    ("export * from './a.js';", ['./a.js']),
    ("export * as a from './a.js'", ['./a.js']),
    ("  import a from './a.js';", ['./a.js']),
    ("import a from './a.js'\nimport b from './b.js'", ['./a.js', './b.js']),
    ("export const a = 1\nimport b from './b.js'", ['./b.js']),
    ("import /* that's it */ a from './a.js';", []),
    ("import /* it */ a from './a.js';", ['./a.js']),
    ("import a from './a.js' with { type: 'json' };", ['./a.js']),
], ids=repr)
def test_finds_every_form_of_a_static_import(source, specifiers):
    assert list(static_imports(source)) == specifiers


@pytest.mark.parametrize('source', [
    "// import a from './a.js';",
    "/*\nimport a from './a.js';\n*/",
    "const a = `\nimport a from './a.js';\n`;",
    "const a = `\\`\nimport a from './a.js';\n`;",
    'const a = "\\\nimport a from \'./a.js\'";',
    "const a = 'import b from \"./b.js\"';",
    "const a = await import('./a.js');",
    "import('./a.js').then(from);",
    'import.meta.url;',
    "export const from = './a.js';",
    "export default './a.js';",
    "export var info = 'inflate (from Nodeca)';",
    "export { a };\nconst from = './a.js';",
    "imported from './a.js'",
    'const a = /import "b.js"/;',
    'export function from() {}',
    '',
], ids=repr)
def test_takes_nothing_else_for_one(source):
    assert list(static_imports(source)) == []


def files(**sources):
    """Modules by the first letter of their folder and their name."""
    return {name.replace('_', '/') + '.js': source.encode()
            for name, source in sources.items()}


def test_follows_imports_each_once_and_in_circles():
    tree = files(main="import './js/a.js';\nimport './js/b.js';",
                 js_a="import '../lib/c.js';", js_b="import '../lib/c.js';",
                 lib_c="import '../js/a.js';", lib_d='')
    assert closure('main.js', tree) == [
        'main.js', 'js/a.js', 'js/b.js', 'lib/c.js']


@pytest.mark.parametrize(('specifier', 'missing'), [
    ('./b.js', 'js/b.js'), ('../../a.js', '../a.js'), ('b', 'js/b'),
    ('lib/c.js', 'js/lib/c.js'), ('js/a.js', 'js/js/a.js'),
    ('https://evil.example/a.js', 'js/https:/evil.example/a.js'),
])
def test_says_what_is_missing_and_who_wants_it(specifier, missing):
    tree = files(js_a=f"import '{specifier}';", lib_c='')
    with pytest.raises(ConfigError) as caught:
        closure('js/a.js', tree)
    assert f'page file {missing} is missing' in str(caught.value)
    assert f"js/a.js imports '{specifier}'" in str(caught.value)
    assert str(caught.value).endswith('install ironic-console again')


def test_a_name_is_no_path_even_if_there_is_such_a_file():
    with pytest.raises(ConfigError, match=r"imports 'b\.js'"):
        closure('a.js', files(a="import 'b.js';", b=''))


def test_says_that_novnc_is_not_complete():
    with pytest.raises(ConfigError, match=r'\[vnc\]novnc_web is not compl'):
        closure('novnc/core/rfb.js', {
            'novnc/core/rfb.js': b"import './x.js';"})


PAGE = '''\
<head>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="css/a.css">
  <link rel="modulepreload" href="js/main.js">
  <link rel="modulepreload" href="novnc/core/rfb.js">
  <script type="module" src="js/main.js"></script>
</head>
<a href="https://example.org/">there</a> <a href="#title">here</a>
'''
TREE = {'css/a.css': b'', 'js/main.js': b"import './a.js';",
        'js/a.js': b'', 'novnc/core/rfb.js': b"import '../../js/a.js';"}


def test_the_page_finds_its_files_elsewhere_and_preloads_all():
    assert place(PAGE, 'static/1/', TREE) == '''\
<head>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="static/1/css/a.css">
  <link rel="modulepreload" href="static/1/js/main.js">
  <link rel="modulepreload" href="static/1/js/a.js">
  <link rel="modulepreload" href="static/1/novnc/core/rfb.js">
  <script type="module" src="static/1/js/main.js"></script>
</head>
<a href="https://example.org/">there</a> <a href="#title">here</a>
'''


@pytest.mark.parametrize('name', ['css/a.css', 'js/main.js',
                                  'novnc/core/rfb.js'])
def test_says_what_the_page_lacks(name):
    tree = {key: body for key, body in TREE.items() if key != name}
    with pytest.raises(ConfigError, match=f'page file {name} is missing'):
        place(PAGE, 'static/1/', tree)
