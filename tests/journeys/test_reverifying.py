"""Verified facts change by asking again whoever vouches; a new card keeps account and sub (S11)."""

from __future__ import annotations

import pytest
from cryptography import x509
from werkzeug.test import TestResponse

from idp.domain.subjects import IdKind, IdNumber
from idp.ports import Revoked
from idp.storage.accounts import AccountStore
from tests.journeys.test_account import signed_in, signed_in_by_usb
from tests.journeys.test_passkey import removes
from tests.journeys.test_usb import certificate, opens_login, registers, signs
from tests.support.build import NOW, VAULT
from tests.support.house import PASSWORD, Browser, House, PortalClient, add_portal, answer_of
from tests.support.house import PERSON as OTHER
from tests.support.pki import name as named

CMND, CCCD = "123456789", "079199000001"
PERSON = {
    "username": CMND,
    "full_name": "Trần Thị Bưởi",
    "birth_date": "05/05/1999",
    "phone": "0912345678",
    "email": "",
}


def at_carrier(house: House, *numbers: str, name: str = PERSON["full_name"]) -> None:
    house.carrier.add(PERSON["phone"], *numbers, name=name, birth_date=PERSON["birth_date"])


def with_old_card(house: House) -> Browser:
    at_carrier(house, CMND)
    browser = house.browser()
    browser.registers(**PERSON)
    signs_in(browser, CMND)
    return browser


def signs_in(browser: Browser, number: str) -> None:
    browser.get("/login")
    browser.post({"username": number, "password": PASSWORD})
    browser.post({"code": browser.house.last_code()})


def verifies(browser: Browser, number: str = CCCD, name: str = PERSON["full_name"]) -> TestResponse:
    browser.get("/account/reverify")
    return browser.post({"username": number, "full_name": name})


def sub_at(browser: Browser, portal: PortalClient) -> object:
    browser.visit(portal.request())
    if browser.path.startswith("/consent"):
        browser.send({"do": "confirm"})
    assert browser.page
    tokens = portal.redeems(answer_of(browser.page)["code"]).get_json()
    return portal.claims(tokens["id_token"])["sub"]


@pytest.mark.parametrize("numbers", [(CMND, CCCD), (CCCD,)], ids=["both", "only the new one"])
def test_a_new_card_keeps_the_account_and_every_portals_sub(
    house: House, numbers: tuple[str, ...]
) -> None:
    browser = with_old_card(house)
    portals = [add_portal(house, name) for name in ("hanoi", "yte")]
    before = [sub_at(browser, portal) for portal in portals]
    at_carrier(house, *numbers)

    page = verifies(browser)

    assert page.request.path == "/account", page.text
    assert CMND in page.text
    assert CCCD in page.text
    other = house.browser()
    signs_in(other, CCCD)
    assert [sub_at(other, portal) for portal in portals] == before
    signs_in(house.browser(), CMND)


def test_a_corrected_name_is_verified_and_shown(house: House) -> None:
    browser = with_old_card(house)
    at_carrier(house, CMND, name="Trần Thị Bưởi Hồng")

    page = verifies(browser, CMND, "Trần Thị Bưởi Hồng")

    assert "Trần Thị Bưởi Hồng" in page.text
    assert "Trần Thị Bưởi</span>" not in page.text


def test_the_owner_is_told_and_the_history_says_it(house: House) -> None:
    browser = with_old_card(house)
    at_carrier(house, CMND, CCCD)
    house.forget_messages()

    verifies(browser)

    [message] = [m for m in house.messages() if m["to"] == "+84912345678"]
    assert "đã được xác minh lại" in message["text"]
    assert CCCD not in message["text"]
    assert "Xác minh lại" in browser.get("/account/history").text


def test_a_number_that_the_carrier_does_not_know_is_refused(house: House) -> None:
    browser = with_old_card(house)

    page = verifies(browser)

    assert page.status_code == 422
    assert "Thông tin không khớp với thông tin thuê bao" in page.text
    assert CCCD not in browser.get("/account").text


