"""A person answers on their signing SIM or on a page, and the client's tokens (CIBA Core, 8-11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from idp.domain.errors import PortUnavailable, PortUnreached
from idp.domain.sim_signing import verification_code
from idp.follower import Follower
from idp.ports import SignatureFailed, SignatureFailure, WebAnswer
from idp.storage.outbox import OutboxStore
from tests.journeys.test_sim import answers, certificate, registers
from tests.oidc.ciba.test_request import TOKEN, ping_office
from tests.support.decoupled import (
    Office,
    add_office,
    at_once,
    flow_of,
    opens_approval,
    works,
)
from tests.support.house import Browser, House

LEAF: dict[str, Any] = {"serial": 77}


def sim_owner(house: House) -> Browser:
    browser = house.browser()
    registers(browser, certificate(**LEAF))
    house.forget_messages()
    return browser


def password_owner(house: House) -> Browser:
    browser = house.browser()
    browser.registers()
    browser.signs_in_again()
    house.forget_messages()
    return browser


def signs(house: House) -> None:
    """The worker lets the phone ring, the owner types the PIN, the worker sees it."""
    works(house)
    answers(house, certificate(**LEAF))
    works(house)


# --- SIM ------------------------------------------------------------------------------------------


def test_ciba_8_the_phone_shows_who_asks_what_for_and_the_code_of_the_client(house: House) -> None:
    sim_owner(house)
    office = add_office(house, client_name="Bộ Y tế – Một cửa đặc biệt")
    office.asks(binding_message="Hồ sơ 12345")

    works(house)

    asked = house.signer.prompts[-1]
    assert asked["text"] == f"Bo Y te  Mot cua dac biet: Ho so 12345. Ma xac nhan {office.code}"
    assert verification_code(asked["digest"]) == office.code
    assert asked["text"].isascii()
    assert len(asked["text"]) <= 100
    assert asked["carrier"] == "vinaphone"


def test_the_longest_names_and_messages_fit_on_the_phone(house: House) -> None:
    sim_owner(house)
    office = add_office(house, client_name="Cổng" + " Cổng" * 19)
    office.asks(binding_message="x" * 50)

    works(house)

    text = house.signer.prompts[-1]["text"]
    assert len(text) <= 100
    assert text.endswith(f"{'x' * 50}. Ma xac nhan {office.code}")


def test_ciba_10_1_a_signature_gives_tokens_of_level_three(house: House) -> None:
    sim_owner(house)
    office = add_office(house)
    office.asks(acr_values="ial3")
    assert office.polls().get_json()["error"] == "authorization_pending"
    signs(house)

    tokens = office.polls().get_json()

    claims = office.portal.claims(tokens["id_token"])
    assert (claims["acr"], claims["amr"]) == ("ial3", ["sc", "pin", "mfa"])
    assert claims["auth_time"] == int(house.clock().timestamp())
    assert "nonce" not in claims
    assert "urn:openid:params:jwt:claim:auth_req_id" not in claims
    assert tokens["refresh_token"]


def test_an_auth_req_id_gives_tokens_once_also_to_fifty_polls_at_once(house: House) -> None:
    sim_owner(house)
    office = add_office(house)
    office.asks()
    signs(house)

    found = at_once(50, office.polls)

    assert sorted(each.status_code for each in found) == [200] + [400] * 49
    assert office.polls().get_json()["error"] == "invalid_grant"


def test_ciba_11_an_auth_req_id_is_worth_nothing_to_another_client(house: House) -> None:
    sim_owner(house)
    office = add_office(house)
    office.asks()
    signs(house)
    thief = Office(house, add_office(house, "thief").portal, office.auth_req_id)

    assert thief.polls().get_json()["error"] == "invalid_grant"
    assert office.polls().status_code == 200


def test_ciba_11_polling_too_fast_is_told_to_slow_down(house: House) -> None:
    office = add_office(house)
    office.asks()
    office.polls()

    errors = [office.waits_and_polls(seconds).get_json()["error"] for seconds in (1, 9, 15)]

    assert errors == ["slow_down", "slow_down", "authorization_pending"]


def test_ciba_11_a_person_who_declines_on_the_phone_denies(house: House) -> None:
    sim_owner(house)
    office = add_office(house)
    office.asks()
    works(house)
    house.signer.state = SignatureFailed(SignatureFailure.USER_CANCELLED)
    works(house)

    assert office.polls().get_json()["error"] == "access_denied"


@pytest.mark.parametrize(
    "reason", [SignatureFailure.PIN_BLOCKED, SignatureFailure.BUSY, SignatureFailure.UNREACHABLE]
)
def test_ciba_12_a_phone_that_cannot_be_asked_fails_the_transaction(
    house: House, reason: SignatureFailure
) -> None:
    sim_owner(house)
    office = add_office(house)
    office.asks()
    house.signer.refuses = SignatureFailed(reason)
    works(house)

    assert office.polls().get_json()["error"] == "transaction_failed"


def test_a_signature_by_another_persons_certificate_gives_nothing(house: House) -> None:
    sim_owner(house)
    office = add_office(house)
    office.asks()
    works(house)
    answers(house, certificate("CCCD:001072000999", serial=78))
    works(house)

    assert office.polls().get_json()["error"] == "transaction_failed"


def test_a_signature_over_something_else_gives_nothing(house: House) -> None:
    sim_owner(house)
    office = add_office(house)
    office.asks()
    works(house)
    answers(house, certificate(**LEAF), digest=b"x" * 32)
    works(house)

    assert office.polls().get_json()["error"] == "transaction_failed"


def test_a_phone_that_stays_silent_lets_the_request_expire(house: House) -> None:
    sim_owner(house)
    office = add_office(house)
    office.asks()
    works(house)
    works(house, 120)

    assert office.polls().get_json()["error"] == "authorization_pending"
    assert office.waits_and_polls(100).get_json()["error"] == "expired_token"


def test_a_platform_that_is_down_is_asked_again_until_it_answers(house: House) -> None:
    sim_owner(house)
    office = add_office(house)
    office.asks()
    house.signer.is_down = True
    with pytest.raises(PortUnavailable):
        works(house)
    house.signer.is_down = False
    signs(house)

    assert office.polls().status_code == 200


def test_a_long_failure_of_the_platform_fails_no_question(house: House) -> None:
    sim_owner(house)
    office = add_office(house)
    office.asks()
    house.signer.is_down, house.signer.failure = True, PortUnreached
    for _ in range(2 * house.base.config.limits.prompts_per_phone):
        with pytest.raises(PortUnavailable):
            works(house, 3)
    house.signer.is_down = False
    signs(house)

    assert office.polls().status_code == 200


def test_one_phone_rings_for_one_question_at_a_time(house: House) -> None:
    sim_owner(house)
    first, second = add_office(house), add_office(house, "second")
    first.asks()
    works(house)
    rung = len(house.signer.prompts)
    second.asks()
    works(house)

    assert len(house.signer.prompts) == rung
    assert second.polls().get_json()["error"] == "transaction_failed"


def test_two_workers_at_once_let_a_phone_ring_once(house: House) -> None:
    sim_owner(house)
    add_office(house).asks()
    before = len(house.signer.prompts)

    at_once(8, lambda: flow_of(house).phones.follow(now=house.clock()))

    assert len(house.signer.prompts) == before + 1


def test_an_account_frozen_while_the_phone_rings_gives_nothing(house: House) -> None:
    sim_owner(house)
    office = add_office(house)
    office.asks()
    works(house)
    with house.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE accounts SET status = 'frozen'")
    answers(house, certificate(**LEAF))
    works(house)

    assert office.polls().get_json()["error"] == "transaction_failed"


def test_data_that_was_never_agreed_to_is_asked_for_on_a_page_not_on_a_phone(house: House) -> None:
    sim_owner(house)
    before = len(house.signer.prompts)
    add_office(house).asks(scope="openid profile")

    works(house)

    assert len(house.signer.prompts) == before


# --- page -----------------------------------------------------------------------------------------


def confirms_on_page(house: House, browser: Browser) -> None:
    """Open the request, prove oneself for it, confirm."""
    house.clock.forward(seconds=1)
    opens_approval(browser)
    browser.post({"do": "confirm"})
    browser.types_again()
    browser.post({"code": house.last_code()})
    browser.post({"do": "confirm"})


def test_a_person_without_a_sim_is_told_without_a_link_that_signs_in(house: House) -> None:
    password_owner(house)

    add_office(house).asks(binding_message="Hồ sơ 77")

    text = house.messages()[-1]["text"]
    assert "Hồ sơ 77" in " ".join(message["text"] for message in house.messages())
    assert "/not-me/" in text
    assert "/account/approvals" not in text
    assert "/login" not in text


def test_a_page_answer_needs_a_proof_made_for_the_request(house: House) -> None:
    browser = password_owner(house)
    office = add_office(house)
    house.clock.forward(seconds=1)
    office.asks(scope="openid profile", binding_message="Hồ sơ 77")
    house.clock.forward(seconds=60)
    page = opens_approval(browser)
    for text in ("Hồ sơ 77", office.code, "Cổng office", "Họ tên", "Tiếp tục để xác nhận"):
        assert text in page.text

    browser.post({"do": "confirm"})

    assert browser.path.startswith("/login/")
    assert office.polls().get_json()["error"] == "authorization_pending"
    browser.types_again()
    page = browser.post({"code": house.last_code()})
    assert ">Xác nhận</button>" in page.text
    assert "Đã xác nhận" in browser.post({"do": "confirm"}).text
    tokens = office.waits_and_polls().get_json()
    assert office.portal.claims(tokens["id_token"])["acr"] == "ial2"
    user = house.app.test_client().get(
        "/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    )
    assert user.get_json()["name"] == "Nguyễn Văn Hoà"


def test_one_proof_answers_one_request(house: House) -> None:
    browser = password_owner(house)
    first, second = add_office(house), add_office(house, "second")
    first.asks()
    second.asks()
    confirms_on_page(house, browser)

    opens_approval(browser)
    browser.post({"do": "confirm"})

    assert browser.path.startswith("/login/"), browser.text
    errors = {each.polls().status_code for each in (first, second)}
    assert errors == {200, 400}


def test_refusing_on_the_page_denies(house: House) -> None:
    browser = password_owner(house)
    office = add_office(house)
    office.asks()
    opens_approval(browser)
    page = browser.post({"do": "cancel"})

    assert "Đã từ chối" in page.text
    assert office.polls().get_json()["error"] == "access_denied"


def test_not_me_denies_and_freezes(house: House) -> None:
    browser = password_owner(house)
    office = add_office(house)
    office.asks()
    opens_approval(browser)
    browser.post({"do": "freeze"})

    assert office.polls().get_json()["error"] == "access_denied"
    assert "login" in browser.get("/account").request.path


def test_a_request_of_somebody_else_is_neither_seen_nor_answered(house: House) -> None:
    browser = password_owner(house)
    office = add_office(house)
    office.asks()
    here = opens_approval(browser).request.path
    house.carrier.add("0912345678", "001072000555", name="Trần Thị B", birth_date="03/04/1972")
    other = house.browser()
    other.registers(
        username="001072000555",
        full_name="Trần Thị B",
        birth_date="03/04/1972",
        phone="0912345678",
        email="b@example.vn",
    )
    other.get("/login")
    other.types_password("001072000555")
    other.post({"code": house.last_code()})

    assert "đã được trả lời hoặc đã hết hạn" in other.get(here).text
    other.post({"do": "cancel"}, here) if 'name="csrf"' in other.text else None
    assert office.polls().get_json()["error"] == "authorization_pending"


def test_a_level_that_the_account_does_not_have_cannot_be_confirmed(house: House) -> None:
    browser = password_owner(house)
    office = add_office(house)
    office.asks(acr_values="ial3")
    page = opens_approval(browser)

    assert "mức xác minh cao hơn" in page.text
    browser.post({"do": "confirm"})
    assert office.polls().get_json()["error"] == "authorization_pending"


def test_of_a_yes_and_a_no_at_once_one_counts(house: House) -> None:
    sim_owner(house)
    office = add_office(house)
    office.asks()
    works(house)
    answers(house, certificate(**LEAF))
    house.clock.forward(seconds=3)
    flow = flow_of(house).phones
    [waiting] = flow.store.claim(now=house.clock(), lease=timedelta(seconds=20), limit=5)

    at_once(6, lambda: flow.look(waiting, now=house.clock()))

    with house.database.transaction() as connection:
        sessions = connection.exec_driver_sql(
            "SELECT COUNT(*) FROM audit WHERE event = 'approval.given'"
        ).scalar()
    assert sessions == 1
    assert office.polls().status_code == 200


def test_the_owner_finds_request_and_answer_in_the_history(house: House) -> None:
    browser = password_owner(house)
    add_office(house).asks()
    confirms_on_page(house, browser)

    page = browser.get("/account/history")

    for text in ("Cổng xin xác nhận", "Xác nhận yêu cầu của cổng", "Cổng office"):
        assert text in page.text


# --- ping -----------------------------------------------------------------------------------------


@dataclass
class MemoryWeb:
    """The client's server: what it was told, and how it answers."""

    status: int = 204
    told: list[tuple[str, bytes, Mapping[str, str]]] = field(default_factory=list)

    def get(self, url: str, *, accept: str, most: int = 65536) -> WebAnswer:
        raise NotImplementedError

    def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], most: int = 65536
    ) -> WebAnswer:
        del most
        self.told.append((url, body, headers))
        return WebAnswer(self.status, b"", "")


