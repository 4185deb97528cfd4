"""What every process of an installation stands on: settings, keys, database, clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from idp import authenticators
from idp.config import Config
from idp.domain.passwords import PasswordHasher
from idp.metrics import Meter
from idp.ports import Clock, WebClient
from idp.storage.database import Database
from idp.storage.sessions import Lifetimes, SessionStore
from idp.storage.vault import Vault, create_master
from idp.web import bodies


@dataclass(frozen=True, slots=True)
class Ports:
    """What methods need from outside, the clock and the web, as the caller wants them."""

    methods: authenticators.Ports
    clock: Clock
    web: WebClient | None = None


@dataclass(frozen=True, slots=True)
class Foundation:
    """What every process of the provider stands on; ``timer`` ends what is remembered briefly."""

    config: Config
    vault: Vault
    database: Database
    clock: Clock
    meter: Meter = field(default_factory=Meter)
    timer: Callable[[], float] = time.monotonic


def system_clock() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


def found(config: Config, clock: Clock = system_clock, meter: Meter | None = None) -> Foundation:
    """Keys and database of an installation; ``meter`` is read by whoever serves."""
    vault = Vault(create_master(config.keys_folder / "secret"))
    database = Database(config.database_url, pool_size=config.database.pool_size)
    return Foundation(config, vault, database, clock, meter or Meter())


def password_hasher(config: Config, vault: Vault) -> PasswordHasher:
    """The hasher of the settings."""
    settings = config.password
    return PasswordHasher(
        vault.key("pepper"),
        time_cost=settings.time_cost,
        memory_kib=settings.memory_kib,
        parallelism=settings.parallelism,
        max_parallel=settings.max_parallel,
        queue_seconds=settings.queue_seconds,
        aside=bodies.aside,
    )


def session_store(base: Foundation) -> SessionStore:
    """The sessions, with the life times of the settings."""
    server = base.config.server
    lifetimes = Lifetimes(
        timedelta(seconds=server.session_idle), timedelta(seconds=server.session_absolute)
    )
    return SessionStore(base.database, base.vault, lifetimes)
