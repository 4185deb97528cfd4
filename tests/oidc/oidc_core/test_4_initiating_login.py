"""Initiating login from a third party, whose part we take (OpenID Connect Core, section 4)."""

from __future__ import annotations

import pytest

from tests.support.house import House, add_portal

PLACE = "https://hanoi.example.vn/login?vnconnect=1"


def test_core_4_the_person_is_sent_to_the_registered_place_with_iss(house: House) -> None:
    add_portal(house, initiate_login_uri=PLACE)

    answer = house.app.test_client().get("/start/hanoi")

    assert answer.status_code == 303
    assert answer.headers["Location"] == f"{PLACE}&iss=http%3A%2F%2Flocalhost%3A8000"


def test_nothing_of_the_request_is_followed(house: House) -> None:
    add_portal(house, initiate_login_uri=PLACE)

    answer = house.app.test_client().get(
        "/start/hanoi?target_link_uri=https://evil.example/&login_hint=001072000136&iss=x"
    )

    assert "evil" not in answer.headers["Location"]
    assert "001072000136" not in answer.headers["Location"]


@pytest.mark.parametrize(
    "client_id",
    ["hue", "nobody", "%00", "%ff", "a" * 3000, "https://evil.example/", "..%2f..", "hue%0d%0aX:1"],
)
def test_a_portal_without_such_a_place_is_not_found(house: House, client_id: str) -> None:
    add_portal(house, "hue")

    answer = house.app.test_client().get(f"/start/{client_id}")

    assert answer.status_code in {404, 308, 400}
    assert "Location" not in answer.headers or answer.headers["Location"].startswith(
        "http://localhost/"
    )


def test_the_owner_opens_a_portal_from_the_account(house: House) -> None:
    portal = add_portal(house, initiate_login_uri=PLACE)
    browser = house.browser()
    browser.registers()
    browser.signs_in_at(portal.request())

    page = browser.get("/account/portals")

    assert 'href="/start/hanoi"' in page.text
    assert "Mở cổng" in page.text
