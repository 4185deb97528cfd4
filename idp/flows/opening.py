"""The end of every sign-in: one session, one line of history, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from idp.domain.accounts import Credential
from idp.domain.assurance import Evidence
from idp.domain.events import AuditEvent, Event
from idp.domain.sessions import Device, Session
from idp.flows.answers import Visitor
from idp.flows.notices import Extra, Notices
from idp.metrics import SIGN_INS, Meter
from idp.storage.audit import AuditStore
from idp.storage.credentials import CredentialStore
from idp.storage.database import Database
from idp.storage.sessions import SessionStore
from idp.storage.single_use import spend_proof
from idp.storage.transactions import Stored, TransactionStore


@dataclass(frozen=True, slots=True)
class Acting:
    """Who acts for the account, and what both sides are called."""

    actor_id: UUID
    actor: str
    organisation: str


@dataclass(frozen=True, slots=True)
class Proven:
    """Who signed in, with what, for which portal; ``renewed`` is a credential to bind as well.

    ``acting`` is set where somebody acts for the account.
    """

    account_id: UUID
    evidence: Evidence
    client_id: str
    renewed: Credential | None = None
    acting: Acting | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """Opens sessions."""

    database: Database
    transactions: TransactionStore
    sessions: SessionStore
    credentials: CredentialStore
    audit: AuditStore
    notices: Notices
    meter: Meter = field(default_factory=Meter)

    def open(self, stored: Stored, proven: Proven, visitor: Visitor, *, now: datetime) -> str:
        """End the transaction and answer the cookie of the new session.

        Raises ``Conflict`` when the transaction has ended, so that a double post opens one session,
        and when the account is not active: that gate is in the statement that writes the session.
        """
        device = Device(visitor.ip, visitor.user_agent)
        with self.database.transaction() as connection:
            self.transactions.end_with(connection, stored, now=now)
            if proven.renewed is not None:
                self.credentials.renew(connection, proven.account_id, proven.renewed, now=now)
                details = {"method": proven.renewed.method, "ip": visitor.ip}
                renewal = AuditEvent(
                    Event.CREDENTIAL_RENEWED, now, proven.account_id, details=details
                )
                extra = Extra({"method": proven.renewed.method})
                self.notices.tell(connection, renewal, extra)
            session_id, cookie = self.sessions.add(
                connection,
                proven.account_id,
                [proven.evidence],
                device=device,
                actor_id=proven.acting.actor_id if proven.acting else None,
                now=now,
            )
            level = f"ial{int(proven.evidence.ial)}"
            event = AuditEvent(
                Event.LOGIN_SUCCEEDED,
                now,
                proven.account_id,
                proven.acting.actor_id if proven.acting else None,
                client_id=proven.client_id or None,
                session_id=session_id,
                details=details_of(visitor, proven.evidence.method, level),
            )
            for each in _both(event, proven.acting):
                self.audit.add(connection, each)
        self.meter.count(SIGN_INS, proven.evidence.method, level, "succeeded")
        return cookie

    def count(self, method: str, outcome: str) -> None:
        """Count a sign-in that was begun, or a try that came to nothing."""
        self.meter.count(SIGN_INS, method, "", outcome)

    def spend(self, once: str, *, now: datetime) -> bool:
        """Whether a proof that serves a single time serves now."""
        with self.database.transaction() as connection:
            return spend_proof(connection, once, now=now)

    def renew(self, cookie: str, old: Session | None, *, now: datetime) -> None:
        """End the session that this browser had before, so that none is left behind."""
        seen = self.sessions.find(cookie, now=now)
        if old is None or seen is None or seen.session.id == old.id:
            return
        with self.database.transaction() as connection:
            self.sessions.supersede(connection, old, seen.session, now=now)


def _both(event: AuditEvent, acting: Acting | None) -> tuple[AuditEvent, ...]:
    """The line of the account, and one in the history of who acts for it."""
    if acting is None:
        return (event,)
    ours = {**event.details, "representative": acting.actor}
    theirs = {**event.details, "organisation": acting.organisation}
    return (
        replace(event, details=ours),
        replace(
            event,
            event=Event.REPRESENTATIVE_ACTED,
            account_id=acting.actor_id,
            details=theirs,
        ),
    )


def details_of(visitor: Visitor, method: str, level: str) -> dict[str, str]:
    """What a line of history says beside the event."""
    found = {"ip": visitor.ip, "method": method, "level": level}
    return {name: text for name, text in found.items() if text}
