"""What the implicit flow answers, and how it travels (OpenID Connect Core, 3.2.2.5 to 3.2.2.11).

Modules of the OpenID Foundation's implicit plan: oidcc-server, oidcc-idtoken-signature,
oidcc-scope-* and oidcc-claims-essential for both types, oidcc-userinfo-*,
oidcc-prompt-none-logged-in, oidcc-id-token-hint.
"""

from __future__ import annotations

import base64
import hashlib
import json
from urllib.parse import urlsplit

import pytest
from joserfc import jwe
from joserfc.jwe import JWERegistry
from joserfc.jwk import ECKey, RSAKey

from idp.domain.clients import ContentEnc, KeyAlg
from idp.domain.subjects import IdNumber
from tests.oidc.implicit.kit import ID_TOKEN, TOKENS, add_implicit, asks, told, userinfo
from tests.support.house import House, PortalClient, answer_of
from tests.support.portal_kit import ISSUER, Visitor, claims_of, posted_fields, sign_in
from tests.support.portals import read

PERSON = {"name", "birthdate", "gender", "locale", "updated_at"}


# --- section 3.2.2.5: the parameters --------------------------------------------------------------


def test_core_3_2_2_5_both_tokens_and_what_goes_with_them(
    portal: PortalClient, visitor: Visitor
) -> None:
    found = asks(visitor.client, portal)

    assert set(found) == {
        "access_token", "token_type", "expires_in", "scope", "id_token", "state", "iss",
    }  # fmt: skip
    assert (found["token_type"], found["expires_in"], found["scope"]) == ("Bearer", "300", "openid")
    assert (found["state"], found["iss"]) == ("s t/ä", ISSUER)


def test_core_3_2_2_5_id_token_alone_comes_with_no_access_token(
    portal: PortalClient, visitor: Visitor
) -> None:
    assert set(asks(visitor.client, portal, **ID_TOKEN)) == {"id_token", "state", "iss"}


def test_core_3_2_2_5_the_answer_stands_in_the_fragment(
    portal: PortalClient, visitor: Visitor
) -> None:
    page = visitor.client.get(portal.request(**TOKENS))

    parts = urlsplit(page.headers["Location"])
    assert page.status_code == 303
    assert parts._replace(fragment="").geturl() == portal.redirect_uri
    assert page.headers["Cache-Control"] == "no-store"
    assert "access_token" not in page.headers["Location"].partition("#")[0]


def test_rfc6749_3_1_2_a_registered_query_stays_byte_for_byte(
    shared: House, visitor: Visitor
) -> None:
    visitor.agrees("with-query")
    uri = "https://with-query.example.vn/cb?a=%C4%91&b"
    add = add_implicit(shared, "with-query", redirect_uris=[uri])

    page = visitor.client.get(add.request(**{**TOKENS, "redirect_uri": uri}))

    assert page.headers["Location"].startswith(f"{uri}#access_token=")


def test_rfc6749_4_2_2_a_scope_that_was_not_granted_is_told(
    portal: PortalClient, visitor: Visitor
) -> None:
    found = asks(visitor.client, portal, scope="openid profile address ssf.read unknown")

    assert found["scope"] == "openid profile"


def test_rfc6749_4_2_2_there_is_no_refresh_token(portal: PortalClient, visitor: Visitor) -> None:
    found = asks(visitor.client, portal, scope="openid offline_access", prompt="none")

    assert "refresh_token" not in found
    assert found["scope"] == "openid"  # Core, 11: offline access comes with a code only


