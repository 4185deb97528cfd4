"""Requests that are answered on another device than the one that asks (RFC 8628; CIBA Core).

    pending --> approved --> (its grant)
       |-----> denied
       '-----> failed

What happens to a request is decided once; its tokens are given once.
"""

from __future__ import annotations

import enum
import secrets
import unicodedata
from typing import Final

import msgspec

from idp.domain.assurance import IAL, Achieved, Resistance, wanted_level, wanted_resistance
from idp.domain.shown import has_link

_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
"""RFC 8628, 6.1: 20 letters without vowels, so that no word comes out; 8 of them are 34.5 bits."""

_LENGTH, _LONGEST_TYPED = 8, 64
CODES: Final = 8192
"""How many verification codes there are, whichever way the request is answered (Mobile-ID)."""

LONGEST_MESSAGE: Final = 50
_UNACCENTED: Final = str.maketrans("đĐ", "dD")


class Kind(enum.StrEnum):
    """Who began: a device that shows a code, or a client that knows whom it wants."""

    DEVICE = "device"
    CIBA = "ciba"


class Status(enum.StrEnum):
    """How a request stands; redeemed is an approved one whose grant exists."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    FAILED = "failed"


class Ping(msgspec.Struct, frozen=True):
    """Where a client is told that its request was decided (CIBA Core, 10.2)."""

    endpoint: str
    token: str
    auth_req_id: str


class Asked(msgspec.Struct, frozen=True):
    """What a client asked for, checked.

    ``items`` is what the person is asked to share. ``code`` is the verification code of a CIBA
    request. ``ip`` and ``program`` are those of the device that asks.
    """

    client_id: str
    portal: str
    scope: tuple[str, ...]
    items: tuple[str, ...] = ()
    acr_values: tuple[str, ...] = ()
    resource: tuple[str, ...] = ()
    message: str = ""
    code: str = ""
    ip: str = ""
    program: str = ""
    ping: Ping | None = None

    @property
    def wanted(self) -> IAL:
        """The least level that an answer must prove."""
        return wanted_level(self.acr_values) or IAL.NONE

    @property
    def resists(self) -> Resistance:
        """The least resistance to phishing that an answer must have."""
        return wanted_resistance(self.acr_values)

    def is_met_by(self, proved: Achieved) -> bool:
        """Whether an answer that proved this much is enough."""
        return proved.ial >= self.wanted and proved.resistance >= self.resists

    @property
    def is_offline(self) -> bool:
        """Whether the grant outlives its session."""
        return "offline_access" in self.scope


class Proved(msgspec.Struct, frozen=True):
    """What the answer proved, for the tokens that follow it."""

    ial: int
    acr: str
    amr: tuple[str, ...]
    auth_time: int


def new_user_code() -> str:
    """A code for people to type, without its hyphen."""
    return "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))


def read_user_code(typed: str) -> str:
    """What somebody typed or pasted, as it was made; empty when it can be no code.

    Case, spaces and any kind of hyphen do not matter (RFC 8628, 6.1).
    """
    plain = unicodedata.normalize("NFKC", typed[:_LONGEST_TYPED]).upper()
    code = "".join(sign for sign in plain if unicodedata.category(sign) not in _BETWEEN)
    is_code = len(code) == _LENGTH and set(code) <= set(_LETTERS)
    return code if is_code else ""


_BETWEEN: Final = frozenset({"Pd", "Po", "Zs", "Cf", "Cc", "Sm"})


def show_user_code(code: str) -> str:
    """As devices and pages show it: ``WDJB-MJHT``."""
    return f"{code[:4]}-{code[4:]}"


def new_code() -> str:
    """A verification code for an answer that no phone signs."""
    return f"{secrets.randbelow(CODES):04d}"


def plain(text: str) -> str:
    """Without Vietnamese marks: GSM-7 has none of these letters."""
    parts = unicodedata.normalize("NFD", text.translate(_UNACCENTED))
    return "".join(sign for sign in parts if unicodedata.category(sign) != "Mn")


def is_message(text: str) -> bool:
    """Whether a binding message can be shown on every phone (CIBA Core, 7.1): short and plain.

    Letters of other alphabets could pass for ours, control characters could rearrange it, and a
    link in a message of ours would be believed.
    """
    shown = plain(text)
    return (
        0 < len(text) <= LONGEST_MESSAGE
        and shown.isascii()
        and shown.isprintable()
        and text == text.strip()
        and not has_link(text)
    )


def prompt(portal: str, message: str, room: int) -> str:
    """The line of a phone's prompt before its code: who asks and what for, in ``room`` letters."""
    end = f": {plain(message)}" if message else ""
    name = plain(portal).encode("ascii", "ignore").decode()
    return f"{name[: max(0, room - len(end))].strip()}{end}"[:room]
