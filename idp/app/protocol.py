"""The protocol of an installation: keys, clients, grants, and who is told what."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from idp.adapters.web import WebAdapter
from idp.app.foundation import Foundation
from idp.authenticators.contract import Method
from idp.config import Config, Profile, RegistrationMode
from idp.domain.assurance import Attestation
from idp.domain.clients import GrantType
from idp.domain.decoupled import Kind
from idp.domain.events import AuditEvent, Event
from idp.flows.decoupled_asking import Asking
from idp.flows.limits import network
from idp.oidc import ciba, device, software_statements
from idp.oidc.client_addresses import Loopback
from idp.oidc.client_auth import Authenticator
from idp.oidc.client_keys import ClientKeys
from idp.oidc.client_metadata import build as build_client
from idp.oidc.decryption import Decryption
from idp.oidc.decryption import key_ring as decryption_keys
from idp.oidc.dynamic_registration import PATH as REGISTRATION_PATH
from idp.oidc.dynamic_registration import Registrar
from idp.oidc.encryption import Encryption
from idp.oidc.federation import building as federation
from idp.oidc.grants.answer import GrantTools
from idp.oidc.grants.decoupled import DecoupledGrant
from idp.oidc.introspection import Introspection
from idp.oidc.keys import KeyRing
from idp.oidc.metadata import Features
from idp.oidc.proof import Proofs
from idp.oidc.provider import Provider
from idp.oidc.release import Release
from idp.oidc.request_objects import RequestObjects
from idp.oidc.response_types import offered
from idp.oidc.software_statements import SoftwareStatements
from idp.oidc.ssf.polling import Polling
from idp.oidc.ssf.receivers import Receivers
from idp.oidc.ssf.sets import SetMaker
from idp.oidc.ssf.transmitter import Transmitter
from idp.oidc.techid import TechIdLookup
from idp.oidc.tokens import Tokens
from idp.ports import WebClient
from idp.storage.accounts import AccountStore
from idp.storage.audit import AuditStore
from idp.storage.clients import ClientStore
from idp.storage.grants import GrantStore
from idp.storage.known_facts import KnownFacts
from idp.storage.known_subjects import KnownSubjects
from idp.storage.pushed import PushedStore
from idp.storage.signals import SignalStore
from idp.storage.single_use import SingleUse
from idp.storage.streams import StreamStore
from idp.storage.throttle import ThrottleStore


def key_ring(base: Foundation) -> KeyRing:
    """The signing keys; made at the first start."""
    settings = base.config.keys
    ring = KeyRing(
        base.config.keys_folder / "signing",
        base.clock,
        announce=timedelta(seconds=settings.announce),
        retire=timedelta(seconds=settings.retire),
    )
    ring.ensure()
    return ring


def decryption(base: Foundation) -> Decryption:
    """What others encrypt for us; its keys are made at the first start."""
    settings = base.config.keys
    ring = decryption_keys(
        base.config.keys_folder,
        base.clock,
        announce=timedelta(seconds=settings.announce),
        retire=timedelta(seconds=settings.retire),
    )
    ring.ensure()
    return Decryption(ring)


def registrar(base: Foundation, outgoing: WebClient | None = None) -> Registrar:
    """Registers clients over the wire."""
    config, database, vault = base.config, base.database, base.vault
    is_demo = config.server.profile is Profile.DEMO
    issuers = software_statements.load(config.keys_folder)
    return Registrar(
        config.server.issuer,
        config.oidc,
        config.limits.client_registrations_per_ip_hour,
        Loopback.ALLOWED if is_demo else Loopback.REFUSED,
        database,
        vault,
        ClientStore(database, build_client),
        outgoing or WebAdapter(config.tls, meter=base.meter),
        AuditStore(database, vault),
        ThrottleStore(database, vault, base.meter),
        network,
        SoftwareStatements(config.server.issuer, issuers),
    )


def build_provider(
    base: Foundation, methods: tuple[Method, ...], outgoing: WebClient | None = None
) -> Provider:
    """The protocol; ``methods`` are those that are installed."""
    config, database, vault = base.config, base.database, base.vault
    tokens = Tokens(config.server.issuer, config.oidc, vault, key_ring(base))
    audit = AuditStore(database, vault)

    def note(account_id: UUID, client_id: str, reason: str) -> None:
        now = base.clock()
        details = {"reason": reason}
        event = AuditEvent(
            Event.GRANT_REVOKED, now, account_id, client_id=client_id, details=details
        )
        with database.transaction() as connection:
            audit.add(connection, event)

    issuer, grants = config.server.issuer, GrantStore(database, vault)
    clients = ClientStore(database, build_client, timer=base.timer, clock=base.clock)
    bases = tuple(each for each in (issuer, config.mtls.base) if each)
    web = outgoing or WebAdapter(config.tls, meter=base.meter)
    single_use, keys, opening = SingleUse(database), ClientKeys(web), decryption(base)
    attestations = {each.name: each.attestation for each in methods if each.attestation}
    release = Release(vault.key("techid"), vault.key("verification-process"), attestations)
    encryption = Encryption(keys)
    tools = GrantTools(config.oidc, tokens, grants, note, release, encryption)
    features = _features(config, tuple(attestations.values()))
    entrance = None
    if config.federation.enabled:
        features = federation.announced(features)
        ground = federation.Ground(
            config, base.clock, database, vault, web, keys, opening, clients.find
        )
        entrance = federation.build(ground, features)
    admit = entrance.program if entrance else None
    authenticator = Authenticator(issuer, bases, clients.find, keys, single_use, admit)
    proofs = Proofs(bases, single_use, vault.key("dpop-nonce") if config.oidc.dpop_nonce else None)
    pushed = PushedStore(database, vault)
    return Provider(
        issuer,
        tools,
        clients,
        base.clock,
        authenticator,
        proofs,
        RequestObjects(issuer, config.oidc, keys, web, pushed, authenticator, proofs, opening),
        Introspection(tokens, grants, encryption, clients.find, base.timer),
        features,
        entrance=entrance,
        meter=base.meter,
    )


def _features(config: Config, attestations: tuple[Attestation, ...]) -> Features:
    is_open = config.oidc.registration is not RegistrationMode.CLOSED
    plain, kinds = Features(), offered(config.oidc)
    implicit = (GrantType.IMPLICIT,) if any(each.is_implicit for each in kinds) else ()
    return Features(
        mtls_base=config.mtls.base if config.mtls.header else "",
        grant_types=(*plain.grant_types, GrantType.DEVICE_CODE, GrantType.CIBA, *implicit),
        response_types=kinds,
        endpoints={
            **({"registration_endpoint": REGISTRATION_PATH} if is_open else {}),
            "device_authorization_endpoint": device.PATH,
            "backchannel_authentication_endpoint": ciba.PATH,
        },
        attestations=attestations,
        more=ciba.FEATURES,
    )


def techid_lookup(base: Foundation, provider: Provider) -> TechIdLookup:
    """Whose TechID it is, for a back office of the national SSO (national-sso.md)."""
    database, vault = base.database, base.vault
    return TechIdLookup(
        provider.tokens,
        provider.clients,
        AccountStore(database, vault),
        AuditStore(database, vault),
        ThrottleStore(database, vault, base.meter),
        database,
        base.clock,
        vault.key("techid"),
        base.config.limits.techid_lookups_per_minute,
    )


def add_decoupled(provider: Provider, base: Foundation, asks: Asking) -> Provider:
    """The same protocol with device authorization (RFC 8628) and CIBA."""
    settings, subjects = base.config.oidc, KnownSubjects(base.database)
    devices = device.DeviceAuthorization(
        provider.issuer, settings, provider.authenticator, asks, base.clock
    )
    asking = ciba.Ciba(
        provider.issuer,
        settings,
        provider.authenticator,
        provider.authenticator.keys,
        provider.authenticator.single_use,
        provider.tokens,
        subjects,
        asks,
        base.clock,
    )
    return replace(
        provider,
        tools=replace(provider.tools, remember=subjects.remember),
        grants_by_name={
            **provider.grants_by_name,
            GrantType.DEVICE_CODE: DecoupledGrant(asks.store, Kind.DEVICE, "device_code"),
            GrantType.CIBA: DecoupledGrant(asks.store, Kind.CIBA, "auth_req_id"),
        },
        more={**provider.more, device.PATH: devices.answer, ciba.PATH: asking.answer},
    )


def build_transmitter(
    base: Foundation, provider: Provider, methods: tuple[Method, ...]
) -> Transmitter:
    """The streams of security events."""
    config, database, vault = base.config, base.database, base.vault
    types = {method.name: method.credential_type for method in methods}
    sets = SetMaker(provider.tokens, KnownFacts(database, vault), vault.key("txn"), types)
    is_demo = config.server.profile is Profile.DEMO
    streams, signals = StreamStore(database, vault), SignalStore(database)
    receivers = Receivers(
        provider.tokens, provider.proofs, provider.clients.find, streams, base.clock
    )
    return Transmitter(
        receivers,
        Polling(receivers, sets, signals, config.signals, time.sleep),
        sets,
        database,
        streams,
        signals,
        config.signals,
        Loopback.ALLOWED if is_demo else Loopback.REFUSED,
        base.clock,
    )
