"""Streams managed with a token that is bound to a key (RFC 9449, section 7)."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.support.house import House, add_portal

ISSUER = "http://localhost:8000"


class Holder:
    """A client with a key, and a token bound to it."""

    def __init__(self, house: House) -> None:
        self.house, self.key = house, ECKey.generate_key("P-256")
        portal = add_portal(
            house,
            grant_types=["authorization_code", "client_credentials"],
            scope="openid ssf.manage",
            dpop_bound_access_tokens=True,
        )
        answer = house.app.test_client().post(
            "/token",
            data={"grant_type": "client_credentials", "scope": "ssf.manage"},
            auth=(portal.client_id, portal.secret),
            headers={"DPoP": self.proof("POST", "/token")},
        )
        assert answer.get_json()["token_type"] == "DPoP", answer.text
        self.token: str = answer.get_json()["access_token"]

    def proof(self, method: str, path: str, token: str = "") -> str:
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self.key.as_dict(private=False)}
        claims = {
            "jti": uuid4().hex,
            "htm": method,
            "htu": f"{ISSUER}{path}",
            "iat": int(self.house.clock().timestamp()),
        }
        if token:
            digest = hashlib.sha256(token.encode()).digest()
            claims["ath"] = urlsafe_b64encode(digest).rstrip(b"=").decode()
        return jwt.encode(header, claims, self.key)

    def asks(self, headers: Mapping[str, str]) -> tuple[int, str]:
        answer = self.house.app.test_client().get("/ssf/streams", headers=headers)
        return answer.status_code, answer.headers.get("WWW-Authenticate", "")


@pytest.fixture
def holder(house: House) -> Holder:
    return Holder(house)


def test_rfc9449_7_1_a_bound_token_works_with_its_proof_once(holder: Holder) -> None:
    proof = holder.proof("GET", "/ssf/streams", holder.token)
    headers = {"Authorization": f"DPoP {holder.token}", "DPoP": proof}

    first, again = holder.asks(headers), holder.asks(headers)

    assert first == (200, "")
    assert again[0] == 401
    assert again[1].startswith('DPoP realm="ssf"')


def test_rfc9449_7_2_a_bound_token_without_its_proof_is_refused(holder: Holder) -> None:
    elsewhere = holder.proof("GET", "/userinfo", holder.token)

    answers = [
        holder.asks({"Authorization": f"Bearer {holder.token}"}),
        holder.asks({"Authorization": f"DPoP {holder.token}"}),
        holder.asks({"Authorization": f"DPoP {holder.token}", "DPoP": elsewhere}),
        holder.asks({"Authorization": f"DPoP {holder.token}", "DPoP": "x"}),
    ]

    assert [status for status, _ in answers] == [401] * 4
