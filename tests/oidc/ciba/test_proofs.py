"""A page answer takes a proof that was made for its request, and for nothing else (CIBA, 7.3)."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from idp.domain.assurance import IAL, Amr, Evidence
from idp.domain.errors import Conflict
from idp.domain.subjects import IdNumber
from idp.flows.answers import Visitor
from idp.flows.decoupled_answering import Answerer
from idp.storage.sessions import decode_evidence, encode_evidence
from tests.oidc.ciba.test_answers import password_owner
from tests.support.decoupled import Office, add_office, flow_of
from tests.support.house import PERSON, Browser, House


def asked(house: House, *names: str) -> list[Office]:
    """Requests of several back offices, oldest first."""
    offices = [add_office(house, name) for name in names]
    for office in offices:
        house.clock.forward(seconds=1)
        office.asks()
    house.clock.forward(seconds=1)
    return offices


def pages(browser: Browser) -> list[str]:
    """Where the requests are answered, oldest first."""
    text = browser.get("/account/approvals").text
    return re.findall(r'href="(/account/approvals/[0-9a-f]{32})"', text)[::-1]


def proves(house: House, browser: Browser, page: str) -> None:
    """Sign in as the page of that request asks for."""
    browser.get(page)
    browser.post({"do": "confirm"})
    assert browser.path.startswith("/login/"), browser.text
    browser.types_again()
    browser.post({"code": house.last_code()})
    assert browser.path == page


def fires(house: House, browser: Browser, paths: list[str]) -> None:
    """Confirm on all these pages at the same moment, in one browser."""
    form = {"csrf": browser._csrf(), "do": "confirm"}
    cookies = browser.client._cookies

    def confirm(path: str) -> None:
        client = house.app.test_client()
        client._cookies = cookies
        client.post(path, data=form)

    with ThreadPoolExecutor(len(paths)) as pool:
        list(pool.map(confirm, paths))


def given(house: House) -> int:
    with house.database.transaction() as connection:
        count = connection.exec_driver_sql(
            "SELECT COUNT(*) FROM audit WHERE event = 'approval.given'"
        ).scalar()
    return int(count or 0)


def test_a_sign_in_after_the_request_that_its_page_did_not_begin_confirms_nothing(
    house: House,
) -> None:
    browser = password_owner(house)
    [office] = asked(house, "office")
    browser.signs_in_again()
    [page] = pages(browser)
    browser.get(page)
    assert "Tiếp tục để xác nhận" in browser.text

    browser.post({"do": "confirm"})

    assert browser.path.startswith("/login/")
    assert office.polls().get_json()["error"] == "authorization_pending"


def test_a_proof_for_one_request_confirms_no_other(house: House) -> None:
    browser = password_owner(house)
    first, second = asked(house, "first", "second")
    one, other = pages(browser)
    proves(house, browser, one)

    browser.get(other)
    browser.post({"do": "confirm"})

    assert browser.path.startswith("/login/")
    assert second.polls().get_json()["error"] == "authorization_pending"
    browser.get(one)
    browser.post({"do": "confirm"})
    assert first.polls().status_code == 200


def test_one_proof_fired_at_all_requests_at_once_answers_its_own_once(house: House) -> None:
    browser = password_owner(house)
    first, second, third = asked(house, "first", "second", "third")
    one, two, three = pages(browser)
    proves(house, browser, two)

    fires(house, browser, [one, two, three] * 5)

    assert given(house) == 1
    answers = [office.polls() for office in (first, second, third)]
    assert [answer.status_code for answer in answers] == [400, 200, 400]
    assert {answers[0].get_json()["error"], answers[2].get_json()["error"]} == {
        "authorization_pending"
    }


def test_a_proof_is_worth_nothing_for_the_next_request_of_the_same_portal(house: House) -> None:
    browser = password_owner(house)
    [office] = asked(house, "office")
    [page] = pages(browser)
    proves(house, browser, page)
    browser.post({"do": "confirm"})
    house.clock.forward(seconds=1)
    office.asks()

    browser.get(pages(browser)[0])
    browser.post({"do": "confirm"})

    assert browser.path.startswith("/login/")
    assert given(house) == 1


def test_a_proof_made_for_a_request_opens_no_change_of_the_account(house: House) -> None:
    browser = password_owner(house)
    house.clock.forward(minutes=6)
    asked(house, "office")
    proves(house, browser, pages(browser)[0])

    browser.get("/account/password")

    assert browser.path.startswith("/login/"), browser.text
    browser.signs_in_again()
    assert browser.get("/account/password").request.path == "/account/password"


def test_the_page_and_the_message_say_that_the_proof_is_for_a_request(house: House) -> None:
    browser = password_owner(house)
    asked(house, "office")

    browser.get(pages(browser)[0])
    browser.post({"do": "confirm"})
    assert "Yêu cầu xác nhận của Cổng office" in browser.text
    assert "Đăng nhập vào" not in browser.text
    browser.types_again()

    assert any(
        "Cổng office: mã OTP để đồng ý với yêu cầu là" in message["text"]
        for message in house.messages()
    )


@pytest.mark.parametrize(
    ("wanted", "amr", "level", "acr"),
    [
        ("", Amr.PWD, IAL.MEDIUM, "ial2"),
        ("ial2", Amr.HWK, IAL.HIGH, "ial3"),
        ("phrh", Amr.HWK, IAL.HIGH, "phrh"),
        ("phr", Amr.SWK, IAL.MEDIUM, "phr"),
        ("phr ial2", Amr.PWD, IAL.MEDIUM, "ial2"),
    ],
)
def test_acr_is_what_the_proof_for_the_request_proved_not_what_the_account_could(
    house: House, wanted: str, amr: Amr, level: IAL, acr: str
) -> None:
    password_owner(house)
    office = add_office(house)
    office.asks(acr_values=wanted)
    now, answering = house.clock(), flow_of(house).answering
    owner = flow_of(house).asking.accounts.find_by_id_number(IdNumber.parse(PERSON["username"]))
    assert owner
    [found] = answering.store.of_account(owner.id, now=now)
    proof = Evidence("any", level, (amr,), now, made_for=found.proof_name)

    answering.approve(found, Answerer(owner.id, IAL.HIGH, (proof,)), Visitor(b"", "", ""), now=now)

    tokens = office.polls().get_json()
    assert office.portal.claims(tokens["id_token"])["acr"] == acr


@pytest.mark.parametrize(
    ("wanted", "amr", "level"),
    [
        ("phr", Amr.PWD, IAL.MEDIUM),
        ("phr", Amr.SC, IAL.HIGH),
        ("phrh", Amr.SWK, IAL.MEDIUM),
        ("ial3", Amr.PWD, IAL.MEDIUM),
    ],
)
def test_a_proof_that_withstands_less_than_was_asked_for_is_no_answer(
    house: House, wanted: str, amr: Amr, level: IAL
) -> None:
    password_owner(house)
    office = add_office(house)
    office.asks(acr_values=wanted)
    now, answering = house.clock(), flow_of(house).answering
    owner = flow_of(house).asking.accounts.find_by_id_number(IdNumber.parse(PERSON["username"]))
    assert owner
    [found] = answering.store.of_account(owner.id, now=now)
    proof = Evidence("any", level, (amr,), now, made_for=found.proof_name)
    answerer = Answerer(owner.id, IAL.HIGH, (proof,))

    with pytest.raises(Conflict, match=r"request\.level"):
        answering.approve(found, answerer, Visitor(b"", "", ""), now=now)

    assert given(house) == 0


def test_a_page_that_needs_a_key_lets_nobody_confirm_with_a_password(house: House) -> None:
    browser = password_owner(house)
    house.clock.forward(seconds=1)
    add_office(house).asks(claims='{"id_token": {"acr": {"essential": true, "value": "phr"}}}')
    browser.get(pages(browser)[0])

    browser.post({"do": "confirm"})

    assert browser.path.startswith("/login/")
    assert 'name="password"' not in browser.text
    browser.get(f"{browser.path}?method=password_otp")
    assert 'name="password"' not in browser.text


def test_core_5_5_1_1_an_essential_level_that_nobody_proves_is_unmet(house: House) -> None:
    password_owner(house)
    claims = '{"id_token": {"acr": {"essential": true, "value": "gold"}}}'

    answer = add_office(house).asks(claims=claims)

    assert answer.status_code == 400
    assert answer.get_json()["error"] == "unmet_authentication_requirements"


@pytest.mark.parametrize("made_for", ["", "ciba", f"ciba {'0' * 32}"])
def test_the_flow_takes_no_proof_that_was_not_made_for_the_request(
    house: House, made_for: str
) -> None:
    password_owner(house)
    asked(house, "office")
    now, answering = house.clock(), flow_of(house).answering
    owner = flow_of(house).asking.accounts.find_by_id_number(IdNumber.parse(PERSON["username"]))
    assert owner
    [found] = answering.store.of_account(owner.id, now=now)
    proof = Evidence("password_otp", IAL.MEDIUM, (), now, made_for=made_for)
    answerer = Answerer(owner.id, IAL.MEDIUM, (proof,))

    with pytest.raises(Conflict, match=r"request\.proof"):
        answering.approve(found, answerer, Visitor(b"", "", ""), now=now)

    assert given(house) == 0
    right = replace(answerer, evidence=(replace(proof, made_for=found.proof_name),))
    answering.approve(found, right, Visitor(b"", "", ""), now=now + timedelta(seconds=1))
    assert given(house) == 1


def test_what_a_proof_was_made_for_is_kept_and_older_rows_are_still_read() -> None:
    proof = Evidence("sim", IAL.HIGH, (), datetime(2026, 11, 24, tzinfo=UTC), made_for="ciba 1")

    assert decode_evidence(encode_evidence([proof])) == (proof,)
    assert decode_evidence('[["sim", 3, [], 1000]]')[0].made_for == ""
