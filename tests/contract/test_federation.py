"""The provider and the sandbox's federation, with the real web adapter between them."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from joserfc import jws, jwt
from joserfc.jwk import KeySet
from werkzeug.serving import make_server

from idp.adapters.web import WebAdapter
from idp.config import Profile
from idp.oidc.federation import anchors
from idp.sandbox.app import World, create_app
from idp.sandbox.federation.entity import NotTrusted, verified
from idp.sandbox.people import People
from tests.oidc.federation.conftest import error_of, stored
from tests.support import house as houses
from tests.support.house import House
from tests.support.ports import free_port

ISSUER = "http://localhost:8000"


@dataclass
class Union:
    """The sandbox's federation, listening."""

    base: str
    folder: Path

    @property
    def portal(self) -> str:
        return f"{self.base}/province"

    def get(self, path: str, **query: str) -> httpx.Response:
        return httpx.get(f"{self.base}{path}", params=query)

    def ministry(self, does: str, entity_id: object) -> httpx.Response:
        return httpx.post(f"{self.base}/federation/bo-khcn/{does}", json={"entity_id": entity_id})

    def claims(self, path: str, **query: str) -> dict[str, Any]:
        """A statement, proven by the key of who made it."""
        name = path.split("/")[2]
        keys = self.get(f"/federation/{name}/jwks").json()
        found = jwt.decode(self.get(path, **query).text, KeySet.import_key_set(keys))
        assert found.header["typ"] == "entity-statement+jwt"
        return found.claims


