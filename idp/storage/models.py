"""The tables. Rows never leave ``idp.storage``.

Ids are UUID version 7, so that every index only appends. Times are Unix milliseconds. A column
called ``*_sealed`` is encrypted with the account's key or the vault's; a column called ``*_index``
is a keyed blind index. The sign-in path only inserts: no column of ``accounts`` changes there.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    BigInteger,
    Dialect,
    ForeignKey,
    Index,
    LargeBinary,
    Text,
    TypeDecorator,
    text,
    true,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Plain declarative base: the dataclass mix-in does not work through Flask-SQLAlchemy."""


db = SQLAlchemy(model_class=Base)


class Moment(TypeDecorator[datetime]):
    """An aware UTC time as Unix milliseconds: the same on every database, and in plain SQL."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """To the database."""
        del dialect
        return None if value is None else milliseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ANN401
        """From the database."""
        del dialect
        return None if value is None else moment(value)


def milliseconds(value: datetime) -> int:
    """Unix milliseconds of an aware time."""
    return int(value.timestamp() * 1000)


def moment(value: int) -> datetime:
    """The inverse."""
    return datetime.fromtimestamp(value / 1000, UTC)


Required = Mapped[datetime]


def _moment(*, nullable: bool = False, index: bool = False) -> Any:  # noqa: ANN401
    return mapped_column(Moment, nullable=nullable, index=index)


class AccountRow(db.Model):  # type: ignore[name-defined,misc]
    """One subject's record."""

    __tablename__ = "accounts"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    ial: Mapped[int]
    data_key: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Required = _moment()
    language: Mapped[str] = mapped_column(Text, server_default="vi")
    allows_sms: Mapped[bool] = mapped_column(server_default=true())
    asks_new_portals: Mapped[bool] = mapped_column(server_default=true())
    frozen_at: Mapped[datetime | None] = _moment(nullable=True)
    stopped_at: Mapped[datetime | None] = _moment(nullable=True)
    held_until: Mapped[datetime | None] = _moment(nullable=True)
    closes_at: Mapped[datetime | None] = _moment(nullable=True, index=True)


class IdentifierRow(db.Model):  # type: ignore[name-defined,misc]
    """An alias of a subject: CMND, CCCD, MST; unique on (kind, value), history kept."""

    __tablename__ = "identifiers"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    kind: Mapped[str] = mapped_column(Text)
    value_index: Mapped[bytes] = mapped_column(LargeBinary)
    value_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    added_at: Required = _moment()
    retired_at: Mapped[datetime | None] = _moment(nullable=True)
    __table_args__ = (
        Index(
            "uq_identifiers_kind_value",
            "kind",
            "value_index",
            unique=True,
            sqlite_where=text("retired_at IS NULL"),
            postgresql_where=text("retired_at IS NULL"),
        ),
    )


class EvidenceRow(db.Model):  # type: ignore[name-defined,misc]
    """One proof of identity: method, source, when, and who vouched."""

    __tablename__ = "evidence"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    method: Mapped[str] = mapped_column(Text)
    ial: Mapped[int]
    source: Mapped[str] = mapped_column(Text)
    reference_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    vouched_by: Mapped[str | None] = mapped_column(Text)
    at: Required = _moment()
    ended_at: Mapped[datetime | None] = _moment(nullable=True)


class AttributeRow(db.Model):  # type: ignore[name-defined,misc]
    """One fact about a subject with where it comes from; a new value retires the old row."""

    __tablename__ = "attributes"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    name: Mapped[str] = mapped_column(Text)
    value_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    evidence_id: Mapped[UUID | None] = mapped_column(ForeignKey("evidence.id"))
    source: Mapped[str] = mapped_column(Text)
    method: Mapped[str] = mapped_column(Text)
    at: Required = _moment()
    replaced_at: Mapped[datetime | None] = _moment(nullable=True)


class PasswordRow(db.Model):  # type: ignore[name-defined,misc]
    """The password of an account that has one."""

    __tablename__ = "passwords"
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    hash: Mapped[str] = mapped_column(Text)
    at: Required = _moment()


class PhoneRow(db.Model):  # type: ignore[name-defined,misc]
    """A number that receives codes; not unique over accounts (R46), one default each (R68)."""

    __tablename__ = "phones"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    number_index: Mapped[bytes] = mapped_column(LargeBinary)
    number_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    is_default: Mapped[bool]
    verified_at: Required = _moment()
    removed_at: Mapped[datetime | None] = _moment(nullable=True)
    replaced_by: Mapped[UUID | None]
    lost_at: Mapped[datetime | None] = _moment(nullable=True)
    __table_args__ = (
        Index(
            "uq_phones_default",
            "account_id",
            unique=True,
            sqlite_where=text("is_default AND removed_at IS NULL"),
            postgresql_where=text("is_default AND removed_at IS NULL"),
        ),
    )


