"""Registration by mobile subscription (R8-R20, S2, S5, S14, S18), without JavaScript."""

from __future__ import annotations

import html
import re
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from idp.domain.accounts import Attribute
from idp.domain.assurance import IAL
from idp.domain.subjects import IdNumber
from idp.flows.answers import Visitor
from idp.storage.accounts import AccountStore
from idp.storage.models import AccountRow
from tests.support.build import VAULT
from tests.support.house import PASSWORD, PERSON, House, add_portal

CCCD, CMND = IdNumber.parse("001072000136"), IdNumber.parse("012345678")
MISMATCH = "Thông tin không khớp với thông tin thuê bao tại nhà mạng."
HOSTILE = ["", " ", "\0", "x" * 5000, "<script>alert(1)</script>", "'; DROP TABLE accounts;--",
           "\u202e\u0000", "١٢٣٤٥٦٧٨٩", "%00", "🙂", "\ud83d"]  # fmt: skip


def accounts(house: House) -> AccountStore:
    return AccountStore(house.database, VAULT)


def test_a_person_opens_an_account_at_level_two(house: House) -> None:
    browser = house.browser()

    page = browser.registers()

    assert "Đăng nhập" in page.text
    found = accounts(house).find_by_id_number(CCCD)
    assert found
    assert (found.ial, len(found.phones)) == (IAL.MEDIUM, 1)
    name = accounts(house).identity(found.id).find(Attribute.FULL_NAME)
    assert name
    assert name.source == "carrier:vinaphone"


def test_every_number_of_the_source_becomes_an_alias(house: House) -> None:
    house.browser().registers()

    first, second = (accounts(house).find_by_id_number(number) for number in (CCCD, CMND))

    assert first
    assert second
    assert first.id == second.id


@pytest.mark.parametrize(
    "name", ["Nguyễn Văn Hòa", "NGUYỄN VĂN HOÀ", unicodedata.normalize("NFD", "Nguyễn Văn Hoà")]
)
def test_the_same_name_in_another_spelling_matches(house: House, name: str) -> None:
    browser = house.browser()
    browser.opens_registration()

    page = browser.fills_in(full_name=name)

    assert "Xác thực mã OTP" in page.text
    assert "082****088" in page.text


@pytest.mark.parametrize(
    ("field", "value"),
    [("full_name", "Nguyễn Văn Hoa"), ("birth_date", "02/02/1972"), ("phone", "0912345678")],
)
def test_mismatch_sends_nothing_and_does_not_say_which_field(
    house: House, field: str, value: str
) -> None:
    browser = house.browser()
    browser.opens_registration()

    page = browser.fills_in(**{field: value})

    assert MISMATCH in page.text
    assert value in page.text
    assert house.messages() == []


def test_empty_form_tells_every_fault_and_asks_nobody(house: House) -> None:
    browser = house.browser()
    browser.opens_registration()

    page = browser.post(dict.fromkeys(PERSON, ""))

    assert page.status_code == 422
    assert "Bạn phải nhập cmt/cccd." in page.text
    assert house.carrier.asked == 0


def test_cccd_must_fit_the_birth_date(house: House) -> None:
    browser = house.browser()
    browser.opens_registration()

    page = browser.fills_in(birth_date="01/02/1973")

    assert "Số CCCD không khớp với ngày sinh. Vui lòng kiểm tra lại." in page.text


def test_a_child_is_told_kindly(house: House) -> None:
    house.carrier.add("0912345678", "001214000136", name="Bé Na", birth_date="01/02/2014")
    browser = house.browser()
    browser.opens_registration()

    page = browser.fills_in(
        username="001214000136", full_name="Bé Na", birth_date="01/02/2014", phone="0912345678"
    )

    assert "Người dưới 14 tuổi" in page.text


def test_a_carrier_that_is_down_loses_nothing(house: House) -> None:
    house.carrier.is_down = True
    browser = house.browser()
    browser.opens_registration()

    page = browser.fills_in()

    assert (page.status_code, page.headers["Retry-After"]) == (503, "60")
    assert "tạm thời không phản hồi" in page.text
    assert PERSON["full_name"] in page.text
    house.carrier.is_down = False
    assert "Xác thực mã OTP" in browser.fills_in().text


def test_every_form_leads_to_the_other_ways_and_keeps_the_sign_in_it_came_from(
    house: House,
) -> None:
    browser = house.browser()
    browser.get(add_portal(house).request())
    login = browser.path.rpartition("/")[2]
    browser.get(f"/register?login={login}")
    browser.post({"subject": "citizen", "method": "mobile"}, f"/register?login={login}")

    other = re.search(r'href="([^"]+)">Chọn phương thức đăng ký khác', browser.text)

    assert other
    assert html.unescape(other[1]) == f"/register?subject=citizen&login={login}"
    assert "Vui lòng chọn phương thức đăng ký" in browser.get(html.unescape(other[1])).text


