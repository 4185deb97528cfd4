"""What strangers do to keep an owner out (security.md: a stranger can never lock a person out)."""

from __future__ import annotations

import pytest

from tests.journeys.test_emergency import wants
from tests.journeys.test_recovery import NEW, STRANGER, asks, can_sign_in, resets
from tests.support.house import PASSWORD, PERSON, Browser, House

WRONG = "Sai-mật-khẩu-1"


@pytest.fixture
def owner(house: House) -> Browser:
    """Somebody with an account, whose browser has been cleared since."""
    browser = house.browser()
    browser.registers()
    house.clock.forward(seconds=3700)
    return browser


def guesses(house: House, number: str, *, resets: int, spelled: str = "") -> str:
    """Wrong codes at so many resets; what the first of the last one was told."""
    told: list[str] = []
    for _ in range(resets):
        browser = asks(house, spelled or number)
        told = [browser.post({"code": "000000"}).text for _ in range(5)]
        house.clock.forward(seconds=3700)
    return told[0]


def test_wrong_codes_at_resets_leave_the_owner_codes_to_sign_in_with(
    house: House, owner: Browser
) -> None:
    guesses(house, PERSON["username"], resets=6)

    owner.signs_in()

    assert owner.path == "/account"


def test_resets_and_complaints_leave_the_owners_phone_messages_to_sign_in_with(
    house: House, owner: Browser
) -> None:
    for _ in range(5):
        asks(house)
        house.clock.forward(seconds=61)
    house.forget_messages()

    owner.signs_in()

    assert owner.path == "/account"


def test_a_day_of_resets_leaves_the_owners_phone_messages_to_sign_in_with(
    house: House, owner: Browser
) -> None:
    for _ in range(5):
        for _ in range(5):
            asks(house)
        house.clock.forward(seconds=3700)
    house.forget_messages()

    owner.signs_in()

    assert owner.path == "/account"


@pytest.mark.parametrize("number", [PERSON["username"], STRANGER], ids=["known", "unknown"])
@pytest.mark.usefixtures("owner")
def test_a_number_that_is_written_in_another_way_gets_no_more_guesses(
    house: House, number: str
) -> None:
    guesses(house, number, resets=4)
    spelled = f"{number[:3]} {number[3:]}"

    assert "Mã OTP không đúng" not in guesses(house, number, resets=1, spelled=spelled)


@pytest.mark.parametrize("number", [PERSON["username"], STRANGER], ids=["known", "unknown"])
@pytest.mark.usefixtures("owner")
def test_a_number_that_is_written_in_another_way_gets_no_more_guesses_at_a_freeze(
    house: House, number: str
) -> None:
    def first_of_five(spelled: str) -> str:
        browser = wants(house, "channel", username=spelled, channel=PERSON["phone"])
        told = [browser.post({"code": "000000"}).text for _ in range(5)]
        house.clock.forward(seconds=3700)
        return told[0]

    assert all("Mã OTP không đúng" in first_of_five(number) for _ in range(4))

    assert "Mã OTP không đúng" not in first_of_five(f"{number[:3]} {number[3:]}")


@pytest.mark.usefixtures("owner")
def test_who_was_guessed_at_a_hundred_times_comes_back_by_a_reset(house: House) -> None:
    house.settings_limits(wrong_passwords_in_a_row=3)
    for _ in range(4):
        stranger = house.browser()
        stranger.get("/login")
        stranger.types_again(WRONG)
        house.clock.forward(seconds=1000)
    assert not can_sign_in(house, PASSWORD)

    resets(asks(house))

    assert can_sign_in(house, NEW)
