"""A zero byte in whatever a program may send: no database of ours keeps one, and PostgreSQL says so
by an error (CWE-158, CWE-626). Each place is tried on both databases."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from werkzeug.test import TestResponse

from tests.support.decoupled import CIBA, DEVICE, add_kiosk, add_office
from tests.support.house import House, add_portal, answer_of
from tests.support.portal_kit import CHALLENGE, sign_in
from tests.support.receivers import POLL, PUSH, Receiver

VALUES = ["\0", "a\0b", "openid\0", "\0" * 100]
ASKED = [
    "client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce",
    "prompt", "max_age", "display", "ui_locales", "claims_locales", "login_hint", "id_token_hint",
    "acr_values", "claims", "resource", "dpop_jkt", "code_challenge", "code_challenge_method",
    "request", "request_uri", "registration", "unknown",
]  # fmt: skip
SENT = {
    "/token": [
        "grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret",
        "scope", "resource", "refresh_token", "device_code", "auth_req_id", "client_assertion",
        "client_assertion_type",
    ],
    "/par": ASKED,
    "/introspect": ["token", "token_type_hint", "client_id"],
    "/revoke": ["token", "token_type_hint", "client_id"],
    "/device_authorization": ["client_id", "scope", "resource", "acr_values", "claims", "unknown"],
    "/bc-authorize": [
        "scope", "login_hint", "login_hint_token", "id_token_hint", "binding_message", "user_code",
        "acr_values", "requested_expiry", "client_notification_token", "resource", "request",
    ],
}  # fmt: skip
GRANTS = ["authorization_code", "refresh_token", "client_credentials", DEVICE, CIBA]
NESTED = ["\0", {"a": "\0"}, ["\0"], {"\0": "a"}, {"value": "\0"}, {"values": ["\0", "a"]}]


def accidents(found: dict[str, TestResponse]) -> dict[str, int]:
    return {how: answer.status_code for how, answer in found.items() if answer.status_code >= 500}


def test_no_zero_byte_in_a_parameter_is_an_accident(house: House) -> None:
    portal = add_portal(
        house, "hanoi", grant_types=GRANTS, backchannel_token_delivery_mode="poll", redirect_uris=[
            "https://hanoi.example.vn/callback"],
    )  # fmt: skip
    http, auth = house.app.test_client(), (portal.client_id, portal.secret)
    base = {"scope": "openid", "login_hint": "001072000136", "token": "x", "code": "x"}
    found = {
        f"{path} {name} {value!r} {grant}": http.post(
            path, data={"grant_type": grant, **base, name: value}, auth=auth
        )
        for path, names in SENT.items()
        for name in names
        for value in VALUES
        for grant in (GRANTS if path == "/token" else [""])
    }

    assert len(found) > 400
    assert accidents(found) == {}


def test_no_zero_byte_in_an_authorization_request_is_an_accident(house: House) -> None:
    portal = add_portal(house, "hanoi")
    victim = sign_in(house, "hanoi")
    base = {
        "client_id": "hanoi", "redirect_uri": portal.redirect_uri, "response_type": "code",
        "scope": "openid", "code_challenge": CHALLENGE, "code_challenge_method": "S256",
    }  # fmt: skip
    found = {
        f"{name} {value!r} {prompt}": victim.client.get(
            f"/authorize?{urlencode({**base, 'prompt': prompt, name: value})}"
        )
        for name in ASKED
        for value in VALUES
        for prompt in ("", "none", "login")
    }

    assert accidents(found) == {}


def test_no_zero_byte_in_claims_is_an_accident_now_or_when_they_are_given(house: House) -> None:
    """What was asked for is kept with the grant, and read again with every answer."""
    portal = add_portal(house, "hanoi")
    victim = sign_in(house, "hanoi")
    given = 0
    for place in ("userinfo", "id_token"):
        for name in ("name", "name#vi", "\0", "name#vi-\0", "verified_claims", "acr", "sub"):
            for value in NESTED:
                claims = json.dumps({place: {name: value}})
                page = victim.client.get(portal.request(scope="openid profile", claims=claims))
                assert page.status_code < 500
                answer = answer_of(page) if "Location" in page.headers else {}
                if "code" in answer:
                    tokens = portal.redeems(answer["code"])
                    assert tokens.status_code == 200
                    bearer = {"Authorization": f"Bearer {tokens.get_json()['access_token']}"}
                    told = house.app.test_client().get("/userinfo", headers=bearer)
                    assert told.status_code == 200
                    given += 1
    assert given > 10


def test_no_zero_byte_of_a_receiver_is_an_accident(house: House) -> None:
    portal = add_portal(
        house, "receiver", grant_types=["client_credentials"], scope="openid ssf.manage"
    )
    receiver = Receiver(house, "receiver", "", portal)
    receiver.renews()
    name = receiver.creates("x")["stream_id"]
    about: dict[str, Any] = {"stream_id": name}
    subject = {"format": "iss_sub", "iss": "http://localhost:8000", "sub": "\0"}
    bodies: dict[tuple[str, str], list[dict[str, Any]]] = {
        ("POST", "/ssf/streams"): [{"description": "\0"}, {"events_requested": ["\0"]}],
        ("PATCH", "/ssf/streams"): [
            {**about, "description": "a\0b"},
            {**about, "events_requested": ["a\0"]},
            {**about, "delivery": {"method": "\0"}},
            {**about, "delivery": {"method": PUSH, "endpoint_url": "https://rp.example.vn/\0"}},
            {**about, "delivery": {"method": PUSH, "endpoint_url": "https://rp.example.vn/",
                                   "authorization_header": "\0"}},
            {**about, "delivery": {"method": POLL, "endpoint_url": "\0"}},
            {"stream_id": "\0"},
            {**about, "iss": "\0", "aud": ["\0"]},
        ],
        ("PUT", "/ssf/streams"): [{**about, "description": "\0"}],
        ("POST", "/ssf/status"): [
            {**about, "status": "\0"},
            {**about, "status": "paused", "reason": "\0"},
            {"stream_id": "\0", "status": "enabled"},
        ],
        ("POST", "/ssf/verify"): [{**about, "state": "\0"}, {"stream_id": "\0"}],
        ("POST", "/ssf/subjects/add"): [{**about, "subject": subject},
                                        {**about, "subject": {"format": "\0", "\0": "\0"}}],
        ("POST", "/ssf/subjects/remove"): [{**about, "subject": subject}],
        ("POST", f"/ssf/poll/{name}"): [
            {"ack": ["\0"], "returnImmediately": True},
            {"setErrs": {"\0": {"err": "\0", "description": "\0"}}, "returnImmediately": True},
        ],
    }  # fmt: skip

    found = {
        f"{method} {path} {body}": receiver.call(method, path, body)
        for (method, path), several in bodies.items()
        for body in several
    }
    for path in ("/ssf/streams?stream_id=%00", "/ssf/status?stream_id=%00", "/ssf/poll/%00"):
        found[path] = receiver.call("GET", path)

    assert accidents(found) == {}
    assert receiver.call("GET", f"/ssf/streams?stream_id={name}").status_code == 200


def test_no_zero_byte_in_a_name_of_something_is_an_accident(house: House) -> None:
    add_kiosk(house)
    add_office(house)
    http = house.app.test_client()
    bearer = {"Authorization": "Bearer x"}
    found = {
        f"{method} {path}": http.open(path, method=method, headers=bearer)
        for method in ("GET", "POST", "PUT", "DELETE")
        for path in (
            "/connect/register/%00", "/connect/register/a%00b", "/authorize/%00", "/login/%00",
            "/consent/%00", "/logout/%00", "/logged-out/%00", "/device?user_code=%00",
            "/logout?client_id=%00", "/logout?post_logout_redirect_uri=%00&client_id=hanoi",
            "/start/%00", "/not-me/%00", "/federation/resolve?sub=%00&trust_anchor=%00",
        )
    }  # fmt: skip

    assert accidents(found) == {}
