"""Dynamic client registration and management (RFC 7591, RFC 7592; OIDC Registration)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from idp import app as application
from idp.config import Config, RegistrationMode
from idp.config import Oidc as OidcSettings
from idp.oidc.client_addresses import Loopback
from idp.oidc.client_metadata import InvalidMetadata, build, check
from idp.ports import WebAnswer
from tests.support import house as houses
from tests.support.house import House, PortalClient

METADATA: dict[str, Any] = {
    "client_name": "Cổng thử nghiệm",
    "redirect_uris": ["https://rp.example.vn/cb"],
    "token_endpoint_auth_method": "client_secret_basic",
    "scope": "openid profile",
}


def house_with(url: str, folder: Path, mode: RegistrationMode) -> House:
    plain: Config = houses.config_for(url, folder)
    fields = {name: getattr(plain.oidc, name) for name in OidcSettings.__dataclass_fields__}
    return houses.build(url, folder, oidc={**fields, "registration": mode})


@pytest.fixture
def open_house(database_url: str, tmp_path: Path) -> Iterator[House]:
    built = house_with(database_url, tmp_path, RegistrationMode.OPEN)
    yield built
    built.database.close()


@pytest.fixture
def token_house(database_url: str, tmp_path: Path) -> Iterator[House]:
    built = house_with(database_url, tmp_path, RegistrationMode.TOKEN)
    yield built
    built.database.close()


def register(house: House, token: str = "", **changes: Any) -> TestResponse:
    body = json.dumps({**METADATA, **changes})
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return house.app.test_client().post(
        "/connect/register", data=body, content_type="application/json", headers=headers
    )


def manage(house: House, client: dict[str, Any], method: str, body: object = None) -> TestResponse:
    return house.app.test_client().open(
        f"/connect/register/{client['client_id']}",
        method=method,
        data=None if body is None else json.dumps(body),
        content_type="application/json",
        headers={"Authorization": f"Bearer {client['registration_access_token']}"},
    )


def initial_token(house: House, uses: int = 1) -> str:
    registrar = application.registrar(house.base)
    return registrar.issue_initial_token(uses=uses, life=timedelta(days=1), now=house.clock())


def test_rfc7591_3_2_1_a_registered_client_signs_people_in(open_house: House) -> None:
    answer = register(open_house)
    client = answer.get_json()
    portal = PortalClient(
        open_house, client["client_id"], client["client_secret"], METADATA["redirect_uris"][0]
    )
    browser = open_house.browser()
    browser.registers()

    tokens = portal.signs_in_with(browser)

    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    assert client["client_secret_expires_at"] == 0
    assert portal.claims(tokens["id_token"])["aud"] == client["client_id"]


def test_a_client_with_a_secret_may_leave_pkce_out_and_a_public_one_may_not(
    open_house: House,
) -> None:
    for method, expected in (("client_secret_post", False), ("none", True)):
        client = register(open_house, token_endpoint_auth_method=method).get_json()

        assert client["require_pkce"] is expected
        request = f"/authorize?client_id={client['client_id']}&response_type=code&scope=openid"
        page = open_house.browser().visit(f"{request}&redirect_uri={METADATA['redirect_uris'][0]}")
        if expected:
            assert "error=invalid_request" in page.text
        else:
            assert page.status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": ["http://rp.example.vn/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://rp.example.vn/cb#x"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://user@rp.example.vn/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://rp.example.vn:99999/"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://rp.example.vn/\u0000"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://rp.example.vn/ä"]}, "invalid_redirect_uri"),
        ({"redirect_uris": "https://rp.example.vn/cb"}, "invalid_client_metadata"),
        ({"redirect_uris": [{}]}, "invalid_client_metadata"),
        ({"redirect_uris": ["https://a.vn/"] * 51}, "invalid_client_metadata"),
        (
            {"redirect_uris": ["https://a.vn/", "https://b.vn/"], "subject_type": "pairwise"},
            "invalid_client_metadata",
        ),
        ({"client_name": 5}, "invalid_client_metadata"),
        ({"client_name": "n" * 3000}, "invalid_client_metadata"),
        ({"grant_types": ["password"]}, "invalid_client_metadata"),
        ({"response_types": ["token"]}, "invalid_client_metadata"),
        ({"response_types": ["code id_token"]}, "invalid_client_metadata"),
        ({"scope": ["openid"]}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "client_secret_jwt"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        ({"id_token_signed_response_alg": "none"}, "invalid_client_metadata"),
        ({"id_token_signed_response_alg": "HS256"}, "invalid_client_metadata"),
        ({"id_token_encrypted_response_alg": "RSA1_5"}, "invalid_client_metadata"),
        ({"id_token_encrypted_response_alg": "RSA-OAEP"}, "invalid_client_metadata"),
        ({"jwks": {"keys": []}}, "invalid_client_metadata"),
        ({"jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}}, "invalid_client_metadata"),
        ({"jwks": {"keys": [{"kty": "EC"}]}}, "invalid_client_metadata"),
        ({"jwks": {"keys": "x"}}, "invalid_client_metadata"),
        ({"jwks_uri": "http://rp.example.vn/jwks"}, "invalid_client_metadata"),
        ({"logo_uri": "javascript:alert(1)"}, "invalid_client_metadata"),
        ({"policy_uri": "http://rp.example.vn/"}, "invalid_client_metadata"),
        ({"backchannel_logout_uri": "ftp://rp.example.vn/"}, "invalid_client_metadata"),
        ({"default_max_age": "long"}, "invalid_client_metadata"),
        ({"default_max_age": 1.5}, "invalid_client_metadata"),
        ({"require_auth_time": "yes"}, "invalid_client_metadata"),
        ({"application_type": "toaster"}, "invalid_client_metadata"),
        ({"request_uris": ["http://rp.example.vn/x"]}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "tls_client_auth"}, "invalid_client_metadata"),
        ({"profile": "fapi2"}, "invalid_client_metadata"),
    ],
)
def test_rfc7591_3_2_2_a_mistake_is_told_and_nothing_is_stored(
    open_house: House, changes: dict[str, Any], error: str
) -> None:
    answer = register(open_house, **changes)

    assert (answer.status_code, answer.get_json()["error"]) == (400, error)
    assert answer.get_json()["error_description"].isascii()
    assert not application.registrar(open_house.base).clients.all()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"null", "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"[" * 30000, "application/json"),
        (b"redirect_uris=x", "application/x-www-form-urlencoded"),
        (b'{"redirect_uris": ["' + b"x" * 40000 + b'"]}', "application/json"),
    ],
)
def test_a_body_that_is_no_metadata_is_refused(open_house: House, body: bytes, kind: str) -> None:
    answer = open_house.app.test_client().post("/connect/register", data=body, content_type=kind)

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_client_metadata")


def test_a_client_cannot_give_itself_what_only_an_operator_may(open_house: House) -> None:
    client = register(
        open_house,
        client_id="hanoi",
        client_secret="s" * 40,
        profile="dvcqg",
        protected_resources=["https://api.example.vn"],
        resources=["https://api.example.vn"],
    ).get_json()

    assert client["client_id"] != "hanoi"
    assert client["client_secret"] != "s" * 40
    assert not {"profile", "protected_resources", "resources"} & set(client)


def test_closed_means_closed(house: House) -> None:
    assert register(house).status_code == 403
    assert (
        "registration_endpoint"
        not in house.app.test_client().get("/.well-known/openid-configuration").get_json()
    )


def test_rfc7591_3_an_initial_token_registers_as_often_as_was_said(token_house: House) -> None:
    token = initial_token(token_house, uses=2)

    statuses = [register(token_house, token=token).status_code for _ in range(3)]

    assert statuses == [201, 201, 401]
    assert register(token_house).status_code == 401


def test_a_mistake_does_not_use_an_initial_token_up(token_house: House) -> None:
    token = initial_token(token_house)
    register(token_house, token=token, redirect_uris=[])

    assert register(token_house, token=token).status_code == 201


def test_an_initial_token_serves_once_also_in_parallel(token_house: House) -> None:
    token = initial_token(token_house)

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: register(token_house, token=token), range(10)))

    assert sorted(answer.status_code for answer in answers) == [201, *[401] * 9]


@pytest.mark.parametrize("token", ["x", "ä", "A" * 90, "..", "=" * 40])
def test_a_wrong_initial_token_is_refused(token_house: House, token: str) -> None:
    assert register(token_house, token=token).status_code == 401


def test_rfc7592_2_a_client_reads_changes_and_removes_itself(open_house: House) -> None:
    client = register(open_house).get_json()

    read = manage(open_house, client, "GET")
    changed = manage(open_house, client, "PUT", {**METADATA, "client_name": "Tên mới"})
    again = manage(open_house, client, "GET")
    removed = manage(open_house, client, "DELETE")
    gone = manage(open_house, client, "GET")

    assert read.get_json()["client_name"] == METADATA["client_name"]
    assert "client_secret" not in read.get_json()
    assert changed.status_code == 200
    assert again.get_json()["client_name"] == "Tên mới"
    assert (removed.status_code, removed.data) == (204, b"")
    assert gone.status_code == 401


def test_rfc7592_2_2_id_and_secret_must_be_what_they_are(open_house: House) -> None:
    client = register(open_house).get_json()

    for wrong in ({"client_id": "other"}, {"client_secret": "other"}, {"redirect_uris": []}):
        answer = manage(open_house, client, "PUT", {**METADATA, **wrong})
        assert answer.status_code == 400, wrong
    right = {**METADATA, "client_id": client["client_id"], "client_secret": client["client_secret"]}
    assert manage(open_house, client, "PUT", right).status_code == 200


def test_rfc7592_3_the_access_token_is_for_one_client_only(open_house: House) -> None:
    one, other = register(open_house).get_json(), register(open_house).get_json()
    stolen = {**other, "registration_access_token": one["registration_access_token"]}

    for method in ("GET", "PUT", "DELETE"):
        assert manage(open_house, stolen, method, METADATA).status_code == 401


def test_a_client_of_an_operator_is_not_managed_over_the_wire(open_house: House) -> None:
    portal = houses.add_portal(open_house, "hanoi")
    token = application.registrar(open_house.base)._access_token("hanoi")

    answer = manage(
        open_house, {"client_id": portal.client_id, "registration_access_token": token}, "GET"
    )

    assert answer.status_code == 401


def test_rfc7592_2_3_the_tokens_of_a_removed_client_are_dead(open_house: House) -> None:
    client = register(open_house, grant_types=["authorization_code", "refresh_token"]).get_json()
    portal = PortalClient(
        open_house, client["client_id"], client["client_secret"], METADATA["redirect_uris"][0]
    )
    browser = open_house.browser()
    browser.registers()
    tokens = portal.signs_in_with(browser)

    manage(open_house, client, "DELETE")

    answer = open_house.app.test_client().get(
        "/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    )
    assert answer.status_code == 401


class Sectors:
    """A web with one document."""

    def __init__(self, status: int, body: bytes) -> None:
        self.answer = WebAnswer(status, body, "application/json")

    def get(self, url: str, *, accept: str, most: int = 65536) -> WebAnswer:
        del url, accept, most
        return self.answer


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b'["https://a.vn/", "https://b.vn/"]', 201),
        (200, b'["https://a.vn/"]', 400),
        (404, b'["https://a.vn/", "https://b.vn/"]', 400),
        (200, b'{"https://a.vn/": 1}', 400),
        (200, b"no JSON", 400),
        (200, b'[["https://a.vn/"]]', 400),
    ],
)
def test_oidc_registration_5_every_redirect_uri_stands_in_the_sectors_document(
    open_house: House, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, expected: int
) -> None:
    web = Sectors(status, body)
    monkeypatch.setattr("idp.adapters.web.WebAdapter.get", lambda _, *a, **kw: web.get(*a, **kw))

    answer = register(
        open_house,
        redirect_uris=["https://a.vn/", "https://b.vn/"],
        sector_identifier_uri="https://sector.vn/list.json",
    )

    assert answer.status_code == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [(b'["https://a.vn/"]', 400), (b"[]", 400), (b'["https://a.vn/jwks"]', 201)],
)
def test_ciba_4_a_client_without_redirect_uris_names_its_keys_in_the_sectors_document(
    open_house: House, monkeypatch: pytest.MonkeyPatch, body: bytes, expected: int
) -> None:
    web = Sectors(200, body)
    monkeypatch.setattr("idp.adapters.web.WebAdapter.get", lambda _, *a, **kw: web.get(*a, **kw))

    answer = register(
        open_house,
        redirect_uris=[],
        grant_types=["urn:ietf:params:oauth:grant-type:device_code"],
        jwks_uri="https://a.vn/jwks",
        sector_identifier_uri="https://sector.vn/list.json",
    )

    assert answer.status_code == expected


def test_core_8_1_who_fetches_tokens_is_of_no_hosts_sector_without_its_word(
    open_house: House,
) -> None:
    grants = ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"]

    answer = register(open_house, grant_types=grants)

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_client_metadata")


SEVERAL = ["https://a.example.vn/", "https://b.example.vn/"]


@pytest.mark.parametrize(
    ("uris", "expected"),
    [
        (SEVERAL, (201, "public")),
        (SEVERAL[:1], (201, "pairwise")),
        ([SEVERAL[0], "https://a.example.vn/b"], (201, "pairwise")),
        ([*SEVERAL, 7], (400, None)),
        ([SEVERAL[0], "https://["], (400, None)),
    ],
    ids=str,
)
def test_core_8_1_who_has_several_hosts_and_no_wish_gets_public_subjects(
    open_house: House, uris: list[Any], expected: tuple[int, str | None]
) -> None:
    """As the suite registers (oidcc-ensure-redirect-uri-in-authorization-request)."""
    answer = register(open_house, redirect_uris=uris)

    assert (answer.status_code, answer.get_json().get("subject_type")) == expected


def test_core_8_1_pairwise_subjects_of_several_hosts_need_a_sector(open_house: House) -> None:
    asked = register(open_house, redirect_uris=SEVERAL, subject_type="pairwise")
    known = register(open_house).get_json()
    later = manage(open_house, known, "PUT", {**METADATA, "redirect_uris": SEVERAL})

    assert (asked.status_code, later.status_code) == (400, 400)
    assert "sector_identifier_uri" in later.get_json()["error_description"]


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uris": ["http://127.0.0.1/cb"], "application_type": "native"},
        {"redirect_uris": ["http://[::1]:5/cb"], "application_type": "native"},
        {"redirect_uris": ["http://localhost:8201/cb"]},
        {"redirect_uris": ["vn.example.app:/cb"], "application_type": "native"},
        {"redirect_uris": [], "grant_types": ["client_credentials"]},
    ],
    ids=str,
)
def test_core_8_1_programs_on_the_persons_own_machine_share_no_sector(
    changes: dict[str, Any],
) -> None:
    sectors = {
        build(check({**METADATA, **changes, "client_id": name}, Loopback.ALLOWED), None).sector
        for name in ("first", "second")
    }

    assert sectors == {"first", "second"}


def test_core_8_1_the_host_is_the_sector() -> None:
    built = build(check({**METADATA, "client_id": "first"}, Loopback.REFUSED), None)

    assert built.sector == "rp.example.vn"


@pytest.mark.parametrize(
    "changes",
    [
        {"id_token_encrypted_response_enc": "A128GCM"},
        {"userinfo_encrypted_response_enc": "A128GCM"},
        {"authorization_encrypted_response_enc": "A128GCM"},
        {"introspection_encrypted_response_enc": "A128GCM"},
        {"authorization_encrypted_response_alg": "RSA-OAEP"},
        {"introspection_encrypted_response_alg": "RSA1_5"},
        {"request_object_encryption_alg": "RSA1_5"},
        {"request_object_encryption_enc": "A128GCM"},
        {"default_max_age": -1},
        {"default_max_age": 10**30},
        {"default_max_age": 1.5},
        {"default_max_age": True},
    ],
    ids=str,
)
def test_registration_2_metadata_that_cannot_be_kept_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidMetadata):
        check({**METADATA, **changes}, Loopback.REFUSED)


def test_strangers_register_a_limited_number_of_clients(open_house: House) -> None:
    statuses = [register(open_house).status_code for _ in range(62)]

    assert statuses[:60] == [201] * 60
    assert statuses[60:] == [429, 429]


def test_how_many_clients_a_network_registers_is_a_setting(
    database_url: str, tmp_path: Path
) -> None:
    house = houses.build(
        database_url,
        tmp_path,
        oidc={"registration": RegistrationMode.OPEN},
        limits={"client_registrations_per_ip_hour": 2},
    )

    assert [register(house).status_code for _ in range(3)] == [201, 201, 429]
    house.clock.forward(minutes=61)
    assert register(house).status_code == 201
    house.database.close()
