"""The level proven for an account: the highest of its proofs that still stand (S6).

Whoever adds or ends a proof counts anew in the same transaction, so the level can neither be
copied nor be left behind.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, exists, func, insert, select, update

from idp.domain.accounts import AccountStatus, Credential
from idp.domain.assurance import IAL, Evidence
from idp.domain.errors import Conflict, LastMethodError
from idp.domain.ids import uuid7
from idp.domain.signals import level_change
from idp.storage import signals
from idp.storage.credentials import CredentialStore
from idp.storage.database import Database
from idp.storage.models import (
    AccountRow,
    CredentialRow,
    EvidenceRow,
    IdentifierRow,
)
from idp.storage.vault import Vault
from idp.storage.ways_in import Seconds, can_sign_in, lock


class LevelStore:
    """Binds and unbinds what can prove a level."""

    def __init__(self, database: Database, vault: Vault, seconds: Seconds) -> None:
        self._database, self._vault, self._seconds = database, vault, seconds
        self._credentials = CredentialStore(database, vault)

    def is_own(self, account_id: UUID, credential: Credential) -> bool:
        """Whether the credential was made for a number of this very account."""
        with self._database.transaction() as connection:
            return any(
                connection.scalar(
                    select(
                        exists().where(
                            IdentifierRow.account_id == account_id,
                            IdentifierRow.kind == number.kind,
                            IdentifierRow.value_index
                            == self._vault.index(number.kind, number.value),
                            IdentifierRow.retired_at.is_(None),
                        )
                    )
                )
                for number in credential.numbers
            )

    def bind(
        self,
        connection: Connection,
        account_id: UUID,
        credential: Credential,
        evidence: Evidence,
        *,
        now: datetime,
    ) -> None:
        """Add a credential as a proof.

        Raises ``Conflict``: ``credential.taken`` (it opens an account), ``credential.limit`` (five
        are there), ``account.held`` (frozen, or a phone was replaced a short while ago, S23).
        """
        evidence_id = uuid7(now)
        seal = lock(connection, self._vault, account_id)
        self._check_may_grow(connection, account_id, now=now)
        row = {
            "id": evidence_id,
            "account_id": account_id,
            "method": evidence.method,
            "ial": int(evidence.ial),
            "source": f"certificate:{credential.details['ca']}"
            if "ca" in credential.details
            else credential.method,
            "reference_sealed": seal.seal_text(credential.key, context=f"evidence {account_id}"),
            "vouched_by": evidence.vouched_by,
            "at": evidence.at,
        }
        connection.execute(insert(EvidenceRow).values(row))
        self._credentials.add(
            connection, account_id, credential, evidence_id=evidence_id, seal=seal, now=now
        )
        self._count(connection, account_id, now=now)

    @staticmethod
    def _check_may_grow(connection: Connection, account_id: UUID, *, now: datetime) -> None:
        account = connection.execute(
            select(AccountRow.status, AccountRow.held_until).where(AccountRow.id == account_id)
        ).one()
        is_held = account.held_until is not None and account.held_until > now
        if account.status != AccountStatus.ACTIVE or is_held:
            raise Conflict("account.held")
        standing = select(func.count()).where(
            CredentialRow.account_id == account_id, CredentialRow.removed_at.is_(None)
        )
        if (connection.scalar(standing) or 0) >= MOST:
            raise Conflict("credential.limit")

    def unbind(
        self, connection: Connection, account_id: UUID, credential_id: UUID, *, now: datetime
    ) -> str:
        """Remove a credential; answers its method. Raises ``LastMethodError`` or ``Conflict``."""
        lock(connection, self._vault, account_id)
        found = connection.execute(
            update(CredentialRow)
            .where(
                CredentialRow.id == credential_id,
                CredentialRow.account_id == account_id,
                CredentialRow.removed_at.is_(None),
            )
            .values(removed_at=now)
            .returning(CredentialRow.evidence_id, CredentialRow.method)
        ).first()
        if found is None:
            raise Conflict("credential.gone")
        if not can_sign_in(connection, account_id, self._seconds, now=now):
            raise LastMethodError("method.last")
        self._end_evidence(connection, found.evidence_id, now=now)
        self._count(connection, account_id, now=now)
        return str(found.method)

    def revoke(self, connection: Connection, name: str, *, now: datetime) -> UUID | None:
        """Remove a credential that its issuer revoked; answers whose it was.

        The last way in goes as well: it leads nowhere any more.
        """
        found = connection.execute(
            update(CredentialRow)
            .where(
                CredentialRow.key_index == self._credentials.index(name),
                CredentialRow.removed_at.is_(None),
            )
            .values(removed_at=now)
            .returning(CredentialRow.evidence_id, CredentialRow.account_id)
        ).first()
        if found is None:
            return None
        self._end_evidence(connection, found.evidence_id, now=now)
        self._count(connection, found.account_id, now=now)
        return UUID(str(found.account_id))

    def lapse(self, *, now: datetime) -> int:
        """End the proofs of credentials whose time is over; answers how many accounts changed.

        The credential stays bound, so that its renewal is recognised (S15).
        """
        query = (
            select(CredentialRow.evidence_id, CredentialRow.account_id)
            .join(EvidenceRow, EvidenceRow.id == CredentialRow.evidence_id)
            .where(
                CredentialRow.expires_at < now,
                CredentialRow.removed_at.is_(None),
                EvidenceRow.ended_at.is_(None),
            )
            .limit(_BATCH)
        )
        with self._database.transaction() as connection:
            rows = connection.execute(query).all()
            for evidence_id, account_id in rows:
                self._end_evidence(connection, evidence_id, now=now)
                self._count(connection, account_id, now=now)
        return len({row.account_id for row in rows})

    @staticmethod
    def _end_evidence(connection: Connection, evidence_id: UUID, *, now: datetime) -> None:
        """The proof ends with the last live credential that stands on it."""
        stands = exists().where(
            CredentialRow.evidence_id == evidence_id,
            CredentialRow.removed_at.is_(None),
            CredentialRow.expires_at >= now,
        )
        connection.execute(
            update(EvidenceRow)
            .where(EvidenceRow.id == evidence_id, EvidenceRow.ended_at.is_(None), ~stands)
            .values(ended_at=now)
        )

    @staticmethod
    def _count(connection: Connection, account_id: UUID, *, now: datetime) -> None:
        """The level is the highest standing proof; an account always was somebody's once."""
        highest = connection.scalar(
            select(func.max(EvidenceRow.ial)).where(
                EvidenceRow.account_id == account_id, EvidenceRow.ended_at.is_(None)
            )
        )
        before = connection.scalar(select(AccountRow.ial).where(AccountRow.id == account_id))
        after = IAL(int(highest or IAL.MEDIUM))
        if before is None or after == before:
            return
        connection.execute(
            update(AccountRow).where(AccountRow.id == account_id).values(ial=int(after))
        )
        signals.add(connection, account_id, [level_change(IAL(before), after)], now=now)


_BATCH = 500
MOST = 5
"""Certificates and keys of one account (security.md)."""
