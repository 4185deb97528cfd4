"""USB signing token: registration (R31-R39), sign-in (R53-R55), levels (S7), every refusal."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from idp.domain.accounts import Attribute
from idp.domain.assurance import IAL
from idp.domain.subjects import IdKind, IdNumber
from idp.ports import Revocation, Revoked, Unknown
from idp.storage.accounts import AccountStore
from idp.storage.models import AccountRow, CredentialRow
from tests.support.build import NOW, VAULT
from tests.support.house import PASSWORD, Browser, House, add_portal, answer_of
from tests.support.pki import Ca, key_of, name, pki, token

ORIGIN = "http://localhost:8000"
CCCD = IdNumber.parse("001072000136")
ENTERPRISE = IdNumber(IdKind.TAX_CODE, "0100109106")
AGENCY = IdNumber(IdKind.AGENCY_CODE, "G22.17")
TAB = "?method=usb"


def certificate(*user_ids: str, ca: Ca | None = None, **changes: Any) -> x509.Certificate:
    subject = name("NGUYỄN VĂN HOÀ", *(user_ids or ("CCCD:001072000136",)), organisation="VPCP")
    return (ca or pki().newtel).leaf(**{"subject": subject, "key": key_of("p256"), **changes})


def accounts(house: House) -> AccountStore:
    return AccountStore(house.database, VAULT)


def asked(browser: Browser) -> str:
    """The nonce that the page gives to the signing tool."""
    found = re.search(r'data-nonce="([^"]+)"', browser.text)
    assert found, browser.text
    return found[1]


def signs(browser: Browser, leaf: x509.Certificate, **changes: Any) -> TestResponse:
    """What the script of the page does with the tool's answer."""
    values = {"origin": ORIGIN, "nonce": asked(browser), **changes}
    return browser.send({"token": token(leaf, key_of("p256"), **values)})


def begins(browser: Browser, subject: str = "citizen") -> None:
    browser.get("/register")
    browser.post({"subject": subject, "method": "usb"})
    browser.post({"do": "confirm"})


def registers(
    browser: Browser, leaf: x509.Certificate, subject: str = "citizen", **form: str
) -> TestResponse:
    begins(browser, subject)
    signs(browser, leaf)
    return browser.post({"email": "", **form})


def opens_login(browser: Browser) -> None:
    browser.get("/login")
    browser.get(browser.path + TAB)
    browser.post({"do": "confirm"})


def test_who_registered_with_a_token_is_led_to_its_tab(house: House) -> None:
    browser = house.browser()
    registers(browser, certificate())

    assert 'href="/login?method=usb"' in browser.text
    assert "Cắm USB ký số đã đăng ký" in browser.get("/login?method=usb").text
    assert "Mật khẩu" in browser.get("/login?method=no-such").text


def test_who_has_no_token_at_hand_can_choose_another_way(house: House) -> None:
    browser = house.browser()
    begins(browser, "enterprise")
    assert 'href="/register?subject=enterprise">Chọn phương thức đăng ký khác' in browser.text
    opens_login(browser)
    other = f"{browser.path}?method=usb"

    assert f'href="{other}">Chọn phương thức xác thực khác' in browser.text
    assert "Sim ký số" in browser.get(other).text


# --- registration -------------------------------------------------------------------------------


def test_a_citizen_opens_an_account_at_level_three_without_a_password(house: House) -> None:
    page = registers(house.browser(), certificate())

    assert "Đăng ký thành công" in page.text
    assert "mức 3" in page.text
    found = accounts(house).find_by_id_number(CCCD)
    assert found
    assert (found.ial, found.password_hash, found.phones) == (IAL.HIGH, None, ())
    fact = accounts(house).identity(found.id).find(Attribute.FULL_NAME)
    assert fact
    assert fact.source == "certificate:NEWTEL-CA v2"


