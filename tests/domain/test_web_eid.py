"""The Web eID token: read strictly, bound to our origin and our nonce (pki.md 3.2)."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from idp.domain import web_eid
from idp.domain.certificates import CertificateRefused
from idp.domain.web_eid import InvalidToken
from tests.support.pki import NONCE, ORIGIN, digest, key_of, pki, token

VECTOR = Path(__file__).with_name("web_eid_vector.json")


def check(text: str, origin: str = ORIGIN, nonce: str = NONCE) -> None:
    web_eid.verify(web_eid.read(text), origin=origin, nonce=nonce)


def made(kind: str = "p256", **changes: Any) -> str:
    key = key_of(kind)
    return token(pki().newtel.leaf(key=key), key, **changes)


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [
        ("p256", "ES256"),
        ("p384", "ES384"),
        ("p521", "ES512"),
        *(("rsa", f"{family}{size}") for family in ("RS", "PS") for size in (256, 384, 512)),
    ],
)
def test_every_algorithm_of_the_specification_verifies(kind: str, algorithm: str) -> None:
    check(made(kind, algorithm=algorithm))


def test_the_published_example_token_verifies_and_only_for_its_origin_and_nonce() -> None:
    published = json.loads(VECTOR.read_text())
    origin, nonce = published["origin"], published["nonce"]
    text = json.dumps(published["token"])

    check(text, origin, nonce)
    for other in ((origin + "/", nonce), (origin, nonce[:-1] + "4")):
        with pytest.raises(InvalidToken, match="signature"):
            check(text, *other)


@pytest.mark.parametrize("form", ["web-eid:1", "web-eid:1.0", "web-eid:1.1"])
def test_every_minor_version_of_the_format_is_read(form: str) -> None:
    check(made(change=lambda fields: fields.update(format=form)))


@pytest.mark.parametrize(
    "origin",
    [
        f"{ORIGIN}/",
        f"{ORIGIN}:443",
        ORIGIN.upper(),
        "http://id.example.vn",
        "https://id.example.vn.evil.example",
        "https://evil.example",
        "",
    ],
)
def test_a_signature_for_another_origin_is_worth_nothing(origin: str) -> None:
    with pytest.raises(InvalidToken, match="signature"):
        check(made(origin=origin))


@pytest.mark.parametrize("nonce", [NONCE + "=", NONCE[:-1], "", "x" * 44, NONCE.upper()])
def test_a_signature_for_another_nonce_is_worth_nothing(nonce: str) -> None:
    with pytest.raises(InvalidToken, match="signature"):
        check(made(nonce=nonce))


def test_the_nonce_is_signed_as_text_not_as_bytes() -> None:
    key = key_of("p256")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    raw = base64.b64decode(NONCE).decode("latin-1")

    with pytest.raises(InvalidToken, match="signature"):
        check(made(nonce=raw))


def test_origin_and_nonce_cannot_lend_each_other_letters() -> None:
    """Each is hashed before they are put together."""
    with pytest.raises(InvalidToken, match="signature"):
        check(made(origin=ORIGIN + NONCE[0], nonce=NONCE[1:]))


@pytest.mark.parametrize("name", ["unverifiedCertificate", "algorithm", "signature", "format"])
@pytest.mark.parametrize("value", [None, "", 5, [], {}, True, "\0", "%", "x" * 200])
def test_each_member_missing_or_of_another_type_is_refused(name: str, value: object) -> None:
    with pytest.raises((InvalidToken, CertificateRefused)):
        check(made(change=lambda fields: fields.update({name: value})))
    with pytest.raises((InvalidToken, CertificateRefused)):
        check(made(change=lambda fields: fields.pop(name)))


@pytest.mark.parametrize(
    ("kind", "algorithm", "claimed"),
    [
        ("p256", "ES256", "RS256"),
        ("p256", "ES256", "PS256"),
        ("p256", "ES256", "ES384"),
        ("p384", "ES384", "ES256"),
        ("rsa", "RS256", "ES256"),
        ("rsa", "RS256", "PS256"),
        ("p256", "ES256", "HS256"),
        ("p256", "ES256", "none"),
        ("p256", "ES256", "ES257"),
        ("p256", "ES256", "es256"),
        ("p256", "ES256", "EdDSA"),
        ("rsa", "RS256", "RS1"),
    ],
)
def test_an_algorithm_that_is_not_the_keys_own_is_refused(
    kind: str, algorithm: str, claimed: str
) -> None:
    text = made(kind, algorithm=algorithm, change=lambda f: f.update(algorithm=claimed))

    with pytest.raises(InvalidToken):
        check(text)


def test_an_ecdsa_signature_in_der_is_refused() -> None:
    key = key_of("p256")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    message = digest(ORIGIN, hashes.SHA256()) + digest(NONCE, hashes.SHA256())
    der = base64.b64encode(key.sign(message, ec.ECDSA(hashes.SHA256()))).decode()

    with pytest.raises(InvalidToken, match="signature"):
        check(made(change=lambda fields: fields.update(signature=der)))


@pytest.mark.parametrize("raw", [b"\0" * 64, b"\xff" * 64, b"\0" * 63, b"\0" * 65])
def test_degenerate_signatures_are_refused(raw: bytes) -> None:
    text = base64.b64encode(raw).decode()

    with pytest.raises(InvalidToken):
        check(made(change=lambda fields: fields.update(signature=text)))


def test_another_persons_certificate_over_my_signature_is_refused() -> None:
    mine, theirs = key_of("p256"), key_of("p256", 2)

    with pytest.raises(InvalidToken, match="signature"):
        check(token(pki().newtel.leaf(key=theirs), mine))


def test_repeated_members_are_refused() -> None:
    text = made()

    with pytest.raises(InvalidToken, match="repeated"):
        check(text[:-1] + ', "format": "web-eid:1.0"}')


@pytest.mark.parametrize("length", [0, 1, 99, 10_001, 100_000])
def test_length_has_bounds(length: int) -> None:
    with pytest.raises(InvalidToken, match="length"):
        check("{" + " " * (length - 2) + "}" if length > 1 else "{" * length)


@pytest.mark.parametrize("tail", [" ", "=", "\n", "A=", "-_"])
def test_base64_is_strict(tail: str) -> None:
    fields = json.loads(made())
    fields["signature"] += tail

    with pytest.raises(InvalidToken, match="base64"):
        check(json.dumps(fields))


@pytest.mark.parametrize(
    "text",
    ["null" * 30, "[" * 5000, '"' + "x" * 200 + '"', "[" + "1," * 100 + "1]", "{" + " " * 200],
)
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(InvalidToken):
        check(text)


@given(st.text(min_size=100, max_size=400))
def test_no_text_at_all_raises_anything_else(text: str) -> None:
    with pytest.raises((InvalidToken, CertificateRefused)):
        check(text)


@given(st.dictionaries(st.sampled_from(["format", "algorithm", "signature", "x"]), st.text()))
def test_no_object_raises_anything_else(changes: dict[str, str]) -> None:
    fields = {**json.loads(made()), **changes}
    if fields == json.loads(made()):
        return
    text = json.dumps(fields)
    try:
        check(text)
    except (InvalidToken, CertificateRefused):
        return
    assert set(changes) <= {"x", "format"}
