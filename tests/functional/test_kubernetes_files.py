# SPDX-License-Identifier: Apache-2.0
"""The Kubernetes files: valid, and what they run works as they say it.

There is no cluster here. The schemas of Kubernetes judge the files; the
command of the container runs as a process, with its files in a folder.
"""

import configparser
import os
import pathlib
import signal
import sys
import urllib.parse
from typing import Any

import kubernetes_validate
import pytest
import yaml

from ironic_console.common.nodes import NodeRecord
from tests.helpers.program import START_PATIENCE, Site
from tests.helpers.proxy import (
    NODE,
    Browser,
    fake_novnc,
    http_get,
    path_to,
    ticket_for,
)
from tools.lab import Program, ports

FOLDER = pathlib.Path(__file__).parents[2] / 'etc' / 'kubernetes'
#: The oldest that upstream still mends.
VERSION = '1.33'
#: To say goodbye, after drain_timeout.
LAST_WORDS = 10


def documents() -> list[Any]:
    return [document for path in sorted(FOLDER.glob('*.yaml'))
            for document in yaml.safe_load_all(path.read_text())]


def of_kind(kind: str) -> Any:
    return next(one for one in documents() if one['kind'] == kind)


def container() -> Any:
    return of_kind('Deployment')['spec']['template']['spec']['containers'][0]


def configuration() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read_string(of_kind('ConfigMap')['data']['ironic.conf'])
    return parser


@pytest.mark.parametrize('document', documents(),
                         ids=lambda document: document['kind'])
def test_the_schema_knows_every_field(document: Any) -> None:
    kubernetes_validate.validate(document, VERSION, strict=True)


def test_it_may_do_nothing_that_it_need_not() -> None:
    pod = of_kind('Deployment')['spec']['template']['spec']
    assert pod['securityContext']['runAsNonRoot'] is True
    assert pod['securityContext']['seccompProfile'] == {
        'type': 'RuntimeDefault'}
    assert pod['automountServiceAccountToken'] is False
    assert container()['securityContext'] == {
        'allowPrivilegeEscalation': False, 'readOnlyRootFilesystem': True,
        'capabilities': {'drop': ['ALL']}}


def test_what_is_written_lies_on_a_volume() -> None:
    volumes = of_kind('Deployment')['spec']['template']['spec']['volumes']
    writable = {volume['name'] for volume in volumes if 'emptyDir' in volume}
    paths = [pathlib.Path(mount['mountPath'])
             for mount in container()['volumeMounts']
             if mount['name'] in writable]
    runtime = pathlib.Path(configuration()['ironic_console']['runtime_dir'])
    # The volume itself belongs to root and is open to the group.
    assert any(path in runtime.parents for path in paths)
    assert pathlib.Path('/tmp') in paths


def test_a_pod_may_drain_before_it_is_killed() -> None:
    pod = of_kind('Deployment')['spec']['template']['spec']
    pause = container()['lifecycle']['preStop']['exec']['command']
    drain = configuration()['ironic_console'].getfloat('drain_timeout')
    assert pause[0] == 'sleep'
    assert (pod['terminationGracePeriodSeconds']
            > int(pause[1]) + drain + LAST_WORDS)


def test_labels_and_ports_fit_together() -> None:
    labels = of_kind('Deployment')['spec']['template']['metadata']['labels']
    assert of_kind('Service')['spec']['selector'] == labels
    for kind in ('Deployment', 'PodDisruptionBudget'):
        assert of_kind(kind)['spec']['selector']['matchLabels'] == labels
    assert container()['ports'][0]['containerPort'] == (
        configuration()['vnc'].getint('port'))


def test_the_command_of_the_container_serves_and_drains(
        tmp_path: pathlib.Path, schema: pathlib.Path,
        record: NodeRecord) -> None:
    site = Site(tmp_path / 'site', schema)
    site.save(record)
    parser, port = configuration(), ports.free_port()
    # What belongs to the cluster; everything else is as it stands there.
    parser['vnc'].update({
        'host_ip': ports.LOOPBACK, 'port': str(port),
        'novnc_web': str(fake_novnc(tmp_path / 'novnc'))})
    parser['ironic_console'].update({
        'runtime_dir': str(tmp_path / 'run' / 'console'),
        'endpoint_networks': '127.0.0.0/8', 'drain_timeout': '1'})
    (tmp_path / 'ironic').mkdir()
    with (tmp_path / 'ironic' / 'ironic.conf').open('w') as file:
        parser.write(file)
    secret = of_kind('Secret')['stringData']['database.conf']
    url = next(line for line in secret.splitlines() if '://' in line)
    assert urllib.parse.urlsplit(url.partition('= ')[2]).scheme == (
        'mysql+pymysql')
    (tmp_path / 'ironic-secret').mkdir()
    (tmp_path / 'ironic-secret' / 'database.conf').write_text(
        f'[database]\nconnection = sqlite:///{site.database}\n')
    program, *arguments = container()['command']
    env = {one['name']: one['value'] for one in container()['env']}
    words = [word.replace('=/etc/', f'={tmp_path}/') for word in arguments]
    with Program([pathlib.Path(sys.executable).parent / program, *words],
                 tmp_path / 'proxy.log', env={**os.environ, **env}) as proxy:
        address = (ports.LOOPBACK, port)
        for probe in ('startupProbe', 'livenessProbe', 'readinessProbe'):
            path = container()[probe]['httpGet']['path']
            proxy.wait_for(lambda path=path: answers(address, path),
                           START_PATIENCE, path)
        with Browser(address, path_to(NODE, ticket_for(record))) as browser:
            browser.shake_hands()
            proxy.signal(signal.SIGTERM)
            assert browser.wait_closed()[0] == 1001
        assert proxy.wait(START_PATIENCE) == 0


def answers(address: tuple[str, int], path: str) -> bool:
    try:
        return http_get(address, path).status == 200
    except (OSError, EOFError):
        return False
