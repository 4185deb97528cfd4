"""What proofs are worth: levels, their fading, and resistance to phishing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from idp import authenticators
from idp.domain.assurance import (
    IAL,
    Achieved,
    Amr,
    Evidence,
    Resistance,
    achieved,
    met,
    wanted_level,
    wanted_resistance,
)
from tests.support.build import NOW
from tests.support.house import outside

USB = Evidence("usb", IAL.HIGH, (Amr.HWK, Amr.PIN, Amr.MFA), NOW)
SIM = Evidence("sim", IAL.HIGH, (Amr.SC, Amr.PIN, Amr.MFA), NOW)
PASSKEY = Evidence("passkey", IAL.MEDIUM, (Amr.HWK, Amr.USER, Amr.MFA), NOW)
SYNCED = Evidence("passkey", IAL.MEDIUM, (Amr.SWK, Amr.USER, Amr.MFA), NOW)
PASSWORD = Evidence("password_otp", IAL.MEDIUM, (Amr.PWD, Amr.SMS, Amr.OTP, Amr.MFA), NOW)


def proven(*evidence: Evidence, account: IAL = IAL.HIGH, minutes: int = 0) -> Achieved:
    return achieved(
        evidence,
        account_ial=account,
        now=NOW + timedelta(minutes=minutes),
        level3_max_age=timedelta(minutes=5),
    )


@pytest.mark.parametrize(
    ("evidence", "resistance"),
    [
        (USB, Resistance.HARDWARE),
        (SIM, Resistance.NONE),
        (PASSKEY, Resistance.PHISHING),
        (SYNCED, Resistance.PHISHING),
        (PASSWORD, Resistance.NONE),
    ],
)
def test_eap_2_only_keys_bound_to_our_origin_resist(
    evidence: Evidence, resistance: Resistance
) -> None:
    assert evidence.resistance is resistance


@pytest.mark.parametrize(
    ("evidence", "asked", "acr"),
    [
        (PASSKEY, "phr", "phr"),
        (PASSKEY, "phrh", None),
        (PASSKEY, "phrh phr", "phr"),
        (PASSKEY, "ial2 phr", "ial2"),
        (PASSKEY, "ial3", None),
        (USB, "phrh", "phrh"),
        (USB, "ial2", "ial3"),
        (SIM, "phr", None),
        (SIM, "phr LoA3", "ial3"),
        (PASSWORD, "", "ial2"),
        (PASSWORD, "something else", "ial2"),
        (PASSWORD, "phr", None),
        (PASSWORD, "phr ial2", "ial2"),
    ],
)
def test_the_first_value_that_is_met_is_the_answer(
    evidence: Evidence, asked: str, acr: str | None
) -> None:
    assert met(proven(evidence), asked.split()) == acr


def test_a_passkey_never_proves_more_than_level_two() -> None:
    assert proven(PASSKEY).ial is IAL.MEDIUM


def test_level_three_fades_and_resistance_stays() -> None:
    later = proven(USB, minutes=6)

    assert later.ial is IAL.MEDIUM
    assert later.resistance is Resistance.HARDWARE


@pytest.mark.parametrize(
    ("asked", "level", "resistance"),
    [
        ("phr", None, Resistance.PHISHING),
        ("phrh", None, Resistance.HARDWARE),
        ("phrh phr", None, Resistance.PHISHING),
        ("phr ial3", IAL.HIGH, Resistance.NONE),
        ("", None, Resistance.NONE),
    ],
)
def test_the_least_of_what_is_asked_for_does(
    asked: str, level: IAL | None, resistance: Resistance
) -> None:
    assert wanted_level(asked.split()) == level
    assert wanted_resistance(asked.split()) is resistance


def test_what_a_method_declares_is_what_its_proofs_withstand() -> None:
    declared = {m.name: m.resists for m in authenticators.build_all(outside())}

    assert {name for name, resists in declared.items() if resists} == {"usb", "passkey"}
    assert declared["usb"] is USB.resistance
    assert declared["passkey"] is PASSKEY.resistance
