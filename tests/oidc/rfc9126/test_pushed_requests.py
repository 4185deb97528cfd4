"""Pushed authorization requests (RFC 9126): handed over by the client itself, used once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.house import House, add_portal, answer_of
from tests.support.portal_kit import (
    ISSUER,
    Program,
    Visitor,
    add_program,
    open_house,
    open_plain_house,
    sign_in,
)


@pytest.fixture(scope="module")
def program(shared: House, visitor: Visitor) -> Program:
    visitor.agrees("par")
    return add_program(shared, "par")


def test_rfc9126_2_2_the_answer_is_201_and_never_cached(program: Program) -> None:
    answer = program.push()

    assert answer.status_code == 201
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(answer.get_json()) == {"request_uri", "expires_in"}


def test_rfc9126_2_2_no_two_request_uris_are_alike_and_none_can_be_guessed(
    program: Program,
) -> None:
    names = {program.push().get_json()["request_uri"] for _ in range(20)}

    assert len(names) == 20
    assert all(len(name.rpartition(".")[2]) >= 32 for name in names)


def test_rfc9126_4_the_pushed_request_is_answered(program: Program, visitor: Visitor) -> None:
    pushed = program.push(state="kept").get_json()["request_uri"]

    answer = answer_of(visitor.visits("par", pushed))

    assert (answer["state"], answer["iss"], "code" in answer) == ("kept", ISSUER, True)


def test_rfc9126_4_what_stands_beside_a_request_uri_does_not_count(
    program: Program, visitor: Visitor
) -> None:
    pushed = program.push(state="kept").get_json()["request_uri"]

    answer = visitor.visits(
        "par", pushed, state="other", redirect_uri="https://evil.example/", scope="openid email"
    )

    assert answer.headers["Location"].startswith(program.redirect_uri)
    assert answer_of(answer)["state"] == "kept"


def test_rfc9126_2_2_a_request_uri_belongs_to_one_client(
    shared: House, program: Program, visitor: Visitor
) -> None:
    add_program(shared, "thief")
    visitor.agrees("thief")
    pushed = program.push().get_json()["request_uri"]

    assert visitor.visits("thief", pushed).status_code == 400
    assert visitor.visits("par", pushed).status_code == 303


def test_rfc9126_7_3_it_is_used_up_by_its_code_and_not_by_a_visit(
    shared: House, program: Program, visitor: Visitor
) -> None:
    pushed = program.push(prompt="login").get_json()["request_uri"]
    stranger = shared.app.test_client()
    query = {"client_id": "par", "request_uri": pushed}

    visits = [stranger.get("/authorize", query_string=query).status_code for _ in range(3)]
    done = program.push().get_json()["request_uri"]
    ends = [visitor.visits("par", done).status_code for _ in range(2)]

    assert visits == [303, 303, 303]
    assert ends == [303, 400]


def test_rfc9126_7_3_of_fifty_visits_at_once_one_gets_a_code(
    database_url: str, tmp_path: Path
) -> None:
    house = open_house(database_url, tmp_path)
    program, visitor = add_program(house, "par"), sign_in(house, "par")
    pushed = program.push().get_json()["request_uri"]

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: visitor.visits("par", pushed).status_code, range(50)))
    house.database.close()

    assert sorted(answers) == [303] + [400] * 49


def test_rfc9126_2_2_it_dies_after_its_time(sqlite_template: Path, tmp_path: Path) -> None:
    house = open_plain_house(sqlite_template, tmp_path)
    program, visitor = add_program(house, "par"), sign_in(house, "par")
    answer = program.push().get_json()
    house.clock.forward(seconds=answer["expires_in"] + 1)

    page = visitor.visits("par", answer["request_uri"])
    house.database.close()

    assert (page.status_code, "Location" in page.headers) == (400, False)


NAMES = [
    "", "x", ".", "0" * 32, "0" * 32 + ".", "0" * 32 + "." + "A" * 43, "\0", "é", "{}", "../x", "%",
    "0" * 5000, "' OR 1=1 --",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_rfc9126_4_a_request_uri_of_nobody_stays_on_our_page(
    program: Program, visitor: Visitor, name: str
) -> None:
    page = visitor.visits("par", f"urn:ietf:params:oauth:request_uri:{name}")

    assert (page.status_code, "Location" in page.headers) == (400, False)
    assert program


def test_rfc9126_2_1_request_uri_cannot_be_pushed(program: Program) -> None:
    pushed = program.push().get_json()["request_uri"]

    answer = program.push(request_uri=pushed)

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "response_type token": ({"response_type": "token"}, "unsupported_response_type"),
    "response_type hybrid": ({"response_type": "code id_token"}, "unsupported_response_type"),
    "response_type none": ({"response_type": "none"}, "unsupported_response_type"),
    "response_type is empty": ({"response_type": ""}, "invalid_request"),
    "scope": ({"scope": "profile"}, "invalid_scope"),
    "scope is empty": ({"scope": ""}, "invalid_scope"),
    "scope with NUL": ({"scope": "openid\0"}, "invalid_request"),
    "resource": ({"resource": "https://other.example/"}, "invalid_target"),
    "resource with a fragment": ({"resource": "https://par.example.vn/#a"}, "invalid_target"),
    "response_mode": ({"response_mode": "fragment"}, "invalid_request"),
    "redirect_uri": ({"redirect_uri": "https://par.example.vn/callback/"}, "invalid_request"),
    "redirect_uri with a user": ({"redirect_uri": "https://a@par.example.vn/callback"},
                                 "invalid_request"),
    "redirect_uri in capitals": ({"redirect_uri": "https://PAR.example.vn/callback"},
                                 "invalid_request"),
    "redirect_uri with a query": ({"redirect_uri": "https://par.example.vn/callback?a"},
                                  "invalid_request"),
    "redirect_uri with NUL": ({"redirect_uri": "https://par.example.vn/callback\0"},
                              "invalid_request"),
    "challenge": ({"code_challenge": "é" * 43}, "invalid_request"),
    "challenge is padded": ({"code_challenge": "A" * 43 + "="}, "invalid_request"),
    "challenge is short": ({"code_challenge": "A" * 42}, "invalid_request"),
    "challenge method": ({"code_challenge_method": "plain"}, "invalid_request"),
    "challenge method is small": ({"code_challenge_method": "s256"}, "invalid_request"),
    "challenge method is missing": ({"code_challenge_method": ""}, "invalid_request"),
    "max_age is negative": ({"max_age": "-1"}, "invalid_request"),
    "max_age is half": ({"max_age": "1.5"}, "invalid_request"),
    "max_age is 1e400": ({"max_age": "1e400"}, "invalid_request"),
    "max_age is NaN": ({"max_age": "NaN"}, "invalid_request"),
    "max_age is Arabic": ({"max_age": "١"}, "invalid_request"),
    "max_age is huge": ({"max_age": "9" * 4000}, "invalid_request"),
    "prompt": ({"prompt": "sudo"}, "invalid_request"),
    "prompt none and more": ({"prompt": "none consent"}, "invalid_request"),
    "claims is no JSON": ({"claims": "x"}, "invalid_request"),
    "claims is a list": ({"claims": "[]"}, "invalid_request"),
    "claims is deep": ({"claims": "[" * 4000}, "invalid_request"),
    "claims holds 1e400": ({"claims": '{"a":1e400}'}, "invalid_request"),
    "state is long": ({"state": "s" * 5000}, "invalid_request"),
    "nonce with NUL": ({"nonce": "\0"}, "invalid_request"),
    "registration": ({"registration": "{}"}, "registration_not_supported"),
    "dpop_jkt": ({"dpop_jkt": "x"}, "invalid_request"),
    "acr out of reach": ({"claims": '{"id_token":{"acr":{"essential":true,"values":["x"]}}}'},
                         "unmet_authentication_requirements"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "error"), WRONG.values(), ids=WRONG.keys())
def test_rfc9126_2_3_what_is_wrong_is_told_at_once(
    program: Program, changes: dict[str, str], error: str
) -> None:
    answer = program.push(**changes)

    assert (answer.status_code, answer.get_json()["error"]) == (400, error)


def test_rfc9126_2_1_beside_a_request_object_nothing_counts(
    shared: House, visitor: Visitor
) -> None:
    visitor.agrees("mixed")
    mixed = add_program(shared, "mixed", profile="standard", dpop_bound_access_tokens=False)
    token = mixed.request_object(state=None)

    pushed = mixed.push(request=token, state="outside", scope="openid email").get_json()

    assert "state" not in answer_of(visitor.visits("mixed", pushed["request_uri"]))


def test_rfc9126_5_a_client_that_has_to_push_is_not_heard_in_the_open(
    program: Program, visitor: Visitor
) -> None:
    answer = answer_of(visitor.client.get(program.plain_request()))

    assert (answer["error"], answer["iss"]) == ("invalid_request", ISSUER)


def test_rfc9126_5_discovery_names_the_endpoint(shared: House) -> None:
    found = shared.app.test_client().get("/.well-known/oauth-authorization-server").get_json()

    assert found["pushed_authorization_request_endpoint"] == f"{ISSUER}/par"
    assert found["require_pushed_authorization_requests"] is False


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_rfc9126_2_every_registered_way_of_authentication_pushes(
    shared: House, method: str
) -> None:
    portal = add_portal(shared, f"par-{method}", token_endpoint_auth_method=method)
    form: dict[str, Any] = {
        "response_type": "code",
        "redirect_uri": portal.redirect_uri,
        "scope": "openid",
        "code_challenge": "A" * 43,
        "code_challenge_method": "S256",
        "client_id": portal.client_id,
    }
    if method == "client_secret_post":
        form["client_secret"] = portal.secret
    auth = (portal.client_id, portal.secret) if method == "client_secret_basic" else None

    good = shared.app.test_client().post("/par", data=form, auth=auth)
    bad = shared.app.test_client().post("/par", data={**form, "client_secret": "wrong"})

    assert (good.status_code, bad.status_code) == (201, 401)


def test_rfc9126_2_3_errors_of_a_pushed_request_are_sent_to_its_redirect_uri(
    program: Program, visitor: Visitor, shared: House
) -> None:
    pushed = program.push(prompt="none", state="kept").get_json()["request_uri"]
    stranger = shared.app.test_client()

    answer = stranger.get("/authorize", query_string={"client_id": "par", "request_uri": pushed})

    assert answer.headers["Location"].startswith(program.redirect_uri)
    assert answer_of(answer)["error"] == "login_required"
    assert (answer_of(answer)["state"], answer_of(answer)["iss"]) == ("kept", ISSUER)
    assert visitor.visits("par", pushed).status_code == 303
