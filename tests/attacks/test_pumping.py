"""Messages that somebody makes us send without end (SMS pumping; OWASP ASVS 5.0, 2.4.1)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.journeys.test_account import signed_in
from tests.support.house import Browser, House

EXPORTS = ["/account/data.json", "/account/history.csv"]


def allows(house: House, changes: int) -> None:
    limits = house.app.extensions["idp.house"].account.limits
    settings = replace(limits.settings.limits, changes_per_hour=changes)
    object.__setattr__(limits, "settings", replace(limits.settings, limits=settings))


def turns(browser: Browser, to: str) -> int:
    browser.get("/account/protection")
    page = browser.post({"name": "language", "to": to}, "/account/protection/switch")
    return page.status_code


def test_changes_of_an_account_and_their_messages_have_an_end(house: House) -> None:
    allows(house, 3)
    browser = signed_in(house)
    told = [turns(browser, to) for to in ("en", "vi", "en")]
    house.forget_messages()

    refused = turns(browser, "vi")

    assert (told, refused) == ([200] * 3, 429)
    assert house.messages() == []


def test_stopping_others_has_no_end(house: House) -> None:
    allows(house, 1)
    browser = signed_in(house)
    for to in ("en", "vi"):
        turns(browser, to)
    browser.get("/account/freeze")

    page = browser.post({"do": "confirm"})

    assert page.status_code == 200
    assert browser.get("/account").request.path.startswith("/login")


@pytest.mark.parametrize("path", EXPORTS)
def test_exports_have_an_end(house: House, path: str) -> None:
    allows(house, 2)
    browser = signed_in(house)

    statuses = [browser.client.get(path).status_code for _ in range(3)]

    assert statuses == [200, 200, 429]


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "same-origin, cross-site"])
@pytest.mark.parametrize("path", EXPORTS)
def test_no_other_site_makes_an_export(house: House, path: str, site: str) -> None:
    browser = signed_in(house)
    house.forget_messages()

    page = browser.client.get(path, headers={"Sec-Fetch-Site": site})

    assert page.status_code == 403
    assert house.messages() == []
