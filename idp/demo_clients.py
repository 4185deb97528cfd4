"""The kiosk and the desks of the demo: clients of their own beside a portal.

A kiosk is a public client of the device flow (RFC 8628, 5.6). A desk asks by CIBA: the one of Hà
Nội polls, the one of the ministry is pinged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from idp.domain.clients import GrantType

_BESIDE: dict[str, dict[str, dict[str, Any]]] = {
    "demo-hanoi": {
        "kiosk": {"client_id": "demo-hanoi-kiosk", "name": "Ki-ốt Một cửa Hà Nội"},
        "desk": {
            "client_id": "demo-hanoi-desk",
            "name": "Văn phòng Một cửa Hà Nội",
            "is_pushed": False,
        },
    },
    "demo-boyte": {
        "desk": {"client_id": "demo-boyte-desk", "name": "Tổng đài Bộ Y tế", "is_pushed": True},
    },
}


def beside(client_id: str, secret: Callable[[str], str]) -> dict[str, Any]:
    """What stands beside a portal, for the sandbox's list; a desk has a secret."""
    found = dict(_BESIDE.get(client_id, {}))
    if "desk" in found:
        found["desk"] = {**found["desk"], "client_secret": secret(found["desk"]["client_id"])}
    return found


def outposts(portal: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Their metadata (RFC 7591); the sector is the portal's, so they know people by its ``sub``."""
    shared = {
        "redirect_uris": [],
        "response_types": [],
        "sector_identifier_uri": portal["sector"],
        "id_token_signed_response_alg": "ES256",
    }
    if kiosk := portal.get("kiosk"):
        yield {
            **shared,
            "client_id": kiosk["client_id"],
            "client_name": kiosk["name"],
            "token_endpoint_auth_method": "none",
            "grant_types": [GrantType.DEVICE_CODE.value],
            "scope": "openid profile",
        }
    if desk := portal.get("desk"):
        yield {**shared, **_desk(desk, f"http://localhost:{portal['port']}")}


def _desk(desk: dict[str, Any], origin: str) -> dict[str, Any]:
    """``identity`` is what lets it name people by their numbers."""
    pinged = {"backchannel_client_notification_endpoint": f"{origin}/desk/ping"}
    return {
        "client_id": desk["client_id"],
        "client_secret": desk["client_secret"],
        "client_name": desk["name"],
        "grant_types": [GrantType.CIBA.value],
        "scope": "openid profile identity",
        "backchannel_token_delivery_mode": "ping" if desk["is_pushed"] else "poll",
        **(pinged if desk["is_pushed"] else {}),
    }


def pages(portals: Sequence[dict[str, Any]]) -> Iterator[tuple[str, int, str]]:
    """What, on which port, at which path: for the table of addresses."""
    for portal in portals:
        for path in ("kiosk", "desk"):
            if path in portal:
                yield portal[path]["name"], portal["port"], f"/{path}"
