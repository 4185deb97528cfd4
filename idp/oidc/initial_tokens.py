"""Initial access tokens: who holds one may register so many clients (RFC 7591, 3; Appendix A.1)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from idp.domain.ids import uuid7
from idp.oidc.keys import b64, unb64
from idp.storage.single_use import SingleUse

_MOST_USES: Final = 1000


class _Initial(msgspec.Struct, frozen=True):
    """An initial access token: good until ``exp`` for ``uses`` clients."""

    id: str
    exp: int
    uses: int


@dataclass(frozen=True, slots=True)
class InitialTokens:
    """Issues them and uses them up; nothing is kept but what was used."""

    key: bytes
    single_use: SingleUse

    def issue(self, *, uses: int, life: timedelta, now: datetime) -> str:
        """A token that registers ``uses`` clients within ``life``."""
        until = int((now + life).timestamp())
        token = _Initial(uuid7(now).hex, until, min(uses, _MOST_USES))
        body = msgspec.msgpack.encode(token)
        return b64(body + hmac.digest(self.key, body, "sha256"))

    def spend(self, text: str, *, now: datetime) -> bool:
        """Whether it is good for one client more; it is for one less then."""
        token = self._read(text)
        if token is None or token.exp <= now.timestamp():
            return False
        until = datetime.fromtimestamp(token.exp, UTC)
        spend, place = self.single_use.spend, UUID(hex=token.id).bytes
        return any(
            spend("initial_token", place + number.to_bytes(2, "big"), expires_at=until)
            for number in range(token.uses)
        )

    def _read(self, text: str) -> _Initial | None:
        try:
            raw = unb64(text)
            body, mac = raw[:-32], raw[-32:]
            if not hmac.compare_digest(mac, hmac.digest(self.key, body, "sha256")):
                return None
            return msgspec.msgpack.decode(body, type=_Initial)
        except (ValueError, msgspec.DecodeError):
            return None
