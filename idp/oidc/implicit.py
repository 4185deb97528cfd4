"""The implicit flow: tokens instead of a code (OpenID Connect Core, 3.2), where it is turned on.

The request was read and decided like any other. What a code would have said becomes a grant at
once, by the same statement that redeems codes: so session, account, consent, revocation and logout
have the same hold on these tokens. There is no refresh token (RFC 6749, 4.2.2).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from idp.domain.clients import Client, ResponseType
from idp.oidc.authorization import AuthorizationError, AuthorizationRequest, check_registered
from idp.oidc.decision import Ready
from idp.oidc.errors import OAuth2Error
from idp.oidc.grants.answer import GrantTools, TokenRequest
from idp.oidc.response_types import offered
from idp.oidc.tokens import Code


def check(tools: GrantTools, client: Client, asked: AuthorizationRequest) -> None:
    """Whether tokens may leave, and can: setting and registration may have changed meanwhile.

    Raises ``AuthorizationError``.
    """
    if asked.response_type not in offered(tools.settings):
        detail = "it is not supported any more"
        raise AuthorizationError("unsupported_response_type", detail, asked.target)
    check_registered(asked.response_type, client, asked.target)
    try:
        tools.encryption.check(client)
    except OAuth2Error as error:
        raise _travelling(error, asked) from error


def _travelling(error: OAuth2Error, asked: AuthorizationRequest) -> AuthorizationError:
    return AuthorizationError(error.error, str(error.description), asked.target)


def answer(
    tools: GrantTools, client: Client, asked: AuthorizationRequest, ready: Ready, *, now: datetime
) -> dict[str, str]:
    """The parameters of the answer (Core, 3.2.2.5). Raises ``AuthorizationError``."""
    check(tools, client, asked)
    contents = tools.tokens.contents(client, asked, ready, now=now)
    grant = tools.grant(contents, contents.data, now=now)
    if not tools.grants.redeem(grant, now=now):
        raise AuthorizationError("access_denied", "the session has ended", asked.target)
    try:
        return _tokens(tools, TokenRequest(client, {}, now), contents, asked.response_type)
    except OAuth2Error as error:  # the client's key is gone since, or none that encrypts
        raise _travelling(error, asked) from error


def _tokens(
    tools: GrantTools, request: TokenRequest, contents: Code, kind: ResponseType
) -> dict[str, str]:
    grant_id, data = UUID(hex=contents.id), contents.data
    found: dict[str, Any] = {}
    if kind is ResponseType.ID_TOKEN_TOKEN:
        found = tools.access(request, grant_id, data, scope=data.scope)
    token = found.get("access_token")
    found["id_token"] = tools.id_token(
        request, grant_id, data, access_token=token, nonce=contents.nonce
    )
    tools.tell(request.client, grant_id, data)
    return {name: str(value) for name, value in found.items()}