def test_captcha_is_asked_until_it_is_right_and_then_never_again(house: House) -> None:
    browser = house.browser()
    browser.opens_registration()

    wrong = browser.fills_in(captcha="00000")
    right = browser.fills_in(full_name="Nguyễn Văn Hoa")

    assert wrong.status_code == 422
    assert 'name="captcha"' in wrong.text
    assert house.carrier.asked == 1
    assert 'name="captcha"' not in right.text


def test_refreshing_the_captcha_keeps_what_was_typed(house: House) -> None:
    browser = house.browser()
    browser.opens_registration()

    page = browser.post({**PERSON, "do": "new_captcha"})

    assert PERSON["full_name"] in page.text
    assert 'aria-invalid="true"' not in page.text


def test_captcha_is_seen_and_heard_by_its_own_browser_only(house: House) -> None:
    browser = house.browser()
    transaction = browser.opens_registration().request.path.rpartition("/")[2]
    path = f"/captcha/registration/{transaction}"

    answers = [browser.client.get(f"{path}{end}") for end in (".png", ".png?new=1", ".wav")]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert answers[0].data.startswith(b"\x89PNG")
    assert answers[2].data.startswith(b"RIFF")
    assert house.browser().client.get(f"{path}.png").status_code == 404


def test_existing_account_is_told_after_the_match_with_three_ways_out(house: House) -> None:
    house.browser().registers()
    house.carrier.add("0912345678", "001072000136", name="Nguyễn Văn Hòa", birth_date="01/02/1972")
    stranger, owner = house.browser(), house.browser()
    stranger.opens_registration()
    owner.opens_registration()

    refused = stranger.fills_in(full_name="Trần Văn Bê", phone="0912345678")
    told = owner.fills_in(phone="0912345678")

    assert MISMATCH in refused.text
    for way in ("Quên mật khẩu", "Quầy giao dịch", "Khiếu nại"):
        assert way in told.text


def test_wrong_code_counts_down_and_the_fifth_is_the_last(house: House) -> None:
    browser = house.browser()
    browser.opens_registration()
    browser.fills_in()
    right = house.last_code()
    wrong = "000000" if right != "000000" else "111111"

    pages = [browser.post({"code": wrong}).text for _ in range(5)]
    late = browser.post({"code": right})

    assert "Bạn còn 4 lần" in pages[0]
    assert "quá số lần" in pages[4]
    assert "quá số lần" in late.text


def test_resend_waits_a_minute_and_voids_the_old_code(house: House) -> None:
    browser = house.browser()
    browser.opens_registration()
    browser.fills_in()
    old = house.last_code()

    early = browser.post({"do": "resend"})
    house.clock.forward(seconds=61)
    browser.post({"do": "resend"})
    new = house.last_code()
    with_old = browser.post({"code": old})
    with_new = browser.post({"code": new})

    assert "sau 60 giây" in early.text
    assert old == new or "Bạn còn 4 lần" in with_old.text
    assert "Xác nhận mật khẩu" in with_new.text


def test_code_dies_after_five_minutes(house: House) -> None:
    browser = house.browser()
    browser.opens_registration()
    browser.fills_in()
    code = house.last_code()
    house.clock.forward(minutes=6)

    assert "Mã OTP đã hết hạn" in browser.post({"code": code}).text


def test_a_phone_gets_five_messages_an_hour(house: House) -> None:
    browser = house.browser()
    browser.opens_registration()
    browser.fills_in()
    for _ in range(5):
        house.clock.forward(seconds=61)
        page = browser.post({"do": "resend"})

    assert len(house.messages()) == 5
    assert page.status_code == 422


def test_an_id_number_is_checked_five_times_a_day(house: House) -> None:
    browser = house.browser()
    browser.opens_registration()

    for _ in range(7):
        browser.fills_in(full_name="Nguyễn Văn Hoa")

    assert house.carrier.asked == 5


@pytest.mark.parametrize(
    ("password", "again"),
    [("short", "short"), ("Matkhau@123", "Matkhau@123"), (PASSWORD, "Khác-hẳn-2026-x"),
     ("Hoà001072000136!", "Hoà001072000136!"), ("", ""), ("A1!" + "ă" * 200, "x")],
)  # fmt: skip
def test_weak_and_different_passwords_are_refused(house: House, password: str, again: str) -> None:
    browser = house.browser()
    browser.opens_registration()
    browser.fills_in()
    browser.post({"code": house.last_code()})

    page = browser.post({"password": password, "password_again": again})

    assert page.status_code == 422
    assert accounts(house).find_by_id_number(CCCD) is None
    if password:
        assert password not in page.text


