"""The operators' console: its door, the clerk page (S1), the counter (S3), complaints (S4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from idp.app import account_flow, operators
from idp.domain.accounts import AccountStatus
from idp.domain.assurance import IAL
from idp.domain.errors import Conflict
from idp.domain.events import AuditEvent, Event
from idp.domain.operators import Role, staff_number
from idp.domain.subjects import IdNumber
from idp.storage.accounts import AccountStore
from idp.storage.audit import AuditStore
from idp.storage.models import ActivationRow, AuditRow, EvidenceRow, OperatorRow, RecoveryRow
from tests.journeys.test_activity import dump
from tests.journeys.test_complaint import complain, look
from tests.journeys.test_usb import certificate, opens_login, registers, signs
from tests.journeys.test_vnpost import activate, finish
from tests.support import house as houses
from tests.support.build import VAULT
from tests.support.house import PASSWORD, PERSON, Browser, House
from tests.support.operators import OFFICER, OTHER, UNIT, appoint, comes_in, dismiss

POST, COUNTER, COMPLAINTS = "/operator/post", "/operator/counter", "/operator/complaints"
CARD = {
    "full_name": "Nguyễn Văn Hoà",
    "birth_date": "01/02/1972",
    "sex": "male",
    "other_number": "",
    "phone": "0821234088",
    "email": "",
    "delivery": "slip",
    "card_seen": "yes",
    "consent": "yes",
}
EVERY = tuple(Role)


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    """As in a demo: an operator's password and code are enough."""
    built = houses.build(database_url, tmp_path, operators={"minimum_ial": 2})
    yield built
    built.database.close()


def account_id(house: House, number: str = PERSON["username"]) -> UUID:
    found = AccountStore(house.database, VAULT).find_by_id_number(IdNumber.parse_any(number))
    assert found
    return found.id


def history(house: House, number: str = PERSON["username"]) -> list[AuditEvent]:
    audit = AuditStore(house.database, VAULT)
    return list(reversed(audit.of_account(account_id(house, number))))


def freeze(house: House, number: str) -> None:
    owners, found = operators(house.base).account.owners, account_id(house, number)
    with house.database.transaction() as connection:
        owners.freeze(connection, found, now=house.clock())


def searches(browser: Browser, page: str, number: str = PERSON["username"]) -> TestResponse:
    browser.get(page)
    return browser.post({"username": number})


def code_on(page: TestResponse) -> str:
    found = re.search(r'id="code">([^<]+)<', page.text)
    assert found, page.text
    return found[1]


# --- the door -----------------------------------------------------------------------------------


def test_a_stranger_signs_in_first(house: House) -> None:
    page = house.browser().get("/operator")

    assert page.request.path.startswith("/login/")


def test_somebody_without_a_role_learns_only_that_the_page_is_not_for_them(house: House) -> None:
    browser = house.browser()
    browser.registers()
    browser.signs_in()

    for path in ("/operator", POST, COUNTER, COMPLAINTS, f"{POST}/{'0' * 32}"):
        page = browser.get(path)
        assert page.status_code == 403
        assert "Trang này dành cho nhân viên" in page.text


def test_an_operator_sees_who_they_are_and_only_their_own_pages(house: House) -> None:
    appoint(house, Role.COUNTER)

    browser = comes_in(house)

    assert f"Trần Văn Bình ({staff_number(account_id(house, OFFICER['username']))})" in browser.text
    assert UNIT in browser.text
    assert COUNTER in browser.text
    assert POST not in browser.text
    assert browser.get(POST).status_code == 403


def test_no_page_of_the_console_is_kept_by_a_browser(house: House) -> None:
    appoint(house, *EVERY)
    browser = comes_in(house)

    for path in ("/operator", POST, COUNTER, COMPLAINTS):
        assert browser.get(path).headers["Cache-Control"] == "no-store"


def test_a_removed_role_works_no_longer_at_the_next_request(house: House) -> None:
    appoint(house, Role.COUNTER)
    browser = comes_in(house, COUNTER)
    assert browser.get(COUNTER).status_code == 200

    dismiss(house, Role.COUNTER)

    assert browser.get(COUNTER).status_code == 403


def test_a_frozen_operator_is_out_at_once(house: House) -> None:
    appoint(house, Role.COUNTER)
    browser = comes_in(house, COUNTER)
    freeze(house, OFFICER["username"])

    assert browser.get(COUNTER).request.path.startswith("/login/")


