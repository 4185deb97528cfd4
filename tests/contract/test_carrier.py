"""The carrier's contract, on the fake and on adapter-to-sandbox."""

from __future__ import annotations

from uuid import uuid4

import httpx2 as httpx
import pytest

from idp.adapters.carrier import CarrierAdapter
from idp.adapters.http import Breaker
from idp.adapters.sms import SmsAdapter
from idp.config import System, Tls
from idp.domain.errors import PortAnswerInvalid, PortError, PortUnavailable
from idp.domain.subjects import BirthDate, IdNumber, PersonName, PhoneNumber
from idp.ports import SubscriberRecord, SubscriberRegistry
from tests.contract.conftest import PATIENT, patience
from tests.support.house import MemoryCarrier

PERSON = {
    "kind": "citizen",
    "id_number": "001072000136",
    "full_name": "Nguyễn Văn Hòa",
    "birth_date": "01/02/1972",
    "sex": "male",
    "phones": [{"number": "0821234088", "carrier": "vinaphone"}],
}
PHONE = PhoneNumber.parse("0821234088")


def adapter(url: str, timeout: float = PATIENT) -> CarrierAdapter:
    return CarrierAdapter(System(url, "sandbox-carrier", timeout=timeout), Tls())


@pytest.fixture(params=["fake", "sandbox"])
def registry(request: pytest.FixtureRequest) -> SubscriberRegistry:
    if request.param == "fake":
        fake = MemoryCarrier()
        fake.add("0821234088", "001072000136", name="Nguyễn Văn Hòa", birth_date="01/02/1972")
        return fake
    url: str = request.getfixturevalue("sandbox")
    assert httpx.post(f"{url}/people", json=PERSON).status_code == 201
    return adapter(url)


def ask(registry: SubscriberRegistry, number: str = "001072000136") -> SubscriberRecord | None:
    return registry.find_subscriber(
        phone=PHONE,
        id_number=IdNumber.parse(number),
        name=PersonName.parse("Nguyễn Văn Hoà"),
        birth_date=BirthDate.parse("01/02/1972"),
        request_id=uuid4(),
    )


def test_owner_of_a_number_is_found(registry: SubscriberRegistry) -> None:
    record = ask(registry)

    assert record
    assert record.name.display == "Nguyễn Văn Hòa"
    assert record.birth_date == BirthDate(1972, 2, 1)
    assert record.carrier == "vinaphone"


def test_somebody_else_is_not_found(registry: SubscriberRegistry) -> None:
    assert ask(registry, "079199000001") is None


@pytest.mark.parametrize(
    ("mode", "error"),
    [("down", PortUnavailable), ("error", PortUnavailable), ("slow", PortUnavailable),
     ("garbage", PortAnswerInvalid)],
)  # fmt: skip
def test_a_failing_system_is_a_port_error(sandbox: str, mode: str, error: type[PortError]) -> None:
    httpx.post(f"{sandbox}/faults", json={"system": "carrier", "mode": mode, "seconds": 30})

    with pytest.raises(error):
        ask(adapter(sandbox, patience(mode)))


def test_a_wrong_key_is_a_port_error(sandbox: str) -> None:
    wrong = CarrierAdapter(System(sandbox, "wrong"), Tls())

    with pytest.raises(PortUnavailable):
        ask(wrong)


def test_breaker_opens_after_five_failures_and_tries_again_later() -> None:
    now = [0.0]
    breaker = Breaker(lambda: now[0])
    for _ in range(5):
        assert not breaker.is_open()
        breaker.note(is_success=False)

    assert breaker.is_open()
    now[0] = 11
    assert not breaker.is_open()
    breaker.note(is_success=True)
    assert not breaker.is_open()


def test_message_is_delivered_once_per_key(sandbox: str) -> None:
    gateway = SmsAdapter(System(sandbox, "sandbox-sms"), Tls(), sender="DVCQG")

    ids = {gateway.send(to=PHONE, text="Mã 123456", idempotency_key="k") for _ in range(3)}

    assert len(ids) == 1
    inbox = httpx.get(
        f"{sandbox}/sms", params={"to": "0821234088"}, headers={"Accept": "application/json"}
    ).json()
    assert [message["code"] for message in inbox] == ["123456"]