def test_the_review_shows_what_the_certificate_says_with_dates_of_vietnam(house: House) -> None:
    browser = house.browser()
    begins(browser)

    page = signs(browser, certificate())

    for text in ("Chào mừng bạn đến với Cổng Dịch vụ công quốc gia", "NGUYỄN VĂN HOÀ",
                 "24/11/2025", "24/11/2027", "NEWTEL-CA v2", "Điều khoản",
                 "Chính sách chia sẻ thông tin"):  # fmt: skip
        assert text in page.text


def test_an_enterprise_opens_an_account_by_its_tax_code(house: House) -> None:
    leaf = certificate("MST:0100109106")

    registers(house.browser(), leaf, "enterprise", email="firm@example.vn")

    found = accounts(house).find_by_id_number(ENTERPRISE)
    assert found
    assert (found.kind, found.ial) == ("enterprise", IAL.HIGH)


@pytest.mark.parametrize("email", ["", " ", "x", "a@b", "<script>@x.vn", "x" * 5000])
def test_the_email_is_mandatory_for_an_enterprise(house: House, email: str) -> None:
    page = registers(house.browser(), certificate("MST:0100109106"), "enterprise", email=email)

    assert page.status_code == 422
    assert accounts(house).find_by_id_number(ENTERPRISE) is None


def test_an_agency_types_a_captcha_and_is_known_by_its_code(house: House) -> None:
    leaf = certificate("MDV:000.00.17.G22", ca=pki().government)
    browser = house.browser()

    page = registers(browser, leaf, "agency")
    assert page.status_code == 422
    assert "captcha" in page.text
    browser.post({"email": "", "captcha": "12345"})

    found = accounts(house).find_by_id_number(AGENCY)
    assert found
    parent = accounts(house).identity(found.id).find(Attribute.PARENT_AGENCY)
    assert parent
    assert parent.value == "VPCP"


@pytest.mark.parametrize(
    ("subject", "user_id", "government"),
    [
        ("citizen", "MST:0100109106", False),
        ("enterprise", "CCCD:001072000136", False),
        ("agency", "CCCD:001072000136", False),
        ("citizen", "MDV:G22.17", True),
        ("enterprise", "MDV:G22.17", True),
    ],
)
def test_a_certificate_of_another_kind_of_subject_is_refused(
    house: House, subject: str, user_id: str, *, government: bool
) -> None:
    browser = house.browser()
    begins(browser, subject)

    signs(browser, certificate(user_id, ca=pki().government if government else None))

    assert "không dành cho đối tượng" in browser.text


def test_existing_account_is_found_by_the_number_in_the_certificate(house: House) -> None:
    house.browser().registers()
    browser = house.browser()
    begins(browser)

    page = signs(browser, certificate("CMND:012345678"))

    for way in ("Số CMT/CCCD này đã có tài khoản", "Quên mật khẩu", "quầy", "khiếu nại"):
        assert way in page.text


@pytest.mark.parametrize(
    ("subject", "user_id", "told"),
    [
        ("enterprise", "MST:0100109106", "Mã số thuế này"),
        ("agency", "MDV:000.00.17.G22", "Mã đơn vị này"),
    ],
)
def test_a_firm_and_an_agency_are_told_of_their_own_number(
    house: House, subject: str, user_id: str, told: str
) -> None:
    leaf = certificate(user_id, ca=pki().government if subject == "agency" else None)
    registers(house.browser(), leaf, subject, email="a@example.vn", captcha="12345")
    browser = house.browser()
    begins(browser, subject)

    page = signs(browser, leaf)

    assert f"{told} đã có tài khoản" in page.text
    assert "Số CMT/CCCD" not in page.text


def test_of_twenty_registrations_at_once_one_account_remains(house: House) -> None:
    leaf = certificate()
    browsers = [house.browser() for _ in range(20)]
    for browser in browsers:
        begins(browser)
        signs(browser, leaf)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda browser: browser.post({"email": ""}), browsers))

    with house.database.transaction() as connection:
        assert connection.scalar(select(func.count()).select_from(AccountRow)) == 1
        assert connection.scalar(select(func.count()).select_from(CredentialRow)) == 1


