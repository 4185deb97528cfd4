"""The authorization code grant (RFC 6749, 4.1.3; PKCE, RFC 7636, 4.6).

Everything the code itself tells is checked first; then one statement redeems it. A second use
ends the grant of the first (RFC 9700, 4.13).
"""

from __future__ import annotations

import hmac
import re

import msgspec
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from idp.oidc.errors import InvalidGrantError, InvalidRequestError
from idp.oidc.grants.answer import GrantTools, TokenAnswer, TokenRequest, resources
from idp.oidc.tokens import Code, GrantData, RefreshToken

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def redeem(tools: GrantTools, request: TokenRequest) -> TokenAnswer:
    """Tokens for a code, once."""
    client, form, now = request.client, request.form, request.now
    if "code" not in form:
        raise InvalidRequestError("code is missing")
    code = tools.tokens.read_code(form["code"])
    if code is None or code.client_id != client.client_id or code.exp <= now.timestamp():
        raise InvalidGrantError("the code is not valid")
    _check_binding(code, request)
    data = msgspec.structs.replace(code.data, binding=request.binding)
    resources(request, data)  # before the code is spent
    grant = tools.grant(code, data, now=now)
    token = RefreshToken(grant.id, 0)
    # Tokens are made while the processor is at it, and given only if the code was good.
    made = None if data.asks_id_token else _answer(tools, request, token, data, code)
    if not tools.grants.redeem(grant, now=now):
        owner = tools.grants.revoke(grant.id, "code_reuse", now=now)
        if owner:
            tools.note(owner, client.client_id, "code_reuse")
        raise InvalidGrantError("the code is not valid")
    tools.tell(client, grant.id, data)
    return made or _answer(tools, request, token, data, code)


def _answer(
    tools: GrantTools, request: TokenRequest, token: RefreshToken, data: GrantData, code: Code
) -> TokenAnswer:
    return tools.answer(request, token, data, scope=data.scope, nonce=code.nonce)


def _check_binding(code: Code, request: TokenRequest) -> None:
    """The same redirect_uri, always; the verifier of the challenge, and none without one.

    A code that was asked for with a DPoP key needs that key (RFC 9449, 10).
    """
    form = request.form
    if code.dpop_jkt and code.dpop_jkt != request.binding.jkt:
        raise InvalidGrantError("the code is bound to another key")
    if form.get("redirect_uri") != code.redirect_uri:
        raise InvalidGrantError("redirect_uri is not the one of the request")
    verifier = form.get("code_verifier")
    if code.code_challenge is None:
        if verifier is not None:
            raise InvalidGrantError("code_verifier without a code_challenge")
        return
    if verifier is None or not _VERIFIER.fullmatch(verifier):
        raise InvalidGrantError("code_verifier is missing or malformed")
    challenge: str = create_s256_code_challenge(verifier)
    if not hmac.compare_digest(challenge, code.code_challenge):
        raise InvalidGrantError("code_verifier does not fit")
