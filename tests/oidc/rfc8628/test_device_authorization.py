"""The device authorization endpoint (RFC 8628, 3.1, 3.2, 5 and 6.1)."""

from __future__ import annotations

from pathlib import Path

import pytest

from idp.domain import decoupled
from idp.storage.decoupled import DecoupledStore
from tests.support.build import VAULT
from tests.support.decoupled import DEVICE, Kiosk, add_kiosk, flow_of
from tests.support.house import House, add_portal, build


def test_rfc8628_3_2_the_answer_has_both_codes_the_page_and_the_pace(house: House) -> None:
    answer = add_kiosk(house).begins()

    found = answer.get_json()
    assert answer.status_code == 200
    assert found["verification_uri"] == "http://localhost:8000/device"
    assert found["verification_uri_complete"] == (
        f"http://localhost:8000/device?user_code={found['user_code']}"
    )
    assert (found["expires_in"], found["interval"]) == (600, 5)
    assert answer.headers["Cache-Control"] == "no-store"


def test_rfc8628_6_1_a_user_code_is_eight_letters_of_twenty(house: House) -> None:
    kiosk = add_kiosk(house)

    codes = {kiosk.begins().get_json()["user_code"] for _ in range(5)}

    assert len(codes) == 5
    assert all(len(code) == 9 and code[4] == "-" for code in codes)
    assert all(decoupled.read_user_code(code) for code in codes)


def test_rfc8628_5_1_a_network_begins_so_many_devices_in_a_minute(
    database_url: str, tmp_path: Path
) -> None:
    """Its client is public: without an end anybody could fill the database with codes."""
    house = build(
        database_url,
        tmp_path,
        limits={"requests_per_portal": 3},
        server={"trusted_proxies": ("127.0.0.1",)},
    )
    kiosk = add_kiosk(house)

    def begins(network: str) -> tuple[int, str | None]:
        answer = house.app.test_client().post(
            "/device_authorization",
            data={"scope": "openid"},
            auth=(kiosk.portal.client_id, kiosk.portal.secret),
            headers={"X-Forwarded-For": network},
        )
        return answer.status_code, answer.get_json().get("error")

    assert [begins("192.0.2.1") for _ in range(5)] == [(200, None)] * 3 + [(429, "slow_down")] * 2
    assert begins("198.51.100.1") == (200, None)
    house.clock.forward(seconds=61)
    assert begins("192.0.2.1") == (200, None)
    house.database.close()


def test_rfc8628_5_2_a_device_code_has_256_bits_and_only_its_digest_is_kept(house: House) -> None:
    kiosk = add_kiosk(house)
    kiosk.begins()

    with house.database.transaction() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM decoupled_requests").all()
    secret = kiosk.device_code.partition(".")[2]
    assert len(secret) >= 43
    assert not any(secret in str(value) for row in rows for value in row)
    assert not any(kiosk.user_code.replace("-", "") in str(value) for row in rows for value in row)


def test_rfc8628_3_1_a_public_client_begins_with_its_id_alone(house: House) -> None:
    add_portal(house, "app", grant_types=[DEVICE], token_endpoint_auth_method="none")

    answer = house.app.test_client().post(
        "/device_authorization", data={"client_id": "app", "scope": "openid"}
    )

    assert answer.status_code == 200


def test_rfc8628_3_1_a_confidential_client_must_authenticate(house: House) -> None:
    add_kiosk(house)

    answer = house.app.test_client().post(
        "/device_authorization", data={"client_id": "kiosk", "scope": "openid"}
    )

    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")


def test_rfc8628_3_1_a_client_without_the_grant_is_refused(house: House) -> None:
    kiosk = Kiosk(house, add_portal(house))

    assert kiosk.begins().get_json()["error"] == "unauthorized_client"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"scope": "profile"}, "invalid_scope"),
        ({"scope": "\0"}, "invalid_request"),
        ({"scope": "openid " + "x" * 5000}, "invalid_request"),
        ({"resource": "https://other.example.vn"}, "invalid_target"),
        ({"resource": "not an address"}, "invalid_target"),
        ({"acr_values": "y" * 5000}, "invalid_request"),
    ],
)
def test_hostile_values_are_refused(house: House, form: dict[str, str], error: str) -> None:
    answer = add_kiosk(house).begins(**form)

    assert (answer.status_code, answer.get_json()["error"]) == (400, error)


def test_rfc8628_3_1_only_a_post_of_a_form_is_answered(house: House) -> None:
    client = house.app.test_client()

    assert client.get("/device_authorization").status_code == 405
    refused = client.post("/device_authorization", json={"client_id": "kiosk"})
    assert (refused.status_code, refused.get_json()["error"]) == (400, "invalid_request")


def test_rfc8628_4_discovery_names_the_endpoint_and_the_grant(house: House) -> None:
    found = house.app.test_client().get("/.well-known/openid-configuration").get_json()

    assert found["device_authorization_endpoint"] == "http://localhost:8000/device_authorization"
    assert DEVICE in found["grant_types_supported"]


def test_a_taken_user_code_is_never_given_twice(house: House) -> None:
    """Two devices with one code would let a person confirm the wrong one."""
    kiosk, codes = add_kiosk(house), iter(["BCDFGHJK", "BCDFGHJK", "LMNPQRST"])
    object.__setattr__(flow_of(house).asking, "new_user_code", lambda: next(codes))

    first, second = kiosk.begins().get_json(), kiosk.begins().get_json()

    assert (first["user_code"], second["user_code"]) == ("BCDF-GHJK", "LMNP-QRST")
    store = DecoupledStore(house.database, VAULT)
    assert store.find_code("BCDFGHJK", now=house.clock())


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("WDJB-MJHT", "WDJBMJHT"),
        ("wdjbmjht", "WDJBMJHT"),
        ("  wdjb mjht\n", "WDJBMJHT"),
        ("W D J B - M J H T", "WDJBMJHT"),
        ("wdjb\u2013mjht", "WDJBMJHT"),
        ("ＷＤＪＢ－ＭＪＨＴ", "WDJBMJHT"),
        ("WDJB\u200bMJHT", "WDJBMJHT"),
        ("WDJBMJH", ""),
        ("WDJBMJHTB", ""),
        ("AEIOUYAE", ""),
        ("ŴDJBMJHT", ""),
        ("\u0412DJBMJHT", ""),
        ("<script>", ""),
        ("' OR 1=1 --", ""),
        ("W" * 10_000, ""),
    ],
)
def test_rfc8628_6_1_a_code_is_read_however_it_is_typed(typed: str, code: str) -> None:
    assert decoupled.read_user_code(typed) == code
