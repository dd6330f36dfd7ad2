# SPDX-License-Identifier: Apache-2.0
"""A Dell BMC that speaks Redfish over HTTPS and has a real VNC server.

It judges the product and therefore imports nothing of it. In a test, see
:mod:`tests.helpers.bmc`; as a program, until it is interrupted::

    python -m tests.simulators.redfish_bmc --profile idrac9

===========  ===========================================================
profiles     how generations differ: a table
knobs        what can be made to go wrong, at any time
attributes   names, types and rules of attributes; their values
envelopes    answers, and errors as Redfish words them
sessions     who may ask: Basic authentication, sessions, their limit
tasks        what a BMC promises with 202 and does later
resources    the resources that are only read
service      request -> answer; the story of one request
web          HTTPS, and what goes wrong below HTTP
listener     accepting connections, a thread for each
display      a real Xtigervnc without a port
gate         the VNC port in front of it: TLS, limits, time-outs
ears         what the gate understands of RFB
vnc          attributes -> display and gate
witness      another host, to be redirected to
bmc          all of it together
control      knobs and state over HTTP, for programs
===========  ===========================================================

Of Redfish it knows what a console driver and sushy ask for. It has no web
console: nothing of the WebSocket that newer ones offer.
"""

from tests.simulators.redfish_bmc.bmc import Identity, RedfishBmc
from tests.simulators.redfish_bmc.knobs import Knobs
from tests.simulators.redfish_bmc.profiles import PROFILES, Profile

__all__ = ['PROFILES', 'Identity', 'Knobs', 'Profile', 'RedfishBmc']
