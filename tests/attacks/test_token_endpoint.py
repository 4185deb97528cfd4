"""Codes, tokens and clients at the endpoints that programs call (RFC 6749, 7009, 7662, 9700)."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.support.decoupled import CIBA, DEVICE, Kiosk, add_kiosk
from tests.support.house import House, PortalClient, add_portal, answer_of
from tests.support.portal_kit import CHALLENGE, Program, Visitor, add_program, later

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def code(victim: Visitor, portal: PortalClient) -> str:
    return answer_of(victim.client.get(portal.request(scope="openid profile")))["code"]


@pytest.fixture
def tokens(portal: PortalClient, code: str) -> dict[str, Any]:
    found: dict[str, Any] = portal.redeems(code).get_json()
    return found


def error_of(answer: TestResponse) -> tuple[int, str]:
    assert "access_token" not in answer.get_json()
    return answer.status_code, answer.get_json()["error"]


# --- who calls ----------------------------------------------------------------------------------


def basic(text: bytes, scheme: str = "Basic") -> dict[str, str]:
    return {"Authorization": f"{scheme} {base64.b64encode(text).decode()}"}


HEADERS: dict[str, Any] = {
    "no colon": lambda p: basic(p.client_id.encode()),
    "an empty secret": lambda p: basic(f"{p.client_id}:".encode()),
    "an empty id": lambda p: basic(f":{p.secret}".encode()),
    "the secret in another case": lambda p: basic(f"{p.client_id}:{p.secret.swapcase()}".encode()),
    "the secret and a space": lambda p: basic(f"{p.client_id}:{p.secret} ".encode()),
    "the secret and a zero byte": lambda p: basic(f"{p.client_id}:{p.secret}\0".encode()),
    "the secret twice": lambda p: basic(f"{p.client_id}:{p.secret}:{p.secret}".encode()),
    "half of the secret": lambda p: basic(f"{p.client_id}:{p.secret[:20]}".encode()),
    "the secret encoded twice": lambda p: basic(
        f"{p.client_id}:{''.join(f'%25{ord(c):02x}' for c in p.secret)}".encode()
    ),
    "the id in capitals": lambda p: basic(f"{p.client_id.upper()}:{p.secret}".encode()),
    "another client's id": lambda p: basic(f"mallory:{p.secret}".encode()),
    "no text": lambda _: basic(b"\xff\xfe:\xff"),
    "no base64": lambda p: {"Authorization": f"Basic {p.client_id}:{p.secret}"},
    "base64 of another alphabet": lambda _: {"Authorization": "Basic __--"},
    "a broken escape": lambda p: basic(f"{p.client_id}:%zz".encode()),
    "an escape that is no text": lambda p: basic(f"{p.client_id}:%ff%fe".encode()),
    "Bearer": lambda p: {"Authorization": f"Bearer {p.secret}"},
    "Digest": lambda p: {"Authorization": f'Digest username="{p.client_id}"'},
    "nothing behind it": lambda _: {"Authorization": "Basic"},
    "very long": lambda p: basic(f"{p.client_id}:{'a' * 30000}".encode()),
    "a wildcard": lambda _: basic(b"%:%"),
    "SQL": lambda _: basic(b"' OR '1'='1:' OR '1'='1"),
}


@pytest.mark.parametrize("how", HEADERS)
@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke", "/par", "/bc-authorize"])
def test_who_does_not_know_the_secret_is_nobody(
    target: House, portal: PortalClient, path: str, how: str
) -> None:
    answer = target.app.test_client().post(
        path, data={"grant_type": "refresh_token", "token": "x"}, headers=HEADERS[how](portal)
    )

    assert error_of(answer) == (401, "invalid_client")


def test_rfc6749_2_3_1_a_network_guesses_so_many_secrets_in_a_minute(target: House) -> None:
    """The right one counts all the same: no stranger locks a portal out."""
    guessed = add_portal(target, "guessed")

    def calls(secret: str, network: str = "192.0.2.77", path: str = "/token") -> int:
        answer = target.app.test_client().post(
            path,
            data={"grant_type": "refresh_token", "refresh_token": "x", "token": "x"},
            headers={**basic(f"guessed:{secret}".encode()), "X-Forwarded-For": network},
        )
        return answer.status_code

    found = [calls(f"guess-{number}") for number in range(305)]

    assert found == [401] * 300 + [429] * 5
    assert calls("guess", path="/introspect") == 429
    assert calls("guess", "198.51.100.77") == 401
    assert calls(guessed.secret) == 400
    with later(target, seconds=61):
        assert calls("guess") == 401


TWICE: dict[str, dict[str, str]] = {
    "header and body": {"client_id": "hanoi", "client_secret": "{secret}"},
    "header and assertion": {
        "client_assertion": "a.b.c",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    },
    "header and another id": {"client_id": "mallory"},
    "header and an assertion type": {"client_assertion_type": "x"},
}


@pytest.mark.parametrize("how", TWICE)
def test_a_client_proves_itself_in_one_way(portal: PortalClient, code: str, how: str) -> None:
    more = {name: value.format(secret=portal.secret) for name, value in TWICE[how].items()}

    assert error_of(portal.redeems(code, **more)) == (400, "invalid_request")
    assert portal.redeems(code).status_code == 200


def test_a_secret_in_the_address_is_no_secret(target: House, portal: PortalClient) -> None:
    answer = target.app.test_client().post(
        f"/token?client_id={portal.client_id}&client_secret={portal.secret}",
        data={"grant_type": "client_credentials"},
    )

    assert error_of(answer)[1] == "invalid_client"


def test_a_confidential_client_without_its_secret_is_not_public(
    target: House, portal: PortalClient, code: str
) -> None:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": portal.client_id,
        "redirect_uri": portal.redirect_uri,
        "code_verifier": portal.verifier,
    }

    answer = target.app.test_client().post("/token", data=form)

    assert error_of(answer) == (401, "invalid_client")


# --- codes --------------------------------------------------------------------------------------

CODES: dict[str, dict[str, str]] = {
    "another redirect_uri": {"redirect_uri": "https://mallory.example.vn/callback"},
    "a longer redirect_uri": {"redirect_uri": "https://hanoi.example.vn/callback/"},
    "no redirect_uri": {"redirect_uri": ""},
    "no verifier": {"code_verifier": ""},
    "the challenge as verifier": {"code_verifier": CHALLENGE},
    "a short verifier": {"code_verifier": "v" * 42},
    "a long verifier": {"code_verifier": "v" * 129},
    "a verifier of other letters": {"code_verifier": "v" * 60 + "/+=é"},
    "another verifier": {"code_verifier": "w" * 64},
    "plain": {"code_verifier": "w" * 64, "code_challenge_method": "plain"},
    "a challenge of its own": {"code_verifier": "w" * 64, "code_challenge": "x" * 43},
}


@pytest.mark.parametrize("how", CODES)
def test_a_code_that_was_stolen_is_worth_nothing(portal: PortalClient, code: str, how: str) -> None:
    assert error_of(portal.redeems(code, **CODES[how])) == (400, "invalid_grant")
    assert portal.redeems(code).status_code == 200


def test_a_code_injected_at_another_client_is_worth_nothing(
    portal: PortalClient, mallory: PortalClient, code: str
) -> None:
    for uri in (portal.redirect_uri, mallory.redirect_uri):
        assert error_of(mallory.redeems(code, redirect_uri=uri)) == (400, "invalid_grant")
    assert portal.redeems(code).status_code == 200


def test_a_challenge_that_was_stripped_from_the_request_is_missed(
    target: House, victim: Visitor
) -> None:
    lax = add_portal(target, "lax", require_pkce=False)
    victim.agrees("lax")
    stripped = lax.request(scope="openid", code_challenge=None, code_challenge_method=None)
    code = answer_of(victim.client.get(stripped))["code"]

    assert error_of(lax.redeems(code)) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
        {"code_challenge_method": "s256"},
        {"code_challenge_method": "S512"},
        {"code_challenge": None},
        {"code_challenge": "short"},
        {"code_challenge": "x" * 44},
        {"code_challenge": "x" * 42 + "="},
        {"code_challenge": ""},
    ],
    ids=str,
)
def test_no_request_weakens_pkce(
    victim: Visitor, portal: PortalClient, changes: dict[str, str | None]
) -> None:
    page = victim.client.get(portal.request(scope="openid", **changes))

    assert answer_of(page)["error"] == "invalid_request"


@pytest.mark.parametrize(
    "grant",
    [
        "password", "implicit", "urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:ietf:params:oauth:grant-type:jwt-bearer", "AUTHORIZATION_CODE",
        "authorization_code ", "authorization_code refresh_token", "__class__", "", "none",
        "urn:ietf:params:oauth:grant-type:saml2-bearer", "client_credentials", DEVICE, CIBA,
    ],
)  # fmt: skip
def test_a_grant_that_the_client_does_not_have_gives_nothing(
    portal: PortalClient, code: str, grant: str
) -> None:
    answer = portal.redeems(code, grant_type=grant, username="x", password="y", assertion="a.b.c")

    assert answer.status_code == 400
    assert error_of(answer)[1] in {
        "unsupported_grant_type",
        "unauthorized_client",
        "invalid_request",
    }


@pytest.mark.parametrize("name", ["code", "refresh_token", "device_code", "auth_req_id"])
@pytest.mark.parametrize(
    "value",
    ["x", "A" * 4000, "A" * 20000, "../..", "%00", "\0", "é", "a.b.c", "null", "0", "[]", "' OR 1"],
)
def test_what_was_never_issued_is_no_grant(everything: PortalClient, name: str, value: str) -> None:
    grants = {
        "code": "authorization_code",
        "refresh_token": "refresh_token",
        "device_code": DEVICE,
        "auth_req_id": CIBA,
    }
    answer = everything.token(
        **{"grant_type": grants[name], name: value, "redirect_uri": everything.redirect_uri}
    )

    assert error_of(answer) == (400, "invalid_grant")


@pytest.fixture(scope="module")
def everything(target: House) -> PortalClient:
    return add_portal(
        target,
        "everything",
        grant_types=["authorization_code", "refresh_token", DEVICE, CIBA],
        backchannel_token_delivery_mode="poll",
    )


@pytest.fixture(scope="module")
def kiosk(target: House) -> Kiosk:
    return add_kiosk(target, "kiosk")


@pytest.mark.parametrize("used_as", ["code", "refresh_token", "device_code", "auth_req_id"])
def test_a_grant_of_one_kind_is_none_of_another(
    everything: PortalClient, kiosk: Kiosk, victim: Visitor, used_as: str
) -> None:
    portal = everything
    victim.agrees(portal.client_id)
    kiosk.begins()
    code = answer_of(victim.client.get(portal.request(scope="openid")))["code"]
    tokens = portal.redeems(code).get_json()
    grants = {
        "code": "authorization_code",
        "refresh_token": "refresh_token",
        "device_code": DEVICE,
        "auth_req_id": CIBA,
    }
    found = {"refresh_token": tokens["refresh_token"], "device_code": kiosk.device_code}
    found |= {"access": tokens["access_token"], "id": tokens["id_token"], "user": kiosk.user_code}

    answers = {
        kind: error_of(portal.token(**{"grant_type": grants[used_as], used_as: value}))
        for kind, value in found.items()
        if kind != used_as
    }

    assert set(answers.values()) == {(400, "invalid_grant")}


# --- refresh tokens, scopes, resources ----------------------------------------------------------


def test_a_refresh_token_of_another_client_is_worth_nothing(
    portal: PortalClient, mallory: PortalClient, tokens: dict[str, Any]
) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}

    assert error_of(mallory.token(**form)) == (400, "invalid_grant")
    assert portal.token(**form).status_code == 200


@pytest.mark.parametrize(
    "scope", ["openid profile email", "openid offline_access", "admin", "openid identity", "*", " "]
)
def test_nothing_is_added_to_what_was_granted(
    portal: PortalClient, tokens: dict[str, Any], scope: str
) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}

    answer = portal.token(**form, scope=scope)

    assert error_of(answer) == (400, "invalid_scope")


@pytest.mark.parametrize(
    "resource",
    ["https://evil.example/", "https://api.example.vn", "http://localhost:8000", "*", "urn:x", "x"],
)
@pytest.mark.parametrize("grant", ["authorization_code", "refresh_token"])
def test_no_token_is_for_a_resource_that_was_not_granted(
    victim: Visitor, portal: PortalClient, grant: str, resource: str
) -> None:
    code = answer_of(victim.client.get(portal.request(scope="openid")))["code"]
    if grant == "refresh_token":
        token = portal.redeems(code).get_json()["refresh_token"]
        answer = portal.token(grant_type=grant, refresh_token=token, resource=resource)
    else:
        answer = portal.redeems(code, resource=resource)

    assert error_of(answer) == (400, "invalid_target")


# --- other people's tokens ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["access_token", "refresh_token", "id_token"])
@pytest.mark.parametrize("hint", ["", "access_token", "refresh_token", "id_token", "x"])
def test_another_client_learns_nothing_and_ends_nothing(
    portal: PortalClient, mallory: PortalClient, tokens: dict[str, Any], kind: str, hint: str
) -> None:
    http = portal.house.app.test_client()
    form = {"token": tokens[kind], **({"token_type_hint": hint} if hint else {})}
    auth = (mallory.client_id, mallory.secret)

    told = http.post("/introspect", data=form, auth=auth)
    http.post("/revoke", data=form, auth=auth)

    assert told.get_json() == {"active": False}
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert http.get("/userinfo", headers=bearer).status_code == 200


@pytest.mark.parametrize("kind", ["refresh_token", "id_token", "code"])
def test_only_an_access_token_opens_userinfo(
    portal: PortalClient, tokens: dict[str, Any], code: str, kind: str
) -> None:
    token = {**tokens, "code": code}[kind]

    answer = portal.house.app.test_client().get(
        "/userinfo", headers={"Authorization": f"Bearer {token}"}
    )

    assert answer.status_code == 401


PRESENTED: dict[str, Any] = {
    "in the address": lambda c, t: c.get(f"/userinfo?access_token={t}"),
    "in the address of a post": lambda c, t: c.post(f"/userinfo?access_token={t}"),
    "in the body of a get": lambda c, t: c.get("/userinfo", data={"access_token": t}),
    "in a cookie": lambda c, t: c.get("/userinfo", headers={"Cookie": f"access_token={t}"}),
    "in another header": lambda c, t: c.get("/userinfo", headers={"X-Access-Token": t}),
    "as Basic": lambda c, t: c.get("/userinfo", headers={"Authorization": f"Basic {t}"}),
    "as DPoP": lambda c, t: c.get("/userinfo", headers={"Authorization": f"DPoP {t}"}),
    "without a scheme": lambda c, t: c.get("/userinfo", headers={"Authorization": t}),
    "as JSON": lambda c, t: c.post("/userinfo", json={"access_token": t}),
    "in two places": lambda c, t: c.post(
        "/userinfo", data={"access_token": t}, headers={"Authorization": f"Bearer {t}"}
    ),
    "twice in a body": lambda c, t: c.post(
        "/userinfo", data=f"access_token={t}&access_token={t}", content_type=FORM
    ),
    "twice in the header": lambda c, t: c.get(
        "/userinfo", headers={"Authorization": f"Bearer {t}, Bearer {t}"}
    ),
    "with something behind": lambda c, t: c.get(
        "/userinfo", headers={"Authorization": f"Bearer {t} x"}
    ),
    "with a letter changed": lambda c, t: c.get(
        "/userinfo", headers={"Authorization": f"Bearer {t[:-2]}{'AA' if t[-2:] != 'AA' else 'BB'}"}
    ),
}


@pytest.mark.parametrize("how", PRESENTED)
def test_a_token_counts_only_where_it_belongs(
    portal: PortalClient, tokens: dict[str, Any], how: str
) -> None:
    answer = PRESENTED[how](portal.house.app.test_client(), tokens["access_token"])

    assert answer.status_code in {400, 401}
    assert "sub" not in answer.text


# --- bound tokens -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bound(program: Program, victim: Visitor) -> str:
    return str(program.gets_tokens(victim)["access_token"])


PROOFS: dict[str, dict[str, Any]] = {
    "another method": {"htm": "POST"},
    "a small method": {"htm": "get"},
    "another path": {"htu": "http://localhost:8000/token"},
    "a longer path": {"htu": "http://localhost:8000/userinfo/"},
    "another host": {"htu": "http://evil.example/userinfo"},
    "a host that begins like ours": {"htu": "http://localhost:8000.evil.example/userinfo"},
    "a user name": {"htu": "http://localhost:8000@evil.example/userinfo"},
    "our name as user": {"htu": "http://x@localhost:8000/userinfo"},
    "another scheme": {"htu": "https://localhost:8000/userinfo"},
    "another port": {"htu": "http://localhost:8001/userinfo"},
    "no port": {"htu": "http://localhost/userinfo"},
    "a traversal": {"htu": "http://localhost:8000/x/../userinfo"},
    "an encoded letter": {"htu": "http://localhost:8000/%75serinfo"},
    "a doubled slash": {"htu": "http://localhost:8000//userinfo"},
    "a backslash": {"htu": "http://localhost:8000\\userinfo"},
    "a list of addresses": {"htu": ["http://localhost:8000/userinfo"]},
    "no address": {"htu": None},
    "only a path": {"htu": "/userinfo"},
    "the hash of nothing": {"ath": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"},
    "no hash": {"ath": None},
    "a padded hash": {"ath": "x="},
    "an old proof": {"iat": 1},
    "a proof from the future": {"iat": 2**40},
    "a time that is text": {"iat": "now"},
    "a time that is true": {"iat": True},
    "no time": {"iat": None},
    "no jti": {"jti": None},
    "an empty jti": {"jti": ""},
    "a jti that is a number": {"jti": 5},
    "a long jti": {"jti": "j" * 5000},
}


@pytest.mark.parametrize("how", PROOFS)
def test_a_stolen_bound_token_needs_a_proof_for_this_very_request(
    program: Program, bound: str, how: str
) -> None:
    assert program.userinfo(bound, **PROOFS[how]).status_code == 401
    assert program.userinfo(bound).status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_bound_token_is_no_bearer_token(program: Program, bound: str, scheme: str) -> None:
    answer = program.house.app.test_client().get(
        "/userinfo", headers={"Authorization": f"{scheme} {bound}"}
    )

    assert answer.status_code == 401


def test_a_key_is_not_swapped_when_an_app_refreshes(target: House, victim: Visitor) -> None:
    app = add_program(
        target, "phone", profile="standard", token_endpoint_auth_method="none", jwks=None
    )
    thief = add_program(target, "thief-key").dpop_key
    victim.agrees("phone")
    code = answer_of(victim.client.get(app.plain_request()))["code"]
    tokens = app.redeem(code).get_json()
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}

    stolen = app.post("/token", proof=app.proof("/token", key=thief), **form)
    bare = app.post("/token", **form)

    assert (stolen.status_code, bare.status_code) == (400, 400)
    assert app.post("/token", proof=app.proof("/token"), **form).status_code == 200
