"""Trust marks that we demand are checked against the anchor (section 7)."""

from __future__ import annotations

from typing import Any

import pytest

from idp.oidc.federation import marks
from idp.oidc.federation.errors import FederationError
from tests.oidc.federation.conftest import Build, error_of, stored
from tests.oidc.federation.test_12_1_automatic_registration import ask
from tests.support.federation import (
    ANCHOR,
    MINISTRY,
    PORTAL,
    SECONDS,
    Entity,
    Standard,
    fetching,
    new_key,
    public,
    sign,
)

KIND = "https://ttdlqg.example.vn/marks/an-toan"
OWNER = "https://chu-so-huu.example.vn"


def give(world: Standard, issuer: Entity, *, key: Any = None, kind: str = KIND, typ: str =
         "trust-mark+jwt", **claims: Any) -> None:  # fmt: skip
    """Put a mark into the portal's statement."""
    body = {"iss": issuer.id, "sub": PORTAL, "iat": SECONDS, "trust_mark_type": kind, **claims}
    body = {name: value for name, value in body.items() if value is not None}
    token = sign(body, key or issuer.key, typ=typ)
    world.portal.own.setdefault("trust_marks", []).append(
        {"trust_mark_type": kind, "trust_mark": token}
    )


def until(world: Standard) -> int:
    discovery = world.web.discovery()
    chain = discovery.find(PORTAL)
    return marks.check_required(chain, (KIND,), discovery.find, now=SECONDS)


def refused(world: Standard) -> str:
    with pytest.raises(FederationError) as caught:
        until(world)
    return caught.value.detail


@pytest.fixture(autouse=True)
def accredited(world: Standard) -> None:
    world.anchor.own["trust_mark_issuers"] = {KIND: [MINISTRY, ANCHOR]}


def test_7_3_a_mark_of_an_accredited_issuer_counts(world: Standard) -> None:
    give(world, world.ministry)

    assert until(world) == SECONDS + 3600


def test_7_3_a_mark_of_the_anchor_itself_counts(world: Standard) -> None:
    give(world, world.anchor, exp=SECONDS + 30)

    assert until(world) == SECONDS + 30


def test_7_3_without_the_mark_there_is_no_trust(world: Standard) -> None:
    assert "missing" in refused(world)


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": MINISTRY}, {"sub": None}, {"iss": None}, {"iss": "https://o.example"},
        {"iat": None}, {"iat": SECONDS + 100}, {"exp": SECONDS - 61}, {"exp": "x"},
        {"key": new_key()}, {"typ": "JWT"}, {"typ": "entity-statement+jwt"},
        {"delegation": "x"},
    ],
)  # fmt: skip
def test_7_3_a_mark_that_does_not_hold_is_none(world: Standard, claims: dict[str, Any]) -> None:
    give(world, world.ministry, **claims)

    assert refused(world)


def test_7_3_an_issuer_that_the_anchor_does_not_know_counts_for_nothing(world: Standard) -> None:
    other = world.web.add(Entity("https://khac.example.vn", (ANCHOR,), fetching("x")))
    give(world, other)

    assert "issuer" in refused(world)


def test_3_1_2_an_empty_list_lets_every_member_issue(world: Standard) -> None:
    world.anchor.own["trust_mark_issuers"] = {KIND: []}
    other = world.web.add(Entity("https://khac.example.vn", (ANCHOR,), fetching("x")))
    give(world, other)

    assert until(world)


def test_7_3_an_issuer_outside_the_federation_counts_for_nothing(world: Standard) -> None:
    world.anchor.own["trust_mark_issuers"] = {KIND: []}
    give(world, world.web.add(Entity("https://la.example", metadata=fetching("x"))))

    assert refused(world)


def test_7_3_a_portal_marks_itself_only_where_the_anchor_says_so(world: Standard) -> None:
    give(world, world.portal)
    assert refused(world)

    world.anchor.own["trust_mark_issuers"] = {KIND: [PORTAL]}
    assert until(world)


def test_7_3_a_right_mark_behind_a_wrong_one_is_found(world: Standard) -> None:
    give(world, world.ministry, key=new_key())
    give(world, world.ministry)

    assert until(world)


def test_18_1_of_many_marks_a_few_are_tried(world: Standard) -> None:
    world.anchor.own["trust_mark_issuers"] = {KIND: []}
    for number in range(40):
        give(world, Entity(f"https://m{number}.example"))

    refused(world)

    assert len([each for each in world.web.asked if "https://m" in each]) == 3


# --- delegation (7.2) -----------------------------------------------------------------------------


def delegate(world: Standard, *, key: Any = None, typ: str = "trust-mark-delegation+jwt",
             **claims: Any) -> None:  # fmt: skip
    owner = new_key("owner")
    about = {"sub": OWNER, "jwks": public(owner)}
    world.anchor.own["trust_mark_owners"] = {KIND: about}
    body = {"iss": OWNER, "sub": MINISTRY, "iat": SECONDS, "trust_mark_type": KIND, **claims}
    delegation = sign(body, key or owner, typ=typ)
    give(world, world.ministry, delegation=delegation)


def test_7_2_2_an_owner_lets_another_issue(world: Standard) -> None:
    delegate(world, exp=SECONDS + 40)

    assert until(world) == SECONDS + 40


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": MINISTRY}, {"sub": ANCHOR}, {"trust_mark_type": "https://o.example"},
        {"exp": SECONDS - 61}, {"iat": SECONDS + 100}, {"key": new_key("owner")},
        {"typ": "trust-mark+jwt"},
    ],
)  # fmt: skip
def test_7_2_2_a_delegation_that_does_not_hold_is_none(
    world: Standard, changes: dict[str, Any]
) -> None:
    delegate(world, **changes)

    assert refused(world)


def test_7_3_a_mark_with_an_owner_needs_a_delegation(world: Standard) -> None:
    world.anchor.own["trust_mark_owners"] = {KIND: {"sub": OWNER, "jwks": public(new_key())}}
    give(world, world.ministry)

    assert refused(world)


# --- at the door ----------------------------------------------------------------------------------


def test_7_a_portal_without_a_demanded_mark_does_not_join(build: Build, world: Standard) -> None:
    house = build(required_trust_marks=(KIND,))

    assert error_of(ask(house, world.request_object())) == "IDP-1204"
    assert stored(house, PORTAL) is None


def test_7_a_portal_with_it_joins_until_the_mark_ends(build: Build, world: Standard) -> None:
    house = build(required_trust_marks=(KIND,))
    give(world, world.ministry, exp=SECONDS + 300)

    assert ask(house, world.request_object()).status_code == 303

    from sqlalchemy import text  # noqa: PLC0415

    with house.database.transaction() as connection:
        ends = connection.execute(text("SELECT expires_at FROM clients")).scalar()
    assert ends == (SECONDS + 300) * 1000


def test_7_without_the_anchors_own_statement_no_mark_is_judged(
    build: Build, world: Standard
) -> None:
    house = build(required_trust_marks=(KIND,))
    give(world, world.ministry)
    chain = world.tokens()[:-1]

    page = ask(house, world.request_object(header={"trust_chain": chain}))

    assert error_of(page) == "IDP-1204"
