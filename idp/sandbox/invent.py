"""Completing a person from the fields given, without contradiction."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from idp.sandbox import numbers
from idp.sandbox.person import Certificate, Person, Phone, Sim, Usb

_FIELDS = frozenset(
    (
        *("kind", "id_number", "cmnd", "full_name", "birth_date", "sex", "phones", "bhxh_code"),
        *("email", "tax_code", "agency_code", "parent", "sim", "usb"),
    )
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
_HOLDERS, _STATES = "own|staff|other|nobody", "valid|expired|future"


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
    kind = _text(fields, "kind", "citizen|enterprise|agency") or "citizen"
    if kind != "citizen":
        return _organisation(kind, fields, taken)
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
    phones = _phones(fields.get("phones"), taken.phones)
    return Person(
        kind="citizen",
        id_number=id_number,
        cmnd=cmnd,
        full_name=_text(fields, "full_name", rf"\S.{{0,{_LONGEST_NAME}}}") or _new_name(sex),
        birth_date=birth.strftime("%d/%m/%Y"),
        sex=sex,
        phones=phones,
        bhxh_code=_text(fields, "bhxh_code", r"[0-9]{10}") or _digits(10),
        email=_text(fields, "email", r"[^@\s]+@[^@\s]+") or f"dan{_digits(8)}@example.com",
        sim=_sim(fields.get("sim"), phones, taken.phones),
        usb=_usb(fields.get("usb"), "newtel", id_number),
    )


def _organisation(kind: str, fields: Mapping[str, object], taken: Taken) -> Person:
    tax = _text(fields, "tax_code", r"[0-9]{10}(-?[0-9]{3})?")
    code = _text(fields, "agency_code", r"[A-Za-z0-9.]{3,35}")
    if kind == "enterprise":
        tax, code = tax or _new_tax_code(taken.ids), None
    else:
        tax, code = None, code or f"G{10 + secrets.randbelow(80)}.{10 + secrets.randbelow(80)}"
    name = _text(fields, "full_name", rf"\S.{{0,{_LONGEST_NAME}}}")
    number = tax or code or ""
    if number in taken.ids:
        raise ValueError(f"{number} already belongs to somebody")
    invented = "Công ty TNHH" if kind == "enterprise" else "Cục"
    ca = "newtel" if kind == "enterprise" else "government"
    return Person(
        kind=kind,
        id_number="",
        cmnd=None,
        full_name=name or f"{invented} {secrets.choice(_GIVEN['male'])} {_digits(3)}",
        birth_date="",
        sex="",
        phones=_phones(fields.get("phones") or [], taken.phones),
        bhxh_code="",
        email=_text(fields, "email", r"[^@\s]+@[^@\s]+") or f"donvi{_digits(8)}@example.com",
        tax_code=tax,
        agency_code=code,
        parent=_text(fields, "parent", r"\S.{0,200}") or ("Văn phòng Chính phủ" if code else None),
        usb=_usb(fields.get("usb", True), ca, number),
    )


def _new_tax_code(taken: Collection[str]) -> str:
    """Ten digits with a right check digit (weights of the tax office)."""
    while True:
        stem = f"01{_digits(7)}"
        check = 10 - sum(int(d) * w for d, w in zip(stem, _WEIGHTS, strict=True)) % 11
        if check < 10 and f"{stem}{check}" not in taken:  # noqa: PLR2004  a digit
            return f"{stem}{check}"


_WEIGHTS = (31, 29, 23, 19, 17, 13, 7, 5, 3)


def _sim(value: object, phones: tuple[Phone, ...], taken: Collection[str]) -> Sim | None:
    """``true`` makes one in the first phone."""
    if value in (None, False):
        return None
    entry = {} if value is True else value
    if not isinstance(entry, Mapping):
        raise ValueError("sim: must be true or {number, carrier, pin, holder, state}")  # noqa: TRY004 - one error
    number = _text(entry, "number", ".{1,40}")
    pin = _text(entry, "pin", r"[0-9*#+]{4,12}") or _digits(6)
    holder = _text(entry, "holder", _HOLDERS) or "own"
    state = _text(entry, "state", _STATES) or "valid"
    if number is None:
        if not phones:
            raise ValueError("sim: the person has no phone")
        return Sim(phones[0].number, phones[0].carrier, pin, holder, state)
    number = numbers.national(number)
    own = {phone.number for phone in phones}
    if number in taken and number not in own:
        raise ValueError(f"sim: {number} already belongs to somebody")
    carrier = _text(entry, "carrier", "|".join(numbers.CARRIERS))
    return Sim(number, carrier or numbers.carrier_of(number), pin, holder, state)


def _usb(value: object, ca: str, owner: str) -> Usb | None:
    """``true`` makes one with one valid certificate."""
    if value in (None, False):
        return None
    entry = {} if value is True else value
    if not isinstance(entry, Mapping):
        raise ValueError("usb: must be true or {token, pin, certificates}")  # noqa: TRY004
    wanted = entry.get("certificates") or [{}]
    if not isinstance(wanted, list) or not all(isinstance(item, Mapping) for item in wanted):
        raise ValueError("usb: certificates must be a list of {ca, holder, key, state}")
    return Usb(
        token=_text(entry, "token", r"\S.{0,31}") or f"TOKEN-{owner}"[:32],
        pin=_text(entry, "pin", r"\S{4,32}") or _digits(6),
        certificates=tuple(
            Certificate(
                ca=_text(item, "ca", "root|newtel|simca|government|foreign") or ca,
                holder=_text(item, "holder", _HOLDERS) or "own",
                key=_text(item, "key", "rsa|ec") or "rsa",
                state=_text(item, "state", _STATES) or "valid",
            )
            for item in wanted
        ),
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
