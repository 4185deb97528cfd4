"""The insurance database's contract, on the fake and on adapter-to-sandbox."""

from __future__ import annotations

from uuid import uuid4

import httpx2 as httpx
import pytest

from idp.adapters.bhxh import InsuranceAdapter
from idp.config import System, Tls
from idp.domain.errors import PortAnswerInvalid, PortError, PortUnavailable
from idp.domain.subjects import BirthDate, IdNumber, InsuranceCode
from idp.ports import SocialInsuranceRegistry
from tests.contract.conftest import PATIENT, patience
from tests.support.house import MemoryInsurance

PERSON = {
    "kind": "citizen",
    "id_number": "001072000136",
    "cmnd": "012345678",
    "full_name": "Nguyễn Văn Hòa",
    "birth_date": "01/02/1972",
    "bhxh_code": "0110012345",
}
CODE = InsuranceCode("0110012345")


def adapter(url: str, key: str = "sandbox-bhxh", timeout: float = PATIENT) -> InsuranceAdapter:
    return InsuranceAdapter(System(url, key, timeout=timeout), Tls())


@pytest.fixture(params=["fake", "sandbox"])
def registry(request: pytest.FixtureRequest) -> SocialInsuranceRegistry:
    if request.param == "fake":
        fake = MemoryInsurance()
        fake.add(
            CODE.value,
            "001072000136",
            "012345678",
            name="Nguyễn Văn Hòa",
            birth_date="1972-02-01",
        )
        return fake
    url: str = request.getfixturevalue("sandbox")
    assert httpx.post(f"{url}/people", json=PERSON).status_code == 201
    return adapter(url)


def test_a_code_has_a_record_with_every_number(registry: SocialInsuranceRegistry) -> None:
    record = registry.find_insured(code=CODE, request_id=uuid4())

    assert record
    assert record.id_numbers == (IdNumber.parse("001072000136"), IdNumber.parse("012345678"))
    assert record.birth_date == BirthDate(1972, 2, 1)


def test_an_unknown_code_has_none(registry: SocialInsuranceRegistry) -> None:
    assert registry.find_insured(code=InsuranceCode("9999999999"), request_id=uuid4()) is None


@pytest.mark.parametrize(
    ("mode", "error"),
    [("down", PortUnavailable), ("error", PortUnavailable), ("slow", PortUnavailable),
     ("garbage", PortAnswerInvalid)],
)  # fmt: skip
def test_a_failing_database_is_a_port_error(
    sandbox: str, mode: str, error: type[PortError]
) -> None:
    httpx.post(f"{sandbox}/faults", json={"system": "bhxh", "mode": mode, "seconds": 30})

    with pytest.raises(error):
        adapter(sandbox, timeout=patience(mode)).find_insured(code=CODE, request_id=uuid4())


def test_a_wrong_key_is_a_port_error(sandbox: str) -> None:
    with pytest.raises(PortUnavailable):
        adapter(sandbox, "wrong").find_insured(code=CODE, request_id=uuid4())
