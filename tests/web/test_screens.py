"""Screens become pages, forms become replies."""

from __future__ import annotations

import unicodedata
from datetime import timedelta

import pytest

from idp.authenticators import mobile, password_otp
from idp.authenticators.contract import AskCode, Invalid, Refusal
from idp.domain.subjects import SubjectKind
from idp.web import screens
from idp.web.parts import Closed, CodeTiming, FieldView, Message, Page
from idp.web.screens import Action

from .samples import DEFAULT_PHONE, FRAME, METHODS, NOW, OTHER_PHONE, TIMING


def field_of(page: Page, name: str) -> FieldView:
    fields = page.context["fields"]
    assert isinstance(fields, tuple)
    found: FieldView = next(view for view in fields if view.name == name)
    return found


# --- pages --------------------------------------------------------------------------------------


def test_a_form_shows_again_what_was_typed_but_no_password() -> None:
    typed = {"username": "001072000136", "password": "Bi mat 1!"}

    page = screens.ask_fields(password_otp.FORM, FRAME, values=typed)

    assert field_of(page, "username").value == "001072000136"
    assert field_of(page, "password").value == ""


@pytest.mark.parametrize(
    ("name", "autocomplete"),
    [
        ("username", "username"),
        ("full_name", "name"),
        ("birth_date", "bday"),
        ("phone", "tel-national"),
        ("email", "email"),
    ],
)
def test_every_kind_of_field_says_what_a_browser_may_fill_in(name: str, autocomplete: str) -> None:
    page = screens.ask_fields(mobile.FORM, FRAME)

    assert field_of(page, name).attributes["autocomplete"] == autocomplete


def test_a_sign_in_takes_the_current_password_and_a_registration_a_new_one() -> None:
    sign_in = screens.ask_fields(password_otp.FORM, FRAME)
    registration = screens.set_password(FRAME)

    assert field_of(sign_in, "password").attributes["autocomplete"] == "current-password"
    assert field_of(registration, "password").attributes["autocomplete"] == "new-password"
    assert field_of(registration, "password_again").is_secret


def test_only_the_email_may_be_left_out() -> None:
    page = screens.ask_fields(mobile.FORM, FRAME)

    required = {asked.name: field_of(page, asked.name).is_required for asked in mobile.FORM.fields}
    assert required == {name: name != "email" for name in required}


def test_a_fault_stands_at_its_field() -> None:
    faults = screens.faults(Invalid({"username": "id_number.empty"}))

    page = screens.ask_fields(mobile.FORM, FRAME, faults=faults)

    assert field_of(page, "username").fault == Message("error.id_number.empty")
    assert field_of(page, "phone").fault is None


def test_a_refusal_is_a_text() -> None:
    assert screens.refusal(Refusal.UNDER_AGE) == Message("refusal.under_age")


def test_the_code_screen_offers_the_other_phones_only() -> None:
    asked = AskCode(DEFAULT_PHONE.number, (DEFAULT_PHONE, OTHER_PHONE))

    page = screens.ask_code(asked, FRAME, timing=TIMING)

    assert page.context["others"] == (OTHER_PHONE,)


def test_times_left_are_never_below_zero() -> None:
    timing = CodeTiming(NOW, NOW - timedelta(seconds=5), NOW + timedelta(seconds=7))

    assert (timing.expires_in, timing.resend_in) == (0, 7)


def test_tiles_stand_in_the_order_of_the_guide() -> None:
    names = [offer.name for offer in screens.offers(METHODS, closed)]

    assert names == [n for n in ("mobile", "bhxh", "vnpost", "usb", "sim") if n in names]


@pytest.mark.parametrize(
    ("name", "subject", "why"),
    [
        ("mobile", SubjectKind.CITIZEN, Closed.NOT_OPEN),
        ("mobile", SubjectKind.ENTERPRISE, Closed.OTHER_SUBJECT),
        ("bhxh", SubjectKind.AGENCY, Closed.OTHER_SUBJECT),
    ],
)
def test_a_closed_tile_says_why(name: str, subject: SubjectKind, why: Closed) -> None:
    offer = next(offer for offer in screens.offers(METHODS, closed) if offer.name == name)

    assert offer.closed_for(subject) == why


def closed(name: str) -> bool:
    del name
    return False


# --- replies ------------------------------------------------------------------------------------


def test_typed_text_is_nfc_without_controls_and_spaces_around() -> None:
    typed = unicodedata.normalize("NFD", " Nguyễn\x00 Thị\u202a Hoà\r\n ")

    filled = screens.read_fields(mobile.FORM, {"full_name": typed})

    assert filled.values["full_name"] == "Nguyễn Thị\u202a Hoà"


def test_a_field_has_at_most_512_characters() -> None:
    filled = screens.read_fields(mobile.FORM, {"full_name": "ạ" * 5000})

    assert len(filled.values["full_name"]) == 512


def test_only_what_was_asked_is_read() -> None:
    filled = screens.read_fields(password_otp.FORM, {"username": "1", "ial": "3"})

    assert filled.values == {"username": "1", "password": ""}


def test_a_password_keeps_its_spaces_and_is_nfc() -> None:
    typed = unicodedata.normalize("NFD", " mật khẩu ")

    filled = screens.read_fields(password_otp.FORM, {"password": typed})

    assert filled.values["password"] == " mật khẩu "


def test_a_password_beyond_the_limit_is_still_too_long() -> None:
    passwords = screens.read_passwords({"password": "x" * 5000, "password_again": "x"})

    assert len(passwords.new) == 129
    assert passwords.again == "x"


def test_passwords_are_not_kept() -> None:
    filled = screens.read_fields(password_otp.FORM, {"username": "1", "password": "p"})

    assert screens.typed(password_otp.FORM, filled) == {"username": "1"}


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("123456", "123456"),
        (" 123 456 ", "123456"),
        ("#123456", "123456"),
        ("12-34.56", "123456"),
        ("\uff11\uff12\uff13456", "123456"),
        ("12345a", ""),
        ("\u0661\u0662\u0663\u0664\u0665\u0666", ""),
        ("", ""),
    ],
)
def test_a_code_is_read_the_way_people_copy_it(typed: str, code: str) -> None:
    assert screens.read_code({"code": typed}) == code


@pytest.mark.parametrize(
    ("form", "action"),
    [
        ({"do": "resend"}, Action.RESEND),
        ({"do": "cancel"}, Action.CANCEL),
        ({"do": "new_captcha"}, Action.NEW_CAPTCHA),
        ({"do": "drop"}, Action.CONFIRM),
        ({}, Action.CONFIRM),
    ],
)
def test_enter_and_unknown_buttons_are_the_main_button(
    form: dict[str, str], action: Action
) -> None:
    assert screens.read_action(form) == action
