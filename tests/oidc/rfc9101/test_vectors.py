"""The request of OpenID Connect Core, 6.1, which RFC 9101 takes over."""

from __future__ import annotations

import pytest

from idp.domain.clients import Client, SigningAlg
from idp.oidc.client_keys import ClientKeys
from tests.support import vectors
from tests.support.house import House, add_portal, answer_of
from tests.support.portal_kit import Documents, Visitor

CLIENT = Client(client_id="s6BhdRkqt3", jwks={"keys": [vectors.K2BDC]})


def test_core_6_1_the_signature_of_the_example_holds() -> None:
    found = ClientKeys(Documents()).verify(CLIENT, vectors.CORE_REQUEST, {SigningAlg.RS256})

    assert found is not None
    assert found.header == {"alg": "RS256", "kid": "k2bdc"}
    assert found.claims["client_id"] == "s6BhdRkqt3"
    assert found.claims["claims"]["id_token"]["birthdate"] == {"essential": True}


def test_rfc9101_10_4_a_request_for_another_server_is_refused(
    shared: House, visitor: Visitor
) -> None:
    """Signed by the right client, and meant for server.example.com."""
    portal = add_portal(
        shared,
        "s6BhdRkqt3",
        redirect_uris=["https://client.example.org/cb"],
        jwks={"keys": [vectors.K2BDC]},
    )
    uri = "https://client.example.org/cb"

    answer = answer_of(
        visitor.client.get(portal.request(redirect_uri=uri, request=vectors.CORE_REQUEST))
    )

    assert answer["error"] == "invalid_request_object"
    assert answer["error_description"] == "aud is not our issuer"


@pytest.mark.parametrize("token", [vectors.PUSHED_REQUEST, vectors.CLIENT_ASSERTION])
def test_rfc9126_2_1_the_signatures_of_the_examples_hold(token: str) -> None:
    found = ClientKeys(Documents()).verify(CLIENT, token, {SigningAlg.RS256})

    assert found is not None
    assert found.claims["iss"] == "s6BhdRkqt3"
