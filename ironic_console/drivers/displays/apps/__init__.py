# SPDX-License-Identifier: Apache-2.0
"""How each vendor's console page is opened and left; base.py says what that
is, the others know one vendor each."""
