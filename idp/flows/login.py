"""Signing in: the dispatcher. Steps never route to one another; kept state decides the next one.

    form --(id number and password right)--> code --(code right)--> done: a session
      |
      +--(a method with a credential)--> its screens --(credential proven)--> done: a session

Every refusal leaves what was typed in place. Whether an account exists is told to nobody but the
holder of a credential that was just proven.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from idp.authenticators.contract import (
    AskCode,
    AskFields,
    AskSignature,
    AwaitPhone,
    Claimed,
    CodeConfirmed,
    Continue,
    FieldKind,
    Filled,
    Invalid,
    Login,
    Method,
    Poll,
    Presented,
    Refusal,
    Refused,
    Reply,
    Signed,
    Verified,
)
from idp.domain import identities
from idp.domain.accounts import Account, AccountStatus, Attribute, Credential, Phone
from idp.domain.assurance import IAL, Amr, Evidence, Resistance
from idp.domain.errors import Conflict, PortError
from idp.domain.events import AuditEvent, Event
from idp.domain.subjects import IdNumber
from idp.flows.answers import Answer, Captchas, Journey, Said, Visitor, source_down
from idp.flows.limits import Limits
from idp.flows.notices import Extra, Notices
from idp.flows.opening import Acting, Opening, Proven, details_of
from idp.flows.otp import Codes, SentCode
from idp.storage.accounts import AccountStore
from idp.storage.audit import AuditStore
from idp.storage.credentials import CredentialStore
from idp.storage.database import Database
from idp.storage.levels import LevelStore
from idp.storage.models import milliseconds, moment
from idp.storage.representatives import RepresentativeStore
from idp.storage.transactions import TransactionStore

KIND = "login"
OWN_PAGES = ""
"""The portal's name when somebody signs in to their own account pages."""


class Choice(msgspec.Struct, frozen=True):
    """A proven certificate of a person in an enterprise: and for whom they may act.

    ``owns`` is their own account, where this certificate opens it; ``actor`` who they are.
    """

    actor: str
    actor_name: str
    organisation: str
    organisation_name: str
    owns: str
    credential: dict[str, str]
    evidence: tuple[str, int, tuple[str, ...], int]


class LoginState(msgspec.Struct, frozen=True):
    """What a sign-in in progress remembers.

    ``request`` is the authorization transaction that waits, or empty for our own pages.
    ``wanted`` is the level that was asked for, ``floor`` the level below which no method does,
    ``resists`` the least that it has to withstand.
    ``binding`` is the account that a proven credential is added to, instead of looking up whose it
    is; ``back`` is the page of ours that the sign-in is for, ``made_for`` the one request of a
    portal that its proof answers (CIBA). ``captcha`` is the answer of the picture on the page,
    empty when none is shown.
    """

    method: str
    request: str = ""
    portal: str = OWN_PAGES
    client_id: str = ""
    wanted: int = 0
    floor: int = 0
    resists: int = 0
    binding: str = ""
    back: str = ""
    made_for: str = ""
    ui_locales: str = ""
    redirect_uri: str = ""
    typed: dict[str, str] = {}
    captcha: str = ""
    number: str = ""
    account: str = ""
    code: SentCode | None = None
    screen: AskSignature | AwaitPhone | None = None
    method_state: dict[str, str] = {}
    is_human: bool = False
    told: tuple[str, dict[str, str]] | None = None
    choice: Choice | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The end: the session's cookie, and the request or the page that waited for it."""

    cookie: str
    request: str
    back: str = ""


