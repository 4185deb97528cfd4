"""The Web eID authentication token: read, and its signature checked (pki.md 3.2).

What is signed is ``hash(origin) + hash(nonce)``, hashed again by the algorithm. So a signature
made for another site or another question is worth nothing here. Who the certificate belongs to is
not decided here.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from idp.domain import certificates
from idp.domain.errors import DomainError

_LENGTH = range(100, 10_001)
_FORMAT = "web-eid:1"
_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
_CURVE_BITS: Final = {"256": 256, "384": 384, "512": 521}


class InvalidToken(DomainError):
    """A token that proves nothing; ``code`` says why, for the log."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token, read; nothing in it is believed yet."""

    certificate: x509.Certificate
    algorithm: str
    signature: bytes


def read(text: str) -> Token:
    """Read a token strictly. Raises ``InvalidToken`` or ``CertificateRefused``."""
    if len(text) not in _LENGTH:
        raise InvalidToken("length")
    fields = _object(text)
    form = _text(fields, "format")
    if form != _FORMAT and not form.startswith(f"{_FORMAT}."):
        raise InvalidToken("format")
    algorithm = _text(fields, "algorithm")
    if algorithm[:2] not in {"ES", "PS", "RS"} or algorithm[2:] not in _HASHES:
        raise InvalidToken("algorithm")
    signature = _base64(_text(fields, "signature"))
    certificate = certificates.load(_base64(_text(fields, "unverifiedCertificate")))
    return Token(certificate, algorithm, signature)


def verify(token: Token, *, origin: str, nonce: str) -> None:
    """Check the signature over our origin and our nonce. Raises ``InvalidToken``."""
    family, size = token.algorithm[:2], token.algorithm[2:]
    algorithm = _HASHES[size]
    message = _hash(origin, algorithm) + _hash(nonce, algorithm)
    key = token.certificate.public_key()
    try:
        match key:
            case ec.EllipticCurvePublicKey() if (
                family == "ES" and key.curve.key_size == _CURVE_BITS[size]
            ):
                key.verify(_der(token.signature, key.curve), message, ec.ECDSA(algorithm))
            case rsa.RSAPublicKey() if family == "PS":
                pss = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
                key.verify(token.signature, message, pss, algorithm)
            case rsa.RSAPublicKey() if family == "RS":
                key.verify(token.signature, message, padding.PKCS1v15(), algorithm)
            case _:
                raise InvalidToken("algorithm does not fit the key")
    except InvalidSignature:
        raise InvalidToken("signature") from None


def _hash(text: str, algorithm: hashes.HashAlgorithm) -> bytes:
    digest = hashes.Hash(algorithm)
    digest.update(text.encode())
    return digest.finalize()


def _der(signature: bytes, curve: ec.EllipticCurve) -> bytes:
    """ECDSA is r and s side by side, of the curve's own length, as in JWS."""
    size = (curve.key_size + 7) // 8
    if len(signature) != 2 * size:
        raise InvalidToken("signature")
    r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
    return encode_dss_signature(r, s)


def _object(text: str) -> dict[str, Any]:
    """A JSON object without repeated members: two readers must see the same."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise InvalidToken("repeated member")
        return dict(pairs)

    try:
        found = json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError):
        raise InvalidToken("no JSON") from None
    if not isinstance(found, dict):
        raise InvalidToken("no object")
    return found


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidToken(name)
    return value


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidToken("base64") from None
