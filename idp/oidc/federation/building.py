"""Puts the federation's parts together from the settings; ``idp.app`` calls it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from idp.config import Config, Profile
from idp.domain.clients import Client
from idp.domain.errors import ConfigError
from idp.domain.events import AuditEvent, Event
from idp.oidc import metadata
from idp.oidc.client_addresses import Loopback
from idp.oidc.client_keys import ClientKeys
from idp.oidc.decryption import Decryption
from idp.oidc.federation import anchors
from idp.oidc.federation.clients import AUTOMATIC
from idp.oidc.federation.configuration import SIGNING_ALG, About, OwnConfiguration
from idp.oidc.federation.discovery import Bounds, Discovery
from idp.oidc.federation.entrance import REGISTRATION_PATH, RESOLVE_PATH, Entrance
from idp.oidc.federation.explicit import EXPLICIT, ExplicitRegistration
from idp.oidc.federation.registration import FederatedClients, Terms
from idp.oidc.federation.resolver import Resolver
from idp.oidc.federation.resolving import Budget, Gate, Resolved, Resolving
from idp.oidc.keys import KeyRing
from idp.oidc.metadata import Features
from idp.ports import Clock, WebClient
from idp.storage.audit import AuditStore
from idp.storage.database import Database
from idp.storage.federation import FederationStore
from idp.storage.throttle import ThrottleStore
from idp.storage.vault import Vault

FOLDER: Final = "federation"


@dataclass(frozen=True, slots=True)
class Ground:
    """What the federation stands on."""

    config: Config
    clock: Clock
    database: Database
    vault: Vault
    web: WebClient
    keys: ClientKeys
    decryption: Decryption
    find_client: Callable[[str], Client | None]


def announced(features: Features) -> Features:
    """The discovery document's members for federations (section 5.1.3)."""
    return replace(
        features,
        endpoints={
            **features.endpoints,
            "federation_registration_endpoint": REGISTRATION_PATH,
        },
        more={**features.more, "client_registration_types_supported": [AUTOMATIC, EXPLICIT]},
    )


def key_ring(config: Config, clock: Clock) -> KeyRing:
    """Federation keys: apart from those of tokens (section 3.1.1)."""
    return KeyRing(
        config.keys_folder / FOLDER,
        clock,
        announce=timedelta(seconds=config.keys.announce),
        retire=timedelta(seconds=config.keys.retire),
        algorithms=(SIGNING_ALG,),
    )


def build(ground: Ground, features: Features) -> Entrance:
    """Everything. Raises ``ConfigError`` when an anchor's file is wrong, or none is there."""
    config, settings = ground.config, ground.config.federation
    is_demo = config.server.profile is Profile.DEMO
    loopback = Loopback.ALLOWED if is_demo else Loopback.REFUSED
    pinned = anchors.load(config.keys_folder, loopback)
    if not pinned:
        place = config.keys_folder / "trust" / FOLDER
        raise ConfigError([f"{place}: no trust anchor is pinned, but [federation] is enabled"])
    discovery = Discovery(
        ground.web,
        pinned,
        ground.clock,
        loopback,
        Bounds(settings.max_fetches, settings.search_seconds, settings.max_chain_length),
    )
    clients = FederatedClients(
        config.server.issuer,
        discovery,
        _resolving(ground),
        FederationStore(ground.database),
        ground.keys,
        Terms(
            settings.required_trust_marks,
            settings.require_pkce,
            features.response_types,
            timedelta(seconds=settings.refresh),
            timedelta(seconds=settings.longest),
        ),
        ground.find_client,
        _note(ground),
    )
    ourselves = _ourselves(ground, tuple(pinned), features)
    explicit = ExplicitRegistration(clients, ourselves)
    resolver = Resolver(ourselves, discovery, clients.resolving)
    return Entrance(clients, ourselves, explicit, ground.decryption, resolver)


def _resolving(ground: Ground) -> Resolving:
    settings, threads = ground.config.federation, ground.config.server.threads
    budget = Budget(
        settings.per_network_minute,
        settings.per_minute,
        parallel=max(1, threads // 2),  # strangers never hold every thread
        remember=timedelta(seconds=min(60, settings.refresh)),
        remember_failure=timedelta(seconds=min(60, settings.refresh)),
        wait_seconds=2 * settings.search_seconds,
    )
    gate = Gate(ThrottleStore(ground.database, ground.vault), budget)
    return Resolving(gate, budget, ground.clock)


def _ourselves(ground: Ground, pinned: tuple[str, ...], features: Features) -> OwnConfiguration:
    config, settings = ground.config, ground.config.federation
    ring = key_ring(config, ground.clock)
    ring.ensure()
    about = About(
        config.server.issuer,
        settings.authority_hints,
        pinned,
        settings.organization_name or config.server.issuer,
        tuple(config.folder / name for name in settings.trust_marks),
        timedelta(seconds=settings.statement_ttl),
    )
    issuer = config.server.issuer
    endpoints = {"federation_resolve_endpoint": f"{issuer}{RESOLVE_PATH}"}
    members = metadata.members(issuer, features)
    return OwnConfiguration(about, ring, ground.clock, members, endpoints)


def _note(ground: Ground) -> Callable[[Resolved, str], None]:
    audit = AuditStore(ground.database, ground.vault)

    def note(found: Resolved, source: str) -> None:
        details = {
            "source": source,
            "anchor": found.chain.anchor.entity_id,
            "superior": found.chain.superior,
            "until": found.until.isoformat(),
        }
        event = AuditEvent(
            Event.CLIENT_SAVED,
            ground.clock(),
            client_id=found.client.client_id,
            details=details,
        )
        with ground.database.transaction() as connection:
            audit.add(connection, event)

    return note
