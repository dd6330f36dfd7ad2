# SPDX-License-Identifier: Apache-2.0
"""How Sphinx builds the documentation."""

from importlib import metadata

project = 'ironic_console'
author = 'the authors of ironic_console'
release = metadata.version('ironic-console')
version = release

extensions = ['oslo_config.sphinxext']
html_theme = 'alabaster'
html_theme_options = {
    'description': 'Graphical consoles for OpenStack Ironic',
    'fixed_sidebar': True,
}
nitpicky = True
