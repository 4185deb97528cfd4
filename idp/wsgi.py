"""What the server's workers import: the application of the settings."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from idp import config as settings
from idp import logs, metrics
from idp.app import create_app, found
from idp.outside import build_ports
from idp.web import bodies
from idp.web.security import networks

_NEW_OBJECTS = 50_000
Start = Callable[..., Any]
Wsgi = Callable[[dict[str, Any], Start], Iterable[bytes]]


def build() -> Wsgi:
    """The application of the settings that IDP_CONFIG names."""
    path = os.environ.get("IDP_CONFIG")
    config = settings.load(Path(path) if path else None, os.environ)
    logs.setup(config.log.level, config.log.format)
    base = found(config, meter=metrics.open_in(config.metrics_folder, "serve"))
    server = config.server
    built = bodies.Bodies(
        create_app(base, build_ports(base)).wsgi_app,
        seats=server.threads,
        cut=bodies.cutter(server.port),
        trusted=networks(server.trusted_proxies),
    )
    built.watch()
    # What stands now stands until the end: no later collection has to walk through it.
    gc.collect()
    gc.freeze()
    # What a request makes holds no circles; looking for some 70 times less often misses nothing.
    gc.set_threshold(_NEW_OBJECTS)
    return built


application = build()
