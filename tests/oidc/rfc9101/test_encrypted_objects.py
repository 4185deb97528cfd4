"""Request objects that are signed and then encrypted (RFC 9101, 6.1; OpenID Connect Core, 6.1)."""

from __future__ import annotations

import json
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwe import JWERegistry
from joserfc.jwk import ECKey, Key, KeySet, OctKey, RSAKey

from idp.domain.clients import ContentEnc, KeyAlg
from idp.oidc import decryption
from idp.oidc.decryption import Decryption
from idp.oidc.keys import KeyRing
from tests.support.build import TestClock
from tests.support.house import House, answer_of
from tests.support.portal_kit import (
    CHALLENGE,
    Documents,
    Program,
    Visitor,
    add_program,
    b64,
    signed,
)

AT = "https://sealed.example.vn/request.jwt"
EVERY = JWERegistry(
    algorithms=[*KeyAlg, *ContentEnc, "dir", "RSA1_5", "A128KW", "DEF", "PBES2-HS256+A128KW"],
    strict_check_header=False,
)


@pytest.fixture(scope="module")
def portal(shared: House, visitor: Visitor) -> Program:
    """A portal that may encrypt its requests."""
    visitor.agrees("sealed")
    return add_program(
        shared, "sealed", profile="standard", dpop_bound_access_tokens=False, request_uris=[AT]
    )


@pytest.fixture(scope="module")
def strict(shared: House, visitor: Visitor) -> Program:
    """A portal of FAPI 2.0 that signs what it pushes."""
    visitor.agrees("strict")
    return add_program(shared, "strict", require_signed_request_object=True)


def published(house: House) -> list[Key]:
    """Our keys as a portal finds them."""
    found = KeySet.import_key_set(house.app.test_client().get("/jwks").get_json())
    return [key for key in found.keys if key.as_dict().get("use") == "enc"]


def key_for(house: House, alg: str) -> Key:
    [found] = [key for key in published(house) if key.as_dict()["alg"] == alg]
    return found


def sealed(key: Any, contents: str | bytes, **header: Any) -> str:
    """A JWE whose header says whatever the test wants."""
    full = {"enc": "A256GCM", "cty": "JWT", **header}
    full = {name: value for name, value in full.items() if value is not None}
    data = contents.encode() if isinstance(contents, str) else contents
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return jwe.encrypt_compact(full, data, key, registry=EVERY)


def seals(house: House, contents: str | bytes, alg: str = "ECDH-ES", **header: Any) -> str:
    key = key_for(house, alg)
    return sealed(key, contents, **{"alg": alg, "kid": key.kid, **header})


def sends(visitor: Visitor, portal: Program, request: str) -> dict[str, str]:
    return answer_of(visitor.client.get(portal.plain_request(request=request)))


@pytest.mark.parametrize("alg", KeyAlg)
@pytest.mark.parametrize("enc", ContentEnc)
def test_rfc9101_6_1_what_is_announced_is_read(
    shared: House, visitor: Visitor, portal: Program, alg: str, enc: str
) -> None:
    document = shared.app.test_client().get("/.well-known/openid-configuration").get_json()
    assert alg in document["request_object_encryption_alg_values_supported"]
    assert enc in document["request_object_encryption_enc_values_supported"]

    answer = sends(visitor, portal, seals(shared, portal.request_object(), alg, enc=enc))

    assert (answer["state"], "code" in answer) == ("inside", True)


@pytest.mark.parametrize("changes", [{"kid": None}, {"cty": None}, {"cty": "jwt"}, {"typ": "JWT"}])
def test_rfc7516_4_1_a_header_that_says_less_is_enough(
    shared: House, visitor: Visitor, portal: Program, changes: dict[str, Any]
) -> None:
    answer = sends(visitor, portal, seals(shared, portal.request_object(), **changes))

    assert "code" in answer


@pytest.mark.parametrize(
    ("alg", "of"),
    [("RSA-OAEP", "RSA-OAEP-256"), ("RSA-OAEP-256", "RSA-OAEP"), ("ECDH-ES+A128KW", "ECDH-ES")],
)
def test_rfc7517_4_2_a_key_of_the_same_kind_that_is_named_does(
    shared: House, visitor: Visitor, portal: Program, alg: str, of: str
) -> None:
    """The suite looks for a key by ``kty`` and ``use`` and takes the first."""
    key = key_for(shared, of)

    answer = sends(visitor, portal, sealed(key, portal.request_object(), alg=alg, kid=key.kid))

    assert "code" in answer


