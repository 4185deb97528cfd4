"""Authenticator apps (RFC 6238): which codes count, and that one text tells every fault."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pyotp
import pytest

from idp.authenticators import totp
from idp.authenticators.contract import (
    AskFields,
    Continue,
    Enrolled,
    Filled,
    Invalid,
    Refusal,
    Refused,
    Signed,
    Verified,
)
from idp.domain.accounts import Account, AccountStatus, Key
from idp.domain.assurance import IAL, Amr
from idp.domain.passwords import PasswordHasher
from idp.domain.subjects import SubjectKind
from tests.support.build import NOW
from tests.support.house import PASSWORD

HASHER = PasswordHasher(b"p" * 32, time_cost=1, memory_kib=64, max_parallel=4)
METHOD = totp.build(HASHER)
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # RFC 6238, appendix B
ACCOUNT = Account(
    UUID(int=1),
    SubjectKind.CITIZEN,
    AccountStatus.ACTIVE,
    IAL.MEDIUM,
    HASHER.hash(PASSWORD),
    (),
    keys=(Key("1 app", {"secret": SECRET}),),
)
WRONG = Refused(Refusal.WRONG_OR_SPENT)


def code(at: datetime) -> str:
    return pyotp.TOTP(SECRET).at(at)


def signs_in(account: Account | None, typed: str, password: str = PASSWORD) -> object:
    filled = Filled({"username": "001072000136", "password": password, "code": typed})
    assert METHOD.login
    return METHOD.login.resume(account, {}, filled, now=NOW)


def test_rfc6238_b_the_code_of_the_test_vector_is_accepted() -> None:
    at = datetime.fromtimestamp(1111111109, NOW.tzinfo)
    filled = Filled({"username": "001072000136", "password": PASSWORD, "code": "081804"})
    assert METHOD.login

    assert isinstance(METHOD.login.resume(ACCOUNT, {}, filled, now=at), Verified)


def test_a_right_code_proves_level_two_with_what_was_used() -> None:
    verdict = signs_in(ACCOUNT, code(NOW))

    assert isinstance(verdict, Verified)
    assert verdict.evidence.ial is IAL.MEDIUM
    assert verdict.evidence.amr == (Amr.PWD, Amr.OTP, Amr.MFA)
    assert verdict.once


@pytest.mark.parametrize("seconds", [-90, -60, 30, 60, 3600])
def test_rfc6238_5_2_codes_of_other_times_are_refused(seconds: int) -> None:
    typed = code(NOW + timedelta(seconds=seconds))

    assert signs_in(ACCOUNT, typed) == replace(WRONG, is_code_wrong=True)


def test_rfc6238_5_2_the_code_before_this_one_still_counts_as_that_one() -> None:
    earlier = signs_in(ACCOUNT, code(NOW - timedelta(seconds=30)))
    present = signs_in(ACCOUNT, code(NOW))

    assert isinstance(earlier, Verified)
    assert isinstance(present, Verified)
    assert earlier.once != present.once


@pytest.mark.parametrize(
    ("account", "password"),
    [(None, PASSWORD), (ACCOUNT, "Sai-mat-khau-1"), (replace(ACCOUNT, keys=()), PASSWORD)],
)
def test_nobody_a_wrong_password_and_no_app_are_told_alike(
    account: Account | None, password: str
) -> None:
    assert signs_in(account, code(NOW), password) == WRONG


def test_a_wrong_code_is_told_as_a_wrong_password_is() -> None:
    verdict = signs_in(ACCOUNT, "000000")

    assert isinstance(verdict, Refused)
    assert (verdict.reason, verdict.values) == (WRONG.reason, WRONG.values)


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "12345\0"])
def test_what_is_no_code_is_a_fault_of_its_field(typed: str) -> None:
    filled = Filled({"username": "001072000136", "password": PASSWORD, "code": typed})
    assert METHOD.login

    found = METHOD.login.identify(filled)

    assert isinstance(found, Invalid)
    assert found.errors == {"code": "otp.form"}


def enrolment() -> Continue:
    assert METHOD.enrolment
    return METHOD.enrolment.start(ACCOUNT, name="Hoà", now=NOW)


def test_the_secret_is_shown_as_text_and_as_a_picture_without_the_id_number() -> None:
    started = enrolment()
    assert isinstance(started.screen, AskFields)
    secret = parse_qs(urlsplit(started.screen.scan).query)["secret"][0]

    assert started.screen.scan.startswith("otpauth://totp/")
    assert len(secret) == 32
    assert started.screen.shown[0][1].replace(" ", "") == secret
    assert "001072000136" not in started.screen.scan


def test_two_enrolments_have_two_secrets() -> None:
    assert enrolment().state != enrolment().state


def test_the_first_code_of_the_app_enrols_it() -> None:
    started = enrolment()
    assert METHOD.enrolment
    typed = pyotp.TOTP(started.state["secret"]).at(NOW)

    done = METHOD.enrolment.resume(ACCOUNT, started.state, Filled({"code": typed}), now=NOW)

    assert isinstance(done, Enrolled)
    assert done.evidence.ial is IAL.NONE
    assert done.once


@pytest.mark.parametrize("typed", ["", "x", "000000", "1" * 100])
def test_a_wrong_first_code_enrols_nothing(typed: str) -> None:
    assert METHOD.enrolment
    done = METHOD.enrolment.resume(ACCOUNT, enrolment().state, Filled({"code": typed}), now=NOW)

    assert isinstance(done, Invalid)


def test_a_secret_of_ones_own_choice_enrols_nothing() -> None:
    assert METHOD.enrolment
    reply = Filled({"code": code(NOW), "secret": SECRET})

    assert isinstance(METHOD.enrolment.resume(ACCOUNT, {}, reply, now=NOW), Refused)
    assert isinstance(METHOD.enrolment.resume(ACCOUNT, {}, Signed("{}"), now=NOW), Refused)