def test_ten_minutes_unused_close_the_console(house: House) -> None:
    appoint(house, Role.COUNTER)
    browser = comes_in(house, COUNTER)
    house.clock.forward(minutes=9)
    assert browser.get(COUNTER).status_code == 200

    house.clock.forward(minutes=10, seconds=1)

    assert browser.get(COUNTER).request.path.startswith("/login/")
    assert browser.get("/account").request.path == "/account"


def test_eight_hours_close_the_console_however_it_is_used(house: House) -> None:
    appoint(house, Role.COUNTER)
    browser = comes_in(house, COUNTER)
    for _ in range(53):
        house.clock.forward(minutes=9)
        assert browser.get(COUNTER).request.path == COUNTER

    house.clock.forward(minutes=4)

    assert browser.get(COUNTER).request.path.startswith("/login/")


def test_an_old_proof_opens_no_console(house: House) -> None:
    appoint(house, Role.COUNTER)
    browser = comes_in(house, "/account")
    house.clock.forward(minutes=6)

    assert browser.get(COUNTER).request.path.startswith("/login/")


def test_a_password_opens_no_console_that_asks_for_a_signature(
    database_url: str, tmp_path: Path
) -> None:
    house = houses.build(database_url, tmp_path)
    appoint(house, Role.COUNTER)
    house.clock.forward(seconds=61)
    browser = house.browser()
    browser.get("/login")
    browser.post({"username": OFFICER["username"], "password": PASSWORD})
    browser.post({"code": house.last_code()})

    page = browser.get(COUNTER)
    tab = browser.get(f"{browser.path}?method=password_otp")

    assert page.request.path.startswith("/login/")
    assert 'name="password"' not in tab.text
    house.database.close()


def test_a_fresh_signature_opens_the_console(database_url: str, tmp_path: Path) -> None:
    house = houses.build(database_url, tmp_path)
    registers(house.browser(), certificate())
    flow = operators(house.base)
    number = IdNumber.parse(PERSON["username"])
    flow.add(number, Role.COUNTER, UNIT, by="test", now=house.clock())
    browser = house.browser()
    opens_login(browser)
    signs(browser, certificate())

    assert browser.get(COUNTER).request.path == COUNTER
    house.database.close()


def test_a_forged_post_changes_nothing(house: House) -> None:
    appoint(house, *EVERY)
    browser = comes_in(house, POST)

    page = browser.client.post(POST, data={"username": "1", "csrf": "x"})

    assert page.status_code == 403


# --- roles --------------------------------------------------------------------------------------


def test_roles_are_kept_for_ever_and_told_to_their_owner(house: House) -> None:
    appoint(house, Role.COUNTER)
    dismiss(house, Role.COUNTER)
    flow, number = operators(house.base), IdNumber.parse(OFFICER["username"])
    flow.add(number, Role.COUNTER, "Quầy 2", by="ha", now=house.clock())

    with house.database.transaction() as connection:
        rows = connection.execute(select(OperatorRow).order_by(OperatorRow.id)).all()
    assert [(row.unit, row.removed_by) for row in rows] == [(UNIT, "test"), ("Quầy 2", None)]
    events = [event.event for event in history(house, OFFICER["username"])]
    assert events.count(Event.OPERATOR_ADDED) == 2
    assert Event.OPERATOR_REMOVED in events
    assert "vai trò nghiệp vụ" in house.messages()[-1]["text"]


@pytest.mark.parametrize("unit", ["", " ", "x" * 101, "a\nb\x00"])
def test_a_unit_has_a_name(house: House, unit: str) -> None:
    appoint(house)

    with pytest.raises(Conflict):
        operators(house.base).add(
            IdNumber.parse(OFFICER["username"]), Role.COUNTER, unit, by="x", now=house.clock()
        )


def test_one_role_is_given_once_however_many_give_it_at_once(house: House) -> None:
    appoint(house)
    flow, number = operators(house.base), IdNumber.parse(OFFICER["username"])

    def give(_: int) -> bool:
        try:
            flow.add(number, Role.COUNTER, UNIT, by="x", now=house.clock())
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(give, range(8))) == 1


# --- the post office ----------------------------------------------------------------------------


def issues(house: House, **changes: str) -> TestResponse:
    browser = comes_in(house, POST)
    searches(browser, POST)
    card = {name: value for name, value in {**CARD, **changes}.items() if value != "-"}
    return browser.post(card)


