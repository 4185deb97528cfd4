"""What people and operators do, as the pages and the command line need it."""

from __future__ import annotations

from datetime import timedelta

from idp.app.foundation import Foundation, password_hasher
from idp.authenticators.contract import Method
from idp.domain.subjects import IdNumber
from idp.flows.account import AccountFlow
from idp.flows.agencies import AgencyDesk
from idp.flows.complaint import Decision, answer
from idp.flows.decoupled import DecoupledFlow
from idp.flows.decoupled_answering import Answering
from idp.flows.decoupled_asking import Asking
from idp.flows.decoupled_phones import Phones
from idp.flows.importing import Importer
from idp.flows.limits import Limits
from idp.flows.notices import Notices
from idp.flows.operators import OperatorFlow
from idp.flows.recovery import CounterRecovery
from idp.ports import Hasher
from idp.storage import phones
from idp.storage.accounts import AccountStore
from idp.storage.agencies import AgencyStore
from idp.storage.audit import AuditStore
from idp.storage.complaints import ComplaintStatus, ComplaintStore
from idp.storage.credentials import CredentialStore
from idp.storage.decoupled import DecoupledStore
from idp.storage.imports import ImportStore
from idp.storage.levels import LevelStore
from idp.storage.operators import OperatorStore
from idp.storage.outbox import OutboxStore
from idp.storage.owners import OwnerStore
from idp.storage.phones import PhoneStore
from idp.storage.recoveries import RecoveryStore
from idp.storage.registered_agencies import RegisteredAgencies
from idp.storage.sessions import ConsentStore, Lifetimes, SessionStore
from idp.storage.throttle import ThrottleStore
from idp.storage.ways_in import NOT_KNOWN, Seconds
from idp.web import (
    i18n,
)
from idp.web.words import Words


def account_flow(base: Foundation) -> AccountFlow:
    """What an owner changes, for processes without pages: the worker and the command line."""
    words = Words(i18n.load(i18n.Missing.LOG))
    hasher = password_hasher(base.config, base.vault)
    return account_flow_of(base, hasher, words, NOT_KNOWN)


def importer(base: Foundation, methods: tuple[Method, ...]) -> Importer:
    """Who brings accounts of another system in, for the command line."""
    database, vault, config = base.database, base.vault, base.config
    return Importer(
        ImportStore(database, vault, AuditStore(database, vault)),
        {method.name: method for method in methods if config.is_enabled(method.name)},
        password_hasher(config, vault).accepts,
        phones.MOST,
        base.clock,
    )


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
    return counter.issue(IdNumber.parse_any(number), operator, now=base.clock())


def answer_complaint(base: Foundation, ticket: str, text: str, *, is_accepted: bool) -> None:
    """An operator's decision from the command line. Raises ``Conflict``."""
    store = ComplaintStore(base.database, base.vault)
    audit, now = AuditStore(base.database, base.vault), base.clock()
    status = ComplaintStatus.ACCEPTED if is_accepted else ComplaintStatus.REJECTED
    answer(base.database, store, audit, Decision(ticket, status, text), now=now)


def account_flow_of(
    base: Foundation, hasher: Hasher, words: Words, seconds: Seconds
) -> AccountFlow:
    """What owners do, with the hasher and the texts of this process."""
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
        OwnerStore(database, vault, seconds),
        PhoneStore(vault, seconds),
        LevelStore(database, vault, seconds),
        notices,
        Limits(ThrottleStore(database, vault, base.meter), config),
        hasher,
        config.account,
    )


def second_factors(methods: tuple[Method, ...]) -> tuple[str, ...]:
    """The methods whose credentials open nothing without the password, also where switched off."""
    return tuple(method.name for method in methods if method.needs_password)


def decoupled_flow(
    base: Foundation, methods: tuple[Method, ...], hasher: Hasher, words: Words
) -> DecoupledFlow:
    """Requests that are answered on another device."""
    config, database, vault = base.config, base.database, base.vault
    account = account_flow_of(base, hasher, words, second_factors(methods))
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
