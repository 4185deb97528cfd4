"""A province's portal: nobody registers it, it comes with signed statements (section 12.1).

It signs its requests and proves itself with its own key; its ``client_id`` is its entity
identifier. At ``/login?push`` it pushes its request instead, proven by an assertion. It believes
the provider no more than the provider believes it: what the provider says about itself counts only
with the anchor's word for its keys.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2 as httpx
from flask import Flask, Response, request
from joserfc import jwt
from joserfc.jwk import ECKey

from idp.sandbox.events import Events
from idp.sandbox.federation.entity import (
    STATEMENT_TYPE,
    WELL_KNOWN,
    Entity,
    Json,
    NotTrusted,
    fetch,
    new_or_kept,
    verified,
)
from idp.sandbox.portal import create_portal
from idp.sandbox.portal_settings import PortalSettings
from idp.sandbox.relying_party import Attempt, RelyingParty, SignInFailed

NAME: Final = "Cổng dịch vụ công tỉnh Hà Giang"
PATH: Final = "/province"
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_PROOF_SECONDS = 60


class FederatedParty(RelyingParty):
    """The portal's side of the protocol, with keys in place of a secret."""

    def __init__(
        self,
        settings: PortalSettings,
        *,
        issuer: str,
        anchor: Entity,
        key: ECKey,
        pushes: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(settings, issuer=issuer)
        self._entity_id, self._anchor, self._key = settings.client_id, anchor, key
        self._pushes = pushes

    def authorization_url(self, attempt: Attempt, extra: Mapping[str, str]) -> str:
        """The address that starts a sign-in: a signed or a pushed request (12.1.1.1, 12.1.1.2)."""
        if self._pushes():
            return self.pushed_url(attempt, extra)
        query = self.authorization_request(attempt, extra)
        plain = {name: query[name] for name in ("client_id", "response_type", "scope")}
        signed = self.signed_request(attempt, extra)
        return self.with_query("authorization_endpoint", {**plain, "request": signed})

    def pushed_url(self, attempt: Attempt, extra: Mapping[str, str]) -> str:
        """The request goes ahead, with proof of who sends it (RFC 9126; section 12.1.1.2)."""
        form = self.authorization_request(attempt, extra)
        pushed = self.ask("pushed_authorization_request_endpoint", form)
        query = {"client_id": self._entity_id, "request_uri": str(pushed.get("request_uri"))}
        return self.with_query("authorization_endpoint", query)

    def signed_request(self, attempt: Attempt, extra: Mapping[str, str]) -> str:
        """The request object (RFC 9101, 2.1)."""
        return self._sign("oauth-authz-req+jwt", self.authorization_request(attempt, extra))

    def _proven(self, form: Mapping[str, str]) -> dict[str, Any]:
        """``private_key_jwt``, for the provider alone (RFC 7523; section 12.1.1.2)."""
        assertion = self._sign("client-authentication+jwt", {"sub": self._entity_id})
        proof = {"client_assertion_type": _ASSERTION, "client_assertion": assertion}
        return {"data": {**form, "client_id": self._entity_id, **proof}}

    def _sign(self, typ: str, claims: Json) -> str:
        now = int(time.time())
        body = {
            **claims, "iss": self._entity_id, "aud": self.issuer,
            "iat": now, "exp": now + _PROOF_SECONDS, "jti": secrets.token_urlsafe(16),
        }  # fmt: skip
        return jwt.encode({"alg": "ES256", "kid": self._key.kid, "typ": typ}, body, self._key)

    def _describe(self) -> Json:
        """What the provider says about itself, where the anchor vouches for the key it signs with.

        The anchor's key is pinned: it was given to us, not fetched.
        """
        try:
            keys = self._keys_of_provider()
            own = verified(fetch(self._http, f"{self.issuer}{WELL_KNOWN}"), keys)
            found: Json = own["metadata"]["openid_provider"]
        except (NotTrusted, KeyError, TypeError) as error:
            raise SignInFailed("provider_not_trusted", str(error)) from error
        return found

    def _keys_of_provider(self) -> Json:
        """The keys that the anchor vouches for. Raises ``NotTrusted``, ``KeyError``."""
        head = verified(fetch(self._http, f"{self._anchor.id}{WELL_KNOWN}"), self._anchor.jwks)
        endpoint = head["metadata"]["federation_entity"]["federation_fetch_endpoint"]
        about = verified(fetch(self._http, endpoint, sub=self.issuer), self._anchor.jwks)
        if (about.get("iss"), about.get("sub")) != (self._anchor.id, self.issuer):
            raise NotTrusted("the anchor speaks about somebody else")
        keys: Json = about["jwks"]
        return keys


@dataclass(frozen=True, slots=True)
class Above:
    """Whom the portal relies on; ``mark`` is the address at which its trust mark is issued."""

    anchor: Entity
    ministry: str
    mark: str


def create_province(
    base: str, *, issuer: str, above: Above, events: Events, folder: Path | None
) -> Flask:
    """The portal's application at ``base``."""
    key = new_or_kept(folder, "province-protocol")
    settings = PortalSettings(base, "", NAME, 0, "purple", at=base)
    party = FederatedParty(
        settings,
        issuer=issuer,
        anchor=above.anchor,
        key=key,
        pushes=lambda: "push" in request.args,
    )
    http = httpx.Client(timeout=5, trust_env=False)
    entity = Entity(
        base,
        NAME,
        new_or_kept(folder, "province"),
        (above.ministry,),
        {"openid_relying_party": _metadata(base, key)},
        lambda: {"trust_marks": _marks(http, above.mark)},
    )
    app = create_portal(settings, party=party, events=events)

    @app.get(WELL_KNOWN)
    def configuration() -> Response:
        return Response(entity.configuration(), content_type=STATEMENT_TYPE)

    return app


def _metadata(base: str, key: ECKey) -> Json:
    """It asks for mailboxes and for RS256: the ministry's policy takes both away."""
    return {
        "client_name": NAME,
        "client_registration_types": ["automatic"],
        "redirect_uris": [f"{base}/callback"],
        "post_logout_redirect_uris": [f"{base}/"],
        "initiate_login_uri": f"{base}/login",
        "backchannel_logout_uri": f"{base}/backchannel-logout",
        "backchannel_logout_session_required": True,
        "response_types": ["code"],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "private_key_jwt",
        "scope": "openid profile phone email identity",
        "contacts": ["cong@hagiang.example.vn"],
        "jwks": {"keys": [key.as_dict(private=False)]},
    }


def _marks(http: httpx.Client, address: str) -> list[Json]:
    """The mark as its issuer gives it now; none where it gives none."""
    try:
        answer = http.get(address)
    except httpx.HTTPError:
        return []
    if answer.status_code != httpx.codes.OK:
        return []
    kind = answer.request.url.params["trust_mark_type"]
    return [{"trust_mark_type": kind, "trust_mark": answer.text}]