def test_a_clerk_issues_on_a_slip_and_the_citizen_activates(house: House) -> None:
    appoint(house, Role.POST_CLERK)
    page = issues(house)
    sent = len(house.messages())

    browser = house.browser()
    house.clock.forward(seconds=61)
    activate(browser, code_on(page))
    assert len(house.messages()) == sent + 1
    finish(browser)

    found = AccountStore(house.database, VAULT).find_by_id_number(
        IdNumber.parse(PERSON["username"])
    )
    assert found
    assert found.ial is IAL.MEDIUM
    with house.database.transaction() as connection:
        vouched = connection.scalar(
            select(EvidenceRow.vouched_by).where(EvidenceRow.account_id == found.id)
        )
    badge = staff_number(account_id(house, OFFICER["username"]))
    assert vouched == f"{badge} @ {UNIT}"
    house.clock.forward(seconds=61)
    browser.signs_in()
    assert f"{badge} @ {UNIT}" in browser.get("/account/history").text


def test_a_code_by_sms_is_not_shown_to_the_clerk(house: House) -> None:
    appoint(house, Role.POST_CLERK)

    page = issues(house, delivery="sms")

    assert "082****088" in page.text
    assert 'id="code"' not in page.text
    found = re.search(r"[A-Z2-9]{10}", house.messages()[-1]["text"])
    assert found
    assert found[0] not in page.text


def test_consent_is_kept_with_the_version_of_its_text(house: House) -> None:
    appoint(house, Role.POST_CLERK)
    issues(house)

    with house.database.transaction() as connection:
        query = select(AuditRow).where(AuditRow.event == Event.ACCOUNT_ISSUED)
        [row] = connection.execute(query).all()
    event = AuditStore(house.database, VAULT)._to_domain(row)
    assert event.details["consent"] == "2026-11"
    assert event.actor_id == account_id(house, OFFICER["username"])


@pytest.mark.parametrize("missing", ["card_seen", "consent"])
def test_without_card_or_consent_nothing_is_issued(house: House, missing: str) -> None:
    appoint(house, Role.POST_CLERK)

    page = issues(house, **{missing: "-"})

    assert page.status_code == 422
    assert f'id="f-{missing}-fault"' in page.text
    assert activations(house) == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("full_name", ""), ("full_name", "<script>"), ("full_name", "x" * 5000),
        ("birth_date", "31/02/1972"), ("birth_date", "01/02/1973"), ("birth_date", "01/02/2099"),
        ("sex", "female"), ("sex", "x"), ("phone", "113"), ("phone", "\\0"), ("email", "a@"),
        ("other_number", "12"), ("other_number", "';--"), ("delivery", "pigeon"),
        ("other_number", "001072000999"),
    ],
)  # fmt: skip
def test_hostile_cards_are_told_at_their_field(house: House, field: str, value: str) -> None:
    appoint(house, Role.POST_CLERK)

    page = issues(house, **{field: value})

    assert page.status_code == 422
    assert "<script>" not in page.text.replace("<script type", "")
    assert 'class="fault"' in page.text
    assert activations(house) == 0


@pytest.mark.parametrize("number", ["", "1", "x" * 5000, "<b>", "00107200013\\0"])
def test_a_number_that_cannot_be_read_is_told(house: House, number: str) -> None:
    appoint(house, Role.POST_CLERK, Role.COUNTER)
    browser = comes_in(house, POST)

    for page in (POST, COUNTER):
        assert searches(browser, page, number).status_code == 422


def test_an_existing_account_is_told_to_the_clerk_and_stands_in_the_history(house: House) -> None:
    house.browser().registers()
    appoint(house, Role.POST_CLERK)
    browser = comes_in(house, POST)

    page = searches(browser, POST)

    assert page.status_code == 422
    assert "Người này đã có tài khoản" in page.text
    look_up = history(house)[-1]
    assert look_up.event is Event.PERSON_LOOKED_UP
    assert look_up.actor_id == account_id(house, OFFICER["username"])
    house.clock.forward(seconds=61)
    browser = house.browser()
    browser.signs_in()
    page = browser.get("/account/history")
    assert "Nhân viên tra cứu tài khoản" in page.text
    badge = staff_number(account_id(house, OFFICER["username"]))
    assert f"{badge}, {UNIT}" in page.text
    assert OFFICER["full_name"] not in page.text


def test_the_other_number_of_an_account_is_found_as_well(house: House) -> None:
    house.browser().registers()
    appoint(house, Role.POST_CLERK)
    browser = comes_in(house, POST)
    searches(browser, POST, "048201047215")

    page = browser.post({**CARD, "other_number": "012345678", "birth_date": "28/02/2001"})

    assert page.status_code == 422
    assert "Người này đã có tài khoản" in page.text


