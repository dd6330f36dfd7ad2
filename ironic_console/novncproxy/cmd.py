# SPDX-License-Identifier: Apache-2.0
"""``ironic-console-novncproxy``: the composition root.

Everything that can be wrong with configuration, certificates, page files or
the port is found here, before a worker is started, and said in one line.
"""

import argparse
import contextlib
import gc
import importlib
import importlib.metadata
import logging
import sys
import threading
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from oslo_config import cfg
from oslo_service import backend

from ironic_console.common.conf import console as console_conf
from ironic_console.common.errors import ConfigError
from ironic_console.common.quotation import one_line
from ironic_console.novncproxy import green

if TYPE_CHECKING:
    from ironic_console.novncproxy.loading import Loaded

LOG = logging.getLogger(__name__)

PROGRAM = 'ironic-console-novncproxy'
# Threads live for a handshake or a query; SQLAlchemy needs the most.
_STACK_BYTES = 512 * 1024


def main(argv: Sequence[str] | None = None) -> int:
    """Run the proxy until it is told to stop.

    :returns: exit status.
    """
    arguments = list(sys.argv if argv is None else argv)
    if not sys.warnoptions:
        # Ironic's libraries load it whether it is used or not.
        warnings.filterwarnings('ignore', r'\s*Eventlet is deprecated')
    try:
        _select_backend(_read_backend(arguments))
        return _run(arguments)
    except (ConfigError, cfg.Error, ValueError) as exc:
        print(f'{PROGRAM}: {one_line(exc)}', file=sys.stderr)
        return 1


def _version() -> str:
    ours, ironic = map(importlib.metadata.version,
                       ('ironic-console', 'ironic'))
    return f'{PROGRAM} {ours} with Ironic {ironic}'


