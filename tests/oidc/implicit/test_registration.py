"""Who may register for the implicit flow, and where it is announced (RFC 7591, Discovery)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner
from joserfc.jwk import ECKey

from idp import portals
from idp.cli import main
from idp.config import RegistrationMode
from idp.domain.clients import ResponseType
from idp.oidc.client_addresses import Loopback
from idp.oidc.client_metadata import InvalidMetadata, check
from idp.oidc.federation import anchors
from idp.oidc.federation.statements import read as read_statement
from idp.oidc.response_types import CODE_ONLY
from tests.oidc.conformance.suite import Suite
from tests.oidc.implicit.kit import BOTH, ID_TOKEN, ON, TOKENS, add_implicit, told
from tests.support import house as houses
from tests.support.federation import (
    ANCHOR,
    PORTAL,
    SECONDS,
    Standard,
    public,
    relying_party,
    standard,
)
from tests.support.house import House
from tests.support.portal_kit import Documents, claims_of

EVERY = tuple(ResponseType)
ONLY = {"grant_types": ["implicit"], "response_types": ["id_token", "id_token token"]}
WEB = {"redirect_uris": ["https://rp.example.vn/cb"]}
CONFIG = str(Path(__file__).parents[3] / "config.toml")


def fault_of(metadata: dict[str, Any], loopback: Loopback = Loopback.REFUSED) -> tuple[str, str]:
    """Why metadata cannot be registered where the implicit flow is on."""
    with pytest.raises(InvalidMetadata) as caught:
        check({**WEB, **metadata}, loopback, EVERY)
    return caught.value.code, caught.value.detail


# --- what goes with what --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "metadata",
    [ONLY, BOTH, {**ONLY, "response_types": ["id_token"]},
     {**ONLY, "token_endpoint_auth_method": "none"},
     {**BOTH, "token_endpoint_auth_method": "none"}],
    ids=["implicit", "both", "id_token", "public", "public with codes"],
)  # fmt: skip
def test_registration_2_a_client_may_register_for_it(metadata: dict[str, Any]) -> None:
    found = check({**WEB, **metadata}, Loopback.REFUSED, EVERY)

    assert found["response_types"] == metadata["response_types"]


def test_rfc7591_2_the_order_of_the_words_does_not_matter() -> None:
    asked = {**WEB, "grant_types": ["implicit"], "response_types": ["token id_token"]}

    assert check(asked, Loopback.REFUSED, EVERY)["response_types"] == ["id_token token"]


MISMATCHED: dict[str, dict[str, Any]] = {
    "a type without the grant": {"grant_types": ["authorization_code"],
                                 "response_types": ["code", "id_token"]},
    "a type and the default grants": {"response_types": ["id_token token"]},
    "the grant and the default type": {"grant_types": ["implicit"]},
    "the grant without a type": {"grant_types": ["implicit"], "response_types": []},
    "the grant and codes": {"grant_types": ["implicit", "authorization_code"],
                            "response_types": ["code"]},
    "codes without their grant": {"grant_types": ["implicit"],
                                  "response_types": ["code", "id_token"]},
    "the codes' grant without codes": {"grant_types": ["implicit", "authorization_code"],
                                       "response_types": ["id_token"]},
    "another flow's grant": {"grant_types": ["client_credentials"],
                             "response_types": ["id_token"]},
}  # fmt: skip


@pytest.mark.parametrize("metadata", MISMATCHED.values(), ids=MISMATCHED)
def test_rfc7591_2_1_grant_types_and_response_types_correspond(metadata: dict[str, Any]) -> None:
    code, detail = fault_of(metadata)

    assert code == "invalid_client_metadata"
    assert "goes with" in detail


@pytest.mark.parametrize(
    "kinds",
    [["token"], ["code token"], ["code id_token"], ["code id_token token"], ["none"], ["ID_TOKEN"],
     ["id_token "], [""], "id_token", [5], [None], [["id_token"]], {"id_token": 1}, 5],
    ids=str,
)  # fmt: skip
def test_registration_2_no_other_response_type_is_registered(kinds: object) -> None:
    code, _ = fault_of({"grant_types": ["implicit"], "response_types": kinds})

    assert code == "invalid_client_metadata"


# --- whom it is not for ---------------------------------------------------------------------------


def test_fapi2_5_3_2_2_no_client_of_fapi2_registers_for_it() -> None:
    key = ECKey.generate_key("P-256")
    strict = {
        "profile": "fapi2", "token_endpoint_auth_method": "private_key_jwt",
        "dpop_bound_access_tokens": True, "jwks": {"keys": [key.as_dict(private=False)]},
    }  # fmt: skip

    check({**WEB, **strict}, Loopback.REFUSED, EVERY)
    code, _ = fault_of({**strict, **BOTH, "response_types": ["code", "id_token"]})

    assert code == "invalid_client_metadata"


def test_a_portal_of_the_national_sso_does_not_either() -> None:
    old = {"profile": "dvcqg", "require_pkce": False}

    check({**WEB, **old}, Loopback.REFUSED, EVERY)

    assert fault_of({**old, **BOTH}) == (
        "invalid_client_metadata", "the implicit flow is for the profile standard only",
    )  # fmt: skip


@pytest.mark.parametrize(
    "binding", ["dpop_bound_access_tokens", "tls_client_certificate_bound_access_tokens"]
)
def test_rfc9449_5_who_wants_bound_tokens_gets_none_from_the_browser(binding: str) -> None:
    _, detail = fault_of({**BOTH, binding: True})

    assert "cannot be bound" in detail
    check({**WEB, **ONLY, "response_types": ["id_token"], binding: True}, Loopback.REFUSED, EVERY)


@pytest.mark.parametrize(
    "uri", ["http://rp.example.vn/cb", "http://localhost/cb", "https://localhost/cb",
            "https://127.0.0.1/cb", "https://[::1]:8443/cb", "https://rp.example.vn/#", "https://["],
)  # fmt: skip
def test_registration_2_tokens_of_a_web_client_go_to_https_and_not_to_localhost(uri: str) -> None:
    code, _ = fault_of({**ONLY, "redirect_uris": [uri]})

    assert code == "invalid_redirect_uri"


@pytest.mark.parametrize(
    ("uri", "changes", "loopback"),
    [
        ("http://127.0.0.1/cb", {"application_type": "native"}, Loopback.REFUSED),
        ("vn.example.app:/cb", {"application_type": "native"}, Loopback.REFUSED),
        ("http://localhost:3000/cb", {}, Loopback.ALLOWED),
    ],
    ids=["native", "scheme", "test client"],
)
def test_core_3_2_2_1_http_is_for_the_own_machine(
    uri: str, changes: dict[str, str], loopback: Loopback
) -> None:
    assert check({**ONLY, **changes, "redirect_uris": [uri]}, loopback, EVERY)


def test_rfc7591_2_an_answer_needs_an_address() -> None:
    assert fault_of({**ONLY, "redirect_uris": []})[0] == "invalid_redirect_uri"


def test_rfc7591_3_2_2_without_the_setting_nobody_registers_for_it() -> None:
    for metadata in (ONLY, BOTH, {"response_types": ["id_token"]}, {"grant_types": ["implicit"]}):
        with pytest.raises(InvalidMetadata, match="the implicit flow is not offered here"):
            check({**WEB, **metadata}, Loopback.REFUSED, CODE_ONLY)


# --- every way to register ------------------------------------------------------------------------

Build = Callable[..., House]


@pytest.fixture
def build(sqlite_template: Path, tmp_path: Path) -> Build:
    """A provider with other settings of ``[oidc]``."""

    def made(**oidc: Any) -> House:
        path = tmp_path / "plain.sqlite"
        shutil.copy(sqlite_template, path)
        return houses.build(f"sqlite:///{path}", tmp_path, web=Documents(), oidc=oidc)

    return made


@pytest.mark.parametrize("kinds", [["id_token"], ["id_token token"], ["token id_token"]], ids=str)
def test_rfc7591_3_1_a_client_registers_itself_and_gets_its_tokens(
    build: Build, kinds: list[str]
) -> None:
    """oidcc-server of the implicit plan, from registration to the ID token."""
    suite = Suite(build(registration=RegistrationMode.OPEN, **ON), Documents())
    suite.browser().registers()
    rp = suite.client(grant_types=["implicit"], response_types=kinds)

    page = suite.signs_in(suite.browser(), rp.request(scope="openid", response_type=kinds[0]))

    assert claims_of(suite.house, told(page)["id_token"])["aud"] == rp.client_id


def test_rfc7591_3_2_2_without_the_setting_the_wire_refuses(build: Build) -> None:
    suite = Suite(build(registration=RegistrationMode.OPEN), Documents())

    for metadata in (ONLY, BOTH):
        answer = suite.registers(**metadata)
        assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_client_metadata")


def test_rfc7592_2_2_a_client_changes_to_it_and_back(build: Build) -> None:
    suite = Suite(build(registration=RegistrationMode.OPEN, **ON), Documents())
    made = suite.registers().get_json()
    headers = {"Authorization": f"Bearer {made['registration_access_token']}"}
    kept = {name: made[name] for name in ("client_id", "redirect_uris", "scope")}
    client = suite.house.app.test_client()

    def put(**changes: Any) -> Any:
        path = f"/connect/register/{made['client_id']}"
        return client.put(path, json={**kept, **changes}, headers=headers)

    assert put(**ONLY).get_json()["response_types"] == ONLY["response_types"]
    assert put(grant_types=["implicit"]).status_code == 400
    assert put().get_json()["response_types"] == ["code"]


def test_rfc9700_4_11_2_an_error_of_a_stranger_is_shown_first(build: Build) -> None:
    suite = Suite(build(registration=RegistrationMode.OPEN, **ON), Documents())
    rp = suite.client(**ONLY)

    page = suite.browser().visit(rp.request(**TOKENS, nonce=None))

    assert page.status_code == 400
    assert f'href="{rp.redirect_uri}#error=invalid_request' in page.text


@pytest.fixture
def command(database_url: str, tmp_path: Path) -> Any:
    (tmp_path / "keys" / "trust").mkdir(parents=True)

    def run(*arguments: str, on: str = "true") -> Any:
        environment = {
            "IDP_DATABASE__URL": database_url,
            "IDP_KEYS__DIRECTORY": str(tmp_path / "keys"),
            "IDP_OIDC__IMPLICIT_FLOW": on,
        }
        return CliRunner().invoke(main, ["--config", CONFIG, *arguments], env=environment)

    return run


def test_idp_clients_register_takes_it_where_the_setting_is_on(
    command: Any, tmp_path: Path
) -> None:
    file = tmp_path / "client.json"
    file.write_text(json.dumps({**WEB, **ONLY}), encoding="utf-8")

    refused = command("clients", "register", "--json", str(file), on="false")
    made = command("clients", "register", "--json", str(file))

    assert refused.exit_code == 1
    assert "the implicit flow is not offered here" in refused.output
    assert json.loads(made.output)["response_types"] == ONLY["response_types"]


def test_idp_clients_apply_takes_it_where_the_setting_is_on(command: Any, tmp_path: Path) -> None:
    (tmp_path / "clients").mkdir()
    (tmp_path / "clients" / "spa.toml").write_text(
        'redirect_uris = ["https://spa.example.vn/cb"]\ntoken_endpoint_auth_method = "none"\n'
        'grant_types = ["implicit"]\nresponse_types = ["id_token token"]\n',
        encoding="utf-8",
    )
    apply = ("clients", "apply", "--folder", str(tmp_path / "clients"))

    refused, made = command(*apply, on="false"), command(*apply)

    assert refused.exit_code == 1
    assert "the implicit flow is not offered here" in refused.output
    assert "+ spa" in made.output


def test_fapi2_5_3_2_2_the_report_names_it_among_what_keeps_a_client_from_fapi2(
    build: Build,
) -> None:
    house = build(**ON)
    add_implicit(house, "spa")
    add_implicit(house, "plain", grant_types=["authorization_code"], response_types=["code"])

    gaps = {name: " ".join(found) for name, _, found in portals.report(house.base)}

    assert "implicit must go" in gaps["spa"]
    assert "implicit" not in gaps["plain"]


# --- discovery ------------------------------------------------------------------------------------


def discovery(house: House) -> dict[str, Any]:
    found: dict[str, Any] = (
        house.app.test_client().get("/.well-known/openid-configuration").get_json()
    )
    return found


def test_discovery_3_what_a_dynamic_provider_must_support_is_announced(build: Build) -> None:
    """oidcc-discovery-endpoint-verification of the dynamic plan (Core, 15.2)."""
    found = discovery(build(**ON))

    assert found["response_types_supported"] == ["code", "id_token", "id_token token"]
    assert {"authorization_code", "implicit"} <= set(found["grant_types_supported"])
    assert {"fragment", "fragment.jwt", "query", "form_post"} <= set(
        found["response_modes_supported"]
    )


def test_rfc9700_2_1_2_without_the_setting_none_of_it_is(build: Build) -> None:
    found = discovery(build())

    assert found["response_types_supported"] == ["code"]
    assert "implicit" not in found["grant_types_supported"]
    assert found["response_modes_supported"] == [
        "query", "form_post", "jwt", "query.jwt", "form_post.jwt",
    ]  # fmt: skip


# --- federation -----------------------------------------------------------------------------------


def federated(world: Standard, url: str, folder: Path, **oidc: Any) -> House:
    anchors.write(folder / "keys", "ttdlqg", ANCHOR, public(world.anchor.key))
    section = {"enabled": True, "authority_hints": (ANCHOR,)}
    return houses.build(url, folder, web=world.web, federation=section, oidc=oidc)


@pytest.fixture
def world() -> Standard:
    """A portal of a federation that says it uses the implicit flow alone."""
    found = standard()
    found.portal.metadata = relying_party(PORTAL, found.rp, **ONLY)
    return found


def test_federation_5_1_3_our_statement_says_what_discovery_says(
    world: Standard, database_url: str, tmp_path: Path
) -> None:
    house = federated(world, database_url, tmp_path, **ON)

    text = house.app.test_client().get("/.well-known/openid-federation").text

    provider = read_statement(text, now=SECONDS).metadata["openid_provider"]
    assert provider == discovery(house)
    assert "implicit" in provider["grant_types_supported"]
    house.database.close()


def test_federation_12_1_a_portal_that_a_federation_vouches_for_may_use_it(
    world: Standard, database_url: str, tmp_path: Path
) -> None:
    house = federated(world, database_url, tmp_path, **ON)
    browser = house.browser()
    browser.registers()
    signed = world.request_object(
        **ID_TOKEN, code_challenge=None, code_challenge_method=None
    )  # fmt: skip
    query = {"client_id": PORTAL, **ID_TOKEN, "request": signed}

    page = browser.signs_in_at(f"/authorize?{urlencode(query)}")

    assert claims_of(house, told(page)["id_token"])["aud"] == PORTAL
    house.database.close()


def test_federation_12_1_without_the_setting_it_is_not_let_in(
    world: Standard, database_url: str, tmp_path: Path
) -> None:
    house = federated(world, database_url, tmp_path)
    query = {"client_id": PORTAL, **ID_TOKEN, "request": world.request_object(**ID_TOKEN)}

    page = house.app.test_client().get("/authorize", query_string=query)

    assert page.status_code == 400
    assert "Location" not in page.headers
    house.database.close()


# --- without the setting --------------------------------------------------------------------------


def test_rfc9700_2_1_2_a_client_from_before_gets_nothing_once_it_is_off(build: Build) -> None:
    """Its registration stays; the setting decides."""
    house = build(**ON)
    portal = add_implicit(house, "before")
    house.database.close()
    path = house.base.config.database_url

    off = houses.build(path, house.base.config.folder)
    page = off.app.test_client().get(portal.request(**TOKENS))

    assert "error=unsupported_response_type" in page.headers["Location"]
    assert "#" not in page.headers["Location"]
    off.database.close()
