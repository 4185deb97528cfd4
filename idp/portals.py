"""Registering relying parties from outside the wire: the command line and the demo."""

from __future__ import annotations

from idp.app import Foundation
from idp.config import Config, Profile
from idp.domain.clients import Metadata
from idp.oidc import registration
from idp.oidc.client_metadata import Loopback, build
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
