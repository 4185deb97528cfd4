"""Quên mật khẩu (R47, S3): recovering an account without weakening it.

    form --(captcha)--> code to a phone of the account --(right)--> new password --> done
      |
      +--(a counter's one-time code)--> new password --> done
                                   +--> reopened --> done    where a password would open nothing

Until the end nothing tells whether the number has an account: an unknown one, one with a
certificate (which signs instead), one whose phone was just replaced or is reported lost, and one
whose owner wants no sign-in by SMS go through the same pages with a code that nobody knows; every
page names the other ways. A reset gives no level, ends every session and refresh token, and is
what brings a frozen account back.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from idp import config
from idp.authenticators.contract import AskFields, Field, FieldKind, Filled
from idp.domain.accounts import Account, AccountStatus
from idp.domain.assurance import IAL
from idp.domain.errors import Conflict, InvalidInput
from idp.domain.events import AuditEvent, Event
from idp.domain.operators import Officer
from idp.domain.subjects import IdNumber, PhoneNumber
from idp.flows.account import AccountFlow
from idp.flows.answers import Answer, Journey, Said, Visitor
from idp.flows.journeys import Journeys
from idp.flows.operators import act, check_not_self
from idp.flows.otp import Codes, SentCode
from idp.flows.quiet_codes import QuietCodes
from idp.storage.recoveries import RecoveryStore

KIND = "recovery"


class Way(enum.StrEnum):
    """How the person shows who they are."""

    PHONE = "phone"
    COUNTER = "counter"


REOPEN = AskFields("forgot.reopen")
FORMS = {
    Way.PHONE: AskFields(
        "forgot",
        (
            Field("username", FieldKind.ID_NUMBER),
            Field("phone", FieldKind.PHONE, required=False),
        ),
        is_guarded=True,
    ),
    Way.COUNTER: AskFields(
        "forgot.counter",
        (Field("username", FieldKind.ANY_NUMBER), Field("recovery_code", FieldKind.TEXT)),
        is_guarded=True,
    ),
}


class Step(enum.StrEnum):
    """Where a recovery stands."""

    FORM = "form"
    CODE = "code"
    PASSWORD = "password"  # noqa: S105  the name of a step
    REOPEN = "reopen"
    DONE = "done"
    REOPENED = "reopened"


class RecoveryState(msgspec.Struct, frozen=True):
    """What a recovery in progress remembers. ``account`` is empty where there is none to open.

    ``phone`` is where the code that was right went.
    """

    way: Way = Way.PHONE
    step: Step = Step.FORM
    typed: dict[str, str] = {}
    captcha: str = ""
    is_human: bool = False
    code: SentCode | None = None
    account: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class RecoveryFlow:
    """Recovers accounts."""

    account: AccountFlow
    journeys: Journeys[RecoveryState]
    recoveries: RecoveryStore
    codes: Codes

    def start(self, way: Way, visitor: Visitor, *, now: datetime) -> UUID:
        """Begin for this browser."""
        state = RecoveryState(way, captcha=self.journeys.captchas.new_answer())
        return self.journeys.start(state, visitor, now=now)

    def find(
        self, transaction_id: UUID, visitor: Visitor, *, now: datetime
    ) -> Journey[RecoveryState] | None:
        """The recovery in progress, if it is this browser's."""
        return self.journeys.find(transaction_id, visitor, now=now)

    # --- who ------------------------------------------------------------------------------------

    def submit(
        self,
        journey: Journey[RecoveryState],
        filled: Filled,
        captcha: str,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[RecoveryState]:
        """Read the form; a code goes out where there is somebody to get it."""
        passed, faults = self.journeys.check_picture(journey.state, captcha)
        journey = self.journeys.save(journey, typed=dict(filled.values), **passed)
        try:
            number = self._number(journey.state, filled.values.get("username", ""))
            typed = filled.values.get("phone", "").strip()
            phone = PhoneNumber.parse(typed) if typed else None
        except InvalidInput as error:
            name = "username" if error.code.startswith("id_number") else "phone"
            faults = {name: Said(f"error.{error.code}"), **faults}
            return Answer(journey, faults)
        if faults:
            return Answer(journey, faults)
        refusal = self.account.limits.before_recovery(number.value, visitor, now=now)
        if refusal:
            return Answer(journey, {}, refusal)
        if journey.state.way is Way.COUNTER:
            return self._check_counter_code(journey, number, now=now)
        account = self._recoverable(number, now=now)
        return self._send(journey, account, phone, visitor, now=now)

    def _number(self, state: RecoveryState, typed: str) -> IdNumber:
        """What was typed. Organisations have no password: they come from a counter."""
        return (IdNumber.parse_any if state.way is Way.COUNTER else IdNumber.parse)(typed)

    def _recoverable(self, number: IdNumber, *, now: datetime) -> Account | None:
        """The account, if a code by SMS may reset its password."""
        account = self.account.accounts.find_by_id_number(number)
        return account if account is not None and is_recoverable(account, now=now) else None

    def _send(
        self,
        journey: Journey[RecoveryState],
        account: Account | None,
        phone: PhoneNumber | None,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[RecoveryState]:
        numbers = _reachable(account) if account is not None else ()
        return self._codes.send(
            journey,
            visitor,
            number=IdNumber.parse(journey.state.typed["username"]).value,
            account=account,
            target=next((each for each in numbers if phone in {None, each}), None),
            now=now,
        )

    @property
    def _codes(self) -> QuietCodes[RecoveryState]:
        limits = self.account.limits
        return QuietCodes(self.codes, self.journeys, limits, "reset", Step.CODE)

    def _check_counter_code(
        self, journey: Journey[RecoveryState], number: IdNumber, *, now: datetime
    ) -> Answer[RecoveryState]:
        code = journey.state.typed.get("recovery_code", "")
        found = self.recoveries.find(code, number, now=now)
        if found is None:
            fault = {"recovery_code": Said("error.recovery_code")}
            return Answer(journey, fault)
        opens = self.account.may_have_password(self.account.accounts.get(found))
        step = Step.PASSWORD if opens else Step.REOPEN
        return Answer(self.journeys.save(journey, step=step, account=found.hex))

    # --- the code -------------------------------------------------------------------------------

    def resend(
        self, journey: Journey[RecoveryState], visitor: Visitor, *, now: datetime
    ) -> Answer[RecoveryState]:
        """Another code, if the first one went anywhere."""
        state = journey.state
        if state.code is None or state.step is not Step.CODE:
            return Answer(journey)
        wait = self.codes.wait(state.code, now=now)
        if wait:
            return Answer(journey, {}, wait)
        number = IdNumber.parse(state.typed["username"])
        refusal = self.account.limits.before_recovery(number.value, visitor, now=now)
        if refusal:
            return Answer(journey, {}, refusal)
        # Looked up for unknown numbers as well, since that takes its time.
        account = self._recoverable(number, now=now)
        if not state.account:
            return self._send(journey, None, None, visitor, now=now)
        return self._send(journey, account, state.code.number, visitor, now=now)

    def confirm(
        self, journey: Journey[RecoveryState], typed: str, *, now: datetime
    ) -> Answer[RecoveryState]:
        """Check the code; the right one leads to the new password."""
        state = journey.state
        if state.code is None or state.step is not Step.CODE:
            return Answer(journey)
        # Unknown numbers are counted as known ones are, however they are written.
        number = IdNumber.parse(state.typed["username"])
        refusal = self.account.limits.before_reset_code(number.value, now=now) if typed else None
        if refusal:
            return Answer(journey, {"code": refusal})
        owner = state.account or f"recovery {number.value}"
        fault = self.codes.check(
            state.code, typed, transaction_id=journey.stored.id, owner=owner, now=now
        )
        if fault:
            return Answer(journey, {"code": fault})
        self.account.limits.after_right_reset_code(number.value)
        if self._recoverable(number, now=now) is None:
            # Told to whoever has the phone: since the code was sent, its owner forbade this way.
            return Answer(self.journeys.save(journey, account=""), {"": _NOT_BY_SMS})
        phone = state.code.to
        return Answer(self.journeys.save(journey, step=Step.PASSWORD, code=None, phone=phone))

    # --- the password ---------------------------------------------------------------------------

    def choose_password(
        self,
        journey: Journey[RecoveryState],
        new: str,
        again: str,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[RecoveryState]:
        """Set it, end everything, thaw what was frozen: one transaction, once."""
        state = journey.state
        if state.step is not Step.PASSWORD or not state.account:
            return Answer(journey)
        account_id = UUID(hex=state.account)
        flow = self.account
        account = flow.accounts.get(account_id)
        if state.way is Way.PHONE and not _is_still_theirs(account, state, now=now):
            return Answer(self.journeys.save(journey, **_FROM_START), {"": _NOT_BY_SMS})
        faults = flow.password_faults(account_id, new, again)
        if faults:
            return Answer(journey, faults)
        return self._finish(journey, flow.hasher.hash(new), visitor, now=now)

    def reopen(
        self, journey: Journey[RecoveryState], visitor: Visitor, *, now: datetime
    ) -> Answer[RecoveryState]:
        """Thaw an account whose owner has a certificate only: no password is set."""
        state = journey.state
        if state.step is not Step.REOPEN or not state.account:
            return Answer(journey)
        return self._finish(journey, None, visitor, now=now)

    def _finish(
        self,
        journey: Journey[RecoveryState],
        hashed: str | None,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[RecoveryState]:
        # Whoever saves this step is the only one to do so: a double post resets once.
        step = Step.DONE if hashed is not None else Step.REOPENED
        done = self.journeys.save(journey, step=step, typed={}, account="")
        try:
            self._set(journey.state, hashed, visitor, now=now)
        except Conflict:
            self.journeys.save(done, **_FROM_START)
            raise
        return Answer(done)

    def _set(
        self, state: RecoveryState, hashed: str | None, visitor: Visitor, *, now: datetime
    ) -> None:
        """Everything that a reset is. Raises ``Conflict`` when it may not be any more."""
        flow, account_id = self.account, UUID(hex=state.account)
        details = {"ip": visitor.ip, "way": state.way}
        with flow.database.transaction() as connection:
            if state.way is Way.COUNTER:
                number = self._number(state, state.typed["username"])
                code = state.typed["recovery_code"]
                if not self.recoveries.use(connection, code, number, now=now):
                    raise Conflict("recovery.spent")
            if hashed is not None:
                flow.owners.set_password(connection, account_id, hashed, now=now)
            # Read under the account's lock, so a switch that was turned before counts.
            account = flow.accounts.read(connection, account_id)
            if state.way is Way.PHONE and not _is_still_theirs(account, state, now=now):
                raise Conflict("recovery.not_by_sms")
            flow.owners.end_all(connection, account_id, "reset", now=now)
            if hashed is not None:
                reset = AuditEvent(Event.PASSWORD_RESET, now, account_id, details=details)
                flow.notices.tell(connection, reset)
            is_back = state.way is Way.COUNTER and flow.owners.release(connection, account_id)
            if flow.owners.thaw(connection, account_id) or is_back:
                thawed = AuditEvent(Event.ACCOUNT_THAWED, now, account_id, details=details)
                flow.notices.tell(connection, thawed)
        for own, _ in flow.accounts.identity(account_id).id_numbers:
            # What strangers guessed at is over; this browser is the owner's.
            flow.limits.after_login(own, visitor, now=now)

    # --- captcha --------------------------------------------------------------------------------

    def new_captcha(
        self, journey: Journey[RecoveryState], filled: Filled | None = None
    ) -> Journey[RecoveryState]:
        """Another picture, keeping what was typed."""
        typed = dict(filled.values) if filled else journey.state.typed
        return self.journeys.new_picture(journey, typed=typed)


def is_recoverable(account: Account, *, now: datetime) -> bool:
    """Whether a code by SMS may reset the password of this account."""
    has_what = account.password_hash is not None and bool(_reachable(account))
    # Who has a certificate signs in with it and then sets the password (S3).
    may_sign = account.ial is IAL.HIGH
    is_open = account.status is not AccountStatus.CLOSED and not account.is_held(now)
    return has_what and is_open and account.allows_sms and not may_sign


def _reachable(account: Account) -> tuple[PhoneNumber, ...]:
    """Numbers that may get the code, the default first: none that its owner reported lost."""
    return tuple(each.number for each in account.phones if not each.is_lost)


def _is_still_theirs(account: Account, state: RecoveryState, *, now: datetime) -> bool:
    """Whether the phone of the code is still one that resets: its owner may have reported it."""
    is_theirs = state.phone in {number.e164 for number in _reachable(account)}
    return is_theirs and is_recoverable(account, now=now)


_NOT_BY_SMS = Said("refusal.recovery_not_by_sms")
_FROM_START: dict[str, Any] = {"step": Step.FORM, "typed": {}, "account": "", "code": None}


@dataclass(frozen=True, slots=True)
class CounterRecovery:
    """What an operator does who has the person and the card before them."""

    account: AccountFlow
    recoveries: RecoveryStore
    settings: config.Account

    def issue(
        self, number: IdNumber, operator: str, *, officer: Officer | None = None, now: datetime
    ) -> str:
        """A one-time code for the account of that number. Raises ``Conflict``.

        The owner is told on every channel, so a code given to somebody else does not go unseen.
        """
        found = self.account.accounts.find_by_id_number(number)
        if found is None or found.status is AccountStatus.CLOSED:
            raise Conflict("account.unknown")
        if officer is not None:
            check_not_self(officer, found)
        expires_at = now + timedelta(seconds=self.settings.recovery_code_ttl)
        with self.account.database.transaction() as connection:
            code = self.recoveries.issue(
                connection, found.id, number, vouched_by=operator, now=now, expires_at=expires_at
            )
            details = {"operator": operator}
            event = AuditEvent(Event.RECOVERY_ISSUED, now, found.id, details=details)
            if officer is not None:
                event = act(officer, Event.RECOVERY_ISSUED, found.id, now=now)
            self.account.notices.tell(connection, event)
        return code
