"""Every address of the protocol with every method, and names that are nearly its own (RFC 9110, 9;
CWE-650, CWE-436), and the addresses of a federation in the hands of somebody who is in none.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from idp.oidc.federation import anchors
from tests.support import house as houses
from tests.support.federation import ANCHOR, PORTAL, Standard, public, standard
from tests.support.house import House
from tests.support.portal_kit import CHALLENGE, b64

ALLOWED = {
    "/token": {"POST"},
    "/par": {"POST"},
    "/introspect": {"POST"},
    "/revoke": {"POST"},
    "/device_authorization": {"POST"},
    "/bc-authorize": {"POST"},
    "/connect/register": {"POST"},
    "/userinfo": {"GET", "POST"},
    "/jwks": {"GET"},
    "/.well-known/openid-configuration": {"GET"},
    "/.well-known/oauth-authorization-server": {"GET"},
    "/.well-known/ssf-configuration": {"GET"},
    "/authorize": {"GET", "POST"},
    "/logout": {"GET", "POST"},
    "/ssf/streams": {"GET", "POST", "PUT", "PATCH", "DELETE"},
    "/ssf/status": {"GET", "POST"},
    "/ssf/verify": {"POST"},
    "/ssf/subjects/add": {"POST"},
    "/ssf/subjects/remove": {"POST"},
    "/oauth2/token": {"POST"},
    "/oauth2/userinfo": {"GET", "POST"},
    "/oauth2/introspect": {"POST"},
    "/oauth2/revoke": {"POST"},
    "/oauth2/techid": {"POST"},
}
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "EVIL"]
OVERRIDES = {
    "X-HTTP-Method-Override": "POST",
    "X-HTTP-Method": "POST",
    "X-Method-Override": "POST",
}


@pytest.mark.parametrize("path", ALLOWED)
@pytest.mark.parametrize("method", METHODS)
def test_rfc9110_9_another_method_does_nothing_whatever_a_header_calls_it(
    target: House, path: str, method: str
) -> None:
    answer = target.app.test_client().open(
        f"{path}?_method=POST", method=method, headers={**OVERRIDES, "Cookie": "secret=1"}
    )

    if method in ALLOWED[path]:
        assert answer.status_code < 500
        return
    assert answer.status_code == 405
    assert "secret" not in answer.text
    assert set(answer.headers["Allow"].split(", ")) - {"HEAD", "OPTIONS"} == ALLOWED[path]


SUFFIXES = ["/", "/.", "/..", "//", ";x=1", "%20", "%00", "%2f", ".", ".json", "\\", "%0d%0aX:%20y",
            "/%2e%2e/account", "?/../account", "#x"]  # fmt: skip


@pytest.mark.parametrize("path", ["/token", "/jwks", "/userinfo", "/authorize", "/introspect"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_address_that_is_nearly_one_of_ours_is_answered_as_it_would_be(
    target: House, path: str, suffix: str
) -> None:
    environ = {"PATH_INFO": (path + suffix).partition("?")[0].replace("%00", "\0")}

    answer = target.app.test_client().post("/", environ_overrides=environ, data={"x": "y"})

    assert answer.status_code in ({404, 405} if "?" not in suffix else {303, 400, 401, 405})
    assert "X" not in answer.headers


# --- a federation -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world() -> Standard:
    return standard()


@pytest.fixture(scope="module")
def member(
    world: Standard, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("federated")
    shutil.copy(sqlite_template, folder / "idp.sqlite")
    anchors.write(folder / "keys", "ttdlqg", ANCHOR, public(world.anchor.key))
    section = {
        "enabled": True, "authority_hints": (ANCHOR,), "per_network_minute": 10_000,
        "per_minute": 10_000,
    }  # fmt: skip
    url = f"sqlite:///{folder / 'idp.sqlite'}"
    built = houses.build(url, folder, web=world.web, federation=section)
    yield built
    built.database.close()


NAMES = {
    "nothing": "",
    "a word": "x",
    "this machine": "https://127.0.0.1",
    "this machine by name": "https://localhost",
    "the other family": "https://[::1]",
    "metadata of a cloud": "https://169.254.169.254",
    "http": "http://portal.example.vn",
    "a file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:25",
    "a user": "https://user@portal.example.vn",
    "a query": "https://portal.example.vn?x=1",
    "a fragment": "https://portal.example.vn#x",
    "a port that is none": "https://portal.example.vn:99999",
    "a line break": "https://portal.example.vn\r\nX: y",
    "a zero byte": "https://portal.example.vn\0",
    "a backslash": "https://portal.example.vn\\@evil.example",
    "another alphabet": "https://pоrtal.example.vn",
    "a zone": "https://[fe80::1%25eth0]",
    "very long": "https://portal.example.vn/" + "a" * 5000,
    "a stranger": "https://evil.example",
    "the anchor itself": ANCHOR,
    "capitals": PORTAL.upper(),
    "a slash": f"{PORTAL}/",
}


@pytest.mark.parametrize("how", NAMES)
def test_federation_8_3_nothing_is_said_about_what_is_no_member(member: House, how: str) -> None:
    query = {"sub": NAMES[how], "trust_anchor": ANCHOR}

    answer = member.app.test_client().get("/federation/resolve", query_string=query)

    assert answer.status_code in {400, 404} or how == "the anchor itself"
    assert answer.status_code < 500


@pytest.mark.parametrize("how", NAMES)
def test_federation_12_1_nobody_enters_under_a_name_that_no_superior_knows(
    member: House, world: Standard, how: str
) -> None:
    header = b64(json.dumps({"alg": "ES256", "typ": "oauth-authz-req+jwt", "kid": "x"}).encode())
    claims = b64(json.dumps({"iss": NAMES[how], "client_id": NAMES[how], "aud": "x"}).encode())
    asked: dict[str, Any] = {
        "client_id": NAMES[how], "redirect_uri": "https://evil.example/cb", "scope": "openid",
        "response_type": "code", "code_challenge": CHALLENGE, "code_challenge_method": "S256",
        "request": f"{header}.{claims}.{b64(bytes(64))}",
    }  # fmt: skip
    before = len(world.web.asked)

    page = member.app.test_client().get("/authorize", query_string=asked)
    pushed = member.app.test_client().post("/par", data={
        "client_id": NAMES[how],
        "client_assertion": asked["request"],
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    })  # fmt: skip

    assert (page.status_code, "Location" in page.headers) == (400, False)
    assert pushed.status_code in {400, 401, 404}
    assert len(world.web.asked) == before


STATEMENTS = {
    "nothing": b"",
    "no JWT": b"a.b.c",
    "bytes": b"\xff\xfe",
    "zero bytes": bytes(500),
    "JSON": b"{}",
    "dots": b"." * 1000,
    "very long": b"a" * 60_000,
    "unsigned": b64(b'{"alg":"none","typ":"entity-statement+jwt"}').encode() + b".e30.",
    "a chain that is empty": b"[]",
    "a chain of numbers": b"[1,2,3]",
    "a chain that is an object": b"{}",
    "a chain without end": b"[" * 30_000,
    "a chain of three thousand": json.dumps(["a.b.c"] * 3000).encode(),
    "a chain in a chain": b'[["a.b.c"]]',
    "null": b"null",
}
KINDS = ["application/entity-statement+jwt", "application/trust-chain+json", "application/json",
         "text/plain", ""]  # fmt: skip


@pytest.mark.parametrize("how", STATEMENTS)
@pytest.mark.parametrize("kind", KINDS)
def test_federation_12_2_what_is_no_statement_registers_nobody(
    member: House, world: Standard, kind: str, how: str
) -> None:
    before = len(world.web.asked)

    answer = member.app.test_client().post(
        "/federation/register", data=STATEMENTS[how], content_type=kind
    )

    assert answer.status_code in {400, 413}
    assert answer.get_json()["error"] in {"invalid_request", "invalid_trust_chain"}
    assert len(world.web.asked) == before
