"""The switch "no SMS sign-in for me": it holds for signing in, recovery and a lost phone alike."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from idp.domain.events import Event
from tests.journeys.test_account import NEW, SECOND
from tests.journeys.test_operator import history
from tests.journeys.test_recovery import (
    STRANGER,
    asks,
    counter_code,
    loses_phone,
    owns,
    plain,
    uses_counter_code,
)
from tests.journeys.test_totp import added
from tests.support.house import PERSON, Browser, House


def owner_with_app(house: House) -> Browser:
    """Somebody with password, phone and an authenticator app, signed in."""
    browser, _ = added(house)
    return browser


def switches_off(browser: Browser) -> None:
    browser.get("/account/protection")
    browser.post({"name": "allows_sms", "to": "off"}, "/account/protection/switch")


def wants_no_sms(house: House) -> Browser:
    """Somebody with password, phone and an authenticator app, who has switched SMS off."""
    browser = owner_with_app(house)
    switches_off(browser)
    assert "Đang tắt" in browser.get("/account/protection").text
    house.forget_messages()
    return browser


def test_no_sms_for_me_holds_for_a_forgotten_password(house: House) -> None:
    wants_no_sms(house)

    asking = asks(house)

    assert [message for message in house.messages() if "to" in message] == []
    for other_way in ("USB hoặc SIM ký số", "đến quầy giao dịch", "Tôi có mã của quầy"):
        assert other_way in asking.text, other_way
    unknown = asks(house, STRANGER)
    assert plain(asking.text) == plain(unknown.text).replace(STRANGER, PERSON["username"])


def test_no_sms_for_me_voids_a_code_that_was_sent_before(house: House) -> None:
    owner = owner_with_app(house)
    asking = asks(house)
    code = house.last_code()
    switches_off(owner)

    page = asking.post({"code": code})

    assert page.status_code == 422
    assert "không cho đặt lại mật khẩu bằng mã SMS" in page.text
    assert "Đặt mật khẩu mới" not in asking.get(asking.path).text


def test_no_sms_for_me_stops_a_reset_whose_code_was_right_before(house: House) -> None:
    owner = owner_with_app(house)
    asking = asks(house)
    asking.post({"code": house.last_code()})
    switches_off(owner)

    page = asking.post({"password": NEW, "password_again": NEW})

    assert page.status_code == 422
    assert "không cho đặt lại mật khẩu bằng mã SMS" in page.text
    assert owner.get("/account").request.path == "/account"
    assert "Quên mật khẩu" in asking.get(asking.path).text


def test_of_a_reset_and_the_switch_at_once_the_switch_is_not_overtaken(house: House) -> None:
    owner = owner_with_app(house)
    asking = asks(house)
    asking.post({"code": house.last_code()})
    owner.get("/account/protection")
    tries = [
        (asking, asking.path, {"password": NEW, "password_again": NEW}),
        (owner, "/account/protection/switch", {"name": "allows_sms", "to": "off"}),
    ]
    posts = [(b.client, path, {"csrf": b._csrf(), **form}) for b, path, form in tries]

    with ThreadPoolExecutor(2) as pool:
        reset, switched = pool.map(lambda at: at[0].post(at[1], data=at[2]), posts)

    # Either the reset came first and ended the owner's session, or it did not happen.
    assert {reset.status_code, switched.status_code} <= {303, 409, 422}
    events = [
        e.event for e in history(house) if e.event in {Event.PASSWORD_RESET, Event.SWITCH_CHANGED}
    ]
    assert events in (
        [Event.PASSWORD_RESET],
        [Event.SWITCH_CHANGED],
        [Event.PASSWORD_RESET, Event.SWITCH_CHANGED],
    )


def test_no_sms_for_me_leaves_the_counter_open(house: House) -> None:
    wants_no_sms(house)

    browser = uses_counter_code(house, counter_code(house))

    page = browser.post({"password": NEW, "password_again": NEW})
    assert "Đã đặt mật khẩu mới" in page.text


def test_no_sms_for_me_sends_no_second_code_of_a_sign_in(house: House) -> None:
    owner = owner_with_app(house)
    late = house.browser()
    late.get("/login")
    late.types_again()
    switches_off(owner)
    house.forget_messages()
    house.clock.forward(seconds=61)

    page = late.post({"do": "resend"})

    assert "đã tắt đăng nhập bằng mật khẩu và SMS" in page.text
    assert [message for message in house.messages() if "mã" in message.get("text", "")] == []


def test_no_sms_for_me_stops_a_lost_phone_that_was_begun_before(house: House) -> None:
    owner = owner_with_app(house)
    owns(house)
    losing = loses_phone(house)
    code = house.last_code()
    switches_off(owner)

    page = losing.post({"code": code})

    assert "đã tắt đăng nhập bằng mật khẩu và SMS" in page.text
    assert SECOND not in owner.get("/account/methods").text