REFUSED = [
    ({"ends": NOW - timedelta(days=1)}, "đã hết hạn ngày 23/11/2026 (CA: NEWTEL-CA v2)"),
    (
        {"starts": NOW + timedelta(days=2)},
        "chưa có hiệu lực trước ngày 26/11/2026 (CA: NEWTEL-CA v2)",
    ),
    ({"extensions": ()}, "không dùng được để xác thực"),
    ({"subject": name("X")}, "không ghi rõ"),
    ({"subject": name("X", "MST:0100109106", "CCCD:001072000136")}, "cá nhân trong doanh nghiệp"),
]


@pytest.mark.parametrize(("changes", "text"), REFUSED)
def test_each_refused_certificate_has_a_text_of_its_own(
    house: House, changes: dict[str, Any], text: str
) -> None:
    browser = house.browser()
    begins(browser)

    signs(browser, certificate(**changes))

    assert text in browser.text
    assert house.status.asked <= 1


def test_a_certificate_of_a_foreign_ca_is_refused_and_nobody_is_asked_about_it(
    house: House,
) -> None:
    foreign = Ca("NEWTEL-CA v2", Ca("Vietnam National Root CA", key_number=3), key_number=3)
    browser = house.browser()
    begins(browser)

    signs(browser, certificate(ca=foreign))

    assert "không do CA được công nhận cấp" in browser.text
    assert house.status.asked == 0


EVENING = datetime(2026, 3, 11, 17, 30, tzinfo=UTC)
"""The next day in Viet Nam."""


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (Revoked(EVENING), "Chứng thư số đã bị thu hồi ngày 12/03/2026 (CA: NEWTEL-CA v2)."),
        (Revoked(EVENING, "Vietnam Root"), "CA Vietnam Root đã bị thu hồi ngày 12/03/2026"),
        (Unknown(), "CA NEWTEL-CA v2 không xác nhận"),
    ],
    ids=["revoked", "its CA revoked", "unknown"],
)
def test_a_certificate_that_the_ca_does_not_stand_by_is_refused(
    house: House, state: Revocation, text: str
) -> None:
    leaf = certificate()
    house.status.states[leaf.serial_number] = state
    browser = house.browser()
    begins(browser)

    signs(browser, leaf)

    assert text in browser.text


def test_when_the_ca_does_not_answer_nobody_gets_in(house: House) -> None:
    registers(house.browser(), certificate(serial=5))
    house.status.is_down = True
    browser = house.browser()
    opens_login(browser)

    page = signs(browser, certificate(serial=5))

    assert (page.status_code, page.headers["Retry-After"]) == (503, "60")
    assert "không phản hồi" in page.text
    assert house.browser().get("/account").request.path != "/account"


# --- the signature ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [{"origin": "https://evil.example"}, {"origin": ORIGIN + "/"}, {"nonce": "A" * 44}],
    ids=["origin", "slash", "nonce"],
)
def test_a_signature_for_something_else_is_refused(house: House, changes: dict[str, Any]) -> None:
    browser = house.browser()
    begins(browser)

    signs(browser, certificate(), **changes)

    assert "Chữ ký không hợp lệ" in browser.text


def test_a_nonce_lives_five_minutes(house: House) -> None:
    browser = house.browser()
    begins(browser)
    house.clock.forward(minutes=5, seconds=1)

    signs(browser, certificate())

    assert "Đã quá 5 phút" in browser.text


def test_a_nonce_of_another_browser_is_worth_nothing(house: House) -> None:
    mine, theirs = house.browser(), house.browser()
    begins(mine)
    begins(theirs)

    signs(mine, certificate(), nonce=asked(theirs))

    assert "Chữ ký không hợp lệ" in mine.text


def test_an_answer_is_looked_at_once(house: House) -> None:
    browser = house.browser()
    begins(browser)
    good = token(certificate(), key_of("p256"), origin=ORIGIN, nonce=asked(browser))
    spoilt = good.replace("ES256", "RS256")

    browser.post({"token": spoilt})
    page = browser.post({"token": good})

    assert "NEWTEL-CA" not in page.text


