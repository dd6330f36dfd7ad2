# SPDX-License-Identifier: Apache-2.0
"""The proxy under mixed use for minutes or hours: nothing may grow."""
