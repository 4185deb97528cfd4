"""A complaint: form --(captcha)--> code to the contact phone --(right)--> a ticket number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from idp.authenticators.contract import AskFields, Field, FieldKind, Filled
from idp.domain.accounts import Account
from idp.domain.errors import Conflict, InvalidInput
from idp.domain.events import AuditEvent, Event
from idp.domain.subjects import IdNumber, PersonName, PhoneNumber
from idp.flows.answers import Answer, Journey, Said, Visitor
from idp.flows.journeys import Journeys
from idp.flows.limits import Limits
from idp.flows.otp import Codes, SentCode
from idp.storage.accounts import OwnIdentity
from idp.storage.audit import AuditStore
from idp.storage.complaints import Complaint, ComplaintStatus, ComplaintStore, Content
from idp.storage.database import Database

KIND = "complaint"
SHORTEST, LONGEST = 10, 2000
FORM = AskFields(
    "complaint",
    (
        Field("username", FieldKind.ID_NUMBER),
        Field("full_name", FieldKind.NAME),
        Field("phone", FieldKind.PHONE),
        Field("text", FieldKind.LONG_TEXT),
    ),
    is_guarded=True,
)


class ComplaintState(msgspec.Struct, frozen=True):
    """What a complaint in progress remembers; ``ticket`` is set at the end."""

    typed: dict[str, str] = {}
    captcha: str = ""
    is_human: bool = False
    code: SentCode | None = None
    ticket: str = ""


@dataclass(frozen=True, slots=True)
class ComplaintFlow:
    """Complaining, and answering."""

    database: Database
    journeys: Journeys[ComplaintState]
    complaints: ComplaintStore
    audit: AuditStore
    limits: Limits
    codes: Codes

    def start(self, visitor: Visitor, *, now: datetime) -> UUID:
        """Begin for this browser."""
        state = ComplaintState(captcha=self.journeys.captchas.new_answer())
        return self.journeys.start(state, visitor, now=now)

    def find(
        self, transaction_id: UUID, visitor: Visitor, *, now: datetime
    ) -> Journey[ComplaintState] | None:
        """The complaint in progress, if it is this browser's."""
        return self.journeys.find(transaction_id, visitor, now=now)

    def submit(
        self,
        journey: Journey[ComplaintState],
        filled: Filled,
        captcha: str,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[ComplaintState]:
        """Read the form and send a code to the contact phone."""
        faults = {name: Said(f"error.{code}") for name, code in _faults(filled).items()}
        passed, wrong = self.journeys.check_picture(journey.state, captcha)
        faults |= wrong
        journey = self.journeys.save(journey, typed=dict(filled.values), **passed)
        if faults:
            return Answer(journey, faults)
        refusal = self.limits.before_step(visitor, now=now)
        if refusal:
            return Answer(journey, {}, refusal)
        return self._send(journey, PhoneNumber.parse(filled.values["phone"]), visitor, now=now)

    def resend(
        self, journey: Journey[ComplaintState], visitor: Visitor, *, now: datetime
    ) -> Answer[ComplaintState]:
        """Another code to the same phone."""
        sent = journey.state.code
        if sent is None or journey.state.ticket:
            return Answer(journey)
        wait = self.codes.wait(sent, now=now)
        if wait:
            return Answer(journey, {}, wait)
        return self._send(journey, sent.number, visitor, now=now)

    def confirm(
        self, journey: Journey[ComplaintState], typed: str, *, now: datetime
    ) -> Answer[ComplaintState]:
        """Check the code; the right one files the complaint."""
        state = journey.state
        if state.code is None or state.ticket:
            return Answer(journey)
        owner = f"complaint {state.code.to}"
        fault = self.codes.check(
            state.code, typed, transaction_id=journey.stored.id, owner=owner, now=now
        )
        if fault:
            return Answer(journey, {"code": fault})
        content = Content(
            ticket="",
            id_number=IdNumber.parse(state.typed["username"]).value,
            full_name=PersonName.parse(state.typed["full_name"]).display,
            phone=state.code.to,
            text=state.typed["text"].strip(),
        )
        with self.database.transaction() as connection:
            ticket = self.complaints.add(connection, content, now=now)
            self.audit.add(connection, AuditEvent(Event.COMPLAINT_MADE, now))
        return Answer(self.journeys.save(journey, ticket=ticket, code=None, typed={}))

    def new_captcha(
        self, journey: Journey[ComplaintState], filled: Filled | None = None
    ) -> Journey[ComplaintState]:
        """Another picture, keeping what was typed."""
        typed = dict(filled.values) if filled else journey.state.typed
        return self.journeys.new_picture(journey, typed=typed)

    # --- what becomes of it ---------------------------------------------------------------------

    def look_up(self, ticket: str, visitor: Visitor, *, now: datetime) -> Complaint | Said | None:
        """A complaint by its ticket number; looking is counted."""
        refusal = self.limits.before_step(visitor, now=now)
        if refusal:
            return refusal
        plain = re.sub(r"[^A-Z0-9]", "", ticket.upper()[:60])
        if len(plain) != _TICKET_LETTERS:
            return None
        return self.complaints.find(f"{plain[:2]}-{plain[2:6]}-{plain[6:10]}-{plain[10:]}")

    def made_by(self, account: Account, own: OwnIdentity) -> tuple[Complaint, ...]:
        """What the owner of an account complained about, with a phone of theirs."""
        phones = (phone.number for phone in account.phones)
        return self.complaints.of_claimant(phones, [number for number, _ in own.id_numbers])

    # --- small steps ----------------------------------------------------------------------------

    def _send(
        self,
        journey: Journey[ComplaintState],
        phone: PhoneNumber,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[ComplaintState]:
        return self.journeys.send_code(
            self.codes, journey, phone, purpose="complaint", visitor=visitor, now=now
        )


_TICKET_LETTERS = 14


def _faults(filled: Filled) -> dict[str, str]:
    """Every fault of the form at once."""
    found = {}
    parsers = {
        "username": IdNumber.parse,
        "full_name": PersonName.parse,
        "phone": PhoneNumber.parse,
    }
    for name, parse in parsers.items():
        try:
            parse(filled.values.get(name, ""))
        except InvalidInput as error:
            found[name] = error.code
    if not SHORTEST <= len(filled.values.get("text", "").strip()) <= LONGEST:
        found["text"] = "complaint.text"
    return found


@dataclass(frozen=True, slots=True)
class Decision:
    """What an operator decided about a ticket."""

    ticket: str
    status: ComplaintStatus
    text: str


def answer(
    database: Database,
    complaints: ComplaintStore,
    audit: AuditStore,
    decision: Decision,
    *,
    now: datetime,
) -> None:
    """Decide, once. Raises ``Conflict``."""
    found = complaints.find(decision.ticket)
    if found is None:
        raise Conflict("complaint.unknown")
    with database.transaction() as connection:
        complaints.answer(connection, found, decision.status, decision.text, now=now)
        event = AuditEvent(Event.COMPLAINT_ANSWERED, now, details={"status": decision.status})
        audit.add(connection, event)
