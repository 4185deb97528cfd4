"""Certificates (RFC 8705) as a TLS front reports them: who calls, and what a token is bound to."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from joserfc.jwk import ECKey

from tests.support.house import House, add_portal, answer_of
from tests.support.portal_kit import (
    ISSUER,
    MTLS,
    Program,
    Visitor,
    add_program,
    add_tls_program,
    certificate,
    claims_of,
    open_house,
    open_plain_house,
    sign_in,
)

GRANTS = ["authorization_code", "refresh_token", "client_credentials"]
SUBJECT = "CN=named,O=Tỉnh A,C=VN"


@pytest.fixture(scope="module")
def program(shared: House, visitor: Visitor) -> Program:
    """It registered the key of its self-signed certificate."""
    visitor.agrees("tls")
    return add_tls_program(shared, "tls", grant_types=GRANTS)


def token(program: Program, headers: dict[str, str] | None = None) -> int:
    form = {"grant_type": "client_credentials", "client_id": program.client_id}
    shown = certificate(program.client_id).headers() if headers is None else headers
    return program.house.app.test_client().post("/token", data=form, headers=shown).status_code


def add_named(house: House, **metadata: str) -> Program:
    """A client of tls_client_auth, told by a name in its certificate."""
    name = "named-" + "-".join(metadata).replace("tls_client_auth_", "")
    made = add_program(
        house, name, token_endpoint_auth_method="tls_client_auth", grant_types=GRANTS,
        dpop_bound_access_tokens=False, tls_client_certificate_bound_access_tokens=True,
        jwks=None, **metadata,
    )  # fmt: skip
    made.certificate = certificate("named")
    return made


NAMES = {
    "tls_client_auth_subject_dn": SUBJECT,
    "tls_client_auth_san_dns": "named.example.vn",
    "tls_client_auth_san_uri": "https://named.example.vn/id",
    "tls_client_auth_san_email": "named@example.vn",
    "tls_client_auth_san_ip": "192.0.2.9",
}


# --- PKI: a name in the certificate ---------------------------------------------------------------


@pytest.mark.parametrize(("name", "value"), NAMES.items(), ids=NAMES.keys())
def test_rfc8705_2_1_the_registered_name_stands_in_the_certificate(
    shared: House, name: str, value: str
) -> None:
    program = add_named(shared, **{name: value})

    assert token(program, certificate("named").headers()) == 200


@pytest.mark.parametrize(("name", "value"), NAMES.items(), ids=NAMES.keys())
def test_rfc8705_2_1_another_name_is_refused(shared: House, name: str, value: str) -> None:
    wrong = "192.0.2.10" if name.endswith("ip") else value.replace("named", "nam")
    program = add_named(shared, **{name: wrong, "client_uri": "https://x.example.vn/"})

    assert token(program, certificate("named").headers()) == 401


@pytest.mark.parametrize("verified", ["", "NONE", "FAILED", "FAILED:expired", "SUCCESSFUL", "0"])
def test_rfc8705_2_1_the_front_must_have_proved_the_path(shared: House, verified: str) -> None:
    program = add_named(shared, tls_client_auth_san_dns="named.example.vn", tos_uri="https://a.vn/")

    assert token(program, certificate("named").headers(verified)) == 401


# --- self-signed: a registered key ----------------------------------------------------------------


def test_rfc8705_2_2_a_self_signed_certificate_needs_no_path(program: Program) -> None:
    assert token(program, certificate("tls").headers("FAILED:self-signed")) == 200


def test_rfc8705_2_2_another_key_is_refused(program: Program) -> None:
    assert token(program, certificate("stranger").headers()) == 401


def test_rfc8705_2_2_a_registered_x5c_is_that_very_certificate(shared: House) -> None:
    shown = certificate("x5c")
    public = ECKey.import_key(shown.key.public_key()).as_dict(private=False)
    chain = [base64.b64encode(shown.der).decode()]
    program = add_tls_program(
        shared, "x5c", grant_types=GRANTS, jwks={"keys": [{**public, "x5c": chain}]}
    )

    assert token(program) == 200
    assert token(program, certificate("tls").headers()) == 401


# --- what a front may report ----------------------------------------------------------------------

BROKEN = [
    "", "x", "é", quote("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    "%00", "%ff%fe", quote("-----BEGIN CERTIFICATE-----"), "A" * 20000, "%",
    quote(certificate("tls").pem)[:-40], quote(certificate("tls").pem.replace("M", "N", 5)),
]  # fmt: skip


@pytest.mark.parametrize("value", BROKEN, ids=lambda value: value[:20] or "empty")
def test_rfc8705_6_5_a_broken_certificate_is_none(program: Program, value: str) -> None:
    assert token(program, {"X-Cert": value, "X-Cert-Verify": "SUCCESS"}) == 401


def test_rfc8705_6_5_only_a_configured_front_reports_certificates(program: Program) -> None:
    form = {"grant_type": "client_credentials", "client_id": "tls"}
    client = program.house.app.test_client()

    for peer in ("192.0.2.1", "127.0.0.2", "::1", "", "garbage"):
        answer = client.post(
            "/token", data=form, headers=certificate("tls").headers(),
            environ_overrides={"REMOTE_ADDR": peer},
        )  # fmt: skip

        assert answer.status_code == 401


def test_rfc8705_6_5_the_walk_through_proxies_does_not_make_a_stranger_one(
    program: Program,
) -> None:
    form = {"grant_type": "client_credentials", "client_id": "tls"}
    headers = {**certificate("tls").headers(), "X-Forwarded-For": "127.0.0.1"}

    answer = program.house.app.test_client().post(
        "/token", data=form, headers=headers, environ_overrides={"REMOTE_ADDR": "192.0.2.1"}
    )

    assert answer.status_code == 401


def test_rfc8705_6_5_without_a_setting_no_header_counts(
    sqlite_template: Path, tmp_path: Path
) -> None:
    settings = {"header": "", "verified_header": "", "base": ""}
    house = open_plain_house(sqlite_template, tmp_path, mtls=settings)
    program = add_tls_program(house, "tls", grant_types=GRANTS)

    status = token(program)
    found = house.app.test_client().get("/.well-known/openid-configuration").get_json()
    house.database.close()

    assert status == 401
    assert not {"mtls_endpoint_aliases", "tls_client_certificate_bound_access_tokens"} & set(found)
    assert "tls_client_auth" not in found["token_endpoint_auth_methods_supported"]


# --- bound tokens ---------------------------------------------------------------------------------


def test_rfc8705_3_1_the_token_has_the_thumbprint_of_the_certificate(
    shared: House, program: Program, visitor: Visitor
) -> None:
    tokens = program.gets_tokens(visitor)

    claims = claims_of(shared, tokens["access_token"])
    assert claims["cnf"] == {"x5t#S256": certificate("tls").thumbprint}
    assert tokens["token_type"] == "Bearer"


def test_rfc8705_3_2_introspection_tells_it(program: Program, visitor: Visitor) -> None:
    tokens = program.gets_tokens(visitor)

    told = program.post("/introspect", token=tokens["access_token"]).get_json()

    assert told["cnf"] == {"x5t#S256": certificate("tls").thumbprint}


def test_rfc8705_3_the_resource_wants_that_certificate(program: Program, visitor: Visitor) -> None:
    token = program.gets_tokens(visitor)["access_token"]
    client = program.house.app.test_client()
    bearer = {"Authorization": f"Bearer {token}"}

    mine = client.get("/userinfo", headers={**bearer, **certificate("tls").headers()})
    none = client.get("/userinfo", headers=bearer)
    other = client.get("/userinfo", headers={**bearer, **certificate("stranger").headers()})

    assert [each.status_code for each in (mine, none, other)] == [200, 401, 401]
    assert 'error="invalid_token"' in none.headers["WWW-Authenticate"]


def test_rfc8705_3_a_client_that_registered_so_gets_no_token_without_a_certificate(
    shared: House,
) -> None:
    portal = add_portal(
        shared, "bound", grant_types=GRANTS, tls_client_certificate_bound_access_tokens=True
    )

    answer = portal.token(grant_type="client_credentials")

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")


def test_rfc8705_4_the_refresh_token_of_a_public_client_is_bound(
    database_url: str, tmp_path: Path
) -> None:
    house = open_house(database_url, tmp_path)
    visitor = sign_in(house, "app")
    app = add_program(
        house, "app", profile="standard", token_endpoint_auth_method="none", jwks=None,
        dpop_bound_access_tokens=False, tls_client_certificate_bound_access_tokens=True,
    )  # fmt: skip
    app.certificate = certificate("app")
    code = answer_of(visitor.client.get(app.plain_request()))["code"]
    refresh = app.redeem(code).get_json()["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": refresh}

    app.certificate = certificate("stranger")
    stolen = app.post("/token", **form)
    app.certificate = certificate("app")
    owner = app.post("/token", **form)
    house.database.close()

    assert (stolen.status_code, owner.status_code) == (400, 200)


def test_rfc8705_5_discovery_names_the_addresses_for_certificates(shared: House) -> None:
    found = shared.app.test_client().get("/.well-known/openid-configuration").get_json()
    aliases: dict[str, Any] = found["mtls_endpoint_aliases"]

    assert found["tls_client_certificate_bound_access_tokens"] is True
    assert aliases["token_endpoint"] == f"{MTLS}/token"
    assert all(aliases[name].replace(MTLS, ISSUER) == found[name] for name in aliases)
    assert {"tls_client_auth", "self_signed_tls_client_auth"} <= set(
        found["token_endpoint_auth_methods_supported"]
    )
