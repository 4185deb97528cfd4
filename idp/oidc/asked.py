"""What device and CIBA requests have in common: scope, resource and level, checked."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from idp.domain.clients import Client
from idp.domain.decoupled import Asked
from idp.oidc import dvcqg
from idp.oidc.claims import SCOPES, consent_items
from idp.oidc.errors import InvalidRequestError, InvalidScopeError, InvalidTargetError

_LONGEST = 4096


def read(client: Client, form: Mapping[str, str], *, ip: str) -> Asked:
    """The common part of a request. Raises ``InvalidScopeError``, ``InvalidTargetError``.

    Without a scope it is ``openid`` (RFC 6749, 3.3); scopes that are not the client's are left out.
    """
    if any(len(value) > _LONGEST or "\0" in value for value in form.values()):
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
        acr_values=tuple(form.get("acr_values", "").split()) or client.default_acr_values,
        resource=named,
        ip=ip,
        program=client.client_name,
    )
