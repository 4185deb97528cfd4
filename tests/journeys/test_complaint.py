"""A complaint (R14, S4): form, code, ticket number, outcome."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from idp.app import answer_complaint
from idp.domain.errors import Conflict
from idp.storage.complaints import ComplaintStore
from idp.storage.models import ComplaintRow
from tests.support.build import VAULT
from tests.support.house import Browser, House

FORM = {
    "username": "001072000136",
    "full_name": "Nguyễn Văn Hoà",
    "phone": "0912345678",
    "text": "Tôi chưa bao giờ mở tài khoản này.\r\nTôi có thẻ căn cước.",
    "captcha": "12345",
}


def fill_in(browser: Browser, **changes: str) -> TestResponse:
    browser.get("/complaint")
    return browser.post({**FORM, **changes})


def complain(house: House) -> str:
    browser = house.browser()
    fill_in(browser)
    page = browser.post({"code": house.last_code()})
    found = re.search(r'id="ticket">([^<]+)<', page.text)
    assert found, page.text
    return found[1]


def look(house: House, ticket: str) -> TestResponse:
    browser = house.browser()
    browser.get("/complaint/status")
    return browser.post({"ticket": ticket})


def test_the_notice_of_an_existing_account_leads_to_the_complaint(house: House) -> None:
    house.browser().registers()
    browser = house.browser()
    browser.opens_registration()

    page = browser.fills_in()

    assert 'href="/complaint"' in page.text


def test_a_complaint_gets_a_ticket_number_and_a_status(house: House) -> None:
    ticket = complain(house)

    assert re.fullmatch(r"KN(-[A-Z2-9]{4}){3}", ticket)
    page = look(house, ticket.lower().replace("-", " "))
    assert "Đã tiếp nhận, đang xem xét" in page.text
    assert "24/11/2026" in page.text


def test_an_operator_answers_once_and_the_claimant_reads_it(house: House) -> None:
    ticket = complain(house)
    waiting = ComplaintStore(house.database, VAULT).waiting()
    assert [c.content.text for c in waiting] == [FORM["text"].replace("\r\n", "\n")]

    answer_complaint(house.base, ticket, "Tài khoản đã được khóa.", is_accepted=True)

    page = look(house, ticket)
    assert "Đã chấp nhận" in page.text
    assert "Tài khoản đã được khóa." in page.text
    assert ComplaintStore(house.database, VAULT).waiting() == ()
    with pytest.raises(Conflict):
        answer_complaint(house.base, ticket, "Khác", is_accepted=False)


def test_the_contact_phone_is_proven_before_anything_is_kept(house: House) -> None:
    browser = house.browser()
    fill_in(browser)
    browser.post({"code": "000000"})

    assert ComplaintStore(house.database, VAULT).waiting() == ()


def test_one_complaint_however_often_the_code_is_posted_at_once(house: House) -> None:
    browser = house.browser()
    fill_in(browser)
    form, path = {"csrf": browser._csrf(), "code": house.last_code()}, browser.path

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: browser.client.post(path, data=form), range(8)))

    assert all(answer.status_code < 500 for answer in done)
    with house.database.transaction() as connection:
        assert connection.scalar(select(func.count()).select_from(ComplaintRow)) == 1


@pytest.mark.parametrize(
    "changes",
    [{"username": "1"}, {"full_name": ""}, {"phone": "113"}, {"text": "ngắn"}, {"text": ""},
     {"text": "x" * 2001}, {"text": "x" * 500_000}, {"captcha": "no"}, {"text": "\\0" * 4}],
    ids=lambda changes: str(changes)[:30],
)  # fmt: skip
def test_hostile_forms_send_nothing_and_lose_nothing(house: House, changes: dict[str, str]) -> None:
    page = fill_in(house.browser(), **changes)

    assert page.status_code in {413, 422}
    assert house.messages() == []


@pytest.mark.parametrize("ticket", ["", "x", "KN-AAAA-AAAA-AAAA", "x" * 5000, "<b>", "\\0"])
def test_an_unknown_ticket_tells_nothing(house: House, ticket: str) -> None:
    page = look(house, ticket)

    assert page.status_code == 422
    assert "Không có khiếu nại nào với mã này" in page.text


def test_what_was_written_is_shown_as_text(house: House) -> None:
    browser = house.browser()

    page = fill_in(browser, text="<script>alert(1)</script>", captcha="no")

    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert" in page.text


def test_a_complaint_of_another_browser_does_not_exist(house: House) -> None:
    mine = house.browser()
    fill_in(mine)

    assert house.browser().client.get(mine.path).status_code == 410
