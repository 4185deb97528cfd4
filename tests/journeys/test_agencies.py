"""The agency directory (B.6, S17): import, certificate to code, rows of R63, manual binding."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from sqlalchemy import text as sql

from idp.app import agency_desk
from idp.domain.operators import Role
from idp.domain.subjects import IdKind, IdNumber
from idp.flows.agencies import Faulty
from idp.flows.agencies import read as read_file
from idp.storage.accounts import AccountStore
from tests.journeys.test_usb import begins, opens_login, registers, signs
from tests.support import house as houses
from tests.support.build import VAULT
from tests.support.house import Browser, House, add_portal
from tests.support.operators import appoint, comes_in
from tests.support.pki import Ca, key_of, pki
from tests.support.receivers import CAEP, Receiver

HERE = "/operator/agencies"
DIRECTORY = """code,name,parent,address,budget_code
000.00.17.G22,Cục Kiểm soát thủ tục hành chính,Văn phòng Chính phủ,"1 Hoàng Hoa Thám, Hà Nội",
H56.01,Phòng Tư pháp,UBND huyện Bình Lục,,
H41.01,Phòng Tư pháp,UBND huyện Lục Ngạn,,1047665
G22,Văn phòng Chính phủ,,,
"""


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    built = houses.build(database_url, tmp_path, operators={"minimum_ial": 2})
    loads(built, DIRECTORY)
    yield built
    built.database.close()


def loads(house: House, text: str) -> Any:
    return agency_desk(house.base).load(text, now=house.clock())


def leaf(
    name: str, *units: str, o: str = "", uids: tuple[str, ...] = (), ca: Ca | None = None
) -> Any:
    """An agency's certificate without a code of its own."""
    parts = [
        (NameOID.COUNTRY_NAME, "VN"),
        *([(NameOID.ORGANIZATION_NAME, o)] if o else []),
        *((NameOID.ORGANIZATIONAL_UNIT_NAME, unit) for unit in units),
        (NameOID.COMMON_NAME, name),
        *((NameOID.USER_ID, uid) for uid in uids),
    ]
    subject = x509.Name([x509.NameAttribute(oid, text) for oid, text in parts])
    return (ca or pki().government).leaf(subject=subject, key=key_of("p256"))


def tries(browser: Browser, certificate: Any) -> Any:
    """Up to the answer to the signature."""
    begins(browser, "agency")
    return signs(browser, certificate)


def registered(house: House, certificate: Any) -> Browser:
    browser = house.browser()
    registers(browser, certificate, "agency")
    browser.post({"email": "", "captcha": "12345"})
    return browser


def account(house: House, code: str) -> Any:
    accounts = AccountStore(house.database, VAULT)
    found = accounts.find_by_id_number(IdNumber(IdKind.AGENCY_CODE, code))
    return accounts.identity(found.id) if found else None


def facts(house: House, code: str) -> dict[str, tuple[str, str]]:
    return {str(v.attribute): (v.value, v.source) for v in account(house, code).values}


# --- from certificate to code -------------------------------------------------------------------


def test_a_certificate_without_a_code_registers_by_its_names(house: House) -> None:
    registered(house, leaf("CUC KIEM SOAT THU TUC HANH CHINH", o="Van phong Chinh phu"))

    rows = facts(house, "G22.17")
    assert rows["full_name"] == ("Cục Kiểm soát thủ tục hành chính", "directory")
    assert rows["parent_agency"] == ("Văn phòng Chính phủ", "directory")
    assert rows["address"] == ("1 Hoàng Hoa Thám, Hà Nội", "directory")


def test_a_code_in_the_certificate_wins_and_the_directory_adds_the_rows(house: House) -> None:
    registered(house, leaf("Cuc X", o="VPCP", uids=("MDV:000.00.17.G22",)))

    assert facts(house, "G22.17")["parent_agency"] == ("Văn phòng Chính phủ", "directory")


def test_a_budget_number_finds_the_agency(house: House) -> None:
    registered(house, leaf("Phong Tu phap", uids=("MNS:1047665",)))

    assert facts(house, "H41.01")["parent_agency"][0] == "UBND huyện Lục Ngạn"


def test_the_unit_above_decides_between_agencies_of_one_name(house: House) -> None:
    registered(house, leaf("Phòng Tư pháp", "UBND HUYEN BINH LUC", o="UBND tỉnh Hà Nam"))

    assert account(house, "H56.01")
    assert account(house, "H41.01") is None


@pytest.mark.parametrize(
    "certificate",
    [
        lambda: leaf("Phòng Tư pháp"),
        lambda: leaf("Phòng Tư pháp", o="UBND huyện Khác"),
        lambda: leaf("Phòng Tư pháp", "UBND huyện Bình Lục", "UBND huyện Lục Ngạn"),
        lambda: leaf("Văn phòng Chính phủ"),
        lambda: leaf("Văn phòng Chính phủ", o="Ai đó"),
        lambda: leaf("Cục Lạ", o="Văn phòng Chính phủ"),
        lambda: leaf("Phòng Tư pháp", uids=("MNS:999999999",)),
        lambda: leaf("Phòng Tư pháp", uids=("MNS:' OR 1=1",)),
        lambda: leaf("....", o="----"),
    ],
)
def test_what_is_not_certain_is_refused_with_a_way_on(house: House, certificate: Any) -> None:
    browser = house.browser()

    page = tries(browser, certificate())

    assert "Yêu cầu gán mã" in page.text
    assert len(agency_desk(house.base).agencies.waiting()) == 1


