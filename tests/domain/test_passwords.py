"""Passwords keep the guide's rule, are not publicly known, and are verified in equal time."""

from __future__ import annotations

import threading

import pytest

from idp.domain.errors import Busy, WeakPassword
from idp.domain.passwords import PasswordCheck, PasswordHasher, check_password

GOOD = "Sen.Hong#Thap7"


@pytest.fixture(scope="module")
def hasher() -> PasswordHasher:
    return PasswordHasher(b"pepper", memory_kib=64, time_cost=1)


@pytest.mark.parametrize(
    "password", ["Aa1!aaa", "aaaaaaa1!", "AAAAAAA1!", "Aaaaaaaa!", "Aaaaaaaa1", ""]
)
def test_eight_characters_of_four_kinds_are_needed(password: str) -> None:
    with pytest.raises(WeakPassword, match=r"password\.rule"):
        check_password(password)


@pytest.mark.parametrize(
    "password", ["Password1!", "P@ssw0rd123", "Matkhau@123", "Qwerty123!", "Mậtkhẩu@1"]
)
def test_a_known_password_in_disguise_is_refused(password: str) -> None:
    with pytest.raises(WeakPassword, match=r"password\.common"):
        check_password(password)


@pytest.mark.parametrize("personal", ["0912345678", "Trần Hoàng Long", "01/03/1972"])
def test_the_owners_own_data_is_no_password(personal: str) -> None:
    digits = "".join(char for char in personal if char.isdigit()) or "Hoàng"

    with pytest.raises(WeakPassword, match=r"password\.personal"):
        check_password(f"Zx!{digits}vK9", personal=[personal])


def test_a_long_password_is_refused_rather_than_cut() -> None:
    with pytest.raises(WeakPassword, match=r"password\.long"):
        check_password("Aa1!" * 33)


def test_the_unicode_form_of_a_password_does_not_matter(hasher: PasswordHasher) -> None:
    hashed = hasher.hash("Hoà.Bình#2026x")

    assert hasher.verify(hashed, "Hoa\u0300.Bi\u0300nh#2026x") is PasswordCheck.RIGHT


def test_a_wrong_password_an_unknown_account_and_a_broken_hash_are_wrong(
    hasher: PasswordHasher,
) -> None:
    assert hasher.verify(hasher.hash(GOOD), "other") is PasswordCheck.WRONG
    assert hasher.verify(None, "nobody's password") is PasswordCheck.WRONG
    assert hasher.verify("$argon2id$broken", GOOD) is PasswordCheck.WRONG


def test_a_hash_without_the_pepper_is_useless(hasher: PasswordHasher) -> None:
    other = PasswordHasher(b"another", memory_kib=64, time_cost=1)

    assert other.verify(hasher.hash(GOOD), GOOD) is PasswordCheck.WRONG


def test_changed_parameters_ask_for_a_new_hash(hasher: PasswordHasher) -> None:
    stronger = PasswordHasher(b"pepper", memory_kib=128, time_cost=1)

    assert stronger.verify(hasher.hash(GOOD), GOOD) is PasswordCheck.RIGHT_NEEDS_REHASH


def test_a_flood_waits_and_is_then_told_to_come_back() -> None:
    hasher = PasswordHasher(b"p", memory_kib=64, time_cost=1, max_parallel=1, queue_seconds=0.01)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with hasher._place():
            entered.set()
            leave.wait(5)

    holder = threading.Thread(target=hold)
    holder.start()
    entered.wait(5)

    with pytest.raises(Busy):
        hasher.verify(None, "x")

    leave.set()
    holder.join()
