"""What is written into the audit: names of events and what each row holds."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


class Event(enum.StrEnum):
    """Everything that is audited; the person's own history is read from these."""

    ACCOUNT_OPENED = "account.opened"
    ACCOUNT_ISSUED = "account.issued"
    COMPLAINT_MADE = "complaint.made"
    COMPLAINT_ANSWERED = "complaint.answered"
    ACCOUNT_EXISTS = "account.exists"
    IDENTITY_REFUSED = "identity.refused"
    LOGIN_SUCCEEDED = "login.succeeded"
    LOGIN_REFUSED = "login.refused"
    PASSWORD_REHASHED = "password.rehashed"  # noqa: S105  the name of an event
    CODE_SENT = "code.sent"
    CODE_WRONG = "code.wrong"
    CREDENTIAL_ADDED = "credential.added"
    CREDENTIAL_RENEWED = "credential.renewed"
    CREDENTIAL_REMOVED = "credential.removed"
    CONSENT_GIVEN = "consent.given"
    CONSENT_REVOKED = "consent.revoked"
    GRANT_REVOKED = "grant.revoked"
    SESSION_ENDED = "session.ended"
    CLIENT_SAVED = "client.saved"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One row. ``actor_id`` is who acted, ``account_id`` on whose behalf."""

    event: Event
    at: datetime
    account_id: UUID | None = None
    actor_id: UUID | None = None
    client_id: str | None = None
    session_id: UUID | None = None
    details: Mapping[str, str] = field(default_factory=dict)
