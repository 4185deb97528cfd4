"""Metadata policy: what superiors demand of metadata, combined and applied (section 6.1).

From the anchor down, every statement may only make the policy stricter; a conflict ends the chain.
``ORDER`` is the order in which operators apply (6.1.3.1); ``scope`` counts as a list (6.1.3.1.8).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from idp.oidc.federation.errors import Fault, FederationError

Operators = Mapping[str, Any]
Policy = Mapping[str, Mapping[str, Operators]]
"""Operators by entity type and metadata parameter."""

Metadata = Mapping[str, Mapping[str, Any]]
ORDER: Final = ("value", "add", "default", "one_of", "subset_of", "superset_of", "essential")
_LISTS: Final = frozenset({"add", "one_of", "subset_of", "superset_of"})
_ABSENT: Final = object()
_AS_LIST: Final = "scope"


def conflict(detail: str) -> FederationError:
    """A policy error: the chain is invalid (6.1.4)."""
    return FederationError(Fault.INVALID_METADATA, detail)


def resolve(policies: Sequence[object], critical: Iterable[str]) -> Policy:
    """Combine the policies of a chain, the anchor's first (6.1.4.1). Raises ``FederationError``."""
    unknown = sorted(set(critical) - set(ORDER))
    if unknown or set(critical) & set(ORDER):
        # Only operators beyond the standard may be listed, and we know none.
        raise conflict("metadata_policy_crit names an operator that is not understood")
    current: Policy = {}
    for policy in policies:
        current = _merge(current, _checked(policy))
    return current


def apply(policy: Policy, metadata: Metadata) -> Metadata:
    """The metadata that the policy makes of it (6.1.4.2). Raises ``FederationError``."""
    return {
        kind: _apply_all(policy.get(kind, {}), parameters) for kind, parameters in metadata.items()
    }


# --- combining ----------------------------------------------------------------------------------


def _checked(policy: object) -> Policy:
    """A policy of the right shape, without operators that may be ignored (6.1.2, 6.1.3.2)."""
    if not isinstance(policy, dict):
        raise conflict("metadata_policy is no object")
    found: dict[str, dict[str, Operators]] = {}
    for kind, parameters in policy.items():
        if not isinstance(parameters, dict):
            raise conflict("metadata_policy of a type is no object")
        found[kind] = {}
        for name, operators in parameters.items():
            if not isinstance(operators, dict):
                raise conflict("metadata_policy of a parameter is no object")
            known = {op: _value_of(op, name, operators[op]) for op in ORDER if op in operators}
            _check_together(known)
            found[kind][name] = known
    return found


def _value_of(operator: str, name: str, value: object) -> object:
    """The value of an operator, of a type that the operator may have."""
    if operator == "essential":
        if not isinstance(value, bool):
            raise conflict("essential is true or false")
        return value
    if operator not in _LISTS:
        if operator == "default" and value is None:
            raise conflict("default cannot be null")
        return _split(name, value)
    value = _split(name, value)
    if not isinstance(value, list):
        raise conflict(f"{operator} needs a list")
    if operator == "one_of" and not value:
        raise conflict("one_of needs a value")
    return value


def _merge(above: Policy, below: Policy) -> Policy:
    merged = {kind: dict(parameters) for kind, parameters in above.items()}
    for kind, parameters in below.items():
        for name, operators in parameters.items():
            known = merged.setdefault(kind, {})
            known[name] = _merge_operators(known.get(name, {}), operators)
    return merged


def _merge_operators(above: Operators, below: Operators) -> Operators:
    merged = dict(above)
    for operator, value in below.items():
        merged[operator] = _MERGES[operator](above[operator], value) if operator in above else value
    _check_together(merged)
    return merged


def _merge_equal(above: object, below: object) -> object:
    if _key(above) != _key(below):
        raise conflict("two superiors set one parameter to different values")
    return above


def _merge_union(above: list[Any], below: list[Any]) -> list[Any]:
    return [*above, *_without(below, above)]


def _merge_intersection(above: list[Any], below: list[Any]) -> list[Any]:
    return _within(above, below)


def _merge_one_of(above: list[Any], below: list[Any]) -> list[Any]:
    common = _within(above, below)
    if not common:
        raise conflict("two superiors leave no value of one_of")
    return common


def _merge_essential(above: bool, below: bool) -> bool:  # noqa: FBT001  values of an operator
    return above or below


_MERGES: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "value": _merge_equal,
    "add": _merge_union,
    "default": _merge_equal,
    "one_of": _merge_one_of,
    "subset_of": _merge_intersection,
    "superset_of": _merge_union,
    "essential": _merge_essential,
}


