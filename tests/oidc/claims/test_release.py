"""What goes out about a person: values, filters, languages (OpenID Connect Core, 5.1, 5.2, 5.5)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from idp.domain.clients import Client, Profile
from idp.oidc.claims import CLAIMS, ITEMS, SCOPES, consent_items, of_subject
from idp.oidc.claims_request import read
from idp.oidc.release import Release
from idp.oidc.tokens import GrantData
from tests.oidc.known import ATTESTATIONS, fact, number, subject
from tests.support.build import NOW

RELEASE = Release(b"t" * 32, b"p" * 32, ATTESTATIONS)


def data(claims: dict[str, Any], **changes: Any) -> GrantData:
    found = read(json.dumps(claims))
    return GrantData(
        sub="s",
        sid="sid",
        scope=("openid",),
        userinfo_claims=found.userinfo,
        id_token_claims=found.id_token,
        acr="ial2",
        amr=("pwd",),
        auth_time=0,
        ial=2,
        wishes=found.wishes,
        **changes,
    )


def userinfo(*scope: str, **asked: Any) -> dict[str, Any]:
    wanted = data({"userinfo": asked})
    return RELEASE.userinfo(Client(client_id="hanoi"), subject(), wanted, scope, NOW)


def test_core_5_4_a_scope_gives_its_claims() -> None:
    assert userinfo("openid", "profile") == {
        "name": "Nguyễn Văn Hoà",
        "birthdate": "1972-02-01",
        "gender": "male",
        "locale": "vi",
        "updated_at": int(NOW.timestamp()),
    }
    assert userinfo("email") == {"email": "hoa@example.vn", "email_verified": False}
    assert userinfo("phone") == {"phone_number": "+84821234088", "phone_number_verified": True}


def test_core_5_1_1_an_address_is_one_line_as_it_was_written() -> None:
    assert userinfo("address") == {"address": {"formatted": "12 Hàng Bài, Hà Nội"}}


def test_core_5_3_2_what_is_not_known_is_left_out() -> None:
    empty = replace(subject(), facts=())

    assert of_subject(empty, frozenset(CLAIMS)) == {"account_kind": "citizen", "locale": "vi"}


@pytest.mark.parametrize(
    ("member", "is_there"),
    [
        (None, True),
        ({"essential": True}, True),
        ({"value": "male"}, True),
        ({"value": "female"}, False),
        ({"values": ["female", "male"]}, True),
        ({"values": ["female"]}, False),
        ({"values": []}, False),
        ({"value": {"a": 1}}, False),
        ({"value": True}, False),
    ],
)
def test_core_5_5_1_a_claim_with_another_value_is_left_out(
    member: dict[str, Any] | None, *, is_there: bool
) -> None:
    assert ("gender" in userinfo(gender=member)) is is_there


def test_core_5_5_1_a_value_also_narrows_what_a_scope_gives() -> None:
    assert "gender" not in userinfo("profile", gender={"value": "female"})


def test_core_5_2_a_name_with_a_language_is_answered_with_it() -> None:
    assert userinfo(**{"name#vi": None}) == {"name#vi": "Nguyễn Văn Hoà"}
    assert userinfo(**{"name#en": None}) == {}


def test_core_5_2_both_forms_are_answered_where_both_are_asked_for() -> None:
    found = userinfo(**{"name": None, "name#vi-VN": None})

    assert found == {"name": "Nguyễn Văn Hoà", "name#vi-VN": "Nguyễn Văn Hoà"}


def test_core_5_4_the_id_token_has_only_what_was_asked_for_there() -> None:
    wanted = data({"userinfo": {"email": None}, "id_token": {"name": None}})

    found = RELEASE.id_token(Client(client_id="hanoi"), subject(), wanted, NOW)

    assert found == {"name": "Nguyễn Văn Hoà"}


def test_an_enterprise_and_an_agency_have_their_own_claims() -> None:
    firm = replace(
        subject(),
        kind="enterprise",
        facts=(fact("full_name", "Công ty A"), number("mst", "0100109106")),
    )
    agency = replace(
        subject(),
        kind="agency",
        facts=(fact("parent_agency", "Văn phòng Chính phủ"), number("mdv", "G22.17")),
    )

    assert of_subject(firm, frozenset(SCOPES["organization"])) == {"tax_code": "0100109106"}
    assert of_subject(agency, frozenset(SCOPES["organization"])) == {
        "agency_code": "G22.17",
        "parent_agency": "Văn phòng Chính phủ",
    }


def test_no_part_of_a_name_is_guessed() -> None:
    assert not {"given_name", "family_name", "middle_name"} & set(CLAIMS)


@pytest.mark.parametrize("name", sorted(set(CLAIMS) - {"sub", "locale", "updated_at"}))
def test_every_claim_about_a_person_has_words_on_the_consent_page(name: str) -> None:
    items = consent_items((), (name,))

    assert items
    assert items <= set(ITEMS)


def test_claims_that_explain_another_are_not_told_twice() -> None:
    assert consent_items(("openid", "phone"), ("id_number_type",)) == {"phone_number", "id_number"}


def test_only_clients_of_the_national_sso_get_its_claims() -> None:
    client = Client(client_id="hanoi")

    plain = RELEASE.userinfo(client, subject(), data({}), CLAIMS, NOW)
    old = Client(client_id="hanoi", profile=Profile.DVCQG)

    assert "TechID" not in plain
    assert "TechID" in RELEASE.userinfo(old, subject(), data({}), (), NOW)
