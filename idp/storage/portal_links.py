"""Which portals an account is linked with: what each may see, and when it looked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import case, func, select

from idp.storage.database import Database
from idp.storage.models import ConsentRow, GrantRow


@dataclass(frozen=True, slots=True)
class PortalLink:
    """One portal. ``last_at`` is when it last got a token; None when it never did.

    ``text_version`` is of the words that the person agreed to.
    """

    client_id: str
    items: tuple[str, ...]
    granted_at: datetime | None
    last_at: datetime | None
    is_offline: bool
    text_version: str = ""
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """One sign-on at a portal."""

    client_id: str
    session_id: UUID
    at: datetime


class PortalLinkStore:
    """Reads consents and grants together."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_account(self, account_id: UUID, *, now: datetime) -> tuple[PortalLink, ...]:
        """The portals whose consent stands, last used first."""
        offline = case((GrantRow.is_offline & GrantRow.revoked_at.is_(None), 1), else_=0)
        used = (
            select(
                GrantRow.client_id,
                func.max(GrantRow.rotated_at).label("last_at"),
                func.max(case((GrantRow.expires_at > now, offline), else_=0)).label("offline"),
            )
            .where(GrantRow.account_id == account_id)
            .group_by(GrantRow.client_id)
            .subquery()
        )
        query = (
            select(
                ConsentRow.client_id,
                ConsentRow.claims,
                ConsentRow.granted_at,
                ConsentRow.text_version,
                used.c.last_at,
                used.c.offline,
            )
            .outerjoin(used, used.c.client_id == ConsentRow.client_id)
            .where(ConsentRow.account_id == account_id, ConsentRow.revoked_at.is_(None))
        )
        with self._database.transaction() as connection:
            found = [
                PortalLink(
                    row.client_id,
                    tuple(row.claims.split()),
                    row.granted_at,
                    row.last_at,
                    bool(row.offline),
                    row.text_version,
                )
                for row in connection.execute(query)
            ]
        return tuple(sorted(found, key=_last, reverse=True))

    def withdrawn(self, account_id: UUID) -> tuple[PortalLink, ...]:
        """Consents that the person took back; these portals see nothing."""
        query = (
            select(ConsentRow)
            .where(ConsentRow.account_id == account_id, ConsentRow.revoked_at.is_not(None))
            .order_by(ConsentRow.revoked_at)
        )
        with self._database.transaction() as connection:
            return tuple(
                PortalLink(
                    row.client_id,
                    tuple(row.claims.split()),
                    row.granted_at,
                    None,
                    is_offline=False,
                    text_version=row.text_version,
                    revoked_at=row.revoked_at,
                )
                for row in connection.execute(query)
            )

    def visits(self, account_id: UUID, *, since: datetime, limit: int = 100) -> tuple[Visit, ...]:
        """Sign-ons at portals, newest first."""
        query = (
            select(GrantRow.client_id, GrantRow.session_id, GrantRow.created_at)
            .where(GrantRow.account_id == account_id, GrantRow.created_at >= since)
            .order_by(GrantRow.created_at.desc())
            .limit(limit)
        )
        with self._database.transaction() as connection:
            return tuple(Visit(*row) for row in connection.execute(query))


def _last(link: PortalLink) -> float:
    at = link.last_at or link.granted_at
    return at.timestamp() if at else 0.0
