"""Automatic registration: a portal's first proven request is its registration (section 12.1).

    unknown or out of date --(proof of the right form)--> chain --(policy, our rules)--> client
                                                                --(its signature)--> registered

A registration lives as long as its chain, and is resolved anew when it is older than ``refresh``;
what a superior withdrew ends then (section 12.3). Clients that came in another way are never
touched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from idp.domain.clients import Client
from idp.oidc import client_metadata
from idp.oidc.client_keys import ClientKeys
from idp.oidc.federation import chains, marks, proofs
from idp.oidc.federation.chains import Chain
from idp.oidc.federation.clients import AUTOMATIC, metadata_of
from idp.oidc.federation.discovery import Discovery
from idp.oidc.federation.errors import Fault, FederationError
from idp.oidc.federation.proofs import Kind
from idp.oidc.federation.resolving import Resolved, Resolving
from idp.oidc.federation.statements import is_entity_id
from idp.oidc.response_types import CODE_ONLY, Offered
from idp.storage import federation
from idp.storage.federation import FederationStore, Standing

_log = structlog.get_logger(__name__)
Note = Callable[[Resolved, str], None]
"""Writes a registration into the audit."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What we ask of every portal of a federation."""

    required_trust_marks: tuple[str, ...] = ()
    require_pkce: bool = False
    among: Offered = CODE_ONLY
    refresh: timedelta = timedelta(hours=1)
    longest: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class FederatedClients:
    """Lets portals in."""

    issuer: str
    discovery: Discovery
    resolving: Resolving
    store: FederationStore
    keys: ClientKeys
    terms: Terms
    find_client: Callable[[str], Client | None]
    note: Note

    def find(self, client_id: str) -> Client | None:
        """A registered client, as ``ClientStore.find``: asks nobody outside."""
        return self.find_client(client_id)

    def admit(self, client_id: str, token: str, kind: Kind, network: str) -> None:
        """Register or renew the portal that proves itself with ``token``.

        Nothing happens for clients that are known and fresh, or none of ours. Raises
        ``FederationError`` when a federation does not vouch for it.
        """
        if not is_entity_id(client_id, self.discovery.loopback):
            return
        now, standing = self._now(), self.store.standing(client_id)
        if standing and not self._wants(standing, now):
            return
        seconds = int(now.timestamp())
        header = proofs.check_form(token, kind, client_id, self.issuer, now=seconds)
        try:
            found = self._resolve(client_id, header.get("trust_chain"), network)
            proofs.check_signature(self.keys, found.client, token, kind)
        except FederationError as error:
            if not self._is_over(client_id, standing, error, now):
                return
            raise
        self._save(found, federation.AUTOMATIC, now)

    def resolve(
        self,
        chain: Chain,
        *,
        kind: str = AUTOMATIC,
    ) -> Resolved:
        """Client metadata of a chain, with the marks we demand. Raises ``FederationError``."""
        now = self._now()
        seconds = int(now.timestamp())
        wanted = self.terms.required_trust_marks
        until = marks.check_required(chain, wanted, self.discovery.judge, now=seconds)
        found = metadata_of(
            chain,
            self.discovery.web,
            self.discovery.loopback,
            now=seconds,
            kind=kind,
            among=self.terms.among,
        )
        found["require_pkce"] = self.terms.require_pkce
        client = client_metadata.build(found, None)
        end = min(datetime.fromtimestamp(min(until, _LATEST), UTC), now + self.terms.longest)
        return Resolved(chain, found, client, end)

    def save(self, found: Resolved, source: str) -> None:
        """Register. Raises ``FederationError`` where the id is not free."""
        self._save(found, source, self._now())

    # --- steps ----------------------------------------------------------------------------------

    def _now(self) -> datetime:
        return self.discovery.clock()

    def _wants(self, standing: Standing, now: datetime) -> bool:
        """Whether a chain should be looked for: never for clients of our operators."""
        if not standing.is_federated or standing.is_disabled:
            return False
        is_fresh = (
            standing.source == federation.EXPLICIT or now - standing.updated_at < self.terms.refresh
        )
        return not (standing.is_valid(now) and is_fresh)

    def _resolve(self, client_id: str, given: object, network: str) -> Resolved:
        if given is not None:
            handed = self._from_header(client_id, given, network)
            if handed:
                return handed
        return self.resolving.resolve(
            client_id, network, lambda: self.resolve(self.discovery.find_named(client_id))
        )

    def _from_header(self, client_id: str, given: object, network: str) -> Resolved | None:
        """A chain that came along (12.1.1.1.1); a bad one is passed over, and we look ourselves."""
        seconds = int(self._now().timestamp())
        anchors = self.discovery.anchors
        try:
            chain = chains.from_tokens(given, client_id, anchors, now=seconds)
        except FederationError as error:
            _log.info("federation.chain_passed_over", client_id=client_id, reason=error.detail)
            return None
        return self.resolving.once(network, lambda: self.resolve(chain))

    def _is_over(
        self, client_id: str, standing: Standing | None, error: FederationError, now: datetime
    ) -> bool:
        """Whether a registration that stood until now does not any more."""
        _log.warning(
            "federation.refused",
            client_id=client_id, error=error.fault.code, reason=error.detail,
        )  # fmt: skip
        if standing is None or not standing.is_valid(now):
            return True
        if error.fault is Fault.INVALID_CLIENT:
            return False  # somebody else's signature: the ordinary way refuses it
        if error.is_transient:
            return False  # the chain has not ended yet (10.5)
        self.store.end(client_id, now=now)
        return True

    def _save(self, found: Resolved, source: str, now: datetime) -> None:
        if not self.store.save(found.metadata, source, until=found.until, now=now):
            raise FederationError(Fault.INVALID_CLIENT, "the client id is not free")
        _log.info(
            "federation.registered",
            client_id=found.client.client_id, anchor=found.chain.anchor.entity_id,
            superior=found.chain.superior, until=found.until.isoformat(),
        )  # fmt: skip
        self.note(found, source)


_LATEST = 253402300799
"""The last second that a datetime can be."""
