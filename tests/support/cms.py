"""A SIM's CMS, made by hand so that it may be wrong in any one way."""

from __future__ import annotations

import hashlib
from typing import Any

from asn1crypto import algos, core
from asn1crypto import cms as asn1
from asn1crypto import x509 as names
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.pki import Key


def other(certificate: x509.Certificate) -> names.Certificate:
    return names.Certificate.load(certificate.public_bytes(Encoding.DER))


def make(leaf: x509.Certificate, key: Key, digest: bytes, **changes: Any) -> bytes:
    """An attached signature over ``digest``, sound but for the changes."""
    wanted: dict[str, Any] = {
        "content": digest,
        "message_digest": None,
        "content_type": "data",
        "attributes": None,
        "certificates": [leaf],
        "named": leaf,
        "signers": 1,
        "digest_algorithm": "sha256",
        "signed": lambda data: data,
        "type": "signed_data",
        "more": [],
        **changes,
    }
    content = wanted["content"]
    told = wanted["message_digest"] or (
        digest if content is None else hashlib.sha256(content).digest()
    )
    attributes = [
        {"type": "content_type", "values": [wanted["content_type"]]},
        {"type": "message_digest", "values": [told]},
        *wanted["more"],
    ]
    signed_attrs = asn1.CMSAttributes(attributes)
    encoded = signed_attrs.dump()
    signer = _signer(wanted, key, wanted["signed"](encoded))
    if wanted["attributes"] is None:
        signer["signed_attrs"] = signed_attrs
    else:
        signer["signature"] = _sign(key, digest)
    wrapped: dict[str, Any] = {"content_type": wanted["content_type"]}
    if content is not None:
        wrapped["content"] = content
    signed = {
        "version": "v1",
        "digest_algorithms": [algos.DigestAlgorithm({"algorithm": "sha256"})],
        "encap_content_info": wrapped,
        "certificates": [other(each) for each in wanted["certificates"]],
        "signer_infos": [signer] * wanted["signers"],
    }
    made = asn1.ContentInfo({"content_type": "signed_data", "content": asn1.SignedData(signed)})
    data: bytes = made.dump()
    return data


def _signer(wanted: dict[str, Any], key: Key, encoded: bytes) -> asn1.SignerInfo:
    named = other(wanted["named"])
    sid = asn1.IssuerAndSerialNumber({"issuer": named.issuer, "serial_number": named.serial_number})
    algorithm = "sha256_ecdsa" if isinstance(key, ec.EllipticCurvePrivateKey) else "sha256_rsa"
    return asn1.SignerInfo(
        {
            "version": "v1",
            "sid": asn1.SignerIdentifier({"issuer_and_serial_number": sid}),
            "digest_algorithm": {"algorithm": wanted["digest_algorithm"]},
            "signature_algorithm": {"algorithm": wanted.get("algorithm", algorithm)},
            "signature": core.OctetString(_sign(key, encoded)),
        }
    )


def _sign(key: Key, data: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(data, ec.ECDSA(hashes.SHA256()))
