"""Posts that another site makes a browser send (CSRF; OWASP ASVS 5.0, 3.5.1)."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from idp.web.security import is_for_programs
from tests.support.house import House
from tests.support.portal_kit import Visitor

ID = "0" * 32
PAGES = [
    "/account/approvals/{id}",
    "/account/close",
    "/account/confirm/{id}",
    "/account/edit",
    "/account/freeze",
    "/account/methods/add",
    "/account/methods/enrol/{id}",
    "/account/methods/phone",
    "/account/methods/remove",
    "/account/methods/sms",
    "/account/password",
    "/account/portals/revoke",
    "/account/protection/switch",
    "/account/representatives",
    "/account/representatives/revoke",
    "/account/reverify",
    "/account/sessions/end",
    "/complaint/{id}",
    "/complaint/status",
    "/consent/{id}",
    "/device",
    "/device/{id}",
    "/forgot/{id}",
    "/freeze/{id}",
    "/login/{id}",
    "/logout/{id}",
    "/logout/confirm",
    "/lost-phone/{id}",
    "/not-me/{id}",
    "/operator/agencies/bind",
    "/operator/agencies/unbind",
    "/operator/complaints/{id}",
    "/operator/counter",
    "/operator/counter/{id}",
    "/operator/post",
    "/operator/post/{id}",
    "/register",
    "/register/{id}",
]
FORGED = {
    "from another site": {"Sec-Fetch-Site": "cross-site"},
    "from a neighbour": {"Sec-Fetch-Site": "same-site"},
    "from another origin": {"Origin": "https://evil.example"},
    "from a sandboxed frame": {"Origin": "null"},
    "from our host on another port": {"Origin": "http://localhost:8001"},
    "from a host that begins like ours": {"Origin": "http://localhost:8000.evil.example"},
    "from our host by another scheme": {"Origin": "https://localhost:8000"},
    "with fetch metadata that is none": {"Sec-Fetch-Site": "same-origin, cross-site"},
}
"""Each with the right token: it may have leaked."""


def token_of(client: FlaskClient) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/register").text)
    assert found
    return found[1]


def test_every_page_that_takes_a_post_stands_in_the_list(target: House) -> None:
    found = set()
    for rule in target.app.url_map.iter_rules():
        view = target.app.view_functions[rule.endpoint]
        if "POST" in (rule.methods or ()) and not is_for_programs(rule.rule):
            path = re.sub(r"<[^>]+>", "{id}", rule.rule)
            found.add((path, getattr(view, "idp_cross_site", False)))

    assert {path for path, is_open in found if not is_open} == set(PAGES)
    assert {path for path, is_open in found if is_open} == {
        "/authorize",
        "/oauth2/authorize",
        "/logout",
        "/oidc/logout",
    }


@pytest.mark.parametrize("path", PAGES)
def test_a_post_without_the_forms_token_does_nothing(victim: Visitor, path: str) -> None:
    client = victim.client
    token_of(client)

    statuses = [
        client.post(path.format(id=ID), data=data).status_code
        for data in ({}, {"csrf": ""}, {"csrf": "x" * 43}, {"csrf": "é\0"})
    ]

    assert statuses == [403] * 4


@pytest.mark.parametrize("path", PAGES)
def test_a_token_of_another_browser_does_nothing(target: House, victim: Visitor, path: str) -> None:
    stolen = token_of(target.app.test_client())

    assert victim.client.post(path.format(id=ID), data={"csrf": stolen}).status_code == 403


@pytest.mark.parametrize("how", FORGED)
def test_a_post_from_elsewhere_does_nothing_even_with_the_token(victim: Visitor, how: str) -> None:
    data = {"csrf": token_of(victim.client), "subject": "citizen", "method": "mobile"}

    answers = {
        victim.client.post(path.format(id=ID), data=data, headers=FORGED[how]).status_code
        for path in PAGES
    }

    assert answers == {403}


def test_a_token_in_the_address_or_a_header_counts_for_nothing(victim: Visitor) -> None:
    token = token_of(victim.client)

    by_query = victim.client.post(f"/logout/confirm?csrf={token}")
    by_header = victim.client.post("/logout/confirm", headers={"X-CSRF-Token": token})
    as_json = victim.client.post("/logout/confirm", json={"csrf": token})

    assert [each.status_code for each in (by_query, by_header, as_json)] == [403] * 3


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE"])
def test_no_other_method_does_what_a_post_does(victim: Visitor, method: str) -> None:
    before = victim.client.get("/account").status_code

    answers = {
        victim.client.open(f"{path}?csrf=x&_method=POST", method=method).status_code
        for path in ("/logout/confirm", "/account/sessions/end", "/account/methods/remove")
    }

    assert (before, victim.client.get("/account").status_code) == (200, 200)
    assert answers <= {200, 403, 404, 405}
    assert method == "OPTIONS" or 200 not in answers


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
def test_a_header_does_not_turn_a_get_into_a_post(victim: Visitor, header: str) -> None:
    answer = victim.client.get("/logout/confirm", headers={header: "POST"})

    assert answer.status_code == 404
    assert victim.client.get("/account").status_code == 200


@pytest.mark.parametrize("address", ["/logout", "/logout?client_id=hanoi", "/oidc/logout"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_link_and_no_foreign_form_signs_anybody_out(
    victim: Visitor, address: str, method: str
) -> None:
    victim.client.open(address, method=method, headers={"Sec-Fetch-Site": "cross-site"})

    assert victim.client.get("/account").status_code == 200
