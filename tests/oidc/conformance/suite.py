"""What the OpenID Foundation's suite does: registers itself, sends a browser, reads every answer.

Only HTTP is used: nothing here looks into the provider.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from werkzeug.test import TestResponse

from tests.support.house import PASSWORD, PERSON, Browser, House, PortalClient, answer_of
from tests.support.portal_kit import Documents, posted_fields


@dataclass
class Suite:
    """The suite's own server (``documents``), and how many clients it made."""

    house: House
    documents: Documents
    made: int = field(default=0)

    def registers(self, **changes: Any) -> TestResponse:
        """A dynamic registration (OpenID Connect Registration, 3.1), from a network of its own."""
        self.made += 1
        metadata = {
            "client_name": f"Bộ kiểm thử {self.made}",
            "redirect_uris": [f"https://rp{self.made}.example.vn/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "scope": "openid profile email phone address offline_access",
            **changes,
        }
        return self.house.app.test_client().post(
            "/connect/register",
            data=json.dumps({name: each for name, each in metadata.items() if each is not None}),
            content_type="application/json",
            headers={"X-Forwarded-For": f"203.0.{self.made}.1"},
        )

    def client(self, **changes: Any) -> PortalClient:
        answer = self.registers(**changes)
        assert answer.status_code == 201, answer.text
        found = answer.get_json()
        return PortalClient(
            self.house,
            found["client_id"],
            found.get("client_secret", ""),
            found["redirect_uris"][0],
        )

    def browser(self) -> Browser:
        """One without cookies."""
        return self.house.browser()

    def signs_in(self, browser: Browser, request: str) -> TestResponse:
        """Visits, proves who it is where that is asked for, agrees where that is asked for."""
        page = browser.visit(request)
        if page.status_code == 200 and browser.path.startswith("/login/"):
            self.house.clock.forward(seconds=61)  # a phone gets one code a minute
            browser.send({"username": PERSON["username"], "password": PASSWORD})
            page = browser.send({"code": self.house.last_code()})
        if page.status_code == 200 and browser.path.startswith("/consent/"):
            page = browser.send({"do": "confirm"})
        return page

    def code(self, browser: Browser, rp: PortalClient, **changes: str | None) -> str:
        page = self.signs_in(browser, rp.request(**{"scope": "openid", **changes}))
        return answer_of(page)["code"] if page.status_code == 303 else posted_fields(page)["code"]

    def tokens(self, browser: Browser, rp: PortalClient, **changes: str | None) -> dict[str, Any]:
        answer = rp.redeems(self.code(browser, rp, **changes))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.get_json()
        return found

    def userinfo(self, token: str, method: str = "GET", **how: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {token}"}
        return self.house.app.test_client().open("/userinfo", method=method, headers=headers, **how)