def test_a_phone_that_changed_hands_gives_nobody_elses_number(house: House) -> None:
    browser = with_old_card(house)
    at_carrier(house, "079199000002", name="Lê Văn Cam")

    page = verifies(browser, "079199000002", "Lê Văn Cam")

    assert page.status_code == 422
    assert "079199000002" not in browser.get("/account").text


def test_another_name_and_another_number_at_once_are_nobody_we_know(house: House) -> None:
    browser = with_old_card(house)
    at_carrier(house, CCCD, name="Trần Thị Mận")

    assert verifies(browser, CCCD, "Trần Thị Mận").status_code == 422


def test_a_number_of_another_account_stays_there(house: House) -> None:
    house.carrier.add("0987654321", CCCD, name=PERSON["full_name"], birth_date="05/05/1999")
    first = house.browser()
    first.registers(**{**PERSON, "username": CCCD, "phone": "0987654321"})
    browser = with_old_card(house)
    at_carrier(house, CMND, CCCD)

    page = verifies(browser)

    assert page.status_code == 422
    assert "khiếu nại" in page.text
    accounts = AccountStore(house.database, VAULT)
    old, new = (accounts.find_by_id_number(IdNumber.parse(n)) for n in (CMND, CCCD))
    assert old
    assert new
    assert old.id != new.id


def test_a_second_number_of_the_same_kind_needs_a_counter(house: House) -> None:
    browser = with_old_card(house)
    at_carrier(house, "987654321", CMND)

    page = verifies(browser, "987654321")

    assert page.status_code == 422
    assert "quầy giao dịch" in page.text


def test_a_carrier_that_is_down_loses_nothing(house: House) -> None:
    browser = with_old_card(house)
    house.carrier.is_down = True

    page = verifies(browser)

    assert (page.status_code, page.headers["Retry-After"]) == (503, "60")
    assert f'value="{CCCD}"' in page.text


def test_a_carrier_that_is_down_uses_up_none_of_the_checks(house: House) -> None:
    browser = with_old_card(house)
    house.carrier.is_down = True
    for _ in range(6):
        assert "tạm thời không phản hồi" in verifies(browser).text
    asked = house.carrier.asked
    house.carrier.is_down = False

    verifies(browser)

    assert house.carrier.asked == asked + 1


def test_questions_about_one_number_are_counted(house: House) -> None:
    browser = with_old_card(house)
    for _ in range(5):
        verifies(browser)
    at_carrier(house, CMND, CCCD)

    page = verifies(browser)

    assert page.status_code == 422
    assert CCCD not in browser.get("/account").text


def test_it_needs_a_proof_of_the_last_five_minutes(house: House) -> None:
    browser = with_old_card(house)
    browser.get("/account/reverify")
    house.clock.forward(minutes=6)

    page = browser.post({"username": CCCD, "full_name": PERSON["full_name"]})

    assert page.request.path.startswith("/login/")


@pytest.mark.parametrize("number", ["", "1", "x" * 500, "<script>", "\0", "079099000001"])
def test_hostile_numbers_are_faults(house: House, number: str) -> None:
    assert verifies(with_old_card(house), number).status_code == 422


def test_an_account_without_a_number_is_told_what_is_missing(house: House) -> None:
    browser = signed_in_by_usb(house, serial=81)
    browser.get("/account/reverify?by=mobile")

    form = {"username": "001072000136", "full_name": "Nguyễn Văn Hoà"}
    page = browser.post(form, "/account/reverify?by=mobile")

    assert page.status_code == 422
    assert "Cần có một số điện thoại nhận OTP" in page.text


def test_a_typed_birth_date_or_level_is_not_read(house: House) -> None:
    browser = signed_in(house)
    browser.get("/account/reverify")

    page = browser.post(
        {
            "username": "001072000136",
            "full_name": "Nguyễn Văn Hoà",
            "birth_date": "01/01/1999",
            "ial": "3",
        }
    )

    assert page.request.path == "/account"
    assert "01/02/1972" in page.text
    assert "mức 2" in page.text


