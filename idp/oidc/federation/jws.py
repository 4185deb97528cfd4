"""Signed JWTs of a federation: read strictly, checked with keys that somebody else vouched for.

The algorithm is one of ours and fits the key; ``kid`` names exactly one key; ``crit`` in the header
and a second value for one name are refused (RFC 8725; RFC 8259, section 4). A key is never taken
from the header.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet
from joserfc.jws import JWSRegistry

from idp.oidc.client_keys import is_strong
from idp.oidc.federation.errors import broken
from idp.oidc.keys import unb64

ALGORITHMS: Final = ("ES256", "RS256", "PS256", "EdDSA", "Ed25519")
_KEY_TYPES: Final = {
    "ES256": ("EC", "P-256"), "RS256": ("RSA", None), "PS256": ("RSA", None),
    "EdDSA": ("OKP", "Ed25519"), "Ed25519": ("OKP", "Ed25519"),
}  # fmt: skip
LONGEST: Final = 65536
_MOST_KEYS, _PARTS, _RSA_BITS = 20, 3, 2048
# A header of a request object carries a whole chain: names are not limited, algorithms are.
_REGISTRY = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
_REGISTRY.max_header_length = LONGEST
_REGISTRY.max_payload_length = LONGEST
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unverified:
    """A JWT whose signature nobody checked: good for choosing a key, for nothing else."""

    token: str
    header: Json
    claims: Json

    def text(self, name: str) -> str:
        """A claim that must be a text. Raises ``FederationError``."""
        value = self.claims.get(name)
        if not isinstance(value, str) or not value:
            raise broken(f"{name} is missing")
        return value

    def moment(self, name: str) -> int:
        """A claim that must be a time. Raises ``FederationError``."""
        value = self.claims.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise broken(f"{name} is missing")
        if not 0 < value < 1 << 53:
            raise broken(f"{name} is no time")
        return int(value)


def read(token: object, typ: str) -> Unverified:
    """Take a compact JWS of that type apart. Raises ``FederationError``."""
    if not isinstance(token, str) or len(token) > LONGEST or not token.isascii():
        raise broken("this is no JWT")
    parts = token.split(".")
    if len(parts) != _PARTS or not all(parts):
        raise broken("this is no signed JWT")
    try:
        header, claims = (strict_json(unb64(part)) for part in parts[:2])
    except ValueError:
        raise broken("this is no JWT") from None
    if header.get("typ") != typ:
        raise broken(f"typ must be {typ}")
    if header.get("alg") not in ALGORITHMS:
        raise broken("alg is not accepted")
    if "crit" in header or "b64" in header:
        raise broken("the header has something critical")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise broken("kid is missing")
    return Unverified(token, header, claims)


def verify(found: Unverified, keys: KeySet) -> None:
    """Check the signature with the one key that ``kid`` names. Raises ``FederationError``."""
    alg = str(found.header["alg"])
    key = _choose(keys, str(found.header["kid"]), alg)
    try:
        jws.deserialize_compact(found.token, key, registry=_REGISTRY)
    except (JoseError, ValueError, TypeError):
        raise broken("the signature is wrong") from None


def key_set(value: object) -> KeySet:
    """Public keys with unique ids (section 3.1.1). Raises ``FederationError``."""
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or not 0 < len(keys) <= _MOST_KEYS:
        raise broken("jwks is no set of keys")
    kids = [key.get("kid") if isinstance(key, dict) else None for key in keys]
    if not all(isinstance(kid, str) and kid for kid in kids) or len(set(kids)) != len(kids):
        raise broken("jwks needs a kid of its own for every key")
    if any(_is_short(key) for key in keys):
        raise broken("jwks has an RSA key that is too short")
    try:
        found = KeySet.import_key_set({"keys": keys})
        secret = any(key.key_type == "oct" or key.is_private for key in found.keys)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise broken("jwks is no set of keys") from None
    if secret:
        raise broken("jwks holds a secret key")
    if not all(map(is_strong, found.keys)):
        raise broken("jwks has an RSA key of a size that nobody needs")
    return found


def strict_json(data: bytes) -> Json:
    """A JSON object without a name twice and without NaN. Raises ``ValueError``."""
    try:
        found = json.loads(data, object_pairs_hook=_once, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("too deep") from None
    if not isinstance(found, dict):
        raise ValueError("no object")  # noqa: TRY004  one kind of failure for the caller
    return found


def _choose(keys: KeySet, kid: str, alg: str) -> Key:
    kind, curve = _KEY_TYPES[alg]
    for key in keys.keys:
        about: Mapping[str, Any] = key.as_dict()
        if key.kid != kid:
            continue
        fits = key.key_type == kind and about.get("alg", alg) == alg
        if fits and about.get("use", "sig") == "sig" and curve in (None, about.get("crv")):
            return key
        raise broken("the key does not fit alg")
    raise broken("kid is unknown")


def _is_short(key: Mapping[str, Any]) -> bool:
    """RFC 8725, 3.5; before a library reads it."""
    if key.get("kty") != "RSA":
        return False
    try:
        return int.from_bytes(unb64(str(key["n"])), "big").bit_length() < _RSA_BITS
    except (KeyError, ValueError):
        return True


def _once(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
