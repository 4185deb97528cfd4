"""Whether a trust mark still stands: asked of who issued it (section 8.4).

A signature tells what was said once; an issuer that has a status endpoint is asked what it says
now. One that does not answer is a fault that passes: it takes no registration away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from joserfc.jwk import KeySet

from idp.domain.errors import PortUnavailable
from idp.oidc.calls import FORM_TYPE
from idp.oidc.client_addresses import Loopback
from idp.oidc.federation import jws
from idp.oidc.federation.errors import Fault, FederationError, broken
from idp.oidc.federation.statements import SKEW_SECONDS, is_entity_id
from idp.ports import WebClient

STATUS_TYP: Final = "trust-mark-status-response+jwt"
_TYPE: Final = f"application/{STATUS_TYP}"
_ACTIVE, _OK, _UNKNOWN = "active", 200, 404
_FRESH_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who issued a mark: keys that somebody vouched for, and what it says about itself."""

    id: str
    keys: KeySet
    about: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MarkStatus:
    """Asks issuers."""

    web: WebClient
    loopback: Loopback

    def check(self, issuer: Issuer, token: str, *, now: int) -> None:
        """Nothing where the mark stands or nobody can be asked. Raises ``FederationError``."""
        endpoint = issuer.about.get("federation_trust_mark_status_endpoint")
        if endpoint is None:
            return
        if not isinstance(endpoint, str) or not self._may_ask(endpoint):
            raise broken("the status endpoint of a trust mark is no address")
        said = jws.read(self._ask(endpoint, token), STATUS_TYP)
        jws.verify(said, issuer.keys)
        if said.text("iss") != issuer.id or said.claims.get("trust_mark") != token:
            raise broken("the status is of another trust mark")
        if not now - _FRESH_SECONDS <= said.moment("iat") <= now + SKEW_SECONDS:
            raise broken("the status of a trust mark is not of now")
        if said.claims.get("status") != _ACTIVE:
            raise broken("a trust mark is not active any more")

    def _ask(self, endpoint: str, token: str) -> str:
        body, headers = urlencode({"trust_mark": token}).encode(), {"Content-Type": FORM_TYPE}
        try:
            answer = self.web.post(endpoint, body, headers=headers, most=jws.LONGEST)
        except PortUnavailable:
            raise FederationError(
                Fault.TEMPORARILY_UNAVAILABLE, "an issuer of trust marks does not answer"
            ) from None
        if answer.status == _UNKNOWN:
            raise broken("a trust mark is unknown to its issuer")
        if answer.status != _OK or answer.content_type != _TYPE:
            raise FederationError(
                Fault.TEMPORARILY_UNAVAILABLE, "an issuer of trust marks answers with no status"
            )
        try:
            return answer.body.decode("ascii").strip()
        except UnicodeDecodeError:
            raise broken("this is no JWT") from None

    def _may_ask(self, endpoint: str) -> bool:
        """An endpoint may have a query (section 5.1.1), an identifier may not."""
        try:
            plain = urlsplit(endpoint)._replace(query="").geturl()
        except ValueError:
            return False
        return "#" not in endpoint and is_entity_id(plain, self.loopback)
