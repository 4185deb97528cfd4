"""PKCE (RFC 7636): S256 only, and no way around it."""

from __future__ import annotations

import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from tests.support.house import House, PortalClient, add_portal, answer_of
from tests.support.portal_kit import Visitor

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""Appendix B."""


@pytest.fixture(scope="module")
def portal(shared: House, visitor: Visitor) -> PortalClient:
    visitor.agrees("pkce")
    return add_portal(shared, "pkce")


@pytest.fixture(scope="module")
def lenient(shared: House, visitor: Visitor) -> PortalClient:
    """A portal with a secret that may leave PKCE out."""
    visitor.agrees("lenient")
    return add_portal(shared, "lenient", require_pkce=False)


def code(portal: PortalClient, visitor: Visitor, **changes: str | None) -> str:
    return answer_of(visitor.client.get(portal.request(**changes)))["code"]


def test_rfc7636_b_the_example_of_the_rfc_is_redeemed(
    portal: PortalClient, visitor: Visitor
) -> None:
    found = code(portal, visitor, code_challenge=CHALLENGE)

    assert portal.redeems(found, code_verifier=VERIFIER).status_code == 200


def test_rfc7636_4_6_another_verifier_is_invalid_grant(
    portal: PortalClient, visitor: Visitor
) -> None:
    found = code(portal, visitor, code_challenge=CHALLENGE)

    answer = portal.redeems(found, code_verifier=VERIFIER[:-1] + "l")

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "verifier",
    ["", "x", "a" * 42, "a" * 129, CHALLENGE, f"{VERIFIER} ", f" {VERIFIER}", f"{VERIFIER}=",
     VERIFIER[:-1] + "é", VERIFIER[:-1] + "\0", f"{VERIFIER}\n", "a" * 60000],
    ids=lambda text: repr(text[-5:]),
)  # fmt: skip
def test_rfc7636_4_1_a_malformed_verifier_is_invalid_grant(
    portal: PortalClient, visitor: Visitor, verifier: str
) -> None:
    found = code(portal, visitor, code_challenge=CHALLENGE)

    answer = portal.redeems(found, code_verifier=verifier)

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("length", [43, 128])
def test_rfc7636_4_1_the_shortest_and_the_longest_verifier(
    portal: PortalClient, visitor: Visitor, length: int
) -> None:
    verifier = "~._-" + "a" * (length - 4)
    found = code(portal, visitor, code_challenge=create_s256_code_challenge(verifier))

    assert portal.redeems(found, code_verifier=verifier).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge": None},
        {"code_challenge": ""},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": "s256"},
        {"code_challenge_method": "S512"},
        {"code_challenge": "A" * 42},
        {"code_challenge": "A" * 44},
        {"code_challenge": "A" * 42 + "="},
        {"code_challenge": "A" * 42 + "\n"},
        {"code_challenge": "A" * 42 + "é"},
    ],
    ids=str,
)
def test_rfc7636_4_4_1_without_a_challenge_of_s256_it_is_invalid_request(
    portal: PortalClient, visitor: Visitor, changes: dict[str, str | None]
) -> None:
    answer = answer_of(visitor.client.get(portal.request(**changes)))

    assert answer["error"] == "invalid_request"


def test_rfc9700_2_1_1_a_portal_with_a_secret_may_be_registered_without(
    lenient: PortalClient, visitor: Visitor
) -> None:
    found = code(lenient, visitor, code_challenge=None, code_challenge_method=None)

    form = {"grant_type": "authorization_code", "code": found}
    answer = lenient.token(**form, redirect_uri=lenient.redirect_uri)

    assert answer.status_code == 200


def test_rfc9700_4_8_2_a_verifier_without_a_challenge_is_a_downgrade(
    lenient: PortalClient, visitor: Visitor
) -> None:
    found = code(lenient, visitor, code_challenge=None, code_challenge_method=None)

    assert lenient.redeems(found).get_json()["error"] == "invalid_grant"


def test_rfc9700_4_8_2_a_method_without_a_challenge_is_a_mistake(
    lenient: PortalClient, visitor: Visitor
) -> None:
    answer = answer_of(visitor.client.get(lenient.request(code_challenge=None)))

    assert answer["error"] == "invalid_request"


def test_rfc7636_4_6_who_sent_a_challenge_needs_its_verifier(
    lenient: PortalClient, visitor: Visitor
) -> None:
    form = {"grant_type": "authorization_code", "code": code(lenient, visitor)}

    answer = lenient.token(**form, redirect_uri=lenient.redirect_uri)

    assert answer.get_json()["error"] == "invalid_grant"
