"""Signing SIMs on the wire: adapter to sandbox, ETSI TS 102 204 in JSON."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest
from cryptography import x509

from idp.adapters.mssp import MsspAdapter
from idp.config import SignatureFormat, System, Tls
from idp.domain import sim_cms
from idp.domain.errors import PortAnswerInvalid, PortError, PortUnavailable
from idp.domain.sim_signing import is_signed, verification_code
from idp.domain.subjects import PhoneNumber
from idp.ports import (
    CmsDone,
    SignatureDone,
    SignatureFailed,
    SignatureFailure,
    SignaturePending,
)
from tests.contract.conftest import PATIENT, patience
from tests.support.build import TestClock

PHONE = "0981234777"
PERSON = {
    "kind": "citizen",
    "phones": [{"number": PHONE, "carrier": "viettel"}],
    "sim": {"number": PHONE, "carrier": "viettel", "pin": "4711"},
}
DIGEST = hashlib.sha256(b"a question").digest()


@pytest.fixture
def signer(sandbox: str) -> MsspAdapter:
    assert httpx.post(f"{sandbox}/people", json=PERSON).status_code == 201
    return adapter(sandbox)


def adapter(
    url: str,
    key: str = "sandbox-mssp",
    signature_format: SignatureFormat = SignatureFormat.PKCS1,
    timeout: float = PATIENT,
) -> MsspAdapter:
    clock = TestClock()

    def moving() -> Any:
        clock.forward(seconds=0.01)
        return clock()

    return MsspAdapter(
        System(url, key, timeout=timeout),
        Tls(),
        identity="http://idp",
        clock=moving,
        signature_format=signature_format,
    )


def start(signer: MsspAdapter, phone: str = PHONE, seconds: int = 60) -> str | SignatureFailed:
    return signer.start(
        phone=PhoneNumber.parse(phone),
        carrier="viettel",
        digest=DIGEST,
        text="Dang nhap Cong DVCQG. Ma xac nhan 4033",
        seconds=seconds,
        request_id=uuid4(),
    )


def started(signer: MsspAdapter, **changes: Any) -> str:
    found = start(signer, **changes)
    assert isinstance(found, str)
    return found


def tap(sandbox: str, what: str, **fields: str) -> httpx.Response:
    return httpx.post(f"{sandbox}/sim/{PHONE}/{what}", json=fields)


def test_a_confirmed_prompt_is_signed_by_the_sim(sandbox: str, signer: MsspAdapter) -> None:
    transaction = started(signer)
    assert signer.poll(transaction) == SignaturePending()
    shown = httpx.get(f"{sandbox}/sim/{PHONE}", headers={"Accept": "application/json"}).json()
    assert shown[0]["verification_code"] == "4033"

    assert tap(sandbox, "confirm", pin="4711").status_code == 200

    done = signer.poll(transaction)
    assert isinstance(done, SignatureDone)
    assert is_signed(x509.load_der_x509_certificate(done.certificate), DIGEST, done.signature)


def test_a_platform_that_wraps_signatures_as_cms(sandbox: str) -> None:
    assert httpx.post(f"{sandbox}/people", json=PERSON).status_code == 201
    signer = adapter(sandbox, signature_format=SignatureFormat.CMS)
    transaction = started(signer)
    assert tap(sandbox, "confirm", pin="4711").status_code == 200

    done = signer.poll(transaction)

    assert isinstance(done, CmsDone)
    signed = sim_cms.read(done.cms, DIGEST, stored=done.certificate)
    assert signed
    assert signed.is_by(x509.load_der_x509_certificate(signed.certificate))


def test_a_refused_prompt(sandbox: str, signer: MsspAdapter) -> None:
    transaction = started(signer)
    tap(sandbox, "cancel")

    assert signer.poll(transaction) == SignatureFailed(SignatureFailure.USER_CANCELLED)


def test_three_wrong_pins_lock_the_sim(sandbox: str, signer: MsspAdapter) -> None:
    transaction = started(signer)

    codes = [tap(sandbox, "confirm", pin="0000").status_code for _ in range(3)]

    assert codes == [403, 403, 423]
    assert signer.poll(transaction) == SignatureFailed(SignatureFailure.PIN_BLOCKED)
    assert start(signer) == SignatureFailed(SignatureFailure.PIN_BLOCKED)


def test_a_second_prompt_is_busy(signer: MsspAdapter) -> None:
    started(signer)

    assert start(signer) == SignatureFailed(SignatureFailure.BUSY)


def test_a_prompt_that_nobody_answers_expires(signer: MsspAdapter) -> None:
    transaction = started(signer, seconds=0)

    assert signer.poll(transaction) == SignatureFailed(SignatureFailure.EXPIRED)


def test_a_phone_without_a_signing_sim(signer: MsspAdapter) -> None:
    failed = SignatureFailed(SignatureFailure.UNKNOWN_SUBSCRIBER)

    assert start(signer, "0912345678") == failed


@pytest.mark.parametrize(
    ("mode", "error"),
    [("down", PortUnavailable), ("error", PortUnavailable), ("slow", PortUnavailable),
     ("garbage", PortAnswerInvalid)],
)  # fmt: skip
def test_a_failing_platform_is_a_port_error(
    sandbox: str, mode: str, error: type[PortError]
) -> None:
    httpx.post(f"{sandbox}/faults", json={"system": "mssp", "mode": mode, "seconds": 30})

    with pytest.raises(error):
        start(adapter(sandbox, timeout=patience(mode)))


def test_a_wrong_key_is_a_port_error(sandbox: str) -> None:
    with pytest.raises(PortUnavailable):
        start(adapter(sandbox, "wrong"))


def test_the_verification_code_is_that_of_mobile_id() -> None:
    digest = bytes.fromhex("2f665f6a6999e0ef0752e00ec9f453adf59d8cb6" + "0" * 22 + "b6")
    vector = bytes([0x2F]) + digest[1:-1] + bytes([0xB6])

    assert verification_code(vector) == "1462"
    assert verification_code(bytes(32)) == "0000"
    assert verification_code(b"\xff" * 32) == "8191"
