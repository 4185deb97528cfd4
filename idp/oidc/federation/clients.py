"""What a chain says about a portal, as client metadata that we register (section 5.1.2).

A portal of a federation has no secret (section 12.1) and may use the code flow, or the implicit
one where that is on; what only our operators decide (``profile``, ``require_pkce``, ``resources``)
is not taken from it. It proves its key for every request, so PKCE is asked of it only where
``[federation] require_pkce`` says so.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from idp.domain.clients import AuthMethod, GrantType, Metadata, Voucher
from idp.domain.errors import PortUnavailable
from idp.oidc import client_metadata
from idp.oidc.claims import SCOPES
from idp.oidc.client_addresses import Loopback
from idp.oidc.client_metadata import InvalidMetadata
from idp.oidc.federation import jws
from idp.oidc.federation.chains import Chain
from idp.oidc.federation.errors import Fault, FederationError, broken
from idp.oidc.federation.statements import SKEW_SECONDS, is_entity_id
from idp.oidc.response_types import CODE_ONLY, Offered
from idp.ports import WebClient

RELYING_PARTY: Final = "openid_relying_party"
AUTOMATIC: Final = "automatic"
_NOT_THEIRS: Final = frozenset(
    {"client_secret", "client_secret_sha256", "profile", "require_pkce", "resources"}
)
_PROOFS: Final = (AuthMethod.PRIVATE_KEY_JWT, AuthMethod.SELF_SIGNED_TLS)
_GRANTS: Final = (GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN)
_KEY_SET_TYP: Final = "jwk-set+jwt"
_KEY_SET_TYPE: Final = "application/jwk-set+jwt"
_OK = 200


def metadata_of(  # noqa: PLR0913  keywords
    chain: Chain,
    web: WebClient,
    loopback: Loopback,
    *,
    now: int,
    kind: str = AUTOMATIC,
    among: Offered = CODE_ONLY,
) -> Metadata:
    """Checked metadata of the chain's subject. Raises ``FederationError``."""
    stated = chain.metadata.get(RELYING_PARTY)
    if stated is None:
        raise FederationError(Fault.INVALID_METADATA, "the entity is no relying party")
    kinds = stated.get("client_registration_types", [kind])
    if not isinstance(kinds, list) or kind not in kinds:
        raise FederationError(Fault.INVALID_METADATA, f"the entity does not register {kind}")
    found = {name: value for name, value in stated.items() if name not in _NOT_THEIRS}
    found |= _proof(found)
    found |= {
        "client_id": chain.subject.sub,
        "grant_types": _grants(found, among),
        "scope": found.get("scope", " ".join(SCOPES)),
    }
    keys = _keys(chain, found, web, loopback, now=now)
    for name in ("jwks", "jwks_uri", "signed_jwks_uri"):
        found.pop(name, None)
    try:
        checked = client_metadata.check({**found, **keys}, loopback, among)
    except InvalidMetadata as error:
        raise FederationError(Fault.INVALID_METADATA, error.detail) from error
    _check_sector(checked, web)
    # Not names that a client may register: how it came in, what it must prove, who vouches.
    return {**checked, "client_registration_types": [kind], "voucher": _voucher(chain)}


def _voucher(chain: Chain) -> Metadata:
    found = Voucher(
        superior=chain.superior,
        superior_name=chain.superior_name,
        anchor=chain.anchor.entity_id,
        anchor_name=chain.anchor_name,
    )
    return msgspec.structs.asdict(found)


def _proof(found: Metadata) -> Metadata:
    """How it proves itself: by a key, never by a secret (12.1, 12.1.4)."""
    offered = found.pop("token_endpoint_auth_methods_supported", None)
    method = found.get("token_endpoint_auth_method")
    if method is None and isinstance(offered, list):
        method = next(
            (each for each in _PROOFS if each in offered), offered[0] if offered else None
        )
    method = method or AuthMethod.PRIVATE_KEY_JWT.value
    if method not in _PROOFS:
        raise FederationError(
            Fault.INVALID_METADATA, "token_endpoint_auth_method must prove possession of a key"
        )
    return {"token_endpoint_auth_method": str(AuthMethod(method).value)}


