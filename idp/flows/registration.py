"""Opening an account.

    the method's screens --(identity proven)--> password, if the method sets one --> done
              |
              +--(a number of the proven identity has an account)--> exists: three ways out (R14)

Nothing is written about the person before the last step, and that is one transaction: a process
that dies anywhere leaves either no account or a whole one.
"""

from __future__ import annotations

import enum
import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Connection

from idp.authenticators.contract import (
    AskCode,
    AskFields,
    AskSignature,
    AwaitPhone,
    CodeConfirmed,
    Continue,
    Filled,
    Invalid,
    Method,
    Poll,
    Proofed,
    Refused,
    Registration,
    Reply,
    Screen,
    Signed,
)
from idp.domain import identities
from idp.domain.accounts import Identity
from idp.domain.assurance import IAL, Amr, Evidence
from idp.domain.errors import Conflict, InvalidInput, PortError, WeakPassword
from idp.domain.events import AuditEvent, Event
from idp.domain.passwords import check_password
from idp.domain.subjects import IdNumber, PhoneNumber, SubjectKind
from idp.flows.answers import Answer, Captchas, Journey, Said, Visitor, source_down
from idp.flows.limits import Limits
from idp.flows.otp import Codes, SentCode
from idp.ports import Hasher
from idp.storage.accounts import AccountStore
from idp.storage.audit import AuditStore
from idp.storage.database import Database
from idp.storage.models import milliseconds, moment
from idp.storage.single_use import spend
from idp.storage.transactions import TransactionStore

KIND = "registration"
_PROOF_KEPT = timedelta(days=30)


class Step(enum.StrEnum):
    """Where a registration stands."""

    METHOD = "method"
    PASSWORD = "password"  # noqa: S105  the name of a step
    EXISTS = "exists"
    DONE = "done"


class RegistrationState(msgspec.Struct, frozen=True):
    """What a registration in progress remembers.

    ``screen`` is the method's, shown while ``step`` says so. ``login`` is the sign-in it came from.
    """

    method: str
    subject: str
    login: str = ""
    step: Step = Step.METHOD
    screen: Screen | None = None
    typed: dict[str, str] = {}
    captcha: str = ""
    is_human: bool = False
    told: tuple[str, dict[str, str]] | None = None
    method_state: dict[str, str] = {}
    code: SentCode | None = None
    identity: dict[str, str] = {}
    credential: dict[str, str] = {}
    once: str = ""
    evidence: tuple[str, int, tuple[str, ...], int, str | None] | None = None


