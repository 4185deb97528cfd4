"""The refresh token grant (RFC 6749, 6): every use gives the next token; reuse ends the family.

A FAPI 2.0 client keeps its refresh token, which is bound to what it authenticates with, so that a
lost answer costs nobody a sign-in (FAPI 2.0 Security Profile, 5.3.2.1).
"""

from __future__ import annotations

import msgspec

from idp.domain.clients import Profile
from idp.oidc.errors import InvalidGrantError, InvalidRequestError, InvalidScopeError
from idp.oidc.grants.answer import GrantTools, TokenAnswer, TokenRequest, resources
from idp.oidc.tokens import RefreshToken, data_from_text
from idp.storage.grants import Rotated


def refresh(tools: GrantTools, request: TokenRequest) -> TokenAnswer:
    """New tokens for an old sign-in; ``auth_time``, ``acr`` and ``amr`` stay what they were."""
    client, form, now = request.client, request.form, request.now
    if "refresh_token" not in form:
        raise InvalidRequestError("refresh_token is missing")
    token = tools.tokens.read_refresh_token(form["refresh_token"])
    if token is None:
        raise InvalidGrantError("the refresh token is not valid")
    _check_first(tools, request, token)
    rotated = _use(tools, request, token)
    if rotated is None:
        owner = tools.grants.revoke_reused(token.grant_id, client.client_id, token.counter, now=now)
        if owner:
            tools.note(owner, client.client_id, "refresh_reuse")
        raise InvalidGrantError("the refresh token is not valid")
    data = data_from_text(rotated.request_json)
    scope = _scope(form.get("scope"), data.scope)
    following = RefreshToken(token.grant_id, rotated.counter)
    data = msgspec.structs.replace(data, binding=request.binding)
    return tools.answer(request, following, data, scope=scope)


def _check_first(tools: GrantTools, request: TokenRequest, token: RefreshToken) -> None:
    """What can be wrong with the request is told before the turn is used up.

    A public client has nothing but the key that its refresh token is bound to (RFC 9449, 5; RFC
    8705, 4); without it, a stolen token must not even end the turn of its owner. What an ordinary
    client asks costs no look-up.
    """
    client, form = request.client, request.form
    if not client.is_public and "scope" not in form and not request.resource:
        return
    alive = tools.grants.alive(token.grant_id, now=request.now)
    if alive is None or alive.client_id != client.client_id:
        return
    data = data_from_text(alive.request_json)
    if client.is_public and data.binding != request.binding:
        raise InvalidGrantError("the refresh token is bound to another key")
    _scope(form.get("scope"), data.scope)
    resources(request, data)


def _use(tools: GrantTools, request: TokenRequest, token: RefreshToken) -> Rotated | None:
    client_id, now = request.client.client_id, request.now
    if request.client.profile is Profile.FAPI2:
        return tools.grants.keep(token.grant_id, client_id, token.counter, now=now)
    return tools.grants.rotate(
        token.grant_id, client_id, token.counter, now=now, retry=tools.retry()
    )


def _scope(asked: str | None, granted: tuple[str, ...]) -> tuple[str, ...]:
    """The access token may have less than what was granted, never more."""
    if asked is None:
        return granted
    wanted = set(asked.split())
    if not wanted or not wanted <= set(granted):
        raise InvalidScopeError("the scope is more than what was granted")
    return tuple(name for name in granted if name in wanted)