def test_one_activation_is_issued_however_often_the_button_is_pressed(house: House) -> None:
    appoint(house, Role.POST_CLERK)
    browser = comes_in(house, POST)
    searches(browser, POST)
    form, path = {"csrf": browser._csrf(), **CARD}, browser.path

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: browser.client.post(path, data=form), range(8)))

    assert all(answer.status_code < 500 for answer in answers)
    assert activations(house) == 1


def test_a_slip_belongs_to_the_clerk_who_issued_it(house: House) -> None:
    appoint(house, Role.POST_CLERK)
    appoint(house, Role.POST_CLERK, person=OTHER)
    first = comes_in(house, POST)
    searches(first, POST)
    second = comes_in(house, POST, OTHER)

    assert second.get(first.path).status_code == 410


def test_what_was_issued_is_forgotten_when_the_clerk_is_done(house: House) -> None:
    appoint(house, Role.POST_CLERK)
    browser = comes_in(house, POST)
    searches(browser, POST)
    browser.post(CARD)
    slip = browser.path

    assert browser.post({"do": "cancel"}).request.path == POST
    assert browser.get(slip).status_code == 410


def test_an_operator_looks_up_only_so_many_people(database_url: str, tmp_path: Path) -> None:
    settings = {"minimum_ial": 2, "look_ups_per_hour": 2}
    house = houses.build(database_url, tmp_path, operators=settings)
    appoint(house, Role.COUNTER)
    browser = comes_in(house, COUNTER)
    for _ in range(2):
        assert "Không có tài khoản với số này" in searches(browser, COUNTER).text

    assert "Không có tài khoản với số này" not in searches(browser, COUNTER).text
    house.database.close()


# --- the counter --------------------------------------------------------------------------------


def test_a_code_of_the_counter_opens_the_account_of_the_card_that_was_seen(house: House) -> None:
    house.browser().registers()
    appoint(house, Role.COUNTER)
    teller = comes_in(house, COUNTER)
    page = searches(teller, COUNTER)
    assert "Nguyễn Văn Hoà" in page.text or "Nguyễn Văn Hòa" in page.text
    assert "01/02/1972" in page.text
    assert "0821234088" not in page.text
    code = code_on(teller.post({"card_seen": "yes"}))

    browser = house.browser()
    browser.get("/forgot?way=counter")
    browser.post({"username": PERSON["username"], "recovery_code": code, "captcha": "12345"})
    browser.post({"password": "Cầu-Rồng-2027-vàng", "password_again": "Cầu-Rồng-2027-vàng"})

    house.clock.forward(seconds=61)
    browser.get("/login")
    browser.types_password(password="Cầu-Rồng-2027-vàng")
    assert "OTP" in browser.text
    issued = [event for event in history(house) if event.event is Event.RECOVERY_ISSUED]
    assert [event.actor_id for event in issued] == [account_id(house, OFFICER["username"])]


def test_a_counter_finds_an_organisation_and_its_code_opens_it_again(house: House) -> None:
    tax_code, leaf = "0100109106", certificate("MST:0100109106")
    registers(house.browser(), leaf, "enterprise", email="donvi@example.vn", captcha="12345")
    freeze(house, tax_code)
    appoint(house, Role.COUNTER)
    teller = comes_in(house, COUNTER)
    page = searches(teller, COUNTER, tax_code)
    assert "NGUYỄN VĂN HOÀ" in page.text
    assert tax_code not in page.text
    code = code_on(teller.post({"card_seen": "yes"}))

    browser = house.browser()
    browser.get("/forgot?way=counter")
    browser.post({"username": tax_code, "recovery_code": code, "captcha": "12345"})

    assert "Tài khoản đã được mở lại" in browser.post({"do": "confirm"}).text


@pytest.mark.parametrize("number", ["0100109107", "G99.99", "x", "9" * 400, "<b>"])
def test_a_counter_finds_nobody_by_a_number_that_is_none(house: House, number: str) -> None:
    appoint(house, Role.COUNTER)

    page = searches(comes_in(house, COUNTER), COUNTER, number)

    assert page.status_code in {200, 422}
    assert 'aria-invalid="true"' in page.text


