"""Software statements in client registration (RFC 7591, 2.3, 3.1.1, 3.2.2)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey
from werkzeug.test import TestResponse

from idp.config import Oidc, RegistrationMode
from idp.domain.errors import ConfigError
from idp.oidc.software_statements import load
from tests.oidc.rfc7591.test_registration import METADATA, initial_token, manage
from tests.support import house as houses
from tests.support.build import NOW
from tests.support.house import House
from tests.support.portal_kit import ISSUER, b64, signed

DIRECTORY, OPENER = "https://danhmuc.example.vn", "https://so.example.vn"
SECONDS = int(NOW.timestamp())
KEY, OTHER = ECKey.generate_key("P-256", {"kid": "d1"}), ECKey.generate_key("P-256")
SAID = {
    "software_id": "4NRB1-0XZABZI9E6-5SM3R",
    "software_version": "2.1",
    "client_name": "Cổng dịch vụ công tỉnh Hà Giang",
    "redirect_uris": ["https://hagiang.example.vn/cb"],
}


def pin(folder: Path, name: str, issuer: str, key: Any, *, admits: bool = False) -> None:
    """What an operator writes into ``keys/trust/software``."""
    place = folder / "keys" / "trust" / "software"
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{name}.jwks.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    text = f'issuer = "{issuer}"\njwks_file = "{name}.jwks.json"\nadmits = {str(admits).lower()}\n'
    (place / f"{name}.toml").write_text(text)


def open_house(url: str, folder: Path, mode: RegistrationMode, **more: Any) -> House:
    pin(folder, "directory", DIRECTORY, KEY)
    pin(folder, "opener", OPENER, OTHER, admits=True)
    plain = houses.config_for(url, folder).oidc
    changed = replace(plain, registration=mode, **more)
    fields = {name: getattr(changed, name) for name in Oidc.__dataclass_fields__}
    return houses.build(url, folder, oidc=fields)


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    built = open_house(database_url, tmp_path, RegistrationMode.OPEN)
    yield built
    built.database.close()


@pytest.fixture
def closed(database_url: str, tmp_path: Path) -> Iterator[House]:
    """Where an initial access token is needed."""
    built = open_house(database_url, tmp_path, RegistrationMode.TOKEN)
    yield built
    built.database.close()


def statement(key: Any = KEY, header: dict[str, Any] | None = None, **claims: Any) -> str:
    about = {"alg": "ES256", "kid": "d1", "typ": "JWT", **(header or {})}
    body = {"iss": DIRECTORY, "iat": SECONDS, **SAID, **claims}
    kept = {name: value for name, value in body.items() if value is not None}
    return signed(key, about, json.dumps(kept).encode())


def register(house: House, token: str = "", **body: Any) -> TestResponse:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return house.app.test_client().post(
        "/connect/register",
        data=json.dumps({**METADATA, **body}),
        content_type="application/json",
        headers=headers,
    )


def test_rfc7591_2_3_what_the_statement_says_goes_first(house: House) -> None:
    text = statement()

    answer = register(house, software_statement=text, client_uri="https://hagiang.example.vn/")

    found = answer.get_json()
    assert answer.status_code == 201
    assert {name: found[name] for name in SAID} == SAID
    assert found["client_uri"] == "https://hagiang.example.vn/"
    assert found["software_statement"] == text


def test_rfc7591_2_3_it_signs_nobody_in_but_at_its_own_addresses(house: House) -> None:
    client = register(house, software_statement=statement()).get_json()
    query = f"client_id={client['client_id']}&response_type=code&scope=openid"

    theirs = house.browser().visit(f"/authorize?{query}&redirect_uri=https://rp.example.vn/cb")
    own = house.browser().visit(f"/authorize?{query}&redirect_uri={SAID['redirect_uris'][0]}")

    assert (theirs.status_code, own.status_code) == (400, 200)


def test_rfc7591_2_3_the_claims_of_the_jwt_are_no_metadata(house: House) -> None:
    claims = {"sub": "x", "jti": "1", "aud": ISSUER, "exp": SECONDS + 60, "software_statement": "y"}

    found = register(house, software_statement=statement(**claims)).get_json()

    assert not {"iss", "sub", "jti", "aud", "exp", "iat"} & found.keys()
    assert found["software_statement"] != "y"


@pytest.mark.parametrize(
    "claims",
    [
        {"client_id": "hanoi"}, {"client_secret": "s" * 40}, {"protected_resources": ["https://a/"]},
        {"resources": ["https://a/"]}, {"profile": "dvcqg"}, {"is_stranger": False},
        {"sector": "hanoi.vn"}, {"secret_hash": "aa"}, {"voucher": {}},
    ],
    ids=str,
)  # fmt: skip
def test_a_statement_says_no_more_than_a_client_may(house: House, claims: dict[str, Any]) -> None:
    found = register(house, software_statement=statement(**claims)).get_json()

    [(name, value)] = claims.items()
    assert found.get(name, "") != value


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"redirect_uris": ["http://hagiang.example.vn/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": "x"}, "invalid_client_metadata"),
        ({"client_name": ["x"]}, "invalid_client_metadata"),
        ({"software_id": 5}, "invalid_client_metadata"),
        ({"software_version": "v" * 3000}, "invalid_client_metadata"),
        ({"client_name": "www.evil.example"}, "invalid_client_metadata"),
    ],
)
def test_rfc7591_3_2_2_values_in_it_are_checked_like_others(
    house: House, claims: dict[str, Any], error: str
) -> None:
    answer = register(house, software_statement=statement(**claims))

    assert (answer.status_code, answer.get_json()["error"]) == (400, error)


RSA_KEY = RSAKey.generate_key(2048, {"kid": "d1"})
INVALID: dict[str, Any] = {
    "no JWT": "x", "two parts": "a.b", "empty": "", "a number": 5, "a list": ["x"], "null": None,
    "an object": {}, "five parts": "a.b.c.d.e", "only dots": "..", "huge": "a" * 30000,
    "another key": statement(OTHER), "another key, its kid": statement(OTHER, {"kid": "d1"}),
    "unknown kid": statement(header={"kid": "d2"}), "kid is a list": statement(header={"kid": []}),
    "none": statement(header={"alg": "none"}),
    "HS256 with the public key": statement(
        json.dumps(KEY.as_dict(private=False)).encode(), {"alg": "HS256"}
    ),
    "alg of another kind": statement(header={"alg": "RS256"}),
    "key in the header": statement(OTHER, {"jwk": OTHER.as_dict(private=False)}),
    "crit": statement(header={"crit": ["x"], "x": 1}),
    "another typ": statement(header={"typ": "at+jwt"}),
    "no iss": statement(iss=None), "iss is a list": statement(iss=[DIRECTORY]),
    "iss is empty": statement(iss=""),
    "is over": statement(exp=SECONDS - 61), "begins later": statement(nbf=SECONDS + 61),
    "made later": statement(iat=SECONDS + 61), "exp is text": statement(exp="9999999999"),
    "exp is true": statement(exp=True), "exp is negative": statement(exp=-1),
    "exp is endless": statement(exp=1e308),
    "for somebody else": statement(aud="https://other.example"),
    "aud is a number": statement(aud=5),
    "claims are a list": signed(KEY, {"alg": "ES256", "kid": "d1"}, b"[]"),
    "changed": statement()[:-8] + "AAAAAAAA",
    "changed claims": ".".join(
        part if number != 1 else b64(json.dumps({"iss": DIRECTORY, **SAID, "a": 1}).encode())
        for number, part in enumerate(statement().split("."))
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", INVALID)
def test_rfc7591_3_2_2_a_wrong_one_is_invalid_software_statement(house: House, name: str) -> None:
    answer = register(house, software_statement=INVALID[name])

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_software_statement")


def test_rfc7591_3_2_2_one_of_a_stranger_is_unapproved_software_statement(house: House) -> None:
    for issuer in ("https://stranger.example", f"{DIRECTORY}/", DIRECTORY.upper(), "\u0000"):
        answer = register(house, software_statement=statement(OTHER, iss=issuer))
        found = (answer.status_code, answer.get_json()["error"])
        assert found == (400, "unapproved_software_statement")


def test_one_issuer_does_not_speak_for_another(house: House) -> None:
    answer = register(house, software_statement=statement(OTHER, iss=DIRECTORY, kid=None))

    assert answer.get_json()["error"] == "invalid_software_statement"


# --- the door -------------------------------------------------------------------------------------


def test_a_statement_opens_the_door_where_its_issuer_admits(closed: House) -> None:
    admitted = register(
        closed, software_statement=statement(OTHER, {"kid": OTHER.thumbprint()}, iss=OPENER)
    )
    other = register(closed, software_statement=statement())
    both = register(closed, initial_token(closed), software_statement=statement())

    assert [each.status_code for each in (admitted, other, both)] == [201, 401, 201]


def test_a_wrong_token_is_not_mended_by_a_statement(closed: House) -> None:
    header = {"kid": OTHER.thumbprint()}

    answer = register(closed, "wrong", software_statement=statement(OTHER, header, iss=OPENER))

    assert answer.status_code == 401


def test_where_one_is_needed_nobody_comes_in_without(database_url: str, tmp_path: Path) -> None:
    house = open_house(
        database_url, tmp_path, RegistrationMode.OPEN, require_software_statement=True
    )

    without, with_one = register(house), register(house, software_statement=statement())

    assert without.get_json()["error"] == "invalid_software_statement"
    assert with_one.status_code == 201
    house.database.close()


def test_a_mistake_does_not_use_the_token_up(closed: House) -> None:
    token = initial_token(closed)
    wrong = register(closed, token, software_statement=statement(OTHER))

    again = register(closed, token, software_statement=statement())

    assert (wrong.status_code, again.status_code) == (400, 201)


# --- RFC 7592 -------------------------------------------------------------------------------------


def test_rfc7592_2_2_a_change_does_not_undo_what_the_statement_says(house: House) -> None:
    text = statement()
    client = register(house, software_statement=text).get_json()
    house.clock.forward(days=400)

    answer = manage(house, client, "PUT", {**METADATA, "client_name": "Cổng khác"}).get_json()

    assert {name: answer[name] for name in SAID} == SAID
    assert answer["software_statement"] == text
    assert manage(house, client, "GET").get_json()["software_statement"] == text


def test_rfc7592_2_2_a_new_statement_takes_the_place_of_the_old(house: House) -> None:
    client = register(house, software_statement=statement()).get_json()
    new = statement(software_version="3")

    answer = manage(house, client, "PUT", {**METADATA, "software_statement": new}).get_json()
    wrong = manage(house, client, "PUT", {**METADATA, "software_statement": statement(OTHER)})

    assert answer["software_version"] == "3"
    assert wrong.get_json()["error"] == "invalid_software_statement"


# --- the files ------------------------------------------------------------------------------------


def key_set(key: Any) -> str:
    return json.dumps({"keys": [key]})


@pytest.mark.parametrize(
    "text",
    [
        "", "issuer = 5", 'issuer = "https://a"', 'issuer = "https://a"\njwks = "x"',
        'issuer = "https://a"\njwks = "{}"\njwks_file = "b"',
        'issuer = ""\njwks = \'{"keys": []}\'',
        'issuer = "https://a"\njwks_file = "no.json"', 'issuer = "https://a"\nunknown = 1',
        'issuer = "https://a"\njwks = \'{"keys": []}\'', "[",
        f'issuer = "https://a"\njwks = \'{key_set(KEY.as_dict(private=True))}\'',
        f'issuer = "https://a"\njwks = \'{key_set(OctKey.generate_key().as_dict())}\'',
    ],
)  # fmt: skip
def test_a_wrong_file_is_told_at_the_start(tmp_path: Path, text: str) -> None:
    place = tmp_path / "trust" / "software"
    place.mkdir(parents=True)
    (place / "bad.toml").write_text(text)

    with pytest.raises(ConfigError, match=r"bad\.toml"):
        load(tmp_path)
