"""Thông tin định danh (R57-R63, S10-S12): the rows of each kind of account, in both languages."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from tests.journeys.test_account import signed_in
from tests.journeys.test_usb import certificate, opens_login, registers, signs
from tests.support.house import Browser, House
from tests.support.pki import pki

ENTERPRISE, AGENCY = "MST:0100109106", "MDV:000.00.17.G22"
VERIFIED, UNVERIFIED, DECLARED = "verified", "unverified", "declared"
WORDS = {
    "vi": {VERIFIED: "Đã xác minh", UNVERIFIED: "Chưa xác minh", DECLARED: "Người dùng khai"},
    "en": {VERIFIED: "Verified", UNVERIFIED: "Not verified", DECLARED: "Stated by the owner"},
}
ROWS = {
    ("citizen", "vi"): [
        "Họ tên", "Giới tính", "Số CMT (9 số)", "Số CMT/CCCD (12 số)", "Ngày sinh", "Nơi sinh",
        "Quê quán", "Địa chỉ thường trú", "Số điện thoại", "Email", "Địa chỉ liên hệ",
    ],
    ("citizen", "en"): [
        "Full name", "Sex", "CMT number (9 digits)", "CMT/CCCD number (12 digits)",
        "Date of birth", "Place of birth", "Place of origin", "Permanent address",
        "Phone number", "Email", "Contact address",
    ],
    ("enterprise", "vi"): [
        "Tên doanh nghiệp", "Mã số thuế", "Người đại diện", "Địa chỉ", "Số điện thoại", "Email",
        "Ngày cấp", "Địa chỉ liên hệ",
    ],
    ("enterprise", "en"): [
        "Enterprise", "Tax code", "Representative", "Address", "Phone number", "Email",
        "Issued on", "Contact address",
    ],
    ("agency", "vi"): [
        "Tên tổ chức", "Mã đơn vị", "Đơn vị chủ quản", "Số điện thoại", "Email", "Địa chỉ",
        "Địa chỉ liên hệ",
    ],
    ("agency", "en"): [
        "Organisation", "Agency code", "Parent agency", "Phone number", "Email", "Address",
        "Contact address",
    ],
}  # fmt: skip
STATES = {
    "citizen": "vvvvvuuuvdu",
    "enterprise": "vvuuuduu",
    "agency": "vvvuduu",
}


def organisation(house: House, kind: str) -> Browser:
    ca, user_id = (pki().newtel, ENTERPRISE) if kind == "enterprise" else (pki().government, AGENCY)
    leaf, form = certificate(user_id, ca=ca), {"email": "donvi@example.vn", "captcha": "12345"}
    registers(house.browser(), leaf, kind, **form)
    browser = house.browser()
    opens_login(browser)
    signs(browser, leaf)
    return browser


def rows(text: str) -> list[tuple[str, str, str, str]]:
    """Label, status class, status words and source line of each row, in order."""
    found = re.findall(
        r"<dt>(.*?)</dt>.*?<span class=\"status (\w+)\">(.*?)</span>\s*"
        r"(?:<small class=\"hint\">(.*?)</small>)?",
        text,
        re.DOTALL,
    )
    return [(unescape(a), b, unescape(c), unescape(d)) for a, b, c, d in found]


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize("kind", ["citizen", "enterprise", "agency"])
def test_each_kind_of_account_shows_its_rows_in_order_with_status_source_and_date(
    house: House, kind: str, language: str
) -> None:
    browser = signed_in(house) if kind == "citizen" else organisation(house, kind)
    browser.get(f"/lang/{language}?next=/account")

    found = rows(browser.get("/account").text)

    assert [label for label, *_ in found] == ROWS[kind, language]
    letters: dict[str, Any] = {"v": VERIFIED, "u": UNVERIFIED, "d": DECLARED}
    assert [state for _, state, *_ in found] == [letters[letter] for letter in STATES[kind]]
    for label, state, words, source in found:
        assert words == WORDS[language][state], label
        dated = re.search(r"\d{2}/\d{2}/\d{4}$", source.strip())
        assert bool(dated) == (state != UNVERIFIED), (label, source)


@pytest.mark.parametrize("kind", ["enterprise", "agency"])
def test_an_organisation_confirms_its_mailbox_by_a_code(house: House, kind: str) -> None:
    browser = organisation(house, kind)
    browser.get("/account/edit")
    browser.post({"phone": "0912345678", "email": "donvi@example.vn", "contact_address": "Số 1"})

    page = browser.post({"code": house.last_letter_code()})

    states = {label: state for label, state, *_ in rows(page.text)}
    assert states["Email"] == VERIFIED
    assert states["Số điện thoại"] == DECLARED
    assert states["Địa chỉ liên hệ"] == DECLARED