@pytest.fixture
def union(tmp_path: Path) -> Iterator[Union]:
    port = free_port()
    base = f"http://localhost:{port}"
    world = World(people=People(tmp_path), folder=tmp_path / "sandbox")
    app = create_app(world, issuer=ISSUER, base=base)
    server = make_server("127.0.0.1", port, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Union(base, tmp_path)
    server.shutdown()
    server.server_close()


@pytest.fixture
def house(union: Union, sqlite_template: Path) -> Iterator[House]:
    """A provider that pinned the anchor, and demands the mark."""
    path = union.folder / "idp.sqlite"
    shutil.copy(sqlite_template, path)
    anchor = f"{union.base}/federation/anchor"
    anchors.write(
        union.folder / "keys", "sandbox", anchor, union.get("/federation/anchor/jwks").json()
    )
    section = {
        "enabled": True,
        "authority_hints": (anchor,),
        "required_trust_marks": (f"{union.base}/federation/marks/public-service-portal",),
        "refresh": 10,
    }
    tls = replace(
        houses.config_for("sqlite://", union.folder).tls, allow_private=("127.0.0.0/8", "::1/128")
    )
    built = houses.build(
        f"sqlite:///{path}",
        union.folder,
        web=WebAdapter(tls),
        federation=section,
        server={"profile": Profile.DEMO},
    )
    built.clock.now = datetime.now(UTC)
    yield built
    built.database.close()


def comes(union: Union, house: House) -> Any:
    """What the portal's visitor sees first, at the provider."""
    token = request_object(union)
    query = {
        "client_id": union.portal,
        "response_type": "code",
        "scope": "openid",
        "request": token,
    }
    return house.app.test_client().get("/authorize", query_string=query)


def request_object(union: Union) -> str:
    """A request signed with the portal's key, as its own code signs it."""
    from idp.sandbox.federation.entity import Entity, new_or_kept  # noqa: PLC0415
    from idp.sandbox.federation.province import FederatedParty  # noqa: PLC0415
    from idp.sandbox.portal_settings import PortalSettings  # noqa: PLC0415
    from idp.sandbox.relying_party import Attempt  # noqa: PLC0415

    folder = union.folder / "sandbox" / "federation"
    key = new_or_kept(folder, "province-protocol")
    anchor = Entity(f"{union.base}/federation/anchor", "", new_or_kept(folder, "anchor"))
    settings = PortalSettings(union.portal, "", "", 0, at=union.portal)
    party = FederatedParty(settings, issuer=ISSUER, anchor=anchor, key=key)
    return party.signed_request(Attempt(), {})


def test_a_portal_that_nobody_registered_joins_within_the_ministrys_policy(
    union: Union, house: House
) -> None:
    page = comes(union, house)

    assert page.status_code == 303, page.text
    found = stored(house, union.portal)
    assert found
    assert "email" not in found["scope"].split()
    assert set(found["contacts"]) == {"cong@hagiang.example.vn", "hotro@bokhcn.example.vn"}
    assert (found["id_token_signed_response_alg"], found["subject_type"]) == ("ES256", "pairwise")
    assert found["voucher"]["superior_name"] == "Bộ Khoa học và Công nghệ"


def test_a_portal_whose_ministry_withdrew_its_word_is_refused_and_may_come_back(
    union: Union, house: House
) -> None:
    assert comes(union, house).status_code == 303

    assert union.ministry("withdraw", union.portal).json() == []
    house.clock.forward(seconds=11)
    page = comes(union, house)
    assert union.ministry("enrol", union.portal).json() == [union.portal]
    house.clock.forward(seconds=61)

    assert error_of(page) == "IDP-1204"
    assert comes(union, house).status_code == 303


def test_statements_say_what_the_specification_asks_for(union: Union) -> None:
    anchor, ministry = (f"{union.base}/federation/{name}" for name in ("anchor", "bo-khcn"))

    own = union.claims("/federation/anchor/.well-known/openid-federation")
    about = union.claims("/federation/anchor/fetch", sub=ministry)
    portal = union.claims("/federation/bo-khcn/fetch", sub=union.portal)

    assert (own["iss"], own["sub"], "authority_hints" in own) == (anchor, anchor, False)
    assert own["trust_mark_issuers"]
    assert (about["iss"], about["sub"]) == (anchor, ministry)
    assert about["constraints"]["max_path_length"] == 1
    assert "openid_relying_party" in portal["metadata_policy"]
    assert union.get("/federation/anchor/list").json() == sorted(
        [ministry, f"{union.base}/federation/marks", ISSUER]
    )


@pytest.mark.parametrize(
    ("path", "query", "status", "error"),
    [
        ("/federation/anchor/fetch", {}, 400, "invalid_request"),
        ("/federation/anchor/fetch", {"sub": "@anchor"}, 400, "invalid_request"),
        ("/federation/anchor/fetch", {"sub": "https://nobody.example"}, 404, "not_found"),
        ("/federation/anchor/fetch", {"sub": ISSUER}, 503, "temporarily_unavailable"),
        ("/federation/anchor/list", {"intermediate": "true"}, 400, "unsupported_parameter"),
        ("/federation/nobody/list", {}, 404, "not_found"),
        ("/federation/nobody/.well-known/openid-federation", {}, 404, "not_found"),
        ("/federation/nobody/jwks", {}, 404, "not_found"),
        ("/federation/marks/trust-mark", {"trust_mark_type": "x", "sub": "y"}, 404, "not_found"),
    ],
)
def test_what_cannot_be_answered_is_told_with_the_code_of_section_8_9(
    union: Union, path: str, query: dict[str, str], status: int, error: str
) -> None:
    query = {name: value.replace("@anchor", f"{union.base}/federation/anchor")
             for name, value in query.items()}  # fmt: skip

    answer = union.get(path, **query)

    assert (answer.status_code, answer.json()["error"]) == (status, error)


@pytest.mark.parametrize(
    "entity_id",
    ["", None, 7, [], {}, "x", "https://example.vn", "http://169.254.169.254", "file:///etc/passwd",
     "http://localhost:99999", "http://localhost:1", "http://[::1", "http://localhost/?a=b",
     "a" * 5000],
)  # fmt: skip
def test_the_ministry_takes_only_portals_that_show_a_statement(
    union: Union, entity_id: object
) -> None:
    answer = union.ministry("enrol", entity_id)

    assert answer.status_code == 400
    assert answer.json()["error"]
    assert union.get("/federation/bo-khcn/list").json() == [union.portal]


def test_a_portal_without_the_ministry_gets_no_mark(union: Union) -> None:
    kind = f"{union.base}/federation/marks/public-service-portal"
    asked = {"trust_mark_type": kind, "sub": union.portal}
    before = union.get("/federation/marks/trust-mark", **asked)

    union.ministry("withdraw", union.portal)

    assert before.headers["Content-Type"] == "application/trust-mark+jwt"
    assert union.get("/federation/marks/trust-mark", **asked).status_code == 404


def status_of(union: Union, mark: str) -> httpx.Response:
    return httpx.post(f"{union.base}/federation/marks/trust-mark-status", data={"trust_mark": mark})


def test_8_4_the_issuer_says_whether_a_mark_still_stands(union: Union) -> None:
    kind = f"{union.base}/federation/marks/public-service-portal"
    asked = {"trust_mark_type": kind, "sub": union.portal}
    mark = union.get("/federation/marks/trust-mark", **asked).text
    keys = KeySet.import_key_set(union.get("/federation/marks/jwks").json())

    before = status_of(union, mark)
    union.ministry("withdraw", union.portal)
    after = status_of(union, mark)

    assert before.headers["Content-Type"] == "application/trust-mark-status-response+jwt"
    found = [jwt.decode(each.text, keys).claims for each in (before, after)]
    assert [each["status"] for each in found] == ["active", "revoked"]
    assert {each["trust_mark"] for each in found} == {mark}
    assert [status_of(union, each).status_code for each in ("", "x", mark[:-4])] == [400, 404, 404]


def test_8_5_the_issuer_lists_who_has_a_mark(union: Union) -> None:
    kind = f"{union.base}/federation/marks/public-service-portal"
    path = "/federation/marks/trust-marked"

    assert union.get(path, trust_mark_type=kind).json() == [union.portal]
    assert union.get(path, trust_mark_type=kind, sub="https://nobody.example").json() == []
    assert union.get(path, trust_mark_type="x").json() == []
    assert union.get(path).status_code == 400


def test_8_3_the_provider_resolves_a_portal_with_its_mark(union: Union, house: House) -> None:
    query = {"sub": union.portal, "trust_anchor": f"{union.base}/federation/anchor"}

    answer = house.app.test_client().get("/federation/resolve", query_string=query)

    found = json.loads(jws.extract_compact(answer.data).payload)
    assert found["metadata"]["openid_relying_party"]["subject_type"] == "pairwise"
    assert len(found["trust_chain"]) == 4
    [mark] = found["trust_marks"]
    assert mark["trust_mark_type"].endswith("/public-service-portal")


def test_the_portal_believes_no_statement_that_another_key_signed(union: Union) -> None:
    statement = union.get("/federation/anchor/fetch", sub=f"{union.base}/federation/marks").text
    wrong = union.get("/federation/marks/jwks").json()

    for spoilt in ("", "a.b.c", statement[:-4], f"{statement}x"):
        with pytest.raises(NotTrusted):
            verified(spoilt, None)
    with pytest.raises(NotTrusted):
        verified(statement, wrong)


def test_keys_are_kept_and_nobody_else_reads_them(union: Union) -> None:
    files = list((union.folder / "sandbox" / "federation").glob("*.json"))

    assert {file.stem for file in files} == {
        "anchor", "bo-khcn", "marks", "province", "province-protocol"
    }  # fmt: skip
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
