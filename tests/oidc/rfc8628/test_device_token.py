"""Polling for the tokens of a device (RFC 8628, 3.4 and 3.5)."""

from __future__ import annotations

import pytest

from idp.domain.subjects import IdNumber
from idp.storage.accounts import AccountStore
from idp.storage.owners import OwnerStore
from idp.storage.single_use import SingleUse
from idp.storage.ways_in import NOT_KNOWN
from tests.support.build import VAULT
from tests.support.decoupled import DEVICE, Kiosk, add_kiosk, at_once, confirms, enters
from tests.support.house import PERSON, Browser, House, add_portal


def someone(house: House) -> Browser:
    """A person who is signed in."""
    browser = house.browser()
    browser.registers()
    browser.signs_in_again()
    return browser


def approved(house: House, **metadata: object) -> tuple[Kiosk, Browser]:
    kiosk, browser = add_kiosk(house, **metadata), someone(house)
    kiosk.begins()
    confirms(browser, kiosk.user_code)
    return kiosk, browser


def test_rfc8628_3_5_until_somebody_answers_it_is_pending(house: House) -> None:
    kiosk = add_kiosk(house)
    kiosk.begins()

    answer = kiosk.polls()

    assert (answer.status_code, answer.get_json()["error"]) == (400, "authorization_pending")


def test_rfc8628_3_5_each_early_poll_makes_the_interval_five_seconds_longer(house: House) -> None:
    kiosk = add_kiosk(house)
    kiosk.begins()
    kiosk.polls()

    errors = [kiosk.waits_and_polls(seconds).get_json()["error"] for seconds in (4, 9, 15, 14, 25)]

    assert errors == [
        "slow_down",  # 4 < 5, from now on 10
        "slow_down",  # 9 < 10, from now on 15
        "authorization_pending",  # 15
        "slow_down",  # 14 < 15, from now on 20
        "authorization_pending",
    ]


def test_rfc8628_3_5_of_many_pending_polls_at_once_one_is_in_time(house: House) -> None:
    kiosk = add_kiosk(house)
    kiosk.begins()

    errors = [each.get_json()["error"] for each in at_once(10, kiosk.polls)]

    assert sorted(errors) == ["authorization_pending"] + ["slow_down"] * 9


def test_rfc8628_3_5_a_refused_device_hears_it(house: House) -> None:
    kiosk, browser = add_kiosk(house), someone(house)
    kiosk.begins()
    enters(browser, kiosk.user_code)
    browser.post({"do": "cancel"})

    answer = kiosk.polls()

    assert (answer.status_code, answer.get_json()["error"]) == (400, "access_denied")


def test_rfc8628_3_5_a_code_that_nobody_entered_expires(house: House) -> None:
    kiosk = add_kiosk(house)
    kiosk.begins()

    assert kiosk.waits_and_polls(601).get_json()["error"] == "expired_token"


def test_rfc8628_3_5_an_approved_device_gets_tokens_that_say_what_was_proved(house: House) -> None:
    kiosk, _ = approved(house)

    tokens = kiosk.polls().get_json()

    claims = kiosk.portal.claims(tokens["id_token"])
    assert claims["acr"] == "ial2"
    assert claims["amr"] == ["pwd", "sms", "otp", "mfa"]
    assert claims["auth_time"] == int(house.clock().timestamp())
    assert tokens["scope"] == "openid profile"
    assert tokens["refresh_token"]
    user = house.app.test_client().get(
        "/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    )
    assert user.get_json()["name"] == "Nguyễn Văn Hoà"


def test_rfc8628_3_5_an_approved_device_is_not_told_to_slow_down(house: House) -> None:
    kiosk, browser = add_kiosk(house), someone(house)
    kiosk.begins()
    kiosk.polls()
    confirms(browser, kiosk.user_code)

    assert kiosk.polls().status_code == 200


def test_a_device_code_gives_tokens_once_also_to_fifty_polls_at_once(house: House) -> None:
    kiosk, _ = approved(house)

    answers = at_once(50, kiosk.polls)

    assert sorted(each.status_code for each in answers) == [200] + [400] * 49
    errors = {each.get_json()["error"] for each in answers if each.status_code == 400}
    assert errors == {"invalid_grant"}
    tokens = next(each for each in answers if each.status_code == 200).get_json()
    refreshed = kiosk.portal.token(
        grant_type="refresh_token", refresh_token=tokens["refresh_token"]
    )
    assert refreshed.status_code == 200


def test_a_used_device_code_is_invalid_and_leaves_the_tokens_alone(house: House) -> None:
    kiosk, _ = approved(house)
    tokens = kiosk.polls().get_json()

    assert kiosk.polls().get_json()["error"] == "invalid_grant"
    user = house.app.test_client().get(
        "/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    )
    assert user.status_code == 200


def test_a_device_code_is_worth_nothing_to_another_client(house: House) -> None:
    kiosk, _ = approved(house)
    thief = Kiosk(house, add_kiosk(house, "thief").portal, kiosk.device_code)

    assert thief.polls().get_json()["error"] == "invalid_grant"
    assert kiosk.polls().status_code == 200


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"device_code": ""}, "invalid_request"),
        ({"device_code": "x"}, "invalid_grant"),
        ({"device_code": "0" * 32 + "."}, "invalid_grant"),
        ({"device_code": "0" * 32 + "." + "A" * 43}, "invalid_grant"),
        ({"device_code": "g" * 32 + "." + "A" * 43}, "invalid_grant"),
        ({"device_code": "0" * 32 + "." + "A" * 5000}, "invalid_grant"),
        ({"device_code": "\0"}, "invalid_grant"),
        ({"device_code": "đ" * 32}, "invalid_grant"),
        ({"device_code": "' OR 1=1 --"}, "invalid_grant"),
        ({"resource": "https://other.example.vn"}, "authorization_pending"),
    ],
)
def test_hostile_values_change_nothing(house: House, form: dict[str, str], error: str) -> None:
    kiosk = add_kiosk(house)
    kiosk.begins()

    answer = kiosk.polls(**form)

    assert (answer.status_code, answer.get_json()["error"]) == (400, error)


