"""The composition root: the only place that connects things."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from flask import Flask, Response, request

from idp import authenticators
from idp.adapters.web import WebAdapter
from idp.authenticators import bhxh, mobile
from idp.authenticators.contract import Method
from idp.config import Config, Profile, RegistrationMode
from idp.domain.clients import GrantType
from idp.domain.decoupled import Kind
from idp.domain.events import AuditEvent, Event
from idp.domain.passwords import PasswordHasher
from idp.domain.subjects import IdNumber
from idp.flows import clerk, confirming, counter_desk, enrolling, lost_phone
from idp.flows import complaint as complaint_flow
from idp.flows import recovery as recovery_flow
from idp.flows.account import AccountFlow
from idp.flows.agencies import AgencyDesk
from idp.flows.answers import Captchas
from idp.flows.clerk import ClerkFlow, ClerkState
from idp.flows.complaint import ComplaintFlow, ComplaintState, Decision, answer
from idp.flows.complaint_desk import ComplaintDesk
from idp.flows.confirming import ConfirmingFlow, ConfirmingState
from idp.flows.counter import CounterFlow
from idp.flows.counter_desk import CounterDesk, DeskState
from idp.flows.decoupled import DecoupledFlow
from idp.flows.decoupled_answering import Answering
from idp.flows.decoupled_asking import Asking
from idp.flows.decoupled_phones import Phones
from idp.flows.enrolling import EnrollingFlow, EnrollingState
from idp.flows.freezing import FreezingFlow
from idp.flows.journeys import Journeys
from idp.flows.limits import Limits, network
from idp.flows.login.acting import ActingSteps
from idp.flows.login.credential import CredentialSteps
from idp.flows.login.entering import Entering
from idp.flows.login.flow import KIND as LOGIN
from idp.flows.login.flow import LoginFlow
from idp.flows.login.password import PasswordSteps
from idp.flows.login.state import LoginState
from idp.flows.login.steps import Steps
from idp.flows.lost_phone import LostPhoneFlow, LostPhoneState
from idp.flows.notices import Notices
from idp.flows.opening import Opening
from idp.flows.operators import OperatorFlow
from idp.flows.otp import Codes
from idp.flows.recovery import CounterRecovery, RecoveryFlow, RecoveryState
from idp.flows.registration import RegistrationFlow
from idp.flows.representatives import RepresentativeFlow
from idp.flows.reverifying import Carrier, Insurance, Renewal, ReverifyingFlow
from idp.oidc import ciba, device
from idp.oidc.client_auth import Authenticator
from idp.oidc.client_keys import ClientKeys
from idp.oidc.client_metadata import Loopback
from idp.oidc.client_metadata import build as build_client
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
from idp.oidc.ssf.sets import SetMaker
from idp.oidc.ssf.transmitter import Transmitter
from idp.oidc.techid import TechIdLookup
from idp.oidc.tokens import Tokens
from idp.ports import Clock, Hasher, WebClient
from idp.storage.accounts import AccountStore
from idp.storage.activations import ActivationStore
from idp.storage.agencies import AgencyStore
from idp.storage.audit import AuditStore
from idp.storage.clients import ClientStore
from idp.storage.complaints import ComplaintStatus, ComplaintStore
from idp.storage.credentials import CredentialStore
from idp.storage.database import Database
from idp.storage.decoupled import DecoupledStore
from idp.storage.grants import GrantStore
from idp.storage.known_facts import KnownFacts
from idp.storage.known_subjects import KnownSubjects
from idp.storage.levels import LevelStore
from idp.storage.operators import OperatorStore
from idp.storage.otps import OtpStore
from idp.storage.outbox import OutboxStore
from idp.storage.owners import OwnerStore
from idp.storage.phones import PhoneStore
from idp.storage.portal_links import PortalLinkStore
from idp.storage.pushed import PushedStore
from idp.storage.recoveries import RecoveryStore
from idp.storage.registered_agencies import RegisteredAgencies
from idp.storage.representatives import RepresentativeStore
from idp.storage.sessions import ConsentStore, Lifetimes, SessionStore
from idp.storage.signals import SignalStore
from idp.storage.single_use import SingleUse
from idp.storage.streams import StreamStore
from idp.storage.throttle import ThrottleStore
from idp.storage.transactions import TransactionStore
from idp.storage.vault import Vault, create_master
from idp.web import (
    about,
    activity,
    approvals,
    captchas,
    client_registration,
    complaint,
    counter,
    dvcqg,
    errors,
    home,
    hot_path,
    i18n,
    journey,
    login,
    methods,
    oidc,
    operator,
    operator_agencies,
    operator_complaints,
    operator_counter,
    operator_post,
    protection,
    recovery,
    registration,
    representatives,
    screens,
    security,
    ssf,
    start,
)
from idp.web import account as account_pages
from idp.web import device as device_pages
from idp.web import federation as federation_pages
from idp.web.authorize import AuthorizePages
from idp.web.captcha import Challenger, is_right
from idp.web.journey import Console, House
from idp.web.logout import LogoutPages
from idp.web.places import Places
from idp.web.words import Words

_REQUEST_ID = "X-Request-Id"
_PAGES = (
    *(home, about, complaint, counter, registration, login, captchas),
    *(account_pages, methods, activity, protection, recovery, device_pages, approvals),
    *(operator, operator_post, operator_counter, operator_complaints, operator_agencies),
    representatives,
    start,
)


@dataclass(frozen=True, slots=True)
class Ports:
    """What methods need from outside, the clock and the web, as the caller wants them."""

    methods: authenticators.Ports
    clock: Clock
    web: WebClient | None = None


@dataclass(frozen=True, slots=True)
class Foundation:
    """What every process of the provider stands on."""

    config: Config
    vault: Vault
    database: Database
    clock: Clock


def system_clock() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


def found(config: Config, clock: Clock = system_clock) -> Foundation:
    """Keys and database of an installation."""
    vault = Vault(create_master(config.keys_folder / "secret"))
    database = Database(config.database_url, pool_size=config.database.pool_size)
    return Foundation(config, vault, database, clock)


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
    )


def create_app(base: Foundation, ports: Ports) -> Flask:
    """The pages and the protocol, ready to serve."""
    config = base.config
    app = Flask("idp.web")
    every = authenticators.build_all(ports.methods)
    catalogues = i18n.load(i18n.Missing.LOG, [method.texts for method in every])
    i18n.init_app(app, catalogues, browsers=i18n.BrowserLanguage.IGNORE)
    policy = security.Policy(
        config.server.issuer,
        base.vault.key("csrf"),
        security.networks(config.server.trusted_proxies),
    )
    app.before_request(_name_request)
    security.init_app(app, policy)
    screens.init_app(app)
    errors.init_app(app, base.clock)
    app.after_request(_tell_request)
    house = _build_house(base, ports, every, Words(catalogues))
    journey.install(app, house)
    for pages in _PAGES:
        pages.init_app(app)
    provider = add_decoupled(build_provider(base, ports.web), base, house.decoupled.asking)
    authorize_pages = AuthorizePages(provider)
    authorize_pages.init_app(app)
    LogoutPages(provider).init_app(app)
    ssf.init_app(app, build_transmitter(base, provider, every), config)
    oidc.init_app(app, provider, config.mtls)
    client_registration.init_app(app, registrar(base, ports.web), base.clock, config.mtls)
    dvcqg.init_app(app, _techid_lookup(base, provider))
    if provider.entrance:
        federation_pages.init_app(app, provider.entrance, config.mtls)
    app.wsgi_app = hot_path.HotPath(  # type: ignore[method-assign]
        app, provider, authorize_pages, config.mtls, policy
    )
    app.wsgi_app = oidc.PublicDocuments(app, provider)  # type: ignore[method-assign]
    return app


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


def registrar(base: Foundation, outgoing: WebClient | None = None) -> Registrar:
    """Registers clients over the wire."""
    config, database, vault = base.config, base.database, base.vault
    is_demo = config.server.profile is Profile.DEMO
    return Registrar(
        config.server.issuer,
        config.oidc,
        Loopback.ALLOWED if is_demo else Loopback.REFUSED,
        database,
        vault,
        ClientStore(database, build_client),
        outgoing or WebAdapter(config.tls),
        AuditStore(database, vault),
        ThrottleStore(database, vault),
        network,
    )


def build_provider(base: Foundation, outgoing: WebClient | None = None) -> Provider:
    """The protocol."""
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
    clients = ClientStore(database, build_client, clock=base.clock)
    bases = tuple(each for each in (issuer, config.mtls.base) if each)
    single_use, web = SingleUse(database), outgoing or WebAdapter(config.tls)
    keys = ClientKeys(web)
    release = Release(vault.key("techid"), vault.key("verification-process"))
    encryption = Encryption(keys)
    tools = GrantTools(config.oidc, tokens, grants, note, release, encryption)
    features = _features(config)
    entrance = None
    if config.federation.enabled:
        features = federation.announced(features)
        ground = federation.Ground(config, base.clock, database, vault, web, keys, clients.find)
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
        RequestObjects(issuer, config.oidc, keys, web, pushed, authenticator, proofs),
        Introspection(tokens, grants, encryption, clients.find),
        features,
        entrance=entrance,
    )


def _features(config: Config) -> Features:
    is_open = config.oidc.registration is not RegistrationMode.CLOSED
    plain = Features()
    return Features(
        mtls_base=config.mtls.base if config.mtls.header else "",
        grant_types=(*plain.grant_types, GrantType.DEVICE_CODE, GrantType.CIBA),
        endpoints={
            **({"registration_endpoint": REGISTRATION_PATH} if is_open else {}),
            "device_authorization_endpoint": device.PATH,
            "backchannel_authentication_endpoint": ciba.PATH,
        },
        more=ciba.FEATURES,
    )


def _techid_lookup(base: Foundation, provider: Provider) -> TechIdLookup:
    database, vault = base.database, base.vault
    return TechIdLookup(
        provider.tokens,
        provider.clients,
        AccountStore(database, vault),
        AuditStore(database, vault),
        ThrottleStore(database, vault),
        database,
        base.clock,
        vault.key("techid"),
        base.config.limits.techid_lookups_per_minute,
    )


def decoupled_flow(base: Foundation, methods: tuple[Method, ...], words: Words) -> DecoupledFlow:
    """Requests that are answered on another device."""
    config, database, vault = base.config, base.database, base.vault
    account = _account_flow(base, password_hasher(config, vault), words)
    lifetimes = Lifetimes(
        timedelta(seconds=config.server.session_idle),
        timedelta(seconds=config.server.session_absolute),
    )
    able = tuple(method for method in methods if config.is_enabled(method.name))
    store, consents = DecoupledStore(database, vault), ConsentStore(database, vault)
    credentials = CredentialStore(database, vault)
    notices, limits = account.notices, account.limits
    asking = Asking(able, database, store, account.accounts, credentials, consents, notices, limits)
    answering = Answering(
        database,
        store,
        SessionStore(database, vault, lifetimes),
        consents,
        notices,
        notices.outbox,
        limits,
        timedelta(seconds=config.server.level3_max_age),
    )
    phones = Phones(able, store, account.accounts, credentials, limits, answering)
    return DecoupledFlow(asking, answering, phones)


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
    return Transmitter(
        sets,
        provider.proofs,
        provider.clients.find,
        database,
        StreamStore(database, vault),
        SignalStore(database),
        config.signals,
        Loopback.ALLOWED if is_demo else Loopback.REFUSED,
        base.clock,
        time.sleep,
    )


def session_store(base: Foundation) -> SessionStore:
    """The sessions, with the life times of the settings."""
    server = base.config.server
    lifetimes = Lifetimes(
        timedelta(seconds=server.session_idle), timedelta(seconds=server.session_absolute)
    )
    return SessionStore(base.database, base.vault, lifetimes)


def answer_complaint(base: Foundation, ticket: str, text: str, *, is_accepted: bool) -> None:
    """An operator's decision from the command line. Raises ``Conflict``."""
    store = ComplaintStore(base.database, base.vault)
    audit, now = AuditStore(base.database, base.vault), base.clock()
    status = ComplaintStatus.ACCEPTED if is_accepted else ComplaintStatus.REJECTED
    answer(base.database, store, audit, Decision(ticket, status, text), now=now)


