"""What we say about ourselves: our entity configuration (sections 3, 5.1.3, 9).

Signed with federation keys, which sign nothing else; made anew every minute, so that a rotated key
or a new trust mark is seen soon.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from idp.oidc.federation import jws
from idp.oidc.federation.errors import FederationError
from idp.oidc.federation.marks import MARK_TYP
from idp.oidc.federation.statements import TYP
from idp.oidc.keys import KeyRing
from idp.ports import Clock

SIGNING_ALG: Final = "ES256"
_FRESH = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class About:
    """Who we are in the federation."""

    issuer: str
    authority_hints: tuple[str, ...]
    anchors: tuple[str, ...]
    organization_name: str
    trust_marks: tuple[Path, ...]
    lifetime: timedelta


@dataclass(slots=True)
class OwnConfiguration:
    """Our statement about ourselves."""

    about: About
    keys: KeyRing
    clock: Clock
    provider: Mapping[str, Any]
    endpoints: Mapping[str, str] = field(default_factory=dict)
    _made: tuple[datetime, str] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def statement(self) -> str:
        """The signed statement, at most a minute old."""
        with self._lock:
            now = self.clock()
            if self._made is None or not timedelta() <= now - self._made[0] < _FRESH:
                self._made = (now, self._sign(int(now.timestamp())))
            return self._made[1]

    def sign(self, typ: str, claims: Mapping[str, Any]) -> str:
        """Sign something else that only a federation key may say."""
        return self.keys.sign(SIGNING_ALG, typ, claims)

    def _sign(self, now: int) -> str:
        about = self.about
        claims: dict[str, Any] = {
            "iss": about.issuer,
            "sub": about.issuer,
            "iat": now,
            "exp": now + int(about.lifetime.total_seconds()),
            "jwks": {"keys": msgspec.json.decode(self.keys.jwks)["keys"]},
            "metadata": {
                "openid_provider": self.provider,
                "federation_entity": {
                    "organization_name": about.organization_name,
                    **self.endpoints,
                },
            },
        }
        if about.authority_hints:
            claims["authority_hints"] = list(about.authority_hints)
            if about.anchors:
                claims["trust_anchor_hints"] = list(about.anchors)
        marks = read_marks(about.trust_marks, about.issuer, now=now)
        if marks:
            claims["trust_marks"] = marks
        return self.sign(TYP, claims)


def read_marks(files: Sequence[Path], issuer: str, *, now: int) -> list[dict[str, str]]:
    """The trust marks in files that are ours and have not expired."""
    found = []
    for path in files:
        try:
            mark = jws.read(path.read_text(encoding="ascii").strip(), MARK_TYP)
            kind, subject = mark.text("trust_mark_type"), mark.text("sub")
            is_over = "exp" in mark.claims and mark.moment("exp") <= now
        except (OSError, UnicodeDecodeError, FederationError):
            continue
        if subject == issuer and not is_over:
            found.append({"trust_mark_type": kind, "trust_mark": mark.token})
    return found
