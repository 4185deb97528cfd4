"""Where portals of a federation come in: the errors that browsers and programs are told.

A browser is never sent back when trust was not established (section 12.1.3); a program is told the
code of section 8.9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from idp.flows.limits import network
from idp.oidc.calls import NO_STORE, Call, Reply
from idp.oidc.decryption import Decryption
from idp.oidc.errors import NotRedirectable, OAuth2Error, Untrusted
from idp.oidc.federation.configuration import OwnConfiguration
from idp.oidc.federation.errors import Fault, FederationError
from idp.oidc.federation.explicit import ANSWER_TYPE, ExplicitRegistration
from idp.oidc.federation.proofs import Kind
from idp.oidc.federation.registration import FederatedClients
from idp.oidc.federation.resolver import RESOLVE_TYPE, Query, Resolver
from idp.oidc.federation.statements import is_entity_id

REGISTRATION_PATH = "/federation/register"
RESOLVE_PATH = "/federation/resolve"


class TrustError(OAuth2Error):  # type: ignore[misc]  # Authlib is untyped
    """Trust was not established, as a program hears it."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """The federation, as the endpoints use it."""

    clients: FederatedClients
    ourselves: OwnConfiguration
    explicit: ExplicitRegistration
    decryption: Decryption
    resolver: Resolver

    def browser(self, params: Sequence[tuple[str, str]], address: str) -> None:
        """Before an authorization request is read. Raises ``NotRedirectable``."""
        values = dict(params)
        client_id, token = values.get("client_id", ""), values.get("request", "")
        if len(values) != len(params) or not token or not self._may_be_a_portal(client_id):
            return
        token = self.decryption.open(token) or token
        try:
            self.clients.admit(client_id, token, Kind.REQUEST_OBJECT, network(address))
        except FederationError as error:
            is_busy = error.fault is Fault.TEMPORARILY_UNAVAILABLE
            problem = Untrusted.FEDERATION_BUSY if is_busy else Untrusted.CLIENT_UNTRUSTED
            raise NotRedirectable(problem, str(error)) from error

    def _may_be_a_portal(self, client_id: str) -> bool:
        """Whether it is named as members of a federation are: nothing is opened for others."""
        return is_entity_id(client_id, self.clients.discovery.loopback)

    def program(self, call: Call, client_id: str, assertion: str) -> None:
        """Before a client assertion is checked. Raises ``TrustError``."""
        try:
            self.clients.admit(client_id, assertion, Kind.ASSERTION, network(call.address))
        except FederationError as error:
            is_lost = error.fault is Fault.UNREACHABLE_SUBJECT
            fault = Fault.INVALID_CLIENT if is_lost else error.fault
            refusal = TrustError(description=error.detail, status_code=fault.status)
            refusal.error = fault.code
            raise refusal from error

    def register(self, call: Call) -> Reply:
        """Explicit registration (section 12.2)."""
        try:
            answer = self.explicit.register(call.body, call.content_type, network(call.address))
        except FederationError as error:
            body = {"error": error.fault.code, "error_description": error.detail}
            return Reply(error.fault.status, msgspec.json.encode(body))
        return Reply(200, answer.encode(), ANSWER_TYPE, dict(NO_STORE))

    def resolve(self, query: Query, address: str) -> Reply:
        """The resolve endpoint (section 8.3)."""
        try:
            answer = self.resolver.answer(query, network(address))
        except FederationError as error:
            body = {"error": error.fault.code, "error_description": error.detail}
            return Reply(error.fault.status, msgspec.json.encode(body))
        return Reply(200, answer.encode(), RESOLVE_TYPE, dict(NO_STORE))
