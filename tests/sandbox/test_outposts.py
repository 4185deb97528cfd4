"""The kiosk and the desk of the sandbox against a provider that is played by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx2 as httpx
import pytest
from flask import Flask
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from idp.sandbox import desk, kiosk
from idp.sandbox.events import Events
from idp.sandbox.portal_settings import PortalSettings
from idp.sandbox.relying_party import RelyingParty

ISSUER = "http://localhost:8000"
KIOSK = PortalSettings("kiosk", "", "Ki-ốt thử", 8201)
DESK = PortalSettings("desk", "s+cret:1", "Bàn thử", 8201)
OWN = ECKey.generate_key("P-256", {"kid": "own"})
PINGED = PortalSettings(
    "desk", "", "Bàn thử", 8201, is_pushed=True, private_key=OWN.as_dict(private=True)
)
KEY = RSAKey.generate_key(2048, {"kid": "k1"})
_ENDPOINTS = (
    "token",
    "userinfo",
    "revocation",
    "device_authorization",
    "backchannel_authentication",
)
_PUBLIC = {
    "/.well-known/openid-configuration": {
        **{f"{name}_endpoint": f"{ISSUER}/{name}" for name in _ENDPOINTS},
        "issuer": ISSUER,
        "jwks_uri": f"{ISSUER}/jwks",
    },
    "/jwks": {"keys": [KEY.as_dict(private=False)]},
    "/userinfo": {"sub": "u1", "name": "Trần <Thị> Hoà"},
}


@dataclass
class Provider:
    """Answers what a test says, and remembers what it was asked."""

    client_id: str
    answers: list[str] = field(default_factory=list)
    begin_error: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, list[str]], str]] = field(default_factory=list)
    is_down: bool = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if self.is_down:
            raise httpx.ConnectError("down")
        if path in _PUBLIC:
            return httpx.Response(200, json=_PUBLIC[path])
        form = parse_qs(request.content.decode())
        self.asked.append((path, form, request.headers.get("Authorization", "")))
        if path == "/revocation":
            return httpx.Response(200)
        if path == "/token":
            return self._token()
        if self.begin_error:
            return httpx.Response(400, json={"error": self.begin_error})
        begun = {
            "device_code": "d1",
            "user_code": "BCDF-GHJK",
            "verification_uri": f"{ISSUER}/device",
            "verification_uri_complete": f"{ISSUER}/device?user_code=BCDF-GHJK",
            "auth_req_id": "r1",
            "verification_code": "0042",
            "expires_in": 600,
            "interval": 5,
        }
        return httpx.Response(200, json=begun)

    def _token(self) -> httpx.Response:
        error = self.answers.pop(0) if self.answers else "authorization_pending"
        if error:
            return httpx.Response(400, json={"error": error})
        now = int(time.time())
        body = {"iss": ISSUER, "aud": self.client_id, "sub": "u1", "iat": now, "exp": now + 60}
        claims = {**body, "acr": "ial2", "amr": ["pwd"], **self.claims}
        token = jwt.encode({"alg": "RS256", "kid": "k1", "typ": "JWT"}, claims, KEY)
        return httpx.Response(200, json={"access_token": "at", "id_token": token})

    def polls(self) -> int:
        return len([path for path, *_ in self.asked if path == "/token"])


@dataclass
class Place:
    """A kiosk or a desk, its provider, and its clock."""

    client: FlaskClient
    provider: Provider
    events: Events
    now: float = 1000.0

    def after(self, seconds: float, path: str) -> str:
        self.now += seconds
        return self.client.get(path).text

    def asks(self, **form: str) -> Any:
        typed = {"number": "001085014236", "message": "Hồ sơ 1", **form}
        return self.client.post("/desk", data=typed, follow_redirects=True)


def place(settings: PortalSettings, make: Callable[..., Any]) -> Place:
    provider, events = Provider(settings.client_id), Events()
    party = RelyingParty(settings, issuer=ISSUER, transport=httpx.MockTransport(provider))
    app = Flask("idp.sandbox.portal")
    found = Place(app.test_client(), provider, events)
    app.register_blueprint(make(settings, party=party, events=events, clock=lambda: found.now))
    return found


@pytest.fixture
def machine() -> Place:
    return place(KIOSK, kiosk.blueprint)


@pytest.fixture
def office() -> Place:
    return place(DESK, desk.blueprint)


@pytest.fixture
def pinged() -> Place:
    return place(PINGED, desk.blueprint)


# --- kiosk ----------------------------------------------------------------------------------------


def test_a_kiosk_without_a_secret_names_itself_and_shows_code_address_and_picture(
    machine: Place,
) -> None:
    page = machine.client.post("/kiosk", follow_redirects=True).text

    for text in ("BCDF-GHJK", f"{ISSUER}/device", "data:image/svg+xml", 'content="6"'):
        assert text in page
    [(path, form, basic)] = machine.provider.asked
    assert (path, form, basic) == (
        "/device_authorization",
        {"scope": ["openid profile"], "client_id": ["kiosk"]},
        "",
    )


def test_rfc8628_3_5_a_kiosk_polls_at_the_interval_however_often_its_page_comes(
    machine: Place,
) -> None:
    machine.client.post("/kiosk")
    for seconds in (1, 1, 1, 1, 1, 1, 1):
        machine.after(seconds, "/kiosk")
        machine.after(0, "/kiosk/state")

    assert machine.provider.polls() == 1


def test_rfc8628_3_5_slow_down_adds_five_seconds_for_good(machine: Place) -> None:
    machine.client.post("/kiosk")
    machine.provider.answers = ["slow_down"]
    counts = []
    for seconds in (5, 9, 1, 9, 1):
        machine.after(seconds, "/kiosk")
        counts.append(machine.provider.polls())

    assert counts == [1, 1, 2, 2, 3]


def test_rfc8628_3_5_a_connection_that_fails_doubles_the_interval(machine: Place) -> None:
    machine.client.post("/kiosk")
    machine.provider.is_down = True
    machine.after(5, "/kiosk")
    machine.provider.is_down = False
    machine.provider.answers = [""]

    assert "Xin chào" not in machine.after(9, "/kiosk")
    assert "Xin chào Trần &lt;Thị&gt; Hoà" in machine.after(1, "/kiosk")


def test_a_kiosk_greets_and_forgets_when_the_person_leaves(machine: Place) -> None:
    machine.client.post("/kiosk")
    machine.provider.answers = [""]
    assert "ial2" in machine.after(5, "/kiosk")

    page = machine.client.post("/kiosk/end", follow_redirects=True).text

    assert "Trần" not in page
    assert machine.provider.asked[-1][:2] == (
        "/revocation",
        {"token": ["at"], "client_id": ["kiosk"]},
    )
    assert [each["type"] for each in machine.events.all()] == ["device_login"]


def test_a_kiosk_forgets_by_itself_after_a_minute_and_a_half(machine: Place) -> None:
    machine.client.post("/kiosk")
    machine.provider.answers = [""]
    machine.after(5, "/kiosk")
    assert "Trần" in machine.after(89, "/kiosk")

    assert "Mời bạn bắt đầu" in machine.after(1, "/kiosk")
    assert machine.provider.asked[-1][0] == "/revocation"


@pytest.mark.parametrize("error", ["access_denied", "expired_token", "invalid_grant"])
def test_a_kiosk_says_how_it_ended_and_polls_no_more(machine: Place, error: str) -> None:
    machine.client.post("/kiosk")
    machine.provider.answers = [error]
    page = machine.after(5, "/kiosk")
    machine.after(30, "/kiosk")

    assert error in page
    assert "Bắt đầu lại" in page
    assert machine.provider.polls() == 1


@pytest.mark.parametrize("claims", [{"aud": "other"}, {"iss": "http://evil"}, {"nonce": "x"}])
def test_a_kiosk_lets_nobody_in_with_a_token_for_somebody_else(
    machine: Place, claims: dict[str, str]
) -> None:
    machine.client.post("/kiosk")
    machine.provider.answers, machine.provider.claims = [""], claims

    assert "Chưa đăng nhập được" in machine.after(5, "/kiosk")


def test_a_kiosk_without_a_provider_says_so(machine: Place) -> None:
    machine.provider.is_down = True
    answer = machine.client.post("/kiosk")

    assert answer.status_code == 502
    assert "Không kết nối được" in answer.text


@pytest.mark.parametrize("path", ["/kiosk", "/kiosk/end"])
def test_another_site_presses_no_button(machine: Place, path: str) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}

    assert machine.client.post(path, headers=headers).status_code == 403


# --- desk -----------------------------------------------------------------------------------------


def test_ciba_7_1_a_desk_names_the_person_by_number_and_shows_the_code(office: Place) -> None:
    page = office.asks(level="ial3", name="yes").text

    assert "0042" in page
    assert "001••••••236" in page
    assert "001085014236" not in page
    [(path, form, basic)] = office.provider.asked
    assert path == "/backchannel_authentication"
    assert form == {
        "scope": ["openid profile"],
        "login_hint": ["urn:vn:cccd:001085014236"],
        "binding_message": ["Hồ sơ 1"],
        "acr_values": ["ial3"],
    }
    assert basic.startswith("Basic ")


@pytest.mark.parametrize("number", ["", "1", "x" * 12, "0010850142361", "<b>", "٠" * 12, "\0"])
def test_a_number_that_is_none_is_told_and_asks_nobody(office: Place, number: str) -> None:
    answer = office.asks(number=number)

    assert answer.status_code == 422
    assert "Số định danh có 12 chữ số" in answer.text
    assert "Hồ sơ 1" in answer.text
    assert office.provider.asked == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("invalid_binding_message", "tối đa 50 ký tự"),
        ("access_denied", "quá nhiều lần"),
        ("unauthorized_client", "không nhận yêu cầu này"),
    ],
)
def test_a_question_that_is_refused_is_told_in_words(office: Place, error: str, words: str) -> None:
    office.provider.begin_error = error
    answer = office.asks()

    assert (answer.status_code, words in answer.text) == (422, True)


def test_a_desk_that_polls_shows_what_was_proven(office: Place) -> None:
    office.asks()
    office.provider.answers = ["authorization_pending", ""]
    office.provider.claims = {"acr": "ial3", "amr": ["sc", "pin"]}
    assert "<dd>ial3</dd>" not in office.after(5, "/desk")

    page = office.after(5, "/desk")

    assert "<dd>ial3</dd>" in page
    assert "sc, pin" in page
    assert office.client.get("/desk/state").get_json() == {"state": "done"}


def test_what_one_desk_asked_another_does_not_see(office: Place) -> None:
    office.asks()
    other = office.client.application.test_client()

    assert "Chưa có yêu cầu nào" in other.get("/desk").text


def ping(place: Place, token: str, told: object = None) -> int:
    body = {"auth_req_id": "r1"} if told is None else told
    headers = {"Authorization": f"Bearer {token}"}
    server = place.client.application.test_client()
    return server.post("/desk/ping", json=body, headers=headers).status_code


def test_ciba_10_2_a_pinged_desk_asks_for_its_tokens_once_it_was_called(pinged: Place) -> None:
    pinged.asks()
    [token] = pinged.provider.asked[0][1]["client_notification_token"]
    pinged.after(60, "/desk")
    assert pinged.provider.polls() == 0
    pinged.provider.answers = [""]

    assert ping(pinged, token) == 204

    assert "Đã xác nhận" in pinged.after(0, "/desk")
    assert [each["type"] for each in pinged.events.all()] == ["ciba_ping", "ciba_answer"]


def test_rfc7523_3_a_desk_with_a_key_signs_for_the_issuer_each_time_anew(pinged: Place) -> None:
    pinged.asks()
    pinged.asks()

    forms = [form for _, form, basic in pinged.provider.asked if not basic]
    tokens = [jwt.decode(form["client_assertion"][0], OWN) for form in forms]
    assert [token.header["kid"] for token in tokens] == ["own", "own"]
    for token in tokens:
        found = token.claims
        assert (found["iss"], found["sub"], found["aud"]) == ("desk", "desk", ISSUER)
        assert 0 < found["exp"] - found["iat"] <= 60
    assert len({token.claims["jti"] for token in tokens}) == 2


@pytest.mark.parametrize("told", [{"auth_req_id": "r2"}, {}, [], "r1", {"auth_req_id": ["r1"]}])
def test_ciba_10_2_a_ping_about_something_else_is_refused(pinged: Place, told: object) -> None:
    pinged.asks()
    [token] = pinged.provider.asked[0][1]["client_notification_token"]

    assert ping(pinged, token, told) == 401
    assert pinged.provider.polls() == 0


@pytest.mark.parametrize("token", ["", "x", "é", "x" * 5000])
def test_ciba_10_2_a_ping_without_the_token_is_refused(pinged: Place, token: str) -> None:
    pinged.asks()

    assert ping(pinged, token.encode().decode("latin-1")) == 401
    assert pinged.provider.polls() == 0


def test_a_pinged_desk_that_is_never_called_learns_that_the_time_is_over(pinged: Place) -> None:
    pinged.asks()
    pinged.provider.answers = ["expired_token"]

    assert "Không có trả lời" in pinged.after(602, "/desk")
