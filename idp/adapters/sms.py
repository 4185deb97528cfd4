"""The SMS gateway (wire contract: ``docs/openapi/sms.yaml``)."""

from __future__ import annotations

import msgspec

from idp.adapters.http import Caller
from idp.config import System, Tls
from idp.domain.subjects import PhoneNumber
from idp.metrics import Meter

NAME = "sms"


class _Accepted(msgspec.Struct):
    message_id: str


class SmsAdapter:
    """Hands messages over by HTTP."""

    def __init__(
        self, system: System, tls: Tls, *, sender: str, meter: Meter | None = None
    ) -> None:
        self._caller, self._sender = Caller(NAME, system, tls, meter), sender

    def send(self, *, to: PhoneNumber, text: str, idempotency_key: str) -> str:
        """Hand one message over; answers the gateway's message id."""
        body = {"to": to.e164, "text": text, "sender": self._sender}
        headers = {"Idempotency-Key": idempotency_key}
        return self._caller.post("/sms/v1/messages", body, _Accepted, headers=headers).message_id
