"""Authlib is our vocabulary, not our server: rules of docs/security.md that no request shows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from joserfc import jws

from idp.oidc import keys as signing
from idp.oidc.keys import KeyRing, KeyState
from tests.support.build import NOW, TestClock
from tests.support.house import House, PortalClient, add_portal, answer_of
from tests.support.portal_kit import Visitor

IDP = Path(signing.__file__).parents[1]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{each.name}" for each in node.names)
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names)


def of_authlib() -> dict[str, set[str]]:
    """What every file of ours takes from Authlib."""
    found = {
        str(path.relative_to(IDP)): {name for name in imports(path) if name.startswith("authlib")}
        for path in IDP.rglob("*.py")
    }
    return {path: names for path, names in found.items() if names}


def test_trap_8_only_the_active_key_signs_and_every_token_names_it(tmp_path: Path) -> None:
    clock = TestClock(NOW)
    ring = KeyRing(tmp_path, clock, announce=timedelta(0), retire=timedelta(days=1))
    ring.ensure()
    ring.rotate()
    active = {key.kid for key in ring.list() if key.state is KeyState.ACTIVE}

    tokens = [ring.sign("ES256", "JWT", {"n": number}) for number in range(30)]

    kids = {jws.extract_compact(token.encode()).headers()["kid"] for token in tokens}
    assert len(kids) == 1
    assert kids < active


def test_trap_9_a_key_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = KeyRing(tmp_path, TestClock(NOW), announce=timedelta(0), retire=timedelta(days=1))
    ring.ensure()
    ring.sign("RS256", "JWT", {})
    monkeypatch.setattr(signing, "_import", lambda path: pytest.fail(f"{path} is read again"))

    assert len({ring.sign("RS256", "JWT", {"n": number}) for number in range(20)}) == 20


FAULTS = {
    "client_id": "nobody",
    "redirect_uri": "https://evil.example/",
    "response_mode": "fragment",
    "response_type": "token",
    "scope": "profile",
    "claims": "{",
    "prompt": "none login",
}
EXPECTED = ["", "", "response_mode", "only code", "scope", "claims", "prompt"]


@pytest.mark.parametrize("first", range(len(FAULTS)))
def test_trap_11_the_first_fault_in_the_written_order_is_told(
    shared: House, visitor: Visitor, first: int
) -> None:
    portal = add_portal(shared, f"order{first}")
    wrong = dict(list(FAULTS.items())[first:])

    page = visitor.client.get(portal.request(**wrong))

    if EXPECTED[first]:
        assert EXPECTED[first] in answer_of(page)["error_description"]
    else:
        assert page.status_code == 400
        assert "Location" not in page.headers


def test_trap_16_17_nothing_of_its_random_texts_and_tables_is_used() -> None:
    taken = {name for names in of_authlib().values() for name in names}

    assert not {name for name in taken if "generate_token" in name or "sqla" in name}


def test_trap_18_no_server_class_of_its_frameworks_is_used() -> None:
    taken = {name for names in of_authlib().values() for name in names}

    assert not {name for name in taken if name.startswith("authlib.integrations")}


def test_trap_19_only_the_protocol_knows_it() -> None:
    assert {path.split("/")[0] for path in of_authlib()} == {"oidc"}


def test_trap_21_its_old_jose_is_never_imported() -> None:
    taken = {name for names in of_authlib().values() for name in names}

    assert not {name for name in taken if name.startswith("authlib.jose")}
    assert taken


def test_trap_3_a_tls_front_that_speaks_http_to_us_is_no_fault(
    shared: House, visitor: Visitor
) -> None:
    visitor.agrees("front")
    portal: PortalClient = add_portal(shared, "front")
    code = answer_of(visitor.client.get(portal.request()))["code"]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": portal.redirect_uri,
        "code_verifier": portal.verifier,
    }

    answer = shared.app.test_client().post(
        "/token", data=form, auth=("front", portal.secret), base_url="http://container:8080"
    )

    assert answer.status_code == 200