def test_a_signature_that_is_wrong_files_no_request(house: House) -> None:
    browser = house.browser()
    begins(browser, "agency")

    signs(browser, leaf("Cục Lạ", o="Ai"), nonce="x" * 44)

    assert agency_desk(house.base).agencies.waiting() == ()


def test_the_agency_signs_in_with_that_certificate(house: House) -> None:
    certificate = leaf("Cuc Kiem soat thu tuc hanh chinh", o="Van phong Chinh phu")
    registered(house, certificate)
    browser = house.browser()
    opens_login(browser)

    page = signs(browser, certificate)

    assert page.request.path == "/account"
    for text in ("Cục Kiểm soát thủ tục hành chính", "G22.17", "Văn phòng Chính phủ"):
        assert text in page.text


# --- an operator binds --------------------------------------------------------------------------


def binds(browser: Browser, code: str) -> Any:
    browser.get(HERE)
    found = re.search(r'href="(/operator/agencies/bind\?key=[0-9a-f]+)"', browser.text)
    assert found, browser.text
    browser.get(found[1])
    return browser.post({"key": found[1].partition("=")[2], "agency_code": code})


def test_an_operator_binds_what_the_directory_cannot_name(house: House) -> None:
    certificate = leaf("Cuc KSTTHC", o="VPCP")
    tries(house.browser(), certificate)
    appoint(house, Role.AGENCIES)
    browser = comes_in(house, HERE)

    page = binds(browser, "000.00.17.G22")
    assert "Đã lưu." in page.text
    registered(house, certificate)

    assert account(house, "G22.17")
    with house.database.transaction() as connection:
        rows = connection.exec_driver_sql(
            "SELECT actor_id FROM audit WHERE event = 'agency.bound'"
        ).all()
    assert len(rows) == 1


def test_a_binding_can_be_taken_away(house: House) -> None:
    certificate = leaf("Cuc KSTTHC", o="VPCP")
    tries(house.browser(), certificate)
    appoint(house, Role.AGENCIES)
    browser = comes_in(house, HERE)
    binds(browser, "G22.17")
    [binding] = agency_desk(house.base).agencies.bound()

    browser.post({"key": binding.key}, f"{HERE}/unbind")

    assert "Yêu cầu gán mã" in tries(house.browser(), certificate).text


@pytest.mark.parametrize("code", ["", "x", "G99", "000.00.00.G9", "<b>", "x" * 5000, "G22\\0"])
def test_hostile_codes_bind_nothing(house: House, code: str) -> None:
    tries(house.browser(), leaf("Cuc KSTTHC", o="VPCP"))
    appoint(house, Role.AGENCIES)

    page = binds(comes_in(house, HERE), code)

    assert page.status_code == 422
    assert agency_desk(house.base).agencies.bound() == ()


def test_of_two_operators_at_once_one_binds(house: House) -> None:
    tries(house.browser(), leaf("Cuc KSTTHC", o="VPCP"))
    appoint(house, Role.AGENCIES)
    browser = comes_in(house, HERE)
    [waiting] = agency_desk(house.base).agencies.waiting()
    browser.get(f"{HERE}/bind?key={waiting.key}")
    form = {"csrf": browser._csrf(), "key": waiting.key}

    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(
                lambda code: browser.client.post(
                    f"{HERE}/bind", data={**form, "agency_code": code}
                ),
                ("G22.17", "H56.01"),
            )
        )

    places = sorted(answer.headers["Location"] for answer in answers)
    assert places == [f"{HERE}?saved", f"{HERE}?taken"]


@pytest.mark.parametrize("key", ["", "x", "0" * 64, "%27", "<script>"])
def test_an_unknown_certificate_is_told(house: House, key: str) -> None:
    appoint(house, Role.AGENCIES)
    browser = comes_in(house, HERE)

    assert browser.get(f"{HERE}/bind?key={key}").request.path == HERE


# --- the file -----------------------------------------------------------------------------------


def test_importing_again_changes_nothing_and_a_new_name_changes_one(house: House) -> None:
    assert loads(house, DIRECTORY) == {"unchanged": 4}

    changed = loads(house, DIRECTORY.replace("Bình Lục", "Bình Lục mới"))

    assert changed == {"changed": 1, "unchanged": 3}


def test_both_forms_of_one_code_are_one_agency(house: House) -> None:
    assert loads(house, "code,name\n000.00.00.G22,Văn phòng Chính phủ\n") == {"changed": 1}


def test_json_lines_are_read_as_well(house: House) -> None:
    lines = [{"code": "G09", "name": "Bộ Minh họa"}, {"code": "G09.20", "name": "Cục Minh họa"}]

    assert loads(house, "\n".join(map(json.dumps, lines))) == {"added": 2}


