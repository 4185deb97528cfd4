"""A request, read against the schema (``verified_claims_request.json``) and kept as it came."""

from __future__ import annotations

from collections.abc import Iterator

from idp.oidc.verified_claims.vocabulary import CLAIMS, QUERY, Json

_MOST_SETS, _MOST_ENTRIES, _MOST_VALUES = 5, 10, 50


class Unreadable(Exception):
    """A request that cannot be read; the text is for developers and repeats nothing of it."""


def read(found: object) -> tuple[Json, ...]:
    """The requests of a ``verified_claims`` member. Raises ``Unreadable``."""
    several = found if isinstance(found, list) else [found]
    if not 0 < len(several) <= _MOST_SETS:
        raise Unreadable("verified_claims has too many or no elements")
    return tuple(map(_read_set, several))


def _read_set(found: object) -> Json:
    if not isinstance(found, dict):
        raise Unreadable("verified_claims is no object")
    verification, claims = found.get("verification"), found.get("claims", ...)
    if not isinstance(verification, dict) or "trust_framework" not in verification:
        raise Unreadable("verification needs trust_framework")
    if claims is not None and (not isinstance(claims, dict) or not claims):
        raise Unreadable("claims in verified_claims must be null or name a claim")
    _check_elements(verification)
    _check_evidence(verification)
    kept = {name: member for name, member in (claims or {}).items() if name in CLAIMS}
    for member in kept.values():
        _check_query(member)
    return {"verification": verification, "claims": kept}


def _check_elements(verification: Json) -> None:
    for name in ("trust_framework", "assurance_level", "time", "verification_process"):
        _check_query(verification.get(name))


def _check_query(member: object) -> None:
    """Null, or an object with constraints of the right types."""
    if member is None:
        return
    if not isinstance(member, dict) or not isinstance(member.get("essential", False), bool):
        raise Unreadable("an element of verified_claims has the wrong type")
    values, max_age = member.get("values", []), member.get("max_age", 0)
    if not isinstance(values, list) or len(values) > _MOST_VALUES:
        raise Unreadable("values is no short list")
    if isinstance(max_age, bool) or not isinstance(max_age, int) or max_age < 0:
        raise Unreadable("max_age is no number of seconds")


def _check_evidence(verification: Json) -> None:
    if "evidence" not in verification:
        return
    entries = verification["evidence"]
    if not isinstance(entries, list) or not 0 < len(entries) <= _MOST_ENTRIES:
        raise Unreadable("evidence is no short list")
    for entry in entries:
        kind = entry.get("type") if isinstance(entry, dict) else None
        if not isinstance(kind, dict) or not isinstance(kind.get("value"), str) or "values" in kind:
            raise Unreadable("an element of evidence needs type with value")
        checks = entry.get("check_details")
        if checks is not None and not _are_objects(checks):
            raise Unreadable("check_details is no list of objects")
        for member in members(entry):
            _check_query(member)


def _are_objects(found: object) -> bool:
    return isinstance(found, list) and bool(found) and all(isinstance(one, dict) for one in found)


def members(entry: object) -> Iterator[object]:
    """Every object inside that says something about an element."""
    if isinstance(entry, dict):
        if QUERY & set(entry):
            yield entry
        for name, value in entry.items():
            if name not in QUERY:
                yield from members(value)
    elif isinstance(entry, list):
        for value in entry:
            yield from members(value)
