"""What device and CIBA requests have in common: scope, resource and level, checked."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from idp.domain.clients import Client
from idp.domain.decoupled import Asked
from idp.oidc import claims_request, dvcqg
from idp.oidc.authorization import is_known, read_acr
from idp.oidc.claims import SCOPES, consent_items
from idp.oidc.errors import InvalidRequestError, InvalidScopeError, InvalidTargetError
from idp.oidc.verified_claims.requests import Unreadable

_LONGEST, _LONGEST_TEXT, _LONG = 4096, 8192, frozenset({"claims", "id_token_hint"})


def read(client: Client, form: Mapping[str, str], *, ip: str) -> Asked:
    """The common part of a request. Raises ``InvalidScopeError``, ``InvalidTargetError``.

    Without a scope it is ``openid`` (RFC 6749, 3.3); scopes that are not the client's are left out.
    """
    if any(
        len(value) > (_LONGEST_TEXT if name in _LONG else _LONGEST) or "\0" in value
        for name, value in form.items()
    ):
        raise InvalidRequestError("a parameter is too long")
    asked = form.get("scope", "openid").split()
    if "openid" not in asked:
        raise InvalidScopeError("scope must contain openid")
    allowed = client.allowed_scope
    scope = tuple(name for name in SCOPES if name in asked and name in allowed)
    named = tuple(dict.fromkeys(form.get("resource", "").split()))
    if not all(each in client.resources and urlsplit(each).scheme for each in named):
        raise InvalidTargetError("resource is not the client's")
    return Asked(
        client_id=client.client_id,
        portal=client.client_name,
        scope=scope,
        items=tuple(sorted(consent_items(scope, dvcqg.standard_claims(client)))),
        acr_values=_acr_values(client, form),
        resource=named,
        ip=ip,
        program=client.client_name,
    )


def _acr_values(client: Client, form: Mapping[str, str]) -> tuple[str, ...]:
    """What the answer must prove: there is no answer below it, whichever way it was asked for.

    Of the ``claims`` parameter ``acr`` counts (Core, 5.5.1.1). Raises ``InvalidRequestError``.
    """
    try:
        claims = claims_request.read(form.get("claims", ""), more=dvcqg.names_for(client))
    except Unreadable as error:
        raise InvalidRequestError(str(error)) from error
    acr_values, is_essential = read_acr(form, claims, client)
    if is_essential and not is_known(acr_values):
        error_code = "unmet_authentication_requirements"
        raise InvalidRequestError("no such level is proven here", error=error_code)
    return acr_values
