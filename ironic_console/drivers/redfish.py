# SPDX-License-Identifier: Apache-2.0
"""From ``driver_info`` to what a BMC says over Redfish; all that uses sushy.

What a console makes of it is for the drivers. DMTF DSP0266 (protocol) and
DSP0268 (schema); for Dell's attributes the iDRAC9 Redfish API Guide,
"DellAttributes".
"""

import contextlib
import dataclasses
import re
import ssl
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import requests
import sushy
from ironic.common import exception
from ironic.drivers.modules.redfish import utils as redfish_utils
from sushy import auth, connector
from sushy import utils as sushy_utils
from sushy.oem.dell.resources import attributes

from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.errors import (
    BmcRefused,
    BmcUnreachable,
    BmcUnsupported,
    ConfigError,
    DriverError,
)
from ironic_console.common.secret import Secret
from ironic_console.drivers.bmc_transport import (
    BmcAdapter,
    Detour,
    TransportError,
    Veil,
)

#: What drivers that use Redfish understand, with Ironic's words.
PROPERTIES: dict[str, str] = {
    key: str(text) for key, text in redfish_utils.COMMON_PROPERTIES.items()
    if key.startswith('redfish_')}

_AUTH = {'basic': auth.BasicAuth, 'session': auth.SessionAuth,
         'auto': auth.SessionOrBasicAuth}
# sushy tries a request that often when the connection breaks or a GET is
# answered with 5xx, with as many seconds between.
_TRIES, _PAUSE = 3, 2
_TASK_INTERVAL = 1.0
_TASK_RUNS = ('New', 'Pending', 'Running', 'Scheduled', 'Starting', 'Service',
              'Interrupted', 'Downloading', 'Scheduling')
