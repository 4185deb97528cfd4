"""What a portal is called, and what it may write: names and messages that deceive people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import IPv4Address
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from idp.config import RegistrationMode
from idp.domain.decoupled import is_message
from idp.domain.shown import fault_of_name, has_link
from idp.web.i18n import Language, Missing, load
from idp.web.words import Words
from tests.support.house import House
from tests.support.portal_kit import open_plain_house

DECEIVING = {
    "spaces only": "   ",
    "a space before": " Cổng",
    "a zero-width space only": "\u200b",
    "a filler that shows nothing": "\u3164",
    "a braille blank": "\u2800",
    "a filler in a name": "Cổng\u3164Hà Nội",
    "punctuation only": "---",
    "a line break": "Cổng\nHà Nội",
    "a carriage return": "Cổng\rHà Nội",
    "a line separator": "Cổng\u2028Hà Nội",
    "a tab": "Cổng\tHà Nội",
    "a zero byte": "Cổng\0",
    "an escape": "Cổng\x1b[2J",
    "a bell": "Cổng\x07",
    "from right to left": "\u202emạn ịốg nổC",
    "an isolate": "\u2066Cổng\u2069",
    "a soft hyphen": "Cổ\u00adng",
    "a joiner": "Cổ\u200dng",
    "a byte order mark": "\ufeffCổng",
    "a variation selector piled": "Cổng\ufe0f\ufe0f",
    "a tower of marks": "C" + "\u0300" * 30,
    "a Cyrillic letter": "C\u043eng Ha Noi",
    "a Greek letter": "C\u03bfng Ha Noi",
    "a Cherokee letter": "\u13dfong Ha Noi",
    "too long": "C" * 101,
    "huge": "C" * 1999,
    "private use": "Cổng \ue000",
    "a lone surrogate escaped": "Cổng \udcff",
}
GOOD = [
    "Cổng dịch vụ công Hà Nội",
    "Bộ Y tế (thử nghiệm)",
    "Ví dụ & Con trai's <b>",
    "TP.HCM – Quận 1",
    "日本語ポータル",
    "Портал",
    "a",
]
LINKS = [
    "https://evil.example",
    "http://1.2.3.4",
    "www.evil.example",
    "Vào dichvucong-gov.vn ngay",
    "evil.com/login",
    "EVIL.COM",
    "evil。com",
    "ｅｖｉｌ．ｃｏｍ",
    "bit.ly/x",
    "10.0.0.1/x",
    "app://evil",
    "t.me/evil",
]
NO_LINKS = ["Cổng Hà Nội", "TP.HCM", "Hồ sơ 12.345.678", "Số 1.2.3", "A. B. Com", "vn", "P.12 Q.3"]


def registers(house: House, **metadata: Any) -> TestResponse:
    body = {"redirect_uris": ["https://rp.example.vn/cb"], **metadata}
    return sends(house, json.dumps(body).encode())


def sends(house: House, body: bytes) -> TestResponse:
    """From a network that registered nobody yet."""
    address = IPv4Address("198.51.0.0") + next(_NETWORKS) * 256
    return house.app.test_client().post(
        "/connect/register",
        data=body,
        content_type="application/json",
        headers={"X-Forwarded-For": str(address)},
    )


_NETWORKS = count(-50000)


@pytest.mark.parametrize("how", DECEIVING)
def test_a_name_that_deceives_is_not_registered(target: House, how: str) -> None:
    answer = registers(target, client_name=DECEIVING[how])

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_client_metadata")


@pytest.mark.parametrize("name", GOOD)
def test_an_honest_name_is(target: House, name: str) -> None:
    answer = registers(target, client_name=name)

    assert (answer.status_code, answer.get_json()["client_name"]) == (201, name)


@pytest.mark.parametrize("name", ["", None])
def test_who_has_no_name_is_called_by_host_and_never_looks_like_us(
    target: House, name: str | None
) -> None:
    answer = registers(target, client_name=name)

    assert answer.get_json()["client_name"] == "rp.example.vn"


@pytest.mark.parametrize("text", LINKS)
def test_no_stranger_writes_a_link_into_our_messages(target: House, text: str) -> None:
    assert has_link(text)
    assert registers(target, client_name=text).status_code == 400
    assert not is_message(text)


@pytest.mark.parametrize("text", NO_LINKS)
def test_what_is_no_link_is_taken(text: str) -> None:
    assert not has_link(text)
    assert fault_of_name(text) is None


def test_a_portal_that_is_called_by_its_address_is_not_named_in_a_message() -> None:
    words = Words(load(Missing.RAISE))

    text = words.sms("login", "123456", 5, "https://portal.evil.example/")

    assert "evil" not in text
    assert words.catalogues[Language.VI].text("site.name") in text


CIBA = {
    "grant_types": ["urn:openid:params:grant-type:ciba"],
    "backchannel_token_delivery_mode": "poll",
    "redirect_uris": [],
}


def test_no_stranger_lets_phones_ring_by_the_number_of_a_card(target: House) -> None:
    asked = registers(target, **CIBA, scope="openid identity")
    silent = registers(target, **CIBA)

    assert asked.status_code == 400
    assert "identity" not in silent.get_json()["scope"].split()


HOSTS = {
    "a directive of our policy": "https://x.vn;sandbox/cb",
    "another policy": "https://x.vn,default-src/cb",
    "an encoded letter": "https://ev%69l.vn/cb",
    "an encoded slash": "https://x.vn%2fevil.vn/cb",
    "a wildcard": "https://*.evil.vn/cb",
    "a quote": "https://x.vn'/cb",
    "brackets": "https://(x).vn/cb",
    "braces": "https://{x}.vn/cb",
    "a pipe": "https://x.vn|/cb",
    "an exclamation mark": "https://x!y.vn/cb",
    "a dollar": "https://x$y.vn/cb",
    "an equals sign": "https://x=y.vn/cb",
    "an empty label": "https://x..vn/cb",
    "a dot before": "https://.vn/cb",
    "a hyphen before": "https://-x.vn/cb",
    "a long label": f"https://{'x' * 64}.vn/cb",
    "a long name": f"https://{'x.' * 127}vn/cb",
    "a zone": "https://[fe80::1%25eth0]/cb",
    "a future address": "https://[v1.x]/cb",
    "another alphabet": "https://hаnoi.vn/cb",
    "a tilde": "https://~x.vn/cb",
    "a plus": "https://x+y.vn/cb",
}
SCHEMES = {
    "javascript": "javascript:alert(1)",
    "javascript with a host": "javascript://x.vn/%0aalert(1)",
    "data": "data:text/html,x",
    "vbscript": "vbscript:x",
    "file": "file:///etc/passwd",
    "blob": "blob:https://x.vn/1",
    "about": "about:blank",
    "ftp": "ftp://x.vn/cb",
    "ws": "wss://x.vn/cb",
    "intent": "intent://x.vn/#Intent;end",
    "http": "http://x.vn/cb",
    "no scheme": "//x.vn/cb",
    "a path": "/cb",
    "a fragment": "https://x.vn/cb#f",
    "user name": "https://user@x.vn/cb",
    "a space": "https://x.vn/c b",
    "a line break": "https://x.vn/cb\r\nX: y",
    "markup": "https://x.vn/<script>",
    "a quote": 'https://x.vn/"onload',
    "a backslash": "https://x.vn\\@evil.vn/cb",
    "a port that is none": "https://x.vn:evil/cb",
    "an open bracket": "https://[::1/cb",
    "nothing": "",
    "very long": "https://x.vn/" + "a" * 2000,
}


@pytest.mark.parametrize("how", [*HOSTS, *SCHEMES])
def test_an_address_that_is_not_plain_https_is_not_registered(target: House, how: str) -> None:
    uri = {**SCHEMES, **HOSTS}[how]

    answer = registers(target, redirect_uris=[uri])

    assert (answer.status_code, answer.get_json()["error"]) == (400, answer.get_json()["error"])
    assert answer.get_json()["error"] in {"invalid_redirect_uri", "invalid_client_metadata"}


@pytest.mark.parametrize(
    "name",
    [
        "logo_uri", "client_uri", "policy_uri", "tos_uri", "jwks_uri", "sector_identifier_uri",
        "backchannel_logout_uri", "frontchannel_logout_uri", "initiate_login_uri",
        "post_logout_redirect_uris", "request_uris",
    ],
)  # fmt: skip
def test_no_other_address_of_a_portal_is_less_checked(target: House, name: str) -> None:
    hostile = [uri for uri in {**SCHEMES, **HOSTS}.values() if uri and "#" not in uri]
    is_list = name.endswith("uris")

    found = {
        uri: registers(target, **{name: [uri] if is_list else uri}).status_code for uri in hostile
    }

    assert {uri: status for uri, status in found.items() if status != 400} == {}


ANSWERED = [
    "code=x", "state=x", "iss=https://evil.example", "response=x", "error=x", "error_description=x",
    "error_uri=x", "id_token=x", "access_token=x", "token_type=x", "expires_in=1",
    "session_state=x", "a=b&code=x", "code", "%63ode=x", "code=&x=y", "x=y&c%6fde=x",
    "code=x&code=y",
]  # fmt: skip


@pytest.mark.parametrize("query", ANSWERED)
def test_an_address_that_says_already_what_we_would_say_is_not_registered(
    target: House, query: str
) -> None:
    """Of two values for one name a portal may read the first, which is not ours."""
    answer = registers(target, redirect_uris=[f"https://rp.example.vn/cb?{query}"])

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_redirect_uri")


@pytest.mark.parametrize("query", ["x=1", "coder=x", "CODE=x", "x=code", "x=%26code%3d1"])
def test_an_address_may_have_another_query(target: House, query: str) -> None:
    uri = f"https://rp.example.vn/cb?{query}"

    assert registers(target, redirect_uris=[uri]).get_json()["redirect_uris"] == [uri]


def test_nor_one_for_a_logout(target: House) -> None:
    uris = ["https://rp.example.vn/bye?state=x"]

    assert registers(target, post_logout_redirect_uris=uris).status_code == 400


HOME = "https://id.example.vn"
OURS = {
    "redirect_uris": [f"{HOME}/authorize"],
    "post_logout_redirect_uris": ["https://rp.example.vn/bye", f"{HOME}/logout"],
    "jwks_uri": f"{HOME}/authorize?client_id=x&request=a.b.c",
    "request_uris": [f"{HOME}:443/authorize?request_uri=x"],
    "backchannel_logout_uri": "https://ID.example.vn/logout",
    "initiate_login_uri": f"{HOME}/login",
    "sector_identifier_uri": f"{HOME}/jwks",
    "logo_uri": f"{HOME}/logo",
}


@pytest.fixture(scope="module")
def at_home(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A provider with a name of its own, open to strangers."""
    built = open_plain_house(
        sqlite_template,
        tmp_path_factory.mktemp("home"),
        server={"issuer": HOME, "trusted_proxies": ("127.0.0.1",)},
        oidc={"registration": RegistrationMode.OPEN},
    )
    yield built
    built.database.close()


