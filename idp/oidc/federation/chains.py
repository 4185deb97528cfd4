"""Trust chains: a row of statements from a portal up to a pinned anchor (sections 4, 6.2, 10.2).

    ES[0]    what the portal says about itself, signed by itself
    ES[1]    what its superior says about it ... ES[i-1] what the anchor says
    ES[i]    what the anchor says about itself (may be left out, section 4)

Each is signed by a key that the next one names; the last two by a key that we pinned. Where the
statements came from does not matter: all are checked here, together.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final
from urllib.parse import urlsplit

from joserfc.jwk import KeySet

from idp.domain.shown import fault_of_name
from idp.oidc.federation import policy
from idp.oidc.federation.anchors import Anchors, TrustAnchor
from idp.oidc.federation.errors import Fault, FederationError, broken
from idp.oidc.federation.statements import Statement, read

MOST_STATEMENTS: Final = 12
_FEDERATION_ENTITY: Final = "federation_entity"
_LEAST: Final = 2


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain that holds, and what follows from it."""

    statements: tuple[Statement, ...]
    anchor: TrustAnchor
    configuration: Statement | None
    metadata: Mapping[str, Mapping[str, Any]]
    expires_at: int

    @property
    def subject(self) -> Statement:
        """What the entity says about itself."""
        return self.statements[0]

    @property
    def subject_keys(self) -> KeySet:
        """The subject's federation keys, as its superior vouches for them."""
        return self.statements[1].keys

    @property
    def superior(self) -> str:
        """Who vouches for the subject."""
        return self.statements[1].iss

    @property
    def superior_name(self) -> str:
        """What the entity above the superior calls it (section 5.2.2); else its host.

        A superior does not name itself: a portal could be its own.
        """
        named = self.statements[2].metadata if len(self.statements) > _LEAST else None
        return self.anchor_name if named is None else _name(named) or _host(self.superior)

    @property
    def anchor_name(self) -> str:
        """What the operator who pinned the anchor calls it, else what it calls itself."""
        own = self.configuration.metadata if self.configuration else {}
        return self.anchor.label or _name(own) or _host(self.anchor.entity_id)


def _name(metadata: Mapping[str, Mapping[str, Any]]) -> str:
    """A name that can stand in a sentence on our page."""
    name = metadata.get(_FEDERATION_ENTITY, {}).get("organization_name")
    text = " ".join(unicodedata.normalize("NFC", name).split()) if isinstance(name, str) else ""
    return text if text and fault_of_name(text) is None else ""


def _host(entity_id: str) -> str:
    return urlsplit(entity_id).hostname or entity_id


def from_tokens(tokens: object, subject: str, anchors: Anchors, *, now: int) -> Chain:
    """Check a chain that somebody handed over (section 4.3). Raises ``FederationError``."""
    if not isinstance(tokens, list) or not _LEAST <= len(tokens) <= MOST_STATEMENTS:
        raise broken("trust_chain is no chain")
    statements = [read(token, now=now) for token in tokens]
    if statements[0].sub != subject:
        raise broken("the chain is about somebody else")
    return build(statements, anchors, now=now)


def build(statements: Sequence[Statement], anchors: Anchors, *, now: int) -> Chain:
    """Check a whole chain (section 10.2). Raises ``FederationError``."""
    del now  # each statement was read at that time
    anchor = anchors.get(statements[-1].iss)
    if anchor is None:
        raise FederationError(Fault.INVALID_TRUST_ANCHOR, "the chain ends at no pinned anchor")
    configuration = statements[-1] if statements[-1].is_configuration else None
    row = tuple(statements[:-1]) if configuration else tuple(statements)
    _check_links(row)
    _check_signatures(row, anchor, configuration)
    return Chain(
        row,
        anchor,
        configuration,
        _metadata(row),
        min(statement.exp for statement in statements),
    )


