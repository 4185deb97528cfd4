"""A demo portal against a provider that is played by hand."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2 as httpx
import pytest
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import RSAKey

from idp.sandbox.event_receiver import EventReceiver
from idp.sandbox.events import Events
from idp.sandbox.portal import create_portal
from idp.sandbox.portal_sessions import Browsers
from idp.sandbox.portal_settings import PortalSettings
from idp.sandbox.relying_party import RelyingParty

ISSUER = "http://localhost:8000"
SETTINGS = PortalSettings("portal-1", "s+cret:1", "Cổng thử", 8201, "red")


class Provider:
    """Answers what the portal asks; tests bend the claims."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "k1"})
        self.claims: dict[str, Any] = {}
        self.user: dict[str, Any] = {"sub": "u1", "name": "Trần <Thị> Hoà"}
        self.asked: list[httpx.Request] = []

    def sign(self, typ: str = "JWT", **claims: Any) -> str:
        now = int(time.time())
        body = {"iss": ISSUER, "aud": ["portal-1"], "sub": "u1", "iat": now, "exp": now + 60}
        header = {"alg": "RS256", "kid": self.key.kid, "typ": typ}
        given = {name: value for name, value in {**body, **claims}.items() if value is not None}
        return jwt.encode(header, given, self.key)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        match request.url.path:
            case "/.well-known/openid-configuration":
                names = ("authorization", "token", "userinfo", "end_session")
                found: dict[str, Any] = {f"{n}_endpoint": f"{ISSUER}/{n}" for n in names}
                found |= {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"}
                return httpx.Response(200, json=found)
            case "/jwks":
                return httpx.Response(200, json={"keys": [self.key.as_dict(private=False)]})
            case "/token":
                tokens = {"access_token": "at", "id_token": self.sign(**self.claims)}
                return httpx.Response(200, json=tokens)
            case "/userinfo":
                return httpx.Response(200, json=self.user)
        return httpx.Response(404, json={})


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def client(provider: Provider, events: Events) -> FlaskClient:
    transport = httpx.MockTransport(provider)
    party = RelyingParty(SETTINGS, issuer=ISSUER, transport=transport)
    return create_portal(SETTINGS, party=party, events=events).test_client()


def begin(client: FlaskClient, path: str = "/login") -> dict[str, str]:
    where = urlsplit(client.get(path).headers["Location"])
    assert where.path == "/authorization"
    return {name: values[0] for name, values in parse_qs(where.query).items()}


def finish(client: FlaskClient, provider: Provider, **claims: Any) -> Any:
    asked = begin(client)
    provider.claims = {"nonce": asked["nonce"], "acr": "ial2", "sid": "s1", **claims}
    return client.get(f"/callback?code=c&state={asked['state']}", follow_redirects=True)


def test_the_request_is_complete(client: FlaskClient) -> None:
    asked = begin(client, "/login?acr_values=ial3&max_age=0&prompt=&login_hint=001085014236")
    assert asked["redirect_uri"] == "http://localhost:8201/callback"
    assert asked["code_challenge_method"] == "S256"
    assert (asked["acr_values"], asked["max_age"]) == ("ial3", "0")
    assert "prompt" not in asked
    assert {"state", "nonce", "code_challenge", "login_hint"} <= set(asked)


def test_a_citizen_is_greeted_and_signed_out(
    client: FlaskClient, provider: Provider, events: Events
) -> None:
    page = finish(client, provider).text
    assert "Xin chào Trần &lt;Thị&gt; Hoà" in page
    assert "ial2" in page
    (event,) = events.all()
    assert (event["type"], event["claims"]["acr"]) == ("login", "ial2")
    token = next(r for r in provider.asked if r.url.path == "/token")
    assert token.headers["Authorization"].startswith("Basic ")
    out = urlsplit(client.get("/logout").headers["Location"])
    query = parse_qs(out.query)
    assert out.path == "/end_session"
    assert query["post_logout_redirect_uri"] == ["http://localhost:8201/"]
    assert query["id_token_hint"][0].count(".") == 2
    assert "Đăng nhập" in client.get("/").text


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"nonce": "other"}, "invalid_nonce"),
        ({"aud": "portal-2"}, "invalid_token"),
        ({"iss": "http://evil"}, "invalid_token"),
        ({"exp": 1}, "invalid_token"),
        ({"sub": "u2"}, "invalid_userinfo"),
    ],
)
def test_a_wrong_id_token_signs_nobody_in(
    client: FlaskClient, provider: Provider, claims: dict[str, Any], code: str
) -> None:
    refused = finish(client, provider, **claims)
    assert refused.status_code == 400
    assert code in refused.text
    assert "Xin chào" not in client.get("/").text


@pytest.mark.parametrize(("acr", "is_told"), [("ial2", True), ("ial3", False)])
def test_a_level_that_was_not_reached_is_told_with_a_way_on(
    client: FlaskClient, provider: Provider, acr: str, is_told: bool
) -> None:
    asked = begin(client, "/login?acr_values=ial3")
    provider.claims = {"nonce": asked["nonce"], "acr": acr, "sid": "s1"}

    page = client.get(f"/callback?code=c&state={asked['state']}", follow_redirects=True)

    assert ("chưa lên được mức" in page.text) is is_told
    assert ("/account/methods/new" in page.text) is is_told


def test_a_foreign_answer_is_refused(client: FlaskClient, provider: Provider) -> None:
    assert "unknown_state" in client.get("/callback?code=c&state=x").text
    state = begin(client)["state"]
    assert "invalid_iss" in client.get(f"/callback?code=c&state={state}&iss=http://evil").text
    assert all(request.url.path != "/token" for request in provider.asked)


