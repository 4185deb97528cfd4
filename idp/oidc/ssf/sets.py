"""Security event tokens (RFC 8417), as SSF 1.0 section 4 wants them.

``jti`` is the event's place in the queue, so an event that is sent again is known again. There is
no ``sub`` and no ``exp``. Whom it is about is named by ``iss_sub`` with the sub that this portal
knows, never by an e-mail address; ``txn`` differs from portal to portal for the same reason.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from idp.domain.clients import Client, Profile
from idp.domain.signals import ABOUT_STREAMS, SignalType
from idp.oidc import claims
from idp.oidc.keys import b64
from idp.oidc.tokens import Tokens
from idp.storage.known_facts import KnownFacts
from idp.storage.models import milliseconds
from idp.storage.signals import Waiting
from idp.storage.streams import Stream, StreamStore

TYPE: Final = "secevent+jwt"
_UNTIMED: Final = frozenset(
    {
        SignalType.ACCOUNT_DISABLED,
        SignalType.ACCOUNT_ENABLED,
        SignalType.ACCOUNT_PURGED,
        SignalType.IDENTIFIER_CHANGED,
        SignalType.RECOVERY_ACTIVATED,
        SignalType.RECOVERY_INFORMATION_CHANGED,
        *ABOUT_STREAMS,
    }
)
"""Event types that do not know ``event_timestamp``."""


@dataclass(frozen=True, slots=True)
class SetMaker:
    """Makes tokens of waiting events.

    ``credential_types`` say what the credentials of each method are to CAEP (3.3.1).
    """

    tokens: Tokens
    facts: KnownFacts
    txn_key: bytes
    credential_types: Mapping[str, str]

    def sub(self, client: Client, waiting: Waiting) -> str:
        """Whom an event is about, as this client knows them."""
        return self.tokens.subject(client, waiting.account_id) if waiting.account_id else ""

    def make(self, stream: Stream, client: Client, waiting: Waiting) -> str | None:
        """The token; None when nothing is left that the portal may hear."""
        subject, event = self._subject(stream, client, waiting), dict(waiting.details)
        if waiting.type is SignalType.CREDENTIAL_CHANGE:
            named = event["credential_type"]
            event["credential_type"] = self.credential_types.get(named, named)
        if waiting.type not in _UNTIMED:
            event["event_timestamp"] = int(waiting.at.timestamp())
        if waiting.claims and waiting.account_id is not None:
            values = self._values(client, waiting.account_id, waiting.claims)
            if waiting.type is SignalType.IDENTIFIER_CHANGED:
                former = self.facts.former(waiting.account_id, "contact_phone", at=waiting.at)
                if not former or "phone_number" not in values:
                    return None
                subject = {"format": "phone_number", "phone_number": former}
                event["new-value"] = values["phone_number"]
            elif not values:
                return None
            else:
                event["claims"] = values
        token = {
            "iss": self.tokens.issuer,
            "aud": client.client_id,
            "jti": waiting.id.hex,
            "iat": int(waiting.at.timestamp()),
            "txn": self._txn(client, waiting),
            "sub_id": subject,
            "events": {waiting.type: event},
        }
        return self.tokens.keys.sign(_alg(client), TYPE, token)

    def _subject(self, stream: Stream, client: Client, waiting: Waiting) -> dict[str, Any]:
        """SSF, section 3; RFC 9493."""
        if waiting.account_id is None:
            return {"format": "opaque", "id": stream.id.hex}
        sub = self.sub(client, waiting)
        user = {"format": "iss_sub", "iss": self.tokens.issuer, "sub": sub}
        if not waiting.sid:
            return user
        session = {"format": "opaque", "id": waiting.sid}
        return {"format": "complex", "session": session, "user": user}

    def _values(self, client: Client, account_id: UUID, names: tuple[str, ...]) -> dict[str, Any]:
        """New values of claims, of those that the person lets this portal have."""
        known = self.facts.of(account_id, client.client_id)
        if known is None:
            return {}
        allowed = {name for name in names if claims.explained_by(name) in known.consented}
        return claims.of_subject(known.subject, frozenset(allowed))

    def _txn(self, client: Client, waiting: Waiting) -> str:
        """The same for events of one cause (SSF, 4.1.9), and of no use to compare portals."""
        owner = waiting.account_id.hex if waiting.account_id else waiting.id.hex
        cause = f"{client.client_id}|{owner}|{milliseconds(waiting.at)}"
        return b64(hmac.digest(self.txn_key, cause.encode(), "sha256")[:16])


def _alg(client: Client) -> str:
    """RS256 as the CAEP Interoperability Profile demands (2.6); FAPI 2.0 forbids that."""
    return client.id_token_signed_response_alg if client.profile is Profile.FAPI2 else "RS256"


def made_of(
    sets: SetMaker, streams: StreamStore, stream: Stream, client: Client, waiting: list[Waiting]
) -> dict[UUID, str]:
    """The tokens of these events, without those about people that the receiver removed."""
    subs = {each.id: sets.sub(client, each) for each in waiting}
    removed = streams.removed(stream.id, sorted({sub for sub in subs.values() if sub}))
    tokens = {
        each.id: sets.make(stream, client, each) for each in waiting if subs[each.id] not in removed
    }
    return {found: token for found, token in tokens.items() if token is not None}
