# SPDX-License-Identifier: Apache-2.0
"""What vendors have of Redfish in common: who may ask, and errors.

For more than the way to a console, see the simulator ``redfish_bmc``.
"""

from tests.simulators.html5_bmc.core import Core
from tests.simulators.html5_bmc.sessions import Refusal, Session
from tests.simulators.html5_bmc.web import Answer, Request, as_json
from tests.simulators.redfish_bmc.sessions import basic_credentials

ROOT = '/redfish/v1'
SESSIONS = f'{ROOT}/SessionService/Sessions'


class Redfish:
    """The service of one BMC.

    :param oem: of its root, by which its vendor is known.
    """

    def __init__(self, parts: Core, vendor: str,
                 oem: dict[str, object]) -> None:
        self._core = parts
        self._vendor = vendor
        self._oem = oem

    def public(self, request: Request) -> Answer | None:
        """:returns: answers that need no login: the root, and logging in."""
        match request.method, request.path:
            case 'GET', '/redfish/v1':
                return as_json({
                    '@odata.id': f'{ROOT}/', 'Id': 'RootService',
                    'Name': 'Root Service', 'RedfishVersion': '1.11.0',
                    'Vendor': self._vendor,
                    'Managers': {'@odata.id': f'{ROOT}/Managers'},
                    'Links': {'Sessions': {'@odata.id': SESSIONS}},
                    'Oem': self._oem})
            case 'POST', '/redfish/v1/SessionService/Sessions':
                return self._log_in(request)
        return None

    def refuse(self, request: Request) -> Answer | None:
        """:returns: ``None`` if who asks may do so."""
        if self.session(request):
            return None
        given = basic_credentials(request.headers)
        refusal = (self._core.sessions.check(*given) if given
                   else Refusal.WRONG)
        return self._refused(refusal) if refusal else None

    def session(self, request: Request) -> Session | None:
        return self._core.sessions.find(
            request.headers.get('x-auth-token', ''))

    def log_out(self, request: Request) -> Answer | None:
        """:returns: ``None`` if that is not what is asked."""
        folder, _, number = request.path.rpartition('/')
        if (request.method, folder) != ('DELETE', SESSIONS):
            return None
        for session in self._core.sessions.live():
            if session.number == number:
                self._core.sessions.end(session)
                return Answer(status=204)
        return no_resource()

    def _log_in(self, request: Request) -> Answer:
        found = self._core.sessions.log_in(
            request.json.get('UserName'), request.json.get('Password'),
            'redfish')
        if isinstance(found, Refusal):
            return self._refused(found)
        path = f'{SESSIONS}/{found.number}'
        return as_json({'@odata.id': path, 'Id': found.number,
                        'Name': 'User Session',
                        'UserName': self._core.profile.username},
                       201, X_Auth_Token=found.token, Location=path)

    def _refused(self, refusal: Refusal) -> Answer:
        text = self._core.reason(refusal)
        if refusal in (Refusal.WRONG, Refusal.LOCKED):
            return error(401, 'Base.1.12.ResourceAtUriUnauthorized', text,
                         WWW_Authenticate='Basic realm="Redfish"')
        if refusal is Refusal.LIMIT:
            return error(503, 'Base.1.12.SessionLimitExceeded', text)
        return error(503, 'Base.1.12.ServiceTemporarilyUnavailable', text,
                     Retry_After='1')


def error(status: int, message_id: str, text: str, **headers: str) -> Answer:
    """:returns: it in the envelope of DSP0266, "Error responses"."""
    registry = '.'.join(message_id.split('.')[:-1])
    return as_json({'error': {
        'code': f'{registry}.GeneralError',
        'message': 'A general error has occurred. See ExtendedInfo.',
        '@Message.ExtendedInfo': [{
            'MessageId': message_id, 'Message': text, 'MessageArgs': [],
            'Severity': 'Critical', 'Resolution': 'None.'}]}},
        status, **headers)


def no_resource() -> Answer:
    return error(404, 'Base.1.12.ResourceMissingAtURI',
                 'There is no resource at this URI.')


def malformed(text: str) -> Answer:
    return error(400, 'Base.1.12.PropertyValueFormatError', text)
