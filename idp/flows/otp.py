"""Codes by SMS: sent through the outbox, counted before they are compared, used once."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from idp import config
from idp.domain import otp
from idp.domain.ids import uuid7
from idp.domain.subjects import PhoneNumber
from idp.flows.answers import Said, Visitor
from idp.flows.limits import Limits
from idp.storage.database import Database
from idp.storage.models import milliseconds, moment
from idp.storage.otps import OtpState, OtpStore, Try
from idp.storage.outbox import OutboxStore
from idp.storage.vault import Vault

SmsText = Callable[[str, str, int, str], str]
"""Purpose, code, minutes and portal to the message's text."""


class SentCode(msgspec.Struct, frozen=True):
    """A code on its way, as a transaction remembers it."""

    otp_id: str
    phone: str
    purpose: str
    sent_at: int
    expires_at: int

    @property
    def number(self) -> PhoneNumber:
        """Where it went."""
        return PhoneNumber(self.phone)

    @property
    def expiry(self) -> datetime:
        """When it dies."""
        return moment(self.expires_at)


@dataclass(frozen=True, slots=True)
class Codes:
    """Sends and checks codes for every flow."""

    database: Database
    store: OtpStore
    outbox: OutboxStore
    vault: Vault
    limits: Limits
    settings: config.Otp
    text: SmsText

    def resend_at(self, sent: SentCode) -> datetime:
        """From when on another one may be asked for."""
        return moment(sent.sent_at) + timedelta(seconds=self.settings.resend_after)

    def send(  # noqa: PLR0913  keywords: what a code is bound to
        self,
        phone: PhoneNumber,
        *,
        purpose: str,
        transaction_id: UUID,
        portal: str,
        visitor: Visitor,
        now: datetime,
    ) -> SentCode | Said:
        """Send a new code, voiding earlier ones; or say why not."""
        refusal = self.limits.before_sms(phone, visitor, now=now)
        if refusal:
            return refusal
        code, otp_id = otp.new_code(), uuid7(now)
        expires_at = now + timedelta(seconds=self.settings.ttl)
        text = self.text(purpose, code, self.settings.ttl // 60, portal)
        message = {
            "to": phone.e164,
            "text": text,
            "expires_at": str(milliseconds(expires_at)),
        }
        with self.database.transaction() as connection:
            self.store.issue(
                connection,
                otp_id=otp_id,
                purpose=purpose,
                transaction_id=transaction_id,
                digest=self._digest(code, purpose, transaction_id, phone),
                now=now,
                expires_at=expires_at,
            )
            self.outbox.add(connection, "sms", message, now=now)
        sent_at = milliseconds(now)
        return SentCode(otp_id.hex, phone.e164, purpose, sent_at, milliseconds(expires_at))

    def check(
        self, sent: SentCode, typed: str, *, transaction_id: UUID, owner: str, now: datetime
    ) -> Said | None:
        """What to tell when the code is not right; None when it is, for the first time."""
        if not typed:
            return Said("error.otp.form")
        refusal = self.limits.before_code(owner, now=now)
        if refusal:
            return refusal
        otp_id = UUID(hex=sent.otp_id)
        tried = self.store.count_try(otp_id, now=now, max_tries=self.settings.tries)
        if isinstance(tried, OtpState):
            return Said(f"error.otp.{tried.value}")
        fault = self._compare(sent, tried, typed, transaction_id=transaction_id, now=now)
        if fault is None:
            self.limits.after_right_code(owner)
        return fault

    def _compare(
        self, sent: SentCode, tried: Try, typed: str, *, transaction_id: UUID, now: datetime
    ) -> Said | None:
        expected = self._digest(typed, sent.purpose, transaction_id, sent.number)
        if not hmac.compare_digest(tried.digest, expected):
            key = "error.otp.wrong" if tried.left else "error.otp.spent"
            return Said(key, {"n": tried.left} if tried.left else {})
        if not self.store.use(UUID(hex=sent.otp_id), now=now):
            return Said("error.otp.void")
        return None

    def _digest(self, code: str, purpose: str, transaction_id: UUID, phone: PhoneNumber) -> bytes:
        key = self.vault.key("otp")
        transaction = transaction_id.hex
        return otp.digest(
            key, code=code, purpose=purpose, transaction=transaction, phone=phone.e164
        )
