"""What we say about ourselves is a statement that others can check (sections 3, 5.1.3, 9)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from idp.domain.errors import ConfigError
from idp.oidc.client_addresses import Loopback
from idp.oidc.federation import anchors, building
from idp.oidc.federation.configuration import About, OwnConfiguration
from idp.oidc.federation.statements import read
from tests.oidc.federation.conftest import Build
from tests.support.federation import ANCHOR, ISSUER, SECONDS, Standard, new_key, public, sign
from tests.support.house import House

URL = "/.well-known/openid-federation"
MARK = "https://ttdlqg.example.vn/marks/cong"


def own(house: House) -> Any:
    return read(house.app.test_client().get(URL).text, now=SECONDS)


def test_9_2_the_configuration_has_its_own_content_type(house: House) -> None:
    answer = house.app.test_client().get(URL)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/entity-statement+jwt"


def test_3_1_it_is_signed_by_a_key_that_it_names(house: House) -> None:
    found = own(house)

    found.verify(found.keys)
    assert (found.iss, found.sub) == (ISSUER, ISSUER)
    assert found.authority_hints == (ANCHOR,)
    assert found.claims["trust_anchor_hints"] == [ANCHOR]


def test_3_1_1_federation_keys_are_no_keys_for_tokens(house: House) -> None:
    tokens = {key["kid"] for key in house.app.test_client().get("/jwks").get_json()["keys"]}

    assert not {key.kid for key in own(house).keys.keys} & tokens


def test_5_1_3_it_says_what_discovery_says(house: House) -> None:
    discovery = house.app.test_client().get("/.well-known/openid-configuration").get_json()

    found = own(house).metadata["openid_provider"]

    assert found == discovery
    assert found["issuer"] == ISSUER
    assert found["client_registration_types_supported"] == ["automatic", "explicit"]
    assert found["federation_registration_endpoint"] == f"{ISSUER}/federation/register"


def test_5_1_1_a_leaf_has_no_fetch_endpoint(house: House) -> None:
    assert not {"federation_fetch_endpoint", "federation_list_endpoint"} & set(
        own(house).metadata["federation_entity"]
    )


def test_11_2_a_new_key_is_announced_before_it_signs(house: House) -> None:
    ring = building.key_ring(house.base.config, house.clock)
    about = About(ISSUER, (ANCHOR,), (), "x", (), timedelta(hours=1))
    ourselves = OwnConfiguration(about, ring, house.clock, {})
    before = read(ourselves.statement(), now=SECONDS)
    ring.rotate()
    house.clock.forward(minutes=2)

    after = read(ourselves.statement(), now=SECONDS + 120)

    assert len(after.keys.keys) == len(before.keys.keys) + 1
    assert after.unverified.header["kid"] == before.unverified.header["kid"]


@pytest.mark.parametrize(
    ("claims", "shown"),
    [
        ({}, True), ({"exp": SECONDS + 9}, True), ({"exp": SECONDS - 1}, False),
        ({"sub": "https://other.example"}, False),
    ],
)  # fmt: skip
def test_3_1_2_our_trust_marks_are_shown_while_they_hold(
    build: Build, world: Standard, tmp_path: Path, claims: dict[str, Any], *, shown: bool
) -> None:
    body = {"iss": ANCHOR, "sub": ISSUER, "iat": SECONDS, "trust_mark_type": MARK, **claims}
    mark = sign(body, world.anchor.key, typ="trust-mark+jwt")
    (tmp_path / "mark.jwt").write_text(f"{mark}\n")
    house = build(trust_marks=("mark.jwt", "missing.jwt"))

    expected = [{"trust_mark_type": MARK, "trust_mark": mark}] if shown else []
    assert own(house).claims.get("trust_marks", []) == expected


# --- pinned anchors -------------------------------------------------------------------------------


def write(folder: Path, name: str, text: str) -> None:
    place = folder / "trust" / "federation"
    place.mkdir(parents=True, exist_ok=True)
    (place / name).write_text(text)


def test_an_anchor_is_pinned_by_toml_with_a_file_of_keys(tmp_path: Path) -> None:
    import json  # noqa: PLC0415

    write(tmp_path, "keys.json", json.dumps(public(new_key("k"))))
    write(tmp_path, "a.toml", f'entity_id = "{ANCHOR}"\njwks_file = "keys.json"\nlabel = "x"\n')

    found = anchors.load(tmp_path, Loopback.REFUSED)

    assert [key.kid for key in found[ANCHOR].keys.keys] == ["k"]


@pytest.mark.parametrize(
    "text",
    [
        "entity_id = 7", 'entity_id = "http://a.example"', f'entity_id = "{ANCHOR}"',
        f'entity_id = "{ANCHOR}"\njwks = "{{}}"', f'entity_id = "{ANCHOR}"\njwks_file = "no.json"',
        f'entity_id = "{ANCHOR}"\njwks = "x"\njwks_file = "y"', "= x",
        f'entity_id = "{ANCHOR}"\njwks_uri = "https://a.example"',
    ],
)  # fmt: skip
def test_a_wrong_file_of_an_anchor_stops_the_start(tmp_path: Path, text: str) -> None:
    write(tmp_path, "a.toml", text)

    with pytest.raises(ConfigError, match=r"a\.toml"):
        anchors.load(tmp_path, Loopback.REFUSED)


def test_a_federation_without_an_anchor_does_not_start(build: Build, tmp_path: Path) -> None:
    build()
    for path in (tmp_path / "keys" / "trust" / "federation").iterdir():
        path.unlink()

    from tests.support import house as support  # noqa: PLC0415

    with pytest.raises(ConfigError, match="no trust anchor"):
        support.build(f"sqlite:///{tmp_path}/plain.sqlite", tmp_path, federation={"enabled": True})
