"""The suite's modules for a provider that is joined to its own test federation, and deployed.

The suite is the relying party and the trust anchor at once. Its portal says as little about itself
as it may: no name, no way of authentication, no PKCE, its keys behind ``jwks_uri``; its anchor
says about a subject what the subject says about itself (``AbstractOpenIDFederationTest``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode
from uuid import uuid4

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey, KeySet, RSAKey
from werkzeug.test import TestResponse

from idp.domain.errors import PortUnavailable
from idp.oidc.federation import anchors
from idp.oidc.keys import unb64
from idp.ports import WebAnswer
from tests.oidc.federation.conftest import error_of
from tests.support.federation import SECONDS, STATEMENT, new_key, public, sign
from tests.support.house import Browser, House, answer_of
from tests.support.house import build as build_house

OP = "http://localhost:8000"
RP = "https://suite.example.vn/test/a/fed"
ANCHOR = f"{RP}/trust-anchor"
CALLBACK = f"{RP}/callback"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class TestWeb:
    """The suite's own server."""

    __test__ = False

    anchor_key: ECKey = field(default_factory=lambda: new_key("anchor"))
    entity_key: ECKey = field(default_factory=lambda: new_key("entity"))
    client_key: RSAKey = field(
        default_factory=lambda: RSAKey.generate_key(2048, {"kid": "client", "alg": "PS256"})
    )
    changes: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def get(self, url: str, *, accept: str, most: int = 65536) -> WebAnswer:
        del accept, most
        self.asked.append(url)
        base, _, query = url.partition("?")
        subject = parse_qs(query).get("sub", [""])[0]
        pages: dict[str, Callable[[], str]] = {
            f"{RP}/.well-known/openid-federation": self.portal,
            f"{ANCHOR}/.well-known/openid-federation": self.anchor,
            f"{ANCHOR}/fetch": lambda: self.fetched(subject),
        }
        if base in pages:
            return WebAnswer(200, pages[base]().encode(), STATEMENT)
        if base == f"{RP}/jwks":
            return WebAnswer(200, json.dumps(public(self.client_key)).encode(), "application/json")
        raise PortUnavailable("web", url)

    def post(self, url: str, body: bytes, *, headers: Any, most: int = 65536) -> WebAnswer:
        raise AssertionError((url, body, headers, most))

    def portal(self) -> str:
        return self._signed(self.entity_key, {**self._portal(), **self.changes})

    def _portal(self) -> dict[str, Any]:
        return {
            "iss": RP,
            "sub": RP,
            "jwks": public(self.entity_key),
            "authority_hints": [ANCHOR],
            "request_uri_parameter_supported": False,
            "metadata": {
                "federation_entity": {},
                "openid_relying_party": {
                    "client_registration_types": ["automatic"],
                    "response_types": ["code"],
                    "redirect_uris": [CALLBACK],
                    "jwks_uri": f"{RP}/jwks",
                },
            },
        }

    def anchor(self) -> str:
        about = {"federation_fetch_endpoint": f"{ANCHOR}/fetch",
                 "federation_list_endpoint": f"{ANCHOR}/list",
                 "federation_resolve_endpoint": f"{ANCHOR}/resolve"}  # fmt: skip
        return self._signed(
            self.anchor_key,
            {
                "iss": ANCHOR,
                "sub": ANCHOR,
                "jwks": public(self.anchor_key),
                "metadata": {"federation_entity": about},
            },
        )

    def fetched(self, subject: str) -> str:
        assert subject == RP
        claims = {name: each for name, each in self._portal().items() if name != "authority_hints"}
        source = {"iss": ANCHOR, "source_endpoint": f"{ANCHOR}/fetch"}
        return self._signed(self.anchor_key, {**claims, **source})

    def chain(self) -> list[str]:
        return [self.portal(), self.fetched(RP), self.anchor()]

    def _signed(self, key: ECKey, claims: dict[str, Any]) -> str:
        body = {"iat": SECONDS, "exp": SECONDS + 300, **claims}
        return sign(body, key, typ="entity-statement+jwt")

    # --- the client -----------------------------------------------------------------------------

    def request_object(self, header: dict[str, Any] | None = None, **changes: Any) -> str:
        claims = {
            "client_id": RP, "scope": "openid", "response_type": "code", "redirect_uri": CALLBACK,
            "iss": RP, "aud": OP, "jti": str(uuid4()), "exp": SECONDS + 300, **changes,
        }  # fmt: skip
        kept = {name: each for name, each in claims.items() if each is not None}
        about = {"alg": "PS256", "typ": "oauth-authz-req+jwt", **(header or {})}
        return sign(kept, changes.pop("key", self.client_key), **about)

    def assertion(self) -> dict[str, str]:
        """CreateJWTClientAuthenticationAssertion: with the issuer as audience."""
        claims = {
            "iss": RP, "sub": RP, "aud": OP, "jti": str(uuid4()), "iat": SECONDS,
            "exp": SECONDS + 60,
        }  # fmt: skip
        token = sign(claims, self.client_key, alg="PS256")
        return {"client_assertion": token, "client_assertion_type": ASSERTION, "client_id": RP}