def test_rfc7519_5_3_claims_that_the_header_repeats_do_no_harm(
    shared: House, visitor: Visitor, portal: Program
) -> None:
    answer = sends(visitor, portal, seals(shared, portal.request_object(), iss="sealed", aud="x"))

    assert "code" in answer


def test_rfc9101_5_2_by_reference(
    shared: House, visitor: Visitor, portal: Program, documents: Documents
) -> None:
    documents.pages[AT] = seals(shared, portal.request_object()).encode()

    answer = answer_of(visitor.client.get(portal.plain_request(request_uri=AT)))

    assert (answer["state"], "code" in answer) == ("inside", True)


def test_rfc9126_3_pushed(shared: House, visitor: Visitor, strict: Program) -> None:
    request = seals(shared, strict.request_object(), "RSA-OAEP-256")

    pushed = strict.post("/par", request=request)

    answer = answer_of(visitor.visits("strict", pushed.get_json()["request_uri"]))
    assert (pushed.status_code, answer["state"]) == (201, "inside")


def test_oidc_registration_2_an_alg_for_requests_is_registered_with_its_enc(shared: House) -> None:
    asked = {
        "redirect_uris": ["https://new.example.vn/cb"],
        "request_object_encryption_alg": "RSA-OAEP-256",
    }

    program = add_program(shared, "registered", profile="standard", **asked)

    found = shared.app.extensions["idp.house"].clients.find(program.client_id)
    assert found.request_object_encryption_enc == "A128CBC-HS256"


# --- what is inside ------------------------------------------------------------------------------


def test_rfc9101_10_2_encryption_is_no_signature(
    shared: House, visitor: Visitor, portal: Program
) -> None:
    """Anybody can encrypt for us: claims without a signature are nobody's."""
    claims = {"client_id": "sealed", "redirect_uri": portal.redirect_uri, "state": "inside"}
    none = f"{b64(json.dumps({'alg': 'none'}).encode())}.{b64(json.dumps(claims).encode())}."
    other = signed(
        ECKey.generate_key("P-256"), {"alg": "ES256"}, json.dumps({"iss": "sealed"}).encode()
    )
    for contents in (json.dumps(claims), none, other, "", "a.b.c", b"\xff\xfe", "x" * 9000):
        assert sends(visitor, portal, seals(shared, contents))["error"] == "invalid_request_object"


def test_rfc8725_3_11_what_is_inside_is_checked_like_every_request_object(
    shared: House, visitor: Visitor, portal: Program
) -> None:
    for changes in ({"aud": "https://other.example/"}, {"exp": 1}, {"client_id": "other"}):
        answer = sends(visitor, portal, seals(shared, portal.request_object(**changes)))
        assert answer["error"] == "invalid_request_object"


def test_rfc8725_3_11_an_assertion_in_disguise_is_no_request(
    shared: House, visitor: Visitor, portal: Program
) -> None:
    answer = sends(visitor, portal, seals(shared, portal.assertion()))

    assert answer["error"] == "invalid_request_object"


def test_a_jwe_in_a_jwe_is_refused(shared: House, visitor: Visitor, portal: Program) -> None:
    inner = seals(shared, portal.request_object())

    assert sends(visitor, portal, seals(shared, inner))["error"] == "invalid_request_object"


def test_rfc9101_6_3_who_has_to_sign_is_not_excused_by_encryption(
    shared: House, strict: Program
) -> None:
    claims = {"response_type": "code", "client_id": "strict", "code_challenge": CHALLENGE}

    answer = strict.post("/par", request=seals(shared, json.dumps(claims)))

    assert answer.get_json()["error"] == "invalid_request_object"


# --- hostile -------------------------------------------------------------------------------------

SECRET = OctKey.import_key("0123456789abcdef")
SECRET_256 = OctKey.import_key("0123456789abcdef0123456789abcdef")


