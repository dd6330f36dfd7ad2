# SPDX-License-Identifier: Apache-2.0
"""How the vendors differ in what they say and show, as a table.

How they behave is in :mod:`ilo`, :mod:`supermicro` and :mod:`idrac`; what can
be changed while one runs is in :mod:`knobs`. Texts are our own words.
"""

import dataclasses

#: Colours, 24 bits of red, green and blue. What every picture has: its
#: ground, and the block that moves on it.
GROUND = 0x14171C
BLOCK = 0xF2E205
#: All of a page of the BMC that is not the console.
ADMIN = 0xC01C7A
#: Of a canvas on which nothing was drawn yet.
BLANK = 0x000000


@dataclasses.dataclass(frozen=True)
class Texts:
    """What it says if all is not well.

    :ivar wrong: user name or password.
    :ivar locked: too many of those.
    :ivar limit: of sessions is reached.
    :ivar hiccup: the login should be tried again.
    :ivar expired: the session or its ticket, when the console opens.
    :ivar licence: missing.
    :ivar in_use: somebody else has the console, a question.
    :ivar asking: that somebody is asked.
    :ivar denied: they said no.
    :ivar lost: a console that was open.
    """

    wrong: str
    locked: str
    limit: str
    hiccup: str
    expired: str
    licence: str
    in_use: str
    asking: str
    denied: str
    lost: str


@dataclasses.dataclass(frozen=True)
class Profile:
    """One BMC.

    :ivar title: in its picture and its pages.
    :ivar colour: of its picture's frame.
    :ivar sessions: most of them at a time.
    :ivar locks_after: so many failed logins in a row; 0 for never.
    :ivar own_form: the console page of this iLO has a login form of its own,
        and shows it to everybody.
    """

    name: str
    title: str
    colour: int
    username: str
    password: str
    texts: Texts
    sessions: int = 6
    locks_after: int = 0
    own_form: bool = False


_ILO = Texts(
    wrong='The login was refused: user name or password are not valid.',
    locked='Too many logins have failed. Please wait before you try again.',
    limit='No more sessions can be opened: the maximum number of sessions '
          'is reached.',
    hiccup='The management processor is busy and cannot log you in now.',
    expired='Your session has expired. Please log in again.',
    licence='The remote console needs an iLO Advanced license, which is not '
            'installed.',
    in_use='The remote console is in use by another user, operator at '
           '192.0.2.44. Acquire it?',
    asking='Waiting for the other user to answer.',
    denied='The other user has denied access to the remote console.',
    lost='The connection to the remote console was lost.')

_SUPERMICRO = Texts(
    wrong='Invalid user name or password.',
    locked='This account is locked. Please wait.',
    limit='The maximum number of login sessions is reached. Log out '
          'elsewhere first.',
    hiccup='The web service is starting. Try again.',
    expired='The session has timed out. Please log in again.',
    licence='This feature is not licensed: a node product key such as '
            'SFT-OOB-LIC or SFT-DCMS-SINGLE must be activated.',
    in_use='iKVM is occupied by another user, operator (192.0.2.44). Take '
           'over the console?',
    asking='Taking over ...',
    denied='The other user has rejected the request for iKVM.',
    lost='The iKVM connection was closed by the server.')

_IDRAC = Texts(
    wrong='The user name or the password is not correct.',
    locked='The account is blocked for a while.',
    limit='The maximum number of virtual console sessions is in use.',
    hiccup='The service is temporarily not available.',
    expired='The virtual console session has expired. Launch it again.',
    licence='A required license is missing or expired: the virtual console '
            'needs an Enterprise or Datacenter license.',
    in_use='There is another virtual console session, operator at '
           '192.0.2.44. Request to share it?',
    asking='Waiting for approval by the other session.',
    denied='The request for session sharing was denied.',
    lost='The virtual console session was terminated.')

#: Name -> profile.
PROFILES = {profile.name: profile for profile in (
    Profile('ilo4', 'iLO 4', 0xC75B12, 'Administrator', 'ilo-secret-4',
            _ILO, locks_after=3),
    Profile('ilo5', 'iLO 5', 0x01A982, 'Administrator', 'ilo-secret-5',
            _ILO, locks_after=3),
    Profile('ilo6', 'iLO 6', 0x7630EA, 'Administrator', 'ilo-secret-6',
            _ILO, locks_after=3, own_form=True),
    Profile('ilo7', 'iLO 7', 0xB5179E, 'Administrator', 'ilo-secret-7',
            _ILO, locks_after=3),
    Profile('supermicro', 'Supermicro', 0x2E9E3F, 'ADMIN', 'smc-secret-11',
            _SUPERMICRO, sessions=8),
    Profile('idrac9', 'iDRAC9', 0x007DB8, 'root', 'dell-secret-9', _IDRAC),
)}