def test_of_many_answers_at_once_at_most_one_counts(house: House) -> None:
    registers(house.browser(), certificate(serial=6))
    browser = house.browser()
    opens_login(browser)
    answer = token(certificate(serial=6), key_of("p256"), origin=ORIGIN, nonce=asked(browser))
    form, path = {"csrf": browser._csrf(), "token": answer}, browser.path

    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(lambda _: browser.client.post(path, data=form), range(10)))

    cookies = [r for r in results if "idp_session=" in str(r.headers.getlist("Set-Cookie"))]
    assert len(cookies) == 1
    assert all(r.status_code < 500 for r in results)


@pytest.mark.parametrize(
    "text", ["", "x", "{}", "[]", "null", "{" * 9000, "x" * 20_000, "\0", '{"format":"web-eid:1"}']
)
def test_hostile_answers_are_refused_and_the_way_on_stays(house: House, text: str) -> None:
    browser = house.browser()
    begins(browser)

    page = browser.post({"token": text})

    assert page.status_code in {200, 422}
    assert "ĐĂNG KÝ" in page.text


# --- sign-in ------------------------------------------------------------------------------------


def test_sign_in_at_a_portal_is_level_three_with_hardware(house: House) -> None:
    portal = add_portal(house)
    registers(house.browser(), certificate(serial=7))
    browser = house.browser()
    browser.visit(portal.request(acr_values="ial3"))
    browser.send({"do": "confirm"})

    signs(browser, certificate(serial=7))
    back = browser.send({"do": "confirm"})

    claims = portal.claims(portal.redeems(answer_of(back)["code"]).get_json()["id_token"])
    assert claims["acr"] == "ial3"
    assert claims["amr"] == ["hwk", "pin", "mfa"]


def test_the_consent_page_names_the_level_that_the_portal_will_be_told(house: House) -> None:
    portal = add_portal(house)
    registers(house.browser(), certificate(serial=7))
    browser = house.browser()
    browser.visit(portal.request())
    browser.client.get(f"{browser.path}?method=usb")
    browser.visit(browser.path)
    browser.send({"do": "confirm"})

    page = signs(browser, certificate(serial=7))
    back = browser.send({"do": "confirm"})

    claims = portal.claims(portal.redeems(answer_of(back)["code"]).get_json()["id_token"])
    assert (claims["acr"], "lần đăng nhập này: mức 3" in page.text) == ("ial3", True)


def test_a_firm_is_asked_for_its_own_data_and_not_for_a_birthday(house: House) -> None:
    portal = add_portal(house)
    leaf = certificate("MST:0100109106", serial=8)
    registers(house.browser(), leaf, "enterprise", email="firm@example.vn")
    browser = house.browser()
    browser.visit(portal.request(acr_values="ial3", scope="openid profile identity"))
    browser.send({"do": "confirm"})

    page = signs(browser, leaf)

    assert "Tên doanh nghiệp" in page.text
    assert "Mã số thuế" in page.text
    for wrong in ("Ngày sinh", "Giới tính", "Họ tên", "Số CMT/CCCD"):
        assert wrong not in page.text


def test_a_certificate_without_an_account_is_told_and_invited(house: House) -> None:
    browser = house.browser()
    opens_login(browser)

    signs(browser, certificate())

    assert "Chứng thư số chưa được đăng ký tài khoản. Đăng ký ngay?" in browser.text


def test_a_renewed_certificate_of_the_same_ca_signs_in_and_is_remembered(house: House) -> None:
    registers(house.browser(), certificate(serial=8))
    browser = house.browser()
    opens_login(browser)

    signs(browser, certificate(serial=9))

    assert browser.get("/account").request.path == "/account"
    with house.database.transaction() as connection:
        assert connection.scalar(select(func.count()).select_from(CredentialRow)) == 2


