"""A member of the federation: its key, and what it says about itself (sections 3 and 9)."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx2 as httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet
from joserfc.jws import extract_compact

STATEMENT_TYP: Final = "entity-statement+jwt"
STATEMENT_TYPE: Final = f"application/{STATEMENT_TYP}"
WELL_KNOWN: Final = "/.well-known/openid-federation"
LIVES_SECONDS: Final = 3600
_ALGORITHMS: Final = ["ES256", "RS256", "PS256", "EdDSA"]
_LEEWAY_SECONDS = 60
Json = dict[str, Any]


class NotTrusted(Exception):
    """A statement that cannot be believed, or that did not come; the text is for developers."""


def new_or_kept(folder: Path | None, name: str) -> ECKey:
    """A private key; kept in ``folder``, so that what was signed holds after a restart."""
    path = folder / f"{name}.json" if folder else None
    if path and path.exists():
        return ECKey.import_key(json.loads(path.read_text()))
    key = ECKey.generate_key("P-256", auto_kid=True)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(key.as_dict(private=True), file)
    return key


@dataclass(frozen=True, slots=True)
class Entity:
    """Somebody who signs for themselves. ``more`` is read anew for each statement."""

    id: str
    name: str
    key: ECKey
    superiors: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    more: Callable[[], Json] = dict

    @property
    def jwks(self) -> Json:
        """The public key."""
        return {"keys": [self.key.as_dict(private=False)]}

    def configuration(self) -> str:
        """What it says about itself."""
        hints = {"authority_hints": list(self.superiors)} if self.superiors else {}
        said = {"jwks": self.jwks, "metadata": dict(self.metadata), **hints, **self.more()}
        return self.sign(STATEMENT_TYP, {"sub": self.id, **said})

    def sign(self, typ: str, claims: Json) -> str:
        """Something signed by it, good for an hour."""
        now = int(time.time())
        body = {"iss": self.id, "iat": now, "exp": now + LIVES_SECONDS, **claims}
        return jwt.encode({"alg": "ES256", "kid": self.key.kid, "typ": typ}, body, self.key)


# --- reading what others say ----------------------------------------------------------------------


def fetch_configuration(http: httpx.Client, entity_id: str) -> Json:
    """What an entity says about itself, proven by its own key. Raises ``NotTrusted``."""
    token = fetch(http, f"{entity_id.rstrip('/')}{WELL_KNOWN}")
    claims = verified(token, None)
    if claims.get("iss") != entity_id or claims.get("sub") != entity_id:
        raise NotTrusted(f"{entity_id}: the statement is about somebody else")
    return claims


def fetch(http: httpx.Client, address: str, **query: str) -> str:
    """A statement from an address. Raises ``NotTrusted``."""
    try:
        answer = http.get(address, params=query or None, headers={"Accept": STATEMENT_TYPE})
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotTrusted(f"{address}: {type(error).__name__}") from error
    if answer.status_code != httpx.codes.OK or answer.headers["Content-Type"] != STATEMENT_TYPE:
        raise NotTrusted(f"{address}: HTTP {answer.status_code}")
    return answer.text


def verified(token: str, keys: Json | None) -> Json:
    """The claims of a statement; without ``keys``, its own prove it. Raises ``NotTrusted``."""
    try:
        trusted: Any = keys or _own_keys(token)
        found = jwt.decode(token, KeySet.import_key_set(trusted), algorithms=_ALGORITHMS)
        rules = jwt.JWTClaimsRegistry(
            now=lambda: int(time.time()), leeway=_LEEWAY_SECONDS,
            exp={"essential": True}, iat={"essential": True},
        )  # fmt: skip
        rules.validate(found.claims)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise NotTrusted(str(error)) from error
    if found.header.get("typ") != STATEMENT_TYP:
        raise NotTrusted("another typ")
    return dict(found.claims)


def _own_keys(token: str) -> Json:
    claims = json.loads(extract_compact(token.encode()).payload)
    keys: Json = claims["jwks"]
    return keys