def reheaded(token: str, **changes: Any) -> str:
    """Another header before the same parts."""
    first, _, rest = token.partition(".")
    header = {**json.loads(decoded(first)), **changes}
    return f"{b64(json.dumps(header).encode())}.{rest}"


def decoded(text: str) -> bytes:
    return decryption.unb64(text)


def hostile(house: House, portal: Program) -> dict[str, str]:
    """Messages that must not be read, by what is wrong with them."""
    good = portal.request_object()
    rsa = key_for(house, "RSA-OAEP-256")
    token = seals(house, good, "RSA-OAEP-256")
    head, wrapped, iv, ciphertext, tag = token.split(".")
    theirs = RSAKey.generate_key(2048)
    pbes2 = sealed(SECRET, good, alg="PBES2-HS256+A128KW", p2c=1000)
    return {
        "dir": sealed(SECRET_256, good, alg="dir"),
        "dir with the kid of a key of ours": sealed(SECRET_256, good, alg="dir", kid=rsa.kid),
        "dir, another enc": sealed(SECRET_256, good, alg="dir", enc="A128CBC-HS256"),
        "RSA1_5": sealed(rsa, good, alg="RSA1_5"),
        "RSA1_5 with its kid": sealed(rsa, good, alg="RSA1_5", kid=rsa.kid),
        "A128KW": sealed(SECRET, good, alg="A128KW"),
        "PBES2": pbes2,
        "PBES2 bomb": reheaded(pbes2, p2c=2**31 - 1),
        "p2c beside another alg": seals(house, good, p2c=2**31 - 1),
        "alg none": reheaded(token, alg="none"),
        "alg missing": reheaded(token, alg=None),
        "alg is a number": reheaded(token, alg=5),
        "alg is a list": reheaded(token, alg=["RSA-OAEP-256"]),
        "another alg of the same key": reheaded(token, alg="RSA-OAEP"),
        "alg of another key": reheaded(token, alg="ECDH-ES"),
        "enc none": reheaded(token, enc="none"),
        "enc missing": reheaded(token, enc=None),
        "enc of signatures": reheaded(token, enc="RS256"),
        "another enc": reheaded(token, enc="A128CBC-HS256"),
        "unknown kid": seals(house, good, kid="nobody's"),
        "kid of a signing key": seals(house, good, kid=signing_kid(house)),
        "kid is a path": seals(house, good, kid="../../secret/master.key"),
        "kid is a number": reheaded(token, kid=7),
        "kid is an object": reheaded(token, kid={"kid": rsa.kid}),
        "for somebody else": sealed(theirs, good, alg="RSA-OAEP-256", kid=rsa.kid),
        "crit": reheaded(token, crit=["exp"], exp=1),
        "cty of something else": seals(house, good, cty="text/html"),
        "cty is a number": reheaded(token, cty=5),
        "zip": seals(house, good, zip="DEF"),
        "zip bomb": seals(house, good + "A" * 10_000_000, zip="DEF"),
        "zip of another kind": reheaded(token, zip="GZ"),
        "no epk": reheaded(seals(house, good), epk=None),
        "epk is a text": reheaded(seals(house, good), epk="x"),
        "epk is not on the curve": reheaded(
            seals(house, good), epk={"kty": "EC", "crv": "P-256", "x": b64(b"1" * 32), "y": "AA"}
        ),
        "epk of another curve": reheaded(
            seals(house, good), epk=ECKey.generate_key("P-521").as_dict(private=False)
        ),
        "epk is infinity": reheaded(
            seals(house, good),
            epk={"kty": "EC", "crv": "P-256", "x": b64(b"\0" * 32), "y": b64(b"\0" * 32)},
        ),
        "wrong tag": f"{head}.{wrapped}.{iv}.{ciphertext}.{b64(b'0' * 16)}",
        "short tag": f"{head}.{wrapped}.{iv}.{ciphertext}.{b64(b'0')}",
        "no tag": f"{head}.{wrapped}.{iv}.{ciphertext}.",
        "no iv": f"{head}.{wrapped}..{ciphertext}.{tag}",
        "no key": f"{head}..{iv}.{ciphertext}.{tag}",
        "short key": f"{head}.{b64(b'0')}.{iv}.{ciphertext}.{tag}",
        "no contents": f"{head}.{wrapped}.{iv}..{tag}",
        "no base64": f"{head}.{wrapped}.{iv}.***.{tag}",
        "changed contents": f"{head}.{wrapped}.{iv}.{b64(b'0' * 99)}.{tag}",
        "only dots": "....",
        "six parts": f"{token}.x",
        "four parts": f"{head}.{wrapped}.{iv}.{ciphertext}",
        "header is a list": f"{b64(b'[]')}.{wrapped}.{iv}.{ciphertext}.{tag}",
        "header is deep": f"{b64(b'[' * 9000)}.{wrapped}.{iv}.{ciphertext}.{tag}",
        "huge": f"{head}.{wrapped}.{iv}.{'A' * 40_000}.{tag}",
    }


