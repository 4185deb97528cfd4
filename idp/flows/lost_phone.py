"""Mất số điện thoại nhận OTP (R48-R50, S23): after a right password, another number takes over.

    new number --(captcha)--> code to it --(right)--> carrier match --(same person)--> replaced

The lost number and the mailbox hear of it at once and can undo it for a day by one click; that
long nothing else that is sensitive changes. Nobody is signed in by this, and no level is gained.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec

from idp.authenticators.contract import AskFields, Field, FieldKind, Filled
from idp.domain.accounts import AccountStatus, Attribute
from idp.domain.errors import Conflict, InvalidInput, PortError
from idp.domain.events import AuditEvent, Event
from idp.domain.subjects import BirthDate, IdKind, IdNumber, PersonName, PhoneNumber
from idp.flows.account import AccountFlow
from idp.flows.answers import Answer, Journey, Said, Visitor, source_down
from idp.flows.journeys import Journeys
from idp.flows.login.state import LoginState
from idp.flows.notices import Extra
from idp.flows.otp import Codes, SentCode
from idp.ports import SubscriberRecord, SubscriberRegistry

KIND = "lost_phone"
FORM = AskFields("lost_phone", (Field("phone", FieldKind.PHONE),), is_guarded=True)


class LostPhoneState(msgspec.Struct, frozen=True):
    """What a replacement in progress remembers. ``login`` is the sign-in that it came from."""

    account: str
    old: str
    login: str
    typed: dict[str, str] = {}
    captcha: str = ""
    is_human: bool = False
    code: SentCode | None = None
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class LostPhoneFlow:
    """Replaces lost numbers."""

    account: AccountFlow
    journeys: Journeys[LostPhoneState]
    subscribers: SubscriberRegistry
    codes: Codes

    def start(self, login: Journey[LoginState], visitor: Visitor, *, now: datetime) -> UUID | None:
        """Begin, for a sign-in whose password was right; None for any other."""
        code = login.state.code
        if code is None or not login.state.account:
            return None
        state = LostPhoneState(
            login.state.account,
            code.to,
            login.stored.id.hex,
            captcha=self.journeys.captchas.new_answer(),
        )
        return self.journeys.start(state, visitor, now=now)

    def find(
        self, transaction_id: UUID, visitor: Visitor, *, now: datetime
    ) -> Journey[LostPhoneState] | None:
        """The replacement in progress, if it is this browser's."""
        return self.journeys.find(transaction_id, visitor, now=now)

    def submit(
        self,
        journey: Journey[LostPhoneState],
        filled: Filled,
        captcha: str,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[LostPhoneState]:
        """Read the number and send a code to it."""
        passed, faults = self.journeys.check_picture(journey.state, captcha)
        journey = self.journeys.save(journey, typed=dict(filled.values), **passed)
        try:
            phone = PhoneNumber.parse(filled.values.get("phone", ""))
        except InvalidInput as error:
            return Answer(journey, {"phone": Said(f"error.{error.code}"), **faults})
        if phone.e164 == journey.state.old:
            faults = {"phone": Said("error.phone.same"), **faults}
        if faults:
            return Answer(journey, faults)
        return self._send(journey, phone, visitor, now=now)

    def resend(
        self, journey: Journey[LostPhoneState], visitor: Visitor, *, now: datetime
    ) -> Answer[LostPhoneState]:
        """Another code to the same number."""
        sent = journey.state.code
        if sent is None or journey.state.is_done:
            return Answer(journey)
        wait = self.codes.wait(sent, now=now)
        return (
            Answer(journey, {}, wait)
            if wait
            else self._send(journey, sent.number, visitor, now=now)
        )

    def confirm(
        self, journey: Journey[LostPhoneState], typed: str, visitor: Visitor, *, now: datetime
    ) -> Answer[LostPhoneState]:
        """Check the code, then ask the carrier whose number it is. Raises ``Conflict``."""
        state = journey.state
        if state.code is None or state.is_done:
            return Answer(journey)
        fault = self.codes.check(
            state.code, typed, transaction_id=journey.stored.id, owner=state.account, now=now
        )
        if fault:
            return Answer(journey, {"code": fault})
        try:
            found = self._match(journey, state.code.number, visitor, now=now)
        except PortError as error:
            # The code is spent; another one may be sent when the carrier is back.
            return Answer(self.journeys.save(journey, code=None), {}, source_down(error))
        if isinstance(found, Said):
            return Answer(self.journeys.save(journey, code=None), {"phone": found})
        done = self.journeys.save(journey, is_done=True, code=None)
        try:
            self._replace(journey, (state.code.number, found), visitor, now=now)
        except Conflict:
            # While the carrier was asked its owner froze it, or somebody else replaced the number.
            self.journeys.save(done, is_done=False)
            raise
        return Answer(done)

    def _match(
        self,
        journey: Journey[LostPhoneState],
        phone: PhoneNumber,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> SubscriberRecord | Said:
        """The carrier's record, if it knows the account's person as the owner of that number."""
        account_id = UUID(hex=journey.state.account)
        account = self.account.accounts.get(account_id)
        own = self.account.accounts.identity(account_id)
        name, birth = own.find(Attribute.FULL_NAME), own.find(Attribute.BIRTH_DATE)
        # The card of today first: carriers hear of it before they forget the old one.
        numbers = sorted(
            (number for number, _ in own.id_numbers), key=lambda n: n.kind is not IdKind.CCCD
        )
        if account.status is not AccountStatus.ACTIVE or name is None or birth is None:
            return Said("refusal.phone_mismatch")
        if not account.allows_sms:
            return Said("refusal.sms_off")
        refusal = self.account.limits.before_identity_check(numbers[0].value, visitor, now=now)
        if refusal:
            return refusal
        person = PersonName(name.value)
        birth_date = BirthDate.from_iso(birth.value)
        try:
            record = self._find(phone, numbers, person, birth_date)
        except PortError:
            self.account.limits.after_no_answer(numbers[0].value, now=now)
            raise
        is_theirs = record is not None and _is_same(record, person, birth_date)
        return record if record and is_theirs else Said("refusal.phone_mismatch")

    def _find(
        self, phone: PhoneNumber, numbers: list[IdNumber], name: PersonName, birth_date: BirthDate
    ) -> SubscriberRecord | None:
        """What the carrier has of that number under one of theirs. Raises ``PortError``."""
        for number in numbers:
            record = self.subscribers.find_subscriber(
                phone=phone,
                id_number=number,
                name=name,
                birth_date=birth_date,
                request_id=uuid4(),
            )
            if record is not None and number in record.id_numbers:
                return record
        return None

    def _replace(
        self,
        journey: Journey[LostPhoneState],
        proven: tuple[PhoneNumber, SubscriberRecord],
        visitor: Visitor,
        *,
        now: datetime,
    ) -> None:
        new, source = proven[0], f"carrier:{proven[1].carrier}"
        flow, account_id = self.account, UUID(hex=journey.state.account)
        old = PhoneNumber(journey.state.old)
        until = now + timedelta(seconds=flow.settings.hold)
        details = {"ip": visitor.ip, "phone": new.masked}
        # Who reported it lost knows: whoever has it now needs no link that undoes this.
        known = flow.accounts.get(account_id).phones
        told = tuple(each.number for each in known if each.number == old and not each.is_lost)
        with flow.database.transaction() as connection:
            moved = flow.phones.replace(connection, account_id, old, new, source=source, now=now)
            if moved:
                details["what"] = Attribute.CONTACT_PHONE
            flow.check_open(connection, account_id)
            if not flow.accounts.read(connection, account_id).allows_sms:
                raise Conflict("account.gone")
            flow.owners.hold(connection, account_id, until=until)
            event = AuditEvent(Event.PHONE_REPLACED, now, account_id, details=details)
            flow.notices.tell(connection, event, Extra({"phone": new.masked}, told))

    # --- small steps ----------------------------------------------------------------------------

    def new_captcha(
        self, journey: Journey[LostPhoneState], filled: Filled | None = None
    ) -> Journey[LostPhoneState]:
        """Another picture, keeping what was typed."""
        typed = dict(filled.values) if filled else journey.state.typed
        return self.journeys.new_picture(journey, typed=typed)

    def _send(
        self,
        journey: Journey[LostPhoneState],
        phone: PhoneNumber,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[LostPhoneState]:
        return self.journeys.send_code(
            self.codes, journey, phone, purpose="lost_phone", visitor=visitor, now=now
        )


def _is_same(record: SubscriberRecord, name: PersonName, birth_date: BirthDate) -> bool:
    return (
        name.matches(record.name, form=record.name_form)
        and record.birth_date is not None
        and birth_date.matches(record.birth_date)
    )