# --- by social insurance ------------------------------------------------------------------------

INSURANCE = "0110012345"


def insured(house: House, *numbers: str, name: str = PERSON["full_name"]) -> None:
    house.insurance.add(INSURANCE, *numbers, name=name, birth_date="1999-05-05")


def opened_by_insurance(house: House) -> Browser:
    insured(house, CMND)
    browser = house.browser()
    browser.opens_registration("bhxh")
    browser.fills_in(**{**PERSON, "insurance_code": INSURANCE})
    browser.post({"code": house.last_code()})
    browser.post({"password": PASSWORD, "password_again": PASSWORD})
    signs_in(browser, CMND)
    return browser


def verifies_by_insurance(browser: Browser, **changes: str) -> TestResponse:
    path = "/account/reverify?by=bhxh"
    browser.get(path)
    return browser.post({"username": CCCD, "full_name": PERSON["full_name"], **changes}, path)


def test_social_insurance_vouches_for_a_new_card_as_well(house: House) -> None:
    browser = opened_by_insurance(house)
    insured(house, CMND, CCCD)
    assert "Xác minh lại qua Bảo hiểm xã hội" in browser.get("/account/reverify").text

    page = verifies_by_insurance(browser)

    assert page.request.path == "/account"
    assert CCCD in page.text
    assert CMND in page.text
    assert "Nguồn: CSDL BHXH" in page.text


@pytest.mark.parametrize("changes", [{"username": "079199000009"}, {"full_name": "Lê Văn Cam"}])
def test_what_social_insurance_does_not_know_changes_nothing(
    house: House, changes: dict[str, str]
) -> None:
    browser = opened_by_insurance(house)
    insured(house, CMND, CCCD)

    page = verifies_by_insurance(browser, **changes)

    assert page.status_code == 422
    assert "cơ quan Bảo hiểm xã hội để cập nhật" in page.text
    assert CCCD not in browser.get("/account").text


def test_social_insurance_is_offered_to_who_was_opened_with_its_code(house: House) -> None:
    browser = with_old_card(house)

    assert "Bảo hiểm xã hội" not in browser.get("/account/reverify").text


# --- by a certificate ---------------------------------------------------------------------------

FIRM = "MST:0100109106"


def firm(name: str, serial: int, *more: str, **changes: object) -> x509.Certificate:
    subject = named(name, *(more or (FIRM,)), organisation="VPCP")
    return certificate(subject=subject, serial=serial, **changes)


def signed_in_firm(house: House, leaf: x509.Certificate) -> Browser:
    registers(house.browser(), leaf, "enterprise", email="firm@example.vn")
    browser = house.browser()
    opens_login(browser)
    signs(browser, leaf)
    return browser


def verifies_by_token(browser: Browser, leaf: x509.Certificate) -> TestResponse:
    browser.get("/account")
    assert "Xác minh lại" in browser.text
    browser.get("/account/reverify?by=usb")
    browser.post({"do": "confirm"})
    return signs(browser, leaf)


def test_an_enterprise_takes_its_new_name_from_its_renewed_certificate(house: House) -> None:
    browser = signed_in_firm(house, firm("CÔNG TY CŨ", 301))
    portal = add_portal(house, scope="openid profile")
    sub = sub_at(browser, portal)

    page = verifies_by_token(browser, firm("CÔNG TY MỚI", 302))

    assert page.request.path == "/account"
    assert "CÔNG TY MỚI" in page.text
    assert "CÔNG TY CŨ" not in page.text
    assert sub_at(browser, portal) == sub
    assert browser.get("/account/methods").text.count("hết hạn ngày") == 2


def test_the_owner_hears_of_facts_that_a_certificate_renewed(house: House) -> None:
    browser = signed_in_firm(house, firm("CÔNG TY CŨ", 303))

    verifies_by_token(browser, firm("CÔNG TY MỚI", 304))

    assert "Xác minh lại danh tính" in browser.get("/account/history").text


