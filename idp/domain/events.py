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
    ACCOUNT_IMPORTED = "account.imported"
    COMPLAINT_MADE = "complaint.made"
    COMPLAINT_ANSWERED = "complaint.answered"
    ACCOUNT_EXISTS = "account.exists"
    IDENTITY_REFUSED = "identity.refused"
    LOGIN_SUCCEEDED = "login.succeeded"
    LOGIN_REFUSED = "login.refused"
    LOGIN_BLOCKED = "login.blocked"
    PASSWORD_REHASHED = "password.rehashed"  # noqa: S105  the name of an event
    CODE_SENT = "code.sent"
    CODE_WRONG = "code.wrong"
    CREDENTIAL_ADDED = "credential.added"
    CREDENTIAL_RENEWED = "credential.renewed"
    CREDENTIAL_REMOVED = "credential.removed"
    PHONE_ADDED = "phone.added"
    PHONE_DEFAULT = "phone.default"
    PHONE_REMOVED = "phone.removed"
    PHONE_REPLACED = "phone.replaced"
    PHONE_RESTORED = "phone.restored"
    PHONE_LOST = "phone.lost"
    PHONE_FOUND = "phone.found"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105  the name of an event
    PASSWORD_RESET = "password.reset"  # noqa: S105  the name of an event
    CONTACT_CHANGED = "contact.changed"
    EMAIL_CONFIRMED = "email.confirmed"
    IDENTITY_RENEWED = "identity.renewed"
    SWITCH_CHANGED = "switch.changed"
    RECOVERY_ISSUED = "recovery.issued"
    ACCOUNT_FROZEN = "account.frozen"
    ACCOUNT_THAWED = "account.thawed"
    ACCOUNT_CLOSING = "account.closing"
    ACCOUNT_KEPT = "account.kept"
    ACCOUNT_CLOSED = "account.closed"
    DATA_EXPORTED = "data.exported"
    CONSENT_GIVEN = "consent.given"
    CONSENT_REVOKED = "consent.revoked"
    GRANT_REVOKED = "grant.revoked"
    SESSION_ENDED = "session.ended"
    TECHID_LOOKED_UP = "techid.looked_up"
    CLIENT_SAVED = "client.saved"
    CLIENT_DISABLED = "client.disabled"
    CLIENT_ENABLED = "client.enabled"
    AGENCY_CHANGED = "agency.changed"
    DEVICE_APPROVED = "device.approved"
    DEVICE_REFUSED = "device.refused"
    APPROVAL_ASKED = "approval.asked"
    APPROVAL_GIVEN = "approval.given"
    APPROVAL_REFUSED = "approval.refused"
    APPROVAL_FAILED = "approval.failed"
    OPERATOR_ADDED = "operator.added"
    OPERATOR_REMOVED = "operator.removed"
    CONSOLE_OPENED = "console.opened"
    REPRESENTATIVE_ADDED = "representative.added"
    REPRESENTATIVE_REMOVED = "representative.removed"
    REPRESENTATIVE_ACTED = "representative.acted"
    AGENCY_BOUND = "agency.bound"
    AGENCY_UNBOUND = "agency.unbound"
    PERSON_LOOKED_UP = "person.looked_up"


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
