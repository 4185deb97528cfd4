"""The worker asks about bound certificates: a revoked one ends its proof unused (S6)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography import x509

from idp import app as application
from idp.authenticators.certificate_form import Certified
from idp.domain import holders
from idp.domain.assurance import IAL
from idp.flows.watching import Watch
from idp.ports import Good, Revocation, Revoked, Unknown
from idp.storage.accounts import AccountStore
from idp.storage.checks import CheckStore
from idp.storage.levels import LevelStore
from idp.storage.ways_in import NOT_KNOWN
from tests.journeys.test_sim import CCCD, certificate, registers
from tests.support.build import NOW, VAULT, evidence
from tests.support.house import House
from tests.support.pki import pki

DAY = 86400


def watch(house: House, **settings: int) -> Watch:
    return Watch(
        house.database,
        CheckStore(house.database, VAULT),
        LevelStore(house.database, VAULT, NOT_KNOWN),
        application.account_flow(house.base).notices,
        pki().store(),
        house.status,
        replace(house.base.config.signing_tool, **settings),
    )


@pytest.fixture
def leaf(house: House) -> x509.Certificate:
    """A certificate that opens an account, bound a day ago."""
    made = certificate(serial=4711)
    page = registers(house.browser(), made)
    assert "Đăng ký thành công" in page.text
    house.status.asked = 0
    house.clock.forward(seconds=DAY + 1)
    house.forget_messages()
    return made


def level(house: House) -> IAL:
    found = AccountStore(house.database, VAULT).find_by_id_number(CCCD)
    assert found
    return found.ial


def test_a_revoked_certificate_ends_credential_and_level_and_its_owner_is_told(
    house: House, leaf: x509.Certificate
) -> None:
    house.status.states[leaf.serial_number] = Revoked(NOW)

    ended = watch(house).turn(now=house.clock())

    assert (ended, level(house)) == (1, IAL.MEDIUM)
    assert watch(house).turn(now=house.clock()) == 0


def test_the_owner_of_a_revoked_certificate_is_told_on_every_channel(house: House) -> None:
    house.browser().registers()
    bind(house, certificate(serial=4713))
    house.clock.forward(seconds=DAY + 1)
    house.forget_messages()
    house.status.states[4713] = Revoked(datetime(2026, 3, 11, 17, 30, tzinfo=UTC))

    watch(house).turn(now=house.clock())

    [message] = house.messages()
    assert message["to"] == "+84821234088"
    assert "not-me" in message["text"]
    revoked = "chứng thư số SIM ký số đã bị thu hồi ngày 12/03/2026 (CA: NEWTEL-CA v2)"
    assert revoked in message["text"]
    assert level(house) is IAL.MEDIUM


def bind(house: House, leaf: x509.Certificate) -> None:
    """Add it to the account of its holder, as the page of methods does."""
    path = pki().store().prove(leaf, now=house.clock())
    credential = Certified(path, holders.read(path)).credential("sim")
    proof = evidence(method="sim", ial=IAL.HIGH, at=house.clock())
    account = AccountStore(house.database, VAULT).find_by_id_number(CCCD)
    assert account
    with house.database.transaction() as connection:
        levels = LevelStore(house.database, VAULT, NOT_KNOWN)
        levels.bind(connection, account.id, credential, proof, now=house.clock())
    assert level(house) is IAL.HIGH


@pytest.mark.parametrize("state", [Good(), Unknown()])
def test_a_certificate_that_is_not_revoked_stays(
    house: House, leaf: x509.Certificate, state: Revocation
) -> None:
    house.status.states[leaf.serial_number] = state

    assert watch(house).turn(now=house.clock()) == 0
    assert level(house) is IAL.HIGH


def test_each_is_asked_about_once_in_the_time_that_is_set(
    house: House, leaf: x509.Certificate
) -> None:
    del leaf
    for seconds, asked in ((0, 1), (0, 1), (DAY - 2, 1), (2, 2)):
        house.clock.forward(seconds=seconds)
        watch(house).turn(now=house.clock())
        assert house.status.asked == asked


def test_a_fresh_binding_is_not_asked_about_at_once(house: House) -> None:
    registers(house.browser(), certificate(serial=4712))
    house.status.asked = 0

    watch(house).turn(now=house.clock())

    assert house.status.asked == 0


def test_a_ca_that_is_silent_ends_nothing_and_is_asked_again_sooner(
    house: House, leaf: x509.Certificate
) -> None:
    house.status.is_down = True
    house.status.states[leaf.serial_number] = Revoked(NOW)
    assert watch(house).turn(now=house.clock()) == 0
    assert level(house) is IAL.HIGH
    house.status.is_down = False

    assert watch(house).turn(now=house.clock()) == 0
    house.clock.forward(seconds=DAY * 3 // 4 + 1)
    assert watch(house).turn(now=house.clock()) == 1


def test_many_workers_ask_about_a_certificate_once(house: House, leaf: x509.Certificate) -> None:
    house.status.states[leaf.serial_number] = Revoked(NOW)
    watches = [watch(house) for _ in range(8)]

    with ThreadPoolExecutor(8) as pool:
        ended = list(pool.map(lambda each: each.turn(now=house.clock()), watches))

    assert (sum(ended), house.status.asked) == (1, 1)


def test_a_turn_is_bounded_and_may_be_switched_off(house: House, leaf: x509.Certificate) -> None:
    del leaf
    assert watch(house, recheck_batch=0).turn(now=house.clock()) == 0
    assert house.status.asked == 0


def test_a_ca_that_is_trusted_no_more_is_not_asked(house: House, leaf: x509.Certificate) -> None:
    del leaf
    stranger = replace(watch(house), trust=type(pki().store())([]))

    assert stranger.turn(now=house.clock()) == 0
    assert house.status.asked == 0
