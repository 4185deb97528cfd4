"""What every JWT that a client signs for us must say: who, for whom, when, and once.

Used for client assertions (RFC 7523), request objects (RFC 9101) and CIBA requests. Times may be
60 seconds off (FAPI 2.0 Security Profile, 5.3.2.1).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from idp.oidc.keys import read_object, unb64

SKEW = 60
_LONGEST_JTI, _LONGEST_TOKEN, _PARTS = 512, 32768, 3


@dataclass(frozen=True, slots=True)
class Times:
    """The moments of a JWT, in Unix seconds."""

    expires: int
    begins: int | None


def read_times(claims: Mapping[str, Any], *, now: int, longest: int) -> Times | None:
    """``exp``, ``nbf`` and ``iat`` if they hold now and the life is ``longest`` at most."""
    moments: dict[str, Any] = {name: claims.get(name) for name in ("exp", "nbf", "iat")}
    if any(value is not None and not _is_number(value) for value in moments.values()):
        return None
    if moments["exp"] is None:
        return None
    expires = int(moments["exp"])
    starts = [int(value) for name in ("nbf", "iat") if (value := moments[name]) is not None]
    if expires <= now - SKEW or expires > now + longest + SKEW:
        return None
    if any(start > now + SKEW for start in starts):
        return None
    return Times(expires, starts[0] if starts else None)


def is_for(claims: Mapping[str, Any], audiences: Collection[str]) -> bool:
    """Whether ``aud``, a text or a list of texts, names one of ``audiences``."""
    found = claims.get("aud")
    if isinstance(found, str):
        return found in audiences
    return isinstance(found, list) and any(
        isinstance(each, str) and each in audiences for each in found
    )


def once(claims: Mapping[str, Any], client_id: str) -> bytes | None:
    """The key under which ``jti`` of this client is used up, None without a usable ``jti``."""
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_JTI:
        return None
    return hashlib.sha256(f"{client_id}\0{jti}".encode()).digest()


def kept_until(expires: int) -> datetime:
    """Until when a used JWT must be remembered."""
    return datetime.fromtimestamp(expires, UTC) + timedelta(seconds=2 * SKEW)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**53


def unchecked_claims(token: str) -> dict[str, Any]:
    """The claims of a JWT before its signature is checked: only to find whose key to check with."""
    parts = token.split(".")
    if len(token) > _LONGEST_TOKEN or len(parts) != _PARTS:
        return {}
    try:
        return read_object(unb64(parts[1])) or {}
    except ValueError:
        return {}
