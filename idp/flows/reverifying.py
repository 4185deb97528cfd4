"""Verified facts change by asking whoever vouches for them again, never by typing (S11).

* A registry: the number that receives codes, or the insurance code of the account, has to belong
  to the new number and name and to the birth date of the account (a new card, a corrected name).
* A certificate of the account, or its successor: what it says of its holder replaces what is on
  file. This is how an enterprise or agency changes its name.

Another number becomes a further alias (S5): account, portals and each ``sub`` stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from idp.authenticators import citizen_form
from idp.authenticators.contract import (
    AskFields,
    Field,
    FieldKind,
    Invalid,
    Method,
    Presented,
    Registry,
    Vouched,
)
from idp.domain.accounts import Account, Attribute, Identity
from idp.domain.applications import Application, Record
from idp.domain.assurance import IAL, Amr, Evidence
from idp.domain.errors import Conflict, PortError
from idp.domain.events import AuditEvent, Event
from idp.domain.sessions import Session
from idp.domain.subjects import BirthDate, IdNumber, PersonName, SubjectKind
from idp.flows.account import AccountFlow
from idp.flows.answers import Said, Visitor, faults_of, source_down
from idp.flows.notices import Extra, Notices
from idp.storage.accounts import AccountStore, OwnIdentity
from idp.storage.credentials import CredentialStore
from idp.storage.database import Database
from idp.storage.levels import LevelStore


@dataclass(frozen=True, slots=True)
class ReverifyingFlow:
    """Asks a registry again: that of the method by whose name it is called."""

    account: AccountFlow
    methods: tuple[Method, ...]

    def ways(self, account: Account, own: OwnIdentity) -> tuple[str, ...]:
        """The registries that know this person, the likeliest first."""
        if account.kind is not SubjectKind.CITIZEN or own.find(Attribute.BIRTH_DATE) is None:
            return ()
        facts = _plain(own)
        asked = ((each.name, each.registry) for each in self.methods)
        return tuple(name for name, one in asked if one and one.knows(account, facts))

    def form(self, way: str) -> AskFields:
        """What is asked for, for the registry of that name or the first."""
        names = [each.name for each in self.methods if each.registry]
        return form_of(way if way in names else next(iter(names), way))

    def verify(
        self,
        session: Session,
        way: str,
        typed: Mapping[str, str],
        visitor: Visitor,
        *,
        now: datetime,
    ) -> dict[str, Said]:
        """Faults by field, none when the facts are renewed. Raises ``ProofStale``, ``AccountHeld``.

        The question is counted with all others about that number, before it is asked.
        """
        account = self.account.check_change(session, now=now)
        own, registry = self.account.accounts.identity(account.id), self._registry(way)
        birth, phone = own.find(Attribute.BIRTH_DATE), account.default_phone
        is_citizen = account.kind is SubjectKind.CITIZEN
        if registry is None or not is_citizen or birth is None or phone is None:
            return {"": Said("error.reverify.phone")}
        known = {
            "birth_date": BirthDate.from_iso(birth.value).display,
            "phone": phone.number.national,
        }
        application = citizen_form.read({**typed, **known, "email": ""}, now=now)
        if isinstance(application, Invalid):
            return faults_of(application)
        refusal = self.account.limits.before_identity_check(
            application.id_number.value, visitor, now=now
        )
        if refusal:
            return {"": refusal}
        try:
            found = registry.find(application, _plain(own))
        except PortError as error:
            self.account.limits.after_no_answer(application.id_number.value, now=now)
            return {"": source_down(error)}
        if found is None or not _is_theirs(own, application, found.record):
            return {"": Said(registry.mismatch)}
        return self._keep(session, (way, found), own, application, (visitor, now))

    def _registry(self, way: str) -> Registry | None:
        return next((each.registry for each in self.methods if each.name == way), None)

    def _keep(
        self,
        session: Session,
        vouched: tuple[str, Vouched],
        own: OwnIdentity,
        application: Application,
        at: tuple[Visitor, datetime],
    ) -> dict[str, Said]:
        (method, found), (visitor, now) = vouched, at
        new = _new_numbers(own, application.numbers_with(found.record))
        if new is None:
            return {"username": Said("error.reverify.number")}
        identity = Identity(
            kind=SubjectKind.CITIZEN,
            id_numbers=new,
            name=application.name_by(found.record),
            birth_date=application.birth_date,
            sex=found.sex,
            phone=None,
            email=None,
            source=found.source,
            reference=found.reference,
            verified_at=now,
        )
        evidence = Evidence(method, IAL.MEDIUM, (Amr.SMS, Amr.OTP), now)
        flow, details = self.account, {"ip": visitor.ip, "method": method}
        event = AuditEvent(
            Event.IDENTITY_RENEWED, now, session.account_id, session_id=session.id, details=details
        )
        try:
            with flow.database.transaction() as connection:
                flow.accounts.renew(connection, session.account_id, identity, evidence, now=now)
                flow.notices.tell(connection, event)
        except Conflict:
            # Told to the one whom the registry just knew as the owner of that number (R14).
            return {"": Said("refusal.existing_account")}
        return {}


def form_of(way: str) -> AskFields:
    """The new card and name; the texts name the registry."""
    fields = (Field("username", FieldKind.ID_NUMBER), Field("full_name", FieldKind.NAME))
    return AskFields(f"reverify.{way}", fields)


def _plain(own: OwnIdentity) -> dict[Attribute, str]:
    return {value.attribute: value.value for value in own.values}


@dataclass(frozen=True, slots=True)
class Renewal:
    """Renews the facts of an account by a certificate that opens it, or by its successor (S15)."""

    database: Database
    accounts: AccountStore
    credentials: CredentialStore
    levels: LevelStore
    notices: Notices

    def renew(
        self, account_id: UUID, presented: Presented, visitor: Visitor, *, now: datetime
    ) -> str:
        """Do it; or the key of the text that says why not."""
        credential, identity = presented.credential, presented.identity
        owner = self.credentials.owner(credential)
        is_successor = owner is None
        if is_successor:
            owner = self.credentials.owner_of_predecessor(credential)
        if identity is None or owner != account_id:
            is_own = self.levels.is_own(account_id, credential)
            return "refusal.reverify_unbound" if is_own else "refusal.credential_of_another"
        new = _new_numbers(self.accounts.identity(account_id), identity.id_numbers)
        if new is None:
            return "error.reverify.number"
        details = {"ip": visitor.ip, "method": credential.method}
        renewed = AuditEvent(Event.IDENTITY_RENEWED, now, account_id, details=details)
        try:
            with self.database.transaction() as connection:
                if is_successor:
                    self.credentials.renew(connection, account_id, credential, now=now)
                    event = replace(renewed, event=Event.CREDENTIAL_RENEWED)
                    self.notices.tell(connection, event, Extra({"method": credential.method}))
                self.accounts.renew(
                    connection,
                    account_id,
                    replace(identity, id_numbers=new),
                    presented.evidence,
                    evidence_id=self.credentials.evidence_of(connection, account_id, credential),
                    now=now,
                )
                self.notices.tell(connection, renewed)
        except Conflict:
            # Its holder proved a number that another account has (R14), or was faster elsewhere.
            return "refusal.existing_account"
        return ""


def _is_theirs(own: OwnIdentity, application: Application, record: Record) -> bool:
    """Whether the record is what was typed, and the account's person.

    That is: of a number of theirs, or of the same name.
    """
    if not application.agrees_with(record):
        return False
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
