"""Mobile numbers as this world's carriers give them out."""

from __future__ import annotations

import re
import secrets
import unicodedata

import phonenumbers

# The first prefix of each carrier is the one that new numbers get.
_PREFIXES: dict[str, tuple[str, ...]] = {
    "viettel": ("098", "032", "033", "034", "035", "036", "037", "038", "039", "086", "096", "097"),
    "vinaphone": ("091", "081", "082", "083", "084", "085", "088", "094"),
    "mobifone": ("090", "070", "076", "077", "078", "079", "089", "093"),
    "vietnamobile": ("092", "0522", "0523", "0528", "056", "058"),
    "gmobile": ("0993", "0994", "0995", "0996", "0997", "059"),
    "itel": ("087", "0998", "0999"),
    "wintel": ("0559",),
}
CARRIERS = tuple(_PREFIXES)
_LENGTH = 10
_E164 = re.compile(r"\+84[1-9][0-9]{8}")


def national(spelling: str) -> str:
    """The 0xxxxxxxxx form of a number in any usual spelling; ValueError if it is none."""
    plain = unicodedata.normalize("NFKC", spelling)
    digits = re.sub(r"[\s.()\-‐-―]", "", plain)
    match = re.fullmatch(r"(?:(?:\+|00)?840?|0)([1-9][0-9]{8})", digits)
    if match is None:
        raise ValueError(f"not a phone number: {spelling!r}")
    return "0" + match[1]


def e164(number: str) -> str:
    """The +84 form of a national number."""
    return "+84" + number[1:]


def is_e164(text: str) -> bool:
    """Whether the text is a +84 number exactly as the wire protocols spell it."""
    return _E164.fullmatch(text) is not None


def is_mobile(number: str) -> bool:
    """Whether phones with this national number exist in Vietnam."""
    parsed = phonenumbers.parse(number, "VN")
    return (
        phonenumbers.is_valid_number(parsed)
        and phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.MOBILE
    )


def carrier_of(number: str) -> str:
    """The carrier whose range the number comes from (it may have been ported since)."""
    for carrier, prefixes in _PREFIXES.items():
        if number.startswith(prefixes):
            return carrier
    return "viettel"


def invent(carrier: str) -> str:
    """A random valid mobile number in the carrier's range."""
    prefix = _PREFIXES[carrier][0]
    length = _LENGTH - len(prefix)
    while True:
        number = f"{prefix}{secrets.randbelow(10**length):0{length}}"
        if is_mobile(number):
            return number