def _read_backend(arguments: list[str]) -> str:
    """Read the one option that decides how everything else is loaded.

    ``--version`` is answered here: Ironic would tell its own only.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument('--version', action='version', version=_version())
    parser.add_argument('--config-file', action='append')
    parser.add_argument('--config-dir', action='append')
    known, _others = parser.parse_known_args(arguments[1:])
    conf = cfg.ConfigOpts()
    console_conf.register_opts(conf)
    try:
        conf([], project='ironic', default_config_files=known.config_file,
             default_config_dirs=known.config_dir)
        return str(conf.ironic_console.concurrency_backend)
    except cfg.Error:
        # Told properly when everything is read.
        return 'threading'


def _select_backend(name: str) -> None:
    """Choose oslo.service's backend, before anything of Ironic is loaded.

    Ironic's own modules would choose one otherwise, and it cannot be
    changed.
    """
    if name == 'eventlet':
        try:
            eventlet = importlib.import_module('eventlet')
        except ImportError as exc:
            raise ConfigError(
                '[ironic_console]concurrency_backend is eventlet, which is '
                'not installed: pip install ironic-console[eventlet]',
            ) from exc
        eventlet.monkey_patch()
        green.install()
        backend.init_backend(backend.BackendType.EVENTLET)
    else:
        backend.init_backend(backend.BackendType.THREADING)
        threading.stack_size(_STACK_BYTES)


def _run(arguments: list[str]) -> int:
    # What follows loads Ironic, see _select_backend.
    from ironic.common import config
    from ironic.conf import CONF
    from oslo_log import log
    from oslo_middleware import cors
    from oslo_service import service as oslo_service
    from oslo_service import systemd

    from ironic_console.common import nodes_ironic
    from ironic_console.common.clock import Clock
    from ironic_console.novncproxy import (
        admin,
        check,
        crash,
        loading,
        logs,
        metrics,
        resources,
        server,
        signals,
    )
    from ironic_console.novncproxy.ledger import Ledger
    from ironic_console.novncproxy.service import ProxyService
    from ironic_console.novncproxy.settings import read_settings
    from ironic_console.novncproxy.shared import Shared
    from ironic_console.novncproxy.worker import Worker

    log.register_options(CONF)
    console_conf.register_opts(CONF)
    CONF.register_opts(cors.CORS_OPTS, group='cors')
    CONF.register_cli_opt(cfg.BoolOpt(
        'check', default=False,
        help='Check configuration, certificates, page files, runtime folder, '
             'ports and database, say what is wrong, and end.'))
    config.parse_args(arguments)
    log.setup(CONF, 'ironic_console')
    logs.lose_rather_than_raise(logging.getLogger().handlers)
    nodes_ironic.fail_fast(CONF)
    _prepare_reloading(CONF)

    def load() -> 'Loaded':
        loaded = loading.load(read_settings(CONF))
        settings = loaded.settings
        resources.raise_file_limit(
            settings.sessions.max_sessions, settings.setup.max_setups,
            len(settings.gateway.policy.ports) if settings.gateway else 0)
        CONF.set_override('graceful_shutdown_timeout',
                          signals.shutdown_timeout(settings.drain_timeout))
        return loaded

    def reread() -> 'Loaded':
        _reload_configuration(CONF)
        try:
            return load()
        except (cfg.Error, ValueError, OSError) as exc:
            raise ConfigError(one_line(exc)) from exc

    loaded = load()
    settings = loaded.settings
    clock = Clock()
    if CONF.check:
        store = nodes_ironic.IronicNodeStore(settings.database_timeout, clock)
        with contextlib.closing(store):
            return int(not check.report(settings, len(loaded.pages), store))
    launcher = oslo_service.ProcessLauncher(
        CONF, restart_method=_restart_method())
    _log_options(CONF)
    with resources.runtime_folder(settings.runtime_dir) as folder:
        metrics.clear(folder)
        admin.AdminFolder(folder).tidy()
        shared = Shared(
            server.listen(settings.listen.host, settings.listen.port),
            Ledger(settings.workers * settings.sessions.max_sessions),
            folder, server.listen(
                settings.metrics.host, settings.metrics.port,
                '[ironic_console]metrics_host and metrics_port')
            if settings.metrics else None,
            server.listen(
                settings.viewers.host, settings.viewers.port,
                '[vnc]host_ip and [ironic_console]viewer_port')
            if settings.viewers else None)

        def make_worker(loaded: 'Loaded') -> Worker:
            crash.end_process_with_its_threads()
            # The store makes its database engine in here, after the fork.
            store = nodes_ironic.IronicNodeStore(
                loaded.settings.database_timeout, clock)
            return Worker(shared, loaded, store, clock)

        service = ProxyService(make_worker, reread, loaded, shared)
        service.guard_forks()
        signals.forward_sighup(_service_wrapper())
        # It stays as long as we do: to look for garbage in all of it holds
        # every session up for a tenth of a second.
        gc.freeze()
        launcher.launch_service(service, workers=settings.workers)
        signals.forward_to_parent(launcher, service)
        for listener in shared.public_listeners():
            signals.close_at_sigterm(listener)
        # Signals are heeded, and connections taken. The eventlet backend says
        # it by itself, a second time is ignored.
        systemd.notify_once()
        LOG.info('%s listens at %s port %d, %d workers', _version(),
                 settings.listen.host or 'any address', settings.listen.port,
                 settings.workers)
        try:
            return int(launcher.wait() or 0)
        finally:
            # Python forgets its handlers first, and one more signal would
            # make a good end look like a bad one.
            signals.ignore_signals()


def _prepare_reloading(conf: Any) -> None:
    """Let ``mutate_config_files`` do what it is called for later.

    It tells oslo.log that ``debug`` has changed, and what has changed since
    its first call; so there has to be one. Backends call it in the parent
    process, which must not end when files cannot be read then.
    """
    mutate = conf.mutate_config_files
    mutate()

    def mutate_if_possible() -> dict[Any, Any]:
        try:
            return dict(mutate())
        except cfg.Error as exc:
            LOG.warning('The configuration files cannot be read: %s',
                        one_line(exc))
            return {}

    conf.mutate_config_files = mutate_if_possible


def _reload_configuration(conf: Any) -> None:
    """:raises ConfigError: the files cannot be read; nothing has changed."""
    if not conf.reload_config_files():
        raise ConfigError('the configuration files cannot be read, see the '
                          'line above')
    # In this order: otherwise it says of each option of ours which has
    # changed that it is ignored.
    conf.mutate_config_files()


def _log_options(conf: Any) -> None:
    """Log all options, once.

    Backends do that after SIGHUP and in each new worker as well, and fail
    there when one of them has no good value.
    """
    if conf.log_options:
        conf.log_opt_values(LOG, logging.DEBUG)
        conf.set_override('log_options', False)


def _restart_method() -> str:
    """:returns: what the backend does in the parent process at SIGHUP."""
    # What Cotyledon does can be left to us. With eventlet the other one ends
    # the workers.
    return 'reload' if _is_threading() else 'mutate'


def _is_threading() -> bool:
    return backend.get_backend_type() is backend.BackendType.THREADING


def _service_wrapper() -> type | None:
    if not _is_threading():
        return None
    module = importlib.import_module(
        'oslo_service.backend._threading.service')
    wrapper: type | None = getattr(module, 'ServiceWrapper', None)
    return wrapper