def test_rfc8707_a_resource_that_was_not_granted_does_not_use_the_code_up(house: House) -> None:
    kiosk, _ = approved(house)

    assert kiosk.polls(resource="https://other.example.vn").get_json()["error"] == "invalid_target"
    assert kiosk.polls().status_code == 200


def test_an_account_frozen_after_its_answer_gives_no_tokens(house: House) -> None:
    kiosk, _ = approved(house)
    account = AccountStore(house.database, VAULT).find_by_id_number(
        IdNumber.parse(PERSON["username"])
    )
    assert account
    with house.database.transaction() as connection:
        OwnerStore(house.database, VAULT, NOT_KNOWN).freeze(
            connection, account.id, now=house.clock()
        )

    assert kiosk.polls().get_json()["error"] == "invalid_grant"


def test_a_device_signed_out_by_its_owner_before_it_polled_gets_nothing(house: House) -> None:
    kiosk, browser = approved(house)
    browser.get("/account/sessions")
    browser.post({"all": "all"}, "/account/sessions/end")

    assert kiosk.polls().get_json()["error"] == "invalid_grant"


def test_the_tokens_of_a_device_end_with_its_session_in_the_owners_list(house: House) -> None:
    kiosk, browser = approved(house)
    tokens = kiosk.polls().get_json()
    assert "Cổng kiosk" in browser.get("/account/sessions").text

    browser.post({"all": "all"}, "/account/sessions/end")

    refused = kiosk.portal.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert refused.get_json()["error"] == "invalid_grant"


def test_a_device_stays_signed_in_when_the_person_leaves_the_browser(house: House) -> None:
    """The person walks away with their telephone; the counter's device goes on."""
    kiosk, browser = approved(house)
    tokens = kiosk.polls().get_json()
    browser.get("/logout")
    browser.post({"do": "all"})

    refreshed = kiosk.portal.token(
        grant_type="refresh_token", refresh_token=tokens["refresh_token"]
    )

    assert refreshed.status_code == 200


def test_rfc9449_a_device_that_must_prove_a_key_needs_the_proof_at_the_token(house: House) -> None:
    kiosk, _ = approved(house, dpop_bound_access_tokens=True)

    assert kiosk.polls().get_json()["error"] == "invalid_dpop_proof"


def test_a_client_without_the_grant_cannot_poll(house: House) -> None:
    portal = add_portal(house)

    answer = portal.token(grant_type=DEVICE, device_code="x")

    assert answer.get_json()["error"] == "unauthorized_client"


def test_two_statements_answer_an_approved_poll_and_one_a_pending_one(house: House) -> None:
    kiosk, _ = approved(house)
    waiting = add_kiosk(house, "waiting")
    waiting.begins()
    waiting.polls()  # the client is known from now on
    house.clock.forward(seconds=20)
    before = house.database.counted.statements
    waiting.polls()
    between = house.database.counted.statements
    kiosk.polls()

    assert between - before <= 2  # with the look at the client's version
    assert house.database.counted.statements - between <= 3
    assert SingleUse(house.database)


def gives_back(kiosk: Kiosk, token: str) -> None:
    portal = kiosk.portal
    answer = kiosk.house.app.test_client().post(
        "/revoke", data={"token": token}, auth=(portal.client_id, portal.secret)
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
def test_rfc7009_2_1_what_a_kiosk_gives_back_signs_its_person_out_there(
    house: House, name: str
) -> None:
    kiosk, browser = approved(house)
    token = kiosk.polls().get_json()[name]
    assert browser.get("/account/sessions").text.count("Cổng kiosk") == 1

    gives_back(kiosk, token)

    page = browser.get("/account/sessions")
    assert page.status_code == 200
    assert "Cổng kiosk" not in page.text
    assert open_sessions(house) == 1  # her own browser's


def test_rfc7009_2_1_a_kiosk_that_gives_back_at_once_many_times_ends_it_once(house: House) -> None:
    kiosk, _ = approved(house)
    token = kiosk.polls().get_json()["access_token"]

    at_once(8, lambda: gives_back(kiosk, token))

    assert open_sessions(house) == 1
    with house.database.transaction() as connection:
        ended = connection.exec_driver_sql(
            "SELECT COUNT(*) FROM sessions WHERE end_reason = 'revoked'"
        ).scalar()
    assert ended == 1


def open_sessions(house: House) -> int:
    with house.database.transaction() as connection:
        count = connection.exec_driver_sql(
            "SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL"
        ).scalar()
    return int(count or 0)


def test_eap_acr_2_a_device_that_asks_for_a_key_is_not_let_in_by_a_password(house: House) -> None:
    kiosk, browser = add_kiosk(house), someone(house)
    kiosk.begins(acr_values="phr")

    enters(browser, kiosk.user_code)

    assert browser.path.startswith("/login/")
    assert 'name="password"' not in browser.text
    assert kiosk.polls().get_json()["error"] == "authorization_pending"
