"""Trust marks that we demand are checked against the anchor (section 7)."""

from __future__ import annotations

from typing import Any

import pytest

from idp.oidc.federation import marks
from idp.oidc.federation.errors import FederationError
from idp.ports import WebAnswer
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
    return marks.check_required(chain, (KIND,), discovery.judge, now=SECONDS)


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


# --- the status endpoint --------------------------------------------------------------------------

STATUS = f"{MINISTRY}/mark-status"
STATUS_TYP = "trust-mark-status-response+jwt"
STATUS_TYPE = f"application/{STATUS_TYP}"


def says(world: Standard, status: str = "active", **changes: Any) -> None:
    """What the ministry answers about the portal's mark."""
    [mark] = world.portal.own["trust_marks"]
    code, content_type = changes.pop("code", 200), changes.pop("content_type", STATUS_TYPE)
    key, typ = changes.pop("key", world.ministry.key), changes.pop("typ", STATUS_TYP)
    body = {"iss": MINISTRY, "iat": SECONDS, "trust_mark": mark["trust_mark"], "status": status}
    kept = {name: each for name, each in {**body, **changes}.items() if each is not None}
    world.web.documents[STATUS] = WebAnswer(code, sign(kept, key, typ=typ).encode(), content_type)


@pytest.fixture
def asked(world: Standard) -> Standard:
    """The ministry can be asked about the mark that it gave."""
    about = {"federation_trust_mark_status_endpoint": STATUS}
    world.ministry.metadata["federation_entity"].update(about)
    give(world, world.ministry, exp=None)
    return world


def test_8_4_a_mark_that_its_issuer_calls_active_counts(asked: Standard) -> None:
    says(asked)

    assert until(asked) == SECONDS + 3600
    assert asked.web.posted[0].startswith(b"trust_mark=ey")


@pytest.mark.parametrize("status", ["expired", "revoked", "invalid", "ACTIVE", "", "suspended"])
def test_8_4_a_mark_that_is_not_active_does_not_count(asked: Standard, status: str) -> None:
    says(asked, status)

    assert "not active" in refused(asked)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": PORTAL}, {"iss": None}, {"trust_mark": "a.b.c"}, {"trust_mark": None},
        {"iat": SECONDS + 61}, {"iat": SECONDS - 3601}, {"iat": None}, {"iat": "now"},
        {"typ": "JWT"}, {"typ": "trust-mark+jwt"}, {"key": new_key()},
        {"status": ["active"]}, {"status": True}, {"code": 404},
    ],
    ids=lambda changes: "another key" if "key" in changes else str(changes),
)  # fmt: skip
def test_8_4_a_status_that_does_not_hold_is_no_status(
    asked: Standard, changes: dict[str, Any]
) -> None:
    says(asked, **changes)

    with pytest.raises(FederationError) as caught:
        until(asked)
    assert not caught.value.is_transient


@pytest.mark.parametrize("changes", [{"code": 500}, {"code": 302}, {"content_type": "text/html"}])
def test_10_5_an_issuer_that_does_not_answer_is_a_fault_that_passes(
    asked: Standard, changes: dict[str, Any]
) -> None:
    says(asked, **changes)

    with pytest.raises(FederationError) as caught:
        until(asked)
    assert caught.value.is_transient


def test_10_5_nor_does_one_that_is_down_end_a_registration(asked: Standard, build: Build) -> None:
    says(asked)
    house = build(required_trust_marks=(KIND,))
    assert ask(house, asked.request_object()).status_code == 303
    house.clock.forward(minutes=59)
    asked.web.down.add(STATUS)

    page = ask(house, asked.request_object(exp=SECONDS + 3900))

    assert page.status_code == 303


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1/", "file:///etc/passwd", 7, [STATUS], f"{STATUS}#x", "//a", ""]
)
def test_8_4_only_an_address_of_the_web_is_asked(asked: Standard, endpoint: Any) -> None:
    about = {"federation_trust_mark_status_endpoint": endpoint}
    asked.ministry.metadata["federation_entity"].update(about)

    refused(asked)

    assert not asked.web.posted
