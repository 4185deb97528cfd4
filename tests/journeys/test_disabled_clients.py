"""``idp clients disable`` and ``enable``: a client and its tokens are refused, and come back."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from idp.domain.errors import Conflict
from idp.oidc.client_metadata import build
from idp.portals import Switch, every, standing, switch
from idp.storage import purge
from idp.storage.audit import AuditStore
from idp.storage.clients import ClientStore
from idp.storage.federation import AUTOMATIC, EXPLICIT, FederationStore
from tests.support import house as houses
from tests.support.build import NOW, VAULT
from tests.support.house import House, PortalClient, add_portal, second_node

API = "https://api.example.vn/"


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    built = houses.build(database_url, tmp_path)
    yield built
    built.database.close()


def signed_in(house: House) -> tuple[PortalClient, dict[str, Any]]:
    """A portal with tokens of somebody."""
    portal = add_portal(house)
    browser = house.browser()
    browser.registers()
    browser.client.delete_cookie("session")
    return portal, portal.signs_in_with(house.browser())


def turn(house: House, way: Switch, client_id: str = "hanoi") -> bool:
    return switch(house.base, client_id, way, by="Trần Thị Trực")


def elsewhere(house: House, database_url: str, portal: PortalClient) -> PortalClient:
    """The same portal, at a node that has never seen it."""
    node = second_node(house, database_url)
    return PortalClient(node, portal.client_id, portal.secret, portal.redirect_uri)


def test_a_disabled_client_is_refused_everywhere_and_so_are_its_tokens(
    house: House, database_url: str
) -> None:
    portal, tokens = signed_in(house)
    api = add_portal(house, "api", protected_resources=[API, "http://localhost:8000"])

    assert turn(house, Switch.DISABLE)

    there = elsewhere(house, database_url, portal)
    client = there.house.app.test_client()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    userinfo = client.get("/userinfo", headers=bearer)
    refreshed = there.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    told = client.post(
        "/introspect", data={"token": tokens["access_token"]}, auth=(api.client_id, api.secret)
    )
    page = client.get(portal.request())
    assert (userinfo.status_code, userinfo.get_json()["error"]) == (401, "invalid_token")
    assert 'error="invalid_token"' in userinfo.headers["WWW-Authenticate"]
    assert (refreshed.status_code, refreshed.get_json()["error"]) == (401, "invalid_client")
    assert told.get_json() == {"active": False}
    assert (page.status_code, "IDP-1201" in page.text) == (400, True)
    there.house.database.close()


def test_an_enabled_client_has_what_it_had_before(house: House, database_url: str) -> None:
    portal, tokens = signed_in(house)
    turn(house, Switch.DISABLE)

    assert turn(house, Switch.ENABLE)

    there = elsewhere(house, database_url, portal)
    answer = there.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert answer.status_code == 200
    there.house.database.close()


def test_another_node_knows_within_five_seconds(house: House) -> None:
    add_portal(house)
    seconds = [0.0]
    node = ClientStore(house.database, build, timer=lambda: seconds[0])
    assert node.find("hanoi")

    turn(house, Switch.DISABLE)
    seconds[0] = 2.0
    is_refused = node.find("hanoi") is None
    turn(house, Switch.ENABLE)
    is_back = node.find("hanoi") is not None

    assert (is_refused, is_back) == (True, True)


def test_every_decision_is_in_the_audit_once(house: House) -> None:
    add_portal(house)

    with ThreadPoolExecutor(8) as pool:
        changed = list(pool.map(lambda _: turn(house, Switch.DISABLE), range(8)))
    again = turn(house, Switch.DISABLE)

    audit = AuditStore(house.database, VAULT)
    audit.seal_pending()
    rows = [each.event for each in audit.export() if each.event.client_id == "hanoi"]
    assert (sorted(changed), again) == ([False] * 7 + [True], False)
    assert [(row.event, row.details) for row in rows] == [
        ("client.disabled", {"by": "Trần Thị Trực"})
    ]


@pytest.mark.parametrize("name", ["", "nobody", "\0", "a" * 5000, "' OR 1=1 --", "ĐÂY", "hanoi "])
def test_an_unknown_client_is_told(house: House, name: str) -> None:
    add_portal(house)

    for way in Switch:
        with pytest.raises(Conflict, match=r"client\.unknown"):
            turn(house, way, name)


def test_new_metadata_does_not_enable_a_disabled_client(house: House) -> None:
    add_portal(house)
    turn(house, Switch.DISABLE)

    add_portal(house, client_name="Tên mới")

    assert ClientStore(house.database, build).find("hanoi") is None


# --- clients of federations -----------------------------------------------------------------------


def vouched(house: House, name: str, source: str = AUTOMATIC) -> str:
    client_id = f"https://{name}.example.vn"
    metadata = {"client_id": client_id, "redirect_uris": [f"{client_id}/callback"]}
    store = FederationStore(house.database)
    assert store.save(metadata, source, until=NOW + timedelta(hours=1), now=NOW)
    return client_id


def test_the_list_says_how_a_client_stands(house: House) -> None:
    add_portal(house, "a")
    add_portal(house, "b")
    turn(house, Switch.DISABLE, "b")
    vouched(house, "c")

    def shown() -> list[str]:
        return [standing(*each, now=house.clock()) for each in every(house.base)]

    before = shown()
    house.clock.forward(hours=2)

    assert before[:2] == ["", "[disabled]"]
    assert before[2].startswith("[until 20")
    assert shown()[2].startswith("[ended 20")


def test_purge_forgets_what_no_federation_vouches_for_any_more(house: House) -> None:
    add_portal(house)
    gone = vouched(house, "gone"), vouched(house, "gone2", EXPLICIT)
    disabled = vouched(house, "disabled")
    turn(house, Switch.DISABLE, disabled)
    used = vouched(house, "used")
    granted(house, used)

    early = dict(purge.purge(house.database, now=NOW + timedelta(days=7)))
    kept = {row.client_id for _, row in every(house.base)}
    late = dict(purge.purge(house.database, now=NOW + timedelta(days=7, hours=2)))
    left = {row.client_id for _, row in every(house.base)}

    assert (early["clients"], kept) == (0, {"hanoi", *gone, disabled, used})
    assert (late["clients"], left) == (2, {"hanoi", disabled, used})
    assert dict(purge.purge(house.database, now=NOW + timedelta(days=90)))["clients"] == 1


def granted(house: House, client_id: str) -> None:
    """The client holds a grant that lives for a month."""
    portal, tokens = signed_in(house)
    assert tokens["refresh_token"]
    until = int((NOW + timedelta(days=30)).timestamp() * 1000)
    values = {"new": client_id, "old": portal.client_id, "until": until}
    statement = "UPDATE grants SET client_id = :new, expires_at = :until WHERE client_id = :old"
    with house.database.transaction() as connection:
        connection.execute(text(statement), values)
