"""Passkeys (Web Authentication Level 3, 7.1 and 7.2): what is believed, and what is not."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from idp.authenticators import passkey
from idp.authenticators.contract import (
    AskSignature,
    Claimed,
    Continue,
    Enrolled,
    Filled,
    Poll,
    Refused,
    Signed,
    Verified,
)
from idp.domain.accounts import Account, AccountStatus, Key
from idp.domain.assurance import IAL, Amr
from idp.domain.subjects import SubjectKind
from tests.support.build import NOW
from tests.support.passkeys import ORIGIN, PRESENT, VERIFIED, Passkey

METHOD = passkey.build(ORIGIN, ORIGIN)
ACCOUNT = Account(UUID(int=1), SubjectKind.CITIZEN, AccountStatus.ACTIVE, IAL.MEDIUM, None, ())
WRONG = Refused("passkey_wrong")


def asked_to_enrol() -> Continue:
    assert METHOD.enrolment
    return METHOD.enrolment.start(ACCOUNT, name="Hoà", now=NOW)


def enrols(device: Passkey, **lies: Any) -> object:
    asked = asked_to_enrol()
    assert METHOD.enrolment
    reply = Signed(device.makes(asked.state["nonce"], **lies))
    return METHOD.enrolment.resume(ACCOUNT, asked.state, reply, now=NOW)


def owner(device: Passkey) -> Account:
    enrolled = enrols(device)
    assert isinstance(enrolled, Enrolled)
    key = Key(enrolled.credential.key, enrolled.credential.kept)
    return replace(ACCOUNT, keys=(key,))


def challenged() -> Continue:
    assert METHOD.login
    started = METHOD.login.resume(None, {}, Filled({}), now=NOW)
    assert isinstance(started, Continue)
    return started


def signs_in(device: Passkey, account: Account, **lies: Any) -> object:
    asked = challenged()
    assert METHOD.login
    reply = Signed(device.signs(asked.state["nonce"], **lies))
    return METHOD.login.resume(account, asked.state, reply, now=NOW)


def test_webauthn_5_4_the_browser_is_asked_for_a_verified_user_and_a_discoverable_key() -> None:
    screen = asked_to_enrol().screen
    assert isinstance(screen, AskSignature)
    options = json.loads(screen.options)

    assert options["rp"]["id"] == "localhost"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert "001072000136" not in screen.options


def test_webauthn_5_4_7_keys_that_are_there_are_not_made_again() -> None:
    device = Passkey()
    assert METHOD.enrolment

    screen = METHOD.enrolment.start(owner(device), name="Hoà", now=NOW).screen

    assert isinstance(screen, AskSignature)
    excluded = json.loads(screen.options)["excludeCredentials"]
    assert [each["id"] for each in excluded] == [device.name]


def test_an_enrolled_passkey_signs_in_at_level_two() -> None:
    device = Passkey()

    verdict = signs_in(device, owner(device))

    assert isinstance(verdict, Verified)
    assert verdict.evidence.ial is IAL.MEDIUM
    assert verdict.evidence.amr == (Amr.HWK, Amr.USER, Amr.MFA)


def test_a_synced_passkey_is_a_key_in_software() -> None:
    device = Passkey(synced=True)

    verdict = signs_in(device, owner(device))

    assert isinstance(verdict, Verified)
    assert verdict.evidence.amr == (Amr.SWK, Amr.USER, Amr.MFA)


@pytest.mark.parametrize(
    "lies",
    [
        {"origin": "https://dichvucong.example.com"},
        {"origin": "http://localhost:8001"},
        {"type_": "webauthn.create"},
        {"type_": "payment.get"},
    ],
)
def test_webauthn_7_2_another_origin_or_ceremony_is_refused(lies: dict[str, str]) -> None:
    device = Passkey()

    assert signs_in(device, owner(device), **lies) == WRONG


@pytest.mark.parametrize(
    "lies", [{"origin": "https://dichvucong.example.com"}, {"type_": "webauthn.get"}]
)
def test_webauthn_7_1_another_origin_or_ceremony_enrols_nothing(lies: dict[str, str]) -> None:
    assert enrols(Passkey(), **lies) == WRONG


@pytest.mark.parametrize("flags", [0, PRESENT, VERIFIED])
def test_webauthn_7_1_a_user_who_was_not_verified_enrols_nothing(flags: int) -> None:
    assert enrols(Passkey(flags=flags)) == WRONG


def test_webauthn_7_2_a_user_who_was_not_verified_is_refused() -> None:
    device = Passkey()
    account = owner(device)
    device.flags = PRESENT

    assert signs_in(device, account) == WRONG


def test_webauthn_7_2_a_key_of_another_site_is_refused() -> None:
    device = Passkey()
    account = owner(device)
    device.rp_id = "example.com"

    assert signs_in(device, account) == WRONG


def test_webauthn_7_2_another_challenge_is_refused() -> None:
    device = Passkey()
    account, asked = owner(device), challenged()
    assert METHOD.login
    reply = Signed(device.signs(challenged().state["nonce"]))

    assert METHOD.login.resume(account, asked.state, reply, now=NOW) == WRONG


def test_a_challenge_dies_after_five_minutes() -> None:
    device = Passkey()
    account, asked = owner(device), challenged()
    assert METHOD.login
    reply = Signed(device.signs(asked.state["nonce"]))

    late = METHOD.login.resume(account, asked.state, reply, now=NOW + timedelta(minutes=6))

    assert late == Refused("signature_late")


def test_without_a_challenge_nothing_is_believed() -> None:
    device = Passkey()
    account = owner(device)
    assert METHOD.login

    verdict = METHOD.login.resume(account, {}, Signed(device.signs("AAAA")), now=NOW)

    assert verdict == Refused("signature_late")


def test_the_key_of_another_person_does_not_stand_for_ones_own() -> None:
    mine, theirs = Passkey(), Passkey()
    account = owner(mine)
    theirs.id = mine.id

    assert signs_in(theirs, account) == WRONG
    assert signs_in(Passkey(), account) == WRONG


def test_which_passkey_answered_is_only_a_claim() -> None:
    device = Passkey()
    assert METHOD.login

    claimed = METHOD.login.resume(None, {}, Signed(device.signs("AAAA")), now=NOW)

    assert claimed == Claimed(device.name, "passkey_wrong")


HOSTILE = (
    "",
    "null",
    "[]",
    "7",
    "{",
    "[" * 7000,
    '{"a":' * 1400,
    '{"id":"\\ud800"}',
    '{"id":"a b"}',
    '{"id":{}}',
    json.dumps({"id": "A" * 3000}),
    "\x00",
)


@pytest.mark.parametrize("token", HOSTILE)
def test_hostile_answers_claim_nothing(token: str) -> None:
    assert METHOD.login

    assert METHOD.login.resume(None, {}, Signed(token), now=NOW) == WRONG


def spoiled(token: str) -> list[str]:
    """The same answer with each part missing, of another type, cut or changed."""
    found = json.loads(token)
    answers = []
    for name, part in found["response"].items():
        for worse in (
            *(None, 7, [], {}, "", "A", "!!!!", "\ud800", part[:-8], part[:8], "_" * 4000),
            "n5-fn5-fn5-fn5-fn5-fn5-fn5-f" * 200,
            "gYGBgYGBgYGBgYGB" * 300,
            "o2NmbXQ",
        ):
            response = {**found["response"], name: worse}
            answers += [json.dumps({**found, "response": response})]
    answers += [json.dumps({**found, name: worse}) for name in found for worse in (None, 7, [], "")]
    return answers


def test_spoiled_answers_sign_nobody_in() -> None:
    device = Passkey()
    account, asked = owner(device), challenged()
    assert METHOD.login
    for token in spoiled(device.signs(asked.state["nonce"])):
        verdict = METHOD.login.resume(account, asked.state, Signed(token), now=NOW)
        if isinstance(verdict, Verified):
            # Only what is not signed may have changed.
            assert json.loads(token)["clientExtensionResults"] != {}
        else:
            assert verdict == WRONG, token


def test_spoiled_answers_enrol_nothing() -> None:
    asked = asked_to_enrol()
    assert METHOD.enrolment
    for token in (*HOSTILE, *spoiled(Passkey().makes(asked.state["nonce"]))):
        verdict = METHOD.enrolment.resume(ACCOUNT, asked.state, Signed(token), now=NOW)
        if isinstance(verdict, Enrolled):
            assert json.loads(token)["clientExtensionResults"] != {}
        else:
            assert verdict == WRONG, token


def test_other_replies_are_no_passkey() -> None:
    assert METHOD.login
    assert METHOD.enrolment

    assert METHOD.login.resume(None, {}, Poll(), now=NOW) == WRONG
    assert (
        METHOD.enrolment.resume(ACCOUNT, asked_to_enrol().state, Filled({"token": "x"}), now=NOW)
        == WRONG
    )
