"""Grants: the one-statement heart of the token endpoint.

A redeemed code is a row whose id is the code's, so the primary key refuses a second use. A refresh
token is a counter in that row. Every statement also checks, at that moment, that the account is
active and the session alive: one gate for every token.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import update

from idp.storage.account_rows import open_attribute, open_identifier
from idp.storage.database import Database, as_uuid
from idp.storage.endings import Endings
from idp.storage.models import GrantRow, milliseconds, moment
from idp.storage.prepared import Statement
from idp.storage.representatives import authorised
from idp.storage.vault import Seal, Vault

_REDEEM = Statement(f"""
    INSERT INTO grants (id, client_id, account_id, actor_id, session_id, request_json,
      is_offline, counter, created_at, rotated_at, expires_at)
    SELECT :id, :client_id, s.account_id, s.actor_id, s.id, :request_json,
      :is_offline, 0, :now, :now, :expires_at
    FROM sessions s JOIN accounts a ON a.id = s.account_id
    WHERE s.id = :session_id AND s.ended_at IS NULL AND s.expires_at > :now
      AND a.status = 'active' AND {authorised("s")}
    FOR SHARE OF s
    ON CONFLICT (id) DO NOTHING RETURNING id
""")  # noqa: S608  constants of this package only
# The lock orders it with whoever ends the session at this moment: either they see the grant and
# tell its portal, or it is not given.
_CONTINUED_BY = Statement("""
    WITH RECURSIVE line (id, following) AS (
      SELECT id, continued_by FROM sessions WHERE id = :id
      UNION SELECT s.id, s.continued_by FROM sessions s JOIN line ON s.id = line.following
    )
    SELECT id FROM line WHERE following IS NULL
""")
_LIVE = f"""
    EXISTS (SELECT 1 FROM accounts a WHERE a.id = grants.account_id AND a.status = 'active')
    AND (grants.is_offline OR EXISTS (SELECT 1 FROM sessions s WHERE s.id = grants.session_id
      AND s.ended_at IS NULL AND s.expires_at > :now))
    AND {authorised("grants")}
"""  # noqa: S608  constants of this package only
_ROTATE = Statement(f"""
    UPDATE grants SET
      rotated_at = CASE WHEN counter = :counter THEN :now ELSE rotated_at END,
      counter = :counter + 1
    WHERE id = :id AND client_id = :client_id AND revoked_at IS NULL AND expires_at > :now
      AND (counter = :counter OR (counter = :counter + 1 AND rotated_at > :retry_since))
      AND {_LIVE}
    RETURNING account_id, session_id, request_json, counter, expires_at
""")  # noqa: S608  constants of this file only
_KEEP = Statement(f"""
    SELECT account_id, session_id, request_json, counter, expires_at FROM grants
    WHERE id = :id AND client_id = :client_id AND counter = :counter AND revoked_at IS NULL
      AND expires_at > :now AND {_LIVE}
""")  # noqa: S608  constants of this file only
_ALIVE = Statement(f"""
    SELECT client_id, counter, request_json, expires_at FROM grants
    WHERE id = :id AND revoked_at IS NULL AND expires_at > :now AND {_LIVE}
""")  # noqa: S608  constants of this file only
_REVOKE = Statement("""
    UPDATE grants SET revoked_at = :now, revoke_reason = :reason
    WHERE id = :id AND revoked_at IS NULL RETURNING account_id
""")
_REVOKE_REUSED = Statement("""
    UPDATE grants SET revoked_at = :now, revoke_reason = 'refresh_reuse'
    WHERE id = :id AND client_id = :client_id AND revoked_at IS NULL AND counter > :counter
    RETURNING account_id
""")
# The branch with a value in every column comes first: PostgreSQL takes the types from it.
# Each part is joined to the one grant, so that every table is read by its index of accounts.
_USERINFO = Statement(f"""
    WITH g AS (
      SELECT grants.client_id, grants.request_json, b.id, b.kind, b.language, b.data_key
      FROM grants JOIN accounts b ON b.id = grants.account_id
      WHERE grants.id = :id AND grants.revoked_at IS NULL AND {_LIVE}
    )
    SELECT g.*, 'evidence' AS form, e.method AS name, c.details_sealed AS value_sealed,
      e.source, e.at, e.id AS evidence_id, e.ial, e.vouched_by, c.id AS credential_id, e.ended_at
    FROM g JOIN evidence e ON e.account_id = g.id LEFT JOIN credentials c
      ON c.account_id = e.account_id AND c.evidence_id = e.id AND c.removed_at IS NULL
    UNION ALL
    SELECT g.*, 'attribute', f.name, f.value_sealed, f.source, f.at, f.evidence_id, NULL, NULL,
      NULL, NULL
    FROM g JOIN attributes f ON f.account_id = g.id AND f.replaced_at IS NULL
    UNION ALL
    SELECT g.*, 'identifier', n.kind, n.value_sealed, '', n.added_at, NULL, NULL, NULL, NULL, NULL
    FROM g JOIN identifiers n ON n.account_id = g.id AND n.retired_at IS NULL
    UNION ALL
    SELECT g.*, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM g
