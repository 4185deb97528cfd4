"""A portal whose pages get tokens, and what it reads of an answer."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from werkzeug.test import TestResponse

from tests.support.house import House, PortalClient, add_portal

ON = {"implicit_flow": True}
BOTH: dict[str, Any] = {
    "grant_types": ["authorization_code", "implicit", "refresh_token"],
    "response_types": ["code", "id_token", "id_token token"],
}
TOKENS: dict[str, Any] = {"response_type": "id_token token", "scope": "openid"}
ID_TOKEN: dict[str, Any] = {"response_type": "id_token", "scope": "openid"}


def add_implicit(house: House, client_id: str = "browser", **metadata: Any) -> PortalClient:
    """A portal with every grant that the authorization endpoint answers."""
    return add_portal(house, client_id, **{**BOTH, **metadata})


def told(answer: TestResponse) -> dict[str, str]:
    """What the fragment says; nothing may stand in the query (Multiple Response Types, 3)."""
    parts = urlsplit(answer.headers["Location"])
    assert not parts.query, answer.headers["Location"]
    return dict(parse_qsl(parts.fragment, strict_parsing=True))


def asks(client: Any, portal: PortalClient, **changes: str | None) -> dict[str, str]:
    """A request by somebody's browser, and what its fragment says."""
    plain = {"code_challenge": None, "code_challenge_method": None}
    return told(client.get(portal.request(**{**TOKENS, **plain, **changes})))


def userinfo(house: House, token: str) -> TestResponse:
    return house.app.test_client().get("/userinfo", headers={"Authorization": f"Bearer {token}"})
