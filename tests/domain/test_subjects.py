"""Identifiers, names, dates and phones are read liberally and compared strictly."""

from __future__ import annotations

import contextlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.domain.errors import InvalidInput
from idp.domain.subjects import (
    AgencyCode,
    BirthDate,
    EmailAddress,
    IdKind,
    IdNumber,
    NameForm,
    PersonName,
    PhoneNumber,
    Sex,
    TaxCode,
)

PARSERS = [AgencyCode, BirthDate, EmailAddress, IdNumber, PersonName, PhoneNumber, TaxCode]
HOSTILE = [
    "",
    " ",
    "\0",
    "'; DROP TABLE accounts;--",
    "<script>",
    "9" * 100_000,
    "١٢٣٤٥٦٧٨٩",
    "\u202e",
    "🙂",
]


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_refused_with_a_code(parser: type[IdNumber], text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^[a-z_]+\.[a-z_]+$"):
        parser.parse(text)


@given(st.text(max_size=40))
def test_no_text_at_all_breaks_a_parser(text: str) -> None:
    for parser in PARSERS:
        with contextlib.suppress(InvalidInput):
            parser.parse(text)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("typed", "kind", "value"),
    [
        ("001072000136", IdKind.CCCD, "001072000136"),
        (" 001 072.000-136 ", IdKind.CCCD, "001072000136"),
        ("\uff10\uff10\uff11072000136", IdKind.CCCD, "001072000136"),
        ("012345678", IdKind.CMND, "012345678"),
    ],
)
def test_an_id_number_is_known_by_its_length(typed: str, kind: IdKind, value: str) -> None:
    assert IdNumber.parse(typed) == IdNumber(kind, value)


@pytest.mark.parametrize("typed", ["00107200013", "0010720001366", "00107200013a", "1234567890"])
def test_other_lengths_and_letters_are_no_id_number(typed: str) -> None:
    with pytest.raises(InvalidInput, match=r"id_number\.form"):
        IdNumber.parse(typed)


@pytest.mark.parametrize(
    ("number", "year", "sex", "agrees"),
    [
        ("001072000136", 1972, Sex.MALE, True),
        ("001072000136", 1972, Sex.FEMALE, False),
        ("079199000001", 1999, Sex.FEMALE, True),
        ("001272000136", 1972, None, False),
        ("001272000136", 2072, None, True),
        ("012345678", 1972, Sex.MALE, True),
    ],
)
def test_a_cccd_carries_century_sex_and_year(
    number: str, year: int, sex: Sex | None, *, agrees: bool
) -> None:
    assert IdNumber.parse(number).agrees_with(BirthDate(year, 1, 1), sex) is agrees


@pytest.mark.parametrize(
    "typed", ["01/03/1972", "1/3/1972", "01-03-1972", "01.03.1972", " 1 / 3 / 1972 "]
)
def test_a_birth_date_is_day_month_year(typed: str) -> None:
    assert BirthDate.parse(typed) == BirthDate(1972, 3, 1)


@pytest.mark.parametrize(
    "typed", ["03/31/1972", "31/02/2000", "1972-03-01", "1/3/72", "29/02/2023"]
)
def test_other_orders_and_days_that_never_were_are_refused(typed: str) -> None:
    with pytest.raises(InvalidInput, match=r"birth_date\.form"):
        BirthDate.parse(typed)


def test_a_record_with_a_year_only_is_compared_by_year() -> None:
    typed = BirthDate.parse("20/08/1991")

    assert typed.matches(BirthDate.from_iso("1991"))
    assert not typed.matches(BirthDate.from_iso("1992"))
    assert not typed.matches(BirthDate.from_iso("1991-08-21"))


def test_age_counts_completed_years() -> None:
    assert BirthDate(2012, 11, 25).age_on(date(2026, 11, 24)) == 13
    assert BirthDate(2012, 11, 24).age_on(date(2026, 11, 24)) == 14


