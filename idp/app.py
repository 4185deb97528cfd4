"""The composition root: the only place that connects things."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from flask import Flask, Response, request

from idp import authenticators
from idp.authenticators.contract import Method
from idp.config import Config
from idp.domain.events import AuditEvent, Event
from idp.domain.passwords import PasswordHasher
from idp.flows.complaint import ComplaintFlow, Decision, answer
from idp.flows.counter import CounterFlow
from idp.flows.limits import Limits
from idp.flows.login import Captchas, LoginFlow
from idp.flows.opening import Opening
from idp.flows.otp import Codes, SmsText
from idp.flows.registration import RegistrationFlow
from idp.oidc.grants.answer import GrantTools
from idp.oidc.keys import KeyRing
from idp.oidc.provider import Provider
from idp.oidc.registration import build as build_client
from idp.oidc.tokens import Tokens
from idp.ports import Clock
from idp.storage.accounts import AccountStore
from idp.storage.activations import ActivationStore
from idp.storage.audit import AuditStore
from idp.storage.clients import ClientStore
from idp.storage.complaints import ComplaintStatus, ComplaintStore
from idp.storage.credentials import CredentialStore
from idp.storage.database import Database
from idp.storage.grants import GrantStore
from idp.storage.levels import LevelStore
from idp.storage.otps import OtpStore
from idp.storage.outbox import OutboxStore
from idp.storage.sessions import ConsentStore, Lifetimes, SessionStore
from idp.storage.throttle import ThrottleStore
from idp.storage.transactions import TransactionStore
from idp.storage.vault import Vault, create_master
from idp.web import (
    about,
    captchas,
    complaint,
    counter,
    errors,
    home,
    i18n,
    journey,
    login,
    methods,
    oidc,
    registration,
    screens,
    security,
)
from idp.web.authorize import AuthorizePages
from idp.web.captcha import Challenger, is_right
from idp.web.journey import House
from idp.web.logout import LogoutPages

_REQUEST_ID = "X-Request-Id"


@dataclass(frozen=True, slots=True)
class Ports:
    """What methods need from outside, and the clock, as the caller wants them."""

    methods: authenticators.Ports
    clock: Clock


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
    journey.install(app, _build_house(base, ports, every, _sms_text(catalogues)))
    for pages in (home, about, complaint, counter, registration, login, methods, captchas):
        pages.init_app(app)
    provider = build_provider(base)
    AuthorizePages(provider).init_app(app)
    LogoutPages(provider).init_app(app)
    oidc.init_app(app, provider)
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


def build_provider(base: Foundation) -> Provider:
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

    tools = GrantTools(config.oidc, tokens, GrantStore(database, vault), note)
    clients = ClientStore(database, build_client)
    return Provider(config.server.issuer, tools, clients, base.clock)


def answer_complaint(base: Foundation, ticket: str, text: str, *, is_accepted: bool) -> None:
    """An operator's decision from the command line. Raises ``Conflict``."""
    store = ComplaintStore(base.database, base.vault)
    audit, now = AuditStore(base.database, base.vault), base.clock()
    status = ComplaintStatus.ACCEPTED if is_accepted else ComplaintStatus.REJECTED
    answer(base.database, store, audit, Decision(ticket, status, text), now=now)


def _build_house(base: Foundation, ports: Ports, every: tuple[Method, ...], text: SmsText) -> House:
    config, database, vault = base.config, base.database, base.vault
    methods = tuple(method for method in every if config.is_enabled(method.name))
    accounts = AccountStore(database, vault)
    audit = AuditStore(database, vault)
    credentials, levels = CredentialStore(database, vault), LevelStore(database, vault)
    transactions = TransactionStore(database, vault)
    lifetimes = Lifetimes(
        timedelta(seconds=config.server.session_idle),
        timedelta(seconds=config.server.session_absolute),
    )
    sessions = SessionStore(database, vault, lifetimes)
    limits = Limits(ThrottleStore(database, vault), config)
    outbox = OutboxStore(database, vault)
    codes = Codes(database, OtpStore(database), outbox, vault, limits, config.otp, text)
    challenger = Challenger(length=config.captcha.length)
    ttl = timedelta(seconds=config.server.transaction_ttl)
    pictures = Captchas(
        challenger.new_answer,
        lambda expected, typed: is_right(expected, typed, test_answer=config.captcha.test_answer),
    )
    login_flow = LoginFlow(
        methods,
        database,
        transactions,
        accounts,
        credentials,
        levels,
        Opening(database, transactions, sessions, credentials, audit),
        audit,
        limits,
        codes,
        pictures,
        ttl,
    )
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
        ConsentStore(database),
        credentials,
        levels,
        transactions,
        audit,
        login_flow,
        registration_flow,
        CounterFlow(database, accounts, ActivationStore(database, vault), outbox, audit, text),
        ComplaintFlow(
            database,
            transactions,
            ComplaintStore(database, vault),
            audit,
            limits,
            codes,
            pictures,
            ttl,
        ),
        every,
        challenger,
    )


def _sms_text(catalogues: i18n.Catalogues) -> SmsText:
    """Messages are in Vietnamese, whatever language the page has: phones are shared."""
    texts = catalogues[i18n.Language.VI]

    def text(purpose: str, code: str, minutes: int, portal: str) -> str:
        named = portal or texts.text("site.name")
        return texts.text(f"sms.otp.{purpose}", code=code, minutes=minutes, portal=named)

    return text


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
