"""Người được ủy quyền: whom an enterprise lets act for it.

Only the enterprise itself decides this, with a fresh signature of its own certificate; somebody who
acts for it cannot let in others. Both sides are told, and both see it in their history.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from idp.authenticators.contract import AskFields, Field, FieldKind, Filled
from idp.domain.accounts import Account, Attribute
from idp.domain.assurance import IAL
from idp.domain.errors import Conflict, InvalidInput, NotPermitted, ProofStale
from idp.domain.events import AuditEvent, Event
from idp.domain.sessions import Session
from idp.domain.subjects import IdNumber, PersonName, SubjectKind
from idp.flows.account import FRESH, AccountFlow
from idp.flows.answers import Said, Visitor
from idp.flows.notices import Extra
from idp.storage.accounts import OwnIdentity
from idp.storage.representatives import Representative, RepresentativeStore

FORM = AskFields(
    "representatives.add",
    (Field("username", FieldKind.ID_NUMBER), Field("full_name", FieldKind.NAME)),
)


@dataclass(frozen=True, slots=True)
class RepresentativeFlow:
    """Authorising and revoking."""

    account: AccountFlow
    representatives: RepresentativeStore

    def of(self, session: Session) -> tuple[Representative, ...]:
        """Those who may act for the enterprise. Raises ``NotPermitted``."""
        self._check_enterprise(session)
        return self.representatives.standing(session.account_id)

    def enterprises(self, own: OwnIdentity) -> tuple[tuple[str, datetime], ...]:
        """The enterprises that somebody may act for, by name, and since when."""
        accounts, found = self.account.accounts, []
        for account_id, since in self.representatives.enterprises(n for n, _ in own.id_numbers):
            name = accounts.identity(account_id).find(Attribute.FULL_NAME)
            found.append((name.value if name else "", since))
        return tuple(found)

    def check(self, session: Session, *, now: datetime) -> None:
        """Raises ``NotPermitted``, ``ProofStale``, ``AccountHeld``."""
        self._check_enterprise(session)
        signed = [p.at for p in session.free_proofs if p.ial is IAL.HIGH]
        if not signed or now - max(signed) > FRESH:
            raise ProofStale
        self.account.check_change(session, now=now)

    def add(
        self, session: Session, filled: Filled, visitor: Visitor, *, now: datetime
    ) -> dict[str, Said]:
        """Let the person of a number act; faults by field, none when it is done."""
        self.check(session, now=now)
        faults: dict[str, Said] = {}
        number = name = None
        try:
            number = IdNumber.parse(filled.values.get("username", ""))
        except InvalidInput as error:
            faults["username"] = Said(f"error.{error.code}")
        try:
            name = PersonName.parse(filled.values.get("full_name", ""))
        except InvalidInput as error:
            faults["full_name"] = Said(f"error.{error.code}")
        if number is None or name is None:
            return faults
        person = self.account.accounts.find_by_id_number(number)
        whom = (f"{name.display}, {number.masked}", self._name(session), person)
        try:
            with self.account.database.transaction() as connection:
                self.representatives.add(
                    connection, session.account_id, number, name.display, now=now
                )
                self._tell(connection, Event.REPRESENTATIVE_ADDED, session, whom, visitor, now)
        except Conflict as error:
            return {"username": Said(f"error.{error.code}")}
        return {}

    def revoke(self, session: Session, row_id: UUID, visitor: Visitor, *, now: datetime) -> None:
        """End an authorisation and everything that rests on it. Raises ``Conflict``."""
        self.check(session, now=now)
        found = next((r for r in self.of(session) if r.id == row_id), None)
        if found is None:
            raise Conflict("representative.gone")
        person = self.account.accounts.find_by_id_number(found.number)
        whom = (f"{found.name}, {found.number.masked}", self._name(session), person)
        with self.account.database.transaction() as connection:
            self.representatives.revoke(connection, session.account_id, row_id, now=now)
            self._tell(connection, Event.REPRESENTATIVE_REMOVED, session, whom, visitor, now)

    def _name(self, session: Session) -> str:
        found = self.account.accounts.identity(session.account_id).find(Attribute.FULL_NAME)
        return found.value if found else ""

    @staticmethod
    def _check_enterprise(session: Session) -> None:
        if session.account_kind is not SubjectKind.ENTERPRISE or not session.is_own:
            raise NotPermitted("representative.enterprise")

    def _tell(  # noqa: PLR0913, PLR0917  one act, told to both sides
        self,
        connection: Connection,
        event: Event,
        session: Session,
        whom: tuple[str, str, Account | None],
        visitor: Visitor,
        now: datetime,
    ) -> None:
        about, own, person = whom
        details = {"ip": visitor.ip, "representative": about}
        row = AuditEvent(event, now, session.account_id, session_id=session.id, details=details)
        self.account.notices.tell(connection, row, Extra({"about": about}))
        if person is not None:
            told = AuditEvent(
                event, now, person.id, session.account_id, details={"organisation": own}
            )
            self.account.notices.tell(connection, told, Extra({"about": own}))