def pings(house: House, web: MemoryWeb) -> int:
    """What the worker takes from the outbox for us."""
    follower = Follower(house.base, flow_of(house).phones, web)
    outbox = OutboxStore(house.database, house.base.vault)
    jobs = outbox.claim(now=house.clock(), limit=100, lease=timedelta(seconds=-1))
    ours = [job for job in jobs if follower.is_ping(job)]
    for job in ours:
        follower.ping(job)
    return len(ours)


def test_ciba_10_2_the_client_is_pinged_with_its_token_and_fetches(house: House) -> None:
    sim_owner(house)
    office, web = ping_office(house), MemoryWeb()
    office.asks(client_notification_token=TOKEN)
    assert pings(house, web) == 0
    signs(house)

    pings(house, web)

    [(url, body, headers)] = web.told
    assert url == "https://office.example.vn/ping"
    assert body.decode() == f'{{"auth_req_id": "{office.auth_req_id}"}}'
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["Content-Type"] == "application/json"
    assert office.polls().status_code == 200


def test_ciba_10_2_a_refusal_is_pinged_as_well(house: House) -> None:
    browser = password_owner(house)
    office, web = ping_office(house), MemoryWeb()
    office.asks(client_notification_token=TOKEN)
    opens_approval(browser)
    browser.post({"do": "cancel"})

    assert pings(house, web) == 1
    assert office.polls().get_json()["error"] == "access_denied"


@pytest.mark.parametrize("status", [301, 302, 307, 429, 500, 503])
def test_ciba_10_2_a_client_that_did_not_hear_is_told_again(house: House, status: int) -> None:
    sim_owner(house)
    office = ping_office(house)
    office.asks(client_notification_token=TOKEN)
    signs(house)

    with pytest.raises(PortUnavailable):
        pings(house, MemoryWeb(status))
    assert pings(house, replace(MemoryWeb(), status=200)) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_ciba_10_2_a_client_that_refused_is_not_told_again(house: House, status: int) -> None:
    sim_owner(house)
    office = ping_office(house)
    office.asks(client_notification_token=TOKEN)
    signs(house)

    assert pings(house, MemoryWeb(status)) == 1


def test_ciba_10_2_a_client_that_polls_is_never_pinged(house: House) -> None:
    sim_owner(house)
    office, web = add_office(house), MemoryWeb()
    office.asks()
    signs(house)

    assert pings(house, web) == 0