def account_flow(base: Foundation) -> AccountFlow:
    """What an owner changes, for processes without pages: the worker and the command line."""
    words = Words(i18n.load(i18n.Missing.LOG))
    return _account_flow(base, password_hasher(base.config, base.vault), words)


def operators(base: Foundation) -> OperatorFlow:
    """Who has which role, for the command line and the demo."""
    return OperatorFlow(account_flow(base), OperatorStore(base.database), base.config.operators)


def agency_desk(base: Foundation) -> AgencyDesk:
    """The directory, for the command line and the demo."""
    registered = RegisteredAgencies(base.vault)
    return AgencyDesk(operators(base), AgencyStore(base.database), registered)


def issue_recovery(base: Foundation, number: str, operator: str) -> str:
    """An operator's one-time code for somebody whose card they have seen.

    Raises ``InvalidInput``, ``Conflict``.
    """
    store = RecoveryStore(base.database, base.vault)
    counter = CounterRecovery(account_flow(base), store, base.config.account)
    return counter.issue(IdNumber.parse(number), operator, now=base.clock())


def _account_flow(base: Foundation, hasher: Hasher, words: Words) -> AccountFlow:
    config, database, vault = base.config, base.database, base.vault
    accounts = AccountStore(database, vault)
    notices = Notices(
        accounts,
        AuditStore(database, vault),
        OutboxStore(database, vault),
        vault,
        words.notice,
        config.server.issuer,
    )
    return AccountFlow(
        database,
        accounts,
        OwnerStore(database, vault),
        PhoneStore(vault),
        LevelStore(database, vault),
        notices,
        Limits(ThrottleStore(database, vault), config),
        hasher,
        config.account,
    )


