"""Certificates and keys that open an account: bound once, found by a blind index of their key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, insert, select
from sqlalchemy.exc import IntegrityError

from idp.domain.accounts import Credential, Key
from idp.domain.errors import Conflict
from idp.domain.ids import uuid7
from idp.domain.subjects import IdNumber
from idp.storage.database import Database
from idp.storage.models import AccountRow, CredentialRow, IdentifierRow
from idp.storage.vault import Seal, Vault


@dataclass(frozen=True, slots=True)
class Bound:
    """A credential as its owner sees it."""

    id: UUID
    method: str
    expires_at: datetime | None
    added_at: datetime
    details: Mapping[str, str]


class CredentialStore:
    """The credentials of all accounts."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    def owner(self, credential: Credential) -> UUID | None:
        """The account that this very credential opens."""
        query = select(CredentialRow.account_id).where(
            CredentialRow.key_index == self._index(credential), CredentialRow.removed_at.is_(None)
        )
        with self._database.transaction() as connection:
            return connection.scalar(query)

    def owner_of_predecessor(self, credential: Credential) -> UUID | None:
        """The account that an earlier credential opens: same method, same issuer, same person.

        A renewed certificate is another one for the same subject by the same authority (S15).
        """
        with self._database.transaction() as connection:
            for number in credential.numbers:
                query = (
                    select(CredentialRow.account_id)
                    .join(IdentifierRow, IdentifierRow.account_id == CredentialRow.account_id)
                    .where(
                        CredentialRow.method == credential.method,
                        CredentialRow.issuer == credential.issuer,
                        CredentialRow.removed_at.is_(None),
                        IdentifierRow.retired_at.is_(None),
                        *self._is(number),
                    )
                    .limit(1)
                )
                found: UUID | None = connection.scalar(query)
                if found is not None:
                    return found
        return None

    def add(  # noqa: PLR0913  keywords: what a credential is bound to
        self,
        connection: Connection,
        account_id: UUID,
        credential: Credential,
        *,
        evidence_id: UUID,
        seal: Seal | None = None,
        now: datetime,
    ) -> UUID:
        """Bind it. Raises ``Conflict('credential.taken')`` when it opens an account already."""
        credential_id = uuid7(now)
        seal = seal or self._seal(connection, account_id)
        row = {
            "id": credential_id,
            "account_id": account_id,
            "evidence_id": evidence_id,
            "method": credential.method,
            "key_index": self._index(credential),
            "issuer": credential.issuer,
            "details_sealed": seal.seal_text(
                json.dumps(dict(credential.details)), context=f"credential {credential_id}"
            ),
            "kept_sealed": seal.seal_text(
                json.dumps({"key": credential.key, **credential.kept}),
                context=f"kept {credential_id}",
            )
            if credential.kept
            else None,
            "expires_at": credential.expires_at,
            "added_at": now,
            "checked_at": now if credential.issuer else None,
        }
        try:
            connection.execute(insert(CredentialRow).values(row))
        except IntegrityError as error:
            raise Conflict("credential.taken") from error
        return credential_id

    def renew(
        self, connection: Connection, account_id: UUID, credential: Credential, *, now: datetime
    ) -> None:
        """Bind the successor of a credential under the evidence of its predecessor."""
        evidence_id = self.evidence_of(connection, account_id, credential)
        self.add(connection, account_id, credential, evidence_id=evidence_id, now=now)

    @staticmethod
    def evidence_of(connection: Connection, account_id: UUID, credential: Credential) -> UUID:
        """The proof that a credential or its predecessor stands on. Raises ``Conflict``."""
        evidence_id: UUID | None = connection.scalar(
            select(CredentialRow.evidence_id)
            .where(
                CredentialRow.account_id == account_id,
                CredentialRow.method == credential.method,
                CredentialRow.issuer == credential.issuer,
                CredentialRow.removed_at.is_(None),
            )
            .limit(1)
        )
        if evidence_id is None:
            raise Conflict("credential.gone")
        return evidence_id

    def pretend(self, account_id: UUID) -> None:
        """Look for those of an account that there is not, at the same cost (security rule 6)."""
        with self._database.transaction() as connection:
            connection.scalar(select(AccountRow.data_key).where(AccountRow.id == account_id))
            connection.execute(
                select(CredentialRow.id).where(CredentialRow.account_id == account_id)
            ).all()

    def of_account(self, account_id: UUID) -> tuple[Bound, ...]:
        """Those that open this account, oldest first."""
        query = (
            select(CredentialRow)
            .where(CredentialRow.account_id == account_id, CredentialRow.removed_at.is_(None))
            .order_by(CredentialRow.id)
        )
        with self._database.transaction() as connection:
            seal = self._seal(connection, account_id)
            rows = connection.execute(query).all()
        return tuple(
            Bound(
                row.id,
                row.method,
                row.expires_at,
                row.added_at,
                json.loads(
                    seal.open_text(bytes(row.details_sealed), context=f"credential {row.id}")
                ),
            )
            for row in rows
        )

    def owner_of_key(self, method: str, key: str) -> UUID | None:
        """The account that has the credential of this method and name."""
        query = select(CredentialRow.account_id).where(
            CredentialRow.key_index == self.index(f"{method} {key}"),
            CredentialRow.removed_at.is_(None),
        )
        with self._database.transaction() as connection:
            return connection.scalar(query)

    def keys(self, account_id: UUID, method: str) -> tuple[Key, ...]:
        """What the method kept with the account's credentials."""
        query = (
            select(CredentialRow.id, CredentialRow.kept_sealed, AccountRow.data_key)
            .join(AccountRow, AccountRow.id == CredentialRow.account_id)
            .where(
                CredentialRow.account_id == account_id,
                CredentialRow.method == method,
                CredentialRow.removed_at.is_(None),
                CredentialRow.kept_sealed.is_not(None),
            )
        )
        with self._database.transaction() as connection:
            rows = connection.execute(query).all()
        if not rows:
            return ()
        seal = self._vault.data_key(bytes(rows[0].data_key), account_id)
        found = [
            json.loads(seal.open_text(bytes(row.kept_sealed), context=f"kept {row.id}"))
            for row in rows
        ]
        return tuple(Key(kept.pop("key"), kept) for kept in found)

    def _seal(self, connection: Connection, account_id: UUID) -> Seal:
        data_key = connection.scalar(select(AccountRow.data_key).where(AccountRow.id == account_id))
        if data_key is None:
            raise Conflict("account.gone")
        return self._vault.data_key(bytes(data_key), account_id)

    def _index(self, credential: Credential) -> bytes:
        return self.index(f"{credential.method} {credential.key}")

    def index(self, name: str) -> bytes:
        """The blind index of a credential's method and key."""
        return self._vault.index("credential", name)

    def _is(self, number: IdNumber) -> tuple[ColumnElement[bool], ...]:
        return (
            IdentifierRow.kind == number.kind,
            IdentifierRow.value_index == self._vault.index(number.kind, number.value),
        )