@pytest.mark.parametrize(
    "typed",
    [
        "0912345678",
        "+84912345678",
        "84 912 345 678",
        "0084912345678",
        "+840912345678",
        "(091) 234-5678",
        "\uff10912345678",
    ],
)
def test_a_phone_is_read_in_every_usual_spelling(typed: str) -> None:
    assert PhoneNumber.parse(typed).e164 == "+84912345678"


@pytest.mark.parametrize(
    "typed", ["0521123456", "0551123456", "0992123456", "02412345678", "091234567", "abc"]
)
def test_numbers_that_cannot_receive_a_message_are_refused(typed: str) -> None:
    with pytest.raises(InvalidInput, match=r"phone\.form"):
        PhoneNumber.parse(typed)


def test_an_old_eleven_digit_number_becomes_the_new_one() -> None:
    assert PhoneNumber.parse("0166 212 3456").national == "0362123456"


def test_a_phone_is_shown_masked() -> None:
    assert PhoneNumber.parse("0821234088").masked == "082****088"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hoà", "Hòa"),
        ("Thuý", "thúy"),
        ("Nguye\u0302\u0303n Va\u0306n An", "NGUYỄN VĂN AN"),
        ("H\u2019 Hen Niê", "H' HEN NIÊ"),
        ("Ðinh", "Đinh"),
        ("Lê  Minh\u00a0Phương", "LÊ MINH PHƯƠNG"),
    ],
)
def test_the_same_name_in_another_spelling_matches(one: str, other: str) -> None:
    assert PersonName.parse(one).matches(PersonName.parse(other), form=NameForm.ACCENTED)


@pytest.mark.parametrize(("one", "other"), [("Hùng", "Hưng"), ("Mỹ", "Mĩ"), ("An", "Ân")])
def test_another_name_does_not_match(one: str, other: str) -> None:
    assert not PersonName.parse(one).matches(PersonName.parse(other), form=NameForm.ACCENTED)


def test_only_a_source_declared_unaccented_is_compared_without_marks() -> None:
    record = PersonName.parse("DANG THI HUNG")

    assert PersonName.parse("Đặng Thị Hưng").matches(record, form=NameForm.UNACCENTED)
    assert not PersonName.parse("Đặng Thị Hưng").matches(record, form=NameForm.ACCENTED)


def test_a_tax_code_needs_its_check_digit() -> None:
    assert TaxCode.parse("0314409058-002").parent == "0314409058"
    assert TaxCode.parse("01.00.112.437").value == "0100112437"
    with pytest.raises(InvalidInput):
        TaxCode.parse("0100233480")


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [("000.00.17.G22", "G22.17"), ("000.00.00.G22", "G22"), ("H56.01.02", "H56.01.02")],
)
def test_an_agency_code_has_one_canonical_form(typed: str, canonical: str) -> None:
    assert AgencyCode.parse(typed).value == canonical


@pytest.mark.parametrize(
    ("typed", "kind", "value"),
    [
        ("001 072 000 136", IdKind.CCCD, "001072000136"),
        ("012345678", IdKind.CMND, "012345678"),
        ("0100109106", IdKind.TAX_CODE, "0100109106"),
        ("0100109106-001", IdKind.TAX_CODE, "0100109106001"),
        ("000.00.17.g22", IdKind.AGENCY_CODE, "G22.17"),
        (" G22.17 ", IdKind.AGENCY_CODE, "G22.17"),
    ],
)
def test_any_number_of_an_account_is_read_by_its_form(typed: str, kind: IdKind, value: str) -> None:
    assert IdNumber.parse_any(typed) == IdNumber(kind, value)


@pytest.mark.parametrize(
    "typed", ["", "0100109107", "G2", "G22.", "\0", "9" * 10_000, "G22" * 400, "٠١٠٠١٠٩١٠٦"]
)
def test_what_is_no_number_of_an_account_is_refused_as_a_number(typed: str) -> None:
    with pytest.raises(InvalidInput, match=r"^id_number\."):
        IdNumber.parse_any(typed)


def test_an_agency_code_is_public_and_not_masked() -> None:
    assert IdNumber.parse_any("G22.17").masked == "G22.17"
