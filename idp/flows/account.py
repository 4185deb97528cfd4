"""What the owner of an account changes: every change asks for a fresh proof and is told (R57-R70).

A change is one transaction with its line of history and its notices. Between the replacement of a
lost phone and the end of its hold nothing sensitive changes (S23).
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from idp import config
from idp.domain.accounts import Account, AccountStatus, Attribute
from idp.domain.assurance import IAL
from idp.domain.errors import AccountHeld, Conflict, InvalidInput, ProofStale, WeakPassword
from idp.domain.events import AuditEvent, Event
from idp.domain.passwords import PasswordCheck, check_password
from idp.domain.sessions import Session
from idp.domain.subjects import PhoneNumber, SubjectKind
from idp.flows.answers import Said, Visitor
from idp.flows.limits import Limits
from idp.flows.notices import Extra, Notices
from idp.ports import Hasher
from idp.storage.accounts import AccountStore, OwnIdentity
from idp.storage.database import Database
from idp.storage.levels import LevelStore
from idp.storage.owners import OwnerStore
from idp.storage.phones import PhoneStore

FRESH = timedelta(minutes=5)
LONGEST_ADDRESS = 300


@dataclass(frozen=True, slots=True)
class NewPassword:
    """The form of R69, as typed."""

    current: str
    new: str
    again: str


@dataclass(frozen=True, slots=True)
class AccountFlow:
    """The owner's own changes."""

    database: Database
    accounts: AccountStore
    owners: OwnerStore
    phones: PhoneStore
    levels: LevelStore
    notices: Notices
    limits: Limits
    hasher: Hasher
    settings: config.Account

    # --- may it be changed ----------------------------------------------------------------------

    def check_fresh(self, session: Session, *, now: datetime) -> None:
        """Raises ``ProofStale`` unless the person proved themselves in the last five minutes."""
        if not any(now - proof.at <= FRESH for proof in session.free_proofs):
            raise ProofStale

    def check_change(self, session: Session, *, now: datetime) -> Account:
        """The account, if what opens it may be changed. Raises ``ProofStale``, ``AccountHeld``."""
        self.check_fresh(session, now=now)
        return self.check_held(session, now=now)

    def check_held(self, session: Session, *, now: datetime) -> Account:
        """The account, unless its phone was replaced a short while ago."""
        account = self.accounts.get(session.account_id)
        if account.held_until is not None and account.is_held(now):
            raise AccountHeld(account.held_until)
        return account

    def check_open(self, connection: Connection, account_id: UUID) -> None:
        """Raises ``Conflict`` when it was frozen or closed since the request came.

        Asked under the account's lock: a change that is on its way does not overtake a freeze.
        """
        if self.accounts.read(connection, account_id).status is not AccountStatus.ACTIVE:
            raise Conflict("account.gone")

    # --- phones ---------------------------------------------------------------------------------

    def make_default(
        self, session: Session, phone_id: UUID, visitor: Visitor, *, now: datetime
    ) -> None:
        """Đặt làm mặc định (R68). Raises ``Conflict``."""
        self.check_change(session, now=now)
        with self.database.transaction() as connection:
            number = self.phones.make_default(connection, session.account_id, phone_id)
            self.check_open(connection, session.account_id)
            event = _event(Event.PHONE_DEFAULT, session, visitor, now, phone=number.masked)
            self.notices.tell(connection, event, Extra({"phone": number.masked}))

    def remove_phone(
        self, session: Session, phone_id: UUID, visitor: Visitor, *, now: datetime
    ) -> None:
        """Xóa (R64); the number itself is told. Raises ``Conflict``, ``LastMethodError``."""
        self.check_change(session, now=now)
        with self.database.transaction() as connection:
            number = self.phones.remove(connection, session.account_id, phone_id, now=now)
            self.check_open(connection, session.account_id)
            event = _event(Event.PHONE_REMOVED, session, visitor, now, phone=number.masked)
            self.notices.tell(connection, event, Extra({"phone": number.masked}, (number,)))

    def find_phone_again(
        self, session: Session, phone_id: UUID, visitor: Visitor, *, now: datetime
    ) -> None:
        """A number reported lost is back with its owner. Raises ``Conflict``."""
        self.check_change(session, now=now)
        with self.database.transaction() as connection:
            number = self.phones.find_again(connection, session.account_id, phone_id)
            self.check_open(connection, session.account_id)
            event = _event(Event.PHONE_FOUND, session, visitor, now, phone=number.masked)
            self.notices.tell(connection, event, Extra({"phone": number.masked}))

    # --- certificates and keys ------------------------------------------------------------------

    def remove_credential(
        self, session: Session, credential_id: UUID, visitor: Visitor, *, now: datetime
    ) -> None:
        """Remove a token, SIM or key. Raises ``Conflict``, ``LastMethodError``."""
        self.check_change(session, now=now)
        with self.database.transaction() as connection:
            method = self.levels.unbind(connection, session.account_id, credential_id, now=now)
            self.check_open(connection, session.account_id)
            event = _event(Event.CREDENTIAL_REMOVED, session, visitor, now, method=method)
            self.notices.tell(connection, event, Extra({"method": method}))

    # --- the password ---------------------------------------------------------------------------

    def needs_current(self, session: Session, account: Account, *, now: datetime) -> bool:
        """Whether the current password is asked for: a fresh signature is worth more."""
        has_signed = any(
            proof.ial is IAL.HIGH and now - proof.at <= FRESH for proof in session.free_proofs
        )
        return account.password_hash is not None and not has_signed

    def may_have_password(self, account: Account) -> bool:
        """A password without a phone for the code opens nothing (S9)."""
        return account.password_hash is not None or bool(account.phones)

    def change_password(
        self, session: Session, typed: NewPassword, visitor: Visitor, *, now: datetime
    ) -> dict[str, Said]:
        """Đổi mật khẩu (R69): faults by field, none when it is changed.

        Every other session and refresh token of the account ends.
        """
        account = self.check_change(session, now=now)
        if not self.may_have_password(account):
            return {"": Said("error.password.no_phone")}
        faults = {}
        if self.needs_current(session, account, now=now):
            refusal = self.limits.before_own_password(account.id, now=now)
            if refusal:
                return {"": refusal}
            if self.hasher.verify(account.password_hash, typed.current) is PasswordCheck.WRONG:
                key = "error.password.current" if typed.current else "error.password.empty"
                faults["current_password"] = Said(key)
        faults |= self.password_faults(account.id, typed.new, typed.again)
        if faults:
            return faults
        hashed = self.hasher.hash(typed.new)
        with self.database.transaction() as connection:
            self.owners.set_password(connection, account.id, hashed, now=now)
            self.check_open(connection, account.id)
            self.owners.end_all(connection, account.id, "password", keep=session.id, now=now)
            self.notices.tell(connection, _event(Event.PASSWORD_CHANGED, session, visitor, now))
        return {}

    def password_faults(self, account_id: UUID, new: str, again: str) -> dict[str, Said]:
        """What is wrong with a new password of this account."""
        own = self.accounts.identity(account_id)
        try:
            check_password(new, personal=_personal(own))
        except WeakPassword as error:
            return {"password": Said(f"error.{error.code}")}
        return {} if new == again else {"password_again": Said("error.password.mismatch")}

    # --- what the owner says --------------------------------------------------------------------

    def declare(
        self, session: Session, typed: Mapping[str, str], visitor: Visitor, *, now: datetime
    ) -> dict[str, Said]:
        """Sửa: contact phone and contact address (S11); faults by field."""
        self.check_fresh(session, now=now)
        faults: dict[str, Said] = {}
        phone = typed.get("phone", "").strip()
        try:
            contact = PhoneNumber.parse(phone).e164 if phone else ""
        except InvalidInput as error:
            faults["phone"], contact = Said(f"error.{error.code}"), ""
        address = typed.get("contact_address", "").strip()
        if len(address) > LONGEST_ADDRESS:
            faults["contact_address"] = Said("error.address.long")
        if faults:
            return faults
        own = self.accounts.identity(session.account_id)
        wanted = {Attribute.CONTACT_PHONE: contact, Attribute.CONTACT_ADDRESS: address}
        changed = {name: value for name, value in wanted.items() if value != _value(own, name)}
        if changed:
            with self.database.transaction() as connection:
                self.owners.declare(connection, session.account_id, changed, now=now)
                self.check_open(connection, session.account_id)
                names = " ".join(sorted(changed))
                event = _event(Event.CONTACT_CHANGED, session, visitor, now, what=names)
                self.notices.tell(connection, event)
        return {}

    def forget_email(self, session: Session, visitor: Visitor, *, now: datetime) -> dict[str, Said]:
        """Take the mailbox away, which gets the last notice. Raises as ``check_change``."""
        account = self.check_change(session, now=now)
        if account.kind is SubjectKind.ENTERPRISE:
            return {"email": Said("error.email.empty")}  # R37: an enterprise has one
        with self.database.transaction() as connection:
            former = self.accounts.contacts(connection, account.id).email
            if not self.owners.declare(connection, account.id, {Attribute.EMAIL: ""}, now=now):
                return {}  # another request was faster, and has told it
            self.check_open(connection, account.id)
            event = _event(Event.CONTACT_CHANGED, session, visitor, now, what=Attribute.EMAIL)
            self.notices.tell(connection, event, Extra(mailboxes=(former,) if former else ()))
        return {}

    # --- switches -------------------------------------------------------------------------------

    def switch(
        self, session: Session, name: str, visitor: Visitor, *, to: bool | str, now: datetime
    ) -> None:
        """Turn a switch. Raises ``LastMethodError`` when nothing would open the account."""
        self.check_change(session, now=now)
        with self.database.transaction() as connection:
            self.owners.switch(connection, session.account_id, now=now, **{name: to})
            self.check_open(connection, session.account_id)
            text = str(to).lower()
            event = _event(Event.SWITCH_CHANGED, session, visitor, now, what=f"{name} {text}")
            self.notices.tell(connection, event)

    # --- closing --------------------------------------------------------------------------------

    def close(self, session: Session, visitor: Visitor, *, now: datetime) -> datetime:
        """Close the account when the waiting period is over; answers when that is."""
        self.check_change(session, now=now)
        at = now + timedelta(seconds=self.settings.close_after)
        with self.database.transaction() as connection:
            self.owners.close_at(connection, session.account_id, at)
            self.notices.tell(connection, _event(Event.ACCOUNT_CLOSING, session, visitor, now))
        return at

    def keep(self, session: Session, visitor: Visitor, *, now: datetime) -> None:
        """Not to be closed after all; no proof is asked for that."""
        with self.database.transaction() as connection:
            self.owners.close_at(connection, session.account_id, None)
            self.notices.tell(connection, _event(Event.ACCOUNT_KEPT, session, visitor, now))

    def close_due(self, *, now: datetime) -> int:
        """Carry out what is due; answers how many accounts were closed."""
        closed = 0
        for account_id in self.owners.due(now=now):
            # Another worker may have been faster, or the owner has thought better of it.
            with contextlib.suppress(Conflict), self.database.transaction() as connection:
                # Told first: afterwards nobody knows where to.
                self.notices.tell(connection, AuditEvent(Event.ACCOUNT_CLOSED, now, account_id))
                self.owners.close(connection, account_id, now=now)
                closed += 1
        return closed


def _event(
    event: Event, session: Session, visitor: Visitor, now: datetime, **details: str
) -> AuditEvent:
    found = {"ip": visitor.ip, **details}
    return AuditEvent(event, now, session.account_id, session_id=session.id, details=found)


def _value(own: OwnIdentity, name: Attribute) -> str:
    found = own.find(name)
    return found.value if found else ""


def _personal(own: OwnIdentity) -> list[str]:
    """What the owner's password must not hold."""
    names = (Attribute.FULL_NAME, Attribute.BIRTH_DATE, Attribute.CONTACT_PHONE)
    return [
        *(number.value for number, _ in own.id_numbers),
        *(fact.value for fact in own.values if fact.attribute in names),
    ]
