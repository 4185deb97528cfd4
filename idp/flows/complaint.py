"""A complaint: form --(captcha)--> code to the contact phone --(right)--> a ticket number."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from idp.authenticators.contract import AskFields, Field, FieldKind, Filled
from idp.domain.errors import Conflict, InvalidInput
from idp.domain.events import AuditEvent, Event
from idp.domain.subjects import IdNumber, PersonName, PhoneNumber
from idp.flows.answers import Answer, Journey, Said, Visitor
from idp.flows.limits import Limits
from idp.flows.login import Captchas
from idp.flows.otp import Codes, SentCode
from idp.storage.audit import AuditStore
from idp.storage.complaints import Complaint, ComplaintStatus, ComplaintStore, Content
from idp.storage.database import Database
from idp.storage.transactions import TransactionStore

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
    transactions: TransactionStore
    complaints: ComplaintStore
    audit: AuditStore
    limits: Limits
    codes: Codes
    captchas: Captchas
    ttl: timedelta

    def start(self, visitor: Visitor, *, now: datetime) -> UUID:
        """Begin for this browser."""
        state = _encode(ComplaintState(captcha=self.captchas.new_answer()))
        stored = self.transactions.add(
            KIND, state, browser_hash=visitor.browser_hash, now=now, ttl=self.ttl
        )
        return stored.id

    def find(
        self, transaction_id: UUID, visitor: Visitor, *, now: datetime
    ) -> Journey[ComplaintState] | None:
        """The complaint in progress, if it is this browser's."""
        stored = self.transactions.find(
            transaction_id, KIND, browser_hash=visitor.browser_hash, now=now
        )
        return Journey(stored, _decode(stored.state)) if stored else None

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
        journey = _with(journey, typed=dict(filled.values))
        faults = {name: Said(f"error.{code}") for name, code in _faults(filled).items()}
        journey, fault = self._check_captcha(journey, captcha)
        if fault:
            faults["captcha"] = fault
        if faults:
            return Answer(self._save(journey), faults)
        refusal = self.limits.before_step(visitor, now=now)
        if refusal:
            return Answer(self._save(journey), {}, refusal)
        return self._send(journey, PhoneNumber.parse(filled.values["phone"]), visitor, now=now)

    def resend(
        self, journey: Journey[ComplaintState], visitor: Visitor, *, now: datetime
    ) -> Answer[ComplaintState]:
        """Another code to the same phone."""
        sent = journey.state.code
        if sent is None or journey.state.ticket:
            return Answer(journey)
        wait = self.codes.resend_at(sent) - now
        if wait > timedelta(0):
            seconds = max(1, round(wait.total_seconds()))
            return Answer(journey, {}, Said("notice.resend_wait", {"n": seconds}))
        return self._send(journey, sent.number, visitor, now=now)

    def confirm(
        self, journey: Journey[ComplaintState], typed: str, *, now: datetime
    ) -> Answer[ComplaintState]:
        """Check the code; the right one files the complaint."""
        state = journey.state
        if state.code is None or state.ticket:
            return Answer(journey)
        owner = f"complaint {state.code.phone}"
        fault = self.codes.check(
            state.code, typed, transaction_id=journey.stored.id, owner=owner, now=now
        )
        if fault:
            return Answer(journey, {"code": fault})
        content = Content(
            ticket="",
            id_number=IdNumber.parse(state.typed["username"]).value,
            full_name=PersonName.parse(state.typed["full_name"]).display,
            phone=state.code.phone,
            text=state.typed["text"].strip(),
        )
        with self.database.transaction() as connection:
            ticket = self.complaints.add(connection, content, now=now)
            self.audit.add(connection, AuditEvent(Event.COMPLAINT_MADE, now))
        done = replace(journey, state=ComplaintState(ticket=ticket))
        return Answer(self._save(done))

    def new_captcha(self, journey: Journey[ComplaintState]) -> Journey[ComplaintState]:
        """Another picture."""
        return self._save(_with(journey, captcha=self.captchas.new_answer()))

    def keep(self, journey: Journey[ComplaintState], filled: Filled) -> Journey[ComplaintState]:
        """Keep what was typed while the picture changes."""
        return _with(journey, typed=dict(filled.values))

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

    # --- small steps ----------------------------------------------------------------------------

    def _check_captcha(
        self, journey: Journey[ComplaintState], typed: str
    ) -> tuple[Journey[ComplaintState], Said | None]:
        if journey.state.is_human:
            return journey, None
        if self.captchas.is_right(journey.state.captcha, typed):
            return _with(journey, is_human=True, captcha=""), None
        fault = Said("error.captcha.wrong" if typed else "error.captcha.empty")
        return _with(journey, captcha=self.captchas.new_answer()), fault

    def _send(
        self,
        journey: Journey[ComplaintState],
        phone: PhoneNumber,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[ComplaintState]:
        sent = self.codes.send(
            phone,
            purpose="complaint",
            transaction_id=journey.stored.id,
            portal="",
            visitor=visitor,
            now=now,
        )
        if isinstance(sent, Said):
            return Answer(self._save(journey), {}, sent)
        return Answer(self._save(_with(journey, code=sent)))

    def _save(self, journey: Journey[ComplaintState]) -> Journey[ComplaintState]:
        data = _encode(journey.state)
        if data == journey.stored.state:
            return journey
        return replace(journey, stored=self.transactions.save(journey.stored, data))


_TICKET_LETTERS = 14
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ComplaintState).decode


def _with(journey: Journey[ComplaintState], **changes: Any) -> Journey[ComplaintState]:  # noqa: ANN401
    return replace(journey, state=msgspec.structs.replace(journey.state, **changes))


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
