# SPDX-License-Identifier: Apache-2.0
"""What went wrong with a BMC, as sentences that say what to do.

They become ``last_error`` of a node, which its owner reads: nothing that the
BMC has worded is in them, but names of messages. How it is asked is not known
here.
"""

import os
import re
import socket
import ssl
from collections.abc import Sequence

import requests

from ironic_console.common.clock import Deadline
from ironic_console.common.errors import (
    BmcRefused,
    BmcUnreachable,
    BmcUnsupported,
    DriverError,
)
from ironic_console.drivers.bmc_transport import (
    Detour,
    NotJson,
    TooLate,
    TransportError,
)

_NAME = re.compile(r'[\w .()/-]{1,40}')
_MESSAGE_ID = re.compile(r'[A-Za-z0-9_.]{1,64}')
# MessageIds of Dell end in these.
_DEFAULT_PASSWORD = 'SWC1908'  # noqa: S105
_LICENCE = re.compile(r'LIC\d|SWC0242|RAC0?904|License', re.IGNORECASE)
_NO_ANSWER = 'no answer'
# Links that lead nowhere at all.
_NO_LINKS = (requests.exceptions.InvalidURL,
             requests.exceptions.InvalidSchema,
             requests.exceptions.MissingSchema)


class WrongAccount(BmcRefused):
    """It does not let us in; each further try may lock the account."""


class Failures:
    """Of one BMC.

    :param name: of the BMC, at the beginning of a sentence.
    :param deadline: what it had, for all requests together.
    """

    def __init__(self, name: str, deadline: Deadline) -> None:
        self._name = name
        self._deadline = deadline

    def no_redfish(self, why: str) -> DriverError:
        """:param why: in a few words."""
        return BmcUnsupported(
            f'{self._name} answers with what is not Redfish ({why}); check '
            'that driver_info/redfish_address is the address of a BMC, and '
            'reset the BMC if it is')

    def unreachable(self, cause: BaseException | None) -> DriverError:
        """:param cause: what requests says, or our transport."""
        if isinstance(cause, (Detour, *_NO_LINKS)):
            return BmcRefused(
                f'{self._name} sends us elsewhere, and credentials do not '
                'follow; set driver_info/redfish_address to where it really '
                'is')
        if isinstance(cause, TooLate) and cause.status:
            return self.failed(cause.status, (), '')
        reason = _network_reason(cause)
        if reason == _NO_ANSWER or (isinstance(cause, TooLate)
                                    and cause.__cause__ is None):
            return BmcUnreachable(
                f'{self._name} did not answer within the {self._deadline}; '
                'check driver_info/redfish_address, the network, and whether '
                'the BMC is restarting or slow')
        if isinstance(cause, NotJson):
            return self.no_redfish(str(cause))
        if isinstance(cause, TransportError) and not isinstance(
                cause, TooLate):
            return BmcUnsupported(
                f'{self._name} cannot be used: {cause}; reset the BMC, and '
                'update its firmware if that does not help')
        if isinstance(cause, requests.exceptions.SSLError):
            return self._no_tls(cause)
        return BmcUnreachable(
            f'{self._name} cannot be reached ({reason}); '
            'check driver_info/redfish_address, the network, and whether '
            'the BMC is restarting')

    def _no_tls(self, error: BaseException) -> DriverError:
        found = _find(error, ssl.SSLError)
        if isinstance(found, ssl.SSLCertVerificationError):
            return BmcRefused(
                f'{self._name} shows a certificate that is not trusted '
                f'({found.verify_message}); set driver_info/redfish_verify_ca '
                'to a file with the CA that signed it')
        reason = word(getattr(found, 'reason', None))
        return BmcRefused(
            f'{self._name} and we find no way to speak TLS ({reason}); check '
            'that driver_info/redfish_verify_ca is a file of CAs in PEM, '
            'redfish_tls_minimum_version, and redfish_tls_ciphers')

    def denied(self, status: int, ids: Sequence[str], doing: str,
               ) -> DriverError:
        """:param status: of HTTP, 401 or 403."""
        if any(one.endswith(_DEFAULT_PASSWORD) for one in ids):
            return BmcRefused(
                f'{self._name} changes nothing while its account has the '
                'default password; change that on the BMC and in driver_info'
                '/redfish_password')
        if any(_LICENCE.search(one) for one in ids):
            return BmcRefused(
                f'{self._name} has no licence that lets us {doing}; install '
                f'an Enterprise or Datacenter licence{_quoted(ids)}')
        if status == 401:
            return WrongAccount(
                f'{self._name} does not accept driver_info/redfish_username '
                'and redfish_password; correct them, and see whether the '
                'BMC has locked the account')
        return BmcRefused(
            f'{self._name} does not let its user {doing}; give the account '
            'of driver_info/redfish_username the right to configure the BMC'
            f'{_quoted(ids)}')

    def failed(self, status: int, ids: Sequence[str], doing: str,
               ) -> DriverError:
        """:param status: of HTTP, any other from 400 on."""
        if any(_LICENCE.search(one) for one in ids):
            return self.denied(status, ids, doing)
        if status >= 500:
            return BmcUnreachable(
                f'{self._name} is not ready (HTTP status '
                f'{status}); try again in some minutes, and reset '
                f'the BMC if that does not help{_quoted(ids)}')
        if status == 404:
            return BmcUnsupported(
                f'{self._name} has not what it takes to {doing} (HTTP status '
                '404); check driver_info/redfish_address, and update its '
                'firmware')
        return BmcRefused(
            f'{self._name} does not let us {doing} (HTTP status '
            f'{status}); see whether it is in lockdown mode, and '
            f'update its firmware{_quoted(ids)}')


def message_names(names: Sequence[object]) -> list[str]:
    """:param names: what a BMC calls its reasons (MessageId).
    :returns: those that may be told; its sentences are not for our users.
    """
    return [one for one in names
            if isinstance(one, str) and _MESSAGE_ID.fullmatch(one)][:4]


def word(text: object) -> str:
    """A name that the BMC gives, if it looks like one."""
    return text if isinstance(text, str) and _NAME.fullmatch(
        text) else 'unknown'


def _quoted(ids: Sequence[str]) -> str:
    return f' (it says {", ".join(ids)})' if ids else ''


def _network_reason(error: BaseException | None) -> str:
    """What the system says, without the layers around it."""
    found = _find(error, OSError)
    if isinstance(found, TimeoutError):
        return _NO_ANSWER
    if isinstance(found, ConnectionError):
        return 'the connection is refused or broken'
    if isinstance(found, socket.gaierror):
        return 'its name is not known'
    if isinstance(found, OSError) and found.errno:
        return os.strerror(found.errno)
    return 'the connection broke'


def _find(error: BaseException | None, kind: type[BaseException],
          ) -> BaseException | None:
    """The innermost cause of a kind; requests and urllib3 have several ways
    of wrapping one."""
    found, seen = None, set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, kind) and not isinstance(
                error, requests.exceptions.RequestException):
            found = error
        inner = [getattr(error, 'reason', None), *error.args,
                 error.__cause__, error.__context__]
        error = next((one for one in inner
                      if isinstance(one, BaseException)
                      and id(one) not in seen), None)
    return found
