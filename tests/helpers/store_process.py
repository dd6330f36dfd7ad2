# SPDX-License-Identifier: Apache-2.0
"""Asks an IronicNodeStore in processes of its own.

Ironic's configuration and its database engine are global and made once per
process. So a server loads Ironic once, and forks for every question, as the
proxy does for its workers. Lines of JSON in, lines of JSON out::

    {"config": FILE, "timeout": 1.0, "ask": [["get", UUID], ["check"]]}

Run with ``python -m tests.helpers.store_process``.
"""

import json
import os
import select
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, Self

PATIENCE = 60.0


class StoreProcess:
    """The server; a context manager."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-m', __name__],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_exc: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._process.stdout.close()

    def ask(self, config: str, *questions: list[Any], timeout: float = 20.0,
            ) -> list[dict[str, Any]]:
        """Ask a store in a new process, one question after another.

        :param config: file of Ironic's options.
        :param questions: name of a method and its arguments; ``create`` and
            the values of a node make one first, ``save`` and ``destroy``
            change one as conductors do.
        :param timeout: of the store, seconds.
        :returns: for each the ``value``, or an ``error`` with its ``text``
            and everything that a traceback would show; and ``seconds``.
        """
        line = json.dumps({'config': config, 'timeout': timeout,
                           'ask': questions})
        assert self._process.stdin
        assert self._process.stdout
        print(line, file=self._process.stdin, flush=True)
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
        assert ready, 'the store never answered'
        answers: list[dict[str, Any]] = json.loads(
            self._process.stdout.readline())
        return answers


def main() -> None:
    # Chooses the backend of oslo.service, which has to come first.
    import ironic.command  # noqa: F401
    from ironic import objects
    from ironic.conf import CONF
    from ironic.db.sqlalchemy import models  # noqa: F401
    from sqlalchemy import orm

    from ironic_console.common import nodes_ironic

    # Once for all, since it takes longer than any question. Neither of them
    # makes an engine.
    objects.register_all()
    orm.configure_mappers()
    for line in sys.stdin:
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            continue
        job = json.loads(line)
        nodes_ironic.fail_fast(CONF)
        CONF(['--config-file', job['config']], project='ironic')
        print(json.dumps(_answer(job)), flush=True)
        # A query that hangs must not hold us up.
        os._exit(0)


def _answer(job: dict[str, Any]) -> list[dict[str, Any]]:
    from ironic_console.common.clock import Clock
    from ironic_console.common.nodes_ironic import IronicNodeStore

    store = IronicNodeStore(job['timeout'], Clock())
    answers = []
    for name, *arguments in job['ask']:
        special: dict[str, Callable[..., Any]] = {
            'create': _create, 'option': _option, 'save': _save,
            'destroy': _destroy}
        method = special.get(name) or getattr(store, name)
        begun = time.monotonic()
        try:
            answer = {'value': _plain(method(*arguments))}
        except Exception as exc:
            answer = {'error': type(exc).__name__, 'text': str(exc),
                      'traceback': traceback.format_exc()}
        answers.append(answer | {'seconds': time.monotonic() - begun})
    store.close()
    return answers


def _create(values: dict[str, Any]) -> None:
    from ironic import objects
    from ironic.common import context
    objects.Node(context.get_admin_context(), **values).create()


def _save(uuid: str, values: dict[str, Any]) -> None:
    """As conductors do."""
    from ironic import objects
    from ironic.common import context
    node = objects.Node.get_by_uuid(context.get_admin_context(), uuid)
    for name, value in values.items():
        setattr(node, name, value)
    node.save()


def _destroy(uuid: str) -> None:
    from ironic import objects
    from ironic.common import context
    objects.Node.get_by_uuid(context.get_admin_context(), uuid).destroy()


def _option(group: str, name: str) -> Any:
    from ironic.conf import CONF
    return CONF[group][name]


def _plain(value: Any) -> Any:
    from ironic_console.common.nodes import NodeRecord
    if isinstance(value, NodeRecord):
        return {'uuid': value.uuid, 'name': value.name,
                'interface': value.interface, 'enabled': value.enabled,
                'secret': value.secret and value.secret.reveal(),
                'created': value.created and value.created.isoformat(),
                'ours': value.ours, 'repr': repr(value)}
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value


if __name__ == '__main__':
    main()