def _build_house(base: Foundation, ports: Ports, every: tuple[Method, ...], words: Words) -> House:
    config, database, vault = base.config, base.database, base.vault
    methods = tuple(method for method in every if config.is_enabled(method.name))
    accounts = AccountStore(database, vault)
    audit = AuditStore(database, vault)
    credentials, levels = CredentialStore(database, vault), LevelStore(database, vault)
    transactions = TransactionStore(database, vault)
    sessions = session_store(base)
    limits = Limits(ThrottleStore(database, vault), config)
    outbox = OutboxStore(database, vault)
    codes = Codes(
        database,
        OtpStore(database),
        transactions,
        outbox,
        vault,
        limits,
        config.otp,
        words.sms,
        words.letter,
    )
    challenger = Challenger(length=config.captcha.length)
    ttl = timedelta(seconds=config.server.transaction_ttl)
    pictures = Captchas(
        challenger.new_answer,
        lambda expected, typed: is_right(expected, typed, test_answer=config.captcha.test_answer),
    )
    account = _account_flow(base, ports.methods.hasher, words)
    steps = Steps(
        methods,
        database,
        Journeys(LOGIN, LoginState, transactions, pictures, ttl),
        accounts,
        credentials,
        Opening(database, transactions, sessions, credentials, audit, account.notices),
        audit,
        limits,
    )
    renewal = Renewal(database, accounts, credentials, levels, account.notices)
    entering = Entering(steps, levels, account.notices, renewal)
    acting = ActingSteps(steps, entering, RepresentativeStore(database, vault))
    login_flow = LoginFlow(
        steps, PasswordSteps(steps, codes), CredentialSteps(steps, entering, acting), acting
    )
    activations = ActivationStore(database, vault)
    counter = CounterFlow(database, accounts, activations, outbox, audit, words.sms)
    registration_flow = RegistrationFlow(
        methods,
        database,
        transactions,
        accounts,
        audit,
        limits,
        codes,
        pictures,
        ports.methods.hasher,
        ttl,
    )
    return House(
        config,
        base.clock,
        database,
        accounts,
        sessions,
        ConsentStore(database, vault),
        credentials,
        levels,
        transactions,
        audit,
        login_flow,
        registration_flow,
        counter,
        ComplaintFlow(
            database,
            Journeys(complaint_flow.KIND, ComplaintState, transactions, pictures, ttl),
            ComplaintStore(database, vault),
            audit,
            limits,
            codes,
        ),
        account,
        ConfirmingFlow(
            account,
            Journeys(confirming.KIND, ConfirmingState, transactions, pictures, ttl),
            codes,
        ),
        EnrollingFlow(
            methods,
            account,
            credentials,
            Journeys(enrolling.KIND, EnrollingState, transactions, pictures, ttl),
        ),
        ReverifyingFlow(
            account,
            (
                Carrier(ports.methods.subscribers, mobile.NAME),
                Insurance(ports.methods.insurance, bhxh.NAME),
            ),
        ),
        RecoveryFlow(
            account,
            Journeys(recovery_flow.KIND, RecoveryState, transactions, pictures, ttl),
            RecoveryStore(database, vault),
            codes,
        ),
        LostPhoneFlow(
            account,
            Journeys(lost_phone.KIND, LostPhoneState, transactions, pictures, ttl),
            ports.methods.subscribers,
            codes,
        ),
        FreezingFlow(database, account.owners, account.phones, account.notices, config.account),
        every,
        challenger,
        PortalLinkStore(database),
        ClientStore(database, build_client, clock=base.clock),
        Places(config.account.places),
        decoupled_flow(base, every, words),
        _build_console(base, account, counter, pictures),
        RepresentativeFlow(account, RepresentativeStore(database, vault)),
    )


