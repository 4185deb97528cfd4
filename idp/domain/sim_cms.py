"""A SIM's signature as CMS (PKCS#7, RFC 5652): read strictly, believed in nothing it says itself.

TS 102 204 knows two formats; a carrier that signs in ``#CMS-Signature`` wraps the signature with
signed attributes. Exactly one shape counts: one signer, SHA-256, signed attributes with the
content's type and digest, and content that is the digest which we asked to be signed, or absent.
Certificates inside only serve to find the signer's; the path is proven elsewhere, as for every
other certificate.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from asn1crypto import cms as asn1
from asn1crypto.core import OctetString
from cryptography import x509

from idp.domain.sim_signing import is_signed

_MOST_BYTES = 16_384
_ONE = {"content_type", "message_digest"}
_ALGORITHMS = frozenset({"rsassa_pkcs1v15", "sha256_rsa", "sha256_ecdsa"})
_SET, _SEQUENCE = b"\x31", 0x30


@dataclass(frozen=True, slots=True)
class CmsSignature:
    """What is left of a CMS that is about our question: who is said to have signed, and what."""

    certificate: bytes
    attributes: bytes
    signature: bytes

    def is_by(self, certificate: x509.Certificate) -> bool:
        """Whether that certificate's key signed the attributes."""
        return is_signed(certificate, hashlib.sha256(self.attributes).digest(), self.signature)


def read(data: bytes, digest: bytes, *, stored: bytes = b"") -> CmsSignature | None:
    """The signature over ``digest``; None for anything else.

    ``stored`` is the certificate that the platform has on file. A CMS without certificates is
    read with it; one whose signer has another certificate is refused.
    """
    if not data or len(data) > _MOST_BYTES or data[0] != _SEQUENCE:
        return None
    try:
        return _read(data, digest, stored)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        # What asn1crypto raises for structures that are none, each in its own way.
        return None


def _read(data: bytes, digest: bytes, stored: bytes) -> CmsSignature | None:
    info = asn1.ContentInfo.load(data, strict=True)
    if info["content_type"].native != "signed_data":
        return None
    signed = info["content"]
    signers = signed["signer_infos"]
    if len(signers) != 1:
        return None
    signer = signers[0]
    wrapped = signed["encap_content_info"]
    attributes = _attributes(signer)
    if attributes is None or not _is_ours(wrapped, attributes, digest):
        return None
    certificate = _certificate(signed, signer, stored)
    if certificate is None or not _is_sound(signer):
        return None
    # Signed is the SET itself, not the [0] that stands in the message (RFC 5652, 5.4).
    encoded: bytes = signer["signed_attrs"].dump()
    return CmsSignature(certificate, _SET + encoded[1:], signer["signature"].native)


def _attributes(signer: asn1.SignerInfo) -> dict[str, Any] | None:
    """The signed attributes by name, each once; None without them, or with one that stands twice.

    Without them a signature over some other content could be passed off as one over attributes.
    """
    found: dict[str, Any] = {}
    for attribute in signer["signed_attrs"] or ():
        name = attribute["type"].native
        if name in found or len(attribute["values"]) != 1:
            return None
        found[name] = attribute["values"][0]
    return found if found.keys() >= _ONE else None


def _is_ours(
    wrapped: asn1.EncapsulatedContentInfo, attributes: dict[str, Any], digest: bytes
) -> bool:
    """The content is our digest, or absent; the attributes speak of just that."""
    content = wrapped["content"]
    kind = wrapped["content_type"].native
    if kind != "data" or attributes["content_type"].native != kind:
        return False
    expected = digest
    if content.native is not None:
        if not isinstance(content, OctetString) or content.native != digest:
            return False
        expected = hashlib.sha256(digest).digest()
    return hmac.compare_digest(attributes["message_digest"].native, expected)


def _is_sound(signer: asn1.SignerInfo) -> bool:
    return (
        signer["digest_algorithm"]["algorithm"].native == "sha256"
        and signer["signature_algorithm"]["algorithm"].native in _ALGORITHMS
    )


def _certificate(signed: asn1.SignedData, signer: asn1.SignerInfo, stored: bytes) -> bytes | None:
    """The one certificate that the signer's identifier names."""
    shown = [each.chosen for each in signed["certificates"] or () if each.name == "certificate"]
    found = {each.dump() for each in shown if _is_named(signer["sid"], each)}
    if stored and not shown:
        found = {stored} if _is_named(signer["sid"], asn1.Certificate.load(stored)) else set()
    if len(found) != 1:
        return None
    certificate = found.pop()
    return certificate if not stored or stored == certificate else None


def _is_named(sid: asn1.SignerIdentifier, certificate: asn1.Certificate) -> bool:
    if sid.name == "issuer_and_serial_number":
        named = sid.chosen
        same_issuer = named["issuer"].dump() == certificate.issuer.dump()
        return bool(same_issuer and named["serial_number"].native == certificate.serial_number)
    return bool(sid.native == certificate.key_identifier)
