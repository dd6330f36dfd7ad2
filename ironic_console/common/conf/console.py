# SPDX-License-Identifier: Apache-2.0
"""Options of the group [ironic_console]."""

from oslo_config import cfg, types

SIGNED, PLAIN = 'signed', 'plain'

GROUP = cfg.OptGroup(
    'ironic_console', title='Graphical consoles',
    help='Options of ironic_console, for conductors and for the proxy. '
         'Options of Ironic that are obeyed too: [vnc] host_ip, port, '
         'public_url, enable_ssl, cert_file, key_file, tls_minimum_version, '
         'tls_ciphers, novnc_web, read_only, token_timeout, and '
         '[cors]allowed_origin.')

_BOTH = [
    cfg.StrOpt(
        'token_format', default=SIGNED,
        choices=[
            (SIGNED, 'the URL carries a signed ticket that is made anew '
                     'for every "console show"; nothing in the database '
                     'opens a console'),
            (PLAIN, 'the URL carries the secret of the node itself, as '
                    "Ironic's in-tree ironic-novncproxy wants it; it opens "
                    'the console for as long as that is enabled'),
        ],
        help='What console URLs carry. Conductors and proxies must agree. '
             'Choose plain only while the in-tree proxy is in use.'),
    cfg.HostAddressOpt(
        'gateway_host',
        help='Address of the gateway for Nova and the in-tree proxy. '
             'Conductors tell it to them as vnc_host of every node with a '
             'console of ours, our proxies listen there; where they differ '
             '(a virtual address, a container), each has its own in its '
             'configuration file. When not set, Nova is told where the BMC '
             'is, and there is no gateway.'),
    cfg.StrOpt(
        'gateway_port_range', default='16000:19999',
        help='Ports of the gateway, FIRST:LAST, one for each node: that of '
             "the node's number in the database. May grow at its end; "
             'whatever else changes moves all nodes. Conductors and proxies '
             'must agree.'),
]

_CONDUCTOR = [
    cfg.BoolOpt(
        'extend_hardware_types', default=True,
        help='Make the console interfaces of this package usable on nodes of '
             "Ironic's own hardware types (redfish, idrac, ipmi ...). When "
             'off, only nodes of the hardware types console-redfish, '
             'console-idrac and console-ipmi can use them.'),
    cfg.HostAddressOpt(
        'fake_vnc_address', default='127.0.0.1',
        help='Address on which the test cards of fake-vnc listen, and which '
             'is told to the proxy. Test cards ask for a password only where '
             'driver_info/fake_vnc_security says so, and anything but '
             'loopback shows the others to the network.'),
    cfg.FloatOpt(
        'bmc_timeout', default=40, min=1, max=600,
        help='Seconds for all Redfish requests together by which a console '
             'is started or stopped. Some BMCs need several for each. '
             "Ironic's own [redfish] timeouts are not used for consoles, "
             'since they add up to minutes.'),
    cfg.FloatOpt(
        'vnc_ready_timeout', default=40, min=1, max=600,
        help='Seconds that the VNC server of a BMC may take, once it is '
             'switched on, until it lets us in.'),
    cfg.FloatOpt(
        'console_check_interval', default=300, min=0, max=86400,
        help='Seconds between two looks at the BMCs of enabled consoles, and '
             'of those that could not be switched off. What does not run is '
             'started again, and displays that no console needs any more are '
             'stopped. 0 never looks.'),
    cfg.BoolOpt(
        'idrac_vnc_restore', default=False,
        help='Give the VNC server of an iDRAC the settings back that it had '
             'before its console was enabled, instead of switching it off '
             'at "console disable". Its former password cannot be read and '
             'is lost either way.'),
    cfg.HostAddressOpt(
        'display_address', default='$my_ip', sample_default='$my_ip',
        help='Address on which the displays that conductors start themselves '
             '([vnc]container_provider = display-process) listen, and which '
             'is told to the proxy. They let nobody in without TLS and a '
             'password.'),
    cfg.StrOpt(
        'display_resolution', default='1280x960',
        help='Size of displays in pixels, WIDTHxHEIGHT, each from 320 to '
             '4096. The page of the BMC scales its picture to it.'),
    cfg.FloatOpt(
        'display_linger', default=5, min=0, max=600,
        help='Seconds that a display stays logged in at the BMC after its '
             'last viewer has gone, so that one who comes back finds '
             'everything as it was.'),
    cfg.FloatOpt(
        'display_start_timeout', default=30, min=1, max=600,
        help='Seconds that a display may take, once it is started, until it '
             'lets us in. Nova waits for 60 altogether.'),
    cfg.StrOpt(
        'display_directory', default='/run/ironic-console-displays',
        help='Folder through which settings are handed to displays that '
             'others start: ironic-console-display-manager and what else '
             'reads the files of [vnc]container_provider = display-files, '
             "and the containers of Ironic's own providers. Passwords of "
             'BMCs lie in it until they are read, so it belongs in memory '
             '(tmpfs) and to the user of the conductor alone: mode 0700.'),
    cfg.StrOpt(
        'display_file_template', default='',
        help='Jinja2 template of the files that [vnc]container_provider = '
             'display-files writes, one for each display; when empty, one '
             'that makes what ironic-console-display-manager reads.'),
]