def test_the_providers_refusal_is_put_in_words(client: FlaskClient, events: Events) -> None:
    state = begin(client)["state"]
    page = client.get(f"/callback?error=access_denied&state={state}").text
    assert "Bạn đã hủy" in page
    assert "access_denied" in page
    assert "Thử lại" in page
    assert events.all()[0]["claims"]["error"] == "access_denied"


def test_a_new_key_is_fetched(client: FlaskClient, provider: Provider) -> None:
    finish(client, provider)
    provider.key = RSAKey.generate_key(2048, {"kid": "k2"})
    assert "Xin chào" in finish(client, provider).text
    assert sum(request.url.path == "/jwks" for request in provider.asked) == 2


LOGOUT = {"http://schemas.openid.net/event/backchannel-logout": {}}


def tell(client: FlaskClient, token: str) -> int:
    return client.post("/backchannel-logout", data={"logout_token": token}).status_code


def test_backchannel_logout_ends_the_session_once(
    client: FlaskClient, provider: Provider, events: Events
) -> None:
    finish(client, provider)
    good = provider.sign("logout+jwt", sid="s1", jti="j", events=LOGOUT)

    answers = [tell(client, good), tell(client, good)]

    assert answers == [200, 400]
    assert events.all()[-1]["type"] == "logout_token"
    assert "Xin chào" not in client.get("/").text


@pytest.mark.parametrize(
    ("typ", "claims"),
    [
        ("JWT", {}),
        ("logout+jwt", {"nonce": "n"}),
        ("logout+jwt", {"events": {}}),
        ("logout+jwt", {"events": {"other": {}}}),
        ("logout+jwt", {"aud": "portal-2"}),
        ("logout+jwt", {"iss": "http://evil"}),
        ("logout+jwt", {"exp": 1}),
        ("logout+jwt", {"jti": None}),
        ("logout+jwt", {"sid": None, "sub": None}),
    ],
)
def test_a_wrong_logout_token_ends_nothing(
    client: FlaskClient, provider: Provider, typ: str, claims: dict[str, Any]
) -> None:
    finish(client, provider)

    answer = tell(
        client, provider.sign(typ, **{"sid": "s1", "jti": "j", "events": LOGOUT} | claims)
    )

    assert (answer, tell(client, "x")) == (400, 400)
    assert "Xin chào" in client.get("/").text


def test_frontchannel_logout_ends_the_session_that_it_names(
    client: FlaskClient, provider: Provider, events: Events
) -> None:
    finish(client, provider)
    for query in ("", "?sid=s1", "?sid=s1&iss=http://evil", f"?sid=other&iss={ISSUER}"):
        client.get(f"/frontchannel-logout{query}")
        assert "Xin chào" in client.get("/").text

    page = client.get(f"/frontchannel-logout?sid=s1&iss={ISSUER}")

    assert "X-Frame-Options" not in page.headers
    assert events.all()[-1]["type"] == "frontchannel_logout"
    assert "Xin chào" not in client.get("/").text


REVOKED = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"


@pytest.fixture
def receiver(provider: Provider, events: Events) -> tuple[EventReceiver, Browsers]:
    party = RelyingParty(SETTINGS, issuer=ISSUER, transport=httpx.MockTransport(provider))
    browsers = Browsers()
    return EventReceiver(SETTINGS, party=party, events=events, browsers=browsers), browsers


def event(provider: Provider, typ: str = "secevent+jwt", **claims: Any) -> str:
    subject = {"format": "complex", "session": {"format": "opaque", "id": "s1"}}
    body = {"jti": "e1", "sub_id": subject, "events": {REVOKED: {}}, "sub": None, "exp": None}
    return provider.sign(typ, **{**body, **claims})


def test_a_pushed_event_needs_the_agreed_header(
    client: FlaskClient, provider: Provider, events: Events
) -> None:
    kind = {"Content-Type": "application/secevent+jwt"}

    answers = [
        client.post("/events", data=event(provider), headers={**kind, **more})
        for more in ({}, {"Authorization": "Bearer guessed"})
    ]

    assert [answer.get_json()["err"] for answer in answers] == ["authentication_failed"] * 2
    assert client.post("/events", data="x").status_code == 400
    assert events.all() == []


def test_an_event_counts_once_and_is_shown(
    client: FlaskClient, provider: Provider, events: Events,
    receiver: tuple[EventReceiver, Browsers],
) -> None:  # fmt: skip
    token, header = event(provider), receiver[0]._secret

    answers = [receiver[0].pushed(token, header) for _ in range(2)]

    assert answers == [None, None]
    assert [each["type"] for each in events.all()] == ["security_event"]
    assert "session-revoked" in client.get("/events").text


@pytest.mark.parametrize(
    ("typ", "claims"),
    [
        ("JWT", {}),
        ("secevent+jwt", {"sub": "u1"}),
        ("secevent+jwt", {"aud": "portal-2"}),
        ("secevent+jwt", {"iss": "http://evil"}),
        ("secevent+jwt", {"events": {}}),
        ("secevent+jwt", {"jti": None}),
        ("secevent+jwt", {"exp": 4102444800}),
    ],
)
def test_a_wrong_event_is_refused(
    provider: Provider, events: Events, receiver: tuple[EventReceiver, Browsers], typ: str,
    claims: dict[str, Any],
) -> None:  # fmt: skip
    answer = receiver[0].pushed(event(provider, typ, **claims), receiver[0]._secret)

    assert answer
    assert answer["err"] == "invalid_request"
    assert events.all() == []
