"""``idp serve``: the schema, the keys, the management port, then granian's workers."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from granian import Granian
from granian.constants import HTTPModes, Interfaces, RuntimeModes

from idp import app, logs, management
from idp.config import Config, Profile
from idp.domain.errors import ConfigError
from idp.metrics import Reader
from idp.storage import migrate
from idp.storage.vault import load_master
from idp.web import bodies

_STOP_SECONDS = 10
_SOON, _MOST_QUICK = 20.0, 20
_log = structlog.get_logger(__name__)


def prepare(config: Config) -> app.Foundation:
    """Make what is missing; refuse to invent a master key for data that exists."""
    has_data = config.server.profile is Profile.PRODUCTION and migrate.current(config.database_url)
    if has_data and load_master(config.keys_folder / "secret") is None:
        place = config.keys_folder / "secret"
        raise ConfigError([f"{place}: the master key of this database is missing"])
    migrate.upgrade(config.database_url)
    base = app.found(config)
    app.key_ring(base)
    app.decryption(base)
    return base


def run(config: Config, path: Path) -> None:
    """Serve until SIGTERM or SIGINT."""
    logs.setup(config.log.level, config.log.format)
    base = prepare(config)
    os.environ["IDP_CONFIG"] = str(path)
    with tempfile.TemporaryDirectory(prefix="mot-cua-") as spare:
        folder = _metrics_folder(config, Path(spare))
        os.environ["IDP_METRICS__DIRECTORY"] = str(folder)
        reader = Reader(folder)
        reader.forget_the_dead()
        listening = management.start(base, reader)
        try:
            keep_serving(lambda: _serve(config))
        finally:
            listening.shutdown()
            base.database.close()


def _metrics_folder(config: Config, spare: Path) -> Path:
    """Where our workers count; a folder of our own where the settings' one cannot be written to."""
    folder = config.metrics_folder
    if folder is None:
        return spare
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.access(folder, os.W_OK | os.X_OK):
        return folder.resolve()
    _log.warning("metrics.not_shared", folder=str(folder))
    return spare


def keep_serving(serve: Callable[[], None], timer: Callable[[], float] = time.monotonic) -> None:
    """Serve again when granian gives up; twenty quick deaths in a row are a fault of ours.

    It leaves when a worker dies twice within seconds, which two kills in a row are enough for
    (security.md: kill -9 of a worker). A signal to stop ends it.
    """
    quick = 0
    while quick < _MOST_QUICK:
        started = timer()
        try:
            serve()
        except SystemExit:
            quick = 0 if timer() - started > _SOON else quick + 1
            _log.error("serve.again", quick=quick)
        else:
            return
    sys.exit(1)


def _serve(config: Config) -> None:
    server = Granian(
        target="idp.wsgi:application",
        address=config.server.host,
        port=config.server.port,
        interface=Interfaces.WSGI,
        # What stands in front speaks HTTP/1.1 to us; looking for more costs every request.
        http=HTTPModes.http1,
        runtime_mode=RuntimeModes.st,
        workers=config.server.workers,
        # Who waits for a body holds a thread and no seat (web/bodies.py).
        blocking_threads=config.server.threads + bodies.ROOM,
        respawn_failed_workers=True,
        log_access=False,
        websockets=False,
        workers_kill_timeout=_STOP_SECONDS,
    )
    server.serve()
