"""The contact phone of an account follows a lost number, and comes back with it (R50, S23).

It is a fact that portals are told (``phone_number``), so whoever lost the number must not go on
being called there. Both happen in the transaction that replaces the number, or undoes that.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, select, update

from idp.domain.accounts import Attribute
from idp.domain.ids import uuid7
from idp.domain.subjects import PhoneNumber
from idp.storage.account_rows import open_attribute
from idp.storage.models import AttributeRow
from idp.storage.vault import Seal

FOLLOWED = "lost_phone"
"""The method of a contact phone that nobody typed: it came with the new number."""


def follow(  # noqa: PLR0913  keywords: what follows what
    connection: Connection,
    account_id: UUID,
    seal: Seal,
    *,
    old: PhoneNumber,
    new: PhoneNumber,
    source: str,
    now: datetime,
) -> bool:
    """Let the contact phone be ``new`` if it was ``old``; answers whether it was.

    ``source`` is who said whose number it is. The account is locked.
    """
    name = Attribute.CONTACT_PHONE
    row = connection.execute(select(AttributeRow).where(*_current(account_id))).first()
    if row is None or open_attribute(seal, account_id, name, row.value_sealed) != old.e164:
        return False
    _retire(connection, row.id, now=now)
    kept = {
        "id": uuid7(now),
        "account_id": account_id,
        "name": name,
        "value_sealed": seal.seal_text(new.e164, context=f"attribute {account_id} {name}"),
        "source": source,
        "method": FOLLOWED,
        "at": now,
    }
    connection.execute(insert(AttributeRow).values(kept))
    return True


def come_back(connection: Connection, account_id: UUID, *, since: datetime, now: datetime) -> bool:
    """Undo that: what stood before all replacements since then stands again, as it was vouched for.

    What the owner typed meanwhile stays. The account is locked.
    """
    current = connection.execute(
        select(AttributeRow.id).where(
            *_current(account_id), AttributeRow.method == FOLLOWED, AttributeRow.at > since
        )
    ).first()
    if current is None:
        return False
    former = connection.scalar(
        select(AttributeRow.id)
        .where(AttributeRow.account_id == account_id)
        .where(AttributeRow.name == Attribute.CONTACT_PHONE)
        .where(AttributeRow.replaced_at > since)
        .where((AttributeRow.method != FOLLOWED) | (AttributeRow.at <= since))
        .order_by(AttributeRow.id.desc())
        .limit(1)
    )
    _retire(connection, current.id, now=now)
    connection.execute(
        update(AttributeRow).where(AttributeRow.id == former).values(replaced_at=None)
    )
    return True


def _current(account_id: UUID) -> tuple[Any, ...]:
    return (
        AttributeRow.account_id == account_id,
        AttributeRow.name == Attribute.CONTACT_PHONE,
        AttributeRow.replaced_at.is_(None),
    )


def _retire(connection: Connection, row_id: UUID, *, now: datetime) -> None:
    connection.execute(
        update(AttributeRow).where(AttributeRow.id == row_id).values(replaced_at=now)
    )
