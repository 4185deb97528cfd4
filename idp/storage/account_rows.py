"""What stands in the rows of an account: its numbers, proof, facts and phone, sealed and opened."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert
from sqlalchemy.exc import IntegrityError

from idp.domain.accounts import AccountStatus, Attribute, Identity
from idp.domain.assurance import Evidence
from idp.domain.errors import Conflict
from idp.domain.ids import uuid7
from idp.domain.subjects import IdNumber, PhoneNumber
from idp.storage.models import AttributeRow, EvidenceRow, IdentifierRow, PhoneRow
from idp.storage.vault import Seal, Vault

SELF = "self"
"""The source of what the owner typed and nobody vouched for."""


def index_of(vault: Vault, number: IdNumber) -> bytes:
    """Where the account of a number is found."""
    return vault.index(number.kind, number.value)


Row = dict[str, Any]


def account_row(
    account_id: UUID, identity: Identity, evidence: Evidence, data_key: bytes, *, now: datetime
) -> Row:
    """The account itself, open from now on."""
    return {
        "id": account_id,
        "kind": identity.kind,
        "status": AccountStatus.ACTIVE,
        "ial": int(evidence.ial),
        "data_key": data_key,
        "created_at": now,
    }


def identifier_rows(
    account_id: UUID, identity: Identity, keys: tuple[Vault, Seal], *, now: datetime
) -> list[Row]:
    """Its numbers."""
    vault, seal = keys
    return [
        {
            "id": uuid7(now),
            "account_id": account_id,
            "kind": number.kind,
            "value_index": index_of(vault, number),
            "value_sealed": seal.seal_text(
                number.value, context=f"identifier {account_id} {number.kind}"
            ),
            "added_at": now,
        }
        for number in identity.id_numbers
    ]


def add_identifiers(
    connection: Connection,
    account_id: UUID,
    identity: Identity,
    keys: tuple[Vault, Seal],
    *,
    now: datetime,
) -> None:
    """Write its numbers. Raises ``Conflict('account.exists')``: the unique index decides."""
    rows = identifier_rows(account_id, identity, keys, now=now)
    try:
        connection.execute(insert(IdentifierRow), rows)
    except IntegrityError as error:
        raise Conflict("account.exists") from error


def evidence_row(account_id: UUID, identity: Identity, evidence: Evidence, seal: Seal) -> Row:
    """The proof that the facts rest on."""
    return {
        "id": uuid7(evidence.at),
        "account_id": account_id,
        "method": evidence.method,
        "ial": int(evidence.ial),
        "source": identity.source,
        "reference_sealed": seal.seal_text(identity.reference, context=f"evidence {account_id}"),
        "vouched_by": evidence.vouched_by,
        "at": evidence.at,
    }


def add_evidence(
    connection: Connection,
    account_id: UUID,
    identity: Identity,
    evidence: Evidence,
    seal: Seal,
) -> UUID:
    """Write the proof that the facts rest on; answers its id."""
    row = evidence_row(account_id, identity, evidence, seal)
    connection.execute(insert(EvidenceRow).values(row))
    evidence_id: UUID = row["id"]
    return evidence_id


def attribute_rows(
    account_id: UUID, identity: Identity, evidence: Evidence, proof: tuple[UUID, Seal]
) -> list[Row]:
    """The facts, each with its source: what the identity's, another's, or only the owner's is."""
    evidence_id, seal = proof
    vouched = {
        Attribute.FULL_NAME: identity.name.display,
        Attribute.BIRTH_DATE: identity.birth_date.iso if identity.birth_date else None,
        Attribute.SEX: identity.sex,
        Attribute.CONTACT_PHONE: identity.phone.e164 if identity.phone else None,
    }
    vouched = {name: text for name, text in vouched.items() if name not in identity.more}
    more_source = identity.more_source or identity.source
    declared = {Attribute.EMAIL: identity.email.value if identity.email else None}
    return [
        {
            "id": uuid7(identity.verified_at),
            "account_id": account_id,
            "name": name,
            "value_sealed": seal.seal_text(value, context=f"attribute {account_id} {name}"),
            "evidence_id": evidence_id if source != SELF else None,
            "source": source,
            "method": evidence.method,
            "at": identity.verified_at,
        }
        for facts, source in (
            (vouched, identity.source),
            (identity.more, more_source),
            (declared, SELF),
        )
        for name, value in facts.items()
        if value is not None
    ]


def add_attributes(
    connection: Connection,
    account_id: UUID,
    identity: Identity,
    evidence: Evidence,
    proof: tuple[UUID, Seal],
) -> None:
    """Write the facts."""
    rows = attribute_rows(account_id, identity, evidence, proof)
    connection.execute(insert(AttributeRow), rows)


def phone_row(
    account_id: UUID, number: PhoneNumber, keys: tuple[Vault, Seal], *, now: datetime
) -> Row:
    """Its first phone, which codes go to."""
    vault, seal = keys
    phone_id = uuid7(now)
    return {
        "id": phone_id,
        "account_id": account_id,
        "number_index": vault.index("phone", number.e164),
        "number_sealed": seal.seal_text(number.e164, context=f"phone {phone_id}"),
        "is_default": True,
        "verified_at": now,
    }


def add_phone(
    connection: Connection,
    account_id: UUID,
    number: PhoneNumber,
    keys: tuple[Vault, Seal],
    *,
    now: datetime,
) -> None:
    """Write it."""
    connection.execute(insert(PhoneRow).values(phone_row(account_id, number, keys, now=now)))


def open_attribute(seal: Seal, account_id: UUID | str, name: str, sealed: bytes) -> str:
    """The plain value of an attribute row; the id as text is good for many rows."""
    return seal.open_text(bytes(sealed), context=f"attribute {account_id} {name}")


def open_identifier(seal: Seal, account_id: UUID | str, kind: str, sealed: bytes) -> str:
    """The plain value of an identifier row."""
    return seal.open_text(bytes(sealed), context=f"identifier {account_id} {kind}")
