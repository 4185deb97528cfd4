"""Device code and CIBA grants (RFC 8628, 3.4 and 3.5; CIBA Core, 10 and 11): polled until decided.

One statement counts a poll and judges whether it came too soon. Another one redeems an approved
request: its grant has its id, so that of fifty polls at once one gets the tokens; it looks at that
moment whether the session is alive and the account active.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import msgspec

from idp.domain.decoupled import Kind, Status
from idp.oidc.errors import (
    AuthorizationPendingError,
    DeniedError,
    ExpiredTokenError,
    InvalidGrantError,
    InvalidRequestError,
    SlowDownError,
    TransactionFailedError,
)
from idp.oidc.grants.answer import GrantTools, TokenAnswer, TokenRequest, resources
from idp.oidc.tokens import RefreshToken, data_to_text
from idp.storage.decoupled import DecoupledStore, Polled
from idp.storage.grants import NewGrant


@dataclass(frozen=True, slots=True)
class DecoupledGrant:
    """One of the two; ``parameter`` is what its requests are named by."""

    store: DecoupledStore
    kind: Kind
    parameter: str

    def __call__(self, tools: GrantTools, request: TokenRequest) -> TokenAnswer:
        """Tokens for an approved request, once."""
        name = request.form.get(self.parameter)
        if name is None:
            raise InvalidRequestError(f"{self.parameter} is missing")
        client_id, now = request.client.client_id, request.now
        polled = self.store.poll(self.kind, name, client_id, now=now)
        if polled is None:
            raise InvalidGrantError(f"the {self.parameter} is not valid")
        _check(polled, request)
        return _redeem(tools, request, polled)


def _check(polled: Polled, request: TokenRequest) -> None:
    """Raises the error that tells how the request stands, unless it is approved."""
    match polled.status:
        case Status.DENIED:
            raise DeniedError("the person refused", status_code=400)
        case Status.FAILED:
            raise TransactionFailedError("the person could not be asked")
        case _ if polled.expires_at <= request.now:
            raise ExpiredTokenError("the request was not answered in time")
        case Status.PENDING if polled.is_early:
            raise SlowDownError("polled too soon; wait five seconds more each time")
        case Status.PENDING:
            raise AuthorizationPendingError("nobody has answered yet")
        case Status.APPROVED:
            pass


def _redeem(tools: GrantTools, request: TokenRequest, polled: Polled) -> TokenAnswer:
    client, now = request.client, request.now
    if polled.proved is None or polled.account_id is None or polled.session_id is None:
        raise InvalidGrantError("the request is not valid")
    data = tools.tokens.decoupled_data(
        client, polled.asked, polled.proved, polled.session_id, polled.account_id
    )
    data = msgspec.structs.replace(data, binding=request.binding)
    resources(request, data)  # before the request is spent
    is_offline = polled.asked.is_offline
    ttl = tools.settings.offline_refresh_ttl if is_offline else tools.settings.refresh_ttl
    grant = NewGrant(
        id=polled.id,
        client_id=client.client_id,
        session_id=polled.session_id,
        request_json=data_to_text(data),
        is_offline=is_offline,
        expires_at=now + timedelta(seconds=ttl),
    )
    if not tools.grants.redeem(grant, now=now):
        # Redeemed before, or ended by its owner since; other polls of the same moment end here.
        raise InvalidGrantError("the request was used, or its session has ended")
    tools.tell(client, grant.id, data)
    return tools.answer(request, RefreshToken(grant.id, 0), data, scope=data.scope)
