"""Explicit registration: a portal hands its own statement over and gets ours back (section 12.2).

The answer says what was registered, by which anchor, and until when. There is no secret: a portal
of a federation proves itself with its keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from idp.oidc.federation import jws
from idp.oidc.federation.configuration import OwnConfiguration
from idp.oidc.federation.errors import Fault, FederationError, broken
from idp.oidc.federation.registration import FederatedClients
from idp.oidc.federation.resolving import Resolved
from idp.oidc.federation.statements import CONTENT_TYPE, Statement, is_entity_id, read
from idp.storage.federation import EXPLICIT as SOURCE

EXPLICIT: Final = "explicit"
CHAIN_TYPE: Final = "application/trust-chain+json"
ANSWER_TYP: Final = "explicit-registration-response+jwt"
ANSWER_TYPE: Final = f"application/{ANSWER_TYP}"


@dataclass(frozen=True, slots=True)
class ExplicitRegistration:
    """The federation registration endpoint."""

    clients: FederatedClients
    ourselves: OwnConfiguration

    def register(self, body: bytes, content_type: str, network: str) -> str:
        """Register a portal; answers the signed response. Raises ``FederationError``."""
        now = int(self.clients.discovery.clock().timestamp())
        given = read(_first(body, content_type), now=now, aud=self.clients.issuer)
        if not given.is_configuration or not is_entity_id(
            given.sub, self.clients.discovery.loopback
        ):
            raise broken("this is no entity configuration")
        given.verify(given.keys)  # before anything is fetched for it
        found = self.clients.resolving.once(network, lambda: self._resolve(given))
        self.clients.save(found, SOURCE)
        return self._answer(found, given, now)

    def _resolve(self, given: Statement) -> Resolved:
        chain = self.clients.discovery.find(given.sub, given=given)
        return self.clients.resolve(chain, kind=EXPLICIT)

    def _answer(self, found: Resolved, given: Statement, now: int) -> str:
        """Section 12.2.3."""
        told = {name: value for name, value in found.metadata.items() if name != "voucher"}
        return self.ourselves.sign(
            ANSWER_TYP,
            {
                "iss": self.clients.issuer,
                "sub": given.sub,
                "aud": given.sub,
                "iat": now,
                "exp": int(found.until.timestamp()),
                "jwks": given.claims["jwks"],
                "trust_anchor": found.chain.anchor.entity_id,
                "authority_hints": [found.chain.superior],
                "metadata": {"openid_relying_party": told},
            },
        )


def _first(body: bytes, content_type: str) -> str:
    """The portal's statement: the whole body, or the first of a chain (12.2.2)."""
    kind = content_type.partition(";")[0].strip().lower()
    if len(body) > jws.LONGEST or kind not in {CONTENT_TYPE, CHAIN_TYPE}:
        raise FederationError(
            Fault.INVALID_REQUEST, "the body must be an entity statement or a trust chain"
        )
    try:
        if kind == CONTENT_TYPE:
            return body.decode("ascii").strip()
        return msgspec.json.decode(body, type=list[str])[0]
    except (UnicodeDecodeError, msgspec.DecodeError, IndexError):
        raise FederationError(Fault.INVALID_REQUEST, "the body cannot be read") from None