def test_a_certificate_of_the_same_person_by_another_ca_does_not_sign_in(house: House) -> None:
    registers(house.browser(), certificate(serial=10))
    other = Ca("OTHER-CA", pki().root, path_length=0)
    browser = house.browser()
    opens_login(browser)

    signs(browser, certificate(ca=other))

    assert "không do CA được công nhận cấp" in browser.text


def test_the_same_key_in_a_strangers_certificate_does_not_sign_in(house: House) -> None:
    registers(house.browser(), certificate(serial=11))
    browser = house.browser()
    opens_login(browser)

    signs(browser, certificate("CCCD:001199000001", serial=12))

    assert "chưa được đăng ký" in browser.text


# --- levels -------------------------------------------------------------------------------------


def test_level_three_fades_after_five_minutes_and_comes_back_by_a_fresh_signature(
    house: House,
) -> None:
    portal = add_portal(house)
    registers(house.browser(), certificate(serial=13))
    browser = house.browser()
    browser.visit(portal.request())
    browser.get(browser.path + TAB)
    browser.send({"do": "confirm"})
    signs(browser, certificate(serial=13))
    browser.send({"do": "confirm"})
    house.clock.forward(minutes=6)

    quiet = browser.visit(portal.request())
    claims = portal.claims(portal.redeems(answer_of(quiet)["code"]).get_json()["id_token"])
    assert claims["acr"] == "ial2"
    browser.visit(portal.request(acr_values="ial3"))
    browser.send({"do": "confirm"})
    back = signs(browser, certificate(serial=13))

    claims = portal.claims(portal.redeems(answer_of(back)["code"]).get_json()["id_token"])
    assert claims["acr"] == "ial3"


def test_an_account_of_level_two_never_gets_level_three_by_asking(house: House) -> None:
    portal = add_portal(house)
    house.browser().registers()
    browser = house.browser()
    browser.visit(portal.request(acr_values="ial3"))
    browser.get(browser.path + "?method=password_otp")
    browser.send({"username": "001072000136", "password": PASSWORD})
    browser.send({"code": house.last_code()})
    back = browser.send({"do": "confirm"})

    claims = portal.claims(portal.redeems(answer_of(back)["code"]).get_json()["id_token"])
    assert claims["acr"] == "ial2"


def test_an_essential_level_closes_the_tabs_below_it(house: House) -> None:
    portal = add_portal(house)
    wanted = '{"id_token":{"acr":{"essential":true,"value":"ial3"}}}'
    browser = house.browser()

    page = browser.visit(portal.request(claims=wanted))

    assert "Chưa đủ mức được yêu cầu" in page.text
    assert "USB ký số" in page.text
    browser.get(browser.path + "?method=password_otp")
    assert 'name="password"' not in browser.text


@pytest.mark.parametrize(
    ("subject", "user_id", "labels"),
    [
        ("enterprise", "MST:0100109106", ["Tên doanh nghiệp", "Mã số thuế", "0100109106"]),
        ("agency", "MDV:000.00.17.G22", ["Tên tổ chức", "Mã đơn vị", "G22.17", "Đơn vị chủ quản"]),
    ],
)
def test_an_organisation_sees_its_own_rows_and_a_portal_its_code(
    house: House, subject: str, user_id: str, labels: list[str]
) -> None:
    portal = add_portal(house)
    leaf = certificate(user_id, ca=pki().government if subject == "agency" else None, serial=77)
    form = {"email": "a@example.vn", "captcha": "12345"}
    registers(house.browser(), leaf, subject, **form)
    browser = house.browser()
    browser.visit(portal.request(acr_values="ial3"))
    browser.send({"do": "confirm"})
    signs(browser, leaf)
    back = browser.send({"do": "confirm"})
    token_answer = portal.redeems(answer_of(back)["code"]).get_json()

    page = browser.get("/account")
    told = house.app.test_client().get(
        "/userinfo", headers={"Authorization": f"Bearer {token_answer['access_token']}"}
    )

    for label in labels:
        assert label in page.text
    assert told.get_json()["account_kind"] == subject
    assert told.get_json()["id_number"] == labels[2]