def signing_kid(house: House) -> str:
    keys = house.app.test_client().get("/jwks").get_json()["keys"]
    return str(next(key["kid"] for key in keys if key["use"] == "sig"))


def test_rfc8725_3_a_hostile_message_is_invalid_request_object(
    shared: House, visitor: Visitor, portal: Program
) -> None:
    wrong = {}
    for name, request in hostile(shared, portal).items():
        error = sends(visitor, portal, request).get("error")
        if error != "invalid_request_object":
            wrong[name] = error

    assert not wrong


def test_rfc9126_2_3_a_hostile_message_cannot_be_pushed(shared: House, strict: Program) -> None:
    wrong = {}
    for name, request in hostile(shared, strict).items():
        answer = strict.post("/par", request=request)
        if (answer.status_code, answer.get_json().get("error")) != (400, "invalid_request_object"):
            wrong[name] = answer.get_json()

    assert not wrong


def test_rfc7516_11_5_why_it_failed_is_not_told(shared: House, strict: Program) -> None:
    messages = hostile(shared, strict)
    told = {
        strict.post("/par", request=messages[name]).text
        for name in ("wrong tag", "short key", "for somebody else", "unknown kid", "another enc")
    }

    assert len(told) == 1


# --- keys ----------------------------------------------------------------------------------------


def test_rfc7517_4_every_key_has_one_use_and_one_algorithm(shared: House) -> None:
    keys = shared.app.test_client().get("/jwks").get_json()["keys"]
    ours = [key for key in keys if key["use"] == "enc"]

    assert sorted(key["alg"] for key in ours) == sorted(KeyAlg)
    assert len({key["kid"] for key in keys}) == len(keys)
    assert not any({"d", "p", "q"} & key.keys() for key in keys)


def test_a_key_for_encryption_signs_nothing_that_we_believe(shared: House) -> None:
    ring = KeyRing(
        shared.base.config.keys_folder / "signing",
        shared.clock,
        announce=timedelta(),
        retire=timedelta(),
    )
    for key in published(shared):
        forged = signed(b"x" * 32, {"alg": "HS256", "kid": key.kid, "typ": "JWT"}, b"{}")
        assert ring.verify(forged, "JWT") is None


def test_rotation_reads_what_was_encrypted_before_and_stops_publishing_the_old_key(
    tmp_path: Path,
) -> None:
    clock, hour = TestClock(), timedelta(hours=1)
    ring = decryption.key_ring(tmp_path, clock, announce=hour, retire=hour)
    ring.ensure()
    opening = Decryption(ring)
    before = sealed_for(ring)

    ring.rotate()
    between = sealed_for(ring)
    clock.forward(hours=1)
    ring.rotate()

    after = sealed_for(ring)
    assert {opening.open(token) for token in (*before, *between, *after)} == {"a.b.c"}
    assert not kids(before) & kids(after)
    clock.forward(hours=1, seconds=1)
    ring.rotate()
    assert {opening.open(token) for token in before} == {None}


def sealed_for(ring: KeyRing) -> list[str]:
    """A message for every key that is published now."""
    keys = KeySet.import_key_set(json.loads(ring.jwks)).keys
    return [sealed(key, "a.b.c", alg=key.as_dict()["alg"], kid=key.kid) for key in keys]


def kids(tokens: list[str]) -> set[str]:
    return {json.loads(decoded(token.partition(".")[0]))["kid"] for token in tokens}