def test_no_code_without_a_card(house: House) -> None:
    house.browser().registers()
    appoint(house, Role.COUNTER)
    browser = comes_in(house, COUNTER)
    searches(browser, COUNTER)

    page = browser.post({})

    assert page.status_code == 422
    assert 'id="code"' not in page.text


def test_nobody_serves_themselves(house: House) -> None:
    appoint(house, Role.COUNTER)
    browser = comes_in(house, COUNTER)

    page = searches(browser, COUNTER, OFFICER["username"])

    assert "Bạn không thể tự phục vụ chính mình" in page.text


def test_one_code_however_often_the_button_is_pressed(house: House) -> None:
    house.browser().registers()
    appoint(house, Role.COUNTER)
    browser = comes_in(house, COUNTER)
    searches(browser, COUNTER)
    form, path = {"csrf": browser._csrf(), "card_seen": "yes"}, browser.path

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: browser.client.post(path, data=form), range(8)))

    assert all(answer.status_code < 500 for answer in answers)
    with house.database.transaction() as connection:
        assert connection.scalar(select(func.count()).select_from(RecoveryRow)) == 1


# --- complaints ---------------------------------------------------------------------------------


def decider(house: House, person: dict[str, str] = OFFICER) -> Browser:
    return comes_in(house, COMPLAINTS, person)


def opens(browser: Browser) -> TestResponse:
    browser.get(COMPLAINTS)
    found = re.search(rf'href="({COMPLAINTS}/[0-9a-f]+)"', browser.text)
    assert found, browser.text
    return browser.get(found[1])


def status(house: House) -> AccountStatus:
    return AccountStore(house.database, VAULT).get(account_id(house)).status


def complained(house: House) -> str:
    """An account, a complaint about it, an operator."""
    house.browser().registers()
    house.clock.forward(seconds=61)
    ticket = complain(house)
    appoint(house, Role.COMPLAINTS)
    return ticket


def test_a_complaint_is_seen_with_its_evidence_and_the_look_stands_in_the_history(
    house: House,
) -> None:
    complained(house)

    page = opens(decider(house))

    for text in ("Tôi chưa bao giờ mở tài khoản này.", "0912 345 678", "Thuê bao di động"):
        assert text in page.text
    assert history(house)[-1].event is Event.PERSON_LOOKED_UP


def test_a_list_of_complaints_looks_at_nobody(house: House) -> None:
    complained(house)

    page = decider(house).get(COMPLAINTS)

    assert "001******136" in page.text
    assert Event.PERSON_LOOKED_UP not in [event.event for event in history(house)]


def test_an_account_is_closed_meanwhile_and_opens_when_the_complaint_is_rejected(
    house: House,
) -> None:
    ticket = complained(house)
    browser = decider(house)
    opens(browser)
    browser.post({"do": "stop"})
    assert status(house) is AccountStatus.FROZEN
    assert house.messages()[-1]["to"] == "+84821234088"

    browser.post({"do": "reject", "text": "Tài khoản đúng là của chủ thẻ."})

    assert status(house) is AccountStatus.ACTIVE
    page = look(house, ticket)
    assert "Không được chấp nhận" in page.text
    assert "Tài khoản đúng là của chủ thẻ." in page.text


def test_an_account_that_a_complaint_closed_is_not_erased_meanwhile(house: House) -> None:
    complained(house)
    owner = house.browser()
    owner.signs_in_again()
    owner.get("/account/close")
    owner.post({"do": "close"})
    browser = decider(house)
    opens(browser)
    browser.post({"do": "stop"})
    house.clock.forward(days=8)

    assert account_flow(house.base).close_due(now=house.clock()) == 0
    assert status(house) is AccountStatus.FROZEN


def test_an_accepted_complaint_leaves_the_account_closed_to_its_phone(house: House) -> None:
    ticket = complained(house)
    browser = decider(house)
    opens(browser)
    browser.post({"do": "accept", "text": "Mời bạn đến quầy giao dịch với thẻ."})
    assert status(house) is AccountStatus.FROZEN
    assert "Mời bạn đến quầy giao dịch" in look(house, ticket).text

    house.clock.forward(seconds=61)
    thief = house.browser()
    thief.get("/forgot")
    thief.post({"username": PERSON["username"], "phone": "", "captcha": "12345"})
    thief.post({"code": house.last_code()})
    thief.post({"password": "Cầu-Rồng-2027-vàng", "password_again": "Cầu-Rồng-2027-vàng"})

    assert status(house) is AccountStatus.FROZEN


