"""What leaves the house about a person: in userinfo, and in an ID token that was asked for more.

The person agreed to every name that is asked for (``idp.oidc.claims.consent_items``) before the
grant was made; a withdrawn approval ends the grant. So this only looks up and filters.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from idp.domain.clients import Client, Profile
from idp.oidc import claims, dvcqg
from idp.oidc.verified_claims import answers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from idp.domain.assurance import Attestation
    from idp.oidc.claims_request import Asked
    from idp.oidc.tokens import GrantData
    from idp.storage.grants import Subject


@dataclass(frozen=True, slots=True)
class Release:
    """The claims of answers; the keys make what one portal may know and another may not.

    ``attestations`` tells what each method's proofs of identity are.
    """

    techid_key: bytes
    process_key: bytes
    attestations: Mapping[str, Attestation]

    def userinfo(
        self, client: Client, found: Subject, data: GrantData, scope: Iterable[str], now: datetime
    ) -> dict[str, Any]:
        """Claims of the scope and of the ``userinfo`` member (OpenID Connect Core, 5.3, 5.5)."""
        wanted = claims.asked(tuple(scope), data.userinfo_claims)
        answer = self._answer(client, found, wanted, data.wishes.userinfo, now)
        if client.profile is Profile.DVCQG:
            answer |= dvcqg.claims(found, dvcqg.Seen(self.techid_key, data.ial))
        return answer

    def id_token(
        self, client: Client, found: Subject, data: GrantData, now: datetime
    ) -> dict[str, Any]:
        """Claims of the ``id_token`` member only (OpenID Connect Core, 5.4, 5.5)."""
        wanted = claims.asked((), data.id_token_claims)
        answer = self._answer(client, found, wanted, data.wishes.id_token, now)
        if client.profile is Profile.DVCQG:
            every = dvcqg.claims(found, dvcqg.Seen(self.techid_key, data.ial))
            answer |= {n: value for n, value in every.items() if n in data.id_token_claims}
        return answer

    def _answer(
        self,
        client: Client,
        found: Subject,
        wanted: frozenset[str],
        asked: Asked,
        now: datetime,
    ) -> dict[str, Any]:
        if asked.is_empty:
            return claims.of_subject(found, wanted)
        tags = {name: name.partition("#")[0] for name in asked.tagged}
        known = claims.of_subject(found, wanted | frozenset(tags.values()))
        every = {name: value for name, value in known.items() if name in wanted}
        every |= {name: known[base] for name, base in tags.items() if base in known}
        answer = {name: value for name, value in every.items() if asked.allows(name, value)}
        if asked.verified:
            about = answers.Answering(
                found, client.sector, self.process_key, self.attestations, now
            )
            verified = answers.of(asked.verified, about)
            answer |= {"verified_claims": verified} if verified else {}
        return answer
