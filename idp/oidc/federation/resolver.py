"""The resolve endpoint: what a federation says about an entity, for who cannot look itself (8.3).

The same search, checks and budgets as for a portal that comes to us. It speaks for our pinned
anchors only, answers with the whole chain, and with those trust marks that hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from idp.oidc.federation import marks
from idp.oidc.federation.chains import Chain
from idp.oidc.federation.configuration import OwnConfiguration
from idp.oidc.federation.discovery import Discovery
from idp.oidc.federation.errors import Fault, FederationError
from idp.oidc.federation.resolving import Resolving
from idp.oidc.federation.statements import is_entity_id

RESOLVE_TYP: Final = "resolve-response+jwt"
RESOLVE_TYPE: Final = f"application/{RESOLVE_TYP}"
_MOST = 20
Query = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Resolver:
    """Answers resolve requests."""

    ourselves: OwnConfiguration
    discovery: Discovery
    resolving: Resolving

    def answer(self, query: Query, network: str) -> str:
        """The signed answer (section 8.3.2). Raises ``FederationError``."""
        subject = self._subject(query)
        around = self._around(query)
        claims = self.resolving.once(network, lambda: self._claims(subject, around, query))
        return self.ourselves.sign(RESOLVE_TYP, claims)

    def _subject(self, query: Query) -> str:
        named = _all(query, "sub")
        if len(named) != 1 or not named[0] or len(query) > _MOST:
            raise FederationError(Fault.INVALID_REQUEST, "sub is needed, once")
        if not is_entity_id(named[0], self.discovery.loopback):
            raise FederationError(Fault.INVALID_SUBJECT, "sub is no entity identifier")
        return named[0]

    def _around(self, query: Query) -> Discovery:
        """A search that ends at the anchors that were asked for."""
        asked = _all(query, "trust_anchor")
        if not any(asked):
            raise FederationError(Fault.INVALID_REQUEST, "trust_anchor is needed")
        known = {name: each for name, each in self.discovery.anchors.items() if name in asked}
        if not known:
            raise FederationError(Fault.INVALID_TRUST_ANCHOR, "we do not know this trust anchor")
        return replace(self.discovery, anchors=known)

    def _claims(self, subject: str, around: Discovery, query: Query) -> dict[str, Any]:
        now = int(around.clock().timestamp())
        chain = around.find_named(subject)
        found, until = marks.standing(chain, around.judge, now=now)
        wanted = _all(query, "entity_type")
        metadata = {
            kind: each for kind, each in chain.metadata.items() if not wanted or kind in wanted
        }
        claims = {
            "iss": self.ourselves.about.issuer,
            "sub": subject,
            "iat": now,
            "exp": until,
            "metadata": metadata,
            "trust_chain": _tokens(chain),
        }
        return {**claims, "trust_marks": found} if found else claims


def _tokens(chain: Chain) -> list[str]:
    row = [each.unverified.token for each in chain.statements]
    return [*row, chain.configuration.unverified.token] if chain.configuration else row


def _all(query: Query, name: str) -> list[str]:
    return [value for each, value in query if each == name]
