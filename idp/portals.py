"""Registering relying parties from outside the wire: the command line and the demo."""

from __future__ import annotations

from collections.abc import Iterator

from idp.app import Foundation
from idp.config import Config, Profile
from idp.domain.clients import Client, Metadata
from idp.oidc import registration
from idp.oidc.client_metadata import Loopback, build, gaps_to_fapi2
from idp.storage.clients import ClientStore


def loopback(config: Config, *, is_asked: bool) -> Loopback:
    """Whether http redirect URIs on this machine are accepted: in the demo, or when asked for."""
    is_demo = config.server.profile is Profile.DEMO
    return Loopback.ALLOWED if is_asked or is_demo else Loopback.REFUSED


def register(base: Foundation, found: list[Metadata], allowed: Loopback) -> list[Metadata]:
    """Register clients, all or none; answers RFC 7591's answers. Raises ``InvalidMetadata``."""
    now = base.clock()
    made = [
        registration.new_client(each, allowed, source="cli", issued_at=int(now.timestamp()))
        for each in found
    ]
    store = ClientStore(base.database, build)
    with base.database.transaction() as connection:
        for client, _ in made:
            store.save(connection, client, now=now)
    return [answer for _, answer in made]


def every(base: Foundation) -> Iterator[tuple[Client, str]]:
    """Every client that is not disabled, and where it comes from."""
    for stored in ClientStore(base.database, build).all():
        yield build(stored.metadata, stored.secret_hash), stored.source


def report(base: Foundation) -> Iterator[tuple[str, str, list[str]]]:
    """Per client: id, profile, and what keeps it from FAPI 2.0."""
    for client, _ in every(base):
        yield client.client_id, client.profile, list(gaps_to_fapi2(client))
