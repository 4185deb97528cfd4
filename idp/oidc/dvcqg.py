"""Claims as the national SSO names them, for clients of the profile ``dvcqg``.

Portals that were written for it read these names from userinfo. ``TABLE`` says for each where it
comes from and in which form; what we do not know is left out, as everywhere. ``TechID`` is their
key for a person: stable over a new id card, never given to another, and told to nobody else.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from idp.domain.assurance import IAL
from idp.domain.clients import Client, Profile
from idp.storage.grants import Subject

STANDARD: Final = (
    "name",
    "birthdate",
    "gender",
    "phone_number",
    "phone_number_verified",
    "email",
    "email_verified",
    "address",
    "id_number",
    "id_number_type",
    "insurance_code",
    "account_kind",
    "tax_code",
    "representative",
    "updated_at",
)
"""Standard claims that go with them always; also what the consent page tells about the table."""

_KINDS: Final = {"citizen": "1", "enterprise": "2", "agency": "3"}
_SEXES: Final = {"male": 1, "female": 2}
_YYYYMMDD = 8


def _day(text: str) -> str | None:
    """yyyyMMdd; a bare year has no such form."""
    digits = text.replace("-", "")
    return digits if len(digits) == _YYYYMMDD else None


def _at_home(text: str) -> str:
    """As dialled at home: ten digits."""
    return f"0{text.removeprefix('+84')}" if text.startswith("+84") else text


@dataclass(frozen=True, slots=True)
class _Claim:
    """From which fact, in which form, for which kinds of account (none: for all)."""

    form: str
    name: str
    write: Callable[[str], Any] = str
    kinds: tuple[str, ...] = ()


_CITIZEN, _FIRM = ("citizen",), ("enterprise",)
TABLE: Final[Mapping[str, _Claim]] = {
    "HoVaTen": _Claim("attribute", "full_name"),
    "SoDinhDanh": _Claim("identifier", "cccd"),
    "SoCMND": _Claim("identifier", "cmnd"),
    "HoChieu": _Claim("identifier", "passport"),
    "NgayThangNamSinh": _Claim("attribute", "birth_date", _day),
    "GioiTinh": _Claim("attribute", "sex", _SEXES.get),
    "SoDienThoai": _Claim("attribute", "contact_phone", _at_home),
    "ThuDienTu": _Claim("attribute", "email"),
    "MaBHXH": _Claim("attribute", "insurance_code"),
    "DiaChi": _Claim("attribute", "contact_address", kinds=_CITIZEN),
    "ThuongTru": _Claim("attribute", "residence", kinds=_CITIZEN),
    "QueQuan": _Claim("attribute", "home_town", kinds=_CITIZEN),
    "MaSoThue": _Claim("identifier", "mst"),
    "MaSoDoanhNghiep": _Claim("identifier", "mst", kinds=_FIRM),
    "TenDoanhNghiep": _Claim("attribute", "full_name", kinds=_FIRM),
    "NguoiDaiDien": _Claim("attribute", "representative", kinds=_FIRM),
}
ABOUT_ACCOUNT: Final = ("TechID", "LoaiTaiKhoan", "IAL", "loAs")
NAMES: Final = (*TABLE, *ABOUT_ACCOUNT)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one sign-in adds to the facts: the level it proved."""

    techid_key: bytes
    ial: int


def claims(found: Subject, seen: Seen) -> dict[str, Any]:
    """Every claim of the table that is known."""
    facts = {(fact.form, fact.name): fact.value for fact in found.facts}
    answer: dict[str, Any] = {
        "TechID": tech_id(found.account_id, seen.techid_key),
        "LoaiTaiKhoan": account_kind(found.kind),
        "IAL": seen.ial,
        "loAs": f"LoA{seen.ial}",
    }
    for name, claim in TABLE.items():
        value = facts.get((claim.form, claim.name))
        if value is not None and (not claim.kinds or found.kind in claim.kinds):
            answer[name] = claim.write(value)
    return {name: value for name, value in answer.items() if value is not None}


def account_kind(kind: str) -> str:
    """1 for a person, 2 for an enterprise, 3 for an organisation."""
    return _KINDS[kind]


def tech_id(account_id: UUID, key: bytes) -> str:
    """The technical id of an account (UUID version 8, RFC 9562, 5.8); the id itself stays here."""
    digest = hmac.new(key, account_id.bytes, hashlib.sha256).digest()
    number = int.from_bytes(digest[:16], "big")
    number = number & ~(0xF << 76) | 0x8 << 76
    return str(UUID(int=number & ~(0b11 << 62) | 0b10 << 62))


def standard_claims(client: Client) -> tuple[str, ...]:
    """The standard claims that a client gets without asking."""
    return STANDARD if client.profile is Profile.DVCQG else ()


def names_for(client: Client) -> tuple[str, ...]:
    """The claims beside the standard ones that a client may ask for by name."""
    return NAMES if client.profile is Profile.DVCQG else ()


def acr_for(client: Client, acr: str) -> str:
    """Levels as the client knows them."""
    names = {level.acr: f"LoA{int(level)}" for level in IAL}
    return names.get(acr, acr) if client.profile is Profile.DVCQG else acr
