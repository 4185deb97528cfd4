"""What a program of FAPI 2.0 sends: assertions, proofs and signed requests, right or wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID, uuid4

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from flask.testing import FlaskClient
from joserfc.jwk import ECKey, Key
from joserfc.jws import JWSRegistry
from werkzeug.test import TestResponse

from idp.domain.errors import PortUnavailable
from idp.oidc.client_auth import ASSERTION_TYPE
from idp.ports import WebAnswer
from idp.storage.sessions import ConsentStore
from tests.support import house as houses
from tests.support.build import NOW, VAULT, open_account, open_session
from tests.support.house import House, add_portal, answer_of
from tests.support.portals import read

ISSUER = "http://localhost:8000"
MTLS = "https://mtls.example.vn"
VERIFIER = "v" * 64
CHALLENGE: str = create_s256_code_challenge(VERIFIER)
EVERYTHING = frozenset(
    {"name", "birthdate", "gender", "id_number", "phone_number", "email", "account_kind"}
    | {"offline_access"}
)
"""What somebody agreed to who agrees to everything."""


class Documents:
    """The web as a provider sees it: documents at addresses, everything else is down."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {}
        self.asked: list[str] = []

    def get(self, url: str, *, accept: str, most: int = 65536) -> WebAnswer:
        del accept
        self.asked.append(url)
        if url not in self.pages or len(self.pages[url]) > most:
            raise PortUnavailable("web", url)
        return WebAnswer(200, self.pages[url], "application/json")

    def post(self, url: str, body: bytes, *, headers: Any, most: int = 65536) -> WebAnswer:
        raise PortUnavailable("web", f"{url} {body!r} {headers} {most}")


def open_house(
    database_url: str, folder: Path, web: Documents | None = None, **sections: dict[str, Any]
) -> House:
    """A provider behind a TLS front that reports client certificates."""
    settings: dict[str, dict[str, Any]] = {
        "mtls": {"header": "X-Cert", "verified_header": "X-Cert-Verify", "base": MTLS},
        "server": {"trusted_proxies": ("127.0.0.1",)},
        **sections,
    }
    return houses.build(database_url, folder, web=web or Documents(), **settings)


def open_plain_house(
    template: Path, folder: Path, web: Documents | None = None, **sections: dict[str, Any]
) -> House:
    """The same on a copy of the migrated SQLite file, for what touches no storage of its own."""
    shutil.copy(template, folder / "idp.sqlite")
    return open_house(f"sqlite:///{folder / 'idp.sqlite'}", folder, web, **sections)


@dataclass
class Visitor:
    """A person with an account and a session, made without pages; their browser."""

    house: House
    client: FlaskClient
    account_id: UUID
    session_id: UUID

    def agrees(self, client_id: str) -> None:
        consents = ConsentStore(self.house.database, VAULT)
        with self.house.database.transaction() as connection:
            consents.record(
                connection, self.account_id, client_id, EVERYTHING, text_version="t", now=NOW
            )

    def visits(self, client_id: str, request_uri: str, **more: str) -> TestResponse:
        query = {"client_id": client_id, "request_uri": request_uri, **more}
        return self.client.get(f"/authorize?{urlencode(query)}")


def sign_in(house: House, *client_ids: str, **identity: Any) -> Visitor:
    """Somebody signed in a moment ago, who agreed to everything at these clients."""
    account_id = open_account(house.database, **identity)
    session_id, cookie = open_session(house.database, account_id)
    client = house.app.test_client()
    client.set_cookie("idp_session", cookie)
    visitor = Visitor(house, client, account_id, session_id)
    for client_id in client_ids:
        visitor.agrees(client_id)
    return visitor


@contextmanager
def later(house: House, **parts: float) -> Iterator[None]:
    """As if that much time had passed; a shared provider is put back afterwards."""
    before = house.clock.now
    house.clock.forward(**parts)
    try:
        yield
    finally:
        house.clock.now = before


@dataclass(frozen=True)
class Certificate:
    """A client certificate as a TLS front reports it."""

    key: ec.EllipticCurvePrivateKey
    der: bytes
    pem: str

    @property
    def thumbprint(self) -> str:
        return b64(hashlib.sha256(self.der).digest())

    def headers(self, verified: str = "SUCCESS") -> dict[str, str]:
        return {"X-Cert": quote(self.pem), "X-Cert-Verify": verified}


