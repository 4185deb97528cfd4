"""Texts that portals choose and people read, on our pages and in messages that carry our name.

Whoever writes there can try to pass for us or for another portal: by nothing at all, by signs that
nobody sees or that turn the line around, by letters of another alphabet, by a link.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import Final

LONGEST_NAME: Final = 100
_UNSEEN: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and symbols that show nothing."""

_ALIKE: Final = frozenset({"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU"})
"""Alphabets with letters that look like ours."""

_PLACES: Final = (
    "vn|com|net|org|info|biz|top|xyz|shop|site|online|app|io|cc|me|ly|link|click|live|vip|club|"
    "store|pro|dev|gl|gd|to|tk|ru|cn|example"
)
_LINK: Final = re.compile(
    rf"://|\bwww\.|[\w-]\.(?:{_PLACES})(?![\w-])|(?<!\d)\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?!\d)",
    re.IGNORECASE,
)


def fault_of_name(text: str) -> str | None:
    """What is wrong with a portal's name, for developers."""
    if len(text) > LONGEST_NAME:
        return f"is longer than {LONGEST_NAME} characters"
    if text != text.strip() or not any(sign.isalnum() for sign in set(text) - _UNSEEN):
        return "is empty, or begins or ends with a space"
    if not text.isprintable() or _UNSEEN & set(text) or _piles_marks(text):
        return "has signs that are not seen"
    if _mixes_alphabets(text):
        return "mixes alphabets"
    return None


def has_link(text: str) -> bool:
    """Whether a phone could make a link of some of it."""
    plain = unicodedata.normalize("NFKC", text).replace("\u3002", ".")  # browsers read it so
    return _LINK.search(plain) is not None


def _piles_marks(text: str) -> bool:
    """Two marks without a letter between them: no Vietnamese name needs that."""
    marks = [unicodedata.category(sign) in {"Mn", "Me"} for sign in text]
    return any(one and next_one for one, next_one in pairwise(marks))


def _mixes_alphabets(text: str) -> bool:
    """UTS 39, 5: Latin letters beside some of another alphabet that look like them."""
    letters = (unicodedata.name(sign, "") for sign in text if sign.isalpha())
    alphabets = {name.partition(" ")[0] for name in letters}
    return "LATIN" in alphabets and bool(_ALIKE & alphabets)
