"""Giving a token back (RFC 7009): whichever token of a grant it is, the grant ends with it.

With it ends the session of a kiosk or a back office, which was opened for that grant alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from idp.domain.clients import Client
from idp.oidc.errors import InvalidGrantError, InvalidRequestError, UnsupportedTokenTypeError
from idp.oidc.grants.answer import GrantTools
from idp.oidc.tokens import Tokens, data_from_text, grant_of


def revoke(tools: GrantTools, client: Client, form: Mapping[str, str], *, now: datetime) -> None:
    """End the grant of the client's own token; one that is over or nobody's is fine too (2.2).

    Raises ``InvalidRequestError``, ``UnsupportedTokenTypeError``, and ``InvalidGrantError`` for a
    token of another client, which stays good (2.1).
    """
    if "token" not in form:
        raise InvalidRequestError("token is missing")
    grant_id = _grant_of(tools.tokens, form["token"], now=now)
    if grant_id is None:
        return
    alive = tools.grants.alive(grant_id, now=now)
    if alive is None:
        return
    if alive.client_id != client.client_id:
        raise InvalidGrantError("the token is another client's")
    is_alone = data_from_text(alive.request_json).owns_session
    end = tools.grants.revoke_with_session if is_alone else tools.grants.revoke
    owner = end(grant_id, "revoked", now=now)
    if owner:
        tools.note(owner, client.client_id, "revoked")


def _grant_of(tokens: Tokens, token: str, *, now: datetime) -> UUID | None:
    refresh = tokens.read_refresh_token(token)
    if refresh is not None:
        return refresh.grant_id
    claims = tokens.read_access_token(token, now=int(now.timestamp()))
    if claims is None:
        return None
    grant_id = grant_of(claims)
    if grant_id is None:
        raise UnsupportedTokenTypeError("a token of the client itself only expires")
    return grant_id