@dataclass(frozen=True, slots=True)
class RegistrationFlow:
    """Opening an account with any method that can."""

    methods: tuple[Method, ...]
    database: Database
    transactions: TransactionStore
    accounts: AccountStore
    audit: AuditStore
    limits: Limits
    codes: Codes
    captchas: Captchas
    hasher: Hasher
    ttl: timedelta

    # --- beginning and finding ------------------------------------------------------------------

    def start(
        self, method: str, subject: SubjectKind, login: str, visitor: Visitor, *, now: datetime
    ) -> UUID | None:
        """Begin for this browser; None when that subject cannot register that way (R10)."""
        registration = self._find_method(method)
        if registration is None or subject not in registration.subjects:
            return None
        first = registration.start(subject)
        asks = isinstance(first.screen, AskFields) and first.screen.is_guarded
        state = RegistrationState(
            method,
            subject,
            login,
            screen=first.screen,
            method_state=dict(first.state),
            captcha=self.captchas.new_answer() if asks else "",
        )
        stored = self.transactions.add(
            KIND, _encode(state), browser_hash=visitor.browser_hash, now=now, ttl=self.ttl
        )
        return stored.id

    def find(
        self, transaction_id: UUID, visitor: Visitor, *, now: datetime
    ) -> Journey[RegistrationState] | None:
        """The registration in progress, if it is this browser's."""
        stored = self.transactions.find(
            transaction_id, KIND, browser_hash=visitor.browser_hash, now=now
        )
        return Journey(stored, _decode(stored.state)) if stored else None

    # --- the forms and screens of the method -----------------------------------------------------

    def submit(
        self,
        journey: Journey[RegistrationState],
        filled: Filled,
        captcha: str,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[RegistrationState]:
        """Read the form, ask the source, look for an account, send a code: in this order."""
        state = journey.state
        if not isinstance(state.screen, AskFields):
            return self._answer(journey)
        journey = self._with(journey, typed={**state.typed, **filled.values}, told=None)
        journey, faults = self._check_captcha(journey, captcha)
        registration = self._method(journey)
        invalid = registration.validate(state.method_state, filled, now=now)
        if invalid is not None:
            faults = {**_faults(invalid), **faults}
        if faults:
            return self._answer(journey, faults=faults)
        refusal = self._count(registration, filled, visitor, now=now)
        if refusal:
            return self._answer(journey, notice=refusal)
        answer = self._resume(journey, state.method_state, filled, visitor, now=now)
        phone = registration.disturbs(filled)
        if phone and not isinstance(answer.journey.state.screen, AwaitPhone):
            self.limits.after_prompt(phone)
        return answer

    def sign(
        self, journey: Journey[RegistrationState], token: str, visitor: Visitor, *, now: datetime
    ) -> Answer[RegistrationState]:
        """What the signing tool answered. Its challenge is forgotten before it is looked at."""
        state = journey.state
        if not isinstance(state.screen, AskSignature):
            return self._answer(journey)
        journey = self._save(self._at_first_screen(journey))
        return self._resume(journey, state.method_state, Signed(token), visitor, now=now)

    def poll(
        self, journey: Journey[RegistrationState], visitor: Visitor, *, now: datetime
    ) -> Answer[RegistrationState]:
        """Ask whether the phone has answered, not more than once in a second or two."""
        state = journey.state
        if not isinstance(state.screen, AwaitPhone):
            return self._answer(journey)
        if not self.limits.may_poll(journey.stored.id, now=now):
            return self._answer(journey)
        answer = self._resume(journey, state.method_state, Poll(), visitor, now=now)
        if not isinstance(answer.journey.state.screen, AwaitPhone):
            self.limits.after_prompt(state.screen.phone)
        return answer

    def restart(
        self, journey: Journey[RegistrationState], visitor: Visitor, *, now: datetime
    ) -> Answer[RegistrationState]:
        """Back to the method's first screen, or past it when it asks for nothing."""
        journey = self._with(self._at_first_screen(journey), told=None)
        first = journey.state.screen
        if isinstance(first, AskFields) and not first.fields:
            return self.submit(journey, Filled({}), "", visitor, now=now)
        return self._answer(journey)

    def _count(
        self, registration: Registration, filled: Filled, visitor: Visitor, *, now: datetime
    ) -> Said | None:
        """Count before anybody outside is asked or disturbed."""
        phone = registration.disturbs(filled)
        if phone is not None:
            return self.limits.before_prompt(phone, visitor, now=now)
        if "username" in filled.values:
            return self.limits.before_identity_check(_number(filled), visitor, now=now)
        return self.limits.before_step(visitor, now=now)

    def _resume(
        self,
        journey: Journey[RegistrationState],
        method_state: Mapping[str, str],
        reply: Reply,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[RegistrationState]:
        try:
            outcome = self._method(journey).resume(method_state, reply, now=now)
        except PortError as error:
            self._give_back(journey, reply, error, (visitor, now))
            return self._answer(journey, notice=source_down(error))
        match outcome:
            case Continue(screen, kept, identity):
                return self._continue(journey, screen, kept, identity, (visitor, now))
            case Refused(reason, values, _):
                if isinstance(reply, Filled):
                    fault = Said(f"refusal.{reason}", values)
                    return self._answer(journey, faults={"": fault})
                # Kept, since it may be a script that asked.
                told = (f"refusal.{reason}", dict(values))
                return self._answer(self._with(self._at_first_screen(journey), told=told))
            case Invalid() as invalid:
                return self._answer(journey, faults=_faults(invalid))
            case Proofed() as proofed:
                return self._proofed(journey, proofed, visitor, now=now)

    def _give_back(
        self,
        journey: Journey[RegistrationState],
        reply: Reply,
        error: PortError,
        at: tuple[Visitor, datetime],
    ) -> None:
        """An outside system failed: what was counted for its sake did not come to pass."""
        if not isinstance(reply, Filled):
            return
        visitor, now = at
        phone = self._method(journey).disturbs(reply)
        if phone is not None:
            self.limits.after_no_prompt(phone, visitor, error, now=now)
        elif "username" in reply.values:
            self.limits.after_no_answer(_number(reply), now=now)

    def _continue(
        self,
        journey: Journey[RegistrationState],
        screen: Screen,
        method_state: Mapping[str, str],
        identity: Identity | None,
        at: tuple[Visitor, datetime],
    ) -> Answer[RegistrationState]:
        if identity is not None and self.accounts.has_any(identity.id_numbers):
            # The method's part is over: its screen asks for nothing any more.
            return self._answer(self._with(journey, step=Step.EXISTS, screen=None, method_state={}))
        journey = self._with(journey, method_state=dict(method_state))
        if isinstance(screen, AskCode):
            visitor, now = at
            return self._send(journey, screen.phone, visitor, now=now)
        captcha = self._captcha_for(screen, journey.state)
        return self._answer(self._with(journey, screen=screen, captcha=captcha))

    def _at_first_screen(self, journey: Journey[RegistrationState]) -> Journey[RegistrationState]:
        first = self._method(journey).start(SubjectKind(journey.state.subject))
        return self._with(
            journey,
            screen=first.screen,
            method_state=dict(first.state),
            captcha=self._captcha_for(first.screen, journey.state),
        )

    def _captcha_for(self, screen: Screen, state: RegistrationState) -> str:
        """A new picture, where the screen has one and this person has not passed one yet."""
        asks = isinstance(screen, AskFields) and screen.is_guarded and not state.is_human
        return self.captchas.new_answer() if asks else ""

    def _check_captcha(
        self, journey: Journey[RegistrationState], typed: str
    ) -> tuple[Journey[RegistrationState], dict[str, Said]]:
        """A right answer counts for the whole journey; a wrong one is spent."""
        if journey.state.is_human or not journey.state.captcha:
            return journey, {}
        if self.captchas.is_right(journey.state.captcha, typed):
            return self._with(journey, is_human=True, captcha=""), {}
        fault = Said("error.captcha.wrong" if typed else "error.captcha.empty")
        return self._with(journey, captcha=self.captchas.new_answer()), {"captcha": fault}

    # --- the code -------------------------------------------------------------------------------

    def resend(
        self, journey: Journey[RegistrationState], visitor: Visitor, *, now: datetime
    ) -> Answer[RegistrationState]:
        """Another code to the same phone (R17)."""
        sent = journey.state.code
        if sent is None or not isinstance(journey.state.screen, AskCode):
            return self._answer(journey)
        wait = self.codes.wait(sent, now=now)
        if wait:
            return self._answer(journey, notice=wait)
        return self._send(journey, sent.number, visitor, now=now)

    def confirm(
        self, journey: Journey[RegistrationState], typed: str, visitor: Visitor, *, now: datetime
    ) -> Answer[RegistrationState]:
        """Check the code; the right one proves the identity."""
        state = journey.state
        if state.code is None or not isinstance(state.screen, AskCode):
            return self._answer(journey)
        owner = f"registration {state.code.to}"
        fault = self.codes.check(
            state.code, typed, transaction_id=journey.stored.id, owner=owner, now=now
        )
        if fault:
            return self._answer(journey, faults={"code": fault})
        reply = CodeConfirmed(state.code.number)
        return self._resume(journey, state.method_state, reply, visitor, now=now)

    def _proofed(
        self,
        journey: Journey[RegistrationState],
        proofed: Proofed,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[RegistrationState]:
        evidence, credential = proofed.evidence, proofed.credential
        kept = (
            evidence.method,
            int(evidence.ial),
            tuple(map(str, evidence.amr)),
            milliseconds(evidence.at),
            evidence.vouched_by,
        )
        journey = self._with(
            journey,
            step=Step.PASSWORD,
            identity=identities.to_text(proofed.identity),
            credential=identities.credential_to_text(credential) if credential else {},
            evidence=kept,
            once=proofed.once,
            code=None,
        )
        if self._method(journey).sets_password:
            return self._answer(journey)
        return self._open(journey, proofed.identity, None, visitor, now=now)

    # --- the password ---------------------------------------------------------------------------

    def choose_password(
        self,
        journey: Journey[RegistrationState],
        password: str,
        again: str,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[RegistrationState]:
        """Check the rule (R20) and open the account, whole."""
        state = journey.state
        if state.step is not Step.PASSWORD or state.evidence is None:
            return self._answer(journey)
        identity = identities.from_text(state.identity)
        try:
            check_password(password, personal=_personal(identity))
        except WeakPassword as error:
            return self._answer(journey, faults={"password": Said(f"error.{error.code}")})
        if password != again:
            fault = Said("error.password.mismatch")
            return self._answer(journey, faults={"password_again": fault})
        hashed = self.hasher.hash(password)
        return self._open(journey, identity, hashed, visitor, now=now)

    def _open(
        self,
        journey: Journey[RegistrationState],
        identity: Identity,
        hashed: str | None,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[RegistrationState]:
        method, ial, amr, at, vouched_by = journey.state.evidence or ("", 1, (), 0, None)
        evidence = Evidence(method, IAL(ial), tuple(map(Amr, amr)), moment(at), vouched_by)
        text = journey.state.credential
        try:
            with self.database.transaction() as connection:
                self._spend(connection, journey.state.once, now=now)
                account_id = self.accounts.open_account(
                    connection,
                    identity,
                    evidence,
                    password_hash=hashed,
                    credential=identities.credential_from_text(text) if text else None,
                    now=now,
                )
                details = {"ip": visitor.ip, "method": method, "level": f"ial{ial}"}
                if vouched_by:
                    details["operator"] = vouched_by
                event = AuditEvent(Event.ACCOUNT_OPENED, now, account_id, details=details)
                self.audit.add(connection, event)
        except Conflict:
            return self._answer(self._with(journey, step=Step.EXISTS))
        done = RegistrationState(
            journey.state.method,
            journey.state.subject,
            journey.state.login,
            Step.DONE,
            evidence=journey.state.evidence,
        )
        return self._answer(replace(journey, state=done))

    @staticmethod
    def _spend(connection: Connection, once: str, *, now: datetime) -> None:
        """A proof for one account is spent with the account that it opens."""
        if not once:
            return
        key = hashlib.sha256(once.encode()).digest()
        if not spend(connection, "proof", key, expires_at=now + _PROOF_KEPT):
            raise Conflict("proof.spent")

    # --- small steps ----------------------------------------------------------------------------

    def new_captcha(self, journey: Journey[RegistrationState]) -> Journey[RegistrationState]:
        """Another picture."""
        return self._save(self._with(journey, captcha=self.captchas.new_answer()))

    def keep(
        self, journey: Journey[RegistrationState], typed: Mapping[str, str]
    ) -> Journey[RegistrationState]:
        """Keep what was typed while the picture changes."""
        return self._with(journey, typed=dict(typed))

    def _send(
        self,
        journey: Journey[RegistrationState],
        phone: PhoneNumber,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[RegistrationState]:
        def waits(code: SentCode) -> Journey[RegistrationState]:
            return self._with(journey, code=code, screen=AskCode(phone))

        sent = self.codes.send(
            phone,
            purpose="register",
            stored=journey.stored,
            keep=lambda code: _encode(waits(code).state),
            portal="",
            visitor=visitor,
            now=now,
        )
        if isinstance(sent, Said):
            return self._answer(journey, notice=sent)
        return self._answer(replace(waits(sent.code), stored=sent.stored))

    def _find_method(self, name: str) -> Registration | None:
        return next((m.registration for m in self.methods if m.name == name), None)

    def _method(self, journey: Journey[RegistrationState]) -> Registration:
        found = self._find_method(journey.state.method)
        if found is None:
            raise Conflict("method.closed")
        return found

    @staticmethod
    def _with(journey: Journey[RegistrationState], **changes: Any) -> Journey[RegistrationState]:  # noqa: ANN401
        return replace(journey, state=msgspec.structs.replace(journey.state, **changes))

    def _save(self, journey: Journey[RegistrationState]) -> Journey[RegistrationState]:
        data = _encode(journey.state)
        if data == journey.stored.state:
            return journey
        return replace(journey, stored=self.transactions.save(journey.stored, data))

    def _answer(
        self,
        journey: Journey[RegistrationState],
        *,
        faults: Mapping[str, Said] | None = None,
        notice: Said | None = None,
    ) -> Answer[RegistrationState]:
        return Answer(self._save(journey), faults or {}, notice)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(RegistrationState).decode


def _faults(invalid: Invalid) -> dict[str, Said]:
    return {name: Said(f"error.{code}") for name, code in invalid.errors.items()}


def _number(filled: Filled) -> str:
    """The typed number as the counters know it: one, however it was written."""
    try:
        return IdNumber.parse(filled.values["username"]).value
    except InvalidInput:
        plain = unicodedata.normalize("NFKC", filled.values["username"])
        return "".join(filter(str.isalnum, plain))


def _personal(identity: Identity) -> list[str]:
    """What the owner's password must not hold."""
    birth = identity.birth_date
    return [
        identity.name.display,
        *(number.value for number in identity.id_numbers),
        *([identity.phone.national] if identity.phone else []),
        *([birth.display, birth.iso] if birth else []),
    ]