""")  # noqa: S608  constants of this file only


class NewGrant(msgspec.Struct, frozen=True):
    """What a code stands for when it is redeemed."""

    id: UUID
    client_id: str
    session_id: UUID
    request_json: str
    is_offline: bool
    expires_at: datetime


class Rotated(msgspec.Struct, frozen=True):
    """A grant after its refresh token was used."""

    account_id: UUID
    session_id: UUID
    request_json: str
    counter: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Alive:
    """A grant whose tokens are good: not revoked, its session alive, its account active."""

    client_id: str
    counter: int
    request_json: str
    expires_at: datetime


class Fact(msgspec.Struct, frozen=True):
    """One plain value with its source; ``form`` is attribute or identifier.

    ``evidence_id`` is the proof that it came with; an identifier came with the opening one.
    """

    form: str
    name: str
    value: str
    source: str
    at: datetime
    evidence_id: UUID | None = None


class Vouching(msgspec.Struct, frozen=True):
    """A proof of identity that stands, and what its certificate says, if it was made with one.

    ``is_opening`` is the proof that the account was opened with: it vouches for its numbers.
    """

    id: UUID
    method: str
    ial: int
    source: str
    at: datetime
    vouched_by: str
    details: Mapping[str, str]
    is_opening: bool


class Subject(msgspec.Struct, frozen=True):
    """Whom an access token speaks for, and what is known about them."""

    client_id: str
    request_json: str
    account_id: UUID
    kind: str
    language: str
    facts: tuple[Fact, ...]
    proofs: tuple[Vouching, ...]


class GrantStore:
    """The grants."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault
        self._endings = Endings(database, vault)

    def redeem(self, grant: NewGrant, *, now: datetime) -> bool:
        """Whether the code was good: first use, live session, active account. One statement.

        A session that the same person's next sign-in replaced goes on in its successor, and with
        it the codes that were on their way (OIDC Core 3.1.2.1: ``prompt=login`` authenticates
        anew, it signs nobody out); only such a code costs more statements.
        """
        session_id: UUID | None = grant.session_id
        while session_id is not None:
            if self._redeem(grant, session_id, now=now):
                return True
            session_id = self._successor(session_id)
        return False

    def _redeem(self, grant: NewGrant, session_id: UUID, *, now: datetime) -> bool:
        values = {
            "id": grant.id,
            "client_id": grant.client_id,
            "session_id": session_id,
            "request_json": grant.request_json,
            "is_offline": grant.is_offline,
            "expires_at": milliseconds(grant.expires_at),
            "now": milliseconds(now),
        }
        return bool(self._database.one(_REDEEM, values))

    def _successor(self, session_id: UUID) -> UUID | None:
        """The last of the sessions that continue this one, if any does."""
        found = [as_uuid(row[0]) for row in self._database.one(_CONTINUED_BY, {"id": session_id})]
        return next((each for each in found if each != session_id), None)

    def rotate(
        self, grant_id: UUID, client_id: str, counter: int, *, now: datetime, retry: timedelta
    ) -> Rotated | None:
        """Use the refresh token with this counter; the one before counts for ``retry`` more."""
        values = {
            "id": grant_id,
            "client_id": client_id,
            "counter": counter,
            "now": milliseconds(now),
            "retry_since": milliseconds(now - retry),
        }
        return _rotated(self._database.one(_ROTATE, values))

    def keep(
        self, grant_id: UUID, client_id: str, counter: int, *, now: datetime
    ) -> Rotated | None:
        """The grant of a refresh token that stays as it is. One statement, no commit."""
        values = {
            "id": grant_id,
            "client_id": client_id,
            "counter": counter,
            "now": milliseconds(now),
        }
        return _rotated(self._database.one(_KEEP, values))

    def alive(self, grant_id: UUID, *, now: datetime) -> Alive | None:
        """The grant if its tokens are good at this moment. One statement, no commit."""
        rows = self._database.one(_ALIVE, {"id": grant_id, "now": milliseconds(now)})
        if not rows:
            return None
        [(client_id, counter, request_json, expires_at)] = rows
        return Alive(client_id, counter, request_json, moment(expires_at))

    def revoke_reused(
        self, grant_id: UUID, client_id: str, counter: int, *, now: datetime
    ) -> UUID | None:
        """End the family of a refresh token that was used before; answers whose it was."""
        values = {
            "id": grant_id,
            "client_id": client_id,
            "counter": counter,
            "now": milliseconds(now),
        }
        return _account(self._database.one(_REVOKE_REUSED, values))

    def revoke(self, grant_id: UUID, reason: str, *, now: datetime) -> UUID | None:
        """End a grant and every token of it; answers whose it was, None if it was over."""
        values = {"id": grant_id, "reason": reason, "now": milliseconds(now)}
        return _account(self._database.one(_REVOKE, values))

    def revoke_with_session(self, grant_id: UUID, reason: str, *, now: datetime) -> UUID | None:
        """The same for a grant that its session was opened for."""
        mine = (GrantRow.id == grant_id) & GrantRow.revoked_at.is_(None)
        over = update(GrantRow).where(mine).values(revoked_at=now, revoke_reason=reason)
        with self._database.transaction() as connection:
            columns = (GrantRow.account_id, GrantRow.session_id)
            found = connection.execute(over.returning(*columns)).first()
            if found is None:
                return None
            self._endings.sessions(connection, [found.session_id], reason, now=now)
        return as_uuid(found.account_id)

    def subject(self, grant_id: UUID, *, now: datetime) -> Subject | None:
        """Everything userinfo needs, if the grant is still good. One statement."""
        rows = self._database.one(_USERINFO, {"id": grant_id, "now": milliseconds(now)})
        if not rows:
            return None
        client_id, request_json, account_id, kind, language, data_key = rows[0][:6]
        account_id = as_uuid(account_id)
        seal = self._vault.data_key(bytes(data_key), account_id)
        found = [_Row(*row[6:]) for row in rows]
        owner = str(account_id)
        facts = tuple(
            row.fact(seal, owner) for row in found if row.form in {"attribute", "identifier"}
        )
        return Subject(
            client_id, request_json, account_id, kind, language, facts, _proofs(found, seal)
        )


