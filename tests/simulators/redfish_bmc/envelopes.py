# SPDX-License-Identifier: Apache-2.0
"""Answers, and messages as Redfish puts them: DSP0266, "Error responses".

As real ones do, an error quotes the value that it refuses, also if that is a
password. When which is sent is decided elsewhere.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

from tests.simulators.redfish_bmc.profiles import Profile

_EXTENDED = '@Message.ExtendedInfo'


@dataclasses.dataclass(frozen=True)
class Answer:
    """What HTTP says.

    :ivar headers: without those that follow from the body.
    """

    status: int
    body: bytes = b''
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Message:
    """One message of a registry.

    :ivar key: registry, version and name of it.
    :ivar about: attribute that it is about.
    """

    key: str
    text: str
    arguments: tuple[str, ...] = ()
    resolution: str = 'No response action is required.'
    severity: str = 'Warning'
    about: str = ''

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            'Message': self.text, 'MessageArgs': list(self.arguments),
            'MessageArgs@odata.count': len(self.arguments),
            'MessageId': self.key, 'RelatedProperties': [],
            'RelatedProperties@odata.count': 0,
            'Resolution': self.resolution, 'Severity': self.severity}
        if self.about:
            found['RelatedProperties'] = [f'#/Attributes/{self.about}']
            found['RelatedProperties@odata.count'] = 1
        return found


class Messages:
    """What a BMC says, with the registries of its generation."""

    def __init__(self, profile: Profile) -> None:
        self._base = profile.base
        self._own = profile.messages

    # -- about attributes ----------------------------------------------------

    def unknown(self, name: str) -> Message:
        return self._refused('PropertyUnknown', name,
                             f'There is no property {name}.', name)

    def read_only(self, name: str) -> Message:
        return self._refused('PropertyNotWritable', name,
                             f'The property {name} is read only.', name)

    def wrong_type(self, name: str, value: Any) -> Message:
        return self._quoting('PropertyValueTypeError', name, value,
                             'is of a type that the property cannot have')

    def out_of_range(self, name: str, value: Any) -> Message:
        return self._quoting('PropertyValueOutOfRange', name, value,
                             'is outside of the range of the property')

    def not_in_list(self, name: str, value: Any) -> Message:
        return self._quoting('PropertyValueNotInList', name, value,
                             'is not one of the acceptable values of')

    def wrong_format(self, name: str, value: Any) -> Message:
        return self._quoting('PropertyValueFormatError', name, value,
                             'is of a format that the property cannot have')

    # -- about requests ------------------------------------------------------

    def success(self) -> list[Message]:
        return [Message(f'{self._base}.Success', 'The request is completed.',
                        resolution='None', severity='OK'),
                Message(f'{self._own}.SYS413', 'The operation is completed.',
                        severity='Informational')]

    def no_resource(self, path: str) -> list[Message]:
        return [Message(f'{self._own}.SYS403',
                        f'The resource {path} is not found.', (path,),
                        'Ask for a resource that is there.', 'Critical'),
                Message(f'{self._base}.ResourceMissingAtURI',
                        f'There is no resource at {path}.', (path,),
                        'Use another URI.', 'Critical')]

    def no_access(self) -> list[Message]:
        return [Message(f'{self._base}.AccessDenied',
                        'Credentials are missing or invalid.', (),
                        'Use credentials that are valid.', 'Critical')]

    def no_method(self) -> list[Message]:
        return [Message(f'{self._base}.OperationNotAllowed',
                        'The resource does not know this method.', (),
                        'Use another method.', 'Critical')]

    def malformed(self) -> list[Message]:
        return [Message(f'{self._base}.MalformedJSON',
                        'The body is not the JSON that is wanted.', (),
                        'Correct the body.', 'Critical')]

    def unavailable(self) -> list[Message]:
        return [Message(f'{self._base}.ServiceTemporarilyUnavailable',
                        'The service is unavailable. Retry in 5 seconds.',
                        ('5',), 'Wait and retry.', 'Critical')]

    def not_ready(self) -> list[Message]:
        return [Message(f'{self._own}.SYS518',
                        'iDRAC is not ready for this operation.', (),
                        'Wait until it is ready, and retry.', 'Warning')]

    def too_many_sessions(self) -> list[Message]:
        return [Message(f'{self._own}.RAC0218',
                        'As many users are logged in as there can be.', (),
                        'End a session, and retry.', 'Critical')]

    def denied(self, why: str) -> list[Message]:
        """:param why: the value of the knob of that name."""
        key, text, resolution = {
            'default-password': (
                f'{self._own}.SWC1908',
                'The default password is still in use.',
                'Change the password of the user.'),
            'licence': (f'{self._own}.LIC501',
                        'A licence that this needs is missing.',
                        'Get the licence, and retry.'),
            'privilege': (f'{self._base}.InsufficientPrivilege',
                          'The user lacks a privilege that this needs.',
                          'Use another user.'),
        }[why]
        return [Message(key, text, (), resolution, 'Critical')]

    # -- envelopes -----------------------------------------------------------

    def error(self, status: int, messages: Iterable[Message],
              **headers: str) -> Answer:
        return answer_json({'error': {
            _EXTENDED: [message.as_json() for message in messages],
            'code': f'{self._base}.GeneralError',
            'message': 'An error occurred; see the extended information.',
        }}, status, **headers)

    def done(self) -> Answer:
        return answer_json({_EXTENDED: [
            message.as_json() for message in self.success()]})

    def _quoting(self, key: str, name: str, value: Any, what: str) -> Message:
        # str as it is, all else as JSON has it.
        quoted = value if isinstance(value, str) else json.dumps(value)
        return self._refused(
            key, name, f"The value '{quoted}' {what} {name}.", quoted, name)

    def _refused(self, key: str, about: str, text: str, *arguments: str,
                 ) -> Message:
        return Message(
            f'{self._base}.{key}', text, arguments,
            'Correct it in the body of the request, and retry.',
            about=about)


def answer_json(content: Any, status: int = 200, **headers: str) -> Answer:
    """:param headers: their names with ``_`` for ``-``."""
    return Answer(status, json.dumps(content).encode(), {
        name.replace('_', '-'): value for name, value in headers.items()})
