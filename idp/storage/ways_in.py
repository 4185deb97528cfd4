"""What opens an account, as one question: whoever takes a way in away asks it before the commit."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, exists, select, update

from idp.domain.errors import Conflict
from idp.storage.models import AccountRow, CredentialRow, PasswordRow, PhoneRow
from idp.storage.vault import Seal, Vault

Seconds = Collection[str] | None
"""The methods whose credentials open nothing without the password."""

NOT_KNOWN: Final = None
"""For a process that has no methods (worker, command line): it takes no way in away."""


def lock(connection: Connection, vault: Vault, account_id: UUID) -> Seal:
    """Let changes to one account happen one after another; answers what its data is sealed with.

    The account's row is the lock, so two removals at once cannot both be the last but one.
    Raises ``Conflict('account.gone')``.
    """
    data_key = connection.scalar(
        update(AccountRow)
        .where(AccountRow.id == account_id)
        .values(id=account_id)
        .returning(AccountRow.data_key)
    )
    if not data_key:
        raise Conflict("account.gone")
    return vault.data_key(bytes(data_key), account_id)


def can_sign_in(
    connection: Connection, account_id: UUID, seconds: Seconds, *, now: datetime
) -> bool:
    """Whether anything is left that opens the account; an expired certificate does not.

    Who does not know which credentials need the password is told no.
    """
    if seconds is NOT_KNOWN:
        return False
    has_credential = exists().where(
        CredentialRow.account_id == account_id,
        CredentialRow.removed_at.is_(None),
        CredentialRow.method.not_in(seconds),
        CredentialRow.expires_at.is_(None) | (CredentialRow.expires_at > now),
    )
    has_password = exists().where(PasswordRow.account_id == account_id)
    has_phone = (
        exists()
        .where(PhoneRow.account_id == account_id, PhoneRow.removed_at.is_(None))
        .where(AccountRow.id == PhoneRow.account_id, AccountRow.allows_sms)
    )
    has_second = exists().where(
        CredentialRow.account_id == account_id,
        CredentialRow.removed_at.is_(None),
        CredentialRow.method.in_(seconds),
    )
    return bool(
        connection.scalar(select(has_credential))
        or connection.scalar(select(has_password & (has_phone | has_second)))
    )
