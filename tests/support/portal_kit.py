"""What a program of FAPI 2.0 sends: assertions, proofs and signed requests, right or wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry
from werkzeug.test import TestResponse

from idp.oidc.client_auth import ASSERTION_TYPE
from tests.support.house import House, add_portal

ISSUER = "http://localhost:8000"
VERIFIER = "v" * 64


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(key: Any, header: dict[str, Any], payload: bytes, alg: str = "ES256") -> str:
    """A compact JWS of any header and any bytes; a key in bytes is a secret for HMAC."""
    message = f"{b64(json.dumps(header).encode())}.{b64(payload)}"
    if isinstance(key, bytes):
        return f"{message}.{b64(hmac.digest(key, message.encode(), 'sha256'))}"
    return f"{message}.{b64(JWSRegistry.algorithms[alg].sign(message.encode(), key))}"


@dataclass
class Program:
    """A portal with its own keys: private_key_jwt and DPoP."""

    house: House
    client_id: str
    redirect_uri: str
    key: ECKey
    dpop_key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256"))

    @property
    def seconds(self) -> int:
        return int(self.house.clock().timestamp())

    def assertion(self, *, header: dict[str, Any] | None = None, **changes: Any) -> str:
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": ISSUER,
            "jti": str(uuid4()),
            "iat": self.seconds,
            "exp": self.seconds + 60,
            **changes,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        return signed(self.key, {"alg": "ES256", **(header or {})}, json.dumps(kept).encode())

    def proof(self, path: str, *, header: dict[str, Any] | None = None, **changes: Any) -> str:
        claims = {
            "jti": str(uuid4()),
            "htm": "POST",
            "htu": f"{ISSUER}{path}",
            "iat": self.seconds,
            **changes,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        jwk = self.dpop_key.as_dict(private=False)
        about = {"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk, **(header or {})}
        return signed(self.dpop_key, about, json.dumps(kept).encode())

    def post(
        self, path: str, *, assertion: str | None = None, proof: str | None = None, **form: str
    ) -> TestResponse:
        data = {
            "client_id": self.client_id,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion or self.assertion(),
            **form,
        }
        headers = {"DPoP": proof} if proof is not None else {}
        return self.house.app.test_client().post(path, data=data, headers=headers)

    def push(self, **changes: str) -> TestResponse:
        proof, assertion = changes.pop("proof", None), changes.pop("assertion", None)
        asked = {
            "response_type": "code",
            "redirect_uri": self.redirect_uri,
            "scope": "openid",
            "code_challenge": create_s256_code_challenge(VERIFIER),
            "code_challenge_method": "S256",
            **changes,
        }
        return self.post("/par", proof=proof, assertion=assertion, **asked)

    def push_with(self, assertion: str) -> TestResponse:
        return self.push(assertion=assertion)

    def redeem(self, code: str, *, proof: str | None = None, **changes: str) -> TestResponse:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": VERIFIER,
            **changes,
        }
        return self.post("/token", proof=proof or self.proof("/token"), **form)

    def userinfo(self, token: str, **changes: Any) -> TestResponse:
        ath = b64(hashlib.sha256(token.encode()).digest())
        proof = self.proof("/userinfo", **{"htm": "GET", "ath": ath, **changes})
        headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
        return self.house.app.test_client().get("/userinfo", headers=headers)


def add_program(house: House, client_id: str = "fapi", **metadata: Any) -> Program:
    key = ECKey.generate_key("P-256")
    found = {
        "profile": "fapi2",
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [key.as_dict(private=False)]},
        "dpop_bound_access_tokens": True,
        **metadata,
    }
    portal = add_portal(house, client_id, **found)
    return Program(house, client_id, portal.redirect_uri, key)
