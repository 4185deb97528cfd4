"""A portal written the way those at the national SSO are today (national-sso.md C.1, C.2).

No PKCE, no nonce, ``state`` is base64 of the address to return to, the secret is in the form,
userinfo is posted with an empty JSON body, and TechID is the key of a local account.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from werkzeug.test import TestResponse

from tests.support.house import Browser, House, add_portal

RETURN_TO = "https://thanhhoa.example.vn/dich-vu?q=khai sinh&ma=1.000894>>"


@dataclass
class OldPortal:
    house: House
    client_id: str
    secret: str
    redirect_uri: str

    @property
    def state(self) -> str:
        return b64encode(RETURN_TO.encode()).decode()

    def login_url(self, **more: str) -> str:
        """Glued together from text, as they do it."""
        url = (
            f"/oauth2/authorize?response_type=code&client_id={self.client_id}"
            f"&redirect_uri={quote(self.redirect_uri, safe='')}&scope=openid"
            f"&acr_values=LoA1&state={quote(self.state, safe='')}"
        )
        return url + "".join(f"&{name}={quote(value, safe='')}" for name, value in more.items())

    def token(self, code: str, **changes: str) -> TestResponse:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "client_id": self.client_id,
            "client_secret": self.secret,
            **changes,
        }
        return self.house.app.test_client().post("/oauth2/token", data=form)

    def userinfo(self, access_token: str) -> dict[str, Any]:
        """Posted, with a content type and no body."""
        answer = self.house.app.test_client().post(
            "/oauth2/userinfo",
            data=b"",
            headers={
                "Authorization": f"Bearer {access_token}",
                "Content-Type": "application/json",
            },
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.get_json()
        return found

    def signs_in(self, browser: Browser, **more: str) -> dict[str, Any]:
        page = browser.signs_in_at(self.login_url(**more))
        return self.comes_back(page)

    def comes_back(self, page: TestResponse) -> dict[str, Any]:
        query = parse_qs(urlsplit(page.headers["Location"]).query)
        assert query["state"] == [self.state]
        tokens: dict[str, Any] = self.token(query["code"][0]).get_json()
        return tokens

    def own_token(self, scope: str = "techid.lookup") -> TestResponse:
        form = {
            "grant_type": "client_credentials",
            "scope": scope,
            "client_id": self.client_id,
            "client_secret": self.secret,
        }
        return self.house.app.test_client().post("/oauth2/token", data=form)


def add_old_portal(house: House, client_id: str = "thanhhoa", **metadata: Any) -> OldPortal:
    about = {
        "profile": "dvcqg",
        "require_pkce": False,
        "token_endpoint_auth_method": "client_secret_post",
        "grant_types": ["authorization_code", "client_credentials"],
        "scope": "openid email techid.lookup",
        **metadata,
    }
    portal = add_portal(house, client_id, **about)
    return OldPortal(house, portal.client_id, portal.secret, portal.redirect_uri)
