# SPDX-License-Identifier: Apache-2.0
"""What the fuzz runs share."""

from tests.helpers.security import known_keys

__all__ = ['known_keys']
