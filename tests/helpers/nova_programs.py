# SPDX-License-Identifier: Apache-2.0
"""Nova's own parts, run by the Python of a virtual environment with Nova.

What stands in for the rest of a Nova is here: rows in the database of a cell
as nova-api and nova-compute write them, and the answer of nova-compute to
"is this still the port of that instance?". It is given by Nova's Ironic
driver, as nova-compute does.

    nova_programs.py schema --config-file FILE
    nova_programs.py compute --config-file FILE
    nova_programs.py novncproxy --config-file FILE

It knows nothing of ironic_console.
"""

import json
import sys

SCHEMA, COMPUTE, PROXY = 'schema', 'compute', 'novncproxy'


def main() -> None:
    command = sys.argv.pop(1)
    if command == PROXY:
        run_proxy()
        return
    from nova import config
    config.parse_args(sys.argv)
    if command == SCHEMA:
        from nova.db import migration
        migration.db_sync(database='main')
        return
    # INSTANCE and NODE on each line of standard input, an answer for each.
    for line in sys.stdin:
        print(json.dumps(make_console(*line.split())), flush=True)


def make_console(instance_uuid: str, node: str) -> dict[str, object]:
    """Do what nova-api and nova-compute do for "console url show".

    :returns: ``host``, ``port`` and ``url``; or ``error``, the name of what
        the driver raised.
    """
    import nova.conf
    from nova import context, exception, objects
    objects.register_all()
    admin = context.get_admin_context()
    try:
        instance = objects.Instance.get_by_uuid(admin, instance_uuid)
    except exception.InstanceNotFound:
        instance = objects.Instance(
            admin, uuid=instance_uuid, host='compute', node=node,
            compute_id=1, project_id='project', user_id='user',
            display_name='metal')
        instance.create()
    try:
        console = _driver().get_vnc_console(admin, instance)
    except exception.NovaException as exc:
        return {'error': type(exc).__name__}
    token = objects.ConsoleAuthToken(
        context=admin, console_type='novnc', host=console.host,
        port=console.port, internal_access_path=console.internal_access_path,
        instance_uuid=instance_uuid,
        access_url_base=nova.conf.CONF.vnc.novncproxy_base_url)
    token.authorize(nova.conf.CONF.consoleauth.token_ttl)
    return {'host': console.host, 'port': console.port,
            'url': token.access_url}


def _driver() -> object:
    from nova.virt.ironic import driver
    return driver.IronicDriver(None)


def run_proxy() -> None:
    """The program nova-novncproxy, but for its message queue."""
    from nova.cmd import novncproxy
    from nova.compute import rpcapi

    class ComputeAPI:
        def validate_console_port(self, context: object, instance: object,
                                  port: str, console_type: str) -> bool:
            console = _driver().get_vnc_console(context, instance)
            return str(console.port) == port

    rpcapi.ComputeAPI = ComputeAPI
    novncproxy.main()


if __name__ == '__main__':
    main()
