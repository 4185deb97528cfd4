"""Chains are found, checked and bounded; hostile ones end (OpenID Federation, 4, 6.2, 10)."""

from __future__ import annotations

from typing import Any

import pytest

from idp.oidc.federation import chains
from idp.oidc.federation.discovery import Bounds
from idp.oidc.federation.errors import Fault, FederationError
from idp.ports import WebAnswer
from tests.support.federation import (
    ANCHOR,
    MINISTRY,
    PORTAL,
    SECONDS,
    STATEMENT,
    Entity,
    Standard,
    fetching,
    new_key,
    public,
    standard,
)

RP = "openid_relying_party"
OTHER = "https://tinh.example.vn"


@pytest.fixture
def world() -> Standard:
    return standard()


def find(world: Standard, **changes: Any) -> chains.Chain:
    return world.web.discovery(**changes).find(PORTAL)


def fault(world: Standard, **changes: Any) -> Fault:
    with pytest.raises(FederationError) as caught:
        find(world, **changes)
    return caught.value.fault


def check(world: Standard, tokens: Any) -> chains.Chain:
    return chains.from_tokens(tokens, PORTAL, world.web.anchors(), now=SECONDS)


def refused(world: Standard, tokens: Any) -> Fault:
    with pytest.raises(FederationError) as caught:
        check(world, tokens)
    return caught.value.fault


# --- finding --------------------------------------------------------------------------------------


def test_10_1_a_portal_is_followed_up_to_the_pinned_anchor(world: Standard) -> None:
    found = find(world)

    assert [each.iss for each in found.statements] == [PORTAL, MINISTRY, ANCHOR]
    assert found.anchor.entity_id == ANCHOR
    assert found.superior == MINISTRY
    assert found.metadata[RP]["client_name"] == "Cổng dịch vụ công tỉnh Hà Giang"


def test_10_1_nothing_is_fetched_twice(world: Standard) -> None:
    find(world)

    assert set(world.web.asked.values()) == {1}
    assert len(world.web.asked) == 5


def test_10_3_the_shortest_chain_is_taken(world: Standard) -> None:
    world.portal.superiors = (MINISTRY, ANCHOR)

    assert find(world).superior == ANCHOR


def test_10_3_another_way_is_taken_where_one_ends(world: Standard) -> None:
    dead = world.web.add(Entity(OTHER, ("https://nobody.example",), fetching(OTHER)))
    world.portal.superiors = (dead.id, MINISTRY)

    assert find(world).superior == MINISTRY


def test_10_4_a_chain_ends_with_its_first_statement_to_end(world: Standard) -> None:
    world.ministry.about[PORTAL] = {"exp": SECONDS + 100}

    assert find(world).expires_at == SECONDS + 100


def test_10_1_a_portal_without_superior_has_no_chain(world: Standard) -> None:
    world.portal.superiors = ()

    assert fault(world) is Fault.INVALID_TRUST_ANCHOR


def test_10_1_a_chain_to_another_anchor_is_none(world: Standard) -> None:
    foreign = world.web.add(Entity("https://foreign.example", metadata=fetching("x")))
    world.ministry.superiors = (foreign.id,)

    assert fault(world) in {Fault.INVALID_TRUST_ANCHOR, Fault.INVALID_TRUST_CHAIN}


def test_10_1_a_loop_ends(world: Standard) -> None:
    province = world.web.add(Entity(OTHER, (MINISTRY,), fetching(OTHER)))
    world.ministry.superiors = (province.id,)

    assert fault(world) is Fault.INVALID_TRUST_ANCHOR
    assert set(world.web.asked.values()) == {1}


def test_10_1_an_entity_that_names_itself_ends(world: Standard) -> None:
    world.portal.superiors = (PORTAL,)

    assert fault(world) is Fault.INVALID_TRUST_ANCHOR


