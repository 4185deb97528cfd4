"""The refresh token grant (RFC 6749, 6): every use gives the next token; reuse ends the family."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from idp.domain.clients import Client
from idp.oidc.errors import InvalidGrantError, InvalidRequestError, InvalidScopeError
from idp.oidc.grants.answer import GrantTools, TokenAnswer
from idp.oidc.tokens import RefreshToken, data_from_text


def refresh(
    tools: GrantTools, client: Client, form: Mapping[str, str], *, now: datetime
) -> TokenAnswer:
    """New tokens for an old sign-in; ``auth_time``, ``acr`` and ``amr`` stay what they were."""
    if "refresh_token" not in form:
        raise InvalidRequestError("refresh_token is missing")
    token = tools.tokens.read_refresh_token(form["refresh_token"])
    if token is None:
        raise InvalidGrantError("the refresh token is not valid")
    rotated = tools.grants.rotate(
        token.grant_id, client.client_id, token.counter, now=now, retry=tools.retry()
    )
    if rotated is None:
        owner = tools.grants.revoke_reused(token.grant_id, client.client_id, token.counter, now=now)
        if owner:
            tools.note(owner, client.client_id, "refresh_reuse")
        raise InvalidGrantError("the refresh token is not valid")
    data = data_from_text(rotated.request_json)
    scope = _scope(form.get("scope"), data.scope)
    following = RefreshToken(token.grant_id, rotated.counter)
    return tools.answer(client, following, data, scope=scope, now=now)


def _scope(asked: str | None, granted: tuple[str, ...]) -> tuple[str, ...]:
    """The access token may have less than what was granted, never more."""
    if asked is None:
        return granted
    wanted = set(asked.split())
    if not wanted or not wanted <= set(granted):
        raise InvalidScopeError("the scope is more than what was granted")
    return tuple(name for name in granted if name in wanted)