class CredentialRow(db.Model):  # type: ignore[name-defined,misc]
    """A certificate or key that opens an account; the same one opens only one."""

    __tablename__ = "credentials"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    evidence_id: Mapped[UUID] = mapped_column(ForeignKey("evidence.id"))
    method: Mapped[str] = mapped_column(Text)
    key_index: Mapped[bytes] = mapped_column(LargeBinary)
    issuer: Mapped[str] = mapped_column(Text)
    details_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    kept_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime | None] = _moment(nullable=True)
    added_at: Required = _moment()
    removed_at: Mapped[datetime | None] = _moment(nullable=True)
    checked_at: Mapped[datetime | None] = _moment(nullable=True)
    __table_args__ = (
        Index(
            "uq_credentials_key",
            "key_index",
            unique=True,
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
        Index(
            "ix_credentials_checked",
            "checked_at",
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
    )


class ActivationRow(db.Model):  # type: ignore[name-defined,misc]
    """What a clerk vouched for, until the person activates it or a week is over."""

    __tablename__ = "activations"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    key_index: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    number_index: Mapped[bytes | None] = mapped_column(LargeBinary, index=True)
    record_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Required = _moment()
    expires_at: Required = _moment(index=True)


class ComplaintRow(db.Model):  # type: ignore[name-defined,misc]
    """Somebody says that an account with their number is not theirs (R14, S4)."""

    __tablename__ = "complaints"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_index: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    phone_index: Mapped[bytes | None] = mapped_column(LargeBinary, index=True)
    status: Mapped[str] = mapped_column(Text, index=True)
    content_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Required = _moment()
    updated_at: Required = _moment()


class RecoveryRow(db.Model):  # type: ignore[name-defined,misc]
    """A one-time code that an operator gave to somebody whose card they have seen (S3)."""

    __tablename__ = "recoveries"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    key_index: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    vouched_by: Mapped[str] = mapped_column(Text)
    created_at: Required = _moment()
    expires_at: Required = _moment(index=True)
    used_at: Mapped[datetime | None] = _moment(nullable=True)


class OperatorRow(db.Model):  # type: ignore[name-defined,misc]
    """A role of a person in an office. Rows stay: one that ended says when and by whom."""

    __tablename__ = "operators"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"))
    role: Mapped[str] = mapped_column(Text)
    unit: Mapped[str] = mapped_column(Text)
    added_by: Mapped[str] = mapped_column(Text)
    added_at: Required = _moment()
    removed_by: Mapped[str | None] = mapped_column(Text)
    removed_at: Mapped[datetime | None] = _moment(nullable=True)
    __table_args__ = (
        Index(
            "uq_operators_account_role",
            "account_id",
            "role",
            unique=True,
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
    )


class OperatorSessionRow(db.Model):  # type: ignore[name-defined,misc]
    """The console of one session: opened with a fresh proof, with shorter limits of its own."""

    __tablename__ = "operator_sessions"
    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    opened_at: Required = _moment()
    last_seen_at: Required = _moment()
    expires_at: Required = _moment(index=True)


class RepresentativeRow(db.Model):  # type: ignore[name-defined,misc]
    """Somebody whom an enterprise lets act for it, known by their number."""

    __tablename__ = "representatives"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"))
    number_kind: Mapped[str] = mapped_column(Text)
    number_index: Mapped[bytes] = mapped_column(LargeBinary)
    about_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    added_at: Required = _moment()
    revoked_at: Mapped[datetime | None] = _moment(nullable=True)
    __table_args__ = (
        Index(
            "uq_representatives_number",
            "account_id",
            "number_kind",
            "number_index",
            unique=True,
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
    )


class AgencyRow(db.Model):  # type: ignore[name-defined,misc]
    """An entry of the agency directory; public, so nothing is sealed."""

    __tablename__ = "agencies"
    code: Mapped[str] = mapped_column(Text, primary_key=True)
    original: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    name_key: Mapped[str] = mapped_column(Text, index=True)
    parent: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    budget_code: Mapped[str] = mapped_column(Text, index=True)
    updated_at: Required = _moment()


class AgencyBindingRow(db.Model):  # type: ignore[name-defined,misc]
    """A subject of certificates that the directory could not name, and what an operator said."""

    __tablename__ = "agency_bindings"
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    subject_json: Mapped[str] = mapped_column(Text)
    asked_at: Required = _moment()
    code: Mapped[str | None] = mapped_column(ForeignKey("agencies.code"))
    bound_by: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
    bound_at: Mapped[datetime | None] = _moment(nullable=True)


class SessionRow(db.Model):  # type: ignore[name-defined,misc]
    """A signed-in browser. ``actor_id`` is who acts, ``account_id`` for whom.

    ``continued_by`` is the session that the same person's next sign-in opened in its place.
    """

    __tablename__ = "sessions"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    actor_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"))
    evidence: Mapped[str] = mapped_column(Text)
    created_at: Required = _moment()
    last_seen_at: Required = _moment()
    expires_at: Required = _moment(index=True)
    ended_at: Mapped[datetime | None] = _moment(nullable=True)
    end_reason: Mapped[str | None] = mapped_column(Text)
    device_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    continued_by: Mapped[UUID | None] = mapped_column()
    __table_args__ = tuple(
        Index(
            f"ix_sessions_open_{column}",
            column,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        )
        for column in ("expires_at", "last_seen_at")
    )


class TransactionRow(db.Model):  # type: ignore[name-defined,misc]
    """A sign-in or registration in progress, bound to one browser."""

    __tablename__ = "transactions"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    browser_hash: Mapped[bytes] = mapped_column(LargeBinary)
    kind: Mapped[str] = mapped_column(Text)
    version: Mapped[int]
    state_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Required = _moment()
    expires_at: Required = _moment(index=True)
    ended_at: Mapped[datetime | None] = _moment(nullable=True)


class SingleUseRow(db.Model):  # type: ignore[name-defined,misc]
    """Whatever may be used once: spent by a unique insert."""

    __tablename__ = "single_use"
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    expires_at: Required = _moment(index=True)


class OtpRow(db.Model):  # type: ignore[name-defined,misc]
    """A code sent by SMS, as keyed digest, bound to purpose, transaction and phone."""

    __tablename__ = "otps"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(Text)
    transaction_id: Mapped[UUID] = mapped_column(index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    tries: Mapped[int]
    created_at: Required = _moment()
    expires_at: Required = _moment(index=True)
    used_at: Mapped[datetime | None] = _moment(nullable=True)
    voided_at: Mapped[datetime | None] = _moment(nullable=True)


class ThrottleRow(db.Model):  # type: ignore[name-defined,misc]
    """A counter in a window of time; UNLOGGED on PostgreSQL."""

    __tablename__ = "throttle"
    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    count: Mapped[int]
    expires_at: Required = _moment(index=True)


class ClientRow(db.Model):  # type: ignore[name-defined,misc]
    """A relying party; ``metadata_json`` has RFC 7591 names."""

    __tablename__ = "clients"
    client_id: Mapped[str] = mapped_column(Text, primary_key=True)
    metadata_json: Mapped[str] = mapped_column(Text)
    secret_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    source: Mapped[str] = mapped_column(Text)
    updated_at: Required = _moment()
    expires_at: Mapped[datetime | None] = _moment(nullable=True)
    disabled_at: Mapped[datetime | None] = _moment(nullable=True)


class PushedRow(db.Model):  # type: ignore[name-defined,misc]
    """A pushed authorization request (RFC 9126), used up when a code was issued for it."""

    __tablename__ = "pushed_requests"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    client_id: Mapped[str] = mapped_column(Text)
    request_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Required = _moment(index=True)
    used_at: Mapped[datetime | None] = _moment(nullable=True)


class GrantRow(db.Model):  # type: ignore[name-defined,misc]
    """What one redeemed code gave: its id is the code's, so a second use cannot be inserted.

    Refresh tokens are a counter here: one row per family, however often it is rotated.
    """

    __tablename__ = "grants"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(Text)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    actor_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"))
    session_id: Mapped[UUID] = mapped_column(index=True)
    request_json: Mapped[str] = mapped_column(Text)
    is_offline: Mapped[bool]
    counter: Mapped[int]
    created_at: Required = _moment()
    rotated_at: Required = _moment()
    expires_at: Required = _moment(index=True)
    revoked_at: Mapped[datetime | None] = _moment(nullable=True)
    revoke_reason: Mapped[str | None] = mapped_column(Text)


class DecoupledRow(db.Model):  # type: ignore[name-defined,misc]
    """A request that is answered on another device (RFC 8628; CIBA).

    ``early`` says that the last poll came too soon; ``run_at`` is when a worker looks at the prompt
    on a phone again. The id of the grant that it gives is its own.
    """

    __tablename__ = "decoupled_requests"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    user_code_index: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    client_id: Mapped[str] = mapped_column(Text)
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    session_id: Mapped[UUID | None]
    status: Mapped[str] = mapped_column(Text)
    asked_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    remote_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    proved_json: Mapped[str | None] = mapped_column(Text)
    interval_ms: Mapped[int]
    early: Mapped[bool]
    polled_at: Mapped[datetime | None] = _moment(nullable=True)
    run_at: Mapped[datetime | None] = _moment(nullable=True, index=True)
    created_at: Required = _moment()
    decided_at: Mapped[datetime | None] = _moment(nullable=True)
    expires_at: Required = _moment(index=True)


class KnownSubjectRow(db.Model):  # type: ignore[name-defined,misc]
    """Whose ``sub`` a CIBA client has been told: it may name that person again."""

    __tablename__ = "known_subjects"
    client_id: Mapped[str] = mapped_column(Text, primary_key=True)
    sub: Mapped[str] = mapped_column(Text, primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), index=True)


class ConsentRow(db.Model):  # type: ignore[name-defined,misc]
    """What a person allowed a portal to see, with the version of the text they read."""

    __tablename__ = "consents"
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    client_id: Mapped[str] = mapped_column(Text, primary_key=True)
    claims: Mapped[str] = mapped_column(Text)
    text_version: Mapped[str] = mapped_column(Text)
    granted_at: Required = _moment()
    revoked_at: Mapped[datetime | None] = _moment(nullable=True)


class AuditRow(db.Model):  # type: ignore[name-defined,misc]
    """Something that happened. Never changed; ``mac`` is keyed, so a row cannot be forged."""

    __tablename__ = "audit"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Required = _moment()
    event: Mapped[str] = mapped_column(Text)
    account_id: Mapped[UUID | None] = mapped_column(index=True)
    actor_id: Mapped[UUID | None]
    client_id: Mapped[str | None] = mapped_column(Text)
    session_id: Mapped[UUID | None]
    details_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    mac: Mapped[bytes] = mapped_column(LargeBinary)


class AuditSealRow(db.Model):  # type: ignore[name-defined,misc]
    """The chain over the audit: each link holds the hash of the one before."""

    __tablename__ = "audit_seals"
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    audit_id: Mapped[UUID] = mapped_column(unique=True)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class OutboxRow(db.Model):  # type: ignore[name-defined,misc]
    """Work for the outside, written with the change that causes it."""

    __tablename__ = "outbox"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    payload_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    run_at: Required = _moment()
    attempts: Mapped[int]
    locked_until: Mapped[datetime | None] = _moment(nullable=True)
    done_at: Mapped[datetime | None] = _moment(nullable=True)
    outcome: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (
        Index(
            "ix_outbox_waiting",
            "run_at",
            sqlite_where=text("done_at IS NULL"),
            postgresql_where=text("done_at IS NULL"),
        ),
    )


class StreamRow(db.Model):  # type: ignore[name-defined,misc]
    """A portal's stream of security events; ``slot`` counts the streams of one client."""

    __tablename__ = "streams"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(Text)
    slot: Mapped[int]
    is_push: Mapped[bool]
    endpoint_url: Mapped[str] = mapped_column(Text)
    authorization_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    events_requested: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    created_at: Required = _moment()
    active_at: Required = _moment()
    verified_at: Mapped[datetime | None] = _moment(nullable=True)
    run_at: Required = _moment()
    locked_until: Mapped[datetime | None] = _moment(nullable=True)
    failures: Mapped[int]
    outcome: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (Index("uq_streams_slot", "client_id", "slot", unique=True),)


class RemovedSubjectRow(db.Model):  # type: ignore[name-defined,misc]
    """A person about whom a portal wants to hear nothing in a stream."""

    __tablename__ = "removed_subjects"
    stream_id: Mapped[UUID] = mapped_column(
        ForeignKey("streams.id", ondelete="CASCADE"), primary_key=True
    )
    sub: Mapped[str] = mapped_column(Text, primary_key=True)


class SignalRow(db.Model):  # type: ignore[name-defined,misc]
    """A security event that waits in a stream; it goes when its portal has it."""

    __tablename__ = "signals"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    stream_id: Mapped[UUID] = mapped_column(ForeignKey("streams.id", ondelete="CASCADE"))
    account_id: Mapped[UUID | None]
    event: Mapped[str] = mapped_column(Text)
    details: Mapped[str] = mapped_column(Text)
    at: Required = _moment(index=True)
    __table_args__ = (Index("ix_signals_stream_id", "stream_id", "id"),)