def test_10_2_a_portal_that_lies_about_its_superior_is_refused(world: Standard) -> None:
    liar = world.web.add(Entity(OTHER, (MINISTRY,), {RP: {}}))
    world.ministry.own["_"] = [liar.id]

    with pytest.raises(FederationError) as caught:
        world.web.discovery().find(liar.id)

    assert caught.value.fault is Fault.INVALID_TRUST_CHAIN


def test_10_2_a_middleman_that_vouches_for_itself_only_is_refused(world: Standard) -> None:
    """Self-signed in the middle: a stranger poses as the ministry with keys of its own."""
    world.anchor.about[MINISTRY] = {"jwks": public(new_key())}

    assert fault(world) is Fault.INVALID_TRUST_CHAIN


def test_11_3_an_anchor_with_another_key_than_the_pinned_one_is_refused(world: Standard) -> None:
    anchors = world.web.anchors()
    world.anchor.key = new_key(world.anchor.key.kid or "")

    assert fault(world, anchors=anchors) is Fault.INVALID_TRUST_CHAIN


@pytest.mark.parametrize("who", [PORTAL, MINISTRY, ANCHOR])
def test_9_an_answer_about_somebody_else_is_refused(world: Standard, who: str) -> None:
    world.web[who].own["sub"] = "https://other.example"

    assert fault(world) is Fault.INVALID_TRUST_CHAIN


def test_8_1_a_superiors_answer_about_somebody_else_is_refused(world: Standard) -> None:
    world.ministry.about[PORTAL] = {"sub": "https://other.example"}

    assert fault(world) is Fault.INVALID_TRUST_CHAIN


def test_8_1_a_superiors_answer_of_somebody_else_is_refused(world: Standard) -> None:
    world.ministry.about[PORTAL] = {"iss": ANCHOR}

    assert fault(world) is Fault.INVALID_TRUST_CHAIN


@pytest.mark.parametrize(
    "endpoint",
    [None, 7, "", "http://bokhcn.example.vn/fetch", "https://u@x.example/fetch",
     "https://x.example/f#a", "file:///etc/passwd"],
)  # fmt: skip
def test_5_1_1_a_fetch_endpoint_is_an_https_address(world: Standard, endpoint: Any) -> None:
    about = {} if endpoint is None else {"federation_fetch_endpoint": endpoint}
    world.ministry.metadata = {"federation_entity": about}

    assert fault(world) is Fault.INVALID_TRUST_CHAIN


def test_8_1_1_a_fetch_endpoint_may_have_a_query(world: Standard) -> None:
    endpoint = f"{MINISTRY}/fetch?lang=vi"
    world.ministry.metadata = {"federation_entity": {"federation_fetch_endpoint": endpoint}}
    answer = WebAnswer(200, world.ministry.vouches_for(world.portal).encode(), STATEMENT)
    world.web.documents[f"{endpoint}&sub=https%3A%2F%2Fdichvucong.hagiang.example.vn"] = answer

    assert find(world).superior == MINISTRY


@pytest.mark.parametrize(
    "answer",
    [
        WebAnswer(200, b"", STATEMENT),
        WebAnswer(200, b"\xff\xfe", STATEMENT),
        WebAnswer(200, b"<html>", "text/html"),
        WebAnswer(500, b"{}", "application/json"),
        WebAnswer(302, b"", STATEMENT),
    ],
)
def test_9_2_garbage_from_a_portal_is_refused(world: Standard, answer: WebAnswer) -> None:
    world.web.documents[f"{PORTAL}/.well-known/openid-federation"] = answer

    assert fault(world) is Fault.INVALID_TRUST_CHAIN


def test_9_2_the_content_type_is_that_of_a_statement(world: Standard) -> None:
    body = world.portal.configuration().encode()
    url = f"{PORTAL}/.well-known/openid-federation"
    world.web.documents[url] = WebAnswer(200, body, "application/json")

    assert fault(world) is Fault.INVALID_TRUST_CHAIN


# --- bounds (section 18.1) ------------------------------------------------------------------------


