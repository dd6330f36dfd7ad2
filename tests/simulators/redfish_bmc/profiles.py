# SPDX-License-Identifier: Apache-2.0
"""How the generations of the BMC differ, as a table.

What can be changed while one runs is in :mod:`knobs`.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Profile:
    """One generation with one firmware.

    :ivar model: of the manager; the generation of the server is in it.
    :ivar messages: registry and version that its own messages are from.
    :ivar base: the same for those of the standard.
    :ivar dell_attributes: attributes are at Oem/Dell/DellAttributes, with
        links to them.
    :ivar legacy_attributes: attributes are at Attributes.
    :ivar strong_password: the VNC password needs 8 characters and all four
        kinds of them. All take longer ones, and use 8 characters.
    :ivar depth: bits per pixel of its screen.
    :ivar banner_delay: seconds until it says its ProtocolVersion.
    :ivar picky: it sends no pictures to who lists encodings that it does not
        know.
    :ivar one_session: it drops a second viewer, whatever MaxSessions says.
    """

    name: str
    model: str
    system: str
    firmware: str
    redfish: str
    messages: str
    base: str
    dell_attributes: bool = False
    legacy_attributes: bool = False
    strong_password: bool = False
    depth: int = 24
    banner_delay: float = 0.0
    picky: bool = False
    one_session: bool = True


#: Name -> profile. The two old ones have 16 bits per pixel, 5-6-5; real ones
#: have 5-5-5, which Xtigervnc does not offer.
PROFILES = {profile.name: profile for profile in (
    Profile('idrac7', '13G Monolithic', 'PowerEdge R630', '2.40.40.40',
            '1.0.2', 'IDRAC.1.6', 'Base.1.2', depth=16, banner_delay=0.5,
            picky=True),
    Profile('idrac8', '13G Monolithic', 'PowerEdge R730', '2.86.86.86',
            '1.4.0', 'IDRAC.1.6', 'Base.1.2', legacy_attributes=True,
            depth=16, banner_delay=0.5, picky=True),
    Profile('idrac9-old', '14G Monolithic', 'PowerEdge R640', '3.34.34.34',
            '1.4.0', 'IDRAC.1.6', 'Base.1.2', legacy_attributes=True),
    Profile('idrac9', '16G Monolithic', 'PowerEdge R760', '7.10.30.00',
            '1.17.0', 'IDRAC.2.9', 'Base.1.12', dell_attributes=True,
            legacy_attributes=True, strong_password=True),
    Profile('idrac10', '17G Monolithic', 'PowerEdge R770', '1.20.25.00',
            '1.20.1', 'IDRAC.3.0', 'Base.1.18', dell_attributes=True,
            strong_password=True),
)}
