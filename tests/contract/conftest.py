"""The sandbox, listening."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from idp.sandbox.app import World, create_app
from idp.sandbox.people import People

PATIENT = 8.0
"""Seconds: more than an answer takes on a busy machine, less than the ten of a slow system."""


def patience(mode: str) -> float:
    """How long a caller waits where a system fails like that."""
    return 0.5 if mode == "slow" else PATIENT


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[str]:
    world = World(people=People(tmp_path))
    app = create_app(world, issuer="http://localhost:1", portals=())
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
