"""private_key_jwt (RFC 7523; OpenID Connect Core, 9): whose key, for whom, when, once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from idp.oidc.client_auth import ASSERTION_TYPE
from idp.oidc.client_metadata import InvalidMetadata
from tests.support.house import House, add_portal
from tests.support.portal_kit import (
    ISSUER,
    MTLS,
    Documents,
    Program,
    add_program,
    b64,
    open_house,
    open_plain_house,
    signed,
)

GRANTS = ["authorization_code", "client_credentials"]
JWKS_URI = "https://fetched.example.vn/jwks"


@pytest.fixture(scope="module")
def program(shared: House) -> Program:
    return add_program(
        shared, "jwt", profile="standard", dpop_bound_access_tokens=False, grant_types=GRANTS
    )


@cache
def key_for(alg: str) -> Key:
    if alg == "EdDSA":
        return OKPKey.generate_key("Ed25519")
    return ECKey.generate_key("P-256") if alg == "ES256" else RSAKey.generate_key(2048)


def token(program: Program, assertion: str | None = None, **form: str) -> tuple[int, str]:
    """Status and error of a token request."""
    found = program.post("/token", assertion=assertion, grant_type="client_credentials", **form)
    return found.status_code, found.get_json().get("error", "")


def add_with_keys(house: House, client_id: str, *keys: dict[str, Any], **metadata: Any) -> Program:
    return add_program(
        house, client_id, profile="standard", dpop_bound_access_tokens=False,
        grant_types=GRANTS, jwks={"keys": list(keys)}, **metadata,
    )  # fmt: skip


def sign(program: Program, alg: str, key: Key, **header: Any) -> str:
    claims = {
        "iss": program.client_id, "sub": program.client_id, "aud": ISSUER,
        "exp": program.seconds + 60, "jti": str(uuid4()),
    }  # fmt: skip
    return signed(key, {"alg": alg, **header}, json.dumps(claims).encode(), alg)


@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256", "EdDSA"])
def test_core_9_every_announced_algorithm_is_taken(shared: House, alg: str) -> None:
    key = key_for(alg)
    program = add_with_keys(shared, f"alg-{alg}", key.as_dict(private=False))
    discovery = shared.app.test_client().get("/.well-known/openid-configuration").get_json()

    assert token(program, sign(program, alg, key)) == (200, "")
    assert alg in discovery["token_endpoint_auth_signing_alg_values_supported"]


def test_core_9_the_registered_algorithm_is_the_only_one(shared: House) -> None:
    key = key_for("RS256")
    public = key.as_dict(private=False)
    program = add_with_keys(shared, "only-ps256", public, token_endpoint_auth_signing_alg="PS256")

    assert token(program, sign(program, "RS256", key)) == (401, "invalid_client")
    assert token(program, sign(program, "PS256", key)) == (200, "")


@pytest.mark.parametrize(
    "audience",
    [ISSUER, f"{ISSUER}/token", [ISSUER], [f"{ISSUER}/token"], ["x", ISSUER], f"{MTLS}/token"],
    ids=str,
)
def test_rfc7523_3_an_audience_of_ours_is_taken(program: Program, audience: object) -> None:
    assert token(program, program.assertion(aud=audience)) == (200, "")


@pytest.mark.parametrize(
    "audience",
    ["", "x", [], {}, 5, None, True, [5], [[ISSUER]], f"{ISSUER}/", f"{ISSUER}/authorize",
     f"{ISSUER}/userinfo", f"{ISSUER}.evil.example", ISSUER.upper(), {"a": ISSUER}],
    ids=str,
)  # fmt: skip
def test_rfc7523_3_any_other_audience_is_refused(program: Program, audience: object) -> None:
    assert token(program, program.assertion(aud=audience)) == (401, "invalid_client")


def test_core_9_a_jti_is_used_once_whatever_it_is_used_for(program: Program) -> None:
    assertion = program.assertion()

    answers = [token(program, assertion)]
    answers += [(program.post(path, assertion=assertion, token="x").status_code, "")
                for path in ("/introspect", "/revoke", "/par")]  # fmt: skip

    assert answers == [(200, ""), (401, ""), (401, ""), (401, "")]


def test_core_9_an_assertion_that_was_refused_is_not_used_up(program: Program) -> None:
    early = program.assertion(nbf=program.seconds + 90, jti="same")
    good = program.assertion(jti="same")

    assert token(program, early) == (401, "invalid_client")
    assert token(program, good) == (200, "")


def test_core_9_two_clients_may_use_one_jti(shared: House, program: Program) -> None:
    other = add_program(
        shared, "jwt2", profile="standard", dpop_bound_access_tokens=False, grant_types=GRANTS
    )

    assert token(program, program.assertion(jti="of-both")) == (200, "")
    assert token(other, other.assertion(jti="of-both")) == (200, "")


def test_core_9_of_fifty_uses_of_an_assertion_at_once_one_counts(
    database_url: str, tmp_path: Path
) -> None:
    house = open_house(database_url, tmp_path)
    program = add_program(
        house, "jwt", profile="standard", dpop_bound_access_tokens=False, grant_types=GRANTS
    )
    assertion = program.assertion()

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: token(program, assertion)[0], range(50)))
    house.database.close()

    assert sorted(answers) == [200] + [401] * 49


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-50, 200), (-70, 401), (0, 200), (3500, 200), (3700, 401)],
)
def test_rfc7523_3_exp_with_a_minute_of_clock_skew(
    program: Program, seconds: int, expected: int
) -> None:
    assertion = program.assertion(exp=program.seconds + seconds, iat=None)

    assert token(program, assertion)[0] == expected


@pytest.mark.parametrize("name", ["iat", "nbf"])
@pytest.mark.parametrize(("seconds", "expected"), [(10, 200), (59, 200), (61, 401), (-3000, 200)])
def test_rfc7523_3_iat_and_nbf_may_be_a_minute_ahead(
    program: Program, name: str, seconds: int, expected: int
) -> None:
    assertion = program.assertion(**{name: program.seconds + seconds})

    assert token(program, assertion)[0] == expected


@pytest.mark.parametrize(
    "typ",
    ["JWT", "jwt", "client-authentication+jwt", "Client-AUTHENTICATION+jWt", "application/jwt"],
)
def test_rfc8725_3_11_types_of_an_assertion(program: Program, typ: str) -> None:
    assert token(program, program.assertion(header={"typ": typ})) == (200, "")


@pytest.mark.parametrize("typ", ["at+jwt", "dpop+jwt", "oauth-authz-req+jwt", "logout+jwt", 5, []])
def test_rfc8725_3_11_another_type_is_refused(program: Program, typ: object) -> None:
    assertion = program.assertion(header={"typ": typ})

    assert token(program, assertion) == (401, "invalid_client")


def test_rfc8725_3_11_a_request_object_is_no_assertion(program: Program) -> None:
    request = program.request_object(sub=program.client_id, jti="x")

    assert token(program, request) == (401, "invalid_client")


# --- keys ---------------------------------------------------------------------------------------


def test_core_10_1_the_kid_chooses_among_several_keys(shared: House) -> None:
    keys = [ECKey.generate_key("P-256", {"kid": name}) for name in ("a", "b")]
    program = add_with_keys(shared, "kids", *(key.as_dict(private=False) for key in keys))

    assert token(program, sign(program, "ES256", keys[1], kid="b")) == (200, "")
    assert token(program, sign(program, "ES256", keys[1], kid="a")) == (401, "invalid_client")
    assert token(program, sign(program, "ES256", keys[0])) == (200, "")


@pytest.mark.parametrize("about", [{"use": "enc"}, {"alg": "ES384"}], ids=str)
def test_rfc7517_4_2_a_key_for_another_use_does_not_count(
    shared: House, about: dict[str, str]
) -> None:
    key = ECKey.generate_key("P-256")
    name = "-".join(about.values())
    program = add_with_keys(shared, f"use-{name}", {**key.as_dict(private=False), **about})

    assert token(program, sign(program, "ES256", key)) == (401, "invalid_client")


def test_rfc7518_3_3_a_short_rsa_key_is_never_registered(shared: House) -> None:
    public = rsa.generate_private_key(65537, 1024).public_key().public_numbers()
    jwk = {"kty": "RSA", "e": "AQAB", "n": b64(public.n.to_bytes(128, "big"))}
    with pytest.raises(InvalidMetadata):
        add_with_keys(shared, "short", jwk)


def test_core_10_1_1_keys_at_an_address_are_fetched_and_kept(
    shared: House, documents: Documents
) -> None:
    key = ECKey.generate_key("P-256", {"kid": "one"})
    documents.pages[JWKS_URI] = json.dumps({"keys": [key.as_dict(private=False)]}).encode()
    program = add_fetched(shared)

    answers = [token(program, sign(program, "ES256", key, kid="one", n=n))[0] for n in range(3)]

    assert answers == [200, 200, 200]
    assert documents.asked.count(JWKS_URI) == 1


def add_fetched(house: House) -> Program:
    return add_program(
        house, "fetched", profile="standard", dpop_bound_access_tokens=False,
        grant_types=GRANTS, jwks=None, jwks_uri=JWKS_URI,
    )  # fmt: skip


@pytest.mark.parametrize(
    "page",
    [b"", b"x", b"[]", b"{}", b'{"keys":5}', b'{"keys":[5,null,"a",{}]}',
     b'{"keys":[{"kty":"oct","k":"AAAA"}]}', b'{"keys":[{"kty":"EC","crv":"P-256"}]}',
     b'{"keys":' + b"[" * 5000 + b"]" * 5000 + b"}", b"\xff"],
    ids=lambda page: str(page[:30]),
)  # fmt: skip
def test_core_10_1_1_a_page_that_is_no_key_set_is_invalid_client(
    sqlite_template: Path, tmp_path: Path, page: bytes
) -> None:
    web = Documents()
    web.pages[JWKS_URI] = page
    house = open_plain_house(sqlite_template, tmp_path, web)
    program = add_fetched(house)

    found = token(program)
    house.database.close()

    assert found == (401, "invalid_client")


# --- the request --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["", "x", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "\0", "é"]
)
def test_rfc7521_4_2_the_type_must_be_named(shared: House, program: Program, kind: str) -> None:
    form = {"grant_type": "client_credentials", "client_assertion": program.assertion()}

    answer = shared.app.test_client().post("/token", data={**form, "client_assertion_type": kind})

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")


def test_rfc6749_2_3_two_ways_of_authentication_are_invalid_request(
    shared: House, program: Program
) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": program.assertion(),
    }
    client = shared.app.test_client()

    for answer in (
        client.post("/token", data=form, auth=("jwt", "secret")),
        client.post("/token", data={**form, "client_secret": "secret"}),
    ):
        assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")


def test_rfc6749_2_3_a_registered_way_is_the_only_one(shared: House, program: Program) -> None:
    portal = add_portal(shared, "secretive", grant_types=GRANTS)
    client, form = shared.app.test_client(), {"grant_type": "client_credentials"}

    posted = client.post(
        "/token", data={**form, "client_id": "secretive", "client_secret": portal.secret}
    )
    public = client.post("/token", data={**form, "client_id": "jwt"})
    asserted = Program(shared, "secretive", "", program.key).post("/token", **form)

    assert [each.status_code for each in (posted, public, asserted)] == [401, 401, 401]


def test_rfc7521_4_2_client_id_must_be_the_subject(shared: House, program: Program) -> None:
    stranger = Program(shared, "other", "", program.key)

    answer = stranger.post("/token", assertion=program.assertion(), grant_type="client_credentials")

    assert answer.status_code == 401


def test_rfc7521_4_2_client_id_may_be_left_out(shared: House, program: Program) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": program.assertion(),
    }

    assert shared.app.test_client().post("/token", data=form).status_code == 200


def test_parts_15_unknown_client_and_wrong_secret_are_told_alike(shared: House) -> None:
    add_portal(shared, "known", grant_types=GRANTS)
    client, form = shared.app.test_client(), {"grant_type": "client_credentials"}

    answers = {
        client.post("/token", data=form, auth=auth).data
        for auth in (("known", "wrong"), ("unknown", "wrong"), ("jwt", "wrong"))
    }

    assert len(answers) == 1
