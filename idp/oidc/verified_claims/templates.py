"""A request is filter and template at once (section 6).

What was not asked for is not told; a requirement that is not met omits the whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from idp.domain.assurance import EvidenceKind
from idp.oidc.verified_claims.requests import members
from idp.oidc.verified_claims.vocabulary import QUERY, Json


class Unmet(Exception):
    """A requirement that the data does not meet."""


_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    EvidenceKind.SIGNATURE: ("type", "signature_type", "issuer", "serial_number"),
    EvidenceKind.RECORD: ("type",),
    EvidenceKind.VOUCH: ("type",),
}
"""What the schema demands of an evidence, asked for or not."""


def fit_evidence(evidence: Json, entries: list[Json], now: datetime) -> Json:
    """The evidence as the first entry that it fits wants it (6.2: entries are alternatives)."""
    for entry in entries:
        if entry["type"]["value"] != evidence["type"]:
            continue
        try:
            wanted = project(evidence, entry, now)
        except Unmet:
            continue
        always = {name: evidence[name] for name in _REQUIRED[evidence["type"]]}
        for part in ("record", "attestation"):
            if part in wanted:
                wanted[part] = {"type": evidence[part]["type"], **wanted[part]}
        return {**always, **wanted}
    raise Unmet


def project(known: Json, wanted: Json, now: datetime) -> Json:
    """Those elements of ``known`` that are wanted. Raises ``Unmet``."""
    answer: Json = {}
    for name, template in wanted.items():
        if name in known:
            answer[name] = _element(known[name], template, now)
        elif any(_constrains(member) for member in members(template)):
            raise Unmet
    return answer


def _element(value: object, template: object, now: datetime) -> object:
    match value, template:
        case list(), list():
            return _checks(value, template, now)
        case dict(), dict() if not set(template) <= QUERY:
            return project(value, template, now)
        case _:
            if not fits(value, template, now):
                raise Unmet
            return value


def _checks(known: list[Json], wanted: list[Json], now: datetime) -> list[Json]:
    """The checks that one of the wanted ones describes; ``check_method`` is always told."""
    answer = []
    for check in known:
        for template in wanted:
            try:
                part = project(check, template, now)
            except Unmet:
                continue
            answer.append({"check_method": check["check_method"], **part})
            break
    if not answer:
        raise Unmet
    return answer


def fits(value: object, template: object, now: datetime | None = None) -> bool:
    """Whether a value is one that was asked for, and young enough (6.3)."""
    if not isinstance(template, dict):
        return True
    if "value" in template and value != template["value"]:
        return False
    if "values" in template and value not in template["values"]:
        return False
    return now is None or "max_age" not in template or _is_young(value, template["max_age"], now)


def _is_young(value: object, max_age: int, now: datetime) -> bool:
    """Elapsed time counts from the last second that the value may mean (6.3.2).

    A value that is no date has no age, so it cannot meet the requirement.
    """
    text = str(value)
    try:
        at = datetime.fromisoformat(text if "T" in text else f"{text}T23:59:59+00:00")
    except ValueError:
        return False
    return (now - at).total_seconds() <= max_age


def _constrains(template: object) -> bool:
    return isinstance(template, dict) and bool({"value", "values", "max_age"} & set(template))
