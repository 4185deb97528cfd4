"""Accounts: opened in one transaction, found by a blind index of any of their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, RowMapping, exists, insert, select, update

from idp.domain.accounts import (
    Account,
    AccountStatus,
    Attribute,
    Credential,
    Identity,
    Phone,
    VerifiedValue,
)
from idp.domain.assurance import IAL, Evidence
from idp.domain.errors import Conflict
from idp.domain.ids import NOBODY, uuid7
from idp.domain.subjects import EmailAddress, IdKind, IdNumber, PhoneNumber, SubjectKind
from idp.storage.account_rows import (
    SELF,
    account_row,
    add_attributes,
    add_evidence,
    add_identifiers,
    add_phone,
    index_of,
    open_attribute,
    open_identifier,
)
from idp.storage.credentials import CredentialStore
from idp.storage.database import Database
from idp.storage.models import (
    AccountRow,
    AttributeRow,
    EvidenceRow,
    IdentifierRow,
    PasswordRow,
    PhoneRow,
)
from idp.storage.vault import Seal, Vault
from idp.storage.ways_in import lock


@dataclass(frozen=True, slots=True)
class Proof:
    """One proof of identity on file, as its owner sees it."""

    method: str
    ial: IAL
    source: str
    at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Contacts:
    """Where notices of an account go: confirmed phones and the confirmed mailbox."""

    language: str
    phones: tuple[PhoneNumber, ...]
    email: EmailAddress | None


@dataclass(frozen=True, slots=True)
class OwnIdentity:
    """What the owner of an account sees about themselves."""

    id_numbers: tuple[tuple[IdNumber, datetime], ...]
    values: tuple[VerifiedValue, ...]

    def find(self, attribute: Attribute) -> VerifiedValue | None:
        """One of the facts."""
        return next((value for value in self.values if value.attribute is attribute), None)


class AccountStore:
    """The accounts."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault
        self._credentials = CredentialStore(database, vault)

    # --- reading --------------------------------------------------------------------------------

    def find_by_id_number(self, number: IdNumber) -> Account | None:
        """The account that has this number, whichever of its numbers it is (S5)."""
        query = (
            _ACCOUNTS.join(IdentifierRow, IdentifierRow.account_id == AccountRow.id)
            .where(IdentifierRow.kind == number.kind, IdentifierRow.value_index == self._of(number))
            .where(IdentifierRow.retired_at.is_(None))
        )
        with self._database.transaction() as connection:
            return self._one(connection.execute(query).mappings().all())

    def get(self, account_id: UUID) -> Account:
        """An account that is known to exist. Raises ``Conflict('account.gone')``."""
        with self._database.transaction() as connection:
            return self.read(connection, account_id)

    def find(self, account_id: UUID) -> Account | None:
        """An account that may be none."""
        with self._database.transaction() as connection:
            return self._find(connection, account_id)

    def _find(self, connection: Connection, account_id: UUID) -> Account | None:
        rows = connection.execute(_ACCOUNTS.where(AccountRow.id == account_id)).mappings().all()
        return self._one(rows)

    def read(self, connection: Connection, account_id: UUID) -> Account:
        """The same, in a transaction that depends on it. Raises ``Conflict('account.gone')``."""
        found = self._find(connection, account_id)
        if found is None:
            raise Conflict("account.gone")
        return found

    def has_any(self, numbers: Sequence[IdNumber]) -> bool:
        """Whether one of these numbers belongs to an account already (R14)."""
        tests = [
            exists().where(
                IdentifierRow.kind == number.kind,
                IdentifierRow.value_index == self._of(number),
                IdentifierRow.retired_at.is_(None),
            )
            for number in numbers
        ]
        with self._database.transaction() as connection:
            return any(connection.scalar(select(test)) for test in tests)

    def identity(self, account_id: UUID) -> OwnIdentity:
        """Every fact on file with its source."""
        with self._database.transaction() as connection:
            data_key = connection.scalar(
                select(AccountRow.data_key).where(AccountRow.id == account_id)
            )
            if data_key is None:
                raise Conflict("account.gone")
            numbers = connection.execute(
                select(IdentifierRow.kind, IdentifierRow.value_sealed, IdentifierRow.added_at)
                .where(IdentifierRow.account_id == account_id, IdentifierRow.retired_at.is_(None))
                .order_by(IdentifierRow.id)
            ).all()
            values = connection.execute(
                select(AttributeRow)
                .where(AttributeRow.account_id == account_id, AttributeRow.replaced_at.is_(None))
                .order_by(AttributeRow.id)
            ).all()
        seal = self._vault.data_key(data_key, account_id)
        return OwnIdentity(
            tuple(
                (IdNumber(IdKind(kind), open_identifier(seal, account_id, kind, sealed)), at)
                for kind, sealed, at in numbers
            ),
            tuple(_fact(row, seal, account_id) for row in values),
        )

    def former_facts(self, account_id: UUID) -> tuple[tuple[VerifiedValue, datetime], ...]:
        """What was on file before, each with when it was replaced, oldest first."""
        query = (
            select(AttributeRow, AccountRow.data_key)
            .join(AccountRow, AccountRow.id == AttributeRow.account_id)
            .where(AttributeRow.account_id == account_id, AttributeRow.replaced_at.is_not(None))
            .order_by(AttributeRow.replaced_at, AttributeRow.id)
        )
        with self._database.transaction() as connection:
            rows = connection.execute(query).all()
        return tuple(
            (
                _fact(row, self._vault.data_key(row.data_key, account_id), account_id),
                row.replaced_at,
            )
            for row in rows
        )

    def proofs(self, account_id: UUID) -> tuple[Proof, ...]:
        """What its level rests on, newest first; ended ones as well."""
        query = (
            select(
                EvidenceRow.method,
                EvidenceRow.ial,
                EvidenceRow.source,
                EvidenceRow.at,
                EvidenceRow.ended_at,
            )
            .where(EvidenceRow.account_id == account_id)
            .order_by(EvidenceRow.id.desc())
        )
        with self._database.transaction() as connection:
            return tuple(
                Proof(row.method, IAL(row.ial), row.source, row.at, row.ended_at)
                for row in connection.execute(query)
            )

    def contacts(self, connection: Connection, account_id: UUID) -> Contacts:
        """Its confirmed channels, read in a transaction that may be changing them."""
        found = self.read(connection, account_id)
        phones = tuple(phone.number for phone in found.phones if not phone.is_lost)
        return Contacts(found.language, phones, self._mailbox(connection, account_id))

    def no_contacts(self, connection: Connection) -> None:
        """Look for those of nobody, at the same cost."""
        self._find(connection, NOBODY)
        self._mailbox(connection, NOBODY)

    def mailbox(self, account_id: UUID) -> EmailAddress | None:
        """Its confirmed mailbox; an account that does not exist has none, at the same cost."""
        with self._database.transaction() as connection:
            return self._mailbox(connection, account_id)

    def _mailbox(self, connection: Connection, account_id: UUID) -> EmailAddress | None:
        query = (
            select(AttributeRow.value_sealed, AccountRow.data_key)
            .join(AccountRow, AccountRow.id == AttributeRow.account_id)
            .where(
                AttributeRow.account_id == account_id,
                AttributeRow.name == Attribute.EMAIL,
                AttributeRow.replaced_at.is_(None),
                AttributeRow.source != SELF,
            )
        )
        row = connection.execute(query).first()
        if row is None:
            return None
        seal = self._vault.data_key(row.data_key, account_id)
        return EmailAddress(open_attribute(seal, account_id, Attribute.EMAIL, row.value_sealed))

    # --- opening --------------------------------------------------------------------------------

    def open_account(  # noqa: PLR0913  keywords: what opens it
        self,
        connection: Connection,
        identity: Identity,
        evidence: Evidence,
        *,
        password_hash: str | None,
        credential: Credential | None = None,
        now: datetime,
    ) -> UUID:
        """Write a whole account, or nothing.

        Raises ``Conflict('account.exists')`` when one of the numbers is taken: the unique index
        decides, so of many at once one wins.
        """
        account_id = uuid7(now)
        data_key = self._vault.new_data_key(account_id)
        seal = self._vault.data_key(data_key, account_id)
        account = account_row(account_id, identity, evidence, data_key, now=now)
        connection.execute(insert(AccountRow).values(account))
        add_identifiers(connection, account_id, identity, (self._vault, seal), now=now)
        evidence_id = add_evidence(connection, account_id, identity, evidence, seal)
        add_attributes(connection, account_id, identity, evidence, (evidence_id, seal))
        if identity.phone is not None:
            add_phone(connection, account_id, identity.phone, (self._vault, seal), now=now)
        if password_hash is not None:
            password = {"account_id": account_id, "hash": password_hash, "at": now}
            connection.execute(insert(PasswordRow).values(password))
        if credential is not None:
            self._credentials.add(
                connection, account_id, credential, evidence_id=evidence_id, seal=seal, now=now
            )
        return account_id

    def renew(  # noqa: PLR0913  keywords: what renews it
        self,
        connection: Connection,
        account_id: UUID,
        identity: Identity,
        evidence: Evidence,
        *,
        evidence_id: UUID | None = None,
        now: datetime,
    ) -> None:
        """Replace verified facts by newer ones; new numbers become aliases (S5). Old rows stay.

        ``evidence_id`` is the proof that a credential stands on: what it vouches for adds none, or
        the level would outlive the credential. Raises ``Conflict('account.exists')`` when another
        account has one of the numbers.
        """
        seal = lock(connection, self._vault, account_id)
        if identity.id_numbers:
            add_identifiers(connection, account_id, identity, (self._vault, seal), now=now)
        if evidence_id is None:
            evidence_id = add_evidence(connection, account_id, identity, evidence, seal)
        facts = {
            Attribute.FULL_NAME: identity.name,
            Attribute.BIRTH_DATE: identity.birth_date,
            Attribute.SEX: identity.sex,
        }
        renewed = [name for name, value in facts.items() if value is not None]
        renewed += identity.more
        connection.execute(
            update(AttributeRow)
            .where(AttributeRow.account_id == account_id, AttributeRow.name.in_(renewed))
            .where(AttributeRow.replaced_at.is_(None))
            .values(replaced_at=now)
        )
        add_attributes(connection, account_id, identity, evidence, (evidence_id, seal))

    def replace_password_hash(
        self, connection: Connection, account_id: UUID, new_hash: str, *, old_hash: str
    ) -> bool:
        """Keep the same password under stronger parameters, unless it was changed meanwhile."""
        changed = connection.execute(
            update(PasswordRow)
            .where(PasswordRow.account_id == account_id, PasswordRow.hash == old_hash)
            .values(hash=new_hash)
        )
        return bool(changed.rowcount)

    # --- rows to objects ------------------------------------------------------------------------

    def _of(self, number: IdNumber) -> bytes:
        return index_of(self._vault, number)

    def _one(self, rows: Sequence[RowMapping]) -> Account | None:
        """One account from a row per phone."""
        if not rows:
            return None
        first = rows[0]
        account_id: UUID = first["id"]
        seal = self._vault.data_key(first["data_key"], account_id)
        phones = [
            Phone(
                row["phone_id"],
                PhoneNumber(
                    seal.open_text(row["number_sealed"], context=f"phone {row['phone_id']}")
                ),
                bool(row["is_default"]),
                is_lost=row["lost_at"] is not None,
            )
            for row in rows
            if row["phone_id"] is not None
        ]
        return Account(
            account_id,
            SubjectKind(first["kind"]),
            AccountStatus(first["status"]),
            IAL(first["ial"]),
            first["hash"],
            tuple(sorted(phones, key=lambda phone: (not phone.is_default, phone.id))),
            allows_sms=bool(first["allows_sms"]),
            asks_new_portals=bool(first["asks_new_portals"]),
            language=first["language"],
            held_until=first["held_until"],
            closes_at=first["closes_at"],
        )


def _fact(row: Row[*tuple[Any, ...]], seal: Seal, account_id: UUID) -> VerifiedValue:
    value = open_attribute(seal, account_id, row.name, row.value_sealed)
    return VerifiedValue(Attribute(row.name), value, row.source, row.method, row.at)


_ACCOUNTS = (
    select(
        AccountRow.id,
        AccountRow.kind,
        AccountRow.status,
        AccountRow.ial,
        AccountRow.data_key,
        AccountRow.allows_sms,
        AccountRow.asks_new_portals,
        AccountRow.language,
        AccountRow.held_until,
        AccountRow.closes_at,
        PasswordRow.hash,
        PhoneRow.id.label("phone_id"),
        PhoneRow.number_sealed,
        PhoneRow.is_default,
        PhoneRow.lost_at,
    )
    .join_from(AccountRow, PasswordRow, isouter=True)
    .outerjoin(PhoneRow, (PhoneRow.account_id == AccountRow.id) & PhoneRow.removed_at.is_(None))
)
