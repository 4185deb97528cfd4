"""What is read from a certificate: the lines of the picker, the serial number, the hash to sign.

Without a library where that is possible: the tool starts before a driver is there.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any


def describe(der: bytes) -> dict[str, str] | None:
    """What the picker shows; None for a CA's certificate and for what is none."""
    from asn1crypto import x509  # noqa: PLC0415  comes with python-pkcs11

    try:
        certificate = x509.Certificate.load(der)
        validity = certificate["tbs_certificate"]["validity"]
        if certificate.ca:
            return None
        return {
            "certificate": base64.b64encode(der).decode(),
            "subject": _common_name(certificate.subject.native),
            "issuer": _common_name(certificate.issuer.native),
            "valid_from": validity["not_before"].native.strftime("%d/%m/%Y"),
            "valid_to": validity["not_after"].native.strftime("%d/%m/%Y"),
        }
    except (ValueError, TypeError):
        return None


def _common_name(name: Mapping[str, Any]) -> str:
    found = name.get("common_name") or name.get("organization_name") or "?"
    text = found[-1] if isinstance(found, list) else found
    return "".join(sign for sign in str(text) if sign.isprintable())[:200]


def serial_of(certificate: str) -> str:
    """The serial number in hexadecimal, from DER: what the sandbox's answers name."""
    data = base64.b64decode(certificate)
    position = _enter(data, _enter(data, 0))
    if data[position] == 0xA0:  # noqa: PLR2004  [0] version
        position = _skip(data, position)
    start = _enter(data, position)
    return f"{int.from_bytes(data[start : _skip(data, position)], 'big'):x}"


def _enter(data: bytes, position: int) -> int:
    first = data[position + 1]
    return position + 2 + (first & 0x7F if first & 0x80 else 0)


def _skip(data: bytes, position: int) -> int:
    first, inside = data[position + 1], _enter(data, position)
    length = int.from_bytes(data[position + 2 : inside], "big") if first & 0x80 else first
    return inside + length


def hash_size(certificate: str) -> int:
    """P-384 and P-521 keys sign with the hash of their own size."""
    der = base64.b64decode(certificate)
    if bytes.fromhex("06052b81040022") in der:
        return 384
    return 512 if bytes.fromhex("06052b81040023") in der else 256
