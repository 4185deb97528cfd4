"""``verified_claims`` through whole sign-ins: who was verified how, on both databases."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import update

from idp.storage.models import ConsentRow, EvidenceRow
from tests.journeys.test_usb import certificate, registers, signs
from tests.journeys.test_vnpost import activate, finish, issue
from tests.support.house import House, PortalClient, add_portal, answer_of

RECORD = {"type": {"value": "electronic_record"}, "record": {"type": None, "source": None}}
ASKED = {
    "verification": {
        "trust_framework": {"value": "vn_dvcqg"},
        "assurance_level": None,
        "time": None,
        "evidence": [
            RECORD,
            {"type": {"value": "electronic_signature"}},
            {"type": {"value": "vouch"}, "attestation": {"type": None, "voucher": None}},
        ],
    },
    "claims": {"name": None, "birthdate": None, "id_number": {"essential": True}},
}


def request(portal: PortalClient, asked: object = ASKED, **changes: str) -> str:
    claims = {"userinfo": {"verified_claims": asked}, "id_token": {"verified_claims": asked}}
    return portal.request(scope="openid", claims=json.dumps(claims), **changes)


def userinfo(house: House, portal: PortalClient, code: str) -> tuple[dict[str, Any], Any]:
    """Claims of userinfo, and ``verified_claims`` of the ID token."""
    tokens = portal.redeems(code).get_json()
    answer = house.app.test_client().get(
        "/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    )
    found: dict[str, Any] = answer.get_json()
    return found, portal.claims(tokens["id_token"]).get("verified_claims")


def test_ida_a_carriers_record_is_told_in_userinfo_and_id_token(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()

    code = answer_of(browser.signs_in_at(request(portal)))["code"]

    found, in_token = userinfo(house, portal, code)
    assert found["verified_claims"] == in_token
    assert set(found) == {"sub", "verified_claims"}
    assert in_token == {
        "verification": {
            "trust_framework": "vn_dvcqg",
            "assurance_level": "ial2",
            "time": "2026-11-24T09:00:00Z",
            "evidence": [
                {
                    "type": "electronic_record",
                    "record": {
                        "type": "mobile_subscriber_register",
                        "source": {"name": "vinaphone", "country_code": "VNM"},
                    },
                }
            ],
        },
        "claims": {
            "name": "Nguyễn Văn Hoà",
            "birthdate": "1972-02-01",
            "id_number": "001072000136",
        },
    }


def test_ida_a_certificate_is_an_electronic_signature_at_level_three(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    registers(browser, certificate())
    browser.visit(request(portal, acr_values="ial3"))
    browser.send({"do": "confirm"})
    signs(browser, certificate())

    code = answer_of(browser.send({"do": "confirm"}))["code"]

    _, found = userinfo(house, portal, code)
    verification = found["verification"]
    assert verification["assurance_level"] == "ial3"
    [evidence] = verification["evidence"]
    assert (evidence["type"], evidence["issuer"]) == ("electronic_signature", "NEWTEL-CA v2")
    assert int(evidence["serial_number"], 16)
    assert found["claims"] == {"name": "NGUYỄN VĂN HOÀ", "id_number": "001072000136"}


def test_ida_a_post_office_vouches_without_the_clerks_name(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    activate(browser, issue(house).get_json()["activation_code"])
    finish(browser)

    code = answer_of(browser.signs_in_at(request(portal)))["code"]

    found, _ = userinfo(house, portal, code)
    [evidence] = found["verified_claims"]["verification"]["evidence"]
    assert evidence["type"] == "vouch"
    voucher = {"organization": "VNPost Bưu cục Hàng Bài", "country_code": "VNM"}
    assert evidence["attestation"]["voucher"] == voucher
    assert "bd-17" not in str(found)


def test_ida_the_person_is_told_and_asked_again_when_it_becomes_more(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    portal.signs_in_with(browser)

    page = browser.visit(request(portal))

    for words in ("Nguồn và ngày xác minh", "Họ tên", "Ngày sinh", "Số CMT/CCCD"):
        assert words in page.text
    code = answer_of(browser.send({"do": "confirm"}))["code"]
    assert "verified_claims" in userinfo(house, portal, code)[0]
    assert "code" in answer_of(browser.visit(request(portal, prompt="none")))


def test_ida_without_the_persons_approval_there_is_no_code(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    portal.signs_in_with(browser)

    refused = answer_of(browser.visit(request(portal, prompt="none")))

    assert refused["error"] == "consent_required"
    with house.database.transaction() as connection:
        connection.execute(update(ConsentRow).values(claims="name birthdate id_number"))
    again = answer_of(browser.visit(request(portal, prompt="none")))
    assert again["error"] == "consent_required"


def test_ida_a_proof_that_ended_verifies_nothing_any_more(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    browser.signs_in_at(request(portal))
    with house.database.transaction() as connection:
        connection.execute(update(EvidenceRow).values(ended_at=house.clock()))

    found, in_token = userinfo(house, portal, answer_of(browser.visit(request(portal)))["code"])

    assert set(found) == {"sub"}
    assert in_token is None


def test_ida_userinfo_with_verified_claims_is_one_statement(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    code = answer_of(browser.signs_in_at(request(portal)))["code"]
    token = portal.redeems(code).get_json()["access_token"]
    counted = house.database.counted
    before = counted.statements, counted.commits

    house.app.test_client().get("/userinfo", headers={"Authorization": f"Bearer {token}"})

    assert (counted.statements - before[0], counted.commits - before[1]) == (1, 0)


def test_ida_7_discovery_says_what_there_is(house: House) -> None:
    found = house.app.test_client().get("/.well-known/openid-configuration").get_json()

    assert "verified_claims_supported" not in found  # of the drafts; 1.0 has no such member
    assert found["trust_frameworks_supported"] == ["vn_dvcqg"]
    assert set(found["evidence_supported"]) == {"electronic_record", "electronic_signature",
                                                "vouch"}  # fmt: skip
    assert found["electronic_records_supported"]
    assert "documents_supported" not in found
    assert set(found["claims_in_verified_claims_supported"]) <= set(found["claims_supported"])