def test_what_its_owner_froze_stays_frozen_when_a_complaint_is_rejected(house: House) -> None:
    complained(house)
    browser = decider(house)
    opens(browser)
    browser.post({"do": "stop"})
    freeze(house, PERSON["username"])

    browser.post({"do": "reject", "text": "Không có căn cứ."})

    assert status(house) is AccountStatus.FROZEN


def test_the_card_at_the_counter_opens_what_a_complaint_closed(house: House) -> None:
    complained(house)
    browser = decider(house)
    opens(browser)
    browser.post({"do": "accept", "text": "Mời bạn đến quầy."})
    number = IdNumber.parse(OFFICER["username"])
    operators(house.base).add(number, Role.COUNTER, UNIT, by="x", now=house.clock())
    searches(browser, COUNTER)
    code = code_on(browser.post({"card_seen": "yes"}))

    person = house.browser()
    person.get("/forgot?way=counter")
    person.post({"username": PERSON["username"], "recovery_code": code, "captcha": "12345"})
    person.post({"password": "Cầu-Rồng-2027-vàng", "password_again": "Cầu-Rồng-2027-vàng"})

    assert status(house) is AccountStatus.ACTIVE


def test_of_two_operators_at_once_one_decides(house: House) -> None:
    ticket = complained(house)
    appoint(house, Role.COMPLAINTS, person=OTHER)
    browsers = [decider(house), decider(house, OTHER)]
    forms = []
    for browser, do in zip(browsers, ("accept", "reject"), strict=True):
        opens(browser)
        text = f"Câu trả lời {do}"
        forms.append((browser, browser.path, {"csrf": browser._csrf(), "do": do, "text": text}))

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda f: f[0].client.post(f[1], data=f[2]), forms))

    places = sorted(answer.headers["Location"] for answer in answers)
    assert places == [f"{COMPLAINTS}?answered", f"{COMPLAINTS}?taken"]
    answered = [e for e in history(house) if e.event is Event.COMPLAINT_ANSWERED]
    assert len(answered) == 1
    shown = look(house, ticket).text
    assert ("Câu trả lời accept" in shown) != ("Câu trả lời reject" in shown)


@pytest.mark.parametrize("text", ["", "ngắn", " " * 50, "x" * 2001])
def test_an_answer_has_words(house: House, text: str) -> None:
    complained(house)
    browser = decider(house)
    opens(browser)

    page = browser.post({"do": "accept", "text": text})

    assert page.status_code == 422
    assert status(house) is AccountStatus.ACTIVE


def test_a_complaint_about_the_operator_is_for_another_one(house: House) -> None:
    appoint(house, Role.COMPLAINTS)
    house.clock.forward(seconds=61)
    browser = house.browser()
    browser.get("/complaint")
    browser.post(
        {
            "username": OFFICER["username"], "full_name": "Ai Đó", "phone": "0907890108",
            "text": "Tài khoản này không phải của người đó.", "captcha": "12345",
        }
    )  # fmt: skip
    browser.post({"code": house.last_code()})

    page = opens(decider(house))

    assert page.status_code == 409
    assert "Hãy nhờ nhân viên khác" in page.text


@pytest.mark.parametrize("name", ["0" * 32, "x", "%00", "../post"])
def test_an_unknown_complaint_is_not_found(house: House, name: str) -> None:
    appoint(house, Role.COMPLAINTS)

    assert decider(house).get(f"{COMPLAINTS}/{name}").status_code in {403, 404}


def activations(house: House) -> int:
    with house.database.transaction() as connection:
        return connection.scalar(select(func.count()).select_from(ActivationRow)) or 0


def test_what_operators_do_leaves_no_name_in_a_log_or_in_clear(
    house: House, capfd: pytest.CaptureFixture[str]
) -> None:
    issued = "031099000777"
    appoint(house, *Role)
    clerk = comes_in(house, POST)
    searches(clerk, POST, issued)
    clerk.post({**CARD, "full_name": "Đoàn Kiều Oanh", "phone": "0829876001"})
    house.browser().registers()
    teller = comes_in(house, COUNTER)
    searches(teller, COUNTER)
    code = code_on(teller.post({"card_seen": "yes"}))

    said, kept = "".join(capfd.readouterr()), dump(house)

    for planted in (
        *(OFFICER["username"], OFFICER["full_name"], PERSON["username"], PERSON["full_name"]),
        *(issued, "Đoàn Kiều Oanh", "0829876001", "829876001", code, code.replace("-", "")),
    ):
        assert planted not in said, planted
        assert planted not in kept, planted
