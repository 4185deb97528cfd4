"""``idp serve``: the schema, the keys, the management port, then granian's workers."""

from __future__ import annotations

import os
from pathlib import Path

from granian import Granian
from granian.constants import Interfaces

from idp import app, logs, management
from idp.config import Config, Profile
from idp.domain.errors import ConfigError
from idp.storage import migrate
from idp.storage.vault import load_master

_STOP_SECONDS = 10


def prepare(config: Config) -> app.Foundation:
    """Make what is missing; refuse to invent a master key for data that exists."""
    has_data = config.server.profile is Profile.PRODUCTION and migrate.current(config.database_url)
    if has_data and load_master(config.keys_folder / "secret") is None:
        place = config.keys_folder / "secret"
        raise ConfigError([f"{place}: the master key of this database is missing"])
    migrate.upgrade(config.database_url)
    base = app.found(config)
    app.key_ring(base)
    return base


def run(config: Config, path: Path) -> None:
    """Serve until SIGTERM or SIGINT."""
    logs.setup(config.log.level, config.log.format)
    base = prepare(config)
    os.environ["IDP_CONFIG"] = str(path)
    listening = management.start(base)
    server = Granian(
        target="idp.wsgi:application",
        address=config.server.host,
        port=config.server.port,
        interface=Interfaces.WSGI,
        workers=config.server.workers,
        blocking_threads=config.server.threads,
        respawn_failed_workers=True,
        log_access=False,
        websockets=False,
        workers_kill_timeout=_STOP_SECONDS,
    )
    try:
        server.serve()
    finally:
        listening.shutdown()
        base.database.close()
