"""Which fact becomes which claim of the national SSO (national-sso.md C.3)."""

from __future__ import annotations

from uuid import UUID

import pytest
from msgspec.structs import replace

from idp.domain.clients import Client, Profile
from idp.oidc.claims import consent_items
from idp.oidc.dvcqg import NAMES, STANDARD, Seen, acr_for, claims, tech_id
from tests.oidc.known import fact, number, subject

SEEN = Seen(b"t" * 32, 3)
KEY = b"t" * 32


def test_c3_a_citizen() -> None:
    found = claims(subject(), SEEN)

    assert found == {
        "TechID": tech_id(UUID(int=7), KEY),
        "LoaiTaiKhoan": "1",
        "IAL": 3,
        "loAs": "LoA3",
        "HoVaTen": "Nguyễn Văn Hoà",
        "SoDinhDanh": "001072000136",
        "SoCMND": "012345678",
        "NgayThangNamSinh": "19720201",
        "GioiTinh": 1,
        "SoDienThoai": "0821234088",
        "ThuDienTu": "hoa@example.vn",
        "DiaChi": "12 Hàng Bài, Hà Nội",
    }


def test_c3_an_enterprise_is_2_and_has_the_names_of_one() -> None:
    facts = (fact("full_name", "Công ty A"), fact("representative", "Trần Văn B"))
    firm = replace(subject(), kind="enterprise", facts=(*facts, number("mst", "0100109106")))

    found = claims(firm, SEEN)

    assert found["LoaiTaiKhoan"] == "2"
    assert (found["MaSoThue"], found["MaSoDoanhNghiep"]) == ("0100109106", "0100109106")
    assert (found["TenDoanhNghiep"], found["NguoiDaiDien"]) == ("Công ty A", "Trần Văn B")


def test_c3_an_organisation_is_3_and_has_no_claims_of_an_enterprise() -> None:
    agency = replace(subject(), kind="agency", facts=(fact("full_name", "Sở Y tế"),))

    found = claims(agency, SEEN)

    assert found["LoaiTaiKhoan"] == "3"
    assert "TenDoanhNghiep" not in found


def test_c3_a_bare_birth_year_has_no_eight_digits_and_is_left_out() -> None:
    found = claims(replace(subject(), facts=(fact("birth_date", "1972"),)), SEEN)

    assert "NgayThangNamSinh" not in found


def test_c3_a_missing_email_is_never_invented() -> None:
    assert "ThuDienTu" not in claims(replace(subject(), facts=()), SEEN)


def test_techid_is_a_uuid_that_tells_nothing_of_the_account() -> None:
    found = UUID(tech_id(UUID(int=7), KEY))

    assert (found.version, found.variant) == (8, "specified in RFC 4122")
    assert tech_id(UUID(int=7), KEY) == str(found)
    assert len({tech_id(UUID(int=n), KEY) for n in range(500)}) == 500
    assert tech_id(UUID(int=7), b"u" * 32) != str(found)


def test_techid_stays_when_numbers_change() -> None:
    renewed = replace(subject(), facts=(number("cccd", "079072000999"),))

    assert claims(renewed, SEEN)["TechID"] == claims(subject(), SEEN)["TechID"]


@pytest.mark.parametrize(
    ("profile", "acr", "named"),
    [
        (Profile.DVCQG, "ial1", "LoA1"),
        (Profile.DVCQG, "ial3", "LoA3"),
        (Profile.DVCQG, "phr", "phr"),
        (Profile.STANDARD, "ial3", "ial3"),
        (Profile.FAPI2, "ial3", "ial3"),
    ],
)
def test_c4_2_levels_are_named_as_the_client_knows_them(
    profile: Profile, acr: str, named: str
) -> None:
    assert acr_for(Client(client_id="x", profile=profile), acr) == named


def test_everything_in_the_table_is_covered_by_what_the_person_agrees_to() -> None:
    assert consent_items(("openid",), STANDARD) == {
        "name", "birthdate", "gender", "phone_number", "email", "address", "id_number",
        "insurance_code", "account_kind", "organization",
    }  # fmt: skip
    assert len(set(NAMES)) == len(NAMES)
