"""Sessions: appended at sign-in, found with the state of their account in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import Connection, bindparam, insert, literal, select, text, update

from idp.domain.accounts import AccountStatus
from idp.domain.assurance import IAL, Amr, Evidence
from idp.domain.errors import Conflict
from idp.domain.ids import hash_secret, new_secret, uuid7
from idp.domain.sessions import Device, Session
from idp.domain.subjects import SubjectKind
from idp.storage.database import Database, as_uuid
from idp.storage.endings import Endings, Left
from idp.storage.models import AccountRow, ConsentRow, GrantRow, SessionRow, milliseconds, moment
from idp.storage.prepared import Statement
from idp.storage.representatives import authorised
from idp.storage.vault import Vault

_FIND = Statement(f"""
    SELECT s.account_id, s.actor_id, a.kind, a.ial, s.evidence, s.created_at, s.last_seen_at,
      c.claims, a.asks_new_portals
    FROM sessions s JOIN accounts a ON a.id = s.account_id
    LEFT JOIN consents c ON c.account_id = s.account_id AND c.client_id = :client_id
      AND c.revoked_at IS NULL
    WHERE s.id = :id AND s.secret_hash = :secret_hash AND s.ended_at IS NULL
      AND s.expires_at > :now AND s.last_seen_at > :idle_since AND a.status = 'active'
      AND {authorised("s")}
""")  # noqa: S608  constants of this package only
_TOUCH = Statement("""
    UPDATE sessions SET last_seen_at = :now WHERE id = :id AND last_seen_at < :before
""")
_AGREE = text("""
    INSERT INTO consents (account_id, client_id, claims, text_version, granted_at)
    VALUES (:account_id, :client_id, :claims, :text_version, :granted_at)
    ON CONFLICT (account_id, client_id) DO UPDATE SET claims = excluded.claims,
      text_version = excluded.text_version, granted_at = excluded.granted_at, revoked_at = NULL
""").bindparams(
    bindparam("account_id", type_=ConsentRow.account_id.type),
    bindparam("granted_at", type_=ConsentRow.granted_at.type),
)
_TOUCH_EVERY = timedelta(minutes=1)
_KEPT_PROOFS = 7


class _Proof(msgspec.Struct, frozen=True, array_like=True):
    """Evidence as it stands in the row."""

    method: str
    ial: IAL
    amr: tuple[Amr, ...]
    at: int
    made_for: str = ""


_DECODE = msgspec.json.Decoder(tuple[_Proof, ...]).decode
_ENCODE = msgspec.json.Encoder().encode


class Seen(msgspec.Struct, frozen=True):
    """A live session, and the claims its owner lets the asking client have (None: never asked).

    ``asks_new_portals`` is the owner's wish to be asked also by a portal that sees nothing.
    """

    session: Session
    consented: frozenset[str] | None
    asks_new_portals: bool = True


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long a session lives unused and at most."""

    idle: timedelta
    absolute: timedelta


