"""Metadata policy: operators, their combinations, merging, applying (OpenID Federation, 6.1)."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.oidc.federation import policy
from idp.oidc.federation.errors import FederationError

RP = "openid_relying_party"
ABSENT: Any = object()


def resolve(*operators: dict[str, Any], name: str = "p", crit: tuple[str, ...] = ()) -> Any:
    """The operators that superiors' policies become, the anchor's first."""
    found = policy.resolve([{RP: {name: each}} for each in operators], crit)
    return dict(found[RP][name])


def apply(operators: dict[str, Any], value: Any, name: str = "p") -> Any:
    metadata = {RP: {} if value is ABSENT else {name: value}}
    resolved = policy.resolve([{RP: {name: operators}}], ())
    return policy.apply(resolved, metadata)[RP].get(name, ABSENT)


APPLIED = [
    # 6.1.3.1.1 value
    ({"value": "x"}, "y", "x"),
    ({"value": "x"}, ABSENT, "x"),
    ({"value": True}, False, True),
    ({"value": 3}, 4, 3),
    ({"value": ["a"]}, ["b"], ["a"]),
    ({"value": []}, ["b"], []),
    ({"value": None}, "y", ABSENT),
    ({"value": None}, ABSENT, ABSENT),
    # 6.1.3.1.2 add
    ({"add": ["c"]}, ["a", "b"], ["a", "b", "c"]),
    ({"add": ["a"]}, ["a", "b"], ["a", "b"]),
    ({"add": ["a"]}, ABSENT, ["a"]),
    # 6.1.3.1.3 default
    ({"default": "x"}, ABSENT, "x"),
    ({"default": "x"}, "y", "y"),
    ({"default": ["x"]}, [], []),
    ({"default": False}, ABSENT, False),
    # 6.1.3.1.4 one_of
    ({"one_of": ["a", "b"]}, "b", "b"),
    ({"one_of": ["a", "b"]}, ABSENT, ABSENT),
    ({"one_of": [1, 2]}, 2, 2),
    # 6.1.3.1.5 subset_of; the table of 6.1.3.1.8
    ({"subset_of": ["a", "b", "c"], "essential": True}, ["a", "e"], ["a"]),
    ({"subset_of": ["a", "b", "c"], "essential": False}, ["a", "e"], ["a"]),
    ({"subset_of": ["a", "b", "c"], "essential": True}, ["d", "e"], []),
    ({"subset_of": ["a", "b", "c"], "essential": False}, ["d", "e"], []),
    ({"subset_of": ["a", "b", "c"], "essential": False}, ABSENT, ABSENT),
    ({"subset_of": []}, ["a"], []),
    # 6.1.3.1.6 superset_of
    ({"superset_of": ["a"]}, ["a", "b"], ["a", "b"]),
    ({"superset_of": ["a"]}, ["a"], ["a"]),
    ({"superset_of": ["a"]}, ABSENT, ABSENT),
    # 6.1.3.1.7 essential
    ({"essential": True}, "y", "y"),
    ({"essential": True}, {"deep": 1}, {"deep": 1}),
    ({"essential": False}, ABSENT, ABSENT),
    # together, in the order of 6.1.3.1
    ({"value": ["a", "b"], "add": ["a"]}, ["z"], ["a", "b"]),
    ({"add": ["b"], "default": ["x"]}, ABSENT, ["b"]),
    ({"default": ["a", "z"], "subset_of": ["a", "b"]}, ABSENT, ["a"]),
    ({"add": ["b"], "subset_of": ["a", "b"]}, ["a", "z"], ["a", "b"]),
    ({"add": ["a"], "superset_of": ["a"]}, ["b"], ["b", "a"]),
    ({"subset_of": ["a", "b"], "superset_of": ["a"]}, ["a", "z"], ["a"]),
    ({"default": "x", "one_of": ["x"]}, ABSENT, "x"),
    ({"default": "x", "essential": True}, ABSENT, "x"),
    ({"value": "x", "default": "y", "one_of": ["x"], "essential": True}, ABSENT, "x"),
]


@pytest.mark.parametrize(("operators", "value", "expected"), APPLIED)
def test_6_1_3_1_an_operator_acts_as_it_is_defined(
    operators: dict[str, Any], value: Any, expected: Any
) -> None:
    assert apply(operators, value) == expected


@pytest.mark.parametrize(
    ("operators", "value"),
    [
        ({"one_of": ["a"]}, "b"),
        ({"one_of": ["a"]}, ["a"]),
        ({"one_of": [1]}, True),
        ({"superset_of": ["a", "b"]}, ["a"]),
        ({"superset_of": ["a"]}, []),
        ({"superset_of": ["a"]}, "a"),
        ({"subset_of": ["a"]}, "a"),
        ({"add": ["a"]}, "a"),
        ({"essential": True}, ABSENT),
        ({"essential": True, "subset_of": ["a"]}, ABSENT),
        ({"default": "x", "one_of": ["y"]}, ABSENT),
        ({"subset_of": ["a", "b"], "superset_of": ["a"]}, ["b"]),
    ],
)
def test_6_1_4_2_metadata_that_does_not_comply_is_an_error(
    operators: dict[str, Any], value: Any
) -> None:
    with pytest.raises(FederationError, match="invalid_metadata"):
        apply(operators, value)


MERGED = [
    ("value", "x", "x", "x"),
    ("value", None, None, None),
    ("value", ["a"], ["a"], ["a"]),
    ("add", ["a"], ["b", "a"], ["a", "b"]),
    ("default", 1, 1, 1),
    ("one_of", ["a", "b"], ["b", "c"], ["b"]),
    ("subset_of", ["a", "b"], ["b", "c"], ["b"]),
    ("subset_of", ["a"], ["b"], []),
    ("superset_of", ["a"], ["b"], ["a", "b"]),
    ("essential", True, False, True),
    ("essential", False, True, True),
    ("essential", False, False, False),
]


@pytest.mark.parametrize(("operator", "above", "below", "expected"), MERGED)
def test_6_1_4_1_values_of_one_operator_are_merged(
    operator: str, above: Any, below: Any, expected: Any
) -> None:
    assert resolve({operator: above}, {operator: below}) == {operator: expected}


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ({"value": "x"}, {"value": "y"}),
        ({"value": None}, {"value": "y"}),
        ({"value": 1}, {"value": True}),
        ({"value": ["a", "b"]}, {"value": ["b", "a"]}),
        ({"default": "x"}, {"default": "y"}),
        ({"one_of": ["a"]}, {"one_of": ["b"]}),
        ({"subset_of": ["a", "b"], "superset_of": ["a"]}, {"subset_of": ["b"]}),
        ({"one_of": ["a"]}, {"value": "b"}),
        ({"subset_of": ["a"]}, {"value": ["b"]}),
        ({"superset_of": ["a"]}, {"value": ["b"]}),
        ({"subset_of": ["a"]}, {"add": ["b"]}),
        ({"subset_of": ["a"]}, {"superset_of": ["b"]}),
        ({"value": ["a"]}, {"add": ["b"]}),
        ({"value": None}, {"essential": True}),
        ({"essential": True}, {"value": None}),
        ({"value": None}, {"default": "x"}),
        ({"one_of": ["a"]}, {"add": ["a"]}),
        ({"one_of": ["a"]}, {"subset_of": ["a"]}),
        ({"one_of": ["a"]}, {"superset_of": ["a"]}),
    ],
)
def test_6_1_4_1_a_subordinate_that_contradicts_its_superior_is_an_error(
    above: dict[str, Any], below: dict[str, Any]
) -> None:
    with pytest.raises(FederationError, match="invalid_metadata"):
        resolve(above, below)


ALLOWED = {
    ("value", "add"), ("value", "default"), ("value", "one_of"), ("value", "subset_of"),
    ("value", "superset_of"), ("value", "essential"), ("add", "default"), ("add", "subset_of"),
    ("add", "superset_of"), ("add", "essential"), ("default", "one_of"),
    ("default", "subset_of"), ("default", "superset_of"), ("default", "essential"),
    ("one_of", "essential"), ("subset_of", "superset_of"), ("subset_of", "essential"),
    ("superset_of", "essential"),
}  # fmt: skip
FITTING: dict[str, Any] = {
    "value": ["a"], "add": ["a"], "default": ["a"], "one_of": [["a"], "a"], "subset_of": ["a"],
    "superset_of": ["a"], "essential": True,
}  # fmt: skip


@pytest.mark.parametrize(("first", "second"), list(permutations(policy.ORDER, 2)))
def test_6_1_3_1_only_the_listed_operators_stand_together(first: str, second: str) -> None:
    both = {first: FITTING[first], second: FITTING[second]}
    if (first, second) in ALLOWED or (second, first) in ALLOWED:
        assert resolve(both) == both
    else:
        with pytest.raises(FederationError):
            resolve(both)


def test_6_1_3_2_an_unknown_operator_is_ignored() -> None:
    assert resolve({"regexp": "^a", "essential": True}) == {"essential": True}


@pytest.mark.parametrize("name", ["regexp", "value"])
def test_6_1_3_2_a_critical_operator_that_is_not_understood_is_an_error(name: str) -> None:
    with pytest.raises(FederationError):
        resolve({name: "a"}, crit=(name,))


@pytest.mark.parametrize(
    "bad",
    [
        [], "x", {RP: []}, {RP: {"p": "x"}}, {RP: {"p": []}}, {RP: {"p": {"add": "a"}}},
        {RP: {"p": {"one_of": []}}}, {RP: {"p": {"one_of": "a"}}},
        {RP: {"p": {"subset_of": {}}}}, {RP: {"p": {"superset_of": None}}},
        {RP: {"p": {"essential": "true"}}}, {RP: {"p": {"essential": 1}}},
        {RP: {"p": {"default": None}}},
    ],
)  # fmt: skip
def test_6_1_2_a_policy_of_another_shape_is_an_error(bad: Any) -> None:
    with pytest.raises(FederationError, match="invalid_metadata"):
        policy.resolve([bad], ())


def test_6_1_3_1_8_scope_counts_as_a_list() -> None:
    operators = {"subset_of": ["openid", "profile", "phone"], "superset_of": ["openid"]}

    found = apply(operators, "openid email phone", name="scope")

    assert found == "openid phone"


def test_6_1_3_1_8_default_scope_is_a_text() -> None:
    assert apply({"default": ["openid", "profile"]}, ABSENT, name="scope") == "openid profile"


def test_6_1_1_policies_of_entity_types_do_not_touch_one_another() -> None:
    resolved = policy.resolve([{"openid_provider": {"p": {"value": "x"}}}], ())

    assert policy.apply(resolved, {RP: {"p": "y"}}) == {RP: {"p": "y"}}


def test_6_1_5_three_superiors_make_one_policy() -> None:
    """The shape of the specification's example: anchor, intermediate, portal."""
    anchor = {
        RP: {
            "grant_types": {
                "default": ["authorization_code"],
                "subset_of": ["authorization_code", "refresh_token"],
                "superset_of": ["authorization_code"],
            },
            "token_endpoint_auth_method": {
                "one_of": ["private_key_jwt", "self_signed_tls_client_auth"],
                "essential": True,
            },
            "contacts": {"add": ["anchor@example.vn"]},
        }
    }
    ministry = {
        RP: {
            "grant_types": {"subset_of": ["authorization_code"]},
            "token_endpoint_auth_method": {"one_of": ["private_key_jwt"]},
            "contacts": {"add": ["ministry@example.vn"]},
        }
    }
    portal = {
        RP: {
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "private_key_jwt",
            "contacts": ["portal@example.vn"],
        }
    }

    found = policy.apply(policy.resolve([anchor, ministry], ()), portal)

    assert found[RP] == {
        "grant_types": ["authorization_code"],
        "token_endpoint_auth_method": "private_key_jwt",
        "contacts": ["portal@example.vn", "anchor@example.vn", "ministry@example.vn"],
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from("abc"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xy"), inner),
    max_leaves=6,
)
POLICIES = st.dictionaries(st.sampled_from(policy.ORDER), JSON, max_size=4)


@given(POLICIES, POLICIES, JSON)
def test_6_1_4_whatever_superiors_say_the_answer_is_metadata_or_a_policy_error(
    above: dict[str, Any], below: dict[str, Any], value: Any
) -> None:
    try:
        resolved = policy.resolve([{RP: {"p": above}}, {RP: {"p": below}}], ())
        found = policy.apply(resolved, {RP: {"p": value}})
    except FederationError:
        return
    assert set(found) == {RP}


@given(POLICIES, POLICIES, st.lists(st.sampled_from("abc"), max_size=3, unique=True))
def test_6_1_1_a_subordinate_never_makes_a_policy_more_permissive(
    above: dict[str, Any], below: dict[str, Any], value: list[str]
) -> None:
    try:
        strict = policy.resolve([{RP: {"p": above}}, {RP: {"p": below}}], ())
        found = policy.apply(strict, {RP: {"p": value}})[RP]
    except FederationError:
        return
    # What both allow, the superior alone still accepts.
    checks = {name: each for name, each in above.items() if name not in {"add", "default"}}
    again = policy.apply(policy.resolve([{RP: {"p": checks}}], ()), {RP: found})[RP]
    assert again == found
