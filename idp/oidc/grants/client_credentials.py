"""The client credentials grant (RFC 6749, 4.4): no person, no statement."""

from __future__ import annotations

from idp.oidc.errors import InvalidScopeError, InvalidTargetError
from idp.oidc.grants.answer import GrantTools, TokenAnswer, TokenRequest

_OF_PERSONS = frozenset({"openid", "offline_access"})


def issue(tools: GrantTools, request: TokenRequest) -> TokenAnswer:
    """A token for the client itself; claims of persons are not in its reach."""
    client = request.client
    wanted = set(request.form.get("scope", "").split())
    if not wanted <= client.scope - _OF_PERSONS:
        raise InvalidScopeError("the scope is not the client's")
    if not set(request.resource) <= set(client.resources):
        raise InvalidTargetError("the resource is not the client's")
    scope = " ".join(sorted(wanted))
    token = tools.tokens.client_token(
        client,
        scope,
        int(request.now.timestamp()),
        resource=request.resource,
        binding=request.binding,
    )
    answer = {
        "access_token": token,
        "token_type": request.binding.token_type,
        "expires_in": tools.settings.access_token_ttl,
    }
    return {**answer, "scope": scope} if scope else answer  # no scope is an empty text (3.3)
