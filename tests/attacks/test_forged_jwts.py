"""Every place that reads a JWT, against every way to forge one (RFC 8725, 2 and 3).

Client assertions, request objects in the open and pushed, DPoP proofs, hints of ID tokens at both
endpoints, access tokens at userinfo and introspection. No forgery makes us fetch anything either.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.attacks.forging import FORGERIES, published
from tests.support.house import House, PortalClient, answer_of
from tests.support.portal_kit import Documents, Program, Visitor, add_program

Tokens = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where a JWT is read: an honest one, whose key it has, and whether one was believed."""

    honest: str
    jwk: dict[str, Any]
    believes: Callable[[str], bool]


@pytest.fixture(scope="module")
def signer(target: House, victim: Visitor) -> Program:
    victim.agrees("signer")
    return add_program(target, "signer", profile="standard", dpop_bound_access_tokens=False)


@pytest.fixture(scope="module")
def tokens(victim: Visitor, portal: PortalClient) -> Tokens:
    code = answer_of(victim.client.get(portal.request(scope="openid")))["code"]
    found: Tokens = portal.redeems(code).get_json()
    return found


@pytest.fixture(scope="module")
def places(  # noqa: PLR0913, PLR0917  who is attacked
    target: House,
    victim: Visitor,
    portal: PortalClient,
    program: Program,
    signer: Program,
    tokens: Tokens,
) -> dict[str, Place]:
    http = target.app.test_client()
    own, ours = program.key.as_dict(private=False), published(target)

    def by_assertion(token: str) -> bool:
        return program.push(assertion=token).status_code == 201

    def by_object(token: str) -> bool:
        page = victim.client.get(signer.plain_request(request=token))
        return "code=" in page.headers.get("Location", "")

    def by_pushed(token: str) -> bool:
        return program.post("/par", request=token).status_code == 201

    def by_proof(token: str) -> bool:
        return program.push(proof=token).status_code == 201

    def by_hint(token: str) -> bool:
        asked = portal.request(scope="openid", id_token_hint=token, prompt="none")
        return "code=" in victim.client.get(asked).headers.get("Location", "")

    def by_logout(token: str) -> bool:
        return http.get(f"/logout?{urlencode({'id_token_hint': token})}").status_code == 200

    def by_userinfo(token: str) -> bool:
        headers = {"Authorization": f"Bearer {token}"}
        return http.get("/userinfo", headers=headers).status_code == 200

    def by_introspection(token: str) -> bool:
        answer = http.post(
            "/introspect", data={"token": token}, auth=(portal.client_id, portal.secret)
        )
        return bool(answer.get_json()["active"])

    return {
        "client assertion": Place(program.assertion(), own, by_assertion),
        "request object": Place(
            signer.request_object(), signer.key.as_dict(private=False), by_object
        ),
        "pushed request object": Place(program.request_object(), own, by_pushed),
        "DPoP proof": Place(
            program.proof("/par"), program.dpop_key.as_dict(private=False), by_proof
        ),
        "id_token_hint": Place(tokens["id_token"], ours, by_hint),
        "logout hint": Place(tokens["id_token"], ours, by_logout),
        "access token": Place(tokens["access_token"], ours, by_userinfo),
        "introspected token": Place(tokens["access_token"], ours, by_introspection),
    }


PLACES = [
    "client assertion", "request object", "pushed request object", "DPoP proof", "id_token_hint",
    "logout hint", "access token", "introspected token",
]  # fmt: skip
_KINDS = ["assertion", "request", "request", "proof", "ID", "ID", "access", "access"]
FORGED = [
    (name, how)
    for name in PLACES
    for how in FORGERIES
    # A DPoP proof is meant to bring its own key: that is no forgery.
    if name != "DPoP proof" or not how.startswith("own key in jwk")
]
MISPLACED = [
    (name, other)
    for name, kind in zip(PLACES, _KINDS, strict=True)
    for other, other_kind in zip(PLACES, _KINDS, strict=True)
    if kind != other_kind
]


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, claims = (
        json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]
    )
    return header, claims


@pytest.mark.parametrize("name", PLACES)
def test_an_honest_one_is_believed(places: dict[str, Place], name: str) -> None:
    place = places[name]

    assert place.believes(place.honest)


@pytest.mark.parametrize(("name", "how"), FORGED)
def test_a_forged_one_is_not(
    places: dict[str, Place], documents: Documents, name: str, how: str
) -> None:
    place, asked = places[name], len(documents.asked)
    header, claims = parts(place.honest)
    claims = {**claims, "jti": f"{name} {how}"}

    token = FORGERIES[how](claims, header, place.jwk)

    assert not place.believes(token)
    assert len(documents.asked) == asked


# --- tokens of one kind in the place of another --------------------------------------------------


@pytest.mark.parametrize(("name", "other"), MISPLACED)
def test_a_jwt_of_another_kind_is_not_believed_either(
    places: dict[str, Place], name: str, other: str
) -> None:
    assert not places[name].believes(places[other].honest)
