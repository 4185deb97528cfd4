"""Statements that are not what they should be are refused (OpenID Federation, 3.1, 3.2)."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import OctKey, OKPKey, RSAKey

from idp.oidc.client_addresses import Loopback
from idp.oidc.federation.errors import FederationError
from idp.oidc.federation.jws import key_set
from idp.oidc.federation.statements import configuration_url, is_entity_id, read
from idp.oidc.keys import b64
from tests.support.federation import (
    PORTAL,
    SECONDS,
    Standard,
    new_key,
    public,
    sign,
    standard,
    unsigned,
)

TYP = "entity-statement+jwt"


@pytest.fixture
def world() -> Standard:
    return standard()


def own(world: Standard, **claims: Any) -> str:
    return world.portal.configuration(**claims)


def about(world: Standard, **claims: Any) -> str:
    return world.ministry.vouches_for(world.portal, **claims)


def test_3_1_a_statement_is_read(world: Standard) -> None:
    found = read(own(world), now=SECONDS)

    assert found.is_configuration
    assert found.sub == PORTAL
    assert found.exp == SECONDS + 3600


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iss", ...), ("iss", 7), ("iss", ""), ("sub", ...), ("sub", []), ("iat", ...),
        ("iat", "1"), ("iat", True), ("iat", SECONDS + 61), ("iat", -5), ("iat", 1e300),
        ("exp", ...), ("exp", None), ("exp", SECONDS - 60), ("exp", 0),
        ("jwks", ...), ("jwks", {}), ("jwks", {"keys": []}), ("jwks", {"keys": "x"}),
        ("jwks", {"keys": [7]}), ("jwks", {"keys": [{"kty": "EC", "kid": "a"}]}),
        ("metadata", []), ("metadata", {"x": []}), ("metadata", {"x": {"y": None}}),
        ("authority_hints", []), ("authority_hints", "x"), ("authority_hints", [7]),
        ("trust_anchor_hints", []), ("trust_marks", {}), ("trust_marks", [{}]),
        ("trust_marks", [{"trust_mark_type": "a", "trust_mark": "x"}]),
        ("trust_mark_issuers", []), ("trust_mark_issuers", {"a": "b"}),
        ("trust_mark_owners", []),
    ],
)  # fmt: skip
def test_3_2_a_claim_that_is_missing_or_wrong_ends_it(
    world: Standard, name: str, value: Any
) -> None:
    with pytest.raises(FederationError, match="invalid_trust_chain"):
        read(own(world, **{name: value}), now=SECONDS)


@pytest.mark.parametrize(
    "name", ["metadata_policy", "metadata_policy_crit", "constraints", "source_endpoint"]
)
def test_3_1_3_what_superiors_say_does_not_stand_in_a_configuration(
    world: Standard, name: str
) -> None:
    with pytest.raises(FederationError):
        read(own(world, **{name: {}}), now=SECONDS)


@pytest.mark.parametrize(
    "name",
    ["authority_hints", "trust_anchor_hints", "trust_marks", "trust_mark_issuers",
     "trust_mark_owners"],
)  # fmt: skip
def test_3_1_2_what_an_entity_says_of_itself_does_not_stand_in_a_superiors_statement(
    world: Standard, name: str
) -> None:
    with pytest.raises(FederationError):
        read(about(world, **{name: ["https://x.example"]}), now=SECONDS)


@pytest.mark.parametrize("claims", [{"aud": PORTAL}, {"trust_anchor": "https://a.example"}])
def test_3_2_claims_of_explicit_registration_do_not_stand_elsewhere(
    world: Standard, claims: dict[str, Any]
) -> None:
    with pytest.raises(FederationError):
        read(own(world, **claims), now=SECONDS)


@pytest.mark.parametrize("crit", [["new"], ["jwks"], [], "new", None])
def test_3_2_a_critical_claim_that_is_not_understood_ends_it(world: Standard, crit: Any) -> None:
    with pytest.raises(FederationError):
        read(own(world, crit=crit), now=SECONDS)


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"}, {"typ": None}, {"typ": "application/entity-statement+jwt"},
        {"kid": None}, {"kid": ""}, {"crit": ["x"], "x": 1},
        {"trust_chain": ["a"]}, {"peer_trust_chain": ["a"]},
    ],
)  # fmt: skip
def test_3_2_a_wrong_header_ends_it(world: Standard, header: dict[str, Any]) -> None:
    world.portal.header = header
    with pytest.raises(FederationError):
        read(own(world), now=SECONDS)


def test_3_2_alg_none_is_never_signed() -> None:
    claims = {"iss": PORTAL, "sub": PORTAL, "iat": SECONDS, "exp": SECONDS + 9}
    token = unsigned({**claims, "jwks": public(new_key())}, typ=TYP, kid="a")
    with pytest.raises(FederationError):
        read(token, now=SECONDS)


def test_rfc8725_3_1_a_public_key_is_no_shared_secret() -> None:
    """Key confusion: HMAC keyed with the bytes of the public key."""
    rsa = RSAKey.generate_key(2048, {"kid": "k"})
    claims = {"iss": PORTAL, "sub": PORTAL, "iat": SECONDS, "exp": SECONDS + 9, "jwks": public(rsa)}
    parts = ({"alg": "HS256", "kid": "k", "typ": TYP}, claims)
    message = ".".join(b64(json.dumps(each).encode()) for each in parts)
    digest = hmac.digest(rsa.as_pem(private=False), message.encode(), "sha256")
    token = f"{message}.{b64(digest)}"
    with pytest.raises(FederationError):
        read(token, now=SECONDS)


def test_rfc8725_3_1_the_algorithm_must_fit_the_key(world: Standard) -> None:
    rsa = RSAKey.generate_key(2048, {"kid": world.portal.key.kid})
    token = sign({"iss": PORTAL, "sub": PORTAL, "iat": SECONDS, "exp": SECONDS + 9,
                  "jwks": public(world.portal.key)}, rsa, alg="RS256", typ=TYP)  # fmt: skip
    found = read(token, now=SECONDS)
    with pytest.raises(FederationError):
        found.verify(found.keys)


def test_3_2_the_key_is_the_one_that_kid_names(world: Standard) -> None:
    found = read(own(world), now=SECONDS)
    with pytest.raises(FederationError, match="kid"):
        found.verify(key_set(public(new_key("another"))))


def test_3_2_a_signature_of_another_key_with_the_same_kid_is_wrong(world: Standard) -> None:
    found = read(own(world), now=SECONDS)
    with pytest.raises(FederationError, match="signature"):
        found.verify(key_set(public(new_key(world.portal.key.kid or ""))))


def test_3_2_a_changed_payload_is_noticed(world: Standard) -> None:
    head, _, tail = own(world).split(".")
    _, other, _ = own(world, exp=SECONDS + 9999).split(".")
    found = read(f"{head}.{other}.{tail}", now=SECONDS)
    with pytest.raises(FederationError, match="signature"):
        found.verify(found.keys)


def test_rfc8725_3_5_a_short_rsa_key_is_refused() -> None:
    number = b64((1 << 1023 | 1).to_bytes(128, "big"))
    with pytest.raises(FederationError, match="short"):
        key_set({"keys": [{"kty": "RSA", "kid": "k", "n": number, "e": "AQAB"}]})


def test_3_1_1_every_key_has_a_kid_of_its_own() -> None:
    with pytest.raises(FederationError):
        key_set(public(new_key("a"), new_key("a")))


@pytest.mark.parametrize(
    "make",
    [
        lambda: {"keys": [new_key("a").as_dict(private=True)]},
        lambda: {"keys": [OctKey.generate_key(256, {"kid": "a"}).as_dict(private=True)]},
        lambda: {"keys": [OKPKey.generate_key("Ed25519", {"kid": "a"}).as_dict(private=True)]},
        lambda: public(*(new_key() for _ in range(21))),
    ],
)
def test_3_1_1_secret_keys_and_piles_of_keys_are_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(FederationError):
        key_set(make())


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "a.b", "a.b.c", "é.é.é", "e30.e30.e30", "W10.W10.W10", "a" * 70_000,
     None, 7, [], "bnVsbA.bnVsbA.AA"],
)  # fmt: skip
def test_3_2_what_is_no_jwt_is_refused(token: Any) -> None:
    with pytest.raises(FederationError):
        read(token, now=SECONDS)


def test_6_1_2_a_name_that_stands_twice_is_refused(world: Standard) -> None:
    head, _, tail = own(world).split(".")
    twice = b64(b'{"iss":"a","iss":"b"}')
    with pytest.raises(FederationError):
        read(f"{head}.{twice}.{tail}", now=SECONDS)


def test_json_that_is_nested_without_end_is_refused(world: Standard) -> None:
    head, _, tail = own(world).split(".")
    deep = b64(b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}")
    with pytest.raises(FederationError):
        read(f"{head}.{deep}.{tail}", now=SECONDS)


@pytest.mark.parametrize(
    "text",
    ["https://a.example", "https://a.example/", "https://a.example:8443/path/x",
     "https://xn--a-1ga.example"],
)  # fmt: skip
def test_1_2_an_entity_identifier_is_an_https_address(text: str) -> None:
    assert is_entity_id(text, Loopback.REFUSED)


@pytest.mark.parametrize(
    "text",
    ["http://a.example", "https://", "https:///x", "https://a.example?x", "https://a.example#x",
     "https://u@a.example", "https://a.example:x", "ftp://a.example", "demo-hanoi", "", None, 7,
     "https://a b.example", "https://ấ.example", "https://a.example/\n", "https://[::1",
     "https://a.example/" + "x" * 1100, "http://localhost:1", "http://127.0.0.1/"],
)  # fmt: skip
def test_1_2_anything_else_is_none(text: Any) -> None:
    assert not is_entity_id(text, Loopback.REFUSED)


def test_loopback_is_an_entity_only_where_the_demo_allows_it() -> None:
    assert is_entity_id("http://localhost:8203", Loopback.ALLOWED)
    assert not is_entity_id("http://localhost.example", Loopback.ALLOWED)


@pytest.mark.parametrize("text", ["https://a.example/x", "https://a.example/x/"])
def test_9_the_configuration_stands_below_the_identifier(text: str) -> None:
    assert configuration_url(text) == "https://a.example/x/.well-known/openid-federation"
