# SPDX-License-Identifier: Apache-2.0
"""What stays at a node of its console, and what goes."""

import collections
from typing import Any

import pytest
from ironic.conductor import utils as conductor_utils

from ironic_console.common import nodes
from ironic_console.drivers import console_record
from tests.helpers.conductor import Node, Task

KIND = 'some-vnc'
CHANGES = {'kind': KIND, 'VNC': 'off'}
INFO = {'other': 'kept', nodes.HOST_KEY: '192.0.2.7', nodes.PORT_KEY: 5901,
        nodes.TOLD_KEY: ['192.0.2.7', 5901], nodes.SECRET_KEY: 's3cret',
        nodes.CREATED_KEY: '2026-11-22T00:00:00.000000',
        nodes.ENDPOINT_KEY: {'host': '192.0.2.7', 'port': 5901,
                             'kind': KIND},
        nodes.CHANGES_KEY: CHANGES}


@pytest.fixture
def task() -> Task:
    task = Task(Node())
    task.node.driver_internal_info = dict(INFO)
    return task


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Ironic was told to remember of a node."""
    told: list[str] = []
    monkeypatch.setattr(console_record, '_told', collections.OrderedDict())

    def note(node: Any, event: str, event_type: str, error: bool) -> None:
        told.append(event)
        if error:
            node.last_error = event

    monkeypatch.setattr(conductor_utils, 'node_history_record', note)
    return told


def test_same_trouble_is_reported_once(
        task: Task, history: list[str],
        caplog: pytest.LogCaptureFixture) -> None:
    one, two = (f'{console_record.NOT_RUNNING}{text}'
                for text in ('one', 'two'))
    for text in (one, one, two, one):
        console_record.report(task.node, text)
    assert history == [one, two, one]
    assert caplog.text.count(': one') == 2
    assert task.node.last_error == one


def test_why_a_deployment_has_failed_is_not_written_over(
        task: Task, history: list[str]) -> None:
    task.node.last_error = 'image checksum mismatch'
    text = f'{console_record.NOT_RUNNING}no answer'
    for _ in range(3):
        console_record.report(task.node, text)
    assert history == [text]
    console_record.all_is_well(task)
    assert task.node.last_error == 'image checksum mismatch'
    assert not task.upgrades
    # It broke once more.
    console_record.report(task.node, text)
    assert history == [text] * 2
    # The deployment has worked since.
    task.node.last_error = None
    console_record.report(task.node, text)
    assert task.node.last_error == text


def test_not_more_nodes_are_remembered_than_there_may_be(
        history: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_record, '_MAX_TOLD', 3)
    for number in range(5):
        node = Node()
        node.uuid = f'node-{number}'
        node.last_error = 'image checksum mismatch'
        console_record.report(node, 'no answer')
    assert len(console_record._told) == 3


def test_a_later_stop_takes_back_that_it_did_not_work(task: Task) -> None:
    task.node.last_error = f'{console_record.NOT_STOPPED}no answer'
    console_record.forget(task.node, KIND)
    assert task.node.last_error is None
    assert task.node.driver_internal_info == {'other': 'kept'}


def test_a_good_look_takes_back_that_the_console_does_not_run(
        task: Task) -> None:
    task.node.last_error = f'{console_record.NOT_RUNNING}no answer'
    console_record.all_is_well(task)
    assert task.node.last_error is None
    assert task.node.saved


@pytest.mark.parametrize('error', [
    None, 'something else', f'{console_record.NOT_STOPPED}no answer'])
def test_a_good_look_leaves_alone_what_others_say(
        task: Task, error: str | None) -> None:
    task.node.last_error = error
    console_record.all_is_well(task)
    assert task.node.last_error == error
    assert not task.node.saved


def test_what_another_interface_has_started_is_kept(task: Task) -> None:
    console_record.forget(task.node, 'other-vnc')
    assert task.node.driver_internal_info == INFO


def test_what_an_in_tree_driver_has_started_since_is_kept(
        task: Task) -> None:
    """It knows some of the keys."""
    task.node.driver_internal_info |= {nodes.PORT_KEY: 41234,
                                       nodes.SECRET_KEY: 'raw'}
    console_record.forget(task.node, KIND)
    assert task.node.driver_internal_info.keys() == {
        'other', nodes.HOST_KEY, nodes.PORT_KEY, nodes.SECRET_KEY,
        nodes.CREATED_KEY}


def test_nothing_is_written_if_nothing_is_new(task: Task) -> None:
    console_record.keep(task.node, dict(INFO))
    assert not task.node.saved
    console_record.keep(task.node, {'other': 'kept'})
    assert task.node.saved == [{'other': 'kept'}]
