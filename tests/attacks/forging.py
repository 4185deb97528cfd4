"""Forged JWTs: the same claims as an honest one, signed by whoever attacks, or by nobody."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey, KeySet

from tests.support.house import House
from tests.support.portal_kit import b64, certificate, signed

Claims = dict[str, Any]
Forgery = Callable[[Claims, dict[str, Any], dict[str, Any]], str]
"""Claims, honest header and honest public key (a JWK) to a token."""

EVIL = ECKey.generate_key("P-256")
AT = "https://evil.example/keys"


def evil_jwk(**more: Any) -> dict[str, Any]:
    return {**EVIL.as_dict(private=False), **more}


def plain(claims: Claims, header: dict[str, Any], signature: str = "") -> str:
    return f"{_part(header)}.{_part(claims)}.{signature}"


def _part(value: object) -> str:
    return b64(json.dumps(value).encode())


def _hmac(claims: Claims, header: dict[str, Any], secret: bytes, alg: str = "HS256") -> str:
    message = f"{_part({**header, 'alg': alg})}.{_part(claims)}"
    digest = hmac.digest(secret, message.encode(), f"sha{alg[2:]}")
    return f"{message}.{b64(digest)}"


def _public(jwk: dict[str, Any], encoding: Encoding) -> bytes:
    key = KeySet.import_key_set({"keys": [jwk]}).keys[0]
    return key.public_key.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[union-attr]


def by_evil(**more: Any) -> Forgery:
    """Signed by the attacker, with this in the header."""

    def forge(claims: Claims, header: dict[str, Any], _jwk: dict[str, Any]) -> str:
        about = {**header, "alg": "ES256", **more}
        return signed(EVIL, {k: v for k, v in about.items() if v is not None}, _bytes(claims))

    return forge


def none(alg: object, signature: str = "") -> Forgery:
    return lambda claims, header, _jwk: plain(claims, {**header, "alg": alg}, signature)


def by_public_key(encoding: Encoding | None, alg: str = "HS256") -> Forgery:
    """The honest public key as a shared secret (RFC 8725, 2.1)."""

    def forge(claims: Claims, header: dict[str, Any], jwk: dict[str, Any]) -> str:
        secret = _public(jwk, encoding) if encoding else json.dumps(jwk).encode()
        return _hmac(claims, header, secret, alg)

    return forge


def by_secret(secret: bytes) -> Forgery:
    return lambda claims, header, _jwk: _hmac(claims, header, secret)


def _bytes(claims: Claims) -> bytes:
    return json.dumps(claims).encode()


def _encrypted(claims: Claims, header: dict[str, Any], _jwk: dict[str, Any], **more: Any) -> str:
    about = {**header, "alg": "dir", "enc": "A128GCM", **more}
    return f"{_part(about)}..{b64(b'0' * 12)}.{_part(claims)}.{b64(b'0' * 16)}"


def encrypted(**more: Any) -> Forgery:
    return lambda claims, header, jwk: _encrypted(claims, header, jwk, **more)


def _as_json(claims: Claims, header: dict[str, Any], jwk: dict[str, Any]) -> str:
    protected, payload, signature = by_evil()(claims, header, jwk).split(".")
    return json.dumps({"payload": payload, "protected": protected, "signature": signature})


_X5C = base64.b64encode(certificate("evil").der).decode()
_TWO_ALGS = b'{"alg":"ES256","alg":"none"}'
_NULL_SIGNATURE = b64(b"\0" * 64)

FORGERIES: dict[str, Forgery] = {
    "no signature": none("none"),
    "None": none("None"),
    "NONE": none("NONE"),
    "nOnE": none("nOnE"),
    "none with a signature": none("none", b64(b"x" * 64)),
    "none with a space": none("none "),
    "none with a zero byte": none("none\0"),
    "an empty alg": none(""),
    "alg null": none(None),
    "alg a number": none(0),
    "alg a list": none(["none"]),
    "alg an object": none({"alg": "none"}),
    "alg true": none(True),
    "no alg": lambda claims, header, _jwk: plain(
        claims, {k: v for k, v in header.items() if k != "alg"}
    ),
    "the honest alg and no signature": lambda claims, header, _jwk: plain(claims, header),
    "psychic signature of zeros": lambda claims, header, _jwk: plain(
        claims, {**header, "alg": "ES256"}, _NULL_SIGNATURE
    ),
    "a signature of zeros, RSA": lambda claims, header, _jwk: plain(
        claims, {**header, "alg": "RS256"}, b64(b"\0" * 256)
    ),
    "another key": by_evil(),
    "another key and no kid": by_evil(kid=None),
    "public key as secret, PEM": by_public_key(Encoding.PEM),
    "public key as secret, DER": by_public_key(Encoding.DER),
    "public key as secret, JWK": by_public_key(None),
    "public key as secret, HS384": by_public_key(Encoding.PEM, "HS384"),
    "public key as secret, HS512": by_public_key(Encoding.PEM, "HS512"),
    "empty secret": by_secret(b""),
    "zero secret": by_secret(b"\0"),
    "guessed secret": by_secret(b"secret"),
    "own key in jwk": by_evil(jwk=evil_jwk(), kid=None),
    "own key in jwk with the honest kid": by_evil(jwk=evil_jwk()),
    "own keys at jku": by_evil(jku=AT),
    "own keys at jku, kid its own": by_evil(jku=AT, kid="evil"),
    "own certificate at x5u": by_evil(x5u=AT),
    "own certificate in x5c": by_evil(x5c=[_X5C]),
    "own certificate by thumbprint": by_evil(
        **{"x5t#S256": b64(hashlib.sha256(certificate("evil").der).digest())}
    ),
    "own keys by trust_chain": by_evil(trust_chain=["a.b.c"]),
    "kid as a path": by_evil(kid="../../../../dev/null"),
    "kid as a command": by_evil(kid="|/usr/bin/id"),
    "kid as SQL": by_evil(kid="' UNION SELECT 'x"),
    "kid as an address": by_evil(kid=AT),
    "kid a number": by_evil(kid=0),
    "kid a list": by_evil(kid=["a"]),
    "kid an object": by_evil(kid={"$ne": None}),
    "kid null": by_evil(kid=None),
    "kid very long": by_evil(kid="k" * 5000),
    "kid with a zero byte": by_evil(kid="a\0b"),
    "critical extension": by_evil(crit=["exp"], exp=1),
    "unencoded payload": by_evil(b64=False, crit=["b64"]),
    "compressed": by_evil(zip="DEF"),
    "encrypted instead of signed": encrypted(),
    "encrypted, compressed": encrypted(zip="DEF"),
    "encrypted for a password, endless work": encrypted(
        alg="PBES2-HS256+A128KW", p2c=2**31 - 1, p2s="AAAA"
    ),
    "encrypted for our own key": encrypted(alg="RSA-OAEP", cty="JWT"),
    "JSON serialization": _as_json,
    "two tokens": lambda claims, header, jwk: ",".join([by_evil()(claims, header, jwk)] * 2),
    "a token in a token": lambda claims, header, jwk: signed(
        EVIL, {**header, "cty": "JWT", "alg": "ES256"}, by_evil()(claims, header, jwk).encode()
    ),
    "padded base64": lambda claims, header, jwk: by_evil()(claims, header, jwk) + "==",
    "a fourth part": lambda claims, header, jwk: by_evil()(claims, header, jwk) + ".x",
    "a deep header": lambda claims, header, _jwk: plain(
        claims, {**header, "x": json.loads("[" * 200 + "]" * 200)}, b64(b"x" * 64)
    ),
    "a header that is no object": lambda claims, _header, _jwk: f"{b64(b'[]')}.{_part(claims)}.x",
    "a header with two algs": lambda claims, _header, _jwk: f"{b64(_TWO_ALGS)}.{_part(claims)}.",
}


def published(house: House) -> dict[str, Any]:
    """The first key that the provider publishes."""
    found: dict[str, Any] = house.app.test_client().get("/jwks").get_json()["keys"][0]
    return found