def _build_console(
    base: Foundation, account: AccountFlow, counter: CounterFlow, pictures: Captchas
) -> Console:
    """What operators do."""
    database, vault = base.database, base.vault
    transactions = TransactionStore(database, vault)
    ttl = timedelta(seconds=base.config.server.transaction_ttl)
    operators = OperatorFlow(account, OperatorStore(database), base.config.operators)
    recovery = CounterRecovery(account, RecoveryStore(database, vault), base.config.account)
    return Console(
        operators,
        ClerkFlow(
            operators, counter, Journeys(clerk.KIND, ClerkState, transactions, pictures, ttl)
        ),
        CounterDesk(
            operators,
            recovery,
            Journeys(counter_desk.KIND, DeskState, transactions, pictures, ttl),
        ),
        ComplaintDesk(operators, ComplaintStore(database, vault), account.owners),
        AgencyDesk(operators, AgencyStore(database), RegisteredAgencies(vault)),
    )


def _name_request() -> None:
    """A number for this request in every line of the log and on the error page."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=secrets.token_hex(6))


def _tell_request(response: Response) -> Response:
    found_id = structlog.contextvars.get_contextvars().get("request_id", "")
    response.headers.setdefault(_REQUEST_ID, str(found_id))
    structlog.get_logger("idp.request").info(
        "request",
        method=request.method,
        endpoint=request.endpoint or "",
        status=response.status_code,
    )
    return response
