"""A post office opens the way to an account: the clerk has seen the person and the card (S1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from idp.domain.accounts import Identity
from idp.domain.errors import Conflict
from idp.domain.events import AuditEvent, Event
from idp.flows.otp import SmsText
from idp.storage.accounts import AccountStore
from idp.storage.activations import ActivationStore, Issued
from idp.storage.audit import AuditStore
from idp.storage.database import Database
from idp.storage.models import milliseconds
from idp.storage.outbox import OutboxStore


@dataclass(frozen=True, slots=True)
class Clerk:
    """Who vouches, and where."""

    id: str
    post_office: str


@dataclass(frozen=True, slots=True)
class CounterFlow:
    """What the counter system may do."""

    database: Database
    accounts: AccountStore
    activations: ActivationStore
    outbox: OutboxStore
    audit: AuditStore
    text: SmsText

    def issue(self, identity: Identity, clerk: Clerk, *, now: datetime) -> Issued:
        """Record the identity and send the activation code to its phone.

        Raises ``Conflict('account.exists')``: a clerk who has the card before them may know.
        """
        if identity.phone is None:
            raise Conflict("phone.missing")
        if self.accounts.has_any(identity.id_numbers):
            raise Conflict("account.exists")
        issued = self.activations.issue(
            identity, clerk=clerk.id, post_office=clerk.post_office, now=now
        )
        days = (issued.expires_at - now).days
        message = {
            "to": identity.phone.e164,
            "text": self.text("activation", issued.code, days, ""),
            "expires_at": str(milliseconds(issued.expires_at)),
        }
        details = {"clerk": clerk.id, "office": clerk.post_office, "method": "vnpost"}
        with self.database.transaction() as connection:
            self.outbox.add(connection, "sms", message, now=now)
            self.audit.add(connection, AuditEvent(Event.ACCOUNT_ISSUED, now, details=details))
        return issued
