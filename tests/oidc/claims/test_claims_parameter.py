"""Reading the ``claims`` parameter (OpenID Connect Core, 5.5)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idp.oidc.claims_request import read
from idp.oidc.verified_claims.requests import Unreadable

VERIFIED = {"verification": {"trust_framework": None}, "claims": {"name": None}}


def test_core_5_5_both_places_are_read_and_unknown_members_passed_over() -> None:
    text = json.dumps(
        {
            "userinfo": {"name": None, "email": {"essential": True}, "http://x.example/y": 5},
            "id_token": {"gender": None, "auth_time": {"essential": True}},
            "something": ["else"],
        }
    )

    found = read(text)

    assert found.userinfo == ("name", "email")
    assert found.id_token == ("gender",)


def test_core_5_5_1_values_are_kept_for_the_answer() -> None:
    text = json.dumps(
        {"userinfo": {"gender": {"value": "male"}, "name": {"values": ["A", "B"]}, "email": {}}}
    )

    asked = read(text).wishes.userinfo

    assert asked.values == {"gender": ["male"], "name": ["A", "B"]}
    assert asked.allows("gender", "male")
    assert not asked.allows("gender", "female")
    assert asked.allows("email", "whatever")


@pytest.mark.parametrize("member", [{"value": "s-1"}, {"values": ["s-1"]}])
@pytest.mark.parametrize("place", ["id_token", "userinfo"])
def test_core_5_5_1_a_subject_by_value_is_told(place: str, member: dict[str, Any]) -> None:
    found = read(json.dumps({place: {"sub": member}}))

    assert found.wishes.subjects == ("s-1",)
    assert read("").wishes.subjects is None


@pytest.mark.parametrize(
    ("name", "is_kept"),
    [
        ("name#vi", True),
        ("name#VI", True),
        ("name#vi-VN", True),
        ("address#vi", True),
        ("name#en", False),
        ("name#", False),
        ("birthdate#vi", False),
        ("nobody#vi", False),
    ],
)
def test_core_5_2_only_our_language_can_be_asked_for(name: str, *, is_kept: bool) -> None:
    asked = read(json.dumps({"userinfo": {name: None}})).wishes.userinfo

    assert asked.tagged == ((name,) if is_kept else ())


def test_what_is_asked_for_with_a_language_or_as_verified_is_asked_of_the_person() -> None:
    text = json.dumps({"userinfo": {"name#vi": None, "verified_claims": VERIFIED}})

    assert set(read(text).wishes.names) == {"name", "verified_claims"}


def _nested(depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {"x": 1}
    for _ in range(depth):
        found = {"userinfo": found}
    return found


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "null",
        "1",
        '"x"',
        "\ud800x",
        "{" * 3000,
        "[" * 3000,
        json.dumps(_nested(40)),
        '{"userinfo": ' + "[" * 3000 + "]" * 3000 + "}",
        '{"userinfo": 5}',
        '{"userinfo": []}',
        '{"id_token": "x"}',
        '{"userinfo": {"name": 5}}',
        '{"userinfo": {"name": []}}',
        '{"userinfo": {"name": "x"}}',
        '{"userinfo": {"name": {"essential": "yes"}}}',
        '{"userinfo": {"name": {"essential": 1}}}',
        '{"userinfo": {"name": {"values": "x"}}}',
        json.dumps({"userinfo": {"name": {"values": ["x"] * 51}}}),
        json.dumps({"userinfo": {f"c{number}": None for number in range(101)}}),
        json.dumps({"userinfo": {"name": {"value": "x" * 9000}}}),
        '{"userinfo": {"verified_claims": null}}',
        '{"userinfo": {"verified_claims": {"claims": {"name": null}}}}',
    ],
)
def test_a_parameter_of_the_wrong_shape_is_refused(text: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read(text)

    assert len(str(refused.value)) < 100
    assert str(refused.value).isascii()