@dataclass(frozen=True, slots=True)
class LoginFlow:
    """Signing in with any method that can."""

    methods: tuple[Method, ...]
    database: Database
    transactions: TransactionStore
    accounts: AccountStore
    credentials: CredentialStore
    levels: LevelStore
    opening: Opening
    audit: AuditStore
    notices: Notices
    limits: Limits
    codes: Codes
    captchas: Captchas
    ttl: timedelta
    representatives: RepresentativeStore

    # --- beginning and finding ------------------------------------------------------------------

    def start(self, state: LoginState, visitor: Visitor, *, now: datetime) -> UUID:
        """Begin for this browser."""
        stored = self.transactions.add(
            KIND, _encode(state), browser_hash=visitor.browser_hash, now=now, ttl=self.ttl
        )
        return stored.id

    def find(
        self, transaction_id: UUID, visitor: Visitor, *, now: datetime
    ) -> Journey[LoginState] | None:
        """The sign-in in progress, if it is this browser's."""
        stored = self.transactions.find(
            transaction_id, KIND, browser_hash=visitor.browser_hash, now=now
        )
        return Journey(stored, _decode(stored.state)) if stored else None

    @property
    def first_method(self) -> Method:
        """The method of the default tab (R42)."""
        return self.method_for(IAL.NONE)

    def method_for(self, level: IAL, resists: Resistance = Resistance.NONE) -> Method:
        """The first method that can prove that much; the first of all when none can."""
        able = [method for method in self.methods if method.login is not None]
        return next((method for method in able if does(method, level, resists)), able[0])

    def form(self, journey: Journey[LoginState]) -> AskFields:
        """The form of the chosen method."""
        return self._login(journey).start()

    def choose(self, journey: Journey[LoginState], method: str) -> Answer[LoginState]:
        """Another tab: another method, from its first screen (R42)."""
        state = journey.state
        able = {m.name for m in self.methods if m.login and does(m, state.floor, state.resists)}
        if method not in able:
            return self._answer(journey)
        journey = self._with(
            journey,
            method=method,
            code=None,
            account="",
            screen=None,
            method_state={},
            told=None,
            choice=None,
            captcha=state.captcha if method == state.method else "",
        )
        form = self.form(journey)
        if form.is_guarded and not state.is_human and not journey.state.captcha:
            journey = self._with(journey, captcha=self.captchas.new_answer())
        return self._answer(journey)

    def restart(
        self, journey: Journey[LoginState], visitor: Visitor, *, now: datetime
    ) -> Answer[LoginState] | SignedIn:
        """The method from its first screen, or past it when it asks for nothing."""
        answer = self.choose(journey, journey.state.method)
        if self.form(answer.journey).fields:
            return answer
        return self.submit(answer.journey, Filled({}), "", visitor, now=now)

    def code_screen(self, journey: Journey[LoginState]) -> AskCode | None:
        """The code screen with the account's other phones, once a code was sent."""
        state = journey.state
        if state.code is None or not state.account:
            return None
        return AskCode(state.code.number, self.accounts.get(UUID(hex=state.account)).phones)

    # --- the form -------------------------------------------------------------------------------

    def submit(
        self,
        journey: Journey[LoginState],
        filled: Filled,
        captcha: str,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[LoginState] | SignedIn:
        """Check number and password; a code follows when they are right."""
        login = self._login(journey)
        secrets = {asked.name for asked in self.form(journey).fields if asked.kind in _SECRETS}
        typed = {name: text for name, text in filled.values.items() if name not in secrets}
        journey = self._with(journey, typed={**journey.state.typed, **typed}, told=None)
        number = login.identify(filled)
        if isinstance(number, Invalid):
            return self._answer(journey, faults=_faults(number))
        if number is None:
            return self._ask_credential(journey, login, filled, captcha, (visitor, now))
        fault = self._check_captcha(journey, captcha, number, visitor, now=now)
        if fault is not None:
            return self._ask_captcha(journey, fault)
        refusal = self.limits.before_password(number, visitor, now=now)
        if refusal:
            return self._answer(journey, notice=refusal)
        return self._check_password(journey, login, filled, number, (visitor, now))

    def _check_captcha(
        self,
        journey: Journey[LoginState],
        typed: str,
        number: IdNumber,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> dict[str, Said] | None:
        """Faults when a captcha is due and not right; it is due after a failure (S14)."""
        expected = journey.state.captcha
        if expected:
            if self.captchas.is_right(expected, typed):
                return None
            return {"captcha": Said("error.captcha.wrong" if typed else "error.captcha.empty")}
        return {} if self.limits.has_failed(number, visitor, now=now) else None

    def _check_password(
        self,
        journey: Journey[LoginState],
        login: Login,
        filled: Filled,
        number: IdNumber,
        at: tuple[Visitor, datetime],
    ) -> Answer[LoginState] | SignedIn:
        now = at[1]
        journey = self._with(journey, number=number.value)
        account = self._with_keys(journey, self.accounts.find_by_id_number(number))
        match login.resume(account, {}, filled, now=now):
            case Verified(evidence, once) if account is not None:
                return self._verified(journey, account, evidence, once, at)
            case Continue(AskCode(phone)) if account is not None:
                return self._send_first(journey, account, self._phone(account, phone.e164), at)
            case Refused() as refused:
                return self._ask_again(journey, account, refused, at)
            case Invalid() as invalid:
                return self._answer(journey, faults=_faults(invalid))
            case _:
                return self._ask_captcha(journey, {"": Said("refusal.wrong_credentials")})

    def _ask_again(
        self,
        journey: Journey[LoginState],
        account: Account | None,
        refused: Refused,
        at: tuple[Visitor, datetime],
    ) -> Answer[LoginState]:
        """Count what was wrong, note it, and tell no more than that something was."""
        visitor, now = at
        number = IdNumber.parse(journey.state.number)
        self.limits.after_wrong_password(number, visitor, now=now)
        event = Event.CODE_WRONG if refused.is_code_wrong else Event.LOGIN_REFUSED
        self._note(journey, event, account, visitor, now=now)
        told = None
        if refused.is_code_wrong and account is not None:
            told = self.limits.before_code(account.id.hex, now=now)
        return self._ask_captcha(journey, {"": told or Said(f"refusal.{refused.reason}")})

    def _send_first(
        self,
        journey: Journey[LoginState],
        account: Account,
        phone: Phone,
        at: tuple[Visitor, datetime],
    ) -> Answer[LoginState]:
        """The password was right: a code, unless the account is closed to this way in."""
        visitor, now = at
        blocked = _blocked(account)
        if blocked:
            self._note(journey, Event.LOGIN_BLOCKED, account, visitor, now=now)
            return self._answer(journey, faults={"": blocked})
        journey = self._with(journey, account=account.id.hex, captcha="")
        return self._send(journey, phone, visitor, now=now)

    def _verified(
        self,
        journey: Journey[LoginState],
        account: Account,
        evidence: Evidence,
        once: str,
        at: tuple[Visitor, datetime],
    ) -> Answer[LoginState] | SignedIn:
        """The method is content: the account may still be closed to it, or the proof be spent."""
        visitor, now = at
        if account.status is not AccountStatus.ACTIVE:
            self._note(journey, Event.LOGIN_BLOCKED, account, visitor, now=now)
            return self._refuse(journey, "refusal.frozen", {})
        if once:
            # Counted before the verdict is used, however many codes come at the same time.
            refusal = self.limits.before_code(account.id.hex, now=now)
            if refusal:
                return self._ask_captcha(journey, {"": refusal})
            if not self.opening.spend(once, now=now):
                spent = Refused(Refusal.WRONG_OR_SPENT, is_code_wrong=True)
                return self._ask_again(journey, account, spent, at)
            self.limits.after_right_code(account.id.hex)
        if journey.state.number:
            self.limits.after_login(IdNumber.parse(journey.state.number), visitor, now=now)
        proven = _proven(journey, account.id, evidence)
        cookie = self.opening.open(journey.stored, proven, visitor, now=now)
        return SignedIn(cookie, journey.state.request, journey.state.back)

    def _with_keys(self, journey: Journey[LoginState], account: Account | None) -> Account | None:
        """The account with what its method kept, where the method needs it."""
        method = self._method(journey)
        if account is None or not method.has_keys:
            return account
        return replace(account, keys=self.credentials.keys(account.id, method.name))

    # --- methods with a credential --------------------------------------------------------------

    def _ask_credential(
        self,
        journey: Journey[LoginState],
        login: Login,
        filled: Filled,
        captcha: str,
        at: tuple[Visitor, datetime],
    ) -> Answer[LoginState]:
        """Start a signature: after a captcha where a phone would ring, and counted."""
        visitor, now = at
        if login.start().is_guarded and not journey.state.is_human:
            if not self.captchas.is_right(journey.state.captcha, captcha):
                key = "error.captcha.wrong" if captcha else "error.captcha.empty"
                return self._ask_captcha(journey, {"captcha": Said(key)})
            journey = self._with(journey, is_human=True, captcha="")
        phone = login.disturbs(filled)
        refusal = (
            self.limits.before_prompt(phone, visitor, now=now)
            if phone
            else self.limits.before_step(visitor, now=now)
        )
        if refusal:
            return self._answer(journey, notice=refusal)
        result = self._resume(journey, {}, filled, visitor, now=now)
        if isinstance(result, SignedIn):
            raise TypeError(journey.state.method)
        if phone and not is_awaited(result):
            self.limits.after_prompt(phone)
        return result

    def sign(
        self, journey: Journey[LoginState], token: str, visitor: Visitor, *, now: datetime
    ) -> Answer[LoginState] | SignedIn:
        """What the signing tool answered. Its challenge is forgotten before it is looked at."""
        state = journey.state
        if not isinstance(state.screen, AskSignature):
            return self._answer(journey)
        journey = self._save(self._with(journey, screen=None, method_state={}))
        return self._resume(journey, state.method_state, Signed(token), visitor, now=now)

    def poll(
        self, journey: Journey[LoginState], visitor: Visitor, *, now: datetime
    ) -> Answer[LoginState] | SignedIn:
        """Ask whether the phone has answered, not more than once in a second or two."""
        state = journey.state
        if not isinstance(state.screen, AwaitPhone):
            return self._answer(journey)
        if not self.limits.may_poll(journey.stored.id, now=now):
            return self._answer(journey)
        result = self._resume(journey, state.method_state, Poll(), visitor, now=now)
        if not is_awaited(result):
            self.limits.after_prompt(state.screen.phone)
        return result

    def _resume(
        self,
        journey: Journey[LoginState],
        method_state: Mapping[str, str],
        reply: Reply,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[LoginState] | SignedIn:
        try:
            outcome = self._login(journey).resume(None, method_state, reply, now=now)
        except PortError as error:
            return self._answer(journey, notice=source_down(error))
        match outcome:
            case Continue(AskSignature() | AwaitPhone() as screen, kept):
                journey = self._with(journey, screen=screen, method_state=dict(kept))
                return self._answer(journey)
            case Claimed() as claimed:
                return self._claim(journey, method_state, claimed, reply, (visitor, now))
            case Presented() as presented:
                return self._present(journey, presented, visitor, now=now)
            case Invalid() as invalid:
                return self._answer(journey, faults=_faults(invalid))
            case Refused(reason, values, revoked):
                if revoked:
                    self._end_proof(revoked, visitor, now=now)
                return self._refuse(journey, f"refusal.{reason}", values)
            case Continue() | Verified():
                raise TypeError(journey.state.method)

    def _claim(
        self,
        journey: Journey[LoginState],
        method_state: Mapping[str, str],
        claimed: Claimed,
        reply: Reply,
        at: tuple[Visitor, datetime],
    ) -> Answer[LoginState] | SignedIn:
        """Let the method check the reply against what it kept with that credential."""
        owner = self.credentials.owner_of_key(journey.state.method, claimed.key)
        account = self._with_keys(journey, self.accounts.get(owner) if owner else None)
        if account is None:
            return self._refuse(journey, f"refusal.{claimed.unknown}", {})
        match self._login(journey).resume(account, method_state, reply, now=at[1]):
            case Verified(evidence, once):
                return self._verified(journey, account, evidence, once, at)
            case Refused(reason, values, _):
                self._note(journey, Event.LOGIN_REFUSED, account, at[0], now=at[1])
                return self._refuse(journey, f"refusal.{reason}", values)
            case _:
                return self._refuse(journey, f"refusal.{claimed.unknown}", {})

    def _bind(
        self,
        journey: Journey[LoginState],
        credential: Credential,
        evidence: Evidence,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[LoginState] | SignedIn:
        """Add it to the account that asked, if it was made for that very person (S6)."""
        account_id = UUID(hex=journey.state.binding)
        if not self.levels.is_own(account_id, credential):
            return self._refuse(journey, "refusal.credential_of_another", {})
        try:
            with self.database.transaction() as connection:
                self.levels.bind(connection, account_id, credential, evidence, now=now)
                details = details_of(visitor, evidence.method, f"ial{int(evidence.ial)}")
                event = AuditEvent(Event.CREDENTIAL_ADDED, now, account_id, details=details)
                self.notices.tell(connection, event, Extra({"method": evidence.method}))
        except Conflict as error:
            return self._refuse(journey, f"refusal.{error.code.replace('.', '_')}", {})
        proven = Proven(account_id, evidence, "")
        cookie = self.opening.open(journey.stored, proven, visitor, now=now)
        return SignedIn(cookie, "", "/account/methods")

    def _end_proof(self, revoked: str, visitor: Visitor, *, now: datetime) -> None:
        """A certificate that its CA revoked takes its level along (S6)."""
        with self.database.transaction() as connection:
            account_id = self.levels.revoke(connection, revoked, now=now)
            if account_id is not None:
                method = revoked.partition(" ")[0]
                details = {"ip": visitor.ip, "method": method, "reason": "revoked"}
                event = AuditEvent(Event.CREDENTIAL_REMOVED, now, account_id, details=details)
                self.notices.tell(connection, event, Extra({"method": method}))

    def _refuse(
        self, journey: Journey[LoginState], key: str, values: Mapping[str, str]
    ) -> Answer[LoginState]:
        """Back to the form, with the reason kept: it may be a script that asked."""
        told = (key, dict(values))
        return self._answer(self._with(journey, screen=None, method_state={}, told=told))

    def _present(
        self,
        journey: Journey[LoginState],
        presented: Presented,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[LoginState] | SignedIn:
        """One's own account, or the enterprise that lets one act for it (formats B.9, rule 5)."""
        credential, evidence = presented.credential, presented.evidence
        if presented.employer is not None and not journey.state.binding:
            choice = self._choice(presented)
            if isinstance(choice, Choice):
                return self._answer(self._with(journey, screen=None, choice=choice))
            if choice and not presented.opens_owner:
                return self._refuse(journey, choice, {})
        if not presented.opens_owner:
            return self._refuse(journey, "refusal.certificate_staff", {})
        return self._enter(journey, credential, evidence, visitor, now=now)

    def _choice(self, presented: Presented) -> Choice | str:
        """For whom its holder may act, or why not, or nothing: the employer never said so."""
        numbers = presented.credential.numbers
        employer = presented.employer
        firm = self.accounts.find_by_id_number(employer) if employer else None
        if firm is None or not self.representatives.may_act(firm.id, numbers):
            return ""
        people = (self.accounts.find_by_id_number(number) for number in numbers)
        person = next((found for found in people if found), None)
        if person is None:
            return "refusal.representative_account"
        if AccountStatus.FROZEN in {person.status, firm.status}:
            return "refusal.frozen"
        evidence = presented.evidence
        return Choice(
            person.id.hex,
            self._name(person.id),
            firm.id.hex,
            self._name(firm.id),
            person.id.hex if self._owns(presented, person) else "",
            identities.credential_to_text(presented.credential),
            (
                evidence.method,
                int(evidence.ial),
                tuple(map(str, evidence.amr)),
                milliseconds(evidence.at),
            ),
        )

    def _owns(self, presented: Presented, person: Account) -> bool:
        if not presented.opens_owner:
            return False
        owner = self.credentials.owner(presented.credential)
        owner = owner or self.credentials.owner_of_predecessor(presented.credential)
        return owner == person.id

    def _name(self, account_id: UUID) -> str:
        found = self.accounts.identity(account_id).find(Attribute.FULL_NAME)
        return found.value if found else ""

    def act(
        self, journey: Journey[LoginState], account: str, visitor: Visitor, *, now: datetime
    ) -> Answer[LoginState] | SignedIn:
        """Sign in for the account that was chosen, as long as the signature is fresh."""
        choice = journey.state.choice
        if choice is None or account not in {choice.owns, choice.organisation} - {""}:
            return self._answer(journey)
        method, ial, amr, at = choice.evidence
        evidence = Evidence(method, IAL(ial), tuple(map(Amr, amr)), moment(at))
        credential = identities.credential_from_text(choice.credential)
        journey = self._with(journey, choice=None)
        if now - evidence.at > _CHOICE_LIVES:
            return self._refuse(journey, "refusal.signature_late", {})
        if account == choice.owns:
            return self._enter(journey, credential, evidence, visitor, now=now)
        firm, actor = UUID(hex=choice.organisation), UUID(hex=choice.actor)
        if not self.representatives.may_act(firm, credential.numbers):
            return self._refuse(journey, "refusal.representative_over", {})
        acting = Acting(actor, choice.actor_name, choice.organisation_name)
        proven = replace(_proven(journey, firm, evidence), acting=acting)
        cookie = self.opening.open(journey.stored, proven, visitor, now=now)
        return SignedIn(cookie, journey.state.request, journey.state.back)

    def _enter(
        self,
        journey: Journey[LoginState],
        credential: Credential,
        evidence: Evidence,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[LoginState] | SignedIn:
        """Find whose credential it is: this very one, or the successor of one (S15)."""
        if journey.state.binding:
            return self._bind(journey, credential, evidence, visitor, now=now)
        renewed = None
        owner = self.credentials.owner(credential)
        if owner is None:
            owner, renewed = self.credentials.owner_of_predecessor(credential), credential
        account = self.accounts.get(owner) if owner else None
        if account is None or account.status is AccountStatus.CLOSED:
            return self._refuse(journey, "refusal.not_registered", {})
        if account.status is AccountStatus.FROZEN:
            self._note(journey, Event.LOGIN_BLOCKED, account, visitor, now=now)
            return self._refuse(journey, "refusal.frozen", {})
        proven = replace(_proven(journey, account.id, evidence), renewed=renewed)
        cookie = self.opening.open(journey.stored, proven, visitor, now=now)
        return SignedIn(cookie, journey.state.request, journey.state.back)

    # --- the code -------------------------------------------------------------------------------

    def resend(
        self,
        journey: Journey[LoginState],
        phone_id: str | None,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[LoginState]:
        """Send another code, to the same phone or another one of the account's (R44, R45)."""
        sent = journey.state.code
        if sent is None or not journey.state.account:
            return self._answer(journey)
        wait = self.codes.wait(sent, now=now)
        if wait:
            return self._answer(journey, notice=wait)
        account = self.accounts.get(UUID(hex=journey.state.account))
        picked = next((phone for phone in account.phones if phone.id.hex == phone_id), None)
        phone = picked or self._phone(account, sent.to)
        return self._send(journey, phone, visitor, now=now)

    def confirm(
        self, journey: Journey[LoginState], typed: str, visitor: Visitor, *, now: datetime
    ) -> Answer[LoginState] | SignedIn:
        """Check the code; the right one opens a session."""
        state = journey.state
        if state.code is None or not state.account:
            return self._answer(journey)
        fault = self.codes.check(
            state.code, typed, transaction_id=journey.stored.id, owner=state.account, now=now
        )
        account = self.accounts.get(UUID(hex=state.account))
        blocked = _blocked(account)
        if blocked:
            # Since the code was sent, its owner has frozen the account or switched codes off.
            self._note(journey, Event.LOGIN_BLOCKED, account, visitor, now=now)
            return self._answer(journey, faults={"": blocked})
        if fault:
            self._note(journey, Event.CODE_WRONG, account, visitor, now=now)
            return self._answer(journey, faults={"code": fault})
        reply = CodeConfirmed(state.code.number)
        outcome = self._login(journey).resume(account, {}, reply, now=now)
        if not isinstance(outcome, Verified):
            return self._answer(journey, faults={"": Said("refusal.wrong_credentials")})
        self.limits.after_login(IdNumber.parse(state.number), visitor, now=now)
        proven = _proven(journey, account.id, outcome.evidence)
        cookie = self.opening.open(journey.stored, proven, visitor, now=now)
        return SignedIn(cookie, state.request, state.back)

    def cancel(self, journey: Journey[LoginState], *, now: datetime) -> str:
        """Give up; answers the request that waited, so that the portal hears of it."""
        self.transactions.end(journey.stored, now=now)
        return journey.state.request

    # --- captcha --------------------------------------------------------------------------------

    def new_captcha(self, journey: Journey[LoginState]) -> Journey[LoginState]:
        """Another picture."""
        return self._save(self._with(journey, captcha=self.captchas.new_answer()))

    def keep(self, journey: Journey[LoginState], typed: Mapping[str, str]) -> Journey[LoginState]:
        """Keep what was typed while the picture changes."""
        return self._with(journey, typed=dict(typed))

    # --- small steps ----------------------------------------------------------------------------

    def _ask_captcha(
        self, journey: Journey[LoginState], faults: Mapping[str, Said]
    ) -> Answer[LoginState]:
        journey = self._with(journey, captcha=self.captchas.new_answer())
        return self._answer(journey, faults=faults or {"captcha": Said("error.captcha.empty")})

    def _send(
        self, journey: Journey[LoginState], phone: Phone, visitor: Visitor, *, now: datetime
    ) -> Answer[LoginState]:
        sent = self.codes.send(
            phone.number,
            purpose="approval" if journey.state.made_for else "login",
            transaction_id=journey.stored.id,
            portal=journey.state.portal,
            visitor=visitor,
            now=now,
        )
        if isinstance(sent, Said):
            return self._answer(journey, notice=sent)
        return self._answer(self._with(journey, code=sent))

    def _note(
        self,
        journey: Journey[LoginState],
        event: Event,
        account: Account | None,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> None:
        """A failure goes into the history of the account it was about, when there is one."""
        if account is None:
            return
        row = AuditEvent(
            event,
            now,
            account.id,
            client_id=journey.state.client_id or None,
            details=details_of(visitor, journey.state.method, ""),
        )
        with self.database.transaction() as connection:
            self.audit.add(connection, row)

    def _method(self, journey: Journey[LoginState]) -> Method:
        return next(
            (method for method in self.methods if method.name == journey.state.method),
            self.first_method,
        )

    def _login(self, journey: Journey[LoginState]) -> Login:
        method = self._method(journey)
        if method.login is None:
            raise LookupError(method.name)
        return method.login

    @staticmethod
    def _phone(account: Account, e164: str) -> Phone:
        return next(phone for phone in account.phones if phone.number.e164 == e164)

    @staticmethod
    def _with(journey: Journey[LoginState], **changes: Any) -> Journey[LoginState]:  # noqa: ANN401
        return replace(journey, state=msgspec.structs.replace(journey.state, **changes))

    def _save(self, journey: Journey[LoginState]) -> Journey[LoginState]:
        data = _encode(journey.state)
        if data == journey.stored.state:
            return journey
        return replace(journey, stored=self.transactions.save(journey.stored, data))

    def _answer(
        self,
        journey: Journey[LoginState],
        *,
        faults: Mapping[str, Said] | None = None,
        notice: Said | None = None,
    ) -> Answer[LoginState]:
        return Answer(self._save(journey), faults or {}, notice)


def does(method: Method, floor: int, resists: int) -> bool:
    """Whether the method can prove what is essential."""
    return method.ial >= floor and method.resists >= resists


def _proven(journey: Journey[LoginState], account_id: UUID, evidence: Evidence) -> Proven:
    """What this sign-in proved, and for what."""
    state = journey.state
    return Proven(account_id, replace(evidence, made_for=state.made_for), state.client_id)


def _blocked(account: Account) -> Said | None:
    """Why a right password leads nowhere; told before any message is sent."""
    if account.status is not AccountStatus.ACTIVE:
        return Said("refusal.frozen")
    return None if account.allows_sms else Said("refusal.sms_off")


def is_awaited(result: Answer[LoginState] | SignedIn) -> bool:
    """Whether the phone has not answered yet."""
    return isinstance(result, Answer) and isinstance(result.journey.state.screen, AwaitPhone)


_CHOICE_LIVES = timedelta(minutes=5)
_SECRETS = frozenset({FieldKind.PASSWORD, FieldKind.CODE})
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(LoginState).decode


def _faults(invalid: Invalid) -> dict[str, Said]:
    return {name: Said(f"error.{code}") for name, code in invalid.errors.items()}