@cache
def certificate(common_name: str = "portal") -> Certificate:
    """A self-signed certificate with a name of every kind in it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tỉnh A"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    san = x509.SubjectAlternativeName(
        [
            x509.DNSName(f"{common_name}.example.vn"),
            x509.UniformResourceIdentifier(f"https://{common_name}.example.vn/id"),
            x509.RFC822Name(f"{common_name}@example.vn"),
            x509.IPAddress(ip_address("192.0.2.9")),
        ]
    )
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=365))
        .add_extension(san, critical=False)
        .sign(key, hashes.SHA256())
    )
    return Certificate(
        key, built.public_bytes(Encoding.DER), built.public_bytes(Encoding.PEM).decode()
    )


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(key: Any, header: dict[str, Any], payload: bytes, alg: str = "ES256") -> str:
    """A compact JWS of any header and any bytes; a key in bytes is a secret for HMAC."""
    message = f"{b64(json.dumps(header).encode())}.{b64(payload)}"
    if isinstance(key, bytes):
        return f"{message}.{b64(hmac.digest(key, message.encode(), 'sha256'))}"
    return f"{message}.{b64(JWSRegistry.algorithms[alg].sign(message.encode(), key))}"


_ALGS = {"EC": "ES256", "OKP": "EdDSA"}


@dataclass
class Program:
    """A portal with its own keys: private_key_jwt and DPoP."""

    house: House
    client_id: str
    redirect_uri: str
    key: ECKey
    dpop_key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256"))
    certificate: Certificate | None = None
    is_public: bool = False

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

    def proof(
        self,
        path: str,
        *,
        header: dict[str, Any] | None = None,
        key: Key | None = None,
        signer: Key | None = None,
        **changes: Any,
    ) -> str:
        """A proof with the public half of ``key`` in it, signed by ``signer``."""
        key = key or self.dpop_key
        claims = {
            "jti": str(uuid4()),
            "htm": "POST",
            "htu": f"{ISSUER}{path}",
            "iat": self.seconds,
            **changes,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        jwk = key.as_dict(private=False)
        about = {"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk, **(header or {})}
        signer = signer or key
        alg = about["alg"] if signer.key_type == "RSA" else _ALGS[signer.key_type]
        return signed(signer, about, json.dumps(kept).encode(), alg)

    def post(
        self, path: str, *, assertion: str | None = None, proof: str | None = None, **form: str
    ) -> TestResponse:
        headers = [("DPoP", proof)] if proof is not None else []
        return self.send(path, headers, assertion=assertion, **form)

    def send(
        self,
        path: str,
        headers: list[tuple[str, str]],
        *,
        assertion: str | None = None,
        **form: str,
    ) -> TestResponse:
        """A call with whatever headers, authenticated as registered."""
        data = {"client_id": self.client_id, **form}
        if assertion is not None or not (self.certificate or self.is_public):
            data["client_assertion_type"] = ASSERTION_TYPE
            data["client_assertion"] = assertion or self.assertion()
        shown = self.certificate.headers() if self.certificate else {}
        return self.house.app.test_client().post(
            path, data=data, headers=[*shown.items(), *headers]
        )

    def push(self, **changes: str) -> TestResponse:
        proof, assertion = changes.pop("proof", None), changes.pop("assertion", None)
        asked = {
            "response_type": "code",
            "redirect_uri": self.redirect_uri,
            "scope": "openid",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **changes,
        }
        return self.post("/par", proof=proof, assertion=assertion, **asked)

    def push_with(self, assertion: str) -> TestResponse:
        return self.push(assertion=assertion)

    def request_object(self, *, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """A signed authorization request (RFC 9101) that is complete."""
        claims = {
            "iss": self.client_id,
            "aud": ISSUER,
            "nbf": self.seconds,
            "exp": self.seconds + 300,
            "client_id": self.client_id,
            "response_type": "code",
            "redirect_uri": self.redirect_uri,
            "scope": "openid",
            "state": "inside",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **changes,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        about = {"alg": "ES256", "typ": "oauth-authz-req+jwt", **(header or {})}
        return signed(self.key, about, json.dumps(kept).encode())

    def plain_request(self, **changes: str | None) -> str:
        """The address of an authorization request in the open."""
        asked = {
            "client_id": self.client_id,
            "response_type": "code",
            "redirect_uri": self.redirect_uri,
            "scope": "openid",
            "state": "outside",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **changes,
        }
        kept = {name: value for name, value in asked.items() if value is not None}
        return f"/authorize?{urlencode(kept)}"

    def gets_code(self, visitor: Visitor, **changes: str) -> str:
        """Push, visit, and what comes back."""
        pushed = self.push(**changes).get_json()
        return answer_of(visitor.visits(self.client_id, pushed["request_uri"]))["code"]

    def gets_tokens(self, visitor: Visitor, **changes: str) -> dict[str, Any]:
        tokens: dict[str, Any] = self.redeem(self.gets_code(visitor, **changes)).get_json()
        return tokens

    def redeem(self, code: str, *, proof: str | None = None, **changes: str) -> TestResponse:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": VERIFIER,
            **changes,
        }
        if self.certificate is None:
            proof = proof or self.proof("/token")
        return self.post("/token", proof=proof, **form)

    def userinfo(self, token: str, **changes: Any) -> TestResponse:
        if self.certificate is not None:
            headers = {"Authorization": f"Bearer {token}", **self.certificate.headers()}
            return self.house.app.test_client().get("/userinfo", headers=headers)
        ath = b64(hashlib.sha256(token.encode()).digest())
        proof = self.proof("/userinfo", **{"htm": "GET", "ath": ath, **changes})
        headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
        return self.house.app.test_client().get("/userinfo", headers=headers)


def add_tls_program(house: House, client_id: str = "tls", **metadata: Any) -> Program:
    """The same with a self-signed certificate instead of assertions and proofs."""
    shown = certificate(client_id)
    public = ECKey.import_key(shown.key.public_key()).as_dict(private=False)
    found = {
        "token_endpoint_auth_method": "self_signed_tls_client_auth",
        "jwks": {"keys": [public]},
        "dpop_bound_access_tokens": False,
        "tls_client_certificate_bound_access_tokens": True,
        **metadata,
    }
    program = add_program(house, client_id, **found)
    program.certificate = shown
    return program


def claims_of(house: House, token: str) -> dict[str, Any]:
    """The claims of a JWT of ours, verified by another library against the published keys."""
    return read(house, token)[1]


def posted_fields(page: TestResponse) -> dict[str, str]:
    """What a form_post page holds."""
    found = re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page.text)
    return {name: html.unescape(value) for name, value in found}


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
    is_public = found["token_endpoint_auth_method"] == "none"
    return Program(house, client_id, portal.redirect_uri, key, is_public=is_public)
