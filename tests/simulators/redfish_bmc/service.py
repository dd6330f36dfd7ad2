# SPDX-License-Identifier: Apache-2.0
"""Request -> answer. Of HTTP itself it knows nothing.

The order is that of a real one: first whether the service is there at all,
then who asks, then what.
"""

import dataclasses
import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.simulators.redfish_bmc import resources
from tests.simulators.redfish_bmc.envelopes import (
    Answer,
    Messages,
    answer_json,
)
from tests.simulators.redfish_bmc.knobs import Knobs
from tests.simulators.redfish_bmc.resources import Machine


@dataclasses.dataclass(frozen=True)
class Request:
    """What somebody wants.

    :ivar path: without query; without slash at its end.
    :ivar headers: names in lower case.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b''

    def is_meant(self, knobs: Knobs) -> bool:
        """:returns: whether it is to suffer from the knobs."""
        return knobs.only in f'{self.method} {self.path}'


class Service:
    """The Redfish service.

    :param elsewhere: URL of another host, to be redirected to.
    :param applied: called when attributes have changed.
    """

    def __init__(self, machine: Machine, knobs: Knobs, messages: Messages,
                 elsewhere: str,
                 applied: Callable[[], None]) -> None:
        self._machine = machine
        self._knobs = knobs
        self._messages = messages
        self._elsewhere = elsewhere
        self._applied = applied

    def answer(self, request: Request) -> Answer:
        trouble = self._trouble(request) or self._no_access(request)
        if trouble:
            return trouble
        if request.method == 'GET':
            return self._get(request)
        if (request.method, request.path) == ('POST', resources.SESSIONS):
            return self._log_in(request)
        folder, _, name = request.path.rpartition('/')
        if request.method == 'DELETE' and folder == resources.SESSIONS:
            return self._log_out(name)
        if request.method == 'PATCH' and self._has_attributes(request.path):
            return self._patch(request)
        if resources.find(self._machine, request.path) is None:
            return self._no_resource(request)
        return self._messages.error(405, self._messages.no_method(),
                                    Allow='GET')

    # -- before anything else ------------------------------------------------

    def _trouble(self, request: Request) -> Answer | None:
        knobs, say = self._knobs, self._messages
        if not request.is_meant(knobs):
            return None
        if knobs.redirect:
            return answer_json({}, knobs.redirect,
                               Location=self._elsewhere + request.path)
        if knobs.hit('unavailable'):
            return say.error(503, say.unavailable(), Retry_After='5')
        if knobs.hit('not_ready'):
            return say.error(503, say.not_ready())
        return None

    def _no_access(self, request: Request) -> Answer | None:
        if request.method == 'GET' and request.path in resources.PUBLIC:
            return None
        if (request.method, request.path) == ('POST', resources.SESSIONS):
            return None
        if request.is_meant(self._knobs) and self._knobs.expired():
            self._machine.sessions.end_all()
            return self._unauthorized()
        if self._machine.sessions.admits(request.headers):
            return None
        return self._unauthorized()

    def _unauthorized(self) -> Answer:
        return self._messages.error(
            401, self._messages.no_access(),
            WWW_Authenticate='Basic realm="RedfishService"')

    # -- what --------------------------------------------------------------

    def _get(self, request: Request) -> Answer:
        self._machine.tasks.grow_older()
        found = resources.find(self._machine, request.path)
        if found is None:
            return self._no_resource(request)
        running = found.get('TaskState') == 'Running'
        return answer_json(found, 202 if running else 200,
                           OData_Version='4.0')

    def _no_resource(self, request: Request) -> Answer:
        return self._messages.error(
            404, self._messages.no_resource(request.path))

    def _log_in(self, request: Request) -> Answer:
        body = json_object(request.body)
        say, sessions = self._messages, self._machine.sessions
        if body is None:
            return say.error(400, say.malformed())
        if not sessions.knows(body.get('UserName'), body.get('Password')):
            return self._unauthorized()
        begun = sessions.begin()
        if begun is None:
            return say.error(503, say.too_many_sessions())
        self._knobs.revive()
        token, session = begun
        return answer_json(
            resources.session(self._machine, session.number), 201,
            X_Auth_Token=token,
            Location=f'{resources.SESSIONS}/{session.number}')

    def _log_out(self, number: str) -> Answer:
        if not self._machine.sessions.end(number):
            return self._messages.error(404, self._messages.no_resource(
                f'{resources.SESSIONS}/{number}'))
        return self._messages.done()

    # -- attributes ----------------------------------------------------------

    def _has_attributes(self, path: str) -> bool:
        return path in resources.attribute_paths(self._machine.profile)

    def _patch(self, request: Request) -> Answer:
        say, knobs = self._messages, self._knobs
        if knobs.denied and request.is_meant(knobs):
            return say.error(403, say.denied(knobs.denied))
        body = json_object(request.body) or {}
        changes = body.get('Attributes')
        if not isinstance(changes, dict) or not changes or len(body) != 1:
            return say.error(400, say.malformed())
        problems = self._machine.attributes.problems(changes)
        if problems:
            return say.error(400, problems)
        work = functools.partial(self._apply, changes)
        if knobs.asynchronous and request.is_meant(knobs):
            task = self._machine.tasks.add(work, knobs.task_polls,
                                           knobs.task_fails)
            return answer_json(
                resources.task(task), 202,
                Location=f'{resources.TASKS}/{task.number}', Retry_After='1')
        work()
        return say.done()

    def _apply(self, changes: Mapping[str, Any]) -> None:
        self._machine.attributes.store({
            name: value for name, value in changes.items()
            if name not in self._knobs.ineffective})
        self._applied()


def json_object(data: bytes) -> dict[str, Any] | None:
    """:returns: ``None`` if it is anything else."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