def _check_links(row: Sequence[Statement]) -> None:
    if len(row) < _LEAST:
        raise broken("nobody vouches for the subject")
    subject, superior = row[0], row[1]
    if not subject.is_configuration or any(each.is_configuration for each in row[1:]):
        raise broken("a statement in the middle is about its issuer")
    if any(below.iss != above.sub for below, above in pairwise(row)):
        raise broken("the statements do not follow one another")
    if len({each.sub for each in row} | {row[-1].iss}) != len(row):
        raise broken("the chain is a loop")
    if superior.iss not in subject.authority_hints:
        raise broken("the subject does not name this superior")


def _check_signatures(
    row: Sequence[Statement], anchor: TrustAnchor, configuration: Statement | None
) -> None:
    row[0].verify(row[0].keys)
    for below, above in pairwise(row):
        below.verify(above.keys)
    row[-1].verify(anchor.keys)
    if configuration:
        configuration.verify(anchor.keys)


# --- what superiors demand ------------------------------------------------------------------------


def _metadata(row: Sequence[Statement]) -> Mapping[str, Mapping[str, Any]]:
    """Resolved metadata: superior's own, then constraints, then policy (6.1.4.2, 6.2.3)."""
    found = {kind: dict(parameters) for kind, parameters in row[0].metadata.items()}
    for kind, parameters in row[1].metadata.items():
        if kind in found:  # only for types that the subject has (3.1.1)
            found[kind].update(parameters)
    for position, statement in enumerate(row[1:]):
        found = _constrain(found, statement.claims.get("constraints", {}), row, position)
    superiors = tuple(reversed(row[1:]))
    critical = [name for each in superiors for name in each.claims.get("metadata_policy_crit", [])]
    policies = [each.claims["metadata_policy"] for each in superiors
                if "metadata_policy" in each.claims]  # fmt: skip
    resolved = policy.apply(policy.resolve(policies, critical), found)
    return dict(resolved)


def _constrain(
    metadata: dict[str, dict[str, Any]],
    constraints: Mapping[str, Any],
    row: Sequence[Statement],
    intermediates: int,
) -> dict[str, dict[str, Any]]:
    """Apply the constraints of one statement; unknown ones are ignored (6.2)."""
    if "max_path_length" in constraints:
        most = constraints["max_path_length"]
        if isinstance(most, bool) or not isinstance(most, int) or most < 0:
            raise broken("max_path_length is no number")
        if intermediates > most:
            raise broken("the chain is longer than a superior allows")
    if "naming_constraints" in constraints:
        # Everybody below the issuer: the subjects from the portal up to here.
        for statement in row[: intermediates + 2]:
            _check_name(statement.sub, constraints["naming_constraints"])
    if "allowed_entity_types" in constraints:
        allowed = constraints["allowed_entity_types"]
        if not isinstance(allowed, list) or not all(isinstance(each, str) for each in allowed):
            raise broken("allowed_entity_types is no list")
        kept = {*allowed, _FEDERATION_ENTITY}
        return {kind: found for kind, found in metadata.items() if kind in kept}
    return metadata


def _check_name(entity_id: str, constraint: object) -> None:
    """The host lies in a permitted and in no excluded subtree (6.2.2; RFC 5280, 4.2.1.10)."""
    if not isinstance(constraint, dict):
        raise broken("naming_constraints is no object")
    host = (urlsplit(entity_id).hostname or "").lower().rstrip(".")
    trees = {}
    for name in ("permitted", "excluded"):
        found = constraint.get(name, [])
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise broken(f"naming_constraints: {name} is no list")
        trees[name] = any(_is_below(host, tree.lower()) for tree in found)
    if trees["excluded"] or ("permitted" in constraint and not trees["permitted"]):
        raise broken("an entity lies outside the names that a superior allows")


def _is_below(host: str, tree: str) -> bool:
    return host.endswith(tree) and host != tree if tree.startswith(".") else host == tree
