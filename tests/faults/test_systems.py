"""Every outside system down, slow, in error, talking garbage: walked through the pages.

Each time: the answer comes in bounded time and says honestly what is wrong, what was typed is
there, the other ways are still offered, and the same page leads on once the system is back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import httpx2 as httpx
import pytest

from tests.faults.conftest import somebody
from tests.faults.installation import Installation, running
from tests.faults.visitor import PASSWORD, Prepared, Visitor

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(300)]
MODES = ("down", "slow", "error", "garbage")
BOUNDED = 10.0
"""Seconds: a time-out of 3 s, 5 s for phones, and a busy machine."""
OPEN_SECONDS = 12.0
"""How long a breaker stays open, and a little more."""


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("systems")
    with running(folder, f"sqlite:///{folder / 'idp.sqlite'}") as installation:
        yield installation


def sends_in_time(visitor: Visitor, form: Prepared) -> httpx.Response:
    started = time.monotonic()
    answer = visitor.post(form)
    assert time.monotonic() - started < BOUNDED
    if answer.status_code >= 500:  # somebody else's fault, and said so
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    return answer


def sends_until(visitor: Visitor, again: Callable[[], object], text: str) -> None:
    """The system is back: at the latest when its breaker closes, the same step leads on."""
    started = time.monotonic()
    while time.monotonic() - started < OPEN_SECONDS:
        again()
        if text in visitor.text:
            return
        time.sleep(1)
    raise AssertionError(visitor.text)


def offers_the_other_ways(visitor: Visitor) -> None:
    other = Visitor(visitor.at, visitor.person)
    other.get("/register")
    for tile in ("Thuê bao di động", "Bảo hiểm xã hội", "SIM ký số", "USB ký số"):
        assert tile in other.text
    other.submit(method="usb")
    assert "USB" in other.text


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("system", "method"), [("carrier", "mobile"), ("bhxh", "bhxh")])
def test_a_registry_that_fails_is_told_and_the_form_is_sent_again(
    at: Installation, system: str, method: str, mode: str
) -> None:
    visitor = somebody(at)
    visitor.get("/register")
    visitor.submit(method=method)
    more = {"insurance_code": visitor.person["bhxh_code"]} if method == "bhxh" else {}
    form = visitor.prepare(**visitor.fields(), **more)

    with at.fault(system, mode):
        assert sends_in_time(visitor, form).status_code == 503

        assert "tạm thời không phản hồi" in visitor.text
        for typed in (visitor.number, visitor.phone, str(visitor.person["full_name"])):
            assert typed.replace("'", "&#39;") in visitor.text
        offers_the_other_ways(visitor)
    sends_until(visitor, lambda: visitor.post(form), "one-time-code")


@pytest.mark.parametrize("mode", MODES)
def test_a_message_gateway_that_fails_is_told_and_the_code_comes_when_it_is_back(
    at: Installation, mode: str
) -> None:
    visitor = somebody(at)
    visitor.opens_form()
    with at.fault("sms", mode):
        # Another process may not know yet that the carrier of the test before is back.
        form = visitor.prepare(**visitor.fields())
        sends_until(visitor, lambda: visitor.post(form), "one-time-code")
        path = visitor.path
        sends_until(visitor, lambda: visitor.get(path), "Hệ thống tin nhắn tạm thời không")
        offers_the_other_ways(visitor)

    visitor.submit(code=at.code(visitor.phone))

    assert 'name="password_again"' in visitor.text
    assert len(at.messages(visitor.phone)) == 1


def asks_for_a_signature(visitor: Visitor) -> Prepared:
    visitor.get("/register")
    visitor.submit(method="sim")
    sim = visitor.person["sim"]
    fields = {"carrier": sim["carrier"], "phone": sim["number"], "captcha": "12345"}
    return visitor.prepare(**fields)


def somebody_with_a_sim(at: Installation) -> Visitor:
    return Visitor(at, at.person(phones=[{"carrier": "viettel"}], sim=True))


def signs(visitor: Visitor) -> None:
    sim = visitor.person["sim"]
    address = f"{visitor.at.sandbox}/sim/{sim['number']}/confirm"
    assert httpx.post(address, json={"pin": sim["pin"]}, timeout=20).status_code == 200


@pytest.mark.parametrize("mode", MODES)
def test_a_signature_platform_that_fails_at_once_is_told_and_asked_again(
    at: Installation, mode: str
) -> None:
    visitor = somebody_with_a_sim(at)
    form = asks_for_a_signature(visitor)

    with at.fault("mssp", mode):
        assert sends_in_time(visitor, form).status_code == 503

        assert "tạm thời không phản hồi" in visitor.text
        assert str(visitor.person["sim"]["number"]) in visitor.text
        offers_the_other_ways(visitor)
    sends_until(visitor, lambda: visitor.post(form), "Xác nhận trên điện thoại")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("system", "text"),
    [("mssp", "tạm thời không phản hồi"), ("ocsp", "chưa kiểm tra được chứng thư số")],
)
def test_who_fails_while_a_phone_signs_is_told_and_the_signature_is_not_lost(
    at: Installation, system: str, text: str, mode: str
) -> None:
    visitor = somebody_with_a_sim(at)
    visitor.post(asks_for_a_signature(visitor))
    here = visitor.path
    signs(visitor)

    with at.fault(system, mode):
        time.sleep(1.1)
        started = time.monotonic()
        visitor.get(f"{here}/poll")
        assert time.monotonic() - started < BOUNDED
        assert text in visitor.text
    sends_until(visitor, lambda: visitor.get(f"{here}/poll"), "Chào mừng bạn")


@pytest.mark.parametrize("mode", MODES)
def test_a_post_office_that_fails_keeps_nobody_from_activating(at: Installation, mode: str) -> None:
    visitor = somebody(at)
    issued = httpx.post(f"{at.sandbox}/vnpost/issue", json={"person": visitor.number})
    assert issued.status_code < 300, issued.text
    with at.fault("vnpost", mode):
        visitor.get("/register")
        visitor.submit(method="vnpost")
        code = issued.json()["activation_code"]
        sends_in_time(
            visitor, visitor.prepare(username=visitor.number, activation_code=code, captcha="12345")
        )
        assert "one-time-code" in visitor.text, visitor.text


@pytest.mark.parametrize("mode", ["down", "slow"])
def test_a_mail_relay_that_fails_delays_letters_and_loses_none(at: Installation, mode: str) -> None:
    visitor = somebody(at)
    visitor.registers()
    visitor.signs_in()
    with at.fault("mail", mode):
        visitor.get("/account/edit")
        address = f"moi-{mode}@example.vn"
        sends_in_time(visitor, visitor.prepare(phone=visitor.phone, email=address))
        assert address in visitor.text
        assert httpx.get(f"{at.sandbox}/mail", params={"to": address}).json() == []

    for _ in range(300):
        letters = httpx.get(
            f"{at.sandbox}/mail", params={"to": address}, headers={"Accept": "application/json"}
        ).json()
        if letters:
            break
        time.sleep(0.1)
    assert len(letters) == 1


def test_a_registry_that_always_fails_is_spared_and_people_are_answered_at_once(
    at: Installation,
) -> None:
    """The breaker: after five failures in a process nobody waits for its time-out."""
    with at.fault("carrier", "slow"):
        quick = 0
        for _ in range(14):
            visitor = somebody(at)
            visitor.opens_form()
            started = time.monotonic()
            visitor.submit(**visitor.fields())
            quick = quick + 1 if time.monotonic() - started < 2 else 0
            if quick == 2:
                break

    assert quick == 2
    assert "tạm thời không phản hồi" in visitor.text
    assert PASSWORD not in visitor.text
