"""Verified facts change by asking the carrier again, never by typing (S11).

Whoever has a new card, CMND to CCCD, or a corrected name proves it with the number that receives
their codes: the carrier has to know its owner by the new number and name and by the birth date of
the account. Another number becomes a further alias (S5): account, portals and each ``sub`` stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from idp.authenticators import citizen_form
from idp.authenticators.citizen_form import Application
from idp.authenticators.contract import AskFields, Field, FieldKind, Invalid
from idp.domain.accounts import Attribute, Identity
from idp.domain.assurance import IAL, Amr, Evidence
from idp.domain.errors import Conflict, PortError
from idp.domain.events import AuditEvent, Event
from idp.domain.sessions import Session
from idp.domain.subjects import BirthDate, IdNumber, PersonName, SubjectKind
from idp.flows.account import AccountFlow
from idp.flows.answers import Said, Visitor, source_down
from idp.ports import SubscriberRecord, SubscriberRegistry
from idp.storage.accounts import OwnIdentity

FORM = AskFields(
    "reverify", (Field("username", FieldKind.ID_NUMBER), Field("full_name", FieldKind.NAME))
)
_MISMATCH = Said("refusal.carrier_mismatch")


@dataclass(frozen=True, slots=True)
class ReverifyingFlow:
    """Asks the carrier again. ``method`` is the one whose proof that is."""

    account: AccountFlow
    subscribers: SubscriberRegistry
    method: str

    def verify(
        self, session: Session, typed: Mapping[str, str], visitor: Visitor, *, now: datetime
    ) -> dict[str, Said]:
        """Faults by field, none when the facts are renewed. Raises ``ProofStale``, ``AccountHeld``.

        The question is counted with all others about that number, before it is asked.
        """
        account = self.account.check_change(session, now=now)
        own = self.account.accounts.identity(account.id)
        birth, phone = own.find(Attribute.BIRTH_DATE), account.default_phone
        if account.kind is not SubjectKind.CITIZEN or birth is None or phone is None:
            return {"": Said("error.reverify.phone")}
        known = {
            "birth_date": BirthDate.from_iso(birth.value).display,
            "phone": phone.number.national,
        }
        application = citizen_form.read({**typed, **known, "email": ""}, now=now)
        if isinstance(application, Invalid):
            return {name: Said(f"error.{code}") for name, code in application.errors.items()}
        refusal = self.account.limits.before_identity_check(
            application.id_number.value, visitor, now=now
        )
        if refusal:
            return {"": refusal}
        try:
            record = self._find(application)
        except PortError as error:
            return {"": source_down(error)}
        if record is None or not _is_linked(own, application, record):
            return {"": _MISMATCH}
        return self._keep(session, own, application, record, (visitor, now))

    def _find(self, application: Application) -> SubscriberRecord | None:
        record = self.subscribers.find_subscriber(
            phone=application.phone,
            id_number=application.id_number,
            name=application.name,
            birth_date=application.birth_date,
            request_id=uuid4(),
        )
        return record if record is not None and application.agrees_with(record) else None

    def _keep(
        self,
        session: Session,
        own: OwnIdentity,
        application: Application,
        record: SubscriberRecord,
        at: tuple[Visitor, datetime],
    ) -> dict[str, Said]:
        visitor, now = at
        new = _new_numbers(own, application.numbers_with(record))
        if new is None:
            return {"username": Said("error.reverify.number")}
        identity = Identity(
            kind=SubjectKind.CITIZEN,
            id_numbers=new,
            name=application.name,
            birth_date=application.birth_date,
            sex=record.sex,
            phone=None,
            email=None,
            source=f"carrier:{record.carrier}",
            reference=record.carrier,
            verified_at=now,
        )
        evidence = Evidence(self.method, IAL.MEDIUM, (Amr.SMS, Amr.OTP), now)
        flow, details = self.account, {"ip": visitor.ip, "method": self.method}
        event = AuditEvent(
            Event.IDENTITY_RENEWED, now, session.account_id, session_id=session.id, details=details
        )
        try:
            with flow.database.transaction() as connection:
                flow.accounts.renew(connection, session.account_id, identity, evidence, now=now)
                flow.notices.tell(connection, event)
        except Conflict:
            # Told to the one whom the carrier just knew as the owner of that number (R14).
            return {"": Said("refusal.existing_account")}
        return {}


def _is_linked(own: OwnIdentity, application: Application, record: SubscriberRecord) -> bool:
    """Whether the record is the account's person: by a number of theirs, or by the same name."""
    known = {number for number, _ in own.id_numbers}
    if known & {application.id_number, *record.id_numbers}:
        return True
    name = own.find(Attribute.FULL_NAME)
    return name is not None and PersonName(name.value).matches(record.name, form=record.name_form)


def _new_numbers(own: OwnIdentity, found: tuple[IdNumber, ...]) -> tuple[IdNumber, ...] | None:
    """Those that the account has not; None where another of the same kind stands in their place.

    A card's number lives as long as its owner: whoever says otherwise goes to a counter.
    """
    known = {number for number, _ in own.id_numbers}
    kinds = {number.kind for number in known}
    new = tuple(number for number in found if number not in known)
    return None if any(number.kind in kinds for number in new) else new
