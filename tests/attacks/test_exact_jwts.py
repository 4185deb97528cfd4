"""A JWT is one exact text (RFC 7515, 3 and 5.2; RFC 7519, 7.2; RFC 8725, 3.3): what is nearly one,
or says nearly the right thing, authenticates no client. Every value is signed by the right key, so
that nothing but the value is wrong.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from joserfc.jws import JWSRegistry
from werkzeug.test import TestResponse

from idp.oidc.client_auth import ASSERTION_TYPE
from tests.support.house import House
from tests.support.portal_kit import ISSUER, Program, add_program, b64, signed

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
HEADER = b'{"alg":"ES256"}'


@pytest.fixture(scope="module")
def signer(target: House) -> Program:
    return add_program(target, "exact", profile="standard", dpop_bound_access_tokens=False)


def parts(token: str) -> tuple[str, str, bytes]:
    header, payload, signature = token.split(".")
    return header, payload, base64.urlsafe_b64decode(signature + "==")


def der(signature: bytes) -> bytes:
    halves = b"".join(b"\x02\x21\0" + half for half in (signature[:32], signature[32:]))
    return b"\x30" + bytes([len(halves)]) + halves


def other_s(signature: bytes) -> bytes:
    """The other signature that the same numbers make: whoever sees one can compute it."""
    s = ORDER - int.from_bytes(signature[32:], "big")
    return signature[:32] + s.to_bytes(32, "big")


FORMS: dict[str, Any] = {
    "a padded signature": lambda h, p, s: f"{h}.{p}.{b64(s)}==",
    "the ordinary alphabet": lambda h, p, s: f"{h}.{p}.{base64.b64encode(s).decode()}",
    "a padded payload": lambda h, p, s: f"{h}.{p}=.{b64(s)}",
    "a line break": lambda h, p, s: f"{h}.{p}.{b64(s)}\n",
    "a line break inside": lambda h, p, s: f"{h}.{p[:9]}\n{p[9:]}.{b64(s)}",
    "a space before": lambda h, p, s: f" {h}.{p}.{b64(s)}",
    "a space behind": lambda h, p, s: f"{h}.{p}.{b64(s)} ",
    "a zero byte": lambda h, p, s: f"{h}.{p}.{b64(s)}\0",
    "another alphabet": lambda h, p, s: f"{h}.{p}.{b64(s)}é",
    "signs that are skipped": lambda h, p, s: f"{h}!!.{p}.{b64(s)}",
    "four parts": lambda h, p, s: f"{h}.{p}.{b64(s)}.x",
    "five parts": lambda h, p, s: f"{h}.{p}.{b64(s)}..",
    "two parts": lambda h, p, _: f"{h}.{p}",
    "no signature": lambda h, p, _: f"{h}.{p}.",
    "no header": lambda _, p, s: f".{p}.{b64(s)}",
    "no payload": lambda h, _, s: f"{h}..{b64(s)}",
    "only dots": lambda *_: "..",
    "a thousand dots": lambda *_: "." * 1000,
    "a signature in DER": lambda h, p, s: f"{h}.{p}.{b64(der(s))}",
    "a shorter signature": lambda h, p, s: f"{h}.{p}.{b64(s[:63])}",
    "a longer signature": lambda h, p, s: f"{h}.{p}.{b64(s)}AA",
    "zeros": lambda h, p, _: f"{h}.{p}.{b64(bytes(64))}",
    "the order of the curve": lambda h, p, _: f"{h}.{p}.{b64(ORDER.to_bytes(32, 'big') * 2)}",
    "zero and one": lambda h, p, _: f"{h}.{p}.{b64(bytes(63) + bytes([1]))}",
    "halves exchanged": lambda h, p, s: f"{h}.{p}.{b64(s[32:] + s[:32])}",
    "JSON": lambda h, p, s: json.dumps({"protected": h, "payload": p, "signature": b64(s)}),
    "JSON with several": lambda h, p, s: json.dumps(
        {"payload": p, "signatures": [{"protected": h, "signature": b64(s)}]}
    ),
    "two": lambda h, p, s: f"{h}.{p}.{b64(s)},{h}.{p}.{b64(s)}",
    "a detached payload": lambda h, p, s: f"{h}..{b64(s)}.{p}",
    "very long": lambda h, p, s: f"{h}.{p}.{b64(s)}{'A' * 40_000}",
}
HEADERS: dict[str, bytes] = {
    "another alg first": b'{"alg":"ES256","alg":"none"}',
    "alg in capitals": b'{"ALG":"ES256"}',
    "alg in small letters": b'{"alg":"es256"}',
    "alg and a space": b'{"alg":"ES256 "}',
    "alg and a zero byte": b'{"alg":"ES256\\u0000"}',
    "an alg of another curve": b'{"alg":"ES384"}',
    "an alg of coins": b'{"alg":"ES256K"}',
    "an alg of RSA": b'{"alg":"PS256"}',
    "an alg of Edwards": b'{"alg":"Ed25519"}',
    "alg as a list": b'{"alg":["ES256"]}',
    "no alg": b"{}",
    "an empty crit": b'{"alg":"ES256","crit":[]}',
    "crit null": b'{"alg":"ES256","crit":null}',
    "crit of what is known": b'{"alg":"ES256","crit":["alg"]}',
    "an unencoded payload": b'{"alg":"ES256","b64":false,"crit":["b64"]}',
    "another key's name": b'{"alg":"ES256","kid":"x"}',
    "a name that is a number": b'{"alg":"ES256","kid":1}',
    "a typ that is a number": b'{"alg":"ES256","typ":1}',
    "an access token": b'{"alg":"ES256","typ":"at+jwt"}',
    "a DPoP proof": b'{"alg":"ES256","typ":"dpop+jwt"}',
    "a request object": b'{"alg":"ES256","typ":"oauth-authz-req+jwt"}',
    "a logout token": b'{"alg":"ES256","typ":"logout+jwt"}',
    "an event": b'{"alg":"ES256","typ":"secevent+jwt"}',
    "an entity statement": b'{"alg":"ES256","typ":"entity-statement+jwt"}',
    "a byte order mark": b'\xef\xbb\xbf{"alg":"ES256"}',
    "UTF-16": '{"alg":"ES256"}'.encode("utf-16"),
    "wrong bytes": b'{"alg":"ES256","x":"\xff"}',
    "an overlong letter": b'{"alg":"ES256","x":"\xc0\xaf"}',
    "half a letter": b'{"alg":"ES256","x":"\\ud800"}',
    "no number": b'{"alg":"ES256","x":NaN}',
    "a list": b'["ES256"]',
    "null": b"null",
    "nothing": b"",
    "two objects": b'{"alg":"ES256"}{}',
    "a comment": b'{"alg":"ES256"/**/}',
    "a trailing comma": b'{"alg":"ES256",}',
    "single quotes": b"{'alg':'ES256'}",
    "endless depth": b'{"alg":"ES256","x":' + b"[" * 3000 + b"]" * 3000 + b"}",
}
NEARLY: dict[str, dict[str, Any]] = {
    "an audience with a slash": {"aud": f"{ISSUER}/"},
    "an audience in capitals": {"aud": ISSUER.upper()},
    "an audience that begins like ours": {"aud": f"{ISSUER}.evil.example"},
    "an audience of another path": {"aud": f"{ISSUER}/userinfo"},
    "an audience of another port": {"aud": "http://localhost:8001"},
    "an audience that is a number": {"aud": 5},
    "an audience that is an object": {"aud": {ISSUER: ISSUER}},
    "an empty list": {"aud": []},
    "a list in a list": {"aud": [[ISSUER]]},
    "no audience": {"aud": None},
    "an issuer in capitals": {"iss": "EXACT"},
    "an issuer and a zero byte": {"iss": "exact\0"},
    "an issuer and a space": {"iss": "exact "},
    "an issuer that is a list": {"iss": ["exact"]},
    "no issuer": {"iss": None},
    "another subject": {"sub": "hanoi"},
    "a subject that is a list": {"sub": ["exact"]},
    "no subject": {"sub": None},
    "no end": {"exp": None},
    "an end that is text": {"exp": "9999999999"},
    "an end that is true": {"exp": True},
    "an end in a list": {"exp": [9999999999]},
    "an end of zero": {"exp": 0},
    "a negative end": {"exp": -1},
    "an end in milliseconds": {"exp": 1_900_000_000_000},
    "an end past all numbers": {"exp": 2**53},
    "an end past all bits": {"exp": 10**30},
    "a far end": {"exp": 4_000_000_000},
    "a beginning in the future": {"nbf": 4_000_000_000},
    "a beginning that is text": {"nbf": "now"},
    "made in the future": {"iat": 4_000_000_000},
    "made at a negative time": {"iat": -1},
    "made at a text": {"iat": "now"},
    "no number of its own": {"jti": None},
    "an empty number": {"jti": ""},
    "a number that is one": {"jti": 5},
    "a number that is a list": {"jti": ["a"]},
    "a very long number": {"jti": "j" * 600},
}
PAYLOADS: dict[str, bytes] = {
    "a list": b"[]",
    "nothing": b"",
    "null": b"null",
    "zero bytes": bytes(100),
    "wrong bytes": b"\xff\xfe",
    "a byte order mark": b'\xef\xbb\xbf{"iss":"exact","sub":"exact"}',
    "an end past all powers": b'{"iss":"exact","sub":"exact","exp":1e400}',
    "an end that is no number": b'{"iss":"exact","sub":"exact","exp":NaN}',
    "an endless end": b'{"iss":"exact","sub":"exact","exp":Infinity}',
    "endless depth": b'{"iss":"exact","sub":"exact","x":' + b"[" * 9000 + b"]" * 9000 + b"}",
    "a token": b"a.b.c",
}


def calls(signer: Program, token: str) -> TestResponse:
    form = {
        "grant_type": "authorization_code", "code": "x",
        "client_assertion_type": ASSERTION_TYPE, "client_assertion": token,
    }  # fmt: skip
    return signer.house.app.test_client().post("/token", data=form)


def is_refused(answer: TestResponse) -> bool:
    return (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")


def test_an_exact_one_is_believed(signer: Program) -> None:
    answer = calls(signer, signer.assertion())

    assert answer.get_json()["error"] == "invalid_grant"


@pytest.mark.parametrize("how", FORMS)
def test_rfc7515_5_2_what_is_nearly_a_jws_is_none(signer: Program, how: str) -> None:
    assert is_refused(calls(signer, FORMS[how](*parts(signer.assertion()))))


@pytest.mark.parametrize("how", HEADERS)
def test_rfc7515_4_a_strange_header_is_not_believed(signer: Program, how: str) -> None:
    _, payload, _ = parts(signer.assertion())
    claims = base64.urlsafe_b64decode(payload + "==")
    token = signed(signer.key, {}, claims)
    message = f"{b64(HEADERS[how])}.{token.split('.')[1]}"
    resigned = f"{message}.{_sign(signer, message)}"

    assert is_refused(calls(signer, resigned))


def _sign(signer: Program, message: str) -> str:
    """The raw signature of any text."""
    return b64(JWSRegistry.algorithms["ES256"].sign(message.encode(), signer.key))


@pytest.mark.parametrize("how", NEARLY)
def test_rfc7523_3_a_claim_that_is_nearly_right_is_wrong(signer: Program, how: str) -> None:
    assert is_refused(calls(signer, signer.assertion(**NEARLY[how])))


@pytest.mark.parametrize("how", PAYLOADS)
def test_rfc7519_7_2_what_is_no_set_of_claims_says_nothing(signer: Program, how: str) -> None:
    message = f"{b64(HEADER)}.{b64(PAYLOADS[how])}"

    assert is_refused(calls(signer, f"{message}.{_sign(signer, message)}"))


@pytest.mark.parametrize("change", [other_s, lambda signature: signature])
def test_rfc7523_3_the_other_signature_of_the_same_numbers_is_no_second_assertion(
    signer: Program, change: Any
) -> None:
    header, payload, signature = parts(signer.assertion())
    assert not is_refused(calls(signer, f"{header}.{payload}.{b64(signature)}"))

    assert is_refused(calls(signer, f"{header}.{payload}.{b64(change(signature))}"))


@pytest.mark.parametrize(
    "kind",
    ["", ASSERTION_TYPE.upper(), f"{ASSERTION_TYPE} ", f"{ASSERTION_TYPE}\0", "jwt-bearer",
     "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
     "urn:ietf:params:oauth:grant-type:jwt-bearer"],
)  # fmt: skip
def test_rfc7521_4_2_an_assertion_of_another_type_is_none(signer: Program, kind: str) -> None:
    form = {
        "grant_type": "client_credentials", "client_assertion": signer.assertion(),
        "client_assertion_type": kind,
    }  # fmt: skip

    answer = signer.house.app.test_client().post("/token", data=form)

    assert answer.status_code in {400, 401}
    assert "access_token" not in answer.get_json()
