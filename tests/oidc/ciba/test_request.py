"""The backchannel authentication endpoint (CIBA Core, 7 and 13; FAPI-CIBA, 5.2.2)."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from werkzeug.test import TestResponse

from tests.support.decoupled import CIBA, Office, add_kiosk, add_office
from tests.support.house import House, add_portal

ISSUER = "http://localhost:8000"
TOKEN = "n" * 43


def error_of(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["error"]


def test_ciba_7_3_the_acknowledgement_has_id_life_and_interval(house: House) -> None:
    answer = add_office(house).asks()

    found = answer.get_json()
    assert answer.status_code == 200
    assert (found["expires_in"], found["interval"]) == (180, 5)
    assert len(found["auth_req_id"]) >= 32 + 43
    assert set(found["auth_req_id"]) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_"
    )
    assert answer.headers["Cache-Control"] == "no-store"


def test_ciba_7_1_a_client_must_authenticate(house: House) -> None:
    add_office(house)

    answer = house.app.test_client().post(
        "/bc-authorize", data={"client_id": "office", "scope": "openid", "login_hint": "0" * 12}
    )

    assert error_of(answer) == (401, "invalid_client")


def test_ciba_13_a_client_without_the_grant_is_refused(house: House) -> None:
    office = Office(house, add_kiosk(house).portal)

    assert error_of(office.asks()) == (400, "unauthorized_client")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"scope": None}, "invalid_scope"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"login_hint": None}, "invalid_request"),
        ({"id_token_hint": "x"}, "invalid_request"),
        ({"login_hint": None, "id_token_hint": "x"}, "invalid_request"),
        ({"login_hint": None, "id_token_hint": "a.b.c"}, "invalid_request"),
        ({"login_hint": None, "login_hint_token": "x"}, "invalid_request"),
        ({"login_hint_token": "x"}, "invalid_request"),
        ({"login_hint": "nobody-known"}, "unknown_user_id"),
        ({"login_hint": "+84821234088"}, "unknown_user_id"),
        ({"login_hint": "tel:0821234088"}, "unknown_user_id"),
        ({"login_hint": "urn:vn:cccd:12"}, "unknown_user_id"),
        ({"login_hint": "' OR 1=1 --"}, "unknown_user_id"),
        ({"login_hint": "\0"}, "invalid_request"),
        ({"login_hint": "x" * 5000}, "invalid_request"),
        ({"binding_message": "x" * 51}, "invalid_binding_message"),
        ({"binding_message": "two\nlines"}, "invalid_binding_message"),
        ({"binding_message": " padded"}, "invalid_binding_message"),
        ({"binding_message": "\u202egnp.exe"}, "invalid_binding_message"),
        ({"binding_message": "\u0430dmin"}, "invalid_binding_message"),
        ({"binding_message": "💰"}, "invalid_binding_message"),
        ({"requested_expiry": "0"}, "invalid_request"),
        ({"requested_expiry": "-5"}, "invalid_request"),
        ({"requested_expiry": "1.5"}, "invalid_request"),
        ({"requested_expiry": "٣٠"}, "invalid_request"),
        ({"requested_expiry": "9" * 30}, "invalid_request"),
        ({"resource": "https://other.example.vn"}, "invalid_target"),
        ({"request": "a.b.c"}, "invalid_request"),
        ({"request": "x" * 40_000}, "invalid_request"),
    ],
)
def test_ciba_13_what_is_wrong_is_refused(
    house: House, form: dict[str, str | None], error: str
) -> None:
    assert error_of(add_office(house).asks(**form)) == (400, error)


@pytest.mark.parametrize(
    ("asked", "given"), [("1", 30), ("30", 30), ("120", 120), ("600", 600), ("99999", 600)]
)
def test_ciba_7_1_requested_expiry_is_kept_within_reason(
    house: House, asked: str, given: int
) -> None:
    answer = add_office(house).asks(requested_expiry=asked)

    assert answer.get_json()["expires_in"] == given


def test_ciba_7_1_vietnamese_is_a_binding_message(house: House) -> None:
    assert add_office(house).asks(binding_message="Hồ sơ đất đai 12/2026").status_code == 200


def test_ciba_15_a_number_that_nobody_has_looks_like_one_whose_owner_does_not_look(
    house: House,
) -> None:
    house.browser().registers()
    known, unknown = add_office(house), add_office(house, "other")

    first = known.asks().get_json()
    second = unknown.asks(login_hint="001072999999").get_json()

    assert first.keys() == second.keys()
    assert len(second["verification_code"]) == 4
    assert known.polls().get_json() == unknown.polls().get_json()
    late = [each.waits_and_polls(200).get_json() for each in (known, unknown)]
    assert late[0] == late[1]
    assert late[0]["error"] == "expired_token"


def test_ciba_7_1_only_clients_that_see_numbers_may_name_people_by_them(house: House) -> None:
    office = add_office(house, scope="openid profile")

    assert error_of(office.asks()) == (400, "unauthorized_client")


def test_ciba_7_1_a_client_names_a_person_by_the_sub_it_knows(house: House) -> None:
    house.browser().registers()
    office = add_office(house)
    tokens = office.portal.signs_in_with(house.browser())
    sub = office.portal.claims(tokens["id_token"])["sub"]

    assert office.asks(login_hint=sub).status_code == 200
    by_token = office.asks(login_hint=None, id_token_hint=tokens["id_token"])
    assert by_token.status_code == 200


def test_ciba_7_1_the_sub_and_token_of_another_client_name_nobody(house: House) -> None:
    house.browser().registers()
    office, other = add_office(house), add_office(house, "other")
    tokens = office.portal.signs_in_with(house.browser())
    sub = office.portal.claims(tokens["id_token"])["sub"]

    assert error_of(other.asks(login_hint=sub)) == (400, "unknown_user_id")
    by_token = other.asks(login_hint=None, id_token_hint=tokens["id_token"])
    assert error_of(by_token) == (400, "invalid_request")


def test_ciba_13_nobody_is_asked_all_day_whether_or_not_there_is_such_a_person(
    house: House,
) -> None:
    office = add_office(house)
    for _ in range(5):
        assert office.asks(login_hint="001072999999").status_code == 200

    assert error_of(office.asks(login_hint="001072999999")) == (403, "access_denied")
    assert office.asks(login_hint="001072888888").status_code == 200


def test_ciba_4_discovery_says_what_is_offered(house: House) -> None:
    found = house.app.test_client().get("/.well-known/openid-configuration").get_json()

    assert found["backchannel_authentication_endpoint"] == f"{ISSUER}/bc-authorize"
    assert found["backchannel_token_delivery_modes_supported"] == ["poll", "ping"]
    assert found["backchannel_user_code_parameter_supported"] is False
    algorithms = found["backchannel_authentication_request_signing_alg_values_supported"]
    assert {"ES256", "PS256"} <= set(algorithms)
    assert "none" not in algorithms
    assert CIBA in found["grant_types_supported"]


# --- ping -----------------------------------------------------------------------------------------


def ping_office(house: House, **metadata: Any) -> Office:
    return add_office(
        house,
        backchannel_token_delivery_mode="ping",
        backchannel_client_notification_endpoint="https://office.example.vn/ping",
        **metadata,
    )


@pytest.mark.parametrize(
    "token", [None, "short", "x" * 21, "x" * 1025, "with space " + "x" * 30, "đ" * 30]
)
def test_ciba_7_1_ping_needs_a_bearer_token_of_128_bits_and_at_most_1024_characters(
    house: House, token: str | None
) -> None:
    answer = ping_office(house).asks(client_notification_token=token)

    assert error_of(answer) == (400, "invalid_request")


@pytest.mark.parametrize("token", ["x" * 22, "x" * 1024, "Zq-9_" * 9])
def test_ciba_7_1_a_good_notification_token_is_taken(house: House, token: str) -> None:
    assert ping_office(house).asks(client_notification_token=token).status_code == 200


# --- signed requests ------------------------------------------------------------------------------

KEY = ECKey.generate_key("P-256", {"kid": "k1", "use": "sig", "alg": "ES256"})


def signer(house: House, **metadata: Any) -> Office:
    jwks = {"keys": [KEY.as_dict(private=False)]}
    return add_office(
        house, jwks=jwks, backchannel_authentication_request_signing_alg="ES256", **metadata
    )


def signed(
    house: House, key: ECKey = KEY, header: dict[str, Any] | None = None, **changes: Any
) -> str:
    now = int(house.clock().timestamp())
    claims = {
        "iss": "office",
        "aud": ISSUER,
        "iat": now,
        "nbf": now,
        "exp": now + 300,
        "jti": secrets.token_urlsafe(16),
        "scope": "openid",
        "login_hint": "001072000136",
        "binding_message": "1234",
        **changes,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode({"alg": "ES256", "kid": "k1", **(header or {})}, kept, key)


def sends(office: Office, token: str, **beside: str) -> TestResponse:
    return office.house.app.test_client().post(
        "/bc-authorize",
        data={"request": token, **beside},
        auth=(office.portal.client_id, office.portal.secret),
    )


def test_ciba_7_1_1_a_signed_request_is_taken(house: House) -> None:
    answer = sends(signer(house), signed(house, requested_expiry=120))

    assert answer.get_json()["expires_in"] == 120


def test_ciba_7_1_1_a_client_that_signs_must_sign(house: House) -> None:
    assert error_of(signer(house).asks()) == (400, "invalid_request")


def test_ciba_7_1_1_no_parameter_stands_beside_a_signed_request(house: House) -> None:
    answer = sends(signer(house), signed(house), acr_values="ial3")

    assert error_of(answer) == (400, "invalid_request")


@pytest.mark.parametrize("name", ["iss", "aud", "exp", "iat", "nbf", "jti"])
def test_ciba_7_1_1_each_claim_about_the_request_is_required(house: House, name: str) -> None:
    answer = sends(signer(house), signed(house, **{name: None}))

    assert error_of(answer) == (400, "invalid_request")


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "somebody"},
        {"aud": "https://other.example.vn"},
        {"aud": ["https://other.example.vn"]},
        {"exp": 1},
        {"exp": "soon"},
        {"exp": 1e300},
        {"exp": True},
        {"nbf": 4_000_000_000},
        {"iat": 4_000_000_000},
        {"jti": ""},
        {"jti": 5},
        {"jti": "x" * 600},
    ],
)
def test_ciba_7_1_1_a_claim_with_another_value_is_refused(
    house: House, changes: dict[str, Any]
) -> None:
    assert error_of(sends(signer(house), signed(house, **changes))) == (400, "invalid_request")


@pytest.mark.parametrize(
    "kind",
    ["dpop+jwt", "client-authentication+jwt", "at+jwt", "logout+jwt", "secevent+jwt",
     "entity-statement+jwt", "application/dpop+jwt", "token-introspection+jwt", "x", ""],
)  # fmt: skip
def test_rfc8725_3_11_a_jwt_of_another_kind_is_no_request(house: House, kind: str) -> None:
    answer = sends(signer(house), signed(house, header={"typ": kind}))

    assert error_of(answer) == (400, "invalid_request")


@pytest.mark.parametrize("kind", ["JWT", "jwt", "application/jwt", "oauth-authz-req+jwt"])
def test_rfc7515_4_1_9_a_request_may_say_what_it_is(house: House, kind: str) -> None:
    assert sends(signer(house), signed(house, header={"typ": kind})).status_code == 200


def test_rfc9101_10_8_a_client_assertion_is_no_request_whatever_else_it_says(house: House) -> None:
    assert error_of(sends(signer(house), signed(house, sub="office"))) == (400, "invalid_request")


@pytest.mark.parametrize(
    "name",
    ["scope", "login_hint", "id_token_hint", "login_hint_token", "binding_message", "acr_values",
     "user_code", "client_notification_token", "resource"],
)  # fmt: skip
@pytest.mark.parametrize("value", [5, 1.5, True, ["openid", 5], {"a": "b"}, [5]], ids=str)
def test_ciba_7_1_1_a_text_that_is_none_asks_nobody(house: House, name: str, value: object) -> None:
    answer = sends(signer(house), signed(house, **{name: value}))

    assert error_of(answer) == (400, "invalid_request")


def test_fapi_ciba_5_2_2_a_request_lives_at_most_an_hour(house: House) -> None:
    now = int(house.clock().timestamp())
    answer = sends(signer(house), signed(house, exp=now + 3600, nbf=now - 3600))

    assert error_of(answer) == (400, "invalid_request")


def test_ciba_7_1_1_another_key_does_not_sign_for_the_client(house: House) -> None:
    other = ECKey.generate_key("P-256", {"kid": "k1"})

    assert error_of(sends(signer(house), signed(house, other))) == (400, "invalid_request")


def test_ciba_7_1_1_a_signed_request_is_used_once(house: House) -> None:
    office, token = signer(house), signed(house)

    assert sends(office, token).status_code == 200
    assert error_of(sends(office, token)) == (400, "invalid_request")


def test_fapi_ciba_5_2_2_a_client_of_that_profile_must_sign(house: House) -> None:
    """Without naming an algorithm in its metadata, too."""
    add_portal(
        house,
        "fapi",
        profile="fapi2",
        grant_types=[CIBA],
        redirect_uris=[],
        backchannel_token_delivery_mode="poll",
        token_endpoint_auth_method="private_key_jwt",
        dpop_bound_access_tokens=True,
        jwks={"keys": [KEY.as_dict(private=False)]},
    )
    now = int(house.clock().timestamp())
    about = {"iss": "fapi", "sub": "fapi", "aud": ISSUER, "exp": now + 60, "jti": "a1"}
    form = {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode({"alg": "ES256", "kid": "k1"}, about, KEY),
        "scope": "openid",
        "login_hint": "001072000136",
    }

    assert error_of(house.app.test_client().post("/bc-authorize", data=form)) == (
        400,
        "invalid_request",
    )
