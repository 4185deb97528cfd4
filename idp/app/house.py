"""The house behind the pages: every flow with the stores and methods that it needs."""

from __future__ import annotations

from datetime import timedelta

from idp.app.foundation import Foundation, Ports, session_store
from idp.app.people import account_flow_of, decoupled_flow, second_factors
from idp.authenticators.contract import Method
from idp.flows import clerk, confirming, counter_desk, emergency, enrolling, lost_phone
from idp.flows import complaint as complaint_flow
from idp.flows import recovery as recovery_flow
from idp.flows.account import AccountFlow
from idp.flows.agencies import AgencyDesk
from idp.flows.answers import Captchas
from idp.flows.clerk import ClerkFlow, ClerkState
from idp.flows.complaint import ComplaintFlow, ComplaintState
from idp.flows.complaint_desk import ComplaintDesk
from idp.flows.confirming import ConfirmingFlow, ConfirmingState
from idp.flows.counter import CounterFlow
from idp.flows.counter_desk import CounterDesk, DeskState
from idp.flows.emergency import EmergencyFlow, EmergencyState
from idp.flows.enrolling import EnrollingFlow, EnrollingState
from idp.flows.freezing import FreezingFlow
from idp.flows.journeys import Journeys
from idp.flows.limits import Limits
from idp.flows.login.acting import ActingSteps
from idp.flows.login.credential import CredentialSteps
from idp.flows.login.entering import Entering
from idp.flows.login.flow import KIND as LOGIN
from idp.flows.login.flow import LoginFlow
from idp.flows.login.password import PasswordSteps
from idp.flows.login.state import LoginState
from idp.flows.login.steps import Steps
from idp.flows.lost_phone import LostPhoneFlow, LostPhoneState
from idp.flows.opening import Opening
from idp.flows.operators import OperatorFlow
from idp.flows.otp import Codes
from idp.flows.recovery import CounterRecovery, RecoveryFlow, RecoveryState
from idp.flows.registration import steps as registration_steps
from idp.flows.registration.code import CodeSteps
from idp.flows.registration.flow import KIND as REGISTRATION
from idp.flows.registration.flow import RegistrationFlow
from idp.flows.registration.opening import OpeningSteps
from idp.flows.registration.proving import ProvingSteps
from idp.flows.registration.state import RegistrationState
from idp.flows.representatives import RepresentativeFlow
from idp.flows.reverifying import Renewal, ReverifyingFlow
from idp.oidc.client_metadata import build as build_client
from idp.storage.accounts import AccountStore
from idp.storage.activations import ActivationStore
from idp.storage.agencies import AgencyStore
from idp.storage.audit import AuditStore
from idp.storage.clients import ClientStore
from idp.storage.complaints import ComplaintStore
from idp.storage.credentials import CredentialStore
from idp.storage.levels import LevelStore
from idp.storage.operators import OperatorStore
from idp.storage.otps import OtpStore
from idp.storage.outbox import OutboxStore
from idp.storage.portal_links import PortalLinkStore
from idp.storage.recoveries import RecoveryStore
from idp.storage.registered_agencies import RegisteredAgencies
from idp.storage.representatives import RepresentativeStore
from idp.storage.sessions import ConsentStore
from idp.storage.throttle import ThrottleStore
from idp.storage.transactions import TransactionStore
from idp.web.captcha import Challenger, is_right
from idp.web.journey import Console, House
from idp.web.places import Places
from idp.web.words import Words


def build_house(base: Foundation, ports: Ports, every: tuple[Method, ...], words: Words) -> House:
    """Every flow of the pages; ``every`` are the methods that are installed."""
    config, database, vault = base.config, base.database, base.vault
    methods = tuple(method for method in every if config.is_enabled(method.name))
    accounts = AccountStore(database, vault)
    audit = AuditStore(database, vault)
    seconds = second_factors(every)
    credentials, levels = CredentialStore(database, vault), LevelStore(database, vault, seconds)
    transactions = TransactionStore(database, vault)
    sessions = session_store(base)
    limits = Limits(ThrottleStore(database, vault, base.meter), config)
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
        base.meter,
    )
    challenger = Challenger(length=config.captcha.length)
    ttl = timedelta(seconds=config.server.transaction_ttl)
    pictures = Captchas(
        challenger.new_answer,
        lambda expected, typed: is_right(expected, typed, test_answer=config.captcha.test_answer),
    )
    account = account_flow_of(base, ports.methods.hasher, words, seconds)
    steps = Steps(
        methods,
        database,
        Journeys(LOGIN, LoginState, transactions, pictures, ttl),
        accounts,
        credentials,
        Opening(database, transactions, sessions, credentials, audit, account.notices, base.meter),
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
    issued = next((method.name for method in every if method.is_issued), "")
    counter = CounterFlow(database, accounts, activations, outbox, audit, words.sms, issued)
    registering = registration_steps.Steps(
        methods,
        Journeys(REGISTRATION, RegistrationState, transactions, pictures, ttl),
        base.meter,
    )
    code = CodeSteps(registering, codes)
    opening = OpeningSteps(registering, database, accounts, audit, ports.methods.hasher)
    registration_flow = RegistrationFlow(
        registering, ProvingSteps(registering, code, opening, accounts, limits), code, opening
    )
    freezing = FreezingFlow(
        database,
        account.owners,
        account.phones,
        account.notices,
        config.account,
        RecoveryStore(database, vault),
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
        ReverifyingFlow(account, methods),
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
        freezing,
        EmergencyFlow(
            account,
            freezing,
            Journeys(emergency.KIND, EmergencyState, transactions, pictures, ttl),
            codes,
        ),
        every,
        challenger,
        PortalLinkStore(database),
        ClientStore(database, build_client, timer=base.timer, clock=base.clock),
        Places(config.account.places),
        decoupled_flow(base, every, ports.methods.hasher, words),
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
