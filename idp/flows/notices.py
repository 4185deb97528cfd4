"""What happened is written down and told: one call for the history line and for the messages.

Every security event goes to all confirmed channels of its owner (security.md, rule 7), in the
owner's language, through the outbox, in the transaction of the change. A message carries a signed
link that can freeze the account and nothing else: it never signs anybody in.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from idp.domain.events import AuditEvent
from idp.domain.subjects import EmailAddress, PhoneNumber
from idp.storage.accounts import AccountStore
from idp.storage.audit import AuditStore
from idp.storage.models import milliseconds
from idp.storage.outbox import OutboxStore
from idp.storage.vault import Vault

LINK_LIVES = timedelta(days=7)
_MESSAGE_LIVES = timedelta(days=1)
_MAC = 16


@dataclass(frozen=True, slots=True)
class Wording:
    """One notice in one language: the short message, and the letter."""

    short: str
    subject: str
    letter: str


NoticeText = Callable[[str, str, datetime, Mapping[str, str]], Wording]
"""Language, event, moment and values (among them ``link``) to the words."""


@dataclass(frozen=True, slots=True)
class Extra:
    """Who is told beside the account's own channels, and what the words mention.

    ``variant`` names other words for the same event: why it came to pass.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    phones: tuple[PhoneNumber, ...] = ()
    mailboxes: tuple[EmailAddress, ...] = ()
    letters_only: bool = False
    variant: str = ""


@dataclass(frozen=True, slots=True)
class Notices:
    """Writes history and messages."""

    accounts: AccountStore
    audit: AuditStore
    outbox: OutboxStore
    vault: Vault
    text: NoticeText
    issuer: str

    def tell(self, connection: Connection, event: AuditEvent, extra: Extra | None = None) -> None:
        """Write ``event`` into the history and tell its owner, in this transaction."""
        extra = extra or Extra()
        self.audit.add(connection, event)
        if event.account_id is None:
            return
        contacts = self.accounts.contacts(connection, event.account_id)
        link = f"{self.issuer}/not-me/{self.link(event.account_id, now=event.at)}"
        values = {"ip": event.details.get("ip", "–"), **extra.values, "link": link}
        what = f"{event.event}.{extra.variant}" if extra.variant else event.event
        words = self.text(contacts.language, what, event.at, values)
        until = str(milliseconds(event.at + _MESSAGE_LIVES))
        if not extra.letters_only:
            for phone in dict.fromkeys((*contacts.phones, *extra.phones)):
                message = {"to": phone.e164, "text": words.short, "expires_at": until}
                self.outbox.add(connection, "sms", message, now=event.at)
        mailboxes = (*((contacts.email,) if contacts.email else ()), *extra.mailboxes)
        for mailbox in dict.fromkeys(mailboxes):
            letter = {
                "to": mailbox.value,
                "subject": words.subject,
                "text": words.letter,
                "expires_at": until,
            }
            self.outbox.add(connection, "mail", letter, now=event.at)

    def pretend(self, connection: Connection, event: AuditEvent) -> None:
        """What ``tell`` does for somebody, about nobody: the same work (security rule 6)."""
        self.audit.add(connection, event)
        self.accounts.no_contacts(connection)
        until = str(milliseconds(event.at + _MESSAGE_LIVES))
        message = {"text": "-" * 160, "expires_at": until}
        self.outbox.add(connection, "decoy", message, now=event.at)

    # --- "Không phải tôi" -----------------------------------------------------------------------

    def link(self, account_id: UUID, *, now: datetime) -> str:
        """The signed part of a link: whose account, and since when."""
        body = account_id.bytes + int(now.timestamp()).to_bytes(5, "big")
        signed = body + self._mac(body)
        return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()

    def read_link(self, text: str, *, now: datetime) -> tuple[UUID, datetime] | None:
        """Whose account a link is about and of when it is, to the second, while it lives."""
        try:
            signed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except ValueError:
            return None
        body, mac = signed[:-_MAC], signed[-_MAC:]
        if len(body) != _BODY or not hmac.compare_digest(mac, self._mac(body)):
            return None
        made_at = int.from_bytes(body[16:], "big")
        is_live = timedelta(0) <= timedelta(seconds=now.timestamp() - made_at + 60) <= LINK_LIVES
        if not is_live:
            return None
        return UUID(bytes=body[:16]), datetime.fromtimestamp(made_at, now.tzinfo)

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self.vault.key("not-me"), body, "sha256")[:_MAC]


_BODY = 21
