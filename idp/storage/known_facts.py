"""What a portal may be told about somebody without their being there: for security events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import literal, select

from idp.storage.account_rows import open_attribute, open_identifier
from idp.storage.database import Database
from idp.storage.grants import Fact, Subject
from idp.storage.models import AccountRow, AttributeRow, ConsentRow, IdentifierRow
from idp.storage.vault import Vault

NOBODY: Final = ""


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody, and the claims that they let the portal have."""

    subject: Subject
    consented: frozenset[str]


class KnownFacts:
    """Reads facts by account and portal."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    def of(self, account_id: UUID, client_id: str) -> Known | None:
        """The facts on file now; None when the consent or the account is gone."""
        consents = select(ConsentRow.claims).where(
            ConsentRow.account_id == account_id,
            ConsentRow.client_id == client_id,
            ConsentRow.revoked_at.is_(None),
        )
        account = select(AccountRow.kind, AccountRow.language, AccountRow.data_key).where(
            AccountRow.id == account_id
        )
        attributes = select(
            AttributeRow.name, AttributeRow.value_sealed, AttributeRow.source, AttributeRow.at
        ).where(AttributeRow.account_id == account_id, AttributeRow.replaced_at.is_(None))
        identifiers = select(
            IdentifierRow.kind.label("name"),
            IdentifierRow.value_sealed,
            literal(NOBODY).label("source"),
            IdentifierRow.added_at.label("at"),
        ).where(IdentifierRow.account_id == account_id, IdentifierRow.retired_at.is_(None))
        with self._database.transaction() as connection:
            claims = connection.scalar(consents)
            found = connection.execute(account).first()
            if claims is None or found is None or not found.data_key:
                return None
            forms = {
                "attribute": connection.execute(attributes).all(),
                "identifier": connection.execute(identifiers).all(),
            }
        seal = self._vault.data_key(found.data_key, account_id)
        openers = {"attribute": open_attribute, "identifier": open_identifier}
        facts = tuple(
            Fact(
                form,
                row.name,
                openers[form](seal, account_id, row.name, row.value_sealed),
                row.source,
                row.at,
            )
            for form, rows in forms.items()
            for row in rows
        )
        subject = Subject(client_id, "", account_id, found.kind, found.language, facts, ())
        return Known(subject, frozenset(claims.split()))

    def former(self, account_id: UUID, name: str, *, at: datetime) -> str | None:
        """What a fact was until that moment."""
        query = select(AttributeRow.value_sealed, AccountRow.data_key).where(
            AccountRow.id == account_id,
            AttributeRow.account_id == AccountRow.id,
            AttributeRow.name == name,
            AttributeRow.replaced_at == at,
        )
        with self._database.transaction() as connection:
            row = connection.execute(query.order_by(AttributeRow.id.desc())).first()
        if row is None or not row.data_key:
            return None
        seal = self._vault.data_key(row.data_key, account_id)
        return open_attribute(seal, account_id, name, row.value_sealed)
