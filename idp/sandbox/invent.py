"""Completing a person from the fields given, without contradiction."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from idp.sandbox import numbers
from idp.sandbox.person import Person, Phone

_FIELDS = frozenset(
    ("kind", "id_number", "cmnd", "full_name", "birth_date", "sex", "phones", "bhxh_code", "email")
)
_PROVINCES = ("001", "031", "036", "038", "040", "046", "048", "066", "079", "092")
_FAMILY = ("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Vũ", "Đặng", "Bùi", "Đỗ", "Ngô")
_MIDDLE = {"male": ("Văn", "Đức", "Quốc", "Minh"), "female": ("Thị", "Ngọc", "Thuỳ", "Mỹ")}
_GIVEN = {
    "male": ("Bình", "Cường", "Dũng", "Hải", "Khánh", "Long", "Phúc", "Tuấn"),
    "female": ("Châu", "Hạnh", "Hương", "Lan", "Linh", "Nga", "Thảo", "Yến"),
}
_FIRST_CENTURY = 19
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Taken:
    """Identifiers that already belong to somebody."""

    ids: Collection[str]
    phones: Collection[str]


def complete(fields: Mapping[str, object], *, taken: Taken) -> Person:
    """The person described; ValueError says which field is wrong."""
    unknown = sorted(
        name for name, value in fields.items() if name not in _FIELDS and value not in (None, False)
    )
    if unknown:
        raise ValueError(f"this sandbox does not know: {', '.join(unknown)}")
    if fields.get("kind") not in (None, "citizen"):
        raise ValueError("kind: this sandbox has only citizens")
    id_number = _text(fields, "id_number", r"[0-9]{12}")
    sex = _text(fields, "sex", r"male|female") or (_sex_of(id_number) if id_number else None)
    sex = sex or secrets.choice(("male", "female"))
    birth = _birth(fields, id_number)
    id_number = id_number or _new_id(birth, sex, taken.ids)
    if id_number[3:6] != _marker(birth, sex):
        raise ValueError("id_number: its digits 4 to 6 contradict the birth date or the sex")
    cmnd = _text(fields, "cmnd", r"[0-9]{9}")
    for number in (id_number, cmnd):
        if number in taken.ids:
            raise ValueError(f"{number} already belongs to somebody")
    return Person(
        kind="citizen",
        id_number=id_number,
        cmnd=cmnd,
        full_name=_text(fields, "full_name", rf"\S.{{0,{_LONGEST_NAME}}}") or _new_name(sex),
        birth_date=birth.strftime("%d/%m/%Y"),
        sex=sex,
        phones=_phones(fields.get("phones"), taken.phones),
        bhxh_code=_text(fields, "bhxh_code", r"[0-9]{10}") or _digits(10),
        email=_text(fields, "email", r"[^@\s]+@[^@\s]+") or f"dan{_digits(8)}@example.com",
    )


def _text(fields: Mapping[str, object], name: str, form: str) -> str | None:
    value = fields.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or re.fullmatch(form, value) is None:
        raise ValueError(f"{name}: not a valid value: {value!r}")
    return value


def _birth(fields: Mapping[str, object], id_number: str | None) -> date:
    text = _text(fields, "birth_date", r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}")
    if text is not None:
        day, month, year = (int(part) for part in text.split("/"))
        try:
            return date(year, month, day)
        except ValueError:
            raise ValueError(f"birth_date: no such day: {text!r}") from None
    if id_number is not None:
        year = (_FIRST_CENTURY + int(id_number[3]) // 2) * 100 + int(id_number[4:6])
    else:
        year = 1960 + secrets.randbelow(45)
    return date(year, 1 + secrets.randbelow(12), 1 + secrets.randbelow(28))


def _marker(birth: date, sex: str) -> str:
    """Digits 4 to 6 of an id number: century with sex, then the year."""
    century, year = divmod(birth.year, 100)
    if not _FIRST_CENTURY <= century < _FIRST_CENTURY + 5:
        raise ValueError("birth_date: the year must be in 1900 to 2399")
    return f"{2 * (century - _FIRST_CENTURY) + (sex == 'female')}{year:02}"


def _sex_of(id_number: str) -> str:
    return "female" if int(id_number[3]) % 2 else "male"


def _new_id(birth: date, sex: str, taken: Collection[str]) -> str:
    while True:
        number = f"{secrets.choice(_PROVINCES)}{_marker(birth, sex)}{_digits(6)}"
        if number not in taken:
            return number


def _new_name(sex: str) -> str:
    return " ".join(secrets.choice(part) for part in (_FAMILY, _MIDDLE[sex], _GIVEN[sex]))


def _digits(count: int) -> str:
    return f"{secrets.randbelow(10**count):0{count}}"


def _phones(value: object, taken: Collection[str]) -> tuple[Phone, ...]:
    if value is None:
        value = [{}]
    if not isinstance(value, list):
        raise ValueError("phones: must be a list of {number, carrier}")  # noqa: TRY004 - one error
    used = set(taken)
    phones: list[Phone] = []
    for entry in value:
        phone = _phone({"number": entry} if isinstance(entry, str) else entry, used)
        used.add(phone.number)
        phones.append(phone)
    return tuple(phones)


def _phone(entry: object, used: Collection[str]) -> Phone:
    if not isinstance(entry, Mapping):
        raise ValueError("phones: each must be {number, carrier}")  # noqa: TRY004 - one error
    carrier = _text(entry, "carrier", "|".join(numbers.CARRIERS))
    number = _text(entry, "number", ".{1,40}")
    if number is None:
        carrier = carrier or secrets.choice(numbers.CARRIERS)
        number = numbers.invent(carrier)
        while number in used:
            number = numbers.invent(carrier)
    number = numbers.national(number)
    if not numbers.is_mobile(number):
        raise ValueError(f"phones: not a mobile number: {number}")
    if number in used:
        raise ValueError(f"phones: {number} already belongs to somebody")
    return Phone(
        number=number,
        carrier=carrier or numbers.carrier_of(number),
        birth=_text(entry, "birth", "date|year|none") or "date",
        name_form=_text(entry, "name_form", "accented|unaccented") or "accented",
        registered_at=_text(entry, "registered_at", r"\d{4}-\d{2}-\d{2}") or "2021-06-01",
    )