@pytest.mark.parametrize("name", OURS)
def test_no_stranger_makes_us_call_ourselves_or_sends_people_to_our_pages(
    at_home: House, name: str
) -> None:
    """Keys at an address of ours that wants those keys would hold up every thread we have."""
    answer = registers(at_home, **{name: OURS[name]})

    assert answer.status_code == 400
    assert answer.get_json()["error_description"] == f"{name} is an address of the provider"


POWERS: dict[str, Any] = {
    "client_id": "hanoi",
    "client_secret": "secret",
    "client_secret_sha256": "00" * 32,
    "profile": "dvcqg",
    "resources": ["https://api.example.vn/"],
    "protected_resources": ["https://api.example.vn/"],
    "sector": "hanoi.example.vn",
    "secret_hash": "x",
    "voucher": {"superior": "gov.vn"},
    "is_disabled": False,
    "source": "file",
    "is_automatic": True,
}


@pytest.mark.parametrize("name", POWERS)
def test_nobody_gives_himself_what_only_an_operator_gives(target: House, name: str) -> None:
    answer = registers(target, **{name: POWERS[name]})

    assert answer.status_code in {201, 400}
    assert answer.status_code == 400 or answer.get_json().get(name) != POWERS[name]


BODIES = {
    "deep nesting": b'{"client_name":' + b"[" * 20000 + b"]" * 20000 + b"}",
    "a number without end": b'{"default_max_age":' + b"9" * 5000 + b"}",
    "a power": b'{"default_max_age":1e999}',
    "no number": b'{"default_max_age":NaN}',
    "infinity": b'{"default_max_age":Infinity}',
    "a negative number": b'{"default_max_age":-1}',
    "a fraction": b'{"default_max_age":1.5}',
    "two bodies": b"{}{}",
    "a list": b"[]",
    "nothing": b"",
    "null": b"null",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"client_name":"x"}'.encode("utf-16"),
    "a comment": b'{"client_name":"x"/**/}',
    "a trailing comma": b'{"client_name":"x",}',
    "a lone surrogate": b'{"client_name":"\\ud800"}',
    "many members": json.dumps({f"a{n}": n for n in range(5000)}).encode(),
    "too much": b'{"client_name":"' + b"a" * 40000 + b'"}',
    "a prototype": b'{"__proto__":{"profile":"dvcqg"},"redirect_uris":"x"}',
}


@pytest.mark.parametrize("how", BODIES)
def test_a_hostile_body_registers_nobody(target: House, how: str) -> None:
    answer = sends(target, BODIES[how])

    assert answer.status_code in {400, 413}
    assert answer.get_json()["error"].startswith("invalid_")
