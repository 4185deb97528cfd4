"""Levels and resistance to phishing, computed from evidence (design: the only maker of acr)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from idp.domain.assurance import (
    IAL,
    Achieved,
    Amr,
    Evidence,
    Resistance,
    achieved,
    acr_of,
    satisfies,
    wanted_level,
    wanted_resistance,
)
from tests.support.build import NOW

FIVE_MINUTES = timedelta(minutes=5)
SMS = Evidence("password_otp", IAL.MEDIUM, (Amr.PWD, Amr.SMS, Amr.OTP, Amr.MFA), NOW)
SIM = Evidence("sim", IAL.HIGH, (Amr.SC, Amr.PIN, Amr.MFA), NOW)
USB = Evidence("usb", IAL.HIGH, (Amr.HWK, Amr.PIN, Amr.MFA), NOW)
PASSKEY = Evidence("passkey", IAL.MEDIUM, (Amr.HWK, Amr.MFA), NOW)


def proven(*evidence: Evidence, minutes: int = 0, account: IAL = IAL.HIGH) -> Achieved:
    now = NOW + timedelta(minutes=minutes)
    return achieved(evidence, account_ial=account, now=now, level3_max_age=FIVE_MINUTES)


@pytest.mark.parametrize(
    ("evidence", "resistance"),
    [
        ((SMS,), Resistance.NONE),
        ((SIM,), Resistance.NONE),
        ((PASSKEY,), Resistance.PHISHING),
        ((USB,), Resistance.HARDWARE),
        ((SMS, SIM), Resistance.NONE),
        ((SMS, PASSKEY), Resistance.PHISHING),
        ((PASSKEY, SIM), Resistance.PHISHING),
    ],
)
def test_eap_acr_only_a_challenge_bound_to_our_origin_resists_phishing(
    evidence: tuple[Evidence, ...], resistance: Resistance
) -> None:
    assert proven(*evidence).resistance is resistance


def test_a_sim_beside_a_passkey_does_not_make_the_passkey_hardware() -> None:
    assert acr_of(proven(PASSKEY, SIM), ("phrh",)) == "ial3"


def test_hardware_fades_with_level_three() -> None:
    assert proven(USB, minutes=4).resistance is Resistance.HARDWARE
    assert proven(USB, minutes=6).resistance is Resistance.PHISHING


@pytest.mark.parametrize(
    ("evidence", "acr_values", "acr"),
    [
        (SMS, (), "ial2"),
        (SMS, ("phr",), "ial2"),
        (SIM, ("phr", "ial2"), "ial3"),
        (PASSKEY, ("phr",), "phr"),
        (PASSKEY, ("phr", "phrh"), "phr"),
        (PASSKEY, ("ial2", "phr"), "phr"),
        (PASSKEY, ("ial2",), "ial2"),
        (USB, ("phr",), "phr"),
        (USB, ("phr", "phrh"), "phrh"),
        (USB, ("phr", "ial3"), "ial3"),
        (USB, ("ial2",), "ial3"),
        (USB, ("LoA1",), "ial3"),
        (USB, ("unknown",), "ial3"),
        (USB, (), "ial3"),
    ],
)
def test_acr_is_the_highest_value_asked_for_that_was_met(
    evidence: Evidence, acr_values: tuple[str, ...], acr: str
) -> None:
    assert acr_of(proven(evidence), acr_values) == acr


def test_acr_is_never_copied_from_the_account() -> None:
    assert acr_of(proven(SMS, account=IAL.HIGH), ("ial3", "phrh")) == "ial2"
    assert acr_of(proven(USB, account=IAL.MEDIUM), ("ial3",)) == "ial2"


@pytest.mark.parametrize(
    ("evidence", "acr_values", "is_met"),
    [
        (SMS, (), True),
        (SMS, ("unknown",), True),
        (SMS, ("phr",), False),
        (SMS, ("phr", "ial2"), True),
        (SMS, ("ial3", "phr"), False),
        (PASSKEY, ("ial3", "phr"), True),
        (PASSKEY, ("phrh",), False),
        (USB, ("phrh",), True),
    ],
)
def test_core_3_1_2_1_one_of_the_values_is_enough(
    evidence: Evidence, acr_values: tuple[str, ...], *, is_met: bool
) -> None:
    assert satisfies(proven(evidence), acr_values) is is_met


@pytest.mark.parametrize(
    ("acr_values", "level", "resistance"),
    [
        ((), None, Resistance.NONE),
        (("phr",), None, Resistance.PHISHING),
        (("phrh",), None, Resistance.HARDWARE),
        (("phrh", "phr"), None, Resistance.PHISHING),
        (("phr", "ial3"), IAL.HIGH, Resistance.NONE),
        (("x" * 5000,), None, Resistance.NONE),
    ],
)
def test_what_a_sign_in_has_to_reach_is_the_least_of_what_was_asked_for(
    acr_values: tuple[str, ...], level: IAL | None, resistance: Resistance
) -> None:
    assert wanted_level(acr_values) == level
    assert wanted_resistance(acr_values) is resistance
