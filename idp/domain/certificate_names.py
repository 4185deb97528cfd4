"""Who the holder of a certificate is, as its subject says it: names for people, numbers by OID."""

from __future__ import annotations

import unicodedata

from cryptography import x509
from cryptography.x509.oid import NameOID

from idp.domain.certificates import CertificateRefused

_MOST_UNITS = 8


def common_name(certificate: x509.Certificate) -> str:
    """The holder's name for display; raises when it could deceive a reader (formats B.9)."""
    return _one_name(certificate, NameOID.COMMON_NAME)


def organisation(certificate: x509.Certificate) -> str:
    """O, for display, or the empty string."""
    return _one_name(certificate, NameOID.ORGANIZATION_NAME)


def organisational_units(certificate: x509.Certificate) -> tuple[str, ...]:
    """Every OU, for comparing."""
    found = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    return tuple(_clean(str(each.value)) for each in found[:_MOST_UNITS])


def _one_name(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    found = certificate.subject.get_attributes_for_oid(oid)
    if not found:
        return ""
    return _clean(str(found[-1].value))


def _clean(value: str) -> str:
    text = unicodedata.normalize("NFC", value).strip()
    if any(unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Co", "Cn"} for sign in text):
        raise CertificateRefused("certificate_subject")
    return " ".join(text.split())[:200]


def user_ids(certificate: x509.Certificate) -> tuple[tuple[str, str], ...]:
    """Every UID as (PREFIX, value); prefix empty where there is none. Read by OID, never by text.

    Two different values under one prefix are refused: nobody has two tax codes.
    """
    found: dict[str, str] = {}
    for attribute in certificate.subject.get_attributes_for_oid(NameOID.USER_ID):
        text = str(attribute.value).strip()
        prefix, colon, value = text.partition(":")
        prefix, value = (prefix.strip().upper(), value) if colon else ("", text)
        value = value.replace(" ", "")
        if found.setdefault(prefix, value) != value:
            raise CertificateRefused("certificate_subject")
    return tuple(found.items())