def test_a_certificate_that_vouched_again_adds_no_proof_of_its_own(house: House) -> None:
    """The level would outlive the certificate, were it removed."""
    leaf = firm("CÔNG TY CŨ", 305)
    browser = signed_in_firm(house, leaf)
    accounts = AccountStore(house.database, VAULT)
    found = accounts.find_by_id_number(IdNumber(IdKind.TAX_CODE, "0100109106"))
    assert found
    before = len(accounts.proofs(found.id))

    verifies_by_token(browser, leaf)

    assert len(accounts.proofs(found.id)) == before


def test_a_certificate_with_both_numbers_adds_the_other_one(house: House) -> None:
    browser = signed_in_by_usb(house, serial=306)

    leaf = certificate("CCCD:001072000136", "CMND:012345678", serial=307)
    page = verifies_by_token(browser, leaf)

    assert page.request.path == "/account"
    assert "012345678" in page.text
    assert "mức 3" in page.text


def test_a_certificate_of_somebody_else_renews_nothing(house: House) -> None:
    browser = signed_in_firm(house, firm("CÔNG TY CŨ", 308))

    page = verifies_by_token(browser, certificate(serial=309))

    assert "cấp cho người khác" in page.text
    assert "NGUYỄN VĂN HOÀ" not in browser.get("/account").text


def test_a_certificate_that_was_removed_meanwhile_renews_nothing(house: House) -> None:
    browser, leaf = signed_in(house), certificate(serial=310)
    browser.get("/account/methods")
    browser.post({"method": "usb"}, "/account/methods/add")
    browser.post({"do": "confirm"})
    signs(browser, leaf)
    late = browser.get("/account/reverify?by=usb").request.path
    browser.get("/account/methods")
    removes(browser)
    browser.get(late)
    browser.post({"do": "confirm"})

    page = signs(browser, leaf)

    assert "chưa có trong tài khoản" in page.text


def test_a_revoked_certificate_renews_nothing(house: House) -> None:
    browser = signed_in_firm(house, firm("CÔNG TY CŨ", 312))
    house.status.states[313] = Revoked(NOW)

    page = verifies_by_token(browser, firm("CÔNG TY MỚI", 313))

    assert "thu hồi" in page.text
    assert "CÔNG TY MỚI" not in browser.get("/account").text


def test_asking_a_certificate_again_needs_a_fresh_proof(house: House) -> None:
    browser = signed_in_firm(house, firm("CÔNG TY CŨ", 314))
    house.clock.forward(minutes=6)

    browser.get("/account/reverify?by=usb")

    assert browser.path.startswith("/login/")
    assert "Xác minh lại" not in browser.text


def test_a_citizen_without_a_certificate_is_offered_none(house: House) -> None:
    browser = signed_in(house)

    page = browser.get("/account/reverify?by=usb").text

    assert "USB ký số" not in page
    assert OTHER["username"] in page


def test_the_page_says_what_the_signature_is_for_and_cancel_leads_back(house: House) -> None:
    browser = signed_in_firm(house, firm("CÔNG TY CŨ", 316))

    page = browser.get("/account/reverify?by=usb")

    assert "<h1>Xác minh lại bằng USB ký số</h1>" in page.text
    for text_of_sign_in in ("Chưa có tài khoản?", "login.tabs", "ĐĂNG NHẬP"):
        assert text_of_sign_in not in page.text
    assert browser.post({"do": "cancel"}).request.path == "/account"


def test_r66_a_token_is_added_as_it_is_registered(house: House) -> None:
    browser = signed_in(house)
    browser.get("/account/methods/new")

    page = browser.post({"method": "usb"}, "/account/methods/add")

    assert "<h1>USB ký số</h1>" in page.text
    assert "ĐĂNG KÝ" in page.text
    assert "Chưa có tài khoản?" not in page.text
    assert browser.post({"do": "cancel"}).request.path == "/account/methods"
