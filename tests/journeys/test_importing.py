"""``idp accounts import``: citizens of another system sign in here as they did there."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher as Argon2
from click.testing import CliRunner

from idp.authenticators import mobile, totp
from idp.cli import main
from idp.domain.events import Event
from idp.domain.passwords import PasswordHasher
from idp.domain.subjects import IdNumber
from idp.flows.importing import Faulty, Importer
from idp.storage.accounts import AccountStore
from idp.storage.audit import AuditStore
from idp.storage.imports import ImportStore
from tests.journeys.test_rehash import kept
from tests.support.build import NOW, VAULT
from tests.support.house import PASSWORD, PERSON, House, MemoryCarrier

HASHER = PasswordHasher(b"p" * 32, time_cost=1, memory_kib=64)
COSTS = "$argon2id$v=19$m=64,t=1,p=1"
CONFIG = str(Path(__file__).parents[2] / "config.toml")


def record(**changes: Any) -> dict[str, Any]:
    plain = {
        "id_number": PERSON["username"],
        "other_id_numbers": ["012345678"],
        "full_name": PERSON["full_name"],
        "birth_date": PERSON["birth_date"],
        "sex": "male",
        "phones": [PERSON["phone"], "0912345678"],
        "email": "hoa@example.vn",
        "method": "mobile",
        "source": "carrier:vinaphone",
        "verified_at": "2024-05-01T09:00:00+07:00",
    }
    return {**plain, **changes}


def line(**changes: Any) -> bytes:
    return json.dumps(record(**changes), ensure_ascii=False).encode()


def hasher(house: House) -> Any:
    return house.app.extensions["idp.house"].login.steps.first_method.login.hasher


def importer(house: House) -> Importer:
    store = ImportStore(house.database, VAULT, AuditStore(house.database, VAULT))
    methods = {method.name: method for method in house.app.extensions["idp.house"].methods}
    return Importer(store, methods, hasher(house).accepts, 5, house.clock)


@pytest.fixture(scope="module")
def reader() -> Importer:
    """Reads, and has nowhere to write to."""
    methods = (mobile.build(MemoryCarrier()), totp.build(HASHER))
    store: Any = None
    return Importer(store, {each.name: each for each in methods}, HASHER.accepts, 5, lambda: NOW)


def theirs(house: House) -> str:
    """The password, hashed by the other system as strongly as here but without our pepper."""
    ours = hasher(house)._argon2
    other = Argon2(ours.time_cost, ours.memory_cost, ours.parallelism)
    return other.hash(PASSWORD)


def account(house: House, number: str = PERSON["username"]) -> Any:
    return AccountStore(house.database, VAULT).find_by_id_number(IdNumber.parse(number))


def test_whoever_was_imported_signs_in_with_the_password_they_had(house: House) -> None:
    assert importer(house).run([line(password_hash=theirs(house))]) == [None]

    browser = house.browser()
    browser.signs_in()

    assert "Nguyễn Văn Hoà" in browser.get("/account").text


def test_the_first_sign_in_hashes_that_password_with_our_pepper(house: House) -> None:
    importer(house).run([line(password_hash=theirs(house))])
    assert kept(house).startswith("unpeppered:")

    house.browser().signs_in()

    assert kept(house).startswith("$argon2id$")
    house.clock.forward(minutes=2)
    browser = house.browser()
    browser.signs_in()
    assert "Nguyễn Văn Hoà" in browser.get("/account").text


def test_a_wrong_password_of_an_imported_account_is_wrong(house: House) -> None:
    importer(house).run([line(password_hash=theirs(house))])
    browser = house.browser()
    browser.get("/login")

    page = browser.types_password(password="Sai-Mật-Khẩu-99")

    assert "Tên đăng nhập hoặc mật khẩu không đúng" in page.text


def test_an_account_comes_with_both_numbers_and_phones_and_its_source(house: House) -> None:
    importer(house).run([line()])

    found = account(house)
    assert found.id == account(house, "012345678").id
    assert found.ial == 2
    assert [(each.number.national, each.is_default) for each in found.phones] == [
        ("0821234088", True),
        ("0912345678", False),
    ]
    own = AccountStore(house.database, VAULT).identity(found.id)
    assert {value.source for value in own.values} == {"carrier:vinaphone", "self"}


def test_the_history_begins_with_the_import_and_the_chain_holds(house: House) -> None:
    importer(house).run([line()])
    audit = AuditStore(house.database, VAULT)

    [event] = audit.of_account(account(house).id)

    assert event.event is Event.ACCOUNT_IMPORTED
    audit.seal_pending()
    assert audit.verify() is None


def test_importing_again_opens_nothing_twice(house: House) -> None:
    ours, lines = importer(house), [line(), line(), line(id_number="012345678")]

    first, again = ours.run(lines), ours.run(lines)

    exists = Faulty(("account.exists",))
    assert first[0] is None
    assert first[1] == exists
    assert again[0] == exists


def test_whoever_has_an_account_keeps_it_as_it_is(house: House) -> None:
    house.browser().registers()
    before = kept(house)

    assert importer(house).run([line(full_name="Kẻ Khác")]) == [Faulty(("account.exists",))]

    assert kept(house) == before


def test_of_many_imports_at_once_each_account_is_opened_once(house: House) -> None:
    lines = [line(id_number=f"0010720001{n:02}", other_id_numbers=[]) for n in range(40)]
    ours = importer(house)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: ours.run(lines), range(8)))

    opened = [sum(found[n] is None for found in results) for n in range(len(lines))]
    assert opened == [1] * len(lines)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"id_number": "12"}, "id_number.form"),
        ({"full_name": "\u202e"}, "name.form"),
        ({"birth_date": "31/02/1972"}, "birth_date.form"),
        ({"birth_date": "01/02/2090"}, "birth_date.future"),
        ({"birth_date": "01/02/1999"}, "id_number.birth_date"),
        ({"sex": "female"}, "id_number.birth_date"),
        ({"phones": []}, "phones.number"),
        ({"phones": ["0821234088"] * 6}, "phones.number"),
        ({"phones": ["0821234088", "1"]}, "phone.form"),
        ({"other_id_numbers": ["001072000137"]}, "id_number.kind"),
        ({"email": "x" * 300}, "email.form"),
        ({"insurance_code": "1"}, "insurance.form"),
        ({"method": "usb"}, "method.unknown"),
        ({"method": "passkey"}, "method.unknown"),
        ({"method": "../x"}, "method.unknown"),
        ({"source": "carrier:"}, "source.missing"),
        ({"verified_at": "2024-05-01T09:00:00"}, "verified_at.form"),
        ({"verified_at": "2094-05-01T09:00:00Z"}, "verified_at.form"),
        ({"reference": "\x00"}, "text.form"),
        ({"vouched_by": "x" * 300}, "text.form"),
        ({"password_hash": "5f4dcc3b5aa765d61d8327deb882cf99"}, "password_hash.form"),
        ({"password_hash": "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA"}, "password_hash.form"),
        ({"password_hash": "$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aA"}, "password_hash.form"),
        ({"password_hash": f"{COSTS}$!!!!!!!!!!!!$aGFzaGhhc2hoYXNoaGFzaA"}, "password_hash.form"),
        ({"password_hash": f"{COSTS}$c2FsdHNhbHQ$aGFzaA"}, "password_hash.form"),
        ({"password_hash": f"{COSTS}$$"}, "password_hash.form"),
        (
            {"password_hash": f"{COSTS}$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA\x00"},
            "password_hash.form",
        ),
        ({"password_hash": "$argon2id$v=19$m=-1,t=x,p=1$a$b"}, "password_hash.form"),
        ({"password_hash": "x" * 10000}, "password_hash.form"),
        ({"ial": 3}, "record.form"),
        ({"phones": "0821234088"}, "record.form"),
        ({"sex": "x"}, "record.form"),
    ],
)
def test_a_line_with_a_fault_is_told_and_opens_nothing(
    changes: dict[str, Any], fault: str, reader: Importer
) -> None:
    found = reader.read(line(**changes), now=NOW)

    assert isinstance(found, Faulty)
    assert fault in found.faults


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 5000, b"{}" * 9])
def test_a_line_that_is_no_record_is_told(text: bytes, reader: Importer) -> None:
    assert reader.read(text, now=NOW) == Faulty(("record.form",))


def test_a_faulty_line_among_good_ones_keeps_none_of_them_back(house: House) -> None:
    found = importer(house).run([line(phones=[]), line(), b"{"])

    assert [one is None for one in found] == [False, True, False]
    assert account(house) is not None


# --- the command --------------------------------------------------------------------------------


@pytest.fixture
def command(database_url: str, tmp_path: Path) -> Any:
    environment = {
        "IDP_DATABASE__URL": database_url,
        "IDP_KEYS__DIRECTORY": str(tmp_path / "keys"),
        "IDP_PASSWORD__TIME_COST": "2",
    }
    (tmp_path / "keys" / "trust").mkdir(parents=True)

    def run(file: Path) -> Any:
        arguments = ["--config", CONFIG, "accounts", "import", str(file)]
        return CliRunner().invoke(main, arguments, env=environment)

    return run


def people(path: Path, numbers: range) -> Path:
    lines = (line(id_number=f"0010720{n:05}", other_id_numbers=[]) for n in numbers)
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def test_the_command_tells_what_it_opened_and_writes_down_what_it_did_not(
    command: Any, tmp_path: Path
) -> None:
    file = people(tmp_path / "people.jsonl", range(3))
    with file.open("ab") as more:
        more.write(b"\n" + line(id_number="12") + b"\n" + b"x" * 70000 + b"\n")

    done = command(file)

    assert done.exit_code == 1, done.output
    assert "3 opened, 3 rejected" in done.output
    rejected = [json.loads(each) for each in (tmp_path / "people.jsonl.rejected").open()]
    assert [each["line"] for each in rejected] == [5, 6, 6]
    assert "12" not in json.dumps(rejected[0]["faults"])


def test_a_run_that_was_stopped_goes_on_where_it_was(
    command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, run = people(tmp_path / "people.jsonl", range(1200)), Importer.run
    calls: list[int] = []

    def dies(self: Importer, lines: list[bytes]) -> Any:
        calls.append(len(lines))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return run(self, lines)

    monkeypatch.setattr(Importer, "run", dies)
    assert command(file).exit_code != 0

    done = command(file)

    assert done.exit_code == 0, done.output
    assert "1200 opened, 0 rejected" in done.output
    assert calls == [500, 500, 500, 200]


def test_another_file_of_that_name_is_not_gone_on_with(command: Any, tmp_path: Path) -> None:
    file = people(tmp_path / "people.jsonl", range(2))
    command(file)
    people(file, range(5, 9))

    done = command(file)

    assert done.exit_code == 1
    assert "is not the file that was begun" in done.output
