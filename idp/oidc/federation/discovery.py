"""Finding a chain: from a portal's own words up to a pinned anchor (sections 9, 10.1).

A stranger's address starts it, so everything is bounded: fetches, time, depth, breadth, sizes; no
entity is asked twice, no loop is followed, and only the guarded ``WebClient`` goes out.
The shortest chain that holds is taken (section 10.3).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from idp.domain.errors import PortUnavailable
from idp.oidc.client_addresses import Loopback
from idp.oidc.federation import chains, jws
from idp.oidc.federation.anchors import Anchors
from idp.oidc.federation.chains import Chain
from idp.oidc.federation.errors import Fault, FederationError, broken
from idp.oidc.federation.mark_status import MarkStatus
from idp.oidc.federation.marks import Judge
from idp.oidc.federation.statements import (
    CONTENT_TYPE,
    Statement,
    configuration_url,
    is_entity_id,
    read,
)
from idp.ports import Clock, WebClient

_OK = 200


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a search may go; ``length`` counts statements, the anchor's own as well."""

    fetches: int = 20
    seconds: float = 6.0
    length: int = 6
    breadth: int = 4


@dataclass(frozen=True, slots=True)
class Discovery:
    """Looks for chains."""

    web: WebClient
    anchors: Anchors
    clock: Clock
    loopback: Loopback
    bounds: Bounds = field(default_factory=Bounds)
    timer: Callable[[], float] = time.monotonic

    @property
    def judge(self) -> Judge:
        """What trust marks are judged with."""
        return Judge(self.find, MarkStatus(self.web, self.loopback))

    def find(self, entity_id: str, *, given: Statement | None = None) -> Chain:
        """The shortest chain that holds; ``given`` is what the entity handed over about itself.

        Raises ``FederationError``.
        """
        return _Search(self).run(entity_id, given)

    def find_named(self, entity_id: str) -> Chain:
        """The same for whomever a stranger named: that it does not answer is said of it, not of us.

        Raises ``FederationError``.
        """
        search = _Search(self)
        try:
            return search.run(entity_id, None)
        except FederationError as error:
            if error.is_transient and search.known.get(entity_id) is error:
                raise FederationError(Fault.UNREACHABLE_SUBJECT, error.detail) from error
            raise


@dataclass(slots=True)
class _Search:
    """One search, with what is left of its budget and what it has read."""

    around: Discovery
    fetches: int = 0
    deadline: float = 0.0
    known: dict[str, Statement | FederationError] = field(default_factory=dict)
    problem: FederationError | None = None

    def run(self, entity_id: str, given: Statement | None) -> Chain:
        self.deadline = self.around.timer() + self.around.bounds.seconds
        subject = given or self._configuration(entity_id)
        paths: deque[tuple[Statement, ...]] = deque([(subject,)])
        while paths:
            path = paths.popleft()
            for superior in self._superiors(path):
                try:
                    longer = self._climb(path, superior)
                    if superior in self.around.anchors:
                        return self._finish(longer, superior)
                    paths.append(longer)
                except FederationError as error:
                    self._note(error)
        raise self.problem or FederationError(
            Fault.INVALID_TRUST_ANCHOR, "no superior leads to a pinned anchor"
        )

    def _superiors(self, path: tuple[Statement, ...]) -> list[str]:
        """Whom to ask next: anchors first, never somebody twice on one path."""
        top = path[0] if len(path) == 1 else self.known[path[-1].iss]
        if isinstance(top, FederationError) or len(path) + 1 >= self.around.bounds.length:
            return []
        seen = {statement.sub for statement in path} | {path[-1].iss}
        hints = [hint for hint in dict.fromkeys(top.authority_hints) if hint not in seen]
        hints.sort(key=lambda hint: hint not in self.around.anchors)
        return hints[: self.around.bounds.breadth]

    def _climb(self, path: tuple[Statement, ...], superior: str) -> tuple[Statement, ...]:
        """The path with what the superior says about its end."""
        below = path[-1].iss
        about = self._configuration(superior)
        entity = about.metadata.get("federation_entity", {})
        endpoint = entity.get("federation_fetch_endpoint")
        if not isinstance(endpoint, str) or not self._may_ask(endpoint):
            raise broken("a superior has no fetch endpoint")
        query = urlencode({"sub": below})
        statement = self._statement(f"{endpoint}{'&' if '?' in endpoint else '?'}{query}")
        if statement.iss != superior or statement.sub != below:
            raise broken("a superior answered about somebody else")
        return (*path, statement)

    def _finish(self, path: tuple[Statement, ...], anchor: str) -> Chain:
        now = int(self.around.clock().timestamp())
        return chains.build((*path, self._configuration(anchor)), self.around.anchors, now=now)

    def _configuration(self, entity_id: str) -> Statement:
        """What an entity says about itself; asked once, also when it fails."""
        known = self.known.get(entity_id)
        if known is None:
            try:
                known = self._fetch_configuration(entity_id)
            except FederationError as error:
                known = error
            self.known[entity_id] = known
        if isinstance(known, FederationError):
            raise known
        return known

    def _fetch_configuration(self, entity_id: str) -> Statement:
        if not is_entity_id(entity_id, self.around.loopback):
            raise broken("this is no entity identifier")
        found = self._statement(configuration_url(entity_id))
        if not found.is_configuration or found.sub != entity_id:
            raise broken("an entity configuration is about somebody else")
        anchor = self.around.anchors.get(entity_id)
        found.verify(anchor.keys if anchor else found.keys)
        return found

    def _statement(self, url: str) -> Statement:
        bounds = self.around.bounds
        if self.fetches >= bounds.fetches:
            raise broken("the federation is larger than we search")
        if self.around.timer() > self.deadline:
            raise FederationError(Fault.TEMPORARILY_UNAVAILABLE, "the federation is too slow")
        self.fetches += 1
        try:
            answer = self.around.web.get(url, accept=CONTENT_TYPE, most=jws.LONGEST)
        except PortUnavailable:
            raise FederationError(
                Fault.TEMPORARILY_UNAVAILABLE, "an entity of the federation does not answer"
            ) from None
        if answer.status != _OK or answer.content_type != CONTENT_TYPE:
            raise broken("an entity of the federation answers with no statement")
        try:
            token = answer.body.decode("ascii").strip()
        except UnicodeDecodeError:
            raise broken("this is no JWT") from None
        return read(token, now=int(self.around.clock().timestamp()))

    def _may_ask(self, endpoint: str) -> bool:
        """An endpoint may have a query (section 5.1.1), an identifier may not."""
        return "#" not in endpoint and is_entity_id(
            urlsplit(endpoint)._replace(query="").geturl(), self.around.loopback
        )

    def _note(self, error: FederationError) -> None:
        """Remember why; a reason that passes by outweighs one that stays."""
        if self.problem is None or (error.is_transient and not self.problem.is_transient):
            self.problem = error
