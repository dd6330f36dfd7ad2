# SPDX-License-Identifier: Apache-2.0
"""A relay with real sockets on both sides of it."""

import pytest

from tests.helpers.certificates import Authority
from tests.helpers.wires import WITHOUT_RATE, Exchange


@pytest.fixture(scope='module')
def contexts():
    """Of TLS: for the proxy and for the browser."""
    authority = Authority()
    return {'server': authority.issue('localhost').server_context(),
            'client': authority.client_context()}


@pytest.fixture(params=['plain', 'tls'])
def security(request, contexts):
    return contexts if request.param == 'tls' else {}


@pytest.fixture
def exchange():
    with Exchange(WITHOUT_RATE) as exchange:
        yield exchange