_TASK_DONE = ('Completed', 'OK')
_NAME = re.compile(r'[\w .()/-]{1,40}')
_MESSAGE_ID = re.compile(r'[A-Za-z0-9_.]{1,64}')
# MessageIds of Dell end in these.
_DEFAULT_PASSWORD = 'SWC1908'  # noqa: S105
_LICENCE = re.compile(r'LIC\d|SWC0242|RAC0?904|License', re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class BmcSettings:
    """How to reach a BMC over Redfish.

    :ivar address: URL, without a path.
    :ivar root: path of the service root.
    :ivar system: path of the node's ComputerSystem; '' for the only one.
    :ivar verify: whether its certificate is checked, or the file or folder
        of the CAs that may vouch for it.
    :ivar auth_type: ``basic``, ``session`` or ``auto``.
    """

    address: str
    root: str = '/redfish/v1/'
    system: str = ''
    username: str = ''
    password: Secret = Secret('')  # noqa: RUF009
    verify: bool | str = True
    auth_type: str = 'auto'
    tls_minimum_version: str = ''
    tls_ciphers: str = ''

    @classmethod
    def from_node(cls, node: Any) -> Self:
        """Read ``driver_info`` as Ironic's redfish interfaces do.

        :raises ConfigError: naming the key and what is allowed.
        """
        try:
            info = redfish_utils.parse_driver_info(node)
        except exception.InvalidParameterValue as exc:
            raise ConfigError(str(exc)) from exc
        return cls(
            info['address'], info.get('root_prefix') or cls.root,
            info['system_id'] or '', info['username'] or '',
            Secret(info['password'] or ''), info['verify_ca'],
            info['auth_type'], info.get('tls_min_version', ''),
            info.get('tls_ciphers', ''))

    @property
    def host(self) -> str:
        """Name or address of the BMC."""
        return urllib.parse.urlsplit(self.address).hostname or ''


class Bmc:
    """A conversation with one BMC; a context manager.

    It has one login, which ends with it: BMCs keep few.

    :param timeout: seconds, for all of it.
    :raises BmcUnreachable: from any method: it does not answer.
    :raises BmcRefused: likewise: it says no. Errors say what to do.
    """

    def __init__(self, settings: BmcSettings, clock: Clock, timeout: float,
                 ) -> None:
        self._settings = settings
        self._deadline = Deadline(clock, timeout,
                                  '[ironic_console]bmc_timeout')
        self._veil = Veil()
        self._veil.hide(settings.password)
        self._connector = _Connector(settings, self._deadline, self._veil)
        self._auth = _AUTH[settings.auth_type](settings.username,
                                               settings.password.reveal())

    def __enter__(self) -> Self:
        with self.explained('log in'):
            self._root = sushy.Sushy(
                self._settings.address, root_prefix=self._settings.root,
                auth=self._auth, connector=self._connector)
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        # A session that cannot be ended ends by itself, after minutes.
        with contextlib.suppress(DriverError), self.explained('log out'):
            self._auth.close()
        self._connector.close()

    def manager(self) -> Any:
        """:returns: sushy's Manager of the node's system.
        :raises BmcUnsupported: nobody can tell which it is.
        """
        with self.explained('ask for its manager'):
            if self._settings.system:
                managers = self._root.get_system(
                    self._settings.system).managers
                if managers:
                    return managers[0]
            paths = self._root.get_manager_collection().members_identities
            if len(paths) == 1:
                return self._root.get_manager(paths[0])
        raise BmcUnsupported(
            f'{self._named} has {len(paths)} managers; set '
            'driver_info/redfish_system_id to the system that this node is')

    def dell_attributes(self, manager: Any) -> 'DellAttributes':
        """Find where an iDRAC keeps its settings.

        :param manager: of this BMC.
        :raises BmcUnsupported: nowhere that we know.
        """
        with self.explained('ask for its attributes'):
            try:
                paths = sushy_utils.get_sub_resource_path_by(
                    manager, ['Links', 'Oem', 'Dell', 'DellAttributes'],
                    is_collection=True)
            except sushy.exceptions.MissingAttributeError:
                paths = []
            ours = [path for path in paths
                    if path.rpartition('/')[2].startswith('iDRAC.')]
            # iDRAC9 before 5.x has no such resources, but the same thing
            # in another place.
            path = ours[0] if ours else f'{manager.path}/Attributes'
            try:
                return DellAttributes(self, _Attributes(
                    self._connector, path))
            except sushy.exceptions.ResourceNotFoundError as exc:
                raise BmcUnsupported(
                    f'{self._named} has no attributes over Redfish (model '
                    f'{_word(manager.model)}, firmware '
                    f'{_word(manager.firmware_version)}). Install a newer '
                    'firmware on its iDRAC; or set its VNC server up with '
                    'racadm and use the console interface generic-vnc',
                ) from exc

    def patch(self, path: str, values: Mapping[str, object]) -> None:
        """Change attributes of a resource, and wait until that is done.

        :param values: by name; a ``Secret`` stays one.
        :raises BmcRefused: it will not.
        """
        body = {'Attributes': {
            name: self._veil.cover(value) if isinstance(value, Secret)
            else value for name, value in values.items()}}
        with self.explained(f'change {", ".join(values)}'):
            answer = self._connector.patch(path, data=body)
            if answer.status_code == 202:
                self._await_task(answer.headers.get('Location', ''))

    def pause(self, seconds: float) -> bool:
        """Wait before asking again.

        :returns: there is time left for that.
        """
        left = self._deadline.remaining()
        threading.Event().wait(min(seconds, left))
        return left > seconds

    def _await_task(self, path: str) -> None:
        """Wait for what the BMC wants to do later. DSP0266 "Asynchronous
        operations"; iDRACs call it a job."""
        while path:
            answer = self._connector.get(path)
            body = answer.json() if answer.content else {}
            state = body.get('TaskState') or body.get('JobState')
            if answer.status_code != 202 and state not in _TASK_RUNS:
                if state in (None, *_TASK_DONE):
                    return
                raise BmcRefused(
                    f'{self._named} made a job of it, which failed; see the '
                    'job queue of the BMC')
            if not self.pause(_TASK_INTERVAL):
                raise BmcUnreachable(
                    f'{self._named} made a job of it, which was not done '
                    f'within the {self._deadline}; see the job queue of the '
                    'BMC and enable the console again')

    @property
    def _named(self) -> str:
        return f'The BMC at {self._settings.address}'

    @contextlib.contextmanager
    def explained(self, doing: str) -> Iterator[None]:
        """Turn what sushy raises into a sentence that says what to do.

        :param doing: what the BMC was asked to do, for that sentence.
        """
        try:
            yield
        except sushy.exceptions.ConnectionError as exc:
            raise self._unreachable(exc) from exc
        except sushy.exceptions.AccessError as exc:
            raise self._denied(exc, doing) from exc
        except sushy.exceptions.HTTPError as exc:
            raise self._failed(exc, doing) from exc
        except (sushy.exceptions.SushyError, AttributeError, LookupError,
                TypeError, ValueError) as exc:
            # sushy believes BMCs that what they send is formed as it should.
            raise BmcUnsupported(
                f'{self._named} answers with what is not Redfish when asked '
                f'to {doing}; is driver_info/redfish_address right? '
                f'({type(exc).__name__})') from exc

    def _unreachable(self, error: Exception) -> DriverError:
        cause = error.__context__
        if isinstance(cause, Detour):
            return BmcRefused(
                f'{self._named} sends us elsewhere, and credentials do not '
                'follow; set driver_info/redfish_address to where it really '
                'is')
        if isinstance(cause, requests.exceptions.SSLError):
            return BmcRefused(
                f'{self._named} shows a certificate that is not trusted '
                f'({_tls_reason(cause)}); set driver_info/redfish_verify_ca '
                'to a file with the CA that signed it')
        if isinstance(cause, TransportError):
            return BmcUnreachable(f'{self._named} cannot be used: {cause}')
        return BmcUnreachable(
            f'{self._named} cannot be reached ({type(cause).__name__}); '
            'check driver_info/redfish_address, the network, and whether '
            'the BMC is restarting')

    def _denied(self, error: Any, doing: str) -> DriverError:
        ids = _message_ids(error)
        if any(one.endswith(_DEFAULT_PASSWORD) for one in ids):
            return BmcRefused(
                f'{self._named} changes nothing while its account has the '
                'default password; change that on the BMC and in driver_info'
                '/redfish_password')
        if any(_LICENCE.search(one) for one in ids):
            return BmcRefused(
                f'{self._named} has no licence to {doing}; an Enterprise or '
                f'Datacenter licence is needed{_quoted(ids)}')
        if error.status_code == 401:
            return BmcRefused(
                f'{self._named} does not accept driver_info/redfish_username '
                'and redfish_password; correct them, and see whether the '
                'BMC has locked the account')
        return BmcRefused(
            f'{self._named} does not let its user {doing}; give the account '
            f'of driver_info/redfish_username the right to configure the BMC'
            f'{_quoted(ids)}')

    def _failed(self, error: Any, doing: str) -> DriverError:
        ids = _message_ids(error)
        if any(_LICENCE.search(one) for one in ids):
            return self._denied(error, doing)
        if error.status_code >= 500:
            return BmcUnreachable(
                f'{self._named} is not ready (HTTP status '
                f'{error.status_code}); try again in some minutes, and reset '
                f'the BMC if that does not help{_quoted(ids)}')
        return BmcRefused(
            f'{self._named} refuses to {doing} (HTTP status '
            f'{error.status_code}); its firmware may be too old or in '
            f'lockdown mode{_quoted(ids)}')


class DellAttributes:
    """Settings of an iDRAC: a flat table of names and values.

    :param bmc: whose they are.
    """

    def __init__(self, bmc: Bmc, resource: '_Attributes') -> None:
        self._bmc = bmc
        self._resource = resource
        self._fresh = True

    def read(self) -> dict[str, Any]:
        """:returns: all values by name; passwords are ``None``."""
        with self._bmc.explained('show its attributes'):
            if not self._fresh:
                self._resource.refresh(force=True)
            self._fresh = False
            return dict(self._resource.attributes)

    def write(self, values: Mapping[str, object]) -> None:
        """Change some, and wait until the BMC says that it has done so.

        :param values: by name; a ``Secret`` stays one.
        :raises BmcRefused: it will not.
        """
        self._bmc.patch(self._resource.path, values)

    def pause(self, seconds: float) -> bool:
        """Wait before reading again.

        :returns: there is time left for that.
        """
        return self._bmc.pause(seconds)


class _Attributes(attributes.DellAttributes):
    # Among hundreds of settings of a BMC are some that open something.
    _log_resource_body = False


class _Connector(connector.Connector):
    """sushy's, over a transport with our rules."""

    def __init__(self, settings: BmcSettings, deadline: Deadline, veil: Veil,
                 ) -> None:
        super().__init__(settings.address, verify=settings.verify,
                         server_side_retries=_TRIES,
                         server_side_retries_delay=_PAUSE)
        adapter = _Adapter(
            settings.address, deadline, veil,
            tls_min_version=settings.tls_minimum_version or None,
            tls_ciphers=settings.tls_ciphers or None,
            verify=settings.verify)
        for scheme in ('http://', 'https://'):
            self._session.mount(scheme, adapter)


class _Adapter(BmcAdapter, connector.TLSHttpAdapter):
    """Our rules, and what Ironic lets operators say about TLS."""


def _message_ids(error: Any) -> list[str]:
    """What a BMC calls its reasons; its sentences are not for our users."""
    found = error.extended_info
    if not isinstance(found, list):
        return []
    ids = [one.get('MessageId') for one in found if isinstance(one, dict)]
    return [one for one in ids
            if isinstance(one, str) and _MESSAGE_ID.fullmatch(one)][:4]


def _word(text: object) -> str:
    """A name that the BMC gives, if it looks like one."""
    return text if isinstance(text, str) and _NAME.fullmatch(
        text) else 'unknown'


def _quoted(ids: list[str]) -> str:
    return f' (it says {", ".join(ids)})' if ids else ''


def _tls_reason(error: BaseException) -> str:
    """What OpenSSL says, without the layers around it."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return str(seen.verify_message)
        if isinstance(seen, ssl.SSLError):
            return str(seen.reason)
        found = next((one for one in seen.args
                      if isinstance(one, BaseException)), None)
        seen = found or getattr(seen, 'reason', None)
        if not isinstance(seen, BaseException):
            break
    return 'TLS failed'