@pytest.fixture
def web() -> TestWeb:
    return TestWeb()


@pytest.fixture
def house(web: TestWeb, sqlite_template: Path, tmp_path: Path) -> Iterator[House]:
    path = tmp_path / "suite.sqlite"
    path.write_bytes(sqlite_template.read_bytes())
    anchors.write(tmp_path / "keys", "suite", ANCHOR, public(web.anchor_key))
    section = {"enabled": True, "authority_hints": (ANCHOR,)}
    built = build_house(f"sqlite:///{path}", tmp_path, web=web, federation=section)
    yield built
    built.database.close()


@pytest.fixture
def browser(house: House) -> Browser:
    found = house.browser()
    found.registers()
    return found


def address(request: str, **changes: str) -> str:
    query = {"client_id": RP, "scope": "openid", "response_type": "code", "request": request}
    return f"/authorize?{urlencode({**query, **changes})}"


def finishes(house: House, web: TestWeb, page: TestResponse) -> None:
    """processCallback: the code becomes an ID token for this client alone."""
    answer = answer_of(page)
    assert answer["iss"] == OP
    assert "state" not in answer
    form = {
        "grant_type": "authorization_code",
        "code": answer["code"],
        "redirect_uri": CALLBACK,
        **web.assertion(),
    }
    tokens = house.app.test_client().post("/token", data=form)
    assert tokens.status_code == 200, tokens.text
    claims = json.loads(unb64(tokens.get_json()["id_token"].split(".")[1]))
    assert (claims["iss"], claims["aud"]) == (OP, RP)


# --- joined: what succeeds ------------------------------------------------------------------------


@pytest.mark.parametrize("chained", [False, True], ids=["", "and-trust-chain"])
def test_openid_federation_automatic_client_registration_with_jar_and_get(
    house: House, web: TestWeb, browser: Browser, chained: bool
) -> None:
    header = {"trust_chain": web.chain()} if chained else {}

    page = browser.signs_in_at(address(web.request_object(header)))

    finishes(house, web, page)


@pytest.mark.parametrize("chained", [False, True], ids=["", "and-trust-chain"])
def test_openid_federation_automatic_client_registration_with_jar_and_post(
    house: House, web: TestWeb, browser: Browser, chained: bool
) -> None:
    header = {"trust_chain": web.chain()} if chained else {}
    form = {"client_id": RP, "scope": "openid", "response_type": "code"}
    browser.page = browser.client.post(
        "/authorize", data={**form, "request": web.request_object(header)}
    )
    browser.follow()
    browser.send({"username": "001072000136", "password": "Sông-Hồng-2026-xanh"})
    browser.send({"code": house.last_code()})

    page = browser.send({"do": "confirm"})

    finishes(house, web, page)


@pytest.mark.parametrize("chained", [False, True], ids=["", "and-trust-chain"])
def test_openid_federation_automatic_client_registration_with_par(
    house: House, web: TestWeb, browser: Browser, chained: bool
) -> None:
    header = {"trust_chain": web.chain()} if chained else {}
    form = {"request": web.request_object(header), **web.assertion()}

    pushed = house.app.test_client().post("/par", data=form)

    assert pushed.status_code == 201, pushed.text
    query = {"request_uri": pushed.get_json()["request_uri"], "client_id": RP}
    finishes(house, web, browser.signs_in_at(f"/authorize?{urlencode(query)}"))


def test_openid_federation_automatic_client_registration_with_jar_and_encrypted_request_object(
    house: House, web: TestWeb, browser: Browser
) -> None:
    keys = KeySet.import_key_set(house.app.test_client().get("/jwks").get_json())
    [key] = [key for key in keys.keys if key.as_dict()["alg"] == "RSA-OAEP"]
    header = {"alg": "RSA-OAEP", "enc": "A256GCM", "kid": key.kid, "cty": "JWT"}
    sealed = jwe.encrypt_compact(header, web.request_object(), key, ["RSA-OAEP", "A256GCM"])

    page = browser.signs_in_at(address(sealed))

    finishes(house, web, page)


# --- joined: what fails ---------------------------------------------------------------------------


def test_openid_federation_automatic_client_registration_expect_entity_configuration_request(
    house: House, web: TestWeb
) -> None:
    house.app.test_client().get(address(web.request_object()))

    assert f"{RP}/.well-known/openid-federation" in web.asked


def test_openid_federation_automatic_client_registration_invalid_iss_in_entity_configuration(
    house: House, web: TestWeb
) -> None:
    web.changes["iss"] = f"{RP}/1"

    page = house.app.test_client().get(address(web.request_object()))

    assert (page.status_code, error_of(page)) == (400, "IDP-1204")