def test_10_5_an_entity_that_is_down_is_transient(world: Standard) -> None:
    world.web.down.add(MINISTRY)

    assert fault(world) is Fault.TEMPORARILY_UNAVAILABLE


def test_18_1_a_huge_statement_is_not_read(world: Standard) -> None:
    world.portal.own["padding"] = "x" * 70_000

    assert fault(world) is Fault.TEMPORARILY_UNAVAILABLE


def test_18_1_a_slow_federation_is_left_when_time_is_over(world: Standard) -> None:
    ticks = iter(range(0, 100, 3))

    assert fault(world, timer=lambda: float(next(ticks))) is Fault.TEMPORARILY_UNAVAILABLE
    assert sum(world.web.asked.values()) == 2


def test_18_1_of_many_authority_hints_a_few_are_followed(world: Standard) -> None:
    world.portal.superiors = tuple(f"https://h{n}.example" for n in range(50))

    fault(world)

    assert sum(world.web.asked.values()) == 1 + Bounds().breadth


def test_18_1_a_wide_and_deep_federation_ends_at_the_fetch_limit(world: Standard) -> None:
    names = [f"https://d{level}-{n}.example" for level in range(5) for n in range(4)]
    for position, name in enumerate(names):
        above = tuple(names[(position // 4 + 1) * 4 : (position // 4 + 2) * 4])
        world.web.add(Entity(name, above, fetching(name)))
    world.portal.superiors = tuple(names[:4])

    fault(world)

    assert sum(world.web.asked.values()) <= Bounds().fetches


def test_18_1_a_chain_longer_than_the_setting_is_not_followed(world: Standard) -> None:
    assert find(world, bounds=Bounds(length=4)).superior == MINISTRY

    assert fault(world, bounds=Bounds(length=3)) is Fault.INVALID_TRUST_ANCHOR


# --- checking a chain that was handed over (4.3, 10.2) --------------------------------------------


def test_4_3_a_chain_that_came_along_is_checked_without_asking_anybody(world: Standard) -> None:
    found = check(world, world.tokens())

    assert found.superior == MINISTRY
    assert not world.web.asked


def test_4_the_anchors_own_statement_may_be_left_out(world: Standard) -> None:
    assert check(world, world.tokens()[:-1]).configuration is None


@pytest.mark.parametrize("tokens", [None, "x", {}, [], ["x"], ["x", "y"], [1, 2], ["x"] * 13])
def test_4_3_what_is_no_chain_is_refused(world: Standard, tokens: Any) -> None:
    assert refused(world, tokens) is Fault.INVALID_TRUST_CHAIN


@pytest.mark.parametrize("order", [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 1, 2, 3], [0, 2, 1, 3],
                                   [0, 3], [0, 0, 1, 2, 3], [1, 0, 2, 3]])  # fmt: skip
def test_10_2_statements_must_follow_one_another(world: Standard, order: list[int]) -> None:
    tokens = world.tokens()

    assert refused(world, [tokens[each] for each in order]) is Fault.INVALID_TRUST_CHAIN


def test_10_2_a_chain_without_its_end_reaches_no_anchor(world: Standard) -> None:
    assert refused(world, world.tokens()[:2]) is Fault.INVALID_TRUST_ANCHOR


def test_10_2_a_chain_about_somebody_else_is_refused(world: Standard) -> None:
    with pytest.raises(FederationError):
        chains.from_tokens(world.tokens(), OTHER, world.web.anchors(), now=SECONDS)


@pytest.mark.parametrize("position", [0, 1, 2, 3])
def test_10_2_one_expired_statement_ends_the_chain(world: Standard, position: int) -> None:
    late = {"exp": SECONDS - 61}
    tokens = world.tokens()
    tokens[position] = [
        world.portal.configuration(**late),
        world.ministry.vouches_for(world.portal, **late),
        world.anchor.vouches_for(world.ministry, **late),
        world.anchor.configuration(**late),
    ][position]

    assert refused(world, tokens) is Fault.INVALID_TRUST_CHAIN


@pytest.mark.parametrize("position", [0, 1, 2, 3])
def test_10_2_one_wrong_signature_ends_the_chain(world: Standard, position: int) -> None:
    tokens = world.tokens()
    head, body, tail = tokens[position].split(".")
    flipped = ("A" if tail[5] != "A" else "B").join((tail[:5], tail[6:]))
    tokens[position] = f"{head}.{body}.{flipped}"

    assert refused(world, tokens) is Fault.INVALID_TRUST_CHAIN


def test_10_2_a_portal_that_signs_with_a_key_its_superior_does_not_know_is_refused(
    world: Standard,
) -> None:
    stolen = Entity(PORTAL, (MINISTRY,), world.portal.metadata)
    tokens = [stolen.configuration(), *world.tokens()[1:]]

    assert refused(world, tokens) is Fault.INVALID_TRUST_CHAIN


def test_3_2_a_superior_that_the_portal_does_not_name_is_refused(world: Standard) -> None:
    tokens = world.tokens()
    tokens[0] = world.portal.configuration(authority_hints=["https://else.example"])

    assert refused(world, tokens) is Fault.INVALID_TRUST_CHAIN


def test_10_2_an_anchor_with_the_pinned_name_and_a_key_of_its_own_is_refused(
    world: Standard,
) -> None:
    false = Entity(ANCHOR, metadata=fetching(ANCHOR))
    tokens = [*world.tokens()[:2], false.vouches_for(world.ministry), false.configuration()]

    assert refused(world, tokens) is Fault.INVALID_TRUST_CHAIN


# --- what superiors demand (3.1.1, 6.2) -----------------------------------------------------------


def test_3_1_1_a_superiors_metadata_goes_before_the_portals(world: Standard) -> None:
    world.ministry.about[PORTAL] = {
        "metadata": {RP: {"client_name": "Cổng của tỉnh"}, "openid_provider": {"issuer": "x"}}
    }

    found = find(world).metadata

    assert found[RP]["client_name"] == "Cổng của tỉnh"
    assert "openid_provider" not in found


def test_3_1_1_metadata_for_an_intermediate_says_nothing_about_the_portal(world: Standard) -> None:
    world.anchor.about[MINISTRY] = {"metadata": {RP: {"client_name": "no"}}}

    assert find(world).metadata[RP]["client_name"] != "no"


def test_6_1_4_2_metadata_of_the_superior_comes_before_policy(world: Standard) -> None:
    world.ministry.about[PORTAL] = {
        "metadata": {RP: {"contacts": ["a"]}},
        "metadata_policy": {RP: {"contacts": {"add": ["b"]}}},
    }

    assert find(world).metadata[RP]["contacts"] == ["a", "b"]


def test_6_1_4_1_policies_of_all_superiors_count(world: Standard) -> None:
    scope = ["openid", "profile", "phone"]
    world.anchor.about[MINISTRY] = {"metadata_policy": {RP: {"scope": {"subset_of": scope}}}}
    world.ministry.about[PORTAL] = {"metadata_policy": {RP: {"scope": {"subset_of": ["openid"]}}}}

    assert find(world).metadata[RP]["scope"] == "openid"


def test_6_1_4_1_policies_in_conflict_end_the_chain(world: Standard) -> None:
    world.anchor.about[MINISTRY] = {"metadata_policy": {RP: {"logo_uri": {"value": "https://a"}}}}
    world.ministry.about[PORTAL] = {"metadata_policy": {RP: {"logo_uri": {"value": "https://b"}}}}

    assert fault(world) is Fault.INVALID_METADATA


def test_6_1_4_metadata_against_policy_ends_the_chain(world: Standard) -> None:
    demand = {"token_endpoint_auth_method": {"one_of": ["self_signed_tls_client_auth"]}}
    world.anchor.about[MINISTRY] = {"metadata_policy": {RP: demand}}

    assert fault(world) is Fault.INVALID_METADATA


@pytest.mark.parametrize("crit", [["regexp"], ["value"]])
def test_3_1_3_a_critical_operator_anywhere_ends_the_chain(
    world: Standard, crit: list[str]
) -> None:
    world.anchor.about[MINISTRY] = {"metadata_policy_crit": crit, "metadata_policy": {}}

    assert fault(world) is Fault.INVALID_METADATA


@pytest.mark.parametrize(
    ("by_anchor", "by_ministry", "holds"),
    [(None, None, True), (1, None, True), (2, 0, True), (0, None, False), (None, 0, True)],
)
def test_6_2_1_a_path_is_no_longer_than_a_superior_allows(
    world: Standard, by_anchor: int | None, by_ministry: int | None, *, holds: bool
) -> None:
    """The example of the specification, one level shorter."""
    for entity, sub, most in ((world.anchor, MINISTRY, by_anchor),
                              (world.ministry, PORTAL, by_ministry)):  # fmt: skip
        if most is not None:
            entity.about[sub] = {"constraints": {"max_path_length": most}}

    if holds:
        assert find(world)
    else:
        assert fault(world) is Fault.INVALID_TRUST_CHAIN


@pytest.mark.parametrize("most", [-1, True, "1", None, 1.5, []])
def test_6_2_1_a_path_length_that_is_no_number_ends_the_chain(world: Standard, most: Any) -> None:
    world.anchor.about[MINISTRY] = {"constraints": {"max_path_length": most}}

    assert fault(world) is Fault.INVALID_TRUST_CHAIN


@pytest.mark.parametrize(
    ("names", "holds"),
    [
        ({"permitted": [".example.vn"]}, True),
        ({"permitted": [".EXAMPLE.VN"]}, True),
        ({"permitted": ["dichvucong.hagiang.example.vn", "bokhcn.example.vn"]}, True),
        ({"permitted": ["example.vn"]}, False),
        ({"permitted": [".hagiang.example.vn"]}, False),
        ({"permitted": []}, False),
        ({"permitted": [".ample.vn"]}, False),
        ({"excluded": [".hagiang.example.vn"]}, False),
        ({"excluded": ["hagiang.example.vn"]}, True),
        ({"permitted": [".example.vn"], "excluded": ["bokhcn.example.vn"]}, False),
        ({}, True),
        ([], False),
        ({"permitted": ".example.vn"}, False),
        ({"excluded": [7]}, False),
    ],
)
def test_6_2_2_everybody_below_lies_within_the_names(
    world: Standard, names: Any, *, holds: bool
) -> None:
    world.anchor.about[MINISTRY] = {"constraints": {"naming_constraints": names}}

    if holds:
        assert find(world)
    else:
        assert fault(world) is Fault.INVALID_TRUST_CHAIN


def test_6_2_2_a_ministrys_names_bind_its_portals_only(world: Standard) -> None:
    names = {"permitted": [".hagiang.example.vn"]}
    world.ministry.about[PORTAL] = {"constraints": {"naming_constraints": names}}

    assert find(world)


@pytest.mark.parametrize(
    ("allowed", "kept"),
    [
        ([RP], {RP, "federation_entity"}),
        ([], {"federation_entity"}),
        (["openid_provider"], {"federation_entity"}),
    ],
)
def test_6_2_3_other_entity_types_are_removed(
    world: Standard, allowed: list[str], kept: set[str]
) -> None:
    world.portal.metadata["federation_entity"] = {"organization_name": "Tỉnh"}
    world.anchor.about[MINISTRY] = {"constraints": {"allowed_entity_types": allowed}}

    assert set(find(world).metadata) == kept


def test_6_2_3_types_that_are_no_list_end_the_chain(world: Standard) -> None:
    world.anchor.about[MINISTRY] = {"constraints": {"allowed_entity_types": RP}}

    assert fault(world) is Fault.INVALID_TRUST_CHAIN


def test_6_2_constraints_that_are_not_understood_are_ignored(world: Standard) -> None:
    world.anchor.about[MINISTRY] = {"constraints": {"weather": "fine"}}

    assert find(world)
