"""Codes by SMS or letter: sent through the outbox, counted before they are compared, used once."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from idp import config
from idp.domain import otp
from idp.domain.errors import Conflict
from idp.domain.ids import uuid7
from idp.domain.subjects import EmailAddress, PhoneNumber
from idp.flows.answers import Said, Visitor
from idp.flows.limits import Limits
from idp.metrics import CODES, Meter
from idp.storage.database import Database
from idp.storage.models import milliseconds, moment
from idp.storage.otps import OtpState, OtpStore, Try
from idp.storage.outbox import OutboxStore
from idp.storage.transactions import Stored, TransactionStore
from idp.storage.vault import Vault

SmsText = Callable[[str, str, int, str], str]
"""Purpose, code, minutes and portal to the message's text."""

LetterText = Callable[[str, str, int], tuple[str, str]]
"""Purpose, code and minutes to subject and text of a letter."""

Target = PhoneNumber | EmailAddress
"""Where a code goes."""


class SentCode(msgspec.Struct, frozen=True):
    """A code on its way, as a transaction remembers it."""

    otp_id: str
    to: str
    purpose: str
    sent_at: int
    expires_at: int

    @property
    def number(self) -> PhoneNumber:
        """The phone it went to."""
        return PhoneNumber(self.to)

    @property
    def target(self) -> Target:
        """Where it went."""
        return EmailAddress(self.to) if "@" in self.to else PhoneNumber(self.to)

    @property
    def expiry(self) -> datetime:
        """When it dies."""
        return moment(self.expires_at)


Keep = Callable[[SentCode], bytes]
"""A code to the state of the journey that remembers it."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A code on its way, and its journey as it is kept now."""

    code: SentCode
    stored: Stored


@dataclass(frozen=True, slots=True)
class Codes:
    """Sends and checks codes for every flow."""

    database: Database
    store: OtpStore
    transactions: TransactionStore
    outbox: OutboxStore
    vault: Vault
    limits: Limits
    settings: config.Otp
    text: SmsText
    letter: LetterText
    meter: Meter = field(default_factory=Meter)

    def resend_at(self, sent: SentCode) -> datetime:
        """From when on another one may be asked for."""
        return moment(sent.sent_at) + timedelta(seconds=self.settings.resend_after)

    def wait(self, sent: SentCode, *, now: datetime) -> Said | None:
        """What to tell when it is too early to send another one."""
        seconds = (self.resend_at(sent) - now).total_seconds()
        return Said("notice.resend_wait", {"n": max(1, round(seconds))}) if seconds > 0 else None

    def delay(self) -> Said | None:
        """What to tell whoever waits for a message while the gateway fails."""
        return Said("notice.sms_down") if self.outbox.is_stuck("sms") else None

    def send(  # noqa: PLR0913  keywords: what a code is bound to
        self,
        to: Target,
        *,
        purpose: str,
        stored: Stored,
        keep: Keep,
        portal: str,
        visitor: Visitor,
        now: datetime,
    ) -> Sent | Said:
        """Send a new code, voiding earlier ones; or say why not.

        The journey remembers it in the same database transaction: of a form that is posted twice
        at once, one sends a code and the other raises ``Conflict``.
        """
        address = _address(to)
        refusal = self.limits.before_message(address, purpose, visitor, now=now)
        if refusal:
            self.meter.count(CODES, purpose, "throttled")
            return refusal
        code = otp.new_code()
        kind, message = self._message(to, code, purpose, portal)
        try:
            sent = self._issue(address, code, purpose, (stored, keep), (kind, message), now=now)
        except Conflict:
            self.limits.after_unsent(address, purpose, visitor, now=now)
            raise
        self.meter.count(CODES, purpose, "sent")
        return sent

    def pretend(self, *, purpose: str, stored: Stored, keep: Keep, now: datetime) -> Sent:
        """What ``send`` does, for nobody: the same work, and no code that anybody knows.

        A page that must not tell whether an account exists goes on with it (security rule 6).
        """
        nobody = f"nobody {uuid7(now).hex}"
        message = ("decoy", {"text": "-" * 160})
        return self._issue(nobody, otp.new_code(), purpose, (stored, keep), message, now=now)

    def _message(
        self, to: Target, code: str, purpose: str, portal: str
    ) -> tuple[str, dict[str, str]]:
        minutes = self.settings.ttl // 60
        if isinstance(to, PhoneNumber):
            return "sms", {"to": to.e164, "text": self.text(purpose, code, minutes, portal)}
        subject, text = self.letter(purpose, code, minutes)
        return "mail", {"to": to.value, "subject": subject, "text": text}

    def _issue(  # noqa: PLR0913  what a code is bound to
        self,
        address: str,
        code: str,
        purpose: str,
        journey: tuple[Stored, Keep],
        message: tuple[str, dict[str, str]],
        *,
        now: datetime,
    ) -> Sent:
        otp_id = uuid7(now)
        expires_at = now + timedelta(seconds=self.settings.ttl)
        (stored, keep), (kind, payload) = journey, message
        sent = SentCode(otp_id.hex, address, purpose, milliseconds(now), milliseconds(expires_at))
        with self.database.transaction() as connection:
            kept = self.transactions.save_with(connection, stored, keep(sent))
            self.store.issue(
                connection,
                otp_id=otp_id,
                purpose=purpose,
                transaction_id=stored.id,
                digest=self._digest(code, purpose, stored.id, address),
                now=now,
                expires_at=expires_at,
            )
            payload = {**payload, "expires_at": str(milliseconds(expires_at))}
            self.outbox.add(connection, kind, payload, now=now)
        return Sent(sent, kept)

    def check(
        self, sent: SentCode, typed: str, *, transaction_id: UUID, owner: str, now: datetime
    ) -> Said | None:
        """What to tell when the code is not right; None when it is, for the first time."""
        fault = self._check(sent, typed, transaction_id=transaction_id, owner=owner, now=now)
        outcome = fault.key.rpartition(".")[2] if fault else "right"
        self.meter.count(CODES, sent.purpose, outcome)
        return fault

    def _check(
        self, sent: SentCode, typed: str, *, transaction_id: UUID, owner: str, now: datetime
    ) -> Said | None:
        if not typed:
            return Said("error.otp.form")
        otp_id = UUID(hex=sent.otp_id)
        tried = self.store.count_try(otp_id, now=now, max_tries=self.settings.tries)
        if isinstance(tried, OtpState):
            # Nothing is compared any more, so it is no guess that counts for the day.
            return Said(f"error.otp.{tried.value}")
        refusal = self.limits.before_code(owner, now=now)
        if refusal:
            return refusal
        fault = self._compare(sent, tried, typed, transaction_id=transaction_id, now=now)
        if fault is None:
            self.limits.after_right_code(owner)
        return fault

    def _compare(
        self, sent: SentCode, tried: Try, typed: str, *, transaction_id: UUID, now: datetime
    ) -> Said | None:
        expected = self._digest(typed, sent.purpose, transaction_id, sent.to)
        if not hmac.compare_digest(tried.digest, expected):
            key = "error.otp.wrong" if tried.left else "error.otp.spent"
            return Said(key, {"n": tried.left} if tried.left else {})
        if not self.store.use(UUID(hex=sent.otp_id), now=now):
            return Said("error.otp.void")
        return None

    def _digest(self, code: str, purpose: str, transaction_id: UUID, address: str) -> bytes:
        key = self.vault.key("otp")
        transaction = transaction_id.hex
        return otp.digest(key, code=code, purpose=purpose, transaction=transaction, phone=address)


def _address(to: Target) -> str:
    return to.e164 if isinstance(to, PhoneNumber) else to.value