WRONG: dict[str, dict[str, Any]] = {
    "client-id-in-request-object": {"client_id": f"{RP}/INVALID"},
    "request-object-exp": {"exp": SECONDS - 300},
    "request-object-iss": {"iss": f"{RP}/1"},
    "request-object-aud": {"aud": f"{OP}/1"},
    "request-object-sub": {"sub": RP},
    "missing-request-object-jti": {"jti": None},
    "missing-request-object-exp": {"exp": None},
    "missing-request-object-iss": {"iss": None},
    "missing-request-object-aud": {"aud": None},
}


@pytest.mark.parametrize("is_known", [False, True], ids=["unknown", "known"])
@pytest.mark.parametrize("name", WRONG)
def test_openid_federation_automatic_client_registration_invalid(
    house: House, web: TestWeb, name: str, is_known: bool
) -> None:
    """An error page, or invalid_request, invalid_request_object, invalid_client at the callback."""
    if is_known:
        house.app.test_client().get(address(web.request_object()))

    page = house.app.test_client().get(address(web.request_object(**WRONG[name])))

    is_refused(page)


def is_refused(page: TestResponse) -> None:
    if page.status_code == 400:
        assert error_of(page)
        return
    answer = answer_of(page)
    assert answer["error"] in {"invalid_request", "invalid_request_object", "invalid_client"}
    assert answer["iss"] == OP


def test_openid_federation_automatic_client_registration_invalid_client_id_in_query_parameters(
    house: House, web: TestWeb
) -> None:
    page = house.app.test_client().get(address(web.request_object(), client_id=f"{RP}/INVALID"))

    is_refused(page)


@pytest.mark.parametrize("is_known", [False, True], ids=["unknown", "known"])
def test_openid_federation_automatic_client_registration_invalid_signature_on_request_object(
    house: House, web: TestWeb, is_known: bool
) -> None:
    if is_known:
        house.app.test_client().get(address(web.request_object()))
    good, other = web.request_object(), RSAKey.generate_key(2048, {"kid": "client"})
    signed_by_another = TestWeb(client_key=other).request_object()
    message = good.rpartition(".")[0]

    for bad in (f"{message}.{'A' * 342}", signed_by_another):
        is_refused(house.app.test_client().get(address(bad)))


def test_openid_federation_automatic_client_registration_invalid_duplicate_request_object_jti(
    house: House, web: TestWeb, browser: Browser
) -> None:
    page = browser.signs_in_at(address(web.request_object(jti="once")))
    assert "code" in answer_of(page)

    is_refused(house.app.test_client().get(address(web.request_object(jti="once"))))


# --- deployed entity ------------------------------------------------------------------------------


def test_openid_federation_entity_configuration(house: House) -> None:
    """OIDCCDiscoveryEndpointVerification on the metadata, and no policy in our own words."""
    answer = house.app.test_client().get("/.well-known/openid-federation")

    claims = json.loads(unb64(answer.text.split(".")[1]))
    header = json.loads(unb64(answer.text.split(".")[0]))
    assert answer.headers["Content-Type"] == "application/entity-statement+jwt"
    assert header["typ"] == "entity-statement+jwt"
    assert (claims["iss"], claims["sub"]) == (OP, OP)
    assert not {"metadata_policy", "constraints", "crit"} & claims.keys()
    assert claims["authority_hints"] == [ANCHOR]
    assert header["kid"] in {key["kid"] for key in claims["jwks"]["keys"]}
    assert not any({"d", "k"} & key.keys() for key in claims["jwks"]["keys"])
    assert set(claims["metadata"]) == {"openid_provider", "federation_entity"}
    provider = claims["metadata"]["openid_provider"]
    assert provider["issuer"] == OP
    assert "automatic" in provider["client_registration_types_supported"]
    assert "RS256" in provider["request_object_signing_alg_values_supported"]
    assert provider["federation_registration_endpoint"].startswith(OP)
    assert (
        not {"federation_fetch_endpoint", "federation_list_endpoint"}
        & claims["metadata"]["federation_entity"].keys()
    )


def test_openid_federation_compare_trust_chain_to_resolve(house: House, web: TestWeb) -> None:
    query = {"sub": RP, "trust_anchor": ANCHOR}

    answer = house.app.test_client().get("/federation/resolve", query_string=query)

    claims = json.loads(unb64(answer.text.split(".")[1]))
    own = [unb64(token.split(".")[1]) for token in web.chain()]
    theirs = [unb64(token.split(".")[1]) for token in claims["trust_chain"]]
    assert [json.loads(each)["iss"] for each in theirs] == [json.loads(each)["iss"] for each in own]
    assert answer.headers["Content-Type"] == "application/resolve-response+jwt"