def _grants(found: Metadata, among: Offered) -> list[str]:
    """Those of the portal's that we have: what brings it tokens must be among them."""
    asked = found.get("grant_types", [GrantType.AUTHORIZATION_CODE.value])
    if not isinstance(asked, list):
        raise FederationError(Fault.INVALID_METADATA, "grant_types has the wrong type")
    is_implicit = any(each.is_implicit for each in among) and GrantType.IMPLICIT.value in asked
    ours = (*_GRANTS, GrantType.IMPLICIT) if is_implicit else _GRANTS
    kept = [grant.value for grant in ours if grant.value in asked]
    if GrantType.AUTHORIZATION_CODE.value not in kept and not is_implicit:
        raise FederationError(Fault.INVALID_METADATA, "grant_types needs authorization_code")
    return kept


def _keys(
    chain: Chain, found: Metadata, web: WebClient, loopback: Loopback, *, now: int
) -> Metadata:
    """One representation (5.2.1.1): keys that stand in the chain before keys to be fetched."""
    if found.get("jwks") is not None:
        return {"jwks": found["jwks"]}
    if found.get("signed_jwks_uri") is not None:
        keys = _signed_keys(chain, found["signed_jwks_uri"], web, loopback, now=now)
        return {"jwks": {"keys": keys}}
    if found.get("jwks_uri") is not None:
        return {"jwks_uri": found["jwks_uri"]}
    raise FederationError(Fault.INVALID_METADATA, "the relying party has no keys")


def _signed_keys(
    chain: Chain, url: object, web: WebClient, loopback: Loopback, *, now: int
) -> list[Any]:
    """Keys behind ``signed_jwks_uri``, signed by a federation key (section 5.2.1)."""
    if not isinstance(url, str) or not is_entity_id(url.partition("?")[0], loopback):
        raise FederationError(Fault.INVALID_METADATA, "signed_jwks_uri must be https")
    answer = _get(web, url, _KEY_SET_TYPE)
    if answer is None:
        raise broken("signed_jwks_uri gives no signed keys")
    signed = jws.read(answer.decode("ascii", "replace").strip(), _KEY_SET_TYP)
    jws.verify(signed, chain.subject_keys)
    if signed.text("iss") != chain.subject.sub or signed.text("sub") != chain.subject.sub:
        raise broken("signed_jwks_uri gives keys of somebody else")
    if "exp" in signed.claims and signed.moment("exp") <= now - SKEW_SECONDS:
        raise broken("the keys of signed_jwks_uri have expired")
    keys = signed.claims.get("keys")
    if not isinstance(keys, list):
        raise broken("signed_jwks_uri gives no keys")
    return keys


def _check_sector(found: Metadata, web: WebClient) -> None:
    """A sector counts when its own host lists the portal (OpenID Connect Core, 8.1)."""
    url = found.get("sector_identifier_uri")
    if not url:
        return
    body = _get(web, url, "application/json")
    try:
        listed = jws.strict_json(b'{"uris":' + (body or b"[]") + b"}")["uris"]
    except ValueError:
        listed = []
    if not isinstance(listed, list) or not set(found["redirect_uris"]) <= set(map(str, listed)):
        raise FederationError(
            Fault.INVALID_METADATA, "sector_identifier_uri does not list every redirect_uri"
        )


def _get(web: WebClient, url: str, content_type: str) -> bytes | None:
    try:
        answer = web.get(url, accept=content_type)
    except PortUnavailable:
        raise FederationError(
            Fault.TEMPORARILY_UNAVAILABLE, "an address of the relying party does not answer"
        ) from None
    is_right = answer.status == _OK and answer.content_type == content_type
    return answer.body if is_right else None
