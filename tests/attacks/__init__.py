# SPDX-License-Identifier: Apache-2.0
"""Attacks on console proxies, as programs that can be pointed at any of them.

``python -m tests.attacks --help``; what each does is in attacks.py, and the
proxies that can be started for it are in targets.py.
"""
