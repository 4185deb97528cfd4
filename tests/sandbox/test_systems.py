"""The simulated carrier, SMS gateway, faults and people."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import phonenumbers
import pytest
from cryptography import x509
from flask.testing import FlaskClient

from idp.sandbox.app import World, create_app
from idp.sandbox.faults import Faults
from idp.sandbox.people import People
from idp.sandbox.sms import Inbox, Message

CARRIER = {"Authorization": "Bearer sandbox-carrier"}
MATCH = {
    "msisdn": "+84981234501",
    "id_number": "001085014236",
    "full_name": "Nguyễn Văn An",
    "birth_date": "1985-08-15",
    "request_id": "r-1",
}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(clock: Clock) -> FlaskClient:
    faults = Faults(clock=clock, slow_seconds=0)
    world = World(people=People(), inbox=Inbox(most=3), faults=faults)
    return create_app(world, issuer="http://localhost:8000").test_client()


def match(client: FlaskClient, **changes: Any) -> Any:
    answer = client.post(
        "/carrier/v1/subscribers/match", json={**MATCH, **changes}, headers=CARRIER
    )
    assert answer.status_code == 200
    return answer.json


def send(client: FlaskClient, key: str, text: str, to: str = "+84981234501") -> Any:
    return client.post(
        "/sms/v1/messages",
        json={"to": to, "text": text, "sender": "MotCua"},
        headers={"Authorization": "Bearer sandbox-sms", "Idempotency-Key": key},
    )


def test_the_owner_is_found(client: FlaskClient) -> None:
    assert match(client) == {
        "found": True,
        "carrier": "viettel",
        "name_form": "accented",
        "subscriber": {
            "id_number": "001085014236",
            "other_id_numbers": [],
            "full_name": "Nguyễn Văn An",
            "birth_date": "1985-08-15",
            "sex": "male",
            "registered_at": "2021-06-01T08:00:00+07:00",
        },
    }


@pytest.mark.parametrize(
    "changes", [{"id_number": "079190025871"}, {"msisdn": "+84981234599"}], ids=["id", "number"]
)
def test_somebody_else_is_not_found(client: FlaskClient, changes: dict[str, str]) -> None:
    assert match(client, **changes) == {"found": False}


def test_an_old_id_number_finds_its_owner(client: FlaskClient) -> None:
    found = match(client, msisdn="+84993567805", id_number="162345678")
    assert found["subscriber"]["id_number"] == "036078052369"
    assert found["subscriber"]["other_id_numbers"] == ["162345678"]


def test_records_are_as_poor_as_real_ones(client: FlaskClient) -> None:
    year = match(client, msisdn="+84826789007", id_number="014155073586")
    assert year["subscriber"]["birth_date"] == "1955"
    plain = match(client, msisdn="+84707890108", id_number="092087089413")
    assert (plain["name_form"], plain["subscriber"]["full_name"]) == (
        "unaccented",
        "HUYNH QUOC HUNG",
    )


@pytest.mark.parametrize(
    "changes",
    [{"msisdn": "0981234501"}, {"birth_date": "15/08/1985"}, {"id_number": 7}, {"full_name": ""}],
)
def test_malformed_questions_are_refused(client: FlaskClient, changes: dict[str, Any]) -> None:
    address = "/carrier/v1/subscribers/match"
    assert client.post(address, json={**MATCH, **changes}, headers=CARRIER).status_code == 400
    assert client.post(address, json=MATCH).status_code == 401


def test_a_message_is_delivered_once_per_key(client: FlaskClient) -> None:
    first = send(client, "k1", "Ma OTP: 048213. Goi 19001234 neu can.")
    again = send(client, "k1", "Ma OTP: 048213. Goi 19001234 neu can.")
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json == again.json
    send(client, "k2", "Chao 1234567")
    for spelling in ("0981 234 501", "%2B84981234501", "+84981234501", "84981234501"):
        messages = client.get(f"/sms?to={spelling}").json
        assert [m["code"] for m in messages] == [None, "048213"]
    assert client.get("/sms?to=0912345602").json == []


def test_the_inbox_is_bounded_and_escaped(client: FlaskClient) -> None:
    for number in range(5):
        send(client, f"k{number}", f"<b>{number}</b>")
    assert [m["text"] for m in client.get("/sms").json] == ["<b>4</b>", "<b>3</b>", "<b>2</b>"]
    page = client.get("/sms", headers={"Accept": "text/html,*/*;q=0.8"}).text
    assert "&lt;b&gt;4" in page
    assert "<b>" not in page


def test_a_message_needs_its_key(client: FlaskClient) -> None:
    assert send(client, "", "x").status_code == 400
    assert send(client, "k", "x", to="0981234501").status_code == 400


def test_faults_come_and_go(client: FlaskClient, clock: Clock) -> None:
    def fault(mode: str) -> None:
        asked = {"system": "sms", "mode": mode, "seconds": 30}
        assert client.post("/faults", json=asked).status_code == 201

    fault("error")
    assert send(client, "k", "x").status_code == 500
    assert client.get("/sms").json == []
    fault("down")
    assert send(client, "k", "x").status_code == 503
    fault("garbage")
    garbage = send(client, "k", "x")
    assert garbage.status_code == 200
    with pytest.raises(UnicodeDecodeError):
        garbage.data.decode()
    fault("slow")
    assert send(client, "k", "x").status_code == 202
    assert match(client)["found"]
    fault("error")
    clock.now += 31
    assert client.get("/faults").json == []
    assert send(client, "k", "x").status_code == 202
    fault("error")
    assert client.delete("/faults").status_code == 204
    assert send(client, "k", "x").status_code == 202


@pytest.mark.parametrize(
    "asked", [[], {"system": "x", "mode": "down", "seconds": 1}, {"system": "sms", "mode": "down"}]
)
def test_unknown_faults_are_refused(client: FlaskClient, asked: Any) -> None:
    assert client.post("/faults", json=asked).status_code == 400


def test_foreign_pages_cannot_cause_faults(client: FlaskClient) -> None:
    asked = {"system": "sms", "mode": "down", "seconds": "60"}
    foreign = client.post("/faults", data=asked, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    assert client.get("/faults").json == []


def test_everyone_is_consistent_and_unique() -> None:
    people = People()
    for _ in range(200):
        people.add({})
    everyone = [person for person in people.all() if person.kind == "citizen"]
    numbers = [phone.number for person in everyone for phone in person.phones]
    assert len(set(numbers)) == len(numbers)
    assert len({person.id_number for person in everyone}) == 212
    for person in everyone:
        century = int(person.birth_date[6:8]) - 19
        sex = person.sex == "female"
        assert person.id_number[3:6] == f"{2 * century + sex}{person.birth_date[8:]}"
    for number in numbers:
        parsed = phonenumbers.parse(number, "VN")
        assert phonenumbers.is_valid_number(parsed)
        assert phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.MOBILE


def test_an_added_person_is_known_at_once_and_after_a_restart(tmp_path: Path) -> None:
    people = People(tmp_path)
    client = create_app(World(people=people), issuer="http://x").test_client()
    fields = {"full_name": "Lý Thị <Ngọc>", "birth_date": "1/2/2003", "phones": ["098 765 4321"]}
    added = client.post("/people", json=fields)
    assert added.status_code == 201
    person = added.json
    assert person is not None
    assert (person["birth_date"], person["phones"][0]["carrier"]) == ("01/02/2003", "viettel")
    assert re.fullmatch(r"[0-9]{3}[23]03[0-9]{6}", person["id_number"])
    assert match(client, msisdn="+84987654321", id_number=person["id_number"])["found"]
    assert "&lt;Ngọc&gt;" in client.get("/people", headers={"Accept": "text/html"}).text
    assert People(tmp_path).all() == people.all()


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"id_number": "12"}, "id_number"),
        ({"id_number": "001085014236"}, "already"),
        ({"id_number": "001085000001", "birth_date": "01/01/1986"}, "contradict"),
        ({"birth_date": "31/02/1990"}, "birth_date"),
        ({"phones": ["0241234567"]}, "mobile"),
        ({"phones": [{"number": "0981234501"}]}, "already"),
        ({"phones": [{"carrier": "x"}]}, "carrier"),
        ({"sim": {"pin": "x"}}, "pin"),
        ({"kind": "ghost"}, "kind"),
    ],
)
def test_bad_people_are_refused_with_words(
    client: FlaskClient, fields: dict[str, Any], word: str
) -> None:
    refused = client.post("/people", json=fields)
    assert refused.status_code == 400
    assert refused.json is not None
    assert word in refused.json["error"]


@pytest.mark.parametrize("part", ["usb", "sim"])
def test_a_certificate_may_name_nobody_and_be_out_of_date(client: FlaskClient, part: str) -> None:
    odd = {"holder": "nobody", "state": "expired"}
    asked = {"usb": {"certificates": [odd]}, "sim": odd}[part]

    found = client.post("/people", json={"kind": "citizen", part: asked}).get_json()

    device = found[part]["certificates"][0] if part == "usb" else found[part]["certificate"]
    certificate = x509.load_pem_x509_certificate(device["pem"].encode())
    assert not certificate.subject.get_attributes_for_oid(x509.NameOID.USER_ID)
    assert certificate.not_valid_after_utc < datetime.now(UTC)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("444949 f2-444949 1: mã OTP đăng nhập là 953337, hiệu lực 5 phút.", "953337"),
        ("mã OTP là 953337", "953337"),
        ("số tham chiếu 1234567", None),
        ("", None),
    ],
)
def test_the_code_of_a_message_is_not_taken_from_a_portals_name(
    text: str, code: str | None
) -> None:
    message = Message("1", "+84900000000", text, "DVCQG", datetime(2026, 12, 1, tzinfo=UTC))

    assert message.code == code
