"""OpenID Connect Core: offline access (11) and who a request is about (3.1.2.1)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from idp.domain.subjects import IdNumber
from tests.support.build import NOW
from tests.support.house import PASSWORD, PERSON, House, PortalClient, add_portal, answer_of
from tests.support.portal_kit import Visitor, open_plain_house, sign_in


@pytest.fixture(scope="module")
def portal(shared: House, visitor: Visitor) -> PortalClient:
    visitor.agrees("core")
    return add_portal(shared, "core", grant_types=["authorization_code", "refresh_token"])


def tokens_of(portal: PortalClient, visitor: Visitor, **changes: str) -> dict[str, Any]:
    code = answer_of(visitor.client.get(portal.request(**changes)))["code"]
    found: dict[str, Any] = portal.redeems(code).get_json()
    return found


# --- offline access -----------------------------------------------------------------------------


def test_core_11_without_the_refresh_grant_offline_access_is_passed_over(
    shared: House, visitor: Visitor
) -> None:
    visitor.agrees("online")
    online = add_portal(shared, "online", grant_types=["authorization_code"])

    tokens = tokens_of(online, visitor, scope="openid offline_access")

    assert tokens["scope"] == "openid"
    assert "refresh_token" not in tokens


def test_core_11_the_token_of_who_cannot_refresh_dies_with_the_session(
    sqlite_template: Path, tmp_path: Path
) -> None:
    house = open_plain_house(sqlite_template, tmp_path)
    visitor = sign_in(house, "online")
    online = add_portal(house, "online", grant_types=["authorization_code"])
    token = tokens_of(online, visitor, scope="openid offline_access")["access_token"]
    sessions = house.app.extensions["idp.house"].sessions
    with house.database.transaction() as connection:
        sessions.end(connection, [visitor.session_id], "logout", now=house.clock())

    answer = house.app.test_client().get("/userinfo", headers={"Authorization": f"Bearer {token}"})
    house.database.close()

    assert answer.status_code == 401


def test_core_11_a_person_agrees_to_offline_access_by_name(
    shared: House, portal: PortalClient
) -> None:
    somebody = sign_in(shared, id_numbers=_numbers("001072000137"))

    page = somebody.client.get(portal.request(scope="openid offline_access"))

    assert "/consent/" in page.headers["Location"]
    assert "khi bạn không trực tuyến" in somebody.client.get(page.headers["Location"]).text.lower()


def test_core_11_prompt_none_never_grants_it_silently(shared: House, portal: PortalClient) -> None:
    somebody = sign_in(shared, id_numbers=_numbers("001072000138"))

    answer = somebody.client.get(portal.request(scope="openid offline_access", prompt="none"))

    assert answer_of(answer)["error"] == "consent_required"


# --- id_token_hint ------------------------------------------------------------------------------


def test_core_3_1_2_1_the_hint_of_who_is_signed_in_is_answered(
    portal: PortalClient, visitor: Visitor
) -> None:
    hint = tokens_of(portal, visitor)["id_token"]

    for changes in ({}, {"prompt": "none"}):
        answer = visitor.client.get(portal.request(id_token_hint=hint, **changes))

        assert "code" in answer_of(answer)


def test_core_3_1_2_1_the_hint_of_another_is_never_answered_about_this_one(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    hint = tokens_of(portal, visitor)["id_token"]
    other = sign_in(shared, "core", id_numbers=_numbers("001072000139"))

    silent = other.client.get(portal.request(id_token_hint=hint, prompt="none"))
    asked = other.client.get(portal.request(id_token_hint=hint))

    assert answer_of(silent)["error"] == "login_required"
    assert asked.headers["Location"].startswith("/login/")


@pytest.fixture
def house(sqlite_template: Path, tmp_path: Path) -> Iterator[House]:
    built = open_plain_house(sqlite_template, tmp_path)
    yield built
    built.database.close()


def test_core_3_1_2_1_who_signs_in_as_another_gets_the_portal_an_error(house: House) -> None:
    portal = add_portal(house, "core")
    hint = tokens_of(portal, sign_in(house, "core", id_numbers=_numbers("001072000139")))
    browser = house.browser()
    browser.registers()
    browser.client.delete_cookie("idp_session")
    house.clock.forward(seconds=10)

    browser.visit(portal.request(id_token_hint=hint["id_token"]))
    browser.send({"username": PERSON["username"], "password": PASSWORD})
    house.clock.forward(seconds=10)
    answer = browser.send({"code": house.last_code()})

    assert answer_of(answer)["error"] == "login_required"


def test_core_3_1_2_1_an_expired_hint_is_as_good(house: House) -> None:
    portal, visitor = add_portal(house, "core"), sign_in(house, "core")
    hint = tokens_of(portal, visitor)["id_token"]
    house.clock.forward(minutes=20)

    answer = visitor.client.get(portal.request(id_token_hint=hint, prompt="none"))

    assert "code" in answer_of(answer)
    assert house.clock() > NOW


def test_core_3_1_2_1_what_is_signed_for_another_purpose_is_no_hint(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    signer = add_portal(shared, "signing", userinfo_signed_response_alg="ES256")
    visitor.agrees("signing")
    token = tokens_of(signer, visitor)["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    userinfo = shared.app.test_client().get("/userinfo", headers=headers).text
    jarm = answer_of(visitor.client.get(portal.request(response_mode="jwt")))["response"]

    for hint in (userinfo, jarm, token):
        answer = visitor.client.get(portal.request(id_token_hint=hint))

        assert answer_of(answer)["error"] == "invalid_request"


HOSTILE = ["x", "a.b.c", "é.é.é", "\0", "e30.e30.", "a.b.c.d.e", "." * 50, "A" * 9000,
           "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."]  # fmt: skip


@pytest.mark.parametrize("hint", HOSTILE)
@pytest.mark.parametrize("prompt", ["", "none"])
def test_core_3_1_2_1_a_hint_that_is_not_ours_is_invalid_request(
    portal: PortalClient, visitor: Visitor, hint: str, prompt: str
) -> None:
    answer = visitor.client.get(portal.request(id_token_hint=hint, prompt=prompt))

    assert answer_of(answer)["error"] == "invalid_request"


def test_core_3_1_2_1_an_encrypted_hint_is_told_apart(
    portal: PortalClient, visitor: Visitor
) -> None:
    """The portal has to decrypt it first: we have no key that it could be encrypted to."""
    encrypted = "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.AAAA.AAAA.AAAA.AAAA"

    answer = visitor.client.get(portal.request(id_token_hint=encrypted, prompt="none"))

    assert answer_of(answer)["error"] == "invalid_request"


def test_core_3_1_2_1_a_hint_with_many_claims_is_not_too_long(
    portal: PortalClient, visitor: Visitor
) -> None:
    answer = visitor.client.get(portal.request(id_token_hint="A" * 8000))

    assert answer_of(answer)["error_description"] == "id_token_hint is not ours"


def _numbers(text: str) -> Any:

    return (IdNumber.parse(text),)