class SessionStore:
    """The sessions. The browser holds ``<id>.<secret>``; here is only the secret's digest."""

    def __init__(self, database: Database, vault: Vault, lifetimes: Lifetimes) -> None:
        self._database, self._vault, self._lifetimes = database, vault, lifetimes
        self._endings = Endings(database, vault)

    def add(  # noqa: PLR0913  keywords: what a session is
        self,
        connection: Connection,
        account_id: UUID,
        evidence: Sequence[Evidence],
        *,
        device: Device,
        actor_id: UUID | None = None,
        now: datetime,
    ) -> tuple[UUID, str]:
        """Open a session; answers its id and the cookie's value. ``actor_id`` acts for the account.

        Raises ``Conflict('account.frozen')`` when the account is not active at this moment.
        """
        session_id, secret = uuid7(now), new_secret()
        data = msgspec.json.encode([device.ip, device.user_agent[:300]])
        row = {
            "id": session_id,
            "secret_hash": hash_secret(secret),
            "account_id": account_id,
            "actor_id": actor_id or account_id,
            "evidence": encode_evidence(evidence),
            "created_at": now,
            "last_seen_at": now,
            "expires_at": now + self._lifetimes.absolute,
            "device_sealed": self._vault.seal(data, context=f"session {session_id}"),
        }
        columns = SessionRow.__table__.c
        active = select(*(literal(value, columns[name].type) for name, value in row.items())).where(
            AccountRow.id == account_id, AccountRow.status == AccountStatus.ACTIVE
        )
        # RETURNING, since a driver may not count the rows of INSERT ... SELECT.
        added = insert(SessionRow).from_select(list(row), active).returning(SessionRow.id)
        if connection.execute(added).first() is None:
            raise Conflict("account.frozen")
        return session_id, f"{session_id.hex}.{secret}"

    def find(self, cookie: str | None, *, client_id: str = "", now: datetime) -> Seen | None:
        """The live session of an active account that a cookie opens, with its owner's consent."""
        parsed = _parse(cookie)
        if parsed is None:
            return None
        session_id, secret_hash = parsed
        values = {
            "id": session_id,
            "secret_hash": secret_hash,
            "client_id": client_id,
            "now": milliseconds(now),
            "idle_since": milliseconds(now - self._lifetimes.idle),
        }
        rows = self._database.one(_FIND, values)
        if not rows:
            return None
        [(account_id, actor_id, kind, ial, evidence, created_at, last_seen_at, claims, asks)] = rows
        session = Session(
            session_id,
            as_uuid(account_id),
            as_uuid(actor_id),
            SubjectKind(kind),
            IAL(ial),
            self._counting(decode_evidence(evidence), now),
            moment(created_at),
            moment(last_seen_at),
        )
        consented = None if claims is None else frozenset(claims.split())
        return Seen(session, consented, bool(asks))

    def _counting(self, evidence: tuple[Evidence, ...], now: datetime) -> tuple[Evidence, ...]:
        """A proof counts for no longer than a session lives, also where it was carried over."""
        since = now - self._lifetimes.absolute
        return tuple(proof for proof in evidence if proof.at > since) or evidence[-1:]

    def touch(self, session: Session, *, now: datetime) -> None:
        """Note that it is in use; at most once a minute, so that reading stays reading."""
        if now - session.last_seen_at < _TOUCH_EVERY:
            return
        before = milliseconds(now - _TOUCH_EVERY)
        values = {"id": session.id, "now": milliseconds(now), "before": before}
        self._database.one(_TOUCH, values)

    def supersede(
        self, connection: Connection, old: Session, new: Session, *, now: datetime
    ) -> None:
        """A browser signed in again: if it is the same person, the new session continues the old.

        Its grants move, with the names that portals know them by, so do its codes that are on their
        way, and so do its proofs, each with its own time and purpose: another sign-in makes nobody
        less proven. Otherwise everything of the former person ends with their session, at portals
        as well.
        """
        if (old.account_id, old.actor_id) != (new.account_id, new.actor_id):
            self.end(connection, [old.id], "superseded", now=now)
        elif self._endings.continued(connection, old.id, new.id, now=now):
            self._carry(connection, old, new)

    @staticmethod
    def _carry(connection: Connection, old: Session, new: Session) -> None:
        """Keep what the old session proved."""
        evidence = sorted(
            (*old.evidence[-_KEPT_PROOFS:], *new.evidence), key=lambda proof: proof.at
        )
        connection.execute(
            update(SessionRow)
            .where(SessionRow.id == new.id, SessionRow.ended_at.is_(None))
            .values(evidence=encode_evidence(evidence))
        )

    def end(
        self, connection: Connection, session_ids: Sequence[UUID], reason: str, *, now: datetime
    ) -> tuple[Left, ...]:
        """End sessions and what rests on them; answers the portals that are told."""
        return self._endings.sessions(connection, session_ids, reason, now=now)

    def end_expired(self, *, limit: int, now: datetime) -> int:
        """End sessions that were idle too long or whose time is over; answers how many."""
        idle_since = now - self._lifetimes.idle
        with self._database.transaction() as connection:
            return self._endings.expired(connection, idle_since=idle_since, limit=limit, now=now)

    def clients(self, session_id: UUID) -> tuple[str, ...]:
        """The portals that this session was used at and that are not signed out."""
        query = (
            select(GrantRow.client_id)
            .where(GrantRow.session_id == session_id, GrantRow.revoked_at.is_(None))
            .distinct()
        )
        with self._database.transaction() as connection:
            return tuple(sorted(connection.scalars(query)))

    def leave(
        self, connection: Connection, session_id: UUID, client_id: str, *, now: datetime
    ) -> tuple[Left, ...]:
        """Sign out at one portal only."""
        return self._endings.at_portal(connection, session_id, client_id, now=now)

    def of_account(self, account_id: UUID, *, now: datetime) -> tuple[Session, ...]:
        """The live sessions of an account, newest first."""
        query = (
            select(SessionRow)
            .where(
                SessionRow.account_id == account_id,
                SessionRow.ended_at.is_(None),
                SessionRow.expires_at > now,
                SessionRow.last_seen_at > now - self._lifetimes.idle,
            )
            .order_by(SessionRow.id.desc())
        )
        with self._database.transaction() as connection:
            return tuple(self._to_domain(row) for row in connection.execute(query))

    def _to_domain(self, row: object) -> Session:
        data: SessionRow = row  # type: ignore[assignment]  # a row has the model's columns
        sealed = self._vault.open(data.device_sealed, context=f"session {data.id}")
        ip, user_agent = msgspec.json.decode(sealed, type=tuple[str, str])
        return Session(
            data.id,
            data.account_id,
            data.actor_id,
            SubjectKind.CITIZEN,
            IAL.NONE,
            decode_evidence(data.evidence),
            data.created_at,
            data.last_seen_at,
            Device(ip, user_agent),
        )


