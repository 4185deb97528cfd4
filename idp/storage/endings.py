"""The one way in which sessions and grants end: whoever had tokens in them is told.

Every end, whatever its reason, goes through here, so that no place forgets the portals. The rows,
the back-channel logouts (outbox) and the security events are written in one transaction. The row
that this statement ends decides: of two that end a session at once, one tells.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Connection, exists, or_, select, update

from idp.domain.signals import session_revoked
from idp.storage import signals
from idp.storage.database import Database
from idp.storage.models import ClientRow, GrantRow, SessionRow, milliseconds
from idp.storage.outbox import LOGOUT, OutboxStore
from idp.storage.vault import Vault

GIVE_UP = timedelta(hours=12)
"""So long a logout is tried: no session outlives it."""

_TOKENS_ONLY = ("code_reuse", "refresh_reuse")
"""Reasons that end tokens and leave the portal's own session alone."""

_GRANT = (GrantRow.client_id, GrantRow.account_id, GrantRow.request_json)


@dataclass(frozen=True, slots=True)
class Left:
    """A portal at which a session ended; ``sid`` is what its ID tokens called the session."""

    client_id: str
    account_id: UUID
    sid: str


class _Data(msgspec.Struct, frozen=True):
    """The one thing of a grant that we need: it stays when the grant moves to a new session."""

    sid: str = ""


class _Registered(msgspec.Struct, frozen=True):
    """The one thing of a client that we need."""

    backchannel_logout_uri: str = ""


_decode_data = msgspec.json.Decoder(_Data).decode
_decode_registered = msgspec.json.Decoder(_Registered).decode


