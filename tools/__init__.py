# SPDX-License-Identifier: Apache-2.0
"""Everything around the product: start it, test it, check it.

Nothing in ironic_console imports this package; it uses the standard library
only, so that it runs before anything is installed.
"""
