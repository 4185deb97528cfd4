"""Facts as people write them, and who vouches for them in words."""

from __future__ import annotations

from idp.domain.accounts import Attribute
from idp.domain.subjects import BirthDate, PhoneNumber
from idp.web import i18n


def source_text(text: str) -> str:
    """Who vouches, in words."""
    source, _, reference = text.partition(":")
    return i18n.text(f"source.{source}", **({source: reference} if reference else {}))


def shown_value(attribute: Attribute, value: str) -> str:
    """A fact as people write it."""
    match attribute:
        case Attribute.BIRTH_DATE:
            return BirthDate.from_iso(value).display
        case Attribute.CONTACT_PHONE:
            return PhoneNumber(value).display
        case Attribute.SEX:
            return i18n.text(f"sex.{value}")
        case _:
            return value
