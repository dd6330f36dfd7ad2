# SPDX-License-Identifier: Apache-2.0
"""What a BMC says over Redfish; all that uses sushy.

What a console makes of it is for the drivers. DMTF DSP0266 (protocol) and
DSP0268 (schema); for Dell's attributes the iDRAC9 Redfish API Guide,
"DellAttributes".
"""

import base64
import contextlib
import json
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any, Self

import requests
import sushy
from sushy import auth, connector
from sushy import utils as sushy_utils
from sushy.oem.dell.resources import attributes

from ironic_console.common.clock import Clock, Deadline
from ironic_console.common.errors import (
    BmcRefused,
    BmcUnreachable,
    BmcUnsupported,
    ConfigError,
)
from ironic_console.common.secret import Secret
from ironic_console.drivers.bmc_failures import Failures, message_names, word
from ironic_console.drivers.bmc_settings import BmcSettings
from ironic_console.drivers.bmc_transport import BmcAdapter, Veil

_AUTH = {'basic': auth.BasicAuth, 'session': auth.SessionAuth,
         'auto': auth.SessionOrBasicAuth}
# sushy tries a request that often when the connection breaks or a GET is
# answered with 5xx, with as many seconds between.
_TRIES, _PAUSE = 3, 2
# What is kept of a timeout for logging out: an iDRAC has six sessions, which
# last for half an hour if nobody ends them.
_LOGOUT_SHARE = 0.1
_TASK_INTERVAL = 1.0
# States of tasks (DSP0268) and of Dell's jobs in which nothing more happens;
# in all others, also those that are yet to be invented, something may.
_TASK_DONE = (None, 'Completed', 'OK')
_TASK_FAILED = ('Exception', 'Killed', 'Cancelled', 'Failed',
                'CompletedWithErrors', 'RebootFailed')
