"""Another hand's verdict on a certificate path: pyhanko-certvalidator, in tests only.

It may differ from ours in one direction: we refuse what ``DIFFERENCES`` lists, each for a reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import asn1crypto.x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathError, ValidationError

from idp.domain.certificates import Authority, TrustStore

E = TypeVar("E", bound=x509.ExtensionType)


def accepts(store: TrustStore, leaf: x509.Certificate, *, now: datetime) -> bool:
    """Whether the oracle proves a path, without fetching anything."""
    roots = [_other(a.certificate) for a in store.authorities if a.is_root]
    between = [_other(a.certificate) for a in store.authorities if not a.is_root]
    try:
        context = ValidationContext(
            trust_roots=roots, moment=now, time_tolerance=timedelta(0), allow_fetching=False
        )
        validator = CertificateValidator(_other(leaf), between, context)
        asyncio.run(validator.async_validate_usage({"digital_signature"}))
    except (PathError, ValidationError, ValueError, TypeError):
        # Bare ValueError and TypeError: what it raises for certificates it cannot read.
        return False
    return True


def _other(certificate: x509.Certificate) -> asn1crypto.x509.Certificate:
    return asn1crypto.x509.Certificate.load(certificate.public_bytes(Encoding.DER))


@dataclass(frozen=True)
class Difference:
    """What we refuse and the oracle does not, and why we do."""

    name: str
    why: str
    is_one: Callable[[TrustStore, x509.Certificate, datetime], bool]


def _issuers(store: TrustStore, leaf: x509.Certificate) -> list[Authority]:
    return [a for a in store.authorities if a.certificate.subject == leaf.issuer]


def _is_weak(_: TrustStore, leaf: x509.Certificate, _now: datetime) -> bool:
    key = leaf.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size < 2048 or key.public_numbers().e < 65537
    sound = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
    return isinstance(key, ec.EllipticCurvePublicKey) and not isinstance(key.curve, sound)


def _has(leaf: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return leaf.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _is_for_others(_: TrustStore, leaf: x509.Certificate, _now: datetime) -> bool:
    usages = _has(leaf, x509.ExtendedKeyUsage)
    clients = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    return usages is not None and clients.isdisjoint(usages)


def _is_of_another_policy(store: TrustStore, leaf: x509.Certificate, _now: datetime) -> bool:
    return any(a.policies or a.refused_policies for a in _issuers(store, leaf))


def _is_ca(_: TrustStore, leaf: x509.Certificate, _now: datetime) -> bool:
    constraints = _has(leaf, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _constrains(_: TrustStore, leaf: x509.Certificate, _now: datetime) -> bool:
    return _has(leaf, x509.NameConstraints) is not None


def _is_by_a_root(store: TrustStore, leaf: x509.Certificate, _now: datetime) -> bool:
    return any(a.is_root and not a.issues_subscribers for a in _issuers(store, leaf))


def _is_anchor_dead(store: TrustStore, _leaf: x509.Certificate, now: datetime) -> bool:
    return any(a.is_root and now > a.certificate.not_valid_after_utc for a in store.authorities)


DIFFERENCES = (
    Difference("weak key", "it accepts RSA-1024, e=3 and curves that no token has", _is_weak),
    Difference("usage", "it is not told which extended usages count; we take clients' only",
               _is_for_others),
    Difference("policy", "policies are the operator's choice, per CA", _is_of_another_policy),
    Difference("CA", "it lets a CA's own certificate pass as a person's", _is_ca),
    Difference("name constraints", "in a leaf they mean nothing good: fail closed", _constrains),
    Difference("anchor out of date", "it takes an anchor as given for ever; ours has a date",
               _is_anchor_dead),
    Difference("root", "a root signs people only where it is marked", _is_by_a_root),
)  # fmt: skip


def explain(store: TrustStore, leaf: x509.Certificate, *, now: datetime) -> list[str]:
    """Which intended differences a certificate falls under."""
    return [each.name for each in DIFFERENCES if each.is_one(store, leaf, now)]
