"""Quản lý đăng nhập, personal data and the end of an account (R70, S13, issue 4 lines 3 and 6)."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import text

from idp import app as application
from idp.domain.events import Event
from idp.storage.audit import AuditStore
from idp.storage.database import Database
from idp.storage.models import Base
from tests.journeys.test_account import NEW, SECOND, adds_phone, signed_in
from tests.journeys.test_recovery import asks, can_sign_in, link, resets
from tests.support import house as houses
from tests.support.build import VAULT
from tests.support.house import PERSON, Browser, House, add_portal, answer_of

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def with_agent(browser: Browser, agent: str) -> Browser:
    browser.client.environ_base["HTTP_USER_AGENT"] = agent
    return browser


# --- sessions -----------------------------------------------------------------------------------


def test_sessions_tell_browser_system_and_portals(house: House) -> None:
    portal = add_portal(house)
    browser = with_agent(house.browser(), FIREFOX)
    browser.registers()
    portal.signs_in_with(browser)

    page = browser.get("/account/sessions").text

    for shown in ("Quản lý đăng nhập", "Phiên đang đăng nhập", "Firefox trên Linux"):
        assert shown in page, shown
    assert "Cổng đã vào: Cổng hanoi" in page
    assert "Phiên này" in page


def test_one_other_session_is_signed_out(house: House) -> None:
    mine, other = signed_in(house), house.browser()
    other.signs_in()
    page = mine.get("/account/sessions").text
    ids = [part[:32] for part in page.split('name="session" value="')[1:]]
    assert len(ids) == 2

    for each in ids:
        mine.get("/account/sessions")
        if mine.path == "/account/sessions" and other.get("/account").request.path == "/account":
            mine.post({"session": each}, "/account/sessions/end")
            break

    paths = {mine.get("/account").request.path, other.get("/account").request.path}
    assert "/account" in paths
    assert len(paths) == 2


def test_all_sessions_are_signed_out(house: House) -> None:
    mine, other = signed_in(house), house.browser()
    other.signs_in()
    mine.get("/account/sessions")

    mine.post({"all": "all"}, "/account/sessions/end")

    assert "/login/" in mine.get("/account").request.path
    assert "/login/" in other.get("/account").request.path


def test_a_session_of_somebody_else_cannot_be_ended(house: House) -> None:
    house.carrier.add(SECOND, "079199000001", name="Trần Thị Bưởi", birth_date="05/05/1999")
    other = house.browser()
    changes = {"full_name": "Trần Thị Bưởi", "birth_date": "05/05/1999", "phone": SECOND}
    other.registers(username="079199000001", email="", **changes)
    other.get("/login")
    other.types_password("079199000001")
    other.post({"code": house.last_code()})
    theirs = other.get("/account/sessions").text.split('name="session" value="')[1][:32]
    mine = signed_in(house)
    mine.get("/account/sessions")

    mine.post({"session": theirs}, "/account/sessions/end")

    assert other.get("/account").request.path == "/account"


# --- history ------------------------------------------------------------------------------------


def test_the_history_tells_success_and_failure_with_method_level_portal_and_address(
    house: House,
) -> None:
    portal = add_portal(house)
    browser = house.browser()
    browser.registers()
    portal.signs_in_with(browser)
    thief = house.browser()
    thief.get("/login")
    thief.types_password(password="Sai-mật-khẩu-1")

    page = browser.get("/account/history").text

    for shown in (
        *("Lịch sử truy cập", "Mật khẩu và mã OTP", "mức 2", "Cổng hanoi", "127.0.0.1"),
        *("Đăng nhập sai mật khẩu", "Thất bại", "Thành công", "Mở tài khoản"),
    ):
        assert shown in page, shown
    failures = browser.get("/account/history?show=failure").text
    assert "Đăng nhập sai mật khẩu" in failures
    assert "Mở tài khoản" not in failures


def test_the_history_goes_back_page_by_page(house: House) -> None:
    browser = signed_in(house)
    for _ in range(60):
        house.clock.forward(seconds=1)
        browser.get("/account/edit")
        browser.post({"phone": "0821234088", "contact_address": str(house.clock.now)})

    first = browser.get("/account/history?show=change").text
    older = first.split("&amp;before=")[1].split('"')[0]
    second = browser.get(f"/account/history?show=change&before={older}").text

    assert first.count("Sửa thông tin liên hệ") == 50
    assert second.count("Sửa thông tin liên hệ") == 10
    assert "Cũ hơn" not in second


@pytest.mark.parametrize(
    "query", ["show=x", "before=x", "before=-1", "before=" + "9" * 40, "show="]
)
def test_hostile_filters_show_the_history(house: House, query: str) -> None:
    browser = signed_in(house)

    assert browser.get(f"/account/history?{query}").status_code == 200


def test_the_history_as_csv_opens_in_a_spreadsheet_and_holds_no_formula(house: House) -> None:
    portal = add_portal(house, "xau", client_name="=HYPERLINK(1)")
    registered = house.browser()
    registered.registers()
    portal.signs_in_with(registered)

    answer = registered.get("/account/history.csv")

    assert answer.mimetype == "text/csv"
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert rows[0][0] == "Thời gian"
    cells = [cell for row in rows for cell in row]
    assert "'=HYPERLINK(1)" in cells
    assert not [cell for cell in cells if cell.startswith("=")]


def test_a_download_needs_a_fresh_proof(house: House) -> None:
    browser = signed_in(house)
    house.clock.forward(minutes=6)

    for path in ("/account/history.csv", "/account/data.json"):
        assert "/login/" in browser.get(path).request.path


def test_the_audit_behind_the_history_verifies(house: House) -> None:
    adds_phone(signed_in(house), SECOND)
    audit = AuditStore(house.database, VAULT)
    while audit.seal_pending():
        pass

    assert audit.verify() is None
    assert audit.length() >= 3


def test_the_exported_audit_can_be_checked_by_anybody(house: House) -> None:
    signed_in(house)
    store = AuditStore(house.database, VAULT)
    store.seal_pending()

    lines = list(store.export())

    assert [line.number for line in lines] == list(range(1, store.length() + 1))
    assert lines[-1].event.event is Event.LOGIN_SUCCEEDED
    link = bytes(32)
    for line in lines:
        link = hashlib.sha256(link + line.mac).digest()
        assert line.hash == link


# --- portals ------------------------------------------------------------------------------------


def test_a_portal_is_shown_with_what_it_sees_and_can_be_revoked(house: House) -> None:
    portal = add_portal(house)
    browser = house.browser()
    browser.registers()
    tokens = portal.signs_in_with(browser)
    page = browser.get("/account/portals").text
    assert "Cổng hanoi" in page
    assert "Họ tên" in page
    assert "xem lần cuối" in page

    browser.post({"portal": "hanoi"}, "/account/portals/revoke")

    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert house.app.test_client().get("/userinfo", headers=headers).status_code == 401
    again = portal.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert again.get_json()["error"] == "invalid_grant"
    assert "Chưa có cổng nào" in browser.get("/account/portals").text


@pytest.mark.parametrize("client_id", ["", "unknown", "x" * 5000, "<script>"])
def test_hostile_revocations_change_nothing(house: House, client_id: str) -> None:
    portal = add_portal(house)
    browser = house.browser()
    browser.registers()
    portal.signs_in_with(browser)
    browser.get("/account/portals")

    browser.post({"portal": client_id}, "/account/portals/revoke")

    assert "Cổng hanoi" in browser.get("/account/portals").text


def test_a_portal_that_sees_nothing_asks_first_unless_its_owner_said_otherwise(
    house: House,
) -> None:
    first, second = add_portal(house, "mot"), add_portal(house, "hai")
    browser = signed_in(house)
    assert "/consent/" in browser.visit(first.request(scope="openid")).request.path
    browser.get("/account/protection")

    browser.post({"name": "asks_new_portals", "to": "off"}, "/account/protection/switch")

    page = browser.visit(second.request(scope="openid"))
    assert answer_of(page)["code"]
    assert "/consent/" in browser.visit(second.request()).request.path


# --- personal data ------------------------------------------------------------------------------


def test_everything_on_file_can_be_read_and_downloaded(house: House) -> None:
    browser = signed_in(house)
    page = browser.get("/account/data").text
    assert PERSON["username"] in page

    found = json.loads(browser.get("/account/data.json").data)

    assert found["level"] == 2
    assert {"kind": "cccd", "value": PERSON["username"]}.items() <= found["numbers"][0].items()
    assert {"full_name", "birth_date", "email"} <= {fact["name"] for fact in found["facts"]}
    [phone] = found["phones"]
    assert phone == {"number": "0821234088", "is_default": True, "is_reported_lost": False}


def test_a_download_is_told_to_the_owner(house: House) -> None:
    browser = signed_in(house)
    house.forget_messages()

    browser.get("/account/data.json")

    assert "đã được tải về" in house.messages()[-1]["text"]


def test_the_level_page_says_what_proves_what_and_what_is_missing(house: House) -> None:
    page = signed_in(house).get("/account/level").text

    for shown in ("mức 2 (trung bình)", "Thuê bao di động", "USB ký số", "Còn thiếu gì"):
        assert shown in page, shown


# --- closing ------------------------------------------------------------------------------------


def closes(house: House) -> Browser:
    browser = signed_in(house)
    browser.get("/account/close")
    browser.post({"do": "close"})
    assert "Tài khoản sẽ đóng ngày 01/12/2026" in browser.text
    return browser


def close_due(house: House) -> int:
    return application.account_flow(house.base).close_due(now=house.clock())


def test_an_account_closes_after_its_waiting_period(house: House) -> None:
    closes(house)
    house.clock.forward(days=6)
    assert close_due(house) == 0

    house.clock.forward(days=2)
    assert close_due(house) == 1

    browser = house.browser()
    browser.get("/login")
    assert "không đúng" in browser.types_password().text


def test_the_wish_to_close_can_be_withdrawn(house: House) -> None:
    browser = closes(house)

    browser.post({"do": "keep"})

    house.clock.forward(days=8)
    assert close_due(house) == 0


def at_the_notice(house: House) -> Browser:
    """A browser that has opened the link of the newest notice."""
    elsewhere = house.browser()
    elsewhere.get(link(house, "+84821234088"))
    return elsewhere


def test_a_freeze_stops_a_closing_that_its_owner_did_not_ask_for(house: House) -> None:
    closes(house)

    at_the_notice(house).post({"do": "confirm"})

    house.clock.forward(days=8)
    assert close_due(house) == 0
    resets(asks(house))
    assert can_sign_in(house, NEW)


def test_of_a_freeze_and_the_closing_at_once_the_account_is_whole_or_gone(house: House) -> None:
    closes(house)
    house.clock.forward(days=6)
    owner = at_the_notice(house)
    form = {"csrf": owner._csrf(), "do": "confirm"}
    house.clock.forward(days=1, minutes=-5)
    meeting = Barrier(2)

    def act(closing: str) -> object:
        meeting.wait(10)
        if closing:
            later = house.clock() + timedelta(minutes=6)
            return application.account_flow(house.base).close_due(now=later)
        return owner.client.post(owner.path, data=form).status_code

    with ThreadPoolExecutor(2) as pool:
        closed, answer = pool.map(act, ["closing", ""])

    with house.database.transaction() as connection:
        status, kept = connection.execute(
            text("SELECT status, length(data_key) FROM accounts")
        ).one()
    assert answer == 200
    assert (status, kept > 0) == (("closed", False) if closed else ("frozen", True))


def test_a_closed_account_leaves_no_personal_data_and_its_tokens_die(house: House) -> None:
    portal = add_portal(house)
    browser = house.browser()
    browser.registers()
    tokens = portal.signs_in_with(browser)
    browser.get("/account/close")
    browser.post({"do": "close"})
    house.clock.forward(days=8)

    close_due(house)

    with house.database.transaction() as connection:
        for table in ("attributes", "phones", "passwords", "credentials", "consents"):
            assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0, table
        assert connection.scalar(text("SELECT length(data_key) FROM accounts")) == 0
    again = portal.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert again.get_json()["error"] == "invalid_grant"


def test_the_same_person_may_open_an_account_again_with_another_sub(house: House) -> None:
    portal = add_portal(house)
    browser = house.browser()
    browser.registers()
    before = portal.claims(portal.signs_in_with(browser)["id_token"])["sub"]
    browser.get("/account/close")
    browser.post({"do": "close"})
    house.clock.forward(days=8)
    close_due(house)

    again = house.browser()
    assert "Đăng ký" in again.registers().text
    after = portal.claims(portal.signs_in_with(again)["id_token"])["sub"]

    assert before != after


def test_two_workers_close_an_account_once(database_url: str, house: House) -> None:
    closes(house)
    house.clock.forward(days=8)
    other = Database(database_url)
    base = application.Foundation(house.base.config, VAULT, other, house.clock)
    flows = [application.account_flow(house.base), application.account_flow(base)]

    assert sum(flow.close_due(now=house.clock()) for flow in flows) == 1
    other.close()
    told = [m for m in house.messages() if "dữ liệu đã được xóa" in m.get("text", "")]
    assert len(told) == 1


# --- two nodes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["freeze", "sessions", "reset"])
def test_revocation_on_one_node_is_at_once_in_force_on_the_other(
    database_url: str, house: House, act: str
) -> None:
    browser = signed_in(house)
    node = houses.second_node(house, database_url)
    cookie = "; ".join(f"{c.key}={c.value}" for c in browser.client._cookies.values())
    client = node.app.test_client(use_cookies=False)
    assert client.get("/account", headers={"Cookie": cookie}).status_code == 200

    match act:
        case "freeze":
            browser.get("/account/freeze")
            browser.post({"do": "confirm"})
        case "sessions":
            browser.get("/account/sessions")
            browser.post({"all": "all"}, "/account/sessions/end")
        case "reset":
            resets(asks(house))

    assert client.get("/account", headers={"Cookie": cookie}).status_code == 303
    node.database.close()


def dump(house: House) -> str:
    """Every value of every table, bytes as the text that they may hold."""
    with house.database.transaction() as connection:
        return "\n".join(
            value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
            for table in Base.metadata.sorted_tables
            for row in connection.execute(table.select())
            for value in row
        )


def test_no_personal_data_stands_in_clear_in_the_database(house: House) -> None:
    browser = signed_in(house)
    adds_phone(browser, SECOND)
    browser.get("/account/edit")
    browser.post({"phone": "0987654321", "contact_address": "Số 1 phố Hàng Bài"})
    found = dump(house)

    for planted in (
        *(PERSON["username"], PERSON["full_name"], "0821234088", "821234088", SECOND),
        *("0987654321", "Hàng Bài", "hoa@example.vn", "1972-02-01"),
    ):
        assert planted not in found, planted