# Of each message of a BMC, and of how many, is kept what sushy can bear.
_MESSAGE_KEYS = ('MessageId', 'Message', 'Severity')
_MAX_MESSAGES, _MAX_MESSAGE_CHARS = 8, 400


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
        self._whole = Deadline(clock, timeout, '[ironic_console]bmc_timeout')
        self._deadline = Deadline(clock, timeout * (1 - _LOGOUT_SHARE),
                                  self._whole.name)
        self._failures = Failures(self.name, self._whole)
        self._veil = Veil()
        password = settings.password.reveal()
        self._veil.hide(settings.password, chosen=True)
        self._veil.hide(Secret(base64.b64encode(
            f'{settings.username}:{password}'.encode()).decode()))
        self._connector = _Connector(settings, self._deadline, self._veil)
        self._auth = _AUTH[settings.auth_type](settings.username, password)

    def __enter__(self) -> Self:
        try:
            with self.explained('log in'):
                self._root = _Root(
                    self._settings.address, root_prefix=self._settings.root,
                    auth=self._auth, connector=self._connector)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        self._close()

    def _close(self) -> None:
        self._connector.log_out(self._whole)
        self._connector.close()

    @property
    def name(self) -> str:
        """For people, at the beginning of a sentence."""
        return f'The BMC at {self._settings.address}'

    @property
    def time_left(self) -> float:
        """Seconds."""
        return self._deadline.remaining()

    def manager(self) -> Any:
        """:returns: sushy's Manager of the node's system.
        :raises BmcUnsupported: nobody can tell which it is.
        """
        with self.explained('see its manager'):
            if self._settings.system:
                managers = self._system().managers
                if managers:
                    return managers[0]
            paths = self._root.get_manager_collection().members_identities
            if len(paths) == 1:
                return self._root.get_manager(paths[0])
        raise BmcUnsupported(
            f'{self.name} has {len(paths)} managers; set driver_info/'
            'redfish_system_id to the path of the system that this node is')

    def _system(self) -> Any:
        try:
            return self._root.get_system(self._settings.system)
        except sushy.exceptions.ResourceNotFoundError as exc:
            raise ConfigError(
                f'{self.name} has no system {self._settings.system}; correct '
                'driver_info/redfish_system_id') from exc

    def dell_attributes(self, manager: Any) -> 'DellAttributes':
        """Find where an iDRAC keeps its settings.

        :param manager: of this BMC.
        :raises BmcUnsupported: nowhere that we know.
        """
        with self.explained('see its attributes'):
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
            path = ours[0] if ours else (
                f'{manager.path.rstrip("/")}/Attributes')
            try:
                return DellAttributes(self, _Attributes(
                    self._connector, path))
            except sushy.exceptions.ResourceNotFoundError as exc:
                raise BmcUnsupported(
                    f'{self.name} has no attributes over Redfish (model '
                    f'{word(manager.model)}, firmware '
                    f'{word(manager.firmware_version)}). Install a newer '
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

    def hide(self, secret: Secret) -> None:
        """Keep it out of logs even if the BMC quotes it."""
        self._veil.hide(secret)

    def pause(self, seconds: float) -> bool:
        """Wait before asking again.

        :returns: there is time left for that.
        """
        left = self.time_left
        threading.Event().wait(min(seconds, left))
        return left > seconds

    def _await_task(self, location: str) -> None:
        """Wait for what the BMC wants to do later. DSP0266 "Asynchronous
        operations"; iDRACs call it a job."""
        # A BMC may have another idea of its own name.
        path = urllib.parse.urlsplit(location).path
        while path:
            answer = self._connector.get(path)
            body = answer.json() if answer.content else {}
            state = body.get('TaskState') or body.get('JobState')
            if state in _TASK_FAILED:
                raise BmcRefused(
                    f'{self.name} made a job of it, which failed; see the '
                    'job queue of the BMC for the reason')
            if answer.status_code != 202 and state in _TASK_DONE:
                return
            if not self.pause(_TASK_INTERVAL):
                raise BmcUnreachable(
                    f'{self.name} made a job of it, which was not done '
                    f'within the {self._whole}; see the job queue of the '
                    'BMC and enable the console again')

    @contextlib.contextmanager
    def explained(self, doing: str) -> Iterator[None]:
        """Turn what sushy raises into a sentence that says what to do.

        :param doing: what we want to do, for that sentence.
        """
        try:
            yield
        except sushy.exceptions.ConnectionError as exc:
            raise self._failures.unreachable(exc.__context__) from exc
        except sushy.exceptions.AccessError as exc:
            raise self._failures.denied(
                exc.status_code, _message_names(exc), doing) from exc
        except sushy.exceptions.HTTPError as exc:
            raise self._failures.failed(
                exc.status_code, _message_names(exc), doing) from exc
        except UnicodeEncodeError:
            # Its text would quote what could not be encoded.
            raise ConfigError(
                'driver_info/redfish_username or redfish_password has '
                'characters that Basic authentication cannot carry; choose '
                'others, or set redfish_auth_type to session') from None
        except (sushy.exceptions.SushyError, AttributeError, LookupError,
                TypeError, ValueError, RecursionError) as exc:
            # sushy believes BMCs that what they send is formed as it should.
            raise self._failures.no_redfish(type(exc).__name__) from exc


class DellAttributes:
    """Settings of an iDRAC: a flat table of names and values.

    :param bmc: whose they are.
    """

    def __init__(self, bmc: Bmc, resource: '_Attributes') -> None:
        self._bmc = bmc
        self._resource = resource
        self._fresh = True

    @property
    def owner(self) -> str:
        """Whose they are, at the beginning of a sentence."""
        return self._bmc.name

    def read(self) -> dict[str, Any]:
        """:returns: all values by name; passwords are ``None``."""
        with self._bmc.explained('see its attributes'):
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


class _Root(sushy.Sushy):
    """sushy's, but that it leaves logging out to us.

    Its own would come at any time after the deadline, and by logging in once
    more where a session has expired.
    """

    def __del__(self) -> None:
        """Do nothing."""


class _Connector(connector.Connector):
    """sushy's, over a transport with our rules."""

    def __init__(self, settings: BmcSettings, deadline: Deadline, veil: Veil,
                 ) -> None:
        self._deadline = deadline
        self._veil = veil
        # Paths of the sessions that were begun, and their tokens.
        self._begun: dict[str, str] = {}
        super().__init__(settings.address, verify=settings.verify,
                         response_callback=self._look_at,
                         server_side_retries=_TRIES)
        self._adapter = _Adapter(
            settings.address, deadline, veil,
            tls_min_version=settings.tls_minimum_version or None,
            tls_ciphers=settings.tls_ciphers or None,
            verify=settings.verify)
        session = self._session
        for scheme in ('http://', 'https://'):
            session.mount(scheme, self._adapter)
        # A proxy of the environment, and CAs for all, are for BMCs as well;
        # but accounts in .netrc are for others.
        found = session.merge_environment_settings(
            settings.address, {}, None, settings.verify, None)
        session.proxies, self._verify = found['proxies'], found['verify']
        session.trust_env = False

    @property
    def _server_side_retries_delay(self) -> float:
        """Seconds, for sushy. Never 0, for which it has its own idea."""
        return min(_PAUSE, self._deadline.remaining()) or 0.01

    @_server_side_retries_delay.setter
    def _server_side_retries_delay(self, _seconds: float) -> None:
        """Take no notice."""

    def _look_at(self, answer: requests.Response) -> None:
        """See an answer before sushy does."""
        token = answer.headers.get('X-Auth-Token')
        if token:
            if not (token.isascii() and token.isprintable()):
                raise sushy.exceptions.MalformedAttributeError(
                    attribute='X-Auth-Token', resource=answer.url,
                    error='it is no token')
            self._veil.hide(Secret(token))
            # A BMC may have another idea of its own name.
            location = answer.headers.get('Location', '')
            self._begun[urllib.parse.urlsplit(location).path] = token
        if answer.status_code == 403:
            # sushy would take it for a session that has expired, and begin
            # another one without ending this one.
            raise sushy.exceptions.AccessError(
                answer.request.method, answer.url, answer)

    def log_out(self, deadline: Deadline) -> None:
        """End all sessions that were begun. Each is asked for once: one that
        cannot be ended ends by itself, after minutes."""
        self._adapter.deadline = deadline
        begun, self._begun = self._begun, {}
        for path, token in begun.items():
            if path:
                with contextlib.suppress(requests.RequestException):
                    self._session.delete(
                        urllib.parse.urljoin(self._url, path),
                        headers={'X-Auth-Token': token}, verify=self._verify)


class _Adapter(BmcAdapter, connector.TLSHttpAdapter):
    """Our rules, and what Ironic lets operators say about TLS."""

    def sifted(self, body: bytes, failed: bool) -> bytes:
        """An error as sushy can bear it, however the BMC has formed it."""
        if not failed:
            return body
        try:
            error = json.loads(body)['error']
            found = error['@Message.ExtendedInfo']
            messages = [
                {key: one[key][:_MAX_MESSAGE_CHARS] for key in _MESSAGE_KEYS
                 if isinstance(one.get(key), str)}
                for one in (found if isinstance(found, list) else [found])
                if isinstance(one, dict)][:_MAX_MESSAGES]
        except (ValueError, LookupError, TypeError, RecursionError):
            messages = []
        return json.dumps({'error': {
            '@Message.ExtendedInfo': messages}}).encode()


def _message_names(error: Any) -> list[str]:
    return message_names([one.get('MessageId')
                          for one in error.extended_info or ()])
