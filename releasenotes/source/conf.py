# SPDX-License-Identifier: Apache-2.0
"""How Sphinx builds the release notes."""

project = 'ironic_console release notes'
author = 'the authors of ironic_console'
extensions = ['reno.sphinxext']
html_theme = 'alabaster'