_PROXY = [
    cfg.StrOpt(
        'concurrency_backend', default='threading',
        choices=[('threading', 'native threads'),
                 ('eventlet', 'green threads; needs the extra "eventlet", '
                              'and is slower')],
        help='oslo.service backend of the proxy.'),
    cfg.IntOpt(
        'workers', default=0, min=0, max=64,
        help='Processes that share the listening port; 0 for as many as '
             'there are processor cores, 4 at most. One serves thousands of '
             'idle sessions.'),
    cfg.IntOpt(
        'max_sessions', default=2000, min=1,
        help='Sessions that one worker holds at most; one more is answered '
             'with 503. Each needs two file descriptors. More than at the '
             'start needs a restart.'),
    cfg.IntOpt(
        'max_sessions_per_node', default=0, min=0,
        help='Sessions of one node at the same time, in all workers of this '
             'proxy; one more is answered with 429. 0 means no limit.'),
    cfg.IntOpt(
        'max_sessions_per_source', default=0, min=0,
        help='Sessions from one address (IPv6: from one /64) at the same '
             'time, in all workers of this proxy; one more is answered with '
             '429. 0 means no limit. Behind a reverse proxy set '
             'trusted_proxies too, or all users count as one. Those who '
             'come through the gateway are not counted.'),
    cfg.StrOpt(
        'sharing', default='shared',
        choices=[
            ('shared', 'all of them see and type'),
            ('refuse', 'the second is refused while the first is there'),
            ('takeover', 'the second is asked whether the first shall go'),
        ],
        help='What happens to a second session of a node in this proxy. '
             'driver_info/console_sharing of a node wins.'),
    cfg.ListOpt(
        'trusted_proxies', default=[],
        help='Networks (CIDR) of reverse proxies whose header '
             'X-Forwarded-For is believed when they say for whom they '
             'speak. From anybody else it means nothing.'),
    cfg.FloatOpt(
        'max_frame_rate', default=5000, min=0,
        help='WebSocket frames, or messages of VNC if there are more of '
             'those, that a viewer may send per second, for longer than two '
             'seconds, before its session is closed. A person at mouse and '
             'keyboard needs 200, the page when it types a text as fast as '
             'it can 4000. 0 means no limit.'),
    cfg.StrOpt(
        'runtime_dir', default='',
        help='Folder for the sockets of ironic-console-sessions; made if '
             'missing, for our user only: mode 0700. 87 bytes at most. When '
             'empty, a private one that is removed at the end, which that '
             'program cannot find.'),
    cfg.HostAddressOpt(
        'metrics_host', default='127.0.0.1',
        help='Address on which Prometheus may ask for metrics. Who can '
             'connect can read them; they name no node and no user.'),
    cfg.PortOpt(
        'metrics_port', default=0,
        help='Port for that; 0 for none.'),
    cfg.IntOpt(
        'max_setups', default=512, min=1, max=8192,
        help='Connections that one worker sets up at the same time, each on '
             'a thread of its own. One more makes the oldest go that has '
             'not said yet what it wants; when all have, it is answered '
             'with 503.'),
    cfg.FloatOpt(
        'head_timeout', default=10, min=0.1, max=3600,
        help='Seconds in which a client has to finish TLS and send the head '
             'of its request.'),
    cfg.FloatOpt(
        'keepalive_timeout', default=5, min=0, max=3600,
        help='Seconds for which an HTTP connection waits for a further '
             'request. 0 closes it after the first; so does a worker while '
             'half of its max_setups are taken.'),
    cfg.FloatOpt(
        'database_timeout', default=5, min=0.1, max=3600,
        help='Seconds that a user waits for the database before the answer '
             'is 503.'),
    cfg.FloatOpt(
        'connect_timeout', default=10, min=0.1, max=3600,
        help='Seconds for the connection to an endpoint: name resolution '
             'and all its addresses together.'),
    cfg.FloatOpt(
        'handshake_timeout', default=30, min=0.1, max=3600,
        help='Seconds for the whole RFB handshake with an endpoint. Some '
             'BMCs need ten before they say a word.'),
    cfg.FloatOpt(
        'browser_handshake_timeout', default=10, min=0.1, max=3600,
        help='Seconds for the whole RFB handshake with a browser.'),
    cfg.FloatOpt(
        'ping_interval', default=20, min=0.1, max=3600,
        help='Seconds between WebSocket pings. A browser that answers '
             'nothing until the next one is closed.'),
    cfg.FloatOpt(
        'idle_timeout', default=0, min=0,
        help='Seconds without a key or a move of the pointer after which a '
             'session is closed, also one that only looks. 0 means never.'),
    cfg.FloatOpt(
        'stall_timeout', default=300, min=0,
        help='Seconds for which one side may take nothing while there is '
             'something for it, before the session is closed. 0 means for '
             'ever. An endpoint that takes no keys is given up after 60 '
             'seconds in any case: it cannot be told from one whose cable '
             'was pulled.'),
    cfg.FloatOpt(
        'max_session_length', default=0, min=0,
        help='Seconds after which a session is closed, however busy. 0 means '
             'never. [vnc]token_timeout limits only the start of sessions.'),
    cfg.FloatOpt(
        'recheck_interval', default=5, min=0.1, max=3600,
        help='Seconds between two looks at the nodes of all open sessions. A '
             'console that was disabled is closed at most this much later.'),
    cfg.FloatOpt(
        'database_grace', default=60, min=0,
        help='Seconds for which sessions go on while the database does not '
             'answer. After that they are closed, since nobody knows whether '
             'they are still allowed.'),
    cfg.FloatOpt(
        'drain_timeout', default=30, min=0, max=86400,
        help='Seconds for which open sessions go on after SIGTERM.'),
    cfg.ListOpt(
        'endpoint_networks', default=[],
        help='Networks (CIDR) in which endpoints may lie; an endpoint '
             'outside them is refused. When empty, any address is fine but '
             'loopback, link-local, multicast and unspecified ones. Name '
             '127.0.0.0/8 to use consoles on the host of the proxy. Displays '
             'of ilo-kvm, supermicro-kvm and idrac-kvm find BMCs at any '
             'address but those, and in these networks.'),
    cfg.StrOpt(
        'vencrypt_ca_certs', default='',
        help='PEM file with the CAs that vouch for endpoints which speak '
             'TLS. When empty, those of the system do.'),
    cfg.StrOpt(
        'vencrypt_client_cert', default='',
        help='PEM file with our certificate for endpoints that ask for one, '
             'and its chain.'),
    cfg.StrOpt(
        'vencrypt_client_key', default='',
        help='PEM file with the key of vencrypt_client_cert, unencrypted. '
             'When empty, it is in that file.'),
    cfg.BoolOpt(
        'allow_unverified_tls', default=False,
        help='Also connect to endpoints whose driver_info asks for TLS '
             'without a check of the certificate. Anybody between proxy and '
             'BMC can then read and change everything; naming a fingerprint '
             'is as easy.'),
    cfg.ListOpt(
        'gateway_security', default=['x509none'],
        item_type=types.String(choices=['x509none', 'none']),
        help='What the gateway offers to those who connect, best first: '
             'x509none is VeNCrypt with a certificate that '
             'gateway_client_ca_file has signed, none is nothing at all, for '
             'those in gateway_networks.'),
    cfg.ListOpt(
        'gateway_networks', default=[],
        help='Networks (CIDR) of those to whom the gateway offers "none": '
             'the hosts of nova-novncproxy and of the in-tree proxy. Who '
             'connects from there can use every console.'),
    cfg.ListOpt(
        'gateway_client_names', default=[],
        help='Names (DNS, or common name where there is none) of which the '
             'certificate of those who use "x509none" must have one. When '
             'empty, every certificate of gateway_client_ca_file will do: '
             'set this when that CA signs for others than proxies too.'),
    cfg.FloatOpt(
        'gateway_interval', default=1, min=0.1, max=60,
        help='Seconds between two looks at which consoles are enabled. A '
             'port of the gateway opens and shuts at most this much later; '
             '"console enable" waits for it.'),
    cfg.StrOpt(
        'gateway_cert_file', default='',
        help='PEM file with the certificate of gateway and viewer_port, and '
             'its chain. When empty, [vnc]cert_file.'),
    cfg.StrOpt(
        'gateway_key_file', default='',
        help='PEM file with the key of gateway_cert_file, unencrypted. When '
             'empty, [vnc]key_file.'),
    cfg.StrOpt(
        'gateway_client_ca_file', default='',
        help='PEM file with the CAs that sign the certificates of those who '
             'may use the gateway. Whoever has one can use every console.'),
    cfg.PortOpt(
        'viewer_port', default=0,
        help="Port for people's own viewers (VeNCrypt X509Plain), on "
             '[vnc]host_ip: the user name is the node, the password the '
             'ticket out of the console URL. 0 for none.'),
    cfg.ListOpt(
        'frame_ancestors', default=[],
        help='Origins whose pages may show the console page in a frame, for '
             'example https://horizon.example.org. When empty, every page '
             'may, as with the in-tree proxy. "none" forbids it.'),
]

OPTS = [*_BOTH, *_CONDUCTOR, *_PROXY]


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the group; doing it twice is fine."""
    conf.register_group(GROUP)
    conf.register_opts(OPTS, group=GROUP)