class _Row(NamedTuple):
    """One row of what is known: an attribute, an identifier or a proof."""

    form: str | None  # None in the one row that every grant has
    name: str
    sealed: bytes | None
    source: str
    at: int
    evidence_id: UUID | str | None
    ial: int | None
    vouched_by: str | None
    credential_id: UUID | str | None
    ended_at: int | None

    def fact(self, seal: Seal, owner: str) -> Fact:
        """The plain value."""
        opener = open_attribute if self.form == "attribute" else open_identifier
        value = opener(seal, owner, self.name, self.sealed or b"")
        evidence_id = as_uuid(self.evidence_id) if self.evidence_id else None
        return Fact(str(self.form), self.name, value, self.source, moment(self.at), evidence_id)


def _proofs(rows: list[_Row], seal: Seal) -> tuple[Vouching, ...]:
    """The standing proofs, oldest first; of several certificates of one proof, the newest."""
    found: dict[UUID, Vouching] = {}
    opening: UUID | None = None
    rows = [row for row in rows if row.form == "evidence"]
    for row in sorted(rows, key=lambda row: (row.at, str(row.evidence_id), str(row.credential_id))):
        evidence_id = as_uuid(row.evidence_id or "")
        opening = opening or evidence_id
        if row.ended_at is None:
            found[evidence_id] = Vouching(
                evidence_id,
                row.name,
                row.ial or 0,
                row.source,
                moment(row.at),
                row.vouched_by or "",
                _details(row, seal),
                is_opening=evidence_id == opening,
            )
    return tuple(found.values())


def _details(row: _Row, seal: Seal) -> dict[str, str]:
    if row.sealed is None or row.credential_id is None:
        return {}
    context = f"credential {as_uuid(row.credential_id)}"
    details: dict[str, str] = json.loads(seal.open_text(bytes(row.sealed), context=context))
    return details


def _rotated(rows: list[tuple[Any, ...]]) -> Rotated | None:
    if not rows:
        return None
    [(account_id, session_id, request_json, counter, expires_at)] = rows
    return Rotated(
        as_uuid(account_id), as_uuid(session_id), request_json, counter, moment(expires_at)
    )


def _account(rows: list[tuple[object, ...]]) -> UUID | None:
    return as_uuid(rows[0][0]) if rows else None  # type: ignore[arg-type]  # the driver's own types
