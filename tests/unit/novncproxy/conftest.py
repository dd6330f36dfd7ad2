# SPDX-License-Identifier: Apache-2.0
"""Imported first: the helper chooses oslo.service's backend."""

import tests.helpers.proxy  # noqa: F401
