"""A SIM's signature as CMS: one shape counts; everything else is refused, nothing is an error."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from idp.domain import sim_cms
from tests.support import cms
from tests.support.pki import key_of, pki

DIGEST = hashlib.sha256(b"a question").digest()
LEAF = pki().newtel.leaf(key=key_of("p256"))
OTHER = pki().newtel.leaf(key=key_of("p256", 9))


def made(**changes: Any) -> bytes:
    return cms.make(LEAF, key_of("p256"), DIGEST, **changes)


def is_good(data: bytes, leaf: x509.Certificate = LEAF, stored: bytes = b"") -> bool:
    found = sim_cms.read(data, DIGEST, stored=stored)
    return found is not None and found.certificate == der(leaf) and found.is_by(leaf)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


# --- sound ones ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["p256", "p384", "rsa"])
@pytest.mark.parametrize("content", [DIGEST, None], ids=["attached", "detached"])
def test_a_signature_over_our_digest_counts(kind: str, content: bytes | None) -> None:
    leaf = pki().newtel.leaf(key=key_of(kind))

    assert is_good(cms.make(leaf, key_of(kind), DIGEST, content=content), leaf)


@pytest.mark.parametrize("kind", ["p256", "rsa"])
def test_what_another_library_makes_counts(kind: str) -> None:
    leaf, key = pki().newtel.leaf(key=key_of(kind)), key_of(kind)
    builder = pkcs7.PKCS7SignatureBuilder().set_data(DIGEST)
    builder = builder.add_signer(leaf, key, hashes.SHA256())

    assert is_good(builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary]), leaf)


def test_further_certificates_and_attributes_are_no_matter() -> None:
    more = [{"type": "signing_time", "values": [cms.asn1.Time({"utc_time": "261124090000Z"})]}]

    assert is_good(made(certificates=[LEAF, OTHER, pki().newtel.certificate], more=more))


def test_without_certificates_the_one_on_file_is_meant() -> None:
    assert is_good(made(certificates=[]), stored=der(LEAF))


# --- hostile ones -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"attributes": "none"},
        {"message_digest": b"x" * 32},
        {"message_digest": DIGEST},
        {"message_digest": b"x"},
        {"content": b"another content"},
        {"content": None, "message_digest": hashlib.sha256(DIGEST).digest()},
        {"content": b""},
        {"content_type": "signed_data", "content": None},
        {"signers": 2},
        {"signers": 0},
        {"named": OTHER},
        {"certificates": []},
        {"certificates": [OTHER]},
        {"digest_algorithm": "sha1"},
        {"digest_algorithm": "md5"},
        {"digest_algorithm": "sha512"},
        {"algorithm": "sha1_ecdsa"},
        {"algorithm": "sha1_rsa"},
        {"algorithm": "rsassa_pss"},
        {"signed": lambda data: b"\xa0" + data[1:]},
        {"signed": lambda _: DIGEST},
        {"more": [{"type": "message_digest", "values": [b"y" * 32]}]},
        {"more": [{"type": "content_type", "values": ["data"]}]},
    ],
)
def test_a_cms_that_is_wrong_in_one_way_is_refused(changes: dict[str, Any]) -> None:
    assert not is_good(made(**changes))


def test_a_signature_for_another_question_is_refused() -> None:
    assert sim_cms.read(made(), hashlib.sha256(b"another").digest()) is None


def test_a_signature_by_another_key_is_refused() -> None:
    assert not is_good(cms.make(LEAF, key_of("p256", 9), DIGEST))


def test_a_signer_who_is_not_the_sims_owner_is_refused() -> None:
    """The platform has a certificate on file for that SIM; the CMS names somebody else's."""
    signed = cms.make(OTHER, key_of("p256", 9), DIGEST)

    assert sim_cms.read(signed, DIGEST, stored=der(LEAF)) is None
    assert sim_cms.read(made(certificates=[]), DIGEST, stored=der(OTHER)) is None
    assert sim_cms.read(made(certificates=[]), DIGEST, stored=b"garbage") is None


def test_a_message_without_attributes_is_not_taken_for_one_with() -> None:
    """The attributes' own bytes, signed as content: the signature would fit (RFC 5652, 11)."""
    genuine = sim_cms.read(made(), DIGEST)
    assert genuine
    attacked = made(attributes="none", content=genuine.attributes)

    assert sim_cms.read(attacked, DIGEST) is None
    assert sim_cms.read(attacked, genuine.attributes) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"\x30",
        b"\x30\x80\x00\x00",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x80" * 5000,
        b"\xa0\x80" * 8000,
        b"\x30" * 16_384,
        b"\x30\x82\x7f\xff" + b"\x00" * 32_767,
        made() + b"\x00",
        made()[:-1],
        der(LEAF),
    ],
)
def test_what_is_no_cms_is_refused(data: bytes) -> None:
    assert sim_cms.read(data, DIGEST) is None


def test_a_deep_structure_inside_is_refused_in_no_time() -> None:
    nested = b"\x04\x00"
    for _ in range(3000):
        length = len(nested)
        head = b"\x30" + (bytes([length]) if length < 128 else b"\x82" + length.to_bytes(2))
        nested = head + nested

    assert len(nested) < 16_384
    assert sim_cms.read(nested, DIGEST) is None


def test_a_huge_one_is_not_even_read() -> None:
    assert sim_cms.read(made(certificates=[LEAF] + [OTHER] * 60), DIGEST) is None


def test_no_change_of_bytes_raises_or_is_taken_for_another_signature() -> None:
    rng, data = random.Random(2026), made()
    for _ in range(3000):
        changed = bytearray(data)
        for _ in range(rng.choice((1, 1, 2, 5))):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        found = sim_cms.read(bytes(changed), DIGEST)
        if found is not None and found.certificate == der(LEAF) and found.is_by(LEAF):
            # Only what nobody signs may have changed: it is the same signature still.
            assert found.attributes == sim_cms.read(data, DIGEST).attributes  # type: ignore[union-attr]