def test_every_fault_is_told_with_its_line_and_nothing_is_imported(house: House) -> None:
    rows = ("x,A,,,", "G01,,,,", "G02,B,,,12", 'G03,"C\nD",,,', "G03,E,,,")
    text = "\n".join(("code,name,parent,address,budget_code", *rows))

    found = loads(house, text)

    assert isinstance(found, Faulty)
    assert [fault.partition(":")[0] for fault in found.faults] == [
        "line 2", "line 3", "line 4", "line 7",
    ]  # fmt: skip
    assert agency_desk(house.base).agencies.count() == 4


@pytest.mark.parametrize(
    "text",
    [
        "", "\n\n", "code\nG22\n", "name,code,color\nA,G22,red\n", "code,name\nG22\n",
        'code,name\n"G22,A\n', "{", "{}\n[]", '{"code": 5, "name": "A"}', '{"code": "G22"}',
        '{"x": 1}', "\x00\x01", "code,name\nG22,A\x07\n", "code,name\nG22," + "x" * 400,
        "[" * 100_000, "{" * 100_000, "code,name,name\nG22,A,B\n",
    ],
    ids=lambda text: repr(text[:20]),
)  # fmt: skip
def test_hostile_files_are_told_and_change_nothing(text: str) -> None:
    found = read_file(text)

    assert isinstance(found, Faulty)
    assert all(fault.startswith("line ") for fault in found.faults)


# --- importing again: agencies that have an account -----------------------------------------------

RENAMED = DIRECTORY.replace("Cục Kiểm soát thủ tục hành chính", "Cục Cải cách hành chính").replace(
    '"1 Hoàng Hoa Thám, Hà Nội"', ""
)


def with_account(house: House) -> None:
    registered(house, leaf("Cục Kiểm soát thủ tục hành chính", o="Văn phòng Chính phủ"))


def history(house: House) -> list[str]:
    query = sql("SELECT event FROM audit WHERE event = 'agency.changed'")
    with house.database.transaction() as connection:
        return list(connection.scalars(query))


def test_importing_again_renames_the_account_and_its_history_says_so(house: House) -> None:
    with_account(house)
    before = facts(house, "G22.17")
    house.clock.forward(hours=1)

    counted = loads(house, RENAMED.replace("Văn phòng Chính phủ,", "Bộ Nội vụ,", 1))

    after = facts(house, "G22.17")
    assert (counted["changed"], counted["accounts"]) == (1, 1)
    assert before["full_name"] == ("Cục Kiểm soát thủ tục hành chính", "directory")
    assert after["full_name"] == ("Cục Cải cách hành chính", "directory")
    assert after["parent_agency"] == ("Bộ Nội vụ", "directory")
    assert "address" in before
    assert "address" not in after
    assert history(house) == ["agency.changed"]


def test_importing_the_same_again_touches_no_account(house: House) -> None:
    with_account(house)

    counted = loads(house, DIRECTORY)

    assert counted == {"unchanged": 4}
    assert history(house) == []


def test_of_two_imports_at_once_one_changes_the_account(house: House) -> None:
    with_account(house)
    house.clock.forward(hours=1)

    with ThreadPoolExecutor(4) as pool:
        counted = list(pool.map(lambda _: loads(house, RENAMED), range(4)))

    assert sorted(each["accounts"] for each in counted) == [0, 0, 0, 1]
    assert facts(house, "G22.17")["full_name"][0] == "Cục Cải cách hành chính"
    assert history(house) == ["agency.changed"]


def test_a_file_with_a_fault_renames_nobody(house: House) -> None:
    with_account(house)

    found = loads(house, f"{RENAMED}x,A,,,\n")

    assert isinstance(found, Faulty)
    assert facts(house, "G22.17")["full_name"][0] == "Cục Kiểm soát thủ tục hành chính"
    assert history(house) == []


def test_a_portal_with_a_stream_hears_the_new_name(house: House) -> None:
    certificate = leaf("Cục Kiểm soát thủ tục hành chính", o="Văn phòng Chính phủ")
    registered(house, certificate)
    browser = house.browser()
    opens_login(browser)
    signs(browser, certificate)
    grants = ["authorization_code", "client_credentials"]
    scope = "openid profile organization ssf.manage"
    portal = add_portal(house, grant_types=grants, scope=scope)
    browser.visit(portal.request(scope="openid profile organization"))
    browser.send({"do": "confirm"})
    token = portal.token(grant_type="client_credentials", scope="ssf.manage").get_json()
    receiver = Receiver(house, portal.client_id, token["access_token"], portal)
    kind = f"{CAEP}token-claims-change"
    stream = receiver.creates(kind)

    loads(house, RENAMED.replace("Văn phòng Chính phủ,", "Bộ Nội vụ,", 1))

    [heard] = receiver.hears(stream)
    event = heard["events"][kind]
    assert event["initiating_entity"] == "system"
    assert event["claims"] == {"name": "Cục Cải cách hành chính", "parent_agency": "Bộ Nội vụ"}
