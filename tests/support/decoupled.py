"""A device at a counter and a back office, as tests drive them."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from werkzeug.test import TestResponse

from idp.domain.clients import GrantType
from idp.flows.decoupled import DecoupledFlow
from tests.support.house import Browser, House, PortalClient, add_portal

DEVICE, CIBA = GrantType.DEVICE_CODE.value, GrantType.CIBA.value


def flow_of(house: House) -> DecoupledFlow:
    found: DecoupledFlow = house.app.extensions["idp.house"].decoupled
    return found


def works(house: House, seconds: float = 3) -> None:
    """What a worker does meanwhile."""
    house.clock.forward(seconds=seconds)
    flow_of(house).phones.follow(now=house.clock())


@dataclass
class Kiosk:
    """A device that shows codes."""

    house: House
    portal: PortalClient
    device_code: str = ""
    user_code: str = ""

    def begins(self, **form: str) -> TestResponse:
        answer = self.portal.house.app.test_client().post(
            "/device_authorization",
            data={"scope": "openid profile", **form},
            auth=(self.portal.client_id, self.portal.secret),
        )
        found = answer.get_json()
        if answer.status_code == 200:
            self.device_code, self.user_code = found["device_code"], found["user_code"]
        return answer

    def polls(self, **form: str) -> TestResponse:
        return self.portal.token(**{"grant_type": DEVICE, "device_code": self.device_code, **form})

    def waits_and_polls(self, seconds: float = 5) -> TestResponse:
        self.house.clock.forward(seconds=seconds)
        return self.polls()


def add_kiosk(house: House, client_id: str = "kiosk", **metadata: Any) -> Kiosk:
    found = {"grant_types": [DEVICE, "refresh_token"], **metadata}
    return Kiosk(house, add_portal(house, client_id, **found))


def enters(browser: Browser, code: str) -> TestResponse:
    """A signed-in person types the code of a device."""
    browser.get("/device")
    return browser.post({"user_code": code})


def confirms(browser: Browser, code: str) -> TestResponse:
    enters(browser, code)
    return browser.post({"do": "confirm"})


@dataclass
class Office:
    """A back office that asks people by CIBA."""

    house: House
    portal: PortalClient
    auth_req_id: str = ""
    code: str = ""

    def asks(self, **form: str | None) -> TestResponse:
        wanted: dict[str, str | None] = {
            "scope": "openid",
            "login_hint": "001072000136",
            "binding_message": "Ho so 12345",
            **form,
        }
        answer = self.house.app.test_client().post(
            "/bc-authorize",
            data={name: value for name, value in wanted.items() if value is not None},
            auth=(self.portal.client_id, self.portal.secret),
        )
        found = answer.get_json()
        if answer.status_code == 200:
            self.auth_req_id, self.code = found["auth_req_id"], found["verification_code"]
        return answer

    def polls(self, **form: str) -> TestResponse:
        return self.portal.token(**{"grant_type": CIBA, "auth_req_id": self.auth_req_id, **form})

    def waits_and_polls(self, seconds: float = 5) -> TestResponse:
        self.house.clock.forward(seconds=seconds)
        return self.polls()


def add_office(house: House, client_id: str = "office", **metadata: Any) -> Office:
    found = {
        "grant_types": [CIBA, "authorization_code", "refresh_token"],
        "backchannel_token_delivery_mode": "poll",
        **metadata,
    }
    return Office(house, add_portal(house, client_id, **found))


def at_once(count: int, work: Any) -> list[TestResponse]:
    """The same thing, ``count`` times in parallel."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: work(), range(count)))


def opens_approval(browser: Browser) -> TestResponse:
    """The newest request in the list of a signed-in person."""
    page = browser.get("/account/approvals")
    found = re.search(r'href="(/account/approvals/[0-9a-f]{32})"', page.text)
    assert found, page.text
    return browser.get(found[1])
