"""The client credentials grant (RFC 6749, 4.4): no person, no statement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from idp.domain.clients import Client
from idp.oidc.errors import InvalidScopeError
from idp.oidc.grants.answer import GrantTools, TokenAnswer

_OF_PERSONS = frozenset({"openid", "offline_access"})


def issue(
    tools: GrantTools, client: Client, form: Mapping[str, str], *, now: datetime
) -> TokenAnswer:
    """A token for the client itself; claims of persons are not in its reach."""
    wanted = set(form.get("scope", "").split())
    if not wanted <= client.scope - _OF_PERSONS:
        raise InvalidScopeError("the scope is not the client's")
    scope = " ".join(sorted(wanted))
    return {
        "access_token": tools.tokens.client_token(client, scope, int(now.timestamp())),
        "token_type": "Bearer",
        "expires_in": tools.settings.access_token_ttl,
        "scope": scope,
    }
