"""The kiosk and the desks of the demo: clients of their own beside a portal.

A kiosk is a public client of the device flow (RFC 8628, 5.6). A desk asks by CIBA: the one of Hà
Nội has a secret and polls, the one of the ministry signs (``private_key_jwt``) and is pinged.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from joserfc.jwk import ECKey

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


def beside(client_id: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """What stands beside a portal, for the sandbox's list.

    A desk has a secret or a key, made once: ``known`` is what was written before.
    """
    found = dict(_BESIDE.get(client_id, {}))
    if "desk" in found:
        found["desk"] = {**found["desk"], **_proof(found["desk"], known.get("desk", {}))}
    return found


def _proof(desk: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """How a desk proves itself: the one that is pinged signs."""
    if not desk["is_pushed"]:
        return {"client_secret": known.get("client_secret") or os.urandom(24).hex()}
    return {"private_key": known.get("private_key") or _new_key()}


def _new_key() -> dict[str, Any]:
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
    return dict(key.as_dict(private=True))


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
    shared = {
        "client_id": desk["client_id"],
        "client_name": desk["name"],
        "grant_types": [GrantType.CIBA.value],
        "scope": "openid profile identity",
    }
    if not desk["is_pushed"]:
        poll = {"backchannel_token_delivery_mode": "poll"}
        return {**shared, **poll, "client_secret": desk["client_secret"]}
    public = ECKey.import_key(desk["private_key"]).as_dict(private=False)
    return {
        **shared,
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "jwks": {"keys": [public]},
        "backchannel_token_delivery_mode": "ping",
        "backchannel_client_notification_endpoint": f"{origin}/desk/ping",
    }


def pages(portals: Sequence[dict[str, Any]]) -> Iterator[tuple[str, int, str]]:
    """What, on which port, at which path: for the table of addresses."""
    for portal in portals:
        for path in ("kiosk", "desk"):
            if path in portal:
                yield portal[path]["name"], portal["port"], f"/{path}"
