"""Không phải tôi: whoever gets our notices can stop everything, without signing in.

Freezing ends every session and token, undoes a phone replaced in the last day, and leads to the
recovery of the account. It never opens anything.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from idp import config
from idp.domain.accounts import Attribute
from idp.domain.events import AuditEvent, Event
from idp.flows.answers import Visitor
from idp.flows.notices import Extra, Notices
from idp.storage.database import Database
from idp.storage.owners import OwnerStore
from idp.storage.phones import PhoneStore
from idp.storage.recoveries import RecoveryStore


@dataclass(frozen=True, slots=True)
class FreezingFlow:
    """Freezes accounts for their owners."""

    database: Database
    owners: OwnerStore
    phones: PhoneStore
    notices: Notices
    settings: config.Account
    recoveries: RecoveryStore

    def find(self, link: str, *, now: datetime) -> UUID | None:
        """Whose account the link of a notice is about, while it lives.

        A counter that has seen the card decides whose the account is: links of before are void, or
        whoever took the phone could freeze it again and again with the messages on it.
        """
        found = self.notices.read_link(link, now=now)
        if found is None:
            return None
        account_id, made_at = found
        recovered_at = self.recoveries.last_used(account_id)
        is_void = recovered_at is not None and made_at < recovered_at.replace(microsecond=0)
        return None if is_void else account_id

    def freeze(
        self,
        account_id: UUID,
        why: str,
        visitor: Visitor,
        *,
        lost: Collection[UUID] = (),
        now: datetime,
    ) -> None:
        """Let nobody in until the owner has recovered the account. Doing it twice is once.

        ``lost`` are phones that the owner has no more: whoever has them does not get the account
        back with them. They hear of it this last time, should somebody else say so.
        """
        since = now - timedelta(seconds=self.settings.hold)
        with self.database.transaction() as connection:
            back, moved = self.phones.restore(connection, account_id, since=since, now=now)
            is_new = self.owners.freeze(connection, account_id, now=now)
            details = {"ip": visitor.ip, "reason": why}
            for number in back:
                contact = {"what": Attribute.CONTACT_PHONE} if moved and number is back[-1] else {}
                restored = AuditEvent(
                    Event.PHONE_RESTORED, now, account_id, details={**details, **contact}
                )
                self.notices.tell(connection, restored, Extra({"phone": number.masked}))
            if is_new:
                frozen = AuditEvent(Event.ACCOUNT_FROZEN, now, account_id, details=details)
                self.notices.tell(connection, frozen)
            if self.phones.report_lost(connection, account_id, lost, now=now):
                reported = AuditEvent(Event.PHONE_LOST, now, account_id, details=details)
                self.notices.audit.add(connection, reported)
