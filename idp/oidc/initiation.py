"""A sign-in that starts at our place (OpenID Connect Core, 4): we send the person to the portal.

The portal's own page then makes an ordinary request, so nothing that is said here is believed by
anybody: only who we are (``iss``) travels, and no hint of who the person is.
"""

from __future__ import annotations

from urllib.parse import quote

from idp.domain.clients import Client


def address(client: Client, issuer: str) -> str | None:
    """Where the portal starts a sign-in; None for one that registered no such place."""
    if not client.initiate_login_uri:
        return None
    sign = "&" if "?" in client.initiate_login_uri else "?"
    return f"{client.initiate_login_uri}{sign}iss={quote(issuer, safe='')}"
