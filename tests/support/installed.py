"""What an operator does at an installation that runs, done in the test's own process."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from idp import app, portals
from idp import config as settings


def register(folder: Path, **metadata: Any) -> dict[str, Any]:
    """``idp clients register --allow-http-loopback``, without a process that imports everything.

    The command itself is run by ``tests/demo``.
    """
    base = app.found(settings.load(folder / "config.toml", os.environ))
    try:
        allowed = portals.loopback(base.config, is_asked=True)
        (answer,) = portals.register(base, [json.loads(json.dumps(metadata))], allowed)
    finally:
        base.database.close()
    return answer
