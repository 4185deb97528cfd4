"""What a signing SIM signs, and how the answer is checked (pki.md 5)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from idp.domain.subjects import PhoneNumber

_DIGEST = Prehashed(hashes.SHA256())


@dataclass(frozen=True, slots=True)
class Challenge:
    """A question to one phone: who asks, what for, until when. It can be no document's hash."""

    issuer: str
    purpose: str
    phone: PhoneNumber
    nonce: str
    until: datetime

    @property
    def digest(self) -> bytes:
        """SHA-256 of the question as canonical JSON."""
        question = {
            "exp": int(self.until.timestamp()),
            "iss": self.issuer,
            "msisdn": self.phone.e164,
            "nonce": self.nonce,
            "purpose": self.purpose,
        }
        text = json.dumps(question, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).digest()


def verification_code(digest: bytes) -> str:
    """Four digits for page and phone: the first 6 and the last 7 bits (Mobile-ID), 0000 to 8191."""
    return f"{((digest[0] & 0xFC) << 5) | (digest[-1] & 0x7F):04d}"


def is_signed(certificate: x509.Certificate, digest: bytes, signature: bytes) -> bool:
    """Whether the certificate's key signed that digest. What the carrier says is not evidence."""
    key = certificate.public_key()
    try:
        match key:
            case rsa.RSAPublicKey():
                key.verify(signature, digest, padding.PKCS1v15(), _DIGEST)
            case ec.EllipticCurvePublicKey():
                key.verify(_as_der(signature, key.curve), digest, ec.ECDSA(_DIGEST))
            case _:
                return False
    except InvalidSignature:
        return False
    return True


def _as_der(signature: bytes, curve: ec.EllipticCurve) -> bytes:
    """Cards give r and s side by side, platforms give DER."""
    size = (curve.key_size + 7) // 8
    if len(signature) != 2 * size:
        return signature
    return encode_dss_signature(int.from_bytes(signature[:size]), int.from_bytes(signature[size:]))
