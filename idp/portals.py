"""Registering relying parties from outside the wire: the command line and the demo."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from datetime import datetime

from idp.app import Foundation
from idp.config import Config, Profile
from idp.domain.clients import Client, Metadata
from idp.domain.errors import Conflict
from idp.domain.events import AuditEvent, Event
from idp.oidc import registration
from idp.oidc.client_addresses import Loopback
from idp.oidc.client_metadata import build
from idp.oidc.client_rules import gaps_to_fapi2
from idp.oidc.response_types import offered
from idp.storage.audit import AuditStore
from idp.storage.clients import ClientStore, StoredClient


def loopback(config: Config, *, is_asked: bool) -> Loopback:
    """Whether http redirect URIs on this machine are accepted: in the demo, or when asked for."""
    is_demo = config.server.profile is Profile.DEMO
    return Loopback.ALLOWED if is_asked or is_demo else Loopback.REFUSED


def register(base: Foundation, found: list[Metadata], allowed: Loopback) -> list[Metadata]:
    """Register clients, all or none; answers RFC 7591's answers. Raises ``InvalidMetadata``."""
    now = base.clock()
    made = [
        registration.new_client(
            each,
            allowed,
            source="cli",
            issued_at=int(now.timestamp()),
            among=offered(base.config.oidc),
        )
        for each in found
    ]
    store = ClientStore(base.database, build)
    with base.database.transaction() as connection:
        for client, _ in made:
            store.save(connection, client, now=now)
    return [answer for _, answer in made]


def every(base: Foundation) -> Iterator[tuple[Client, StoredClient]]:
    """Every client, with its row."""
    for stored in ClientStore(base.database, build).all():
        yield build(stored.metadata, stored.secret_hash), stored


def standing(client: Client, stored: StoredClient, *, now: datetime) -> str:
    """How a client stands, where it is not simply registered."""
    words = ["disabled"] if stored.is_disabled else []
    if stored.until is not None:
        word = "ended" if stored.until <= now else "until"
        words.append(f"{word} {stored.until:%Y-%m-%d %H:%M}Z")
    if client.voucher:
        words.append(f"vouched for by {client.voucher.superior}")
    if client.is_stranger:
        words.append("let itself in")
    return f"[{', '.join(words)}]" if words else ""


def report(base: Foundation) -> Iterator[tuple[str, str, list[str]]]:
    """Per client: id, profile, and what keeps it from FAPI 2.0."""
    for client, _ in every(base):
        yield client.client_id, client.profile, list(gaps_to_fapi2(client))


class Switch(enum.Enum):
    """What an operator does with a client that exists."""

    DISABLE = Event.CLIENT_DISABLED
    ENABLE = Event.CLIENT_ENABLED


def switch(base: Foundation, client_id: str, way: Switch, *, by: str) -> bool:
    """Disable or enable a client, and note who decided it; False when it stood so already.

    Raises ``Conflict`` for a client that nobody knows. Every process hears of it within two
    seconds, since none remembers a client for longer.
    """
    store, now = ClientStore(base.database, build), base.clock()
    if not store.is_known(client_id):
        raise Conflict("client.unknown")
    event = AuditEvent(way.value, now, client_id=client_id, details={"by": by})
    with base.database.transaction() as connection:
        match way:
            case Switch.DISABLE:
                changed = store.disable(connection, client_id, now=now)
            case Switch.ENABLE:
                changed = store.enable(connection, client_id)
        if changed:
            AuditStore(base.database, base.vault).add(connection, event)
    return changed
