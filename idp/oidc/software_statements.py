"""Software statements: what somebody we trust says about a client (RFC 7591, 2.3).

Whom we trust is an operator's decision: ``keys/trust/software/<name>.toml`` with the issuer's name
and keys. What a statement says goes before what the client says (2.3), and may say no more than a
client may say of itself. A statement is no secret and serves any number of installations of one
program, so it proves nothing about who sends it: whether it opens the door is the issuer's
``admits``, and the addresses of a client should stand in it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from idp.domain.clients import Metadata, SigningAlg
from idp.domain.errors import ConfigError
from idp.oidc.assertions import SKEW, is_for, unchecked_claims
from idp.oidc.client_keys import fits, is_strong, open_signed, read_header, type_of
from idp.oidc.client_metadata import InvalidMetadata
from idp.oidc.keys import read_object

MEMBER: Final = "software_statement"
_FOLDER: Final = ("trust", "software")
_ABOUT_THE_JWT: Final = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti", MEMBER})
_TYPES: Final = frozenset({"jwt", "software-statement+jwt"})
_REGISTRY = JWSRegistry(algorithms=list(SigningAlg), strict_check_header=False)
_REGISTRY.max_header_length = 8192
_REGISTRY.max_payload_length = 32768


@dataclass(frozen=True, slots=True)
class StatementIssuer:
    """Whom we believe about programs. ``admits``: its statement registers without a token."""

    issuer: str
    keys: KeySet
    admits: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that holds: its text, who made it, and what it says about the client."""

    token: str
    issuer: StatementIssuer
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class SoftwareStatements:
    """Reads statements."""

    our_issuer: str
    issuers: Mapping[str, StatementIssuer] = field(default_factory=dict)

    def read(self, token: object, *, now: int) -> Statement:
        """The statement. Raises ``InvalidMetadata`` with one of the two codes of section 3.2.2."""
        claims, statement = self._open(token)
        self._check(claims, now)
        return statement

    def reread(self, token: object) -> Statement:
        """One that a client registered with: it may be over, its issuer must still be trusted."""
        return self._open(token)[1]

    def _open(self, token: object) -> tuple[dict[str, Any], Statement]:
        header = read_header(token) if isinstance(token, str) else None
        if header is None or not isinstance(token, str):
            raise _invalid("this is no signed JWT")
        claims = unchecked_claims(token)
        issuer = claims.get("iss")
        if not isinstance(issuer, str) or not issuer:
            raise _invalid("iss is missing")
        if issuer not in self.issuers:
            raise InvalidMetadata("unapproved_software_statement", "its issuer is not trusted here")
        trusted = self.issuers[issuer]
        verified = _verified(token, header, trusted.keys)
        if verified is None:
            raise _invalid("it is not signed by its issuer")
        said = {name: value for name, value in verified.items() if name not in _ABOUT_THE_JWT}
        return verified, Statement(token, trusted, said)

    def _check(self, claims: Mapping[str, Any], now: int) -> None:
        """Times and audience hold where they are given: the RFC demands neither."""
        if "aud" in claims and not is_for(claims, (self.our_issuer,)):
            raise _invalid("it is for somebody else")
        moments = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
        if not all(_is_moment(value) for value in moments.values()):
            raise _invalid("a time is no number")
        if moments.get("exp", now) <= now - SKEW:
            raise _invalid("it is over")
        if any(moments.get(name, now) > now + SKEW for name in ("nbf", "iat")):
            raise _invalid("it is not valid yet")


def load(keys: Path) -> Mapping[str, StatementIssuer]:
    """Every pinned issuer. Raises ``ConfigError`` with every bad file."""
    problems: list[str] = []
    found: dict[str, StatementIssuer] = {}
    for path in sorted(keys.joinpath(*_FOLDER).glob("*.toml")):
        try:
            issuer = _read(path)
        except (OSError, ValueError, TypeError, JoseError) as error:
            problems.append(f"{path}: {error}")
        else:
            found[issuer.issuer] = issuer
    if problems:
        raise ConfigError(problems)
    return found


class _File(msgspec.Struct, forbid_unknown_fields=True):
    issuer: str
    jwks: str = ""
    jwks_file: str = ""
    admits: bool = False


def _read(path: Path) -> StatementIssuer:
    given = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File)
    if bool(given.jwks) == bool(given.jwks_file):
        raise ValueError("either jwks or jwks_file is needed")
    text = given.jwks or (path.parent / given.jwks_file).read_text(encoding="utf-8")
    plain = read_object(text.encode())
    if not given.issuer or plain is None:
        raise ValueError("issuer and a set of keys are needed")
    keys = KeySet.import_key_set(plain)  # type: ignore[arg-type]  # JSON
    if not keys.keys or not all(_is_public(key) for key in keys.keys):
        raise ValueError("public keys of 2048 bits or more, or of an elliptic curve, are needed")
    return StatementIssuer(given.issuer, keys, given.admits)


def _is_public(key: Any) -> bool:  # noqa: ANN401  the library's union of keys
    return key.key_type != "oct" and not key.is_private and is_strong(key)


def _verified(token: str, header: Mapping[str, Any], keys: KeySet) -> dict[str, Any] | None:
    """The claims, if a key of the issuer signed them; the header only chooses among its keys."""
    alg, kid = header.get("alg"), header.get("kid")
    if alg not in set(SigningAlg) or "crit" in header or type_of(header) not in _TYPES:
        return None
    for key in keys.keys:
        if fits(key, str(alg)) and (kid is None or kid == key.kid):
            claims = open_signed(token, key, _REGISTRY)
            if claims is not None:
                return claims
    return None


def _is_moment(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1 << 53


def _invalid(detail: str) -> InvalidMetadata:
    return InvalidMetadata("invalid_software_statement", detail)
