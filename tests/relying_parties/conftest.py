"""One demo, one registered citizen, and portals as they register."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx2 as httpx
import pytest

from tests.demo.conftest import Demo, started
from tests.relying_parties.citizen import Citizen, Place
from tests.support import installed

SETTINGS = """
[otp]
resend_after = 0
per_hour = 1000
per_day = 1000
per_ip_hour = 10000
[password]
memory_kib = 1024
"""
"""One person signs in at many portals here; nothing of it is about portals."""

Register = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    data = tmp_path_factory.mktemp("parties")
    more = data / "more.toml"
    more.write_text(SETTINGS)
    with started(data, "--config", str(more)) as running:
        yield running


@pytest.fixture(scope="session")
def place(demo: Demo) -> Place:
    return Place(demo, demo.issuer)


@pytest.fixture(scope="session")
def citizen(place: Place) -> Iterator[Citizen]:
    """Somebody who has an account at level 2; signs in at the first portal, and after a logout."""
    with httpx.Client(timeout=30, trust_env=False) as client:
        found = Citizen(place, place.person(), client)
        found.registers()
        yield found


def registration(demo: Demo) -> Register:
    """Registers a portal as an operator does (docs/integrating.md)."""
    return partial(installed.register, demo.data, client_name="Cổng thử")


@pytest.fixture
def register(demo: Demo) -> Register:
    return registration(demo)
