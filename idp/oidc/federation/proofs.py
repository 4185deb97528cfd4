"""What a portal must show before we believe that it asked (sections 12.1.1.1, 12.1.1.2).

A request object or a client assertion: for us alone, by the portal, with ``jti`` and ``exp``. The
ordinary way checks it again and uses ``jti`` up; here it is checked so that nobody is registered,
and nothing much is fetched, for a request that cannot be the portal's.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Final

from idp.domain.clients import Client, SigningAlg
from idp.oidc.client_keys import ClientKeys, read_header, type_of
from idp.oidc.federation import jws
from idp.oidc.federation.errors import Fault, FederationError
from idp.oidc.federation.statements import SKEW_SECONDS
from idp.oidc.keys import unb64

_TYPES: Final = frozenset({"jwt", "oauth-authz-req+jwt", "client-authentication+jwt"})
_LONGEST_JTI = 512


class Kind(enum.Enum):
    """What was shown."""

    REQUEST_OBJECT = "request object"
    ASSERTION = "client assertion"


def fault_of(
    kind: Kind, claims: Mapping[str, Any], client_id: str, issuer: str, *, now: int
) -> str | None:
    """What is wrong with the claims of a proof, as a sentence; None if nothing."""
    is_request = kind is Kind.REQUEST_OBJECT
    jti, exp = claims.get("jti"), claims.get("exp")
    is_time = isinstance(exp, int | float) and not isinstance(exp, bool)
    rules = (
        (claims.get("aud") in (issuer, [issuer]), "aud must be our issuer alone"),
        (claims.get("iss") == client_id, "iss must be the client"),
        # Without sub, a request object is no client assertion (12.1.1.1).
        (not (is_request and "sub" in claims), "sub must not be present"),
        (is_request or claims.get("sub") == client_id, "sub must be the client"),
        (not is_request or claims.get("client_id") == client_id, "client_id must be the client"),
        (isinstance(jti, str) and 0 < len(jti) <= _LONGEST_JTI, "jti is missing"),
        (is_time and claims["exp"] > now - SKEW_SECONDS, "exp is missing or over"),
    )
    return next((detail for holds, detail in rules if not holds), None)


def check_form(token: str, kind: Kind, client_id: str, issuer: str, *, now: int) -> jws.Json:
    """The header of a proof that may hold: before a single fetch. Raises ``FederationError``."""
    header = read_header(token)
    try:
        claims = jws.strict_json(unb64(token.split(".")[1])) if header else {}
    except (ValueError, IndexError):
        claims = {}
    if header is None or header.get("alg") not in set(SigningAlg):
        raise FederationError(Fault.INVALID_REQUEST, f"the {kind.value} is not signed")
    if type_of(header) not in _TYPES:
        raise FederationError(Fault.INVALID_REQUEST, f"the {kind.value} has another typ")
    fault = fault_of(kind, claims, client_id, issuer, now=now)
    if fault:
        raise FederationError(Fault.INVALID_REQUEST, f"{kind.value}: {fault}")
    return header


def check_signature(keys: ClientKeys, client: Client, token: str, kind: Kind) -> None:
    """Whether the portal's own key signed it (12.1.1.1.2). Raises ``FederationError``."""
    wanted = (
        client.request_object_signing_alg
        if kind is Kind.REQUEST_OBJECT
        else client.token_endpoint_auth_signing_alg
    )
    algorithms = frozenset({wanted}) if wanted else frozenset(SigningAlg)
    if keys.verify(client, token, algorithms) is None:
        raise FederationError(Fault.INVALID_CLIENT, f"the {kind.value} is not the portal's")