# --- section 3.2.2.10: the ID token ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("alg", "digest"),
    [("RS256", "sha256"), ("ES256", "sha256"), ("PS256", "sha256"), ("EdDSA", "sha512")],
)
def test_core_3_2_2_10_at_hash_is_that_of_the_access_token(
    shared: House, visitor: Visitor, alg: str, digest: str
) -> None:
    name = f"hash-{alg.lower()}"
    visitor.agrees(name)
    portal = add_implicit(shared, name, id_token_signed_response_alg=alg)

    found = asks(visitor.client, portal)

    header, claims = read(shared, found["id_token"])
    whole = hashlib.new(digest, found["access_token"].encode()).digest()
    half = base64.urlsafe_b64encode(whole[: len(whole) // 2]).rstrip(b"=").decode()
    assert (header["alg"], claims["at_hash"]) == (alg, half)


def test_core_3_2_2_10_without_an_access_token_there_is_no_at_hash(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    claims = claims_of(shared, asks(visitor.client, portal, **ID_TOKEN)["id_token"])

    assert not {"at_hash", "c_hash"} & set(claims)


@pytest.mark.parametrize("kind", [TOKENS, ID_TOKEN], ids=["tokens", "id_token"])
def test_core_2_the_id_token_says_the_same_as_that_of_a_code(
    shared: House, portal: PortalClient, visitor: Visitor, kind: dict[str, str]
) -> None:
    code = answer_of(visitor.client.get(portal.request(scope="openid")))["code"]
    expected = claims_of(shared, portal.redeems(code).get_json()["id_token"])

    claims = claims_of(shared, asks(visitor.client, portal, **kind)["id_token"])

    assert claims.keys() | {"at_hash"} == expected.keys()
    assert {**claims, "at_hash": ""} == {**expected, "at_hash": ""}
    assert (claims["acr"], claims["nonce"], claims["aud"]) == ("ial2", "n-1", "browser")


def test_core_10_2_it_is_encrypted_where_the_client_registered_so(
    shared: House, visitor: Visitor
) -> None:
    visitor.agrees("sealed")
    key = RSAKey.generate_key(2048, {"use": "enc"})
    keys = {"keys": [key.as_dict(private=False)]}
    portal = add_implicit(shared, "sealed", jwks=keys, id_token_encrypted_response_alg="RSA-OAEP")

    token = asks(visitor.client, portal, **ID_TOKEN)["id_token"]

    registry = JWERegistry(algorithms=[*KeyAlg, *ContentEnc])
    opened = jwe.decrypt_compact(token, key, registry=registry)
    assert claims_of(shared, (opened.plaintext or b"").decode())["nonce"] == "n-1"


def test_core_10_2_what_cannot_be_encrypted_does_not_leave_in_clear(
    shared: House, visitor: Visitor
) -> None:
    visitor.agrees("no-key")
    keys = {"keys": [ECKey.generate_key("P-256", {"use": "sig"}).as_dict(private=False)]}
    portal = add_implicit(shared, "no-key", jwks=keys, id_token_encrypted_response_alg="RSA-OAEP")

    found = asks(visitor.client, portal, **ID_TOKEN)
    nobody = asks(shared.app.test_client(), portal, **ID_TOKEN)

    assert (found["error"], nobody["error"]) == ("invalid_request", "invalid_request")
    assert "id_token" not in found


# --- section 5.4: claims by scope -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("openid", set()),
        ("openid profile", PERSON),
        ("openid email", {"email", "email_verified"}),
        ("openid phone", {"phone_number", "phone_number_verified"}),
        ("openid identity", {"id_number", "id_number_type", "account_kind"}),
    ],
)
def test_core_5_4_claims_by_scope_are_in_the_id_token_that_comes_alone(
    shared: House, portal: PortalClient, visitor: Visitor, scope: str, expected: set[str]
) -> None:
    plain = claims_of(shared, asks(visitor.client, portal, **ID_TOKEN)["id_token"])

    claims = claims_of(
        shared, asks(visitor.client, portal, response_type="id_token", scope=scope)["id_token"]
    )

    assert claims.keys() - plain.keys() == expected


def test_core_5_4_with_an_access_token_they_are_in_userinfo(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    found = asks(visitor.client, portal, scope="openid profile email")

    claims = claims_of(shared, found["id_token"])
    about = userinfo(shared, found["access_token"]).get_json()
    assert not {"name", "email"} & set(claims)
    assert about.keys() == {"sub", "email", "email_verified"} | PERSON
    assert about["sub"] == claims["sub"]


@pytest.mark.parametrize("kind", ["id_token", "id_token token"])
def test_core_5_5_claims_asked_for_by_name_are_in_the_id_token(
    shared: House, portal: PortalClient, visitor: Visitor, kind: str
) -> None:
    asked = json.dumps({"id_token": {"name": {"essential": True}, "acr": {"value": "ial2"}}})

    found = asks(visitor.client, portal, response_type=kind, claims=asked)

    claims = claims_of(shared, found["id_token"])
    assert (claims["name"], claims["acr"]) == ("Nguyễn Văn Hoà", "ial2")
    assert "gender" not in claims


def test_core_5_5_claims_asked_for_in_userinfo_come_with_the_access_token(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    asked = json.dumps({"userinfo": {"name": {"essential": True}}})

    found = asks(visitor.client, portal, claims=asked)

    assert userinfo(shared, found["access_token"]).get_json()["name"] == "Nguyễn Văn Hoà"
    assert "name" not in claims_of(shared, found["id_token"])


# --- the access token -----------------------------------------------------------------------------


def test_core_3_2_2_9_userinfo_and_introspection_know_the_access_token(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    token = asks(visitor.client, portal)["access_token"]

    form = {"token": token}
    about = shared.app.test_client().post(
        "/introspect", data=form, auth=(portal.client_id, portal.secret)
    )
    assert userinfo(shared, token).status_code == 200
    assert about.get_json()["active"] is True
    assert about.get_json()["exp"] == int(shared.clock().timestamp()) + 300


def test_rfc8707_2_the_access_token_is_for_the_resource_that_was_named(
    shared: House, visitor: Visitor
) -> None:
    visitor.agrees("with-api")
    portal = add_implicit(shared, "with-api", resources=["https://api.example.vn/"])

    token = asks(visitor.client, portal, resource="https://api.example.vn/")["access_token"]

    assert claims_of(shared, token)["aud"] == "https://api.example.vn/"


def test_an_opaque_token_for_who_registered_that(shared: House, visitor: Visitor) -> None:
    visitor.agrees("opaque")
    portal = add_implicit(shared, "opaque", access_token_format="opaque")

    token = asks(visitor.client, portal)["access_token"]

    assert token.startswith("mc_")
    assert userinfo(shared, token).status_code == 200


@pytest.mark.parametrize("grant_type", ["implicit", "id_token"])
def test_rfc6749_4_2_the_token_endpoint_knows_no_such_grant(
    portal: PortalClient, grant_type: str
) -> None:
    answer = portal.token(grant_type=grant_type)

    assert (answer.status_code, answer.get_json()["error"]) == (400, "unsupported_grant_type")


def test_its_answers_are_counted(
    portal: PortalClient, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[tuple[str, ...]] = []
    monkeypatch.setattr(
        visitor.house.base.meter,
        "count",
        lambda metric, *labels, **_: counted.append((metric.name, *labels)),
    )

    asks(visitor.client, portal)

    assert ("idp_tokens", "implicit") in counted


# --- response modes -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [TOKENS, ID_TOKEN], ids=["tokens", "id_token"])
def test_form_post_2_the_tokens_come_in_a_form_that_may_be_sent(
    shared: House, portal: PortalClient, visitor: Visitor, kind: dict[str, str]
) -> None:
    page = visitor.client.get(portal.request(**kind, response_mode="form_post"))

    fields = posted_fields(page)
    policy = page.headers["Content-Security-Policy"]
    assert page.status_code == 200
    assert f'action="{portal.redirect_uri}"' in page.text
    assert "form-action 'self' https://browser.example.vn;" in policy
    assert claims_of(shared, fields["id_token"])["nonce"] == "n-1"
    assert ("access_token" in fields) == ("token_type" in fields) == (kind is TOKENS)
    assert (fields["state"], fields["iss"]) == ("s t/ä", ISSUER)


def test_fragment_may_be_asked_for_by_name(portal: PortalClient, visitor: Visitor) -> None:
    assert "id_token" in asks(visitor.client, portal, response_mode="fragment")


@pytest.mark.parametrize("mode", ["jwt", "fragment.jwt", "form_post.jwt"])
def test_jarm_2_3_the_answer_is_one_jwt(
    shared: House, portal: PortalClient, visitor: Visitor, mode: str
) -> None:
    page = visitor.client.get(portal.request(**TOKENS, response_mode=mode))

    found = posted_fields(page) if mode == "form_post.jwt" else told(page)
    claims = claims_of(shared, found["response"])
    assert set(found) == {"response"}
    assert (claims["aud"], claims["iss"], claims["state"]) == ("browser", ISSUER, "s t/ä")
    assert (claims["token_type"], claims["expires_in"]) == ("Bearer", "300")
    assert userinfo(shared, claims["access_token"]).status_code == 200


def test_jarm_2_3_so_is_an_error(shared: House, portal: PortalClient, visitor: Visitor) -> None:
    found = asks(visitor.client, portal, nonce=None, response_mode="jwt")

    assert set(found) == {"response"}
    assert claims_of(shared, found["response"])["error"] == "invalid_request"


# --- the decision is that of the code flow --------------------------------------------------------


def test_core_3_1_2_1_prompt_none_answers_at_once_who_is_signed_in(
    portal: PortalClient, visitor: Visitor
) -> None:
    assert "access_token" in asks(visitor.client, portal, prompt="none")


def test_core_3_1_2_1_id_token_hint_of_another_person_is_login_required(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    hint = asks(visitor.client, portal, **ID_TOKEN)["id_token"]
    other = sign_in(shared, "browser", id_numbers=(IdNumber.parse("001072000137"),))

    found = asks(other.client, portal, id_token_hint=hint, prompt="none")

    assert found["error"] == "login_required"
    assert "id_token" in asks(visitor.client, portal, id_token_hint=hint, prompt="none")


def test_core_15_1_max_age_and_acr_are_told(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    found = asks(visitor.client, portal, **ID_TOKEN, max_age="10000", acr_values="ial2")

    claims = claims_of(shared, found["id_token"])
    assert claims["auth_time"] <= shared.clock().timestamp()
    assert claims["acr"] == "ial2"


def test_a_level_that_is_essential_and_not_proven_asks_for_a_better_sign_in(
    portal: PortalClient, visitor: Visitor
) -> None:
    asked = json.dumps({"id_token": {"acr": {"essential": True, "value": "ial3"}}})

    found = asks(visitor.client, portal, claims=asked)

    assert found["error"] == "unmet_authentication_requirements"