# --- which operators go together ------------------------------------------------------------------


def _check_together(operators: Operators) -> None:
    for detail in _clashes(operators):
        raise conflict(detail)


def _clashes(operators: Operators) -> Iterator[str]:
    """What the combinations of 6.1.3.1.1 to 6.1.3.1.7 do not allow."""
    if "value" in operators:
        yield from _clashes_of_value(operators["value"], operators)
    if "one_of" in operators and operators.keys() & {"add", "subset_of", "superset_of"}:
        yield "one_of cannot stand beside add, subset_of or superset_of"
    if "subset_of" in operators:
        allowed = operators["subset_of"]
        if not _is_within(operators.get("add", []), allowed):
            yield "add goes beyond subset_of"
        if not _is_within(operators.get("superset_of", []), allowed):
            yield "superset_of goes beyond subset_of"


def _clashes_of_value(value: object, operators: Operators) -> Iterator[str]:
    if value is None:
        if operators.get("essential"):
            yield "an essential parameter cannot be removed"
        if "default" in operators:
            yield "default cannot stand beside a value of null"
    if "one_of" in operators and not _is_within([value], operators["one_of"]):
        yield "value is none of one_of"
    values = value if isinstance(value, list) else None
    if "add" in operators and (values is None or not _is_within(operators["add"], values)):
        yield "add goes beyond value"
    if "subset_of" in operators and (
        values is None or not _is_within(values, operators["subset_of"])
    ):
        yield "value goes beyond subset_of"
    if "superset_of" in operators and (
        values is None or not _is_within(operators["superset_of"], values)
    ):
        yield "value lacks what superset_of demands"


# --- applying -----------------------------------------------------------------------------------


def _apply_all(policy: Mapping[str, Operators], parameters: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(parameters)
    for name, operators in policy.items():
        value = _split(name, found.pop(name)) if name in found else _ABSENT
        for operator in ORDER:
            if operator in operators:
                value = _APPLY[operator](value, operators[operator], name)
        if value is not _ABSENT:
            found[name] = _join(name, value)
    return found


def _apply_value(_value: object, wanted: object, _name: str) -> object:
    return _ABSENT if wanted is None else wanted


def _apply_add(value: object, more: list[Any], name: str) -> object:
    return more if value is _ABSENT else _merge_union(_list(value, name), more)


def _apply_default(value: object, wanted: object, _name: str) -> object:
    return wanted if value is _ABSENT else value


def _apply_one_of(value: object, allowed: list[Any], name: str) -> object:
    if value is not _ABSENT and not _is_within([value], allowed):
        raise conflict(f"{name} is none of one_of")
    return value


def _apply_subset_of(value: object, allowed: list[Any], name: str) -> object:
    return value if value is _ABSENT else _within(_list(value, name), allowed)


def _apply_superset_of(value: object, needed: list[Any], name: str) -> object:
    if value is not _ABSENT and not _is_within(needed, _list(value, name)):
        raise conflict(f"{name} lacks what superset_of demands")
    return value


def _apply_essential(value: object, is_essential: bool, name: str) -> object:  # noqa: FBT001  as above
    if is_essential and value is _ABSENT:
        raise conflict(f"{name} is essential and missing")
    return value


_APPLY: Final[Mapping[str, Callable[[Any, Any, str], Any]]] = {
    "value": _apply_value,
    "add": _apply_add,
    "default": _apply_default,
    "one_of": _apply_one_of,
    "subset_of": _apply_subset_of,
    "superset_of": _apply_superset_of,
    "essential": _apply_essential,
}


# --- values as sets -------------------------------------------------------------------------------


def _split(name: str, value: object) -> object:
    return value.split() if name == _AS_LIST and isinstance(value, str) else value


def _join(name: str, value: object) -> object:
    return " ".join(map(str, value)) if name == _AS_LIST and isinstance(value, list) else value


def _list(value: object, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise conflict(f"{name} is no list")
    return value


def _key(value: object) -> str:
    """A value as text, so that true is not 1 and the order inside an object does not count."""
    return json.dumps(value, sort_keys=True)


def _within(values: Iterable[Any], others: Iterable[Any]) -> list[Any]:
    keys = {_key(other) for other in others}
    return [value for value in values if _key(value) in keys]


def _without(values: Iterable[Any], others: Iterable[Any]) -> list[Any]:
    keys = {_key(other) for other in others}
    return [value for value in values if _key(value) not in keys]


def _is_within(values: Iterable[Any], others: Iterable[Any]) -> bool:
    return not _without(values, others)