def test_twenty_parallel_endings_open_one_account(house: House) -> None:
    browser = house.browser()
    browser.opens_registration()
    browser.fills_in()
    browser.post({"code": house.last_code()})
    form = {"csrf": browser._csrf(), "password": PASSWORD, "password_again": PASSWORD}
    cookie = "; ".join(f"{c.key}={c.value}" for c in browser.client._cookies.values())

    def finish(_: int) -> int:
        client = house.app.test_client(use_cookies=False)
        return client.post(browser.path, data=form, headers={"Cookie": cookie}).status_code

    with ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(finish, range(20)))

    assert max(statuses) < 500
    with house.database.transaction() as connection:
        assert connection.scalar(select(func.count()).select_from(AccountRow)) == 1


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("field", [*PERSON, "captcha", "do"])
def test_hostile_form_is_a_clear_refusal(house: House, field: str, text: str) -> None:
    browser = house.browser()
    browser.opens_registration()

    page = browser.fills_in(**{field: text.encode("utf-8", "replace").decode()})

    assert page.status_code < 500
    assert "<script>alert" not in page.text


@pytest.mark.parametrize("path", ["/register/x", f"/register/{'0' * 32}", "/register/%00"])
def test_unknown_registration_is_a_page_not_an_error(house: House, path: str) -> None:
    assert house.browser().get(path).status_code in {404, 410}


def test_subject_decides_which_tiles_are_open(house: House) -> None:
    browser = house.browser()
    browser.get("/register")

    page = browser.post({"subject": "enterprise", "method": "mobile"})

    assert page.request.path == "/register"


def test_registration_leaves_the_person_signed_out(house: House) -> None:
    browser = house.browser()
    browser.registers()

    assert browser.get("/account").request.path.startswith("/login/")


def test_the_account_has_the_name_as_the_register_spells_it(house: House) -> None:
    house.browser().registers(full_name=unicodedata.normalize("NFD", "nguyễn  văn HÒA"))

    found = accounts(house).find_by_id_number(CCCD)

    assert found
    name = accounts(house).identity(found.id).find(Attribute.FULL_NAME)
    assert name
    assert name.value == "Nguyễn Văn Hoà"


def test_a_register_without_accents_leaves_the_name_as_typed(house: House) -> None:
    house.carrier.plain("0821234088", name="NGUYEN VAN HOA")

    house.browser().registers()

    found = accounts(house).find_by_id_number(CCCD)
    assert found
    name = accounts(house).identity(found.id).find(Attribute.FULL_NAME)
    assert name
    assert name.value == PERSON["full_name"]


def test_a_carrier_that_is_down_uses_up_none_of_the_five_checks(house: House) -> None:
    house.carrier.is_down = True
    browser = house.browser()
    browser.opens_registration()
    for _ in range(8):
        assert "tạm thời không phản hồi" in browser.fills_in().text

    house.carrier.is_down = False
    page = browser.fills_in()

    assert "Xác thực mã OTP" in page.text


@pytest.mark.parametrize("zero", ["\uff10", "\u2070", "\U0001d7d8", " 0", "0.", "\u202f0"])
def test_an_id_number_is_counted_as_one_however_it_is_written(house: House, zero: str) -> None:
    browser = house.browser()
    browser.opens_registration()
    for _ in range(5):
        browser.fills_in(full_name="Nguyễn Văn Hoa")

    browser.fills_in(username=zero + PERSON["username"][1:], full_name="Nguyễn Văn Hoa")

    assert house.carrier.asked == 5


def test_a_form_posted_twice_at_once_sends_one_code_and_it_is_right(house: House) -> None:
    browser = house.browser()
    browser.opens_registration()
    form = {"csrf": browser._csrf(), **PERSON, "captcha": "12345"}
    cookie = "; ".join(f"{c.key}={c.value}" for c in browser.client._cookies.values())
    house.carrier.meeting = Barrier(4)

    def post(_: int) -> TestResponse:
        client = house.app.test_client(use_cookies=False)
        return client.post(browser.path, data=form, headers={"Cookie": cookie})

    with ThreadPoolExecutor(4) as pool:
        pages = sorted(pool.map(post, range(4)), key=lambda page: page.status_code)

    assert f'href="{browser.path}">Xem lại trang này' in pages[-1].text
    statuses = [page.status_code for page in pages]
    assert statuses == [303, 409, 409, 409]
    assert len(house.messages()) == 1
    limits, visitor = (
        house.app.extensions["idp.house"].login.steps.limits,
        Visitor(b"", "127.0.0.1", ""),
    )
    for limit, subject, _ in limits._messages("+84821234088", "register", visitor):
        assert limits.throttle.peek(limit, subject, now=house.clock()).count == 1
    browser.get(browser.path)
    assert "Nhập mật khẩu" in browser.post({"code": house.last_code()}).text


def test_resending_twice_at_once_sends_one_code_and_it_is_right(house: House) -> None:
    browser = house.browser()
    browser.opens_registration()
    browser.fills_in()
    house.clock.forward(seconds=61)
    form = {"csrf": browser._csrf(), "do": "resend"}
    cookie = "; ".join(f"{c.key}={c.value}" for c in browser.client._cookies.values())

    def post(_: int) -> int:
        client = house.app.test_client(use_cookies=False)
        return client.post(browser.path, data=form, headers={"Cookie": cookie}).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(post, range(16)))

    assert set(statuses) <= {303, 409, 422}
    assert len(house.messages()) == 2
    assert "Nhập mật khẩu" in browser.post({"code": house.last_code()}).text
