"""Khóa tài khoản: somebody whose phone is gone stops everything, without signing in (S13, S23).

    form --(captcha, right password)--------------------------------+
    form --(captcha)--> code to a confirmed channel --(right)-------+--> which phones are lost
                                                                               --> frozen

Who freezes has shown the password or a channel that notices go to, so a stranger locks nobody out.
Which channel is theirs is typed, never shown; numbers without an account go through the same pages
(security rule 6). Whoever has neither goes to a counter. Nothing is opened by this.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from idp.authenticators.contract import AskFields, Field, FieldKind, Filled
from idp.domain.accounts import Account, Phone
from idp.domain.errors import InvalidInput
from idp.domain.events import AuditEvent, Event
from idp.domain.passwords import PasswordCheck
from idp.domain.subjects import EmailAddress, IdNumber, PhoneNumber
from idp.flows.account import AccountFlow
from idp.flows.answers import Answer, Journey, Said, Visitor
from idp.flows.freezing import FreezingFlow
from idp.flows.journeys import Journeys
from idp.flows.otp import Codes, SentCode, Target
from idp.flows.quiet_codes import QuietCodes

KIND = "emergency"
_NUMBER = Field("username", FieldKind.ANY_NUMBER)


class Way(enum.StrEnum):
    """How the person shows that they may."""

    PASSWORD = "password"  # noqa: S105  the name of a way
    CHANNEL = "channel"


FORMS = {
    Way.PASSWORD: AskFields(
        "emergency", (_NUMBER, Field("password", FieldKind.PASSWORD)), is_guarded=True
    ),
    Way.CHANNEL: AskFields(
        "emergency.channel", (_NUMBER, Field("channel", FieldKind.TEXT)), is_guarded=True
    ),
}


class Step(enum.StrEnum):
    """Where it stands."""

    FORM = "form"
    CODE = "code"
    CHOOSE = "choose"
    DONE = "done"


class EmergencyState(msgspec.Struct, frozen=True):
    """What it remembers. ``account`` is empty where there is none to freeze."""

    way: Way = Way.PASSWORD
    step: Step = Step.FORM
    typed: dict[str, str] = {}
    captcha: str = ""
    is_human: bool = False
    code: SentCode | None = None
    account: str = ""


@dataclass(frozen=True, slots=True)
class EmergencyFlow:
    """Freezes for people who cannot sign in."""

    account: AccountFlow
    freezing: FreezingFlow
    journeys: Journeys[EmergencyState]
    codes: Codes

    def start(self, way: Way, visitor: Visitor, *, now: datetime) -> UUID:
        """Begin for this browser."""
        state = EmergencyState(way, captcha=self.journeys.captchas.new_answer())
        return self.journeys.start(state, visitor, now=now)

    def find(
        self, transaction_id: UUID, visitor: Visitor, *, now: datetime
    ) -> Journey[EmergencyState] | None:
        """The journey, if it is this browser's."""
        return self.journeys.find(transaction_id, visitor, now=now)

    def new_captcha(
        self, journey: Journey[EmergencyState], filled: Filled | None = None
    ) -> Journey[EmergencyState]:
        """Another picture, keeping what was typed."""
        return self.journeys.new_picture(journey, typed=_kept(filled) or journey.state.typed)

    # --- who ------------------------------------------------------------------------------------

    def submit(
        self,
        journey: Journey[EmergencyState],
        filled: Filled,
        captcha: str,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[EmergencyState]:
        """Read the form, and check what it shows."""
        passed, faults = self.journeys.check_picture(journey.state, captcha)
        journey = self.journeys.save(journey, typed=_kept(filled), **passed)
        number, target, wrong = _read(journey.state.way, filled)
        if number is None or wrong or faults:
            return Answer(journey, {**wrong, **faults})
        if target is None:
            return self._by_password(journey, number, filled, visitor, now=now)
        refusal = self.account.limits.before_freeze(number, visitor, now=now)
        if refusal:
            return Answer(journey, {}, refusal)
        return self._send(journey, number, target, visitor, now=now)

    def _by_password(
        self,
        journey: Journey[EmergencyState],
        number: IdNumber,
        filled: Filled,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[EmergencyState]:
        """Tries are counted with those of the sign-in: this is no second place to guess at."""
        flow = self.account
        refusal = flow.limits.before_password(number, visitor, now=now)
        if refusal:
            return Answer(journey, {}, refusal)
        found = flow.accounts.find_by_id_number(number)
        known = found.password_hash if found is not None else None
        checked = flow.hasher.verify(known, filled.values.get("password", ""))
        if found is not None and checked is not PasswordCheck.WRONG:
            return Answer(self.journeys.save(journey, step=Step.CHOOSE, account=found.id.hex))
        flow.limits.after_wrong_password(number, visitor, now=now)
        with flow.database.transaction() as connection:
            account_id = found.id if found is not None else None
            details = {"ip": visitor.ip, "method": KIND}
            event = AuditEvent(Event.LOGIN_REFUSED, now, account_id, details=details)
            flow.notices.audit.add(connection, event)
        return Answer(journey, {"": Said("refusal.wrong_credentials")})

    # --- a channel ------------------------------------------------------------------------------

    def _channels(self, number: IdNumber) -> tuple[Account | None, dict[str, Target]]:
        """The account of a number and where its notices go, by how that is compared."""
        accounts = self.account.accounts
        found = accounts.find_by_id_number(number)
        mailbox = accounts.mailbox(found.id if found is not None else _NOBODY)
        known = found.phones if found is not None else ()
        phones = (each.number for each in known if not each.is_lost)
        return found, {_spelled(each): each for each in (*phones, mailbox) if each is not None}

    def _send(
        self,
        journey: Journey[EmergencyState],
        number: IdNumber,
        target: Target,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[EmergencyState]:
        """A code, if the channel is the account's; else the same work for nobody."""
        account, channels = self._channels(number)
        quiet = QuietCodes(self.codes, self.journeys, self.account.limits, "freeze", Step.CODE)
        return quiet.send(
            journey,
            visitor,
            number=number.value,
            account=account,
            target=channels.get(_spelled(target)),
            now=now,
        )

    def resend(
        self, journey: Journey[EmergencyState], visitor: Visitor, *, now: datetime
    ) -> Answer[EmergencyState]:
        """Another code, if the first one went anywhere."""
        state = journey.state
        if state.code is None or state.step is not Step.CODE:
            return Answer(journey)
        wait = self.codes.wait(state.code, now=now)
        if wait:
            return Answer(journey, {}, wait)
        number = IdNumber.parse_any(state.typed["username"])
        refusal = self.account.limits.before_freeze(number, visitor, now=now)
        if refusal:
            return Answer(journey, {}, refusal)
        target = _read_channel(state.typed["channel"])
        return self._send(journey, number, target, visitor, now=now)

    def confirm(
        self, journey: Journey[EmergencyState], typed: str, *, now: datetime
    ) -> Answer[EmergencyState]:
        """Check the code; the right one may freeze."""
        state = journey.state
        if state.code is None or state.step is not Step.CODE:
            return Answer(journey)
        # Known or not, apart from other codes, and however the number is written.
        owner = f"freeze {IdNumber.parse_any(state.typed['username']).value}"
        fault = self.codes.check(
            state.code, typed, transaction_id=journey.stored.id, owner=owner, now=now
        )
        if fault:
            return Answer(journey, {"code": fault})
        return Answer(self.journeys.save(journey, step=Step.CHOOSE, code=None))

    # --- the end --------------------------------------------------------------------------------

    def phones(self, journey: Journey[EmergencyState]) -> tuple[Phone, ...]:
        """Those that the person may have lost."""
        if journey.state.step is not Step.CHOOSE or not journey.state.account:
            return ()
        return self.account.accounts.get(UUID(hex=journey.state.account)).phones

    def freeze(
        self,
        journey: Journey[EmergencyState],
        lost: Collection[UUID],
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[EmergencyState]:
        """Let nobody in, once."""
        state = journey.state
        if state.step is not Step.CHOOSE or not state.account:
            return Answer(journey)
        done = self.journeys.save(journey, step=Step.DONE, typed={}, account="")
        self.freezing.freeze(UUID(hex=state.account), KIND, visitor, lost=lost, now=now)
        return Answer(done)


def _spelled(channel: Target) -> str:
    """Mailboxes are compared as people remember them; the code goes to what was confirmed."""
    return channel.e164 if isinstance(channel, PhoneNumber) else channel.value.lower()


_NOBODY = UUID(int=0)


def _kept(filled: Filled | None) -> dict[str, str]:
    """What is remembered of a form: no password."""
    values = filled.values if filled is not None else {}
    return {name: text for name, text in values.items() if name != "password"}


def _read(way: Way, filled: Filled) -> tuple[IdNumber | None, Target | None, dict[str, Said]]:
    """The number, the channel where the form has one, and what is wrong with either."""
    number: IdNumber | None = None
    target: Target | None = None
    wrong: dict[str, Said] = {}
    try:
        number = IdNumber.parse_any(filled.values.get("username", ""))
    except InvalidInput as error:
        wrong["username"] = Said(f"error.{error.code}")
    try:
        if way is Way.CHANNEL:
            target = _read_channel(filled.values.get("channel", ""))
    except InvalidInput:
        wrong["channel"] = Said("error.channel")
    return number, target, wrong


def _read_channel(text: str) -> Target:
    """A phone or a mailbox. Raises ``InvalidInput``."""
    return EmailAddress.parse(text) if "@" in text else PhoneNumber.parse(text)
