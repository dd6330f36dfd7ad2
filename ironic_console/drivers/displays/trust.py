# SPDX-License-Identifier: Apache-2.0
"""Whom the browser takes for the BMC.

Who has to vouch for a BMC was found out before there is a browser
(bmc_web.py). Chromium is told of that one and of nobody else: as an authority
in the database of NSS that it reads. A pin would be simpler, but it is
content with a key that stands *anywhere* in what a server sends, also in a
certificate that is not the server's own; so it is for BMCs only for which
nobody vouches.
"""

import dataclasses
import logging
import pathlib
import shutil
import subprocess

from ironic_console.drivers.displays import browser_tls
from ironic_console.drivers.displays.failures import BrowserFailed

LOG = logging.getLogger(__name__)

#: Below the home directory; Chromium knows no other place.
DATABASE = '.pki/nssdb'
_TIMEOUT = 10.0


class TrustUnavailable(BrowserFailed):
    """The browser cannot be told."""

    retry = False


@dataclasses.dataclass(frozen=True)
class Trust:
    """What counts in one visit; nothing, where there is no TLS.

    :ivar pin: SHA-256 of the only public key that is good, in base64; for
        when nobody vouches.
    :ivar anchor: in DER, the certificate at the end of the chain, which
        whoever has set up this BMC trusts.
    :ivar is_own: it is the BMC's own.
    :ivar minimum_version: of TLS, that the BMC has to speak.
    :ivar ciphers: OpenSSL cipher list for TLS 1.2; '' for any.
    """

    pin: str = ''
    anchor: bytes = b''
    is_own: bool = False
    minimum_version: str = '1.2'
    ciphers: str = ''

    def flags(self) -> list[str]:
        """:returns: for Chromium's command line."""
        pin = ([f'--ignore-certificate-errors-spki-list={self.pin}']
               if self.pin else [])
        return [*pin, *browser_tls.flags(self.minimum_version, self.ciphers)]

    def install(self, home: pathlib.Path) -> None:
        """Make a database with the anchor in it.

        :param home: of the browser.
        :raises TrustUnavailable: that cannot be done here.
        :raises OSError: nothing can be written there.
        """
        if not self.anchor:
            return
        program = shutil.which('certutil')
        if not program:
            LOG.error('there is no certutil: apt-get install libnss3-tools')
            raise TrustUnavailable(
                'This display cannot check the certificate of the BMC. Tell '
                'your operator to install the package libnss3-tools where '
                'displays run.')
        folder = home / DATABASE
        folder.mkdir(mode=0o700, parents=True)
        certificate = folder / 'anchor.der'
        certificate.write_bytes(self.anchor)
        database = f'sql:{folder}'
        # Trusted as an authority, or as this very server.
        kind = 'P,,' if self.is_own else 'C,,'
        for words in (('-N', '--empty-password'),
                      ('-A', '-n', 'bmc', '-t', kind, '-i',
                       str(certificate))):
            _run([program, '-d', database, *words])


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=_TIMEOUT, check=False)
        problem = done.stdout.decode(errors='replace')[:300]
        if not done.returncode:
            return
    except subprocess.TimeoutExpired:
        problem = f'not done within {_TIMEOUT:g} s'
    LOG.error('certutil failed: %r', problem)
    raise TrustUnavailable(
        'The web browser of this display cannot be told which certificate '
        'the BMC has. Tell your operator; the log of the display says more.')
