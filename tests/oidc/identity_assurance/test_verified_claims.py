"""``verified_claims`` (OpenID Connect for Identity Assurance 1.0 and its schema)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from idp.oidc.verified_claims import answers
from idp.oidc.verified_claims.answers import Answering
from idp.oidc.verified_claims.requests import Unreadable, read
from idp.storage.grants import Subject, Vouching
from tests.oidc.known import ATTESTATIONS, certificate, fact, number, proof, subject
from tests.support.build import NOW

DAY = timedelta(days=1)
PLAIN: dict[str, Any] = {"verification": {"trust_framework": None}, "claims": {"name": None}}
REGISTER = "mobile_subscriber_register"
RECORD = {"type": {"value": "electronic_record"}}


def asks(
    verification: dict[str, Any] | None = None, claims: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "verification": {"trust_framework": None, **(verification or {})},
        "claims": claims or {"name": None},
    }


def answer(*requests: dict[str, Any], about: Subject | None = None, sector: str = "a.vn") -> Any:
    found = read(list(requests))
    around = Answering(about or subject(), sector, b"p" * 32, ATTESTATIONS, NOW + 2 * DAY)
    return answers.of(found, around)


def both(*proofs: Vouching) -> Subject:
    return replace(subject(), proofs=proofs or (proof(), certificate()))


# --- data minimisation --------------------------------------------------------------------------


def test_ida_6_2_only_what_was_asked_for_is_told() -> None:
    assert answer(PLAIN) == {
        "verification": {"trust_framework": "vn_dvcqg"},
        "claims": {"name": "Nguyễn Văn Hoà"},
    }


def test_ida_6_2_level_time_and_process_come_when_asked_for() -> None:
    found = answer(asks({"assurance_level": None, "time": None, "verification_process": None}))

    verification = found["verification"]
    assert verification["assurance_level"] == "ial2"
    assert verification["time"] == "2026-11-24T09:00:00Z"
    assert len(verification["verification_process"]) == 22
    assert proof().id.hex not in verification["verification_process"]


def test_the_reference_of_a_process_cannot_be_compared_by_portals_of_two_sectors() -> None:
    request = asks({"verification_process": None})

    one, two = (answer(request, sector=sector) for sector in ("a.vn", "b.vn"))

    assert one["verification"] != two["verification"]
    assert one == answer(request, sector="a.vn")


def test_ida_5_only_what_somebody_vouched_for_is_verified() -> None:
    found = answer(asks(claims={"name": None, "email": None, "address": None, "nickname": None}))

    assert found["claims"] == {"name": "Nguyễn Văn Hoà"}


def test_what_the_owner_typed_is_never_verified() -> None:
    about = replace(subject(), facts=(fact("full_name", "Tự khai", "self", evidence_id=None),))

    assert answer(PLAIN, about=about)["claims"] == {}


# --- evidence -----------------------------------------------------------------------------------


def test_schema_electronic_record_of_a_carrier() -> None:
    entry = {**RECORD, "check_details": [{"check_method": None, "organization": None,
                                          "time": None}],
             "record": {"type": None, "source": {"name": None, "country_code": None}}}  # fmt: skip

    [evidence] = answer(asks({"evidence": [entry]}))["verification"]["evidence"]

    assert evidence == {
        "type": "electronic_record",
        "check_details": [
            {
                "check_method": "data",
                "organization": "vinaphone",
                "time": "2026-11-24T09:00:00Z",
            }
        ],
        "record": {
            "type": "mobile_subscriber_register",
            "source": {"name": "vinaphone", "country_code": "VNM"},
        },
    }


def test_schema_electronic_record_of_the_social_insurance() -> None:
    about = both(proof(method="bhxh", source="bhxh"))

    found = answer(asks({"evidence": [{**RECORD, "record": {"type": None}}]}), about=about)

    assert found["verification"]["evidence"] == [
        {"type": "electronic_record", "record": {"type": "social_insurance_register"}}
    ]


def test_schema_electronic_signature_always_has_issuer_serial_and_type() -> None:
    entry = {"type": {"value": "electronic_signature"}}

    found = answer(asks({"evidence": [entry]}, {"id_number": None}), about=both())

    assert found == {
        "verification": {
            "trust_framework": "vn_dvcqg",
            "evidence": [
                {
                    "type": "electronic_signature",
                    "signature_type": "vn_certificate",
                    "issuer": "NEWTEL-CA v2",
                    "serial_number": "5e21",
                }
            ],
        },
        "claims": {"id_number": "001072000136"},
    }


def test_schema_vouch_names_the_post_office_and_never_the_clerk() -> None:
    clerk = proof(method="vnpost", source="vnpost", vouched_by="Trần Thị Bưu @ Bưu cục Ba Đình")
    entry = {"type": {"value": "vouch"}, "check_details": [{"check_method": None}],
             "attestation": {"type": None, "voucher": None}}  # fmt: skip

    found = answer(asks({"evidence": [entry]}), about=both(clerk))

    assert found["verification"]["evidence"] == [
        {
            "type": "vouch",
            "check_details": [{"check_method": "vpip"}],
            "attestation": {
                "type": "digital_attestation",
                "voucher": {"organization": "VNPost Bưu cục Ba Đình", "country_code": "VNM"},
            },
        }
    ]
    assert "Trần" not in str(found)


def test_ida_6_2_entries_of_evidence_are_alternatives() -> None:
    entries = [{"type": {"value": "document"}}, RECORD]

    found = answer(asks({"evidence": entries}))

    assert found["verification"]["evidence"] == [{"type": "electronic_record"}]


def test_a_certificate_vouches_for_the_numbers_in_it_and_for_no_others() -> None:
    request = asks({"assurance_level": {"value": "ial3"}}, {"id_number": None, "name": None})

    assert answer(request, about=both())["claims"] == {"id_number": "001072000136"}
    other = certificate(details={"serial": "1", "numbers": "cmnd:999999999"})
    assert answer(request, about=both(proof(), other))["claims"] == {}


def test_a_renewed_fact_without_a_proof_of_its_own_follows_its_source() -> None:
    about = replace(
        both(certificate(is_opening=True)),
        facts=(fact("full_name", "NGUYỄN VĂN HOÀ", "certificate:NEWTEL-CA v2", evidence_id=None),),
    )

    assert answer(PLAIN, about=about)["claims"] == {"name": "NGUYỄN VĂN HOÀ"}


@pytest.mark.parametrize(
    "gone", [(), (proof(ial=1),), (proof(source="self"),), (certificate(details={}),)]
)
def test_without_a_standing_proof_nothing_is_verified(gone: tuple[Vouching, ...]) -> None:
    assert answer(PLAIN, about=replace(subject(), proofs=gone)) is None


# --- requirements (6.3, 6.5) --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verification", "is_there"),
    [
        ({"trust_framework": {"value": "vn_dvcqg"}}, True),
        ({"trust_framework": {"values": ["eidas", "vn_dvcqg"]}}, True),
        ({"trust_framework": {"value": "eidas"}}, False),
        ({"assurance_level": {"value": "ial2"}}, True),
        ({"assurance_level": {"values": ["ial3"]}}, False),
        ({"time": {"max_age": 2 * 86400}}, True),
        ({"time": {"max_age": 2 * 86400 - 1}}, False),
        ({"time": {"max_age": 0}}, False),
        ({"trust_framework": {"max_age": 10**9}}, False),
        ({"verification_process": {"value": "x"}}, False),
        ({"assurance_process": {"policy": {"value": "x"}}}, False),
        ({"assurance_process": {"policy": None}}, True),
        ({"unheard_of": None}, True),
        ({"evidence": [RECORD]}, True),
        ({"evidence": [{"type": {"value": "vouch"}}]}, False),
        ({"evidence": [{"type": {"value": "unheard_of"}}]}, False),
        ({"evidence": [{**RECORD, "record": {"type": {"value": "population_register"}}}]}, False),
        ({"evidence": [{**RECORD, "record": {"type": {"values": ["a", REGISTER]}}}]}, True),
        ({"evidence": [{**RECORD, "record": {"source": {"name": {"value": "vinaphone"}}}}]}, True),
        ({"evidence": [{**RECORD, "record": {"source": {"name": {"value": "viettel"}}}}]}, False),
        ({"evidence": [{**RECORD, "record": {"created_at": {"max_age": 60}}}]}, False),
        ({"evidence": [{**RECORD, "check_details": [{"check_method": {"value": "data"}}]}]}, True),
        ({"evidence": [{**RECORD, "check_details": [{"check_method": {"value": "vpip"}}]}]}, False),
        ({"evidence": [{**RECORD, "check_details": [{"check_method": {"value": "vpip"}},
                                                    {"check_method": {"value": "data"}}]}]}, True),
        ({"evidence": [{**RECORD, "check_details": [{"check_method": None,
                                                     "time": {"max_age": 1}}]}]}, False),
    ],
)  # fmt: skip
def test_ida_6_5_4_a_requirement_of_verification_that_is_not_met_omits_the_whole(
    verification: dict[str, Any], *, is_there: bool
) -> None:
    assert (answer(asks(verification)) is not None) is is_there


def test_ida_6_5_4_a_requirement_of_a_claim_omits_only_that_claim() -> None:
    found = answer(asks(claims={"name": None, "gender": {"value": "female"}}))

    assert found["claims"] == {"name": "Nguyễn Văn Hoà"}


def test_ida_6_5_5_and_schema_5_3_claims_may_be_empty_which_is_a_valid_answer() -> None:
    found = answer(asks(claims={"gender": {"value": "female"}}))

    assert found == {"verification": {"trust_framework": "vn_dvcqg"}, "claims": {}}


def test_where_no_claim_that_we_know_was_asked_for_the_whole_is_omitted() -> None:
    """Nobody was asked whether that portal may learn it."""
    assert answer(asks(claims={"nickname": {"essential": True}})) is None


def test_ida_6_5_essential_changes_nothing() -> None:
    assert answer(asks({"trust_framework": {"value": "eidas", "essential": True}})) is None


def test_ida_6_4_each_element_of_an_array_is_answered_for_itself() -> None:
    low = asks({"assurance_level": {"value": "ial2"}})
    high = asks({"assurance_level": {"value": "ial3"}}, {"id_number": None})
    never = asks({"trust_framework": {"value": "eidas"}})

    found = answer(low, high, never, about=both())

    assert [each["verification"]["assurance_level"] for each in found] == ["ial2", "ial3"]


def test_of_two_proofs_the_one_with_more_claims_answers_then_the_higher() -> None:
    more = asks({"assurance_level": None}, {"id_number": None, "name": None})
    same = asks({"assurance_level": None}, {"id_number": None})

    assert answer(more, about=both())["verification"]["assurance_level"] == "ial2"
    assert answer(same, about=both())["verification"]["assurance_level"] == "ial3"


def test_a_number_is_verified_by_the_proof_the_account_was_opened_with() -> None:
    about = replace(both(proof(is_opening=False)), facts=(number("cccd", "001072000136"),))

    assert answer(asks(claims={"id_number": None}), about=about)["claims"] == {}


# --- reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hostile",
    [
        None, 5, "x", True, [], [None], [5], {},
        [PLAIN] * 6,
        {"claims": {"name": None}},
        {"verification": None, "claims": {"name": None}},
        {"verification": {}, "claims": {"name": None}},
        {"verification": {"trust_framework": None}},
        {"verification": {"trust_framework": None}, "claims": {}},
        {"verification": {"trust_framework": None}, "claims": []},
        {"verification": {"trust_framework": None}, "claims": {"name": 5}},
        {"verification": {"trust_framework": None}, "claims": {"name": {"values": "x"}}},
        {"verification": {"trust_framework": "vn_dvcqg"}, "claims": {"name": None}},
        {"verification": {"trust_framework": {"values": "x"}}, "claims": {"name": None}},
        {"verification": {"trust_framework": {"values": ["x"] * 51}}, "claims": {"name": None}},
        {"verification": {"trust_framework": {"essential": 1}}, "claims": {"name": None}},
        asks({"time": {"max_age": -1}}),
        asks({"time": {"max_age": "1"}}),
        asks({"time": {"max_age": True}}),
        asks({"time": {"max_age": 1.5}}),
        asks({"time": []}),
        asks({"evidence": None}),
        asks({"evidence": {}}),
        asks({"evidence": []}),
        asks({"evidence": [RECORD] * 11}),
        asks({"evidence": ["electronic_record"]}),
        asks({"evidence": [{}]}),
        asks({"evidence": [{"type": None}]}),
        asks({"evidence": [{"type": {"value": 5}}]}),
        asks({"evidence": [{"type": {"values": ["vouch"], "value": "vouch"}}]}),
        asks({"evidence": [{**RECORD, "check_details": {}}]}),
        asks({"evidence": [{**RECORD, "check_details": []}]}),
        asks({"evidence": [{**RECORD, "check_details": [5]}]}),
        asks({"evidence": [{**RECORD, "record": {"type": {"values": 5}}}]}),
        asks({"evidence": [{**RECORD, "record": {"created_at": {"max_age": []}}}]}),
    ],
)  # fmt: skip
def test_schema_a_request_of_another_shape_is_refused(hostile: Any) -> None:
    with pytest.raises(Unreadable):
        read(hostile)


@pytest.mark.parametrize(
    "strange",
    [
        asks({"evidence": [{**RECORD, "record": 5}]}),
        asks({"evidence": [{**RECORD, "record": []}]}),
        asks({"evidence": [{**RECORD, "record": {"source": "x"}}]}),
        asks({"evidence": [{**RECORD, "record": {"source": {"name": {"value": {"a": []}}}}}]}),
        asks({"evidence": [{**RECORD, "check_details": [{"x": {"y": {"z": None}}}]}]}),
        asks({"trust_framework": {"value": ["vn_dvcqg"]}}),
        asks(claims={"name": {"value": {"a": 1}}}),
        {"verification": {"trust_framework": None}, "claims": None},
    ],
)
def test_a_strange_request_never_breaks_the_answer(strange: dict[str, Any]) -> None:
    found = answer(strange)

    assert found is None or found["claims"] in ({}, {"name": "Nguyễn Văn Hoà"})
