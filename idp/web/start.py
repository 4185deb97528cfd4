"""``/start/<client_id>``: to a portal, which then begins a sign-in (OpenID Connect Core, 4)."""

from __future__ import annotations

from flask import Flask, Response, abort

from idp.oidc import initiation
from idp.web.journey import again, house

_LONGEST_ID = 2000


def init_app(app: Flask) -> None:
    """Answer it."""
    app.add_url_rule("/start/<path:client_id>", "start", _start)


def _start(client_id: str) -> Response:
    """Only to an address that the portal registered: nothing of the request is followed."""
    client = house().clients.find(client_id) if len(client_id) <= _LONGEST_ID else None
    target = initiation.address(client, house().config.server.issuer) if client else None
    return again(target) if target else abort(404)


def path_of(client_id: str) -> str | None:
    """The link that a page shows, for a portal that can be started from here."""
    client = house().clients.find(client_id)
    return f"/start/{client_id}" if client and client.initiate_login_uri else None