class Endings:
    """Ends sessions."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._outbox = OutboxStore(database, vault)

    def sessions(
        self, connection: Connection, session_ids: Sequence[UUID], reason: str, *, now: datetime
    ) -> tuple[Left, ...]:
        """End sessions and, with them, the grants that do not outlive them."""
        return self._end(connection, SessionRow.id.in_(session_ids), reason, now=now)

    def continued(
        self, connection: Connection, old_id: UUID, new_id: UUID, *, now: datetime
    ) -> bool:
        """The same person signed in again: the new session takes over; answers whether it could.

        The old row goes first. Whoever redeems a code of it holds it (``FOR SHARE``): their grant
        is there before the others move, or they look again and find the new session. Nobody is
        told, since nothing ends for the portals. A session that somebody ended at this moment
        has nothing to hand on.
        """
        ended = connection.execute(
            update(SessionRow)
            .where(SessionRow.id == old_id, SessionRow.ended_at.is_(None))
            .values(ended_at=now, end_reason="superseded", continued_by=new_id)
            .returning(SessionRow.id)
        ).first()
        if ended is None:
            return False
        connection.execute(
            update(GrantRow).where(GrantRow.session_id == old_id).values(session_id=new_id)
        )
        return True

    def account(
        self,
        connection: Connection,
        account_id: UUID,
        reason: str,
        *,
        keep: UUID | None = None,
        now: datetime,
    ) -> tuple[Left, ...]:
        """End every session but ``keep``, and every grant that is not of that session."""
        mine = SessionRow.account_id == account_id
        where = mine if keep is None else mine & (SessionRow.id != keep)
        left = self._end(connection, where, reason, now=now)
        others = GrantRow.account_id == account_id
        if keep is not None:
            others &= GrantRow.session_id != keep
        more = _revoke(connection, others, reason, now)
        told = {each.sid for each in left}
        new = tuple(each for each in more if each.sid not in told)
        self._tell(connection, new, reason, now=now)
        return (*left, *new)

    def representative(
        self, connection: Connection, account_id: UUID, actors: Sequence[UUID], *, now: datetime
    ) -> tuple[Left, ...]:
        """End what these people have open for an account that they no longer act for."""
        theirs = (SessionRow.account_id == account_id) & SessionRow.actor_id.in_(actors)
        left = self._end(connection, theirs, "representative", now=now)
        offline = (GrantRow.account_id == account_id) & GrantRow.actor_id.in_(actors)
        more = _revoke(connection, offline, "representative", now)
        new = tuple(each for each in more if each not in left)
        self._tell(connection, new, "representative", now=now)
        return (*left, *new)

    def at_portal(
        self, connection: Connection, session_id: UUID, client_id: str, *, now: datetime
    ) -> tuple[Left, ...]:
        """Sign out at one portal only. A grant that outlives the session stays."""
        here = (GrantRow.session_id == session_id) & (GrantRow.client_id == client_id)
        left = _revoke(connection, here & GrantRow.is_offline.is_(False), "logout", now)
        self._tell(connection, left, "logout", now=now)
        return left

    def consent(
        self, connection: Connection, account_id: UUID, client_id: str, *, now: datetime
    ) -> tuple[Left, ...]:
        """End every grant that rests on a consent that was withdrawn."""
        here = (GrantRow.account_id == account_id) & (GrantRow.client_id == client_id)
        left = _revoke(connection, here, "consent", now)
        self._tell(connection, left, "consent", now=now)
        return left

    def client(self, connection: Connection, client_id: str, *, now: datetime) -> int:
        """End every grant of a client that is about to go; answers how many there were.

        What it was is written into each job, since nobody can look it up afterwards.
        """
        metadata = connection.scalar(
            select(ClientRow.metadata_json).where(ClientRow.client_id == client_id)
        )
        left = _revoke(connection, GrantRow.client_id == client_id, "client", now)
        self._tell(connection, left, "client", now=now, gone=metadata or "")
        return len(left)

    def expired(
        self, connection: Connection, *, idle_since: datetime, limit: int, now: datetime
    ) -> int:
        """End sessions whose time is over; answers how many.

        A portal that still refreshes its tokens shows that the person is there.
        """
        is_used = exists().where(
            GrantRow.session_id == SessionRow.id,
            GrantRow.revoked_at.is_(None),
            GrantRow.rotated_at > idle_since,
        )
        over = or_(SessionRow.expires_at <= now, (SessionRow.last_seen_at <= idle_since) & ~is_used)
        due = list(
            connection.scalars(
                select(SessionRow.id).where(SessionRow.ended_at.is_(None), over).limit(limit)
            )
        )
        if due:
            self.sessions(connection, due, "expired", now=now)
        return len(due)

    # --- steps ----------------------------------------------------------------------------------

    def _end(
        self, connection: Connection, where: ColumnElement[bool], reason: str, *, now: datetime
    ) -> tuple[Left, ...]:
        ended = list(
            connection.scalars(
                update(SessionRow)
                .where(where, SessionRow.ended_at.is_(None))
                .values(ended_at=now, end_reason=reason)
                .returning(SessionRow.id)
            )
        )
        if not ended:
            return ()
        of_sessions = GrantRow.session_id.in_(ended)
        revoked = _revoke(connection, of_sessions & GrantRow.is_offline.is_(False), reason, now)
        # Grants that outlive the session, and portals that lost only their tokens earlier.
        still = or_(GrantRow.revoked_at.is_(None), GrantRow.revoke_reason.in_(_TOKENS_ONLY))
        others = connection.execute(select(*_GRANT).where(of_sessions, still))
        left = tuple(dict.fromkeys((*revoked, *_left(others.all()))))
        self._tell(connection, left, reason, now=now)
        return left

    def _tell(
        self,
        connection: Connection,
        left: Sequence[Left],
        reason: str,
        *,
        now: datetime,
        gone: str = "",
    ) -> None:
        """A logout for who registered an address for it, an event for who has a stream."""
        listening = _listening(connection, {each.client_id for each in left})
        until = str(milliseconds(now + GIVE_UP))
        for each in left:
            if each.client_id in listening:
                payload = {
                    "client_id": each.client_id,
                    "account_id": each.account_id.hex,
                    "sid": each.sid,
                    "expires_at": until,
                    **({"metadata": gone} if gone else {}),
                }
                self._outbox.add(connection, LOGOUT, payload, now=now)
            signal = session_revoked(each.sid, reason)
            signals.add(connection, each.account_id, [signal], client_id=each.client_id, now=now)


def _revoke(
    connection: Connection, where: ColumnElement[bool], reason: str, now: datetime
) -> tuple[Left, ...]:
    found = connection.execute(
        update(GrantRow)
        .where(where, GrantRow.revoked_at.is_(None))
        .values(revoked_at=now, revoke_reason=reason)
        .returning(*_GRANT)
    )
    return tuple(dict.fromkeys(_left(found.all())))


def _left(rows: Iterable[Any]) -> list[Left]:
    return [Left(row.client_id, row.account_id, _decode_data(row.request_json).sid) for row in rows]


def _listening(connection: Connection, client_ids: Collection[str]) -> frozenset[str]:
    """Which of these clients registered an address for logouts."""
    if not client_ids:
        return frozenset()
    query = select(ClientRow.client_id, ClientRow.metadata_json).where(
        ClientRow.client_id.in_(client_ids)
    )
    return frozenset(
        row.client_id
        for row in connection.execute(query)
        if _decode_registered(row.metadata_json).backchannel_logout_uri
    )
