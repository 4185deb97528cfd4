"""A phone or mailbox becomes the account's own: typed --> code --(right)--> confirmed (R67)."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import msgspec

from idp.authenticators.contract import AskFields, Field, FieldKind, Filled
from idp.domain.accounts import Attribute
from idp.domain.errors import Conflict, InvalidInput
from idp.domain.events import AuditEvent, Event
from idp.domain.sessions import Session
from idp.domain.subjects import EmailAddress, PhoneNumber
from idp.flows.account import AccountFlow
from idp.flows.answers import Answer, Journey, Said, Visitor
from idp.flows.journeys import Journeys
from idp.flows.notices import Extra
from idp.flows.otp import Codes, SentCode, Target
from idp.storage.phones import MOST

KIND = "confirming"
MAILBOX = "mailbox"
"""The source of an address that a code went to and came back from."""


class Address(enum.StrEnum):
    """What is confirmed."""

    PHONE = "phone"
    EMAIL = "email"


FORMS = {
    Address.PHONE: AskFields("account.phone", (Field("phone", FieldKind.PHONE),)),
    Address.EMAIL: AskFields("account.email", (Field("email", FieldKind.EMAIL),)),
}


class ConfirmingState(msgspec.Struct, frozen=True):
    """What a confirmation in progress remembers; it is for one account only."""

    what: Address
    account: str
    typed: dict[str, str] = {}
    code: SentCode | None = None
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class ConfirmingFlow:
    """Confirms addresses."""

    account: AccountFlow
    journeys: Journeys[ConfirmingState]
    codes: Codes

    def start(self, what: Address, session: Session, visitor: Visitor, *, now: datetime) -> UUID:
        """Begin for this browser and account. Raises ``ProofStale``, ``AccountHeld``."""
        self.account.check_change(session, now=now)
        state = ConfirmingState(what, session.account_id.hex)
        return self.journeys.start(state, visitor, now=now)

    def find(
        self, transaction_id: UUID, session: Session, visitor: Visitor, *, now: datetime
    ) -> Journey[ConfirmingState] | None:
        """The confirmation in progress, if it is this browser's and this account's."""
        journey = self.journeys.find(transaction_id, visitor, now=now)
        is_own = journey is not None and journey.state.account == session.account_id.hex
        return journey if is_own else None

    def begin(
        self,
        what: Address,
        filled: Filled,
        session: Session,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[ConfirmingState]:
        """Begin with an address that was typed elsewhere. Raises as ``start``."""
        started = self.start(what, session, visitor, now=now)
        journey = self.find(started, session, visitor, now=now)
        if journey is None:
            raise Conflict("transaction.changed")
        return self.submit(journey, filled, visitor, now=now)

    def submit(
        self,
        journey: Journey[ConfirmingState],
        filled: Filled,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[ConfirmingState]:
        """Read the address and send a code to it."""
        journey = self.journeys.save(journey, typed=dict(filled.values))
        what = journey.state.what
        parse = PhoneNumber.parse if what is Address.PHONE else EmailAddress.parse
        try:
            target = parse(filled.values.get(what, ""))
        except InvalidInput as error:
            return Answer(journey, {what: Said(f"error.{error.code}")})
        fault = self._check_room(journey, target)
        if fault:
            return Answer(journey, {what: fault})
        return self._send(journey, target, visitor, now=now)

    def _check_room(self, journey: Journey[ConfirmingState], target: Target) -> Said | None:
        """Whether another number has room, before a code costs anybody a message.

        Decided again, under the account's lock, when the code came back.
        """
        if not isinstance(target, PhoneNumber):
            return None
        phones = self.account.accounts.get(UUID(hex=journey.state.account)).phones
        if target in {phone.number for phone in phones}:
            return Said("error.phone.taken")
        return Said("error.phone.limit") if len(phones) >= MOST else None

    def resend(
        self, journey: Journey[ConfirmingState], visitor: Visitor, *, now: datetime
    ) -> Answer[ConfirmingState]:
        """Another code to the same address."""
        sent = journey.state.code
        if sent is None:
            return Answer(journey)
        wait = self.codes.wait(sent, now=now)
        return (
            Answer(journey, {}, wait)
            if wait
            else self._send(journey, sent.target, visitor, now=now)
        )

    def confirm(
        self,
        journey: Journey[ConfirmingState],
        typed: str,
        session: Session,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[ConfirmingState]:
        """Check the code; the right one makes the address the account's.

        Raises ``Conflict`` (it is there already, or five are), ``AccountHeld``.
        """
        sent = journey.state.code
        if sent is None:
            return Answer(journey)
        fault = self.codes.check(
            sent, typed, transaction_id=journey.stored.id, owner=session.account_id.hex, now=now
        )
        if fault:
            return Answer(journey, {"code": fault})
        # The form was opened with a fresh proof; the account may have been held since.
        self.account.check_held(session, now=now)
        self.journeys.end(journey, now=now)
        self._keep(sent, session, visitor, now=now)
        return Answer(replace(journey, state=msgspec.structs.replace(journey.state, is_done=True)))

    def _keep(self, sent: SentCode, session: Session, visitor: Visitor, *, now: datetime) -> None:
        flow, target, account_id = self.account, sent.target, session.account_id
        with flow.database.transaction() as connection:
            if isinstance(target, PhoneNumber):
                flow.phones.add(connection, account_id, target, now=now)
                event, extra = Event.PHONE_ADDED, Extra({"phone": target.masked})
            else:
                former = flow.accounts.contacts(connection, account_id).email
                fact = {Attribute.EMAIL: target.value}
                flow.owners.declare(connection, account_id, fact, source=MAILBOX, now=now)
                event, extra = Event.EMAIL_CONFIRMED, Extra(mailboxes=(former,) if former else ())
            flow.check_open(connection, account_id)
            details = {"ip": visitor.ip, **extra.values}
            row = AuditEvent(event, now, account_id, session_id=session.id, details=details)
            flow.notices.tell(connection, row, extra)

    def _send(
        self,
        journey: Journey[ConfirmingState],
        target: PhoneNumber | EmailAddress,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[ConfirmingState]:
        return self.journeys.send_code(
            self.codes, journey, target, purpose="confirm", visitor=visitor, now=now
        )