class ConsentStore:
    """What people let portals see."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._endings = database, Endings(database, vault)

    def record(  # noqa: PLR0913  keywords, one per column
        self,
        connection: Connection,
        account_id: UUID,
        client_id: str,
        claims: frozenset[str],
        *,
        text_version: str,
        now: datetime,
    ) -> None:
        """Remember an approval; a later one replaces it, also one of the same moment."""
        values = {
            "account_id": account_id,
            "client_id": client_id,
            "claims": " ".join(sorted(claims)),
            "text_version": text_version,
            "granted_at": now,
        }
        connection.execute(_AGREE, values)

    def items(self, account_id: UUID, client_id: str) -> frozenset[str] | None:
        """What a portal may see; None when nobody asked yet or the approval was withdrawn."""
        query = select(ConsentRow.claims).where(
            ConsentRow.account_id == account_id,
            ConsentRow.client_id == client_id,
            ConsentRow.revoked_at.is_(None),
        )
        with self._database.transaction() as connection:
            found = connection.scalar(query)
        return None if found is None else frozenset(found.split())

    def revoke(
        self, connection: Connection, account_id: UUID, client_id: str, *, now: datetime
    ) -> None:
        """Withdraw it, and end every grant that rests on it."""
        connection.execute(
            update(ConsentRow)
            .where(ConsentRow.account_id == account_id, ConsentRow.client_id == client_id)
            .values(revoked_at=now)
        )
        self._endings.consent(connection, account_id, client_id, now=now)


def encode_evidence(evidence: Sequence[Evidence]) -> str:
    """Proofs as JSON for a row."""
    proofs = [
        _Proof(proof.method, proof.ial, tuple(proof.amr), milliseconds(proof.at), proof.made_for)
        for proof in evidence
    ]
    return _ENCODE(proofs).decode()


def decode_evidence(text: str) -> tuple[Evidence, ...]:
    """The inverse."""
    return tuple(
        [
            Evidence(proof.method, proof.ial, proof.amr, moment(proof.at), None, proof.made_for)
            for proof in _DECODE(text)
        ]
    )


def _parse(cookie: str | None) -> tuple[UUID, bytes] | None:
    identifier, _, secret = (cookie or "").partition(".")
    if len(identifier) != 32 or not secret or len(secret) > 64:  # noqa: PLR2004  sizes of the cookie
        return None
    try:
        return UUID(hex=identifier), hash_secret(secret)
    except ValueError:
        return None
