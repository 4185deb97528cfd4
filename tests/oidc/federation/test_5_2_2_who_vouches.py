"""A person reads who vouches for a portal that we never registered (section 5.2.2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from idp.oidc.client_addresses import Loopback
from idp.oidc.client_metadata import check
from idp.oidc.federation import anchors
from tests.oidc.federation.conftest import stored
from tests.oidc.federation.test_12_1_automatic_registration import ask, url
from tests.support.federation import ANCHOR, MINISTRY, PORTAL, Standard, fetching, public
from tests.support.house import PASSWORD, PERSON, House

FETCH = fetching(MINISTRY)["federation_entity"]


def named(world: Standard, name: object) -> None:
    """What the anchor calls the ministry."""
    about = {"federation_entity": {"organization_name": name}}
    world.anchor.about[MINISTRY] = {"metadata": about}


def voucher(house: House, world: Standard) -> dict[str, Any]:
    assert ask(house, world.request_object()).status_code == 303
    found = stored(house, PORTAL)
    assert found
    return dict(found["voucher"])


def test_5_2_2_a_superior_is_called_what_the_anchor_calls_it(house: House, world: Standard) -> None:
    named(world, "  Bộ Khoa học\tvà Công nghệ ")
    world.ministry.metadata = {"federation_entity": {**FETCH, "organization_name": "Bộ Công an"}}

    assert voucher(house, world) == {
        "superior": MINISTRY,
        "superior_name": "Bộ Khoa học và Công nghệ",
        "anchor": ANCHOR,
        "anchor_name": "Trung tâm dữ liệu quốc gia",
    }


@pytest.mark.parametrize("name", [None, "", " ", 7, ["Bộ"], {"vi": "Bộ"}, "x" * 121, "Bộ\u202eA"])
def test_5_2_2_without_a_name_that_can_be_shown_its_host_is_shown(
    house: House, world: Standard, name: object
) -> None:
    named(world, name or "")

    assert voucher(house, world)["superior_name"] == "bokhcn.example.vn"


def test_5_2_2_an_anchor_is_called_what_the_operator_calls_it(
    world: Standard, tmp_path: Path
) -> None:
    keys = public(world.anchor.key)
    anchors.write(tmp_path, "ttdlqg", ANCHOR, keys, label="Trung tâm của ta")
    pinned = anchors.load(tmp_path, Loopback.REFUSED)

    chain = world.web.discovery(anchors=pinned).find(PORTAL)

    assert chain.anchor_name == "Trung tâm của ta"


def test_5_2_2_nobody_says_of_himself_who_vouches_for_him(house: House, world: Standard) -> None:
    forged = {"superior": "https://x.example", "superior_name": "Chính phủ"}
    world.portal.metadata["openid_relying_party"]["voucher"] = forged

    assert voucher(house, world)["superior"] == MINISTRY
    assert "voucher" not in check(
        {"redirect_uris": ["https://a.example/cb"], "voucher": forged}, Loopback.REFUSED
    )


def test_the_consent_page_names_who_vouches_and_the_portals_address(
    house: House, world: Standard
) -> None:
    named(world, "Bộ Khoa học và Công nghệ")
    browser = house.browser()
    browser.registers()
    browser = house.browser()
    browser.visit(url(world.request_object()))
    browser.send({"username": PERSON["username"], "password": PASSWORD})

    browser.send({"code": house.last_code()})

    assert browser.path.startswith("/consent/")
    for words in (
        "Cổng dịch vụ công tỉnh Hà Giang",
        "được Bộ Khoa học và Công nghệ bảo đảm",
        "liên hiệp của Trung tâm dữ liệu quốc gia",
        "dichvucong.hagiang.example.vn",
    ):
        assert words in browser.text
