"""A portal's first proven request registers it, and nothing else does (section 12.1)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc import jwe
from joserfc.jwk import KeySet
from sqlalchemy import text

from tests.oidc.federation.conftest import Build, error_of, stored
from tests.support.federation import (
    ANCHOR,
    ISSUER,
    MINISTRY,
    PORTAL,
    SECONDS,
    Standard,
    new_key,
    public,
    relying_party,
    sign,
    unsigned,
)
from tests.support.house import House, add_portal, answer_of

RP = "openid_relying_party"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def url(token: str, **more: str) -> str:
    query = {"client_id": PORTAL, "response_type": "code", "scope": "openid", "request": token}
    return f"/authorize?{urlencode({**query, **more})}"


def ask(house: House, token: str, **more: str) -> Any:
    return house.app.test_client().get(url(token, **more))


def push(house: House, world: Standard, assertion: str, **more: str) -> Any:
    form = {
        "client_id": PORTAL, "client_assertion": assertion,
        "client_assertion_type": ASSERTION_TYPE, "response_type": "code",
        "redirect_uri": f"{PORTAL}/callback", "scope": "openid profile",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256", **more,
    }  # fmt: skip
    del world
    return house.app.test_client().post("/par", data=form)


# --- joining --------------------------------------------------------------------------------------


def test_12_1_1_an_unknown_portal_joins_with_its_first_request(
    anywhere: Build, world: Standard
) -> None:
    house = anywhere()
    page = ask(house, world.request_object())

    assert page.status_code == 303
    assert "/login/" in page.headers["Location"]
    found = stored(house, PORTAL)
    assert found
    assert found["client_name"] == "Cổng dịch vụ công tỉnh Hà Giang"
    assert found["client_registration_types"] == ["automatic"]


def test_12_1_2_a_citizen_signs_in_at_a_portal_of_a_federation(
    house: House, world: Standard
) -> None:
    browser = house.browser()
    browser.registers()
    page = browser.signs_in_at(url(world.request_object()))
    code = answer_of(page)["code"]
    form = {
        "grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER,
        "redirect_uri": f"{PORTAL}/callback", "client_assertion": world.assertion(),
        "client_assertion_type": ASSERTION_TYPE,
    }  # fmt: skip
    answer = house.app.test_client().post("/token", data=form)

    assert answer.status_code == 200, answer.text
    assert "id_token" in answer.get_json()


def test_12_1_1_2_a_portal_joins_by_pushing_its_request(house: House, world: Standard) -> None:
    answer = push(house, world, world.assertion())

    assert answer.status_code == 201, answer.text
    assert stored(house, PORTAL)


def test_12_1_1_2_a_pushed_request_leads_on(house: House, world: Standard) -> None:
    pushed = push(house, world, world.assertion()).get_json()["request_uri"]
    query = urlencode({"client_id": PORTAL, "request_uri": pushed})

    page = house.app.test_client().get(f"/authorize?{query}")

    assert "/login/" in page.headers["Location"]


def test_12_1_1_1_1_a_chain_in_the_header_saves_every_fetch(house: House, world: Standard) -> None:
    page = ask(house, world.request_object(header={"trust_chain": world.tokens()}))

    assert page.status_code == 303
    assert not world.web.asked


@pytest.mark.parametrize("chain", [[], "x", ["a", "b"], [1], {}])
def test_12_1_1_1_1_a_chain_that_does_not_hold_is_passed_over(
    house: House, world: Standard, chain: Any
) -> None:
    page = ask(house, world.request_object(header={"trust_chain": chain}))

    assert page.status_code == 303
    assert world.web.asked


def encrypted(house: House, token: str, alg: str = "ECDH-ES") -> str:
    """For us alone, with the key that our discovery document leads to."""
    keys = KeySet.import_key_set(house.app.test_client().get("/jwks").get_json())
    [key] = [key for key in keys.keys if key.as_dict().get("alg") == alg]
    header = {"alg": alg, "enc": "A128GCM", "cty": "JWT", "kid": key.kid}
    return jwe.encrypt_compact(header, token, key, [alg, "A128GCM"])


@pytest.mark.parametrize("alg", ["ECDH-ES", "RSA-OAEP", "RSA-OAEP-256"])
def test_12_1_1_1_an_unknown_portal_joins_with_an_encrypted_request(
    house: House, world: Standard, alg: str
) -> None:
    page = ask(house, encrypted(house, world.request_object(), alg))

    assert "/login/" in page.headers["Location"]
    assert stored(house, PORTAL)


def test_12_1_1_1_2_a_stranger_who_encrypts_registers_nothing(
    house: House, world: Standard
) -> None:
    page = ask(house, encrypted(house, world.request_object(new_key())))

    assert (page.status_code, error_of(page)) == (400, "IDP-1204")
    assert stored(house, PORTAL) is None


def test_12_1_an_audit_row_tells_who_vouched(house: House, world: Standard) -> None:
    ask(house, world.request_object())

    with house.database.transaction() as connection:
        query = text("SELECT client_id FROM audit WHERE event = 'client.saved'")
        assert [row.client_id for row in connection.execute(query)] == [PORTAL]


# --- proof ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": None}, {"aud": "https://other.example"}, {"aud": [ISSUER, "https://b.example"]},
        {"aud": f"{ISSUER}/token"}, {"iss": None}, {"iss": "https://other.example"},
        {"client_id": None}, {"client_id": "https://other.example"}, {"sub": PORTAL},
        {"jti": None}, {"jti": ""}, {"jti": 7}, {"exp": None}, {"exp": SECONDS - 61},
        {"exp": "soon"},
    ],
)  # fmt: skip
def test_12_1_1_1_a_request_object_that_is_not_for_us_registers_and_fetches_nothing(
    house: House, world: Standard, changes: dict[str, Any]
) -> None:
    page = ask(house, world.request_object(**changes))

    assert error_of(page) == "IDP-1204"
    assert stored(house, PORTAL) is None
    assert not world.web.asked


@pytest.mark.parametrize(
    "token",
    [unsigned({"iss": PORTAL, "client_id": PORTAL, "aud": ISSUER, "jti": "1", "exp": SECONDS + 9}),
     "x", "a.b.c", "é", "..", "e30.e30.e30"],
)  # fmt: skip
def test_12_1_1_an_unsigned_request_registers_nothing(
    house: House, world: Standard, token: str
) -> None:
    page = ask(house, token)

    assert page.status_code == 400
    assert stored(house, PORTAL) is None
    assert not world.web.asked


def test_12_1_1_1_2_a_strangers_signature_registers_nothing(house: House, world: Standard) -> None:
    page = ask(house, world.request_object(new_key("rp")))

    assert error_of(page) == "IDP-1204"
    assert stored(house, PORTAL) is None


def test_12_1_1_1_2_the_federation_key_is_not_the_portals_key(
    house: House, world: Standard
) -> None:
    page = ask(house, world.request_object(world.portal.key))

    assert error_of(page) == "IDP-1204"
    assert stored(house, PORTAL) is None


@pytest.mark.parametrize(
    "changes",
    [{"aud": None}, {"aud": f"{ISSUER}/par"}, {"aud": [ISSUER, "x"]}, {"sub": "https://o.example"},
     {"iss": "https://o.example"}, {"jti": None}, {"exp": SECONDS - 61}],
)  # fmt: skip
def test_12_1_1_2_an_assertion_that_is_not_for_us_alone_registers_nothing(
    house: House, world: Standard, changes: dict[str, Any]
) -> None:
    answer = push(house, world, world.assertion(**changes))

    assert answer.status_code in {400, 401}
    assert stored(house, PORTAL) is None
    assert not world.web.asked


def test_12_1_1_2_a_strangers_assertion_is_invalid_client(house: House, world: Standard) -> None:
    answer = push(house, world, world.assertion(new_key("rp")))

    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")
    assert stored(house, PORTAL) is None


def test_12_1_1_every_request_of_such_a_portal_is_signed_or_pushed(
    house: House, world: Standard
) -> None:
    ask(house, world.request_object())
    query = {"client_id": PORTAL, "response_type": "code", "scope": "openid",
             "redirect_uri": f"{PORTAL}/callback"}  # fmt: skip

    page = house.app.test_client().get(f"/authorize?{urlencode(query)}")

    assert answer_of(page)["error"] == "invalid_request"


def test_12_1_1_1_a_request_object_is_used_once(anywhere: Build, world: Standard) -> None:
    house = anywhere()
    token = world.request_object()
    ask(house, token)

    again = ask(house, token)

    assert "/login/" not in again.headers.get("Location", "")


@pytest.mark.parametrize("changes", [{"aud": f"{ISSUER}/token"}, {"sub": PORTAL}, {"jti": None}])
def test_12_1_1_1_the_rules_hold_for_a_registered_portal_too(
    house: House, world: Standard, changes: dict[str, Any]
) -> None:
    ask(house, world.request_object())

    page = ask(house, world.request_object(**changes))

    assert "/login/" not in page.headers.get("Location", "")


# --- trust that cannot be established (12.1.3) ----------------------------------------------------


def refusals() -> dict[str, tuple[Any, str]]:
    """What makes trust fail, and the code that a program hears."""
    return {
        "nobody vouches": (
            lambda w: setattr(w.portal, "superiors", ()), "invalid_trust_anchor"),
        "another key": (
            lambda w: w.ministry.about.update({PORTAL: {"jwks": public(new_key())}}),
            "invalid_trust_chain"),
        "policy": (
            lambda w: w.anchor.about.update(
                {MINISTRY: {"metadata_policy": {RP: {"contacts": {"essential": True}}}}}),
            "invalid_metadata"),
        "no relying party": (
            lambda w: setattr(w.portal, "metadata", {"openid_provider": {}}), "invalid_metadata"),
        "secret": (
            lambda w: w.portal.metadata[RP].update(
                token_endpoint_auth_method="client_secret_basic"), "invalid_metadata"),
        "public client": (
            lambda w: w.portal.metadata[RP].update(token_endpoint_auth_method="none"),
            "invalid_metadata"),
        "http redirect": (
            lambda w: w.portal.metadata[RP].update(redirect_uris=["http://x.example/cb"]),
            "invalid_metadata"),
        "no redirect": (
            lambda w: w.portal.metadata[RP].pop("redirect_uris"), "invalid_metadata"),
        "no keys": (lambda w: w.portal.metadata[RP].pop("jwks"), "invalid_metadata"),
        "explicit only": (
            lambda w: w.portal.metadata[RP].update(client_registration_types=["explicit"]),
            "invalid_metadata"),
        "wrong types": (
            lambda w: w.portal.metadata[RP].update(redirect_uris="x", contacts=7),
            "invalid_metadata"),
        "private key": (
            lambda w: w.portal.metadata[RP].update(
                jwks={"keys": [w.rp.as_dict(private=True)]}), "invalid_metadata"),
        "another sector": (
            lambda w: w.portal.metadata[RP].update(
                sector_identifier_uri="https://victim.example.vn/sector.json"),
            "invalid_metadata"),
        "down": (lambda w: w.web.down.add(MINISTRY), "temporarily_unavailable"),
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(refusals()))
def test_12_1_3_a_browser_stays_on_our_page_and_a_program_hears_why(
    house: House, world: Standard, name: str
) -> None:
    spoil, error = refusals()[name]
    spoil(world)

    page = ask(house, world.request_object())
    answer = push(house, world, world.assertion())

    assert error_of(page) == ("IDP-1205" if error == "temporarily_unavailable" else "IDP-1204")
    assert "Location" not in page.headers
    assert answer.get_json()["error"] == error
    assert stored(house, PORTAL) is None


# --- what is registered (5.1.2) -------------------------------------------------------------------


def test_5_1_2_what_our_operators_decide_is_not_taken_from_a_portal(
    house: House, world: Standard
) -> None:
    world.portal.metadata[RP] |= {
        "profile": "dvcqg", "require_pkce": False, "resources": ["https://api.example.vn"],
        "client_secret": "s", "client_id": "demo-hanoi",
        "grant_types": ["authorization_code", "client_credentials"],
    }  # fmt: skip

    ask(house, world.request_object())

    found = stored(house, PORTAL)
    assert found
    assert found["client_id"] == PORTAL
    assert found["grant_types"] == ["authorization_code"]
    assert not found.keys() & {"profile", "resources", "client_secret"}


@pytest.mark.parametrize("decided", [False, True])
def test_rfc9700_2_1_1_whether_a_portal_needs_pkce_is_our_operators_decision(
    build: Build, world: Standard, decided: bool
) -> None:
    house = build(require_pkce=decided)
    world.portal.metadata[RP] |= {"require_pkce": not decided}

    page = ask(house, world.request_object(code_challenge=None, code_challenge_method=None))

    found = stored(house, PORTAL)
    assert found
    assert found["require_pkce"] is decided
    assert ("code_challenge" in page.headers["Location"]) is decided


def test_12_1_4_the_methods_that_a_portal_supports_are_weighed(
    house: House, world: Standard
) -> None:
    world.portal.metadata[RP].pop("token_endpoint_auth_method")
    world.portal.metadata[RP]["token_endpoint_auth_methods_supported"] = [
        "client_secret_basic", "private_key_jwt",
    ]  # fmt: skip

    ask(house, world.request_object())

    found = stored(house, PORTAL)
    assert found
    assert found["token_endpoint_auth_method"] == "private_key_jwt"


def test_5_2_1_signed_keys_are_fetched_and_checked(house: House, world: Standard) -> None:
    signed_keys(world, world.portal.key)

    assert ask(house, world.request_object()).status_code == 303
    found = stored(house, PORTAL)
    assert found
    assert found["jwks"]["keys"][0]["kid"] == "rp"


def test_5_2_1_keys_that_a_stranger_signed_are_refused(house: House, world: Standard) -> None:
    signed_keys(world, new_key(world.portal.key.kid or ""))

    assert error_of(ask(house, world.request_object())) == "IDP-1204"


def signed_keys(world: Standard, signer: Any) -> None:
    from idp.ports import WebAnswer  # noqa: PLC0415

    world.portal.metadata = relying_party(
        PORTAL, world.rp, jwks=None, signed_jwks_uri=f"{PORTAL}/keys.jwt"
    )
    del world.portal.metadata[RP]["jwks"]
    claims = {**public(world.rp), "iss": PORTAL, "sub": PORTAL, "iat": SECONDS}
    token = sign(claims, signer, typ="jwk-set+jwt")
    answer = WebAnswer(200, token.encode(), "application/jwk-set+jwt")
    world.web.documents[f"{PORTAL}/keys.jwt"] = answer


def test_oidc_core_8_1_a_sector_that_lists_the_portal_counts(house: House, world: Standard) -> None:
    from idp.ports import WebAnswer  # noqa: PLC0415

    sector = "https://hagiang.example.vn/sector.json"
    world.portal.metadata[RP]["sector_identifier_uri"] = sector
    body = f'["{PORTAL}/callback"]'.encode()
    world.web.documents[sector] = WebAnswer(200, body, "application/json")

    assert ask(house, world.request_object()).status_code == 303


# --- clients that came in another way -------------------------------------------------------------


def test_a_client_of_our_operators_is_never_replaced(anywhere: Build, world: Standard) -> None:
    house = anywhere()
    add_portal(house, PORTAL, redirect_uris=["https://dichvucong.example.vn/cb"], client_name="Cũ")

    ask(house, world.request_object())

    found = stored(house, PORTAL)
    assert found
    assert found["client_name"] == "Cũ"
    assert not world.web.asked


def test_a_client_that_an_operator_disabled_stays_out(anywhere: Build, world: Standard) -> None:
    house = anywhere()
    ask(house, world.request_object())
    with house.database.transaction() as connection:
        connection.execute(text("UPDATE clients SET disabled_at = 1, expires_at = 1"))
    house.clock.forward(hours=2)

    push(house, world, world.assertion(exp=SECONDS + 9000, iat=SECONDS + 7200))

    with house.database.transaction() as connection:
        assert connection.execute(text("SELECT disabled_at FROM clients")).scalar() == 1


def test_nobody_registers_himself_as_a_portal_of_a_federation() -> None:
    from idp.oidc.client_addresses import Loopback  # noqa: PLC0415
    from idp.oidc.client_metadata import check  # noqa: PLC0415

    metadata = {"redirect_uris": ["https://a.example/cb"], "client_registration_types": ["x"]}

    assert "client_registration_types" not in check(metadata, Loopback.REFUSED)


# --- lifetime (12.3) ------------------------------------------------------------------------------


def test_12_3_a_registration_ends_with_its_chain(anywhere: Build, world: Standard) -> None:
    house = anywhere()
    world.ministry.about[PORTAL] = {"exp": SECONDS + 120}
    ask(house, world.request_object())

    house.clock.forward(seconds=121)

    from idp.oidc.client_metadata import build  # noqa: PLC0415
    from idp.storage.clients import ClientStore  # noqa: PLC0415

    assert ClientStore(house.database, build, clock=house.clock).find(PORTAL) is None


def later(world: Standard, seconds: int) -> dict[str, int]:
    """The federation goes on issuing; the claims of a request made then."""
    for entity, subs in ((world.portal, ()), (world.ministry, (PORTAL,)),
                         (world.anchor, (MINISTRY,))):  # fmt: skip
        entity.own |= {"exp": SECONDS + seconds + 3600}
        for sub in subs:
            entity.about.setdefault(sub, {})["exp"] = SECONDS + seconds + 3600
    return {"exp": SECONDS + seconds + 300, "iat": SECONDS + seconds}


def test_12_3_after_an_hour_the_chain_is_looked_up_anew(house: House, world: Standard) -> None:
    now = later(world, 3601)
    ask(house, world.request_object())
    world.portal.metadata[RP]["client_name"] = "Tên mới"
    house.clock.forward(seconds=3601)

    assert ask(house, world.request_object(**now)).status_code == 303

    found = stored(house, PORTAL)
    assert found
    assert found["client_name"] == "Tên mới"


def test_12_3_what_a_superior_withdrew_ends_at_the_next_look(
    anywhere: Build, world: Standard
) -> None:
    house = anywhere()
    now = later(world, 3601)
    ask(house, world.request_object())
    world.ministry.own["_"] = [PORTAL]
    house.clock.forward(seconds=3601)

    page = ask(house, world.request_object(**now))

    assert error_of(page) == "IDP-1204"
    with house.database.transaction() as connection:
        ended = connection.execute(text("SELECT expires_at FROM clients")).scalar()
    assert ended == int(house.clock().timestamp() * 1000)


def test_10_5_a_federation_that_is_down_does_not_end_a_registration(
    house: House, world: Standard
) -> None:
    now = later(world, 3601)
    ask(house, world.request_object())
    world.web.down |= {MINISTRY, ANCHOR}
    house.clock.forward(seconds=3601)

    assert ask(house, world.request_object(**now)).status_code == 303


def test_10_5_a_federation_that_is_down_is_told_as_something_that_passes(
    house: House, world: Standard
) -> None:
    world.web.down |= {MINISTRY, ANCHOR}

    page = ask(house, world.request_object())

    assert (error_of(page), page.status_code) == ("IDP-1205", 503)
    assert page.headers["Retry-After"] == "60"


def test_12_1_3_whoever_does_not_answer_is_nobody_we_know(house: House, world: Standard) -> None:
    world.web.down.add(PORTAL)

    page = ask(house, world.request_object())
    answer = push(house, world, world.assertion())

    assert (error_of(page), page.status_code) == ("IDP-1204", 400)
    assert "Location" not in page.headers
    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")


def test_10_5_a_portal_that_is_down_stays_registered_until_its_chain_ends(
    house: House, world: Standard
) -> None:
    now = later(world, 3601)
    ask(house, world.request_object())
    world.web.down.add(PORTAL)
    house.clock.forward(seconds=3601)

    assert ask(house, world.request_object(**now)).status_code == 303


def test_12_3_a_look_up_is_not_remembered_for_longer_than_a_chain_is_fresh(
    anywhere: Build, world: Standard
) -> None:
    house = anywhere(refresh=10)
    ask(house, world.request_object())
    world.ministry.own["_"] = [PORTAL]
    house.clock.forward(seconds=11)
    page = ask(house, world.request_object())
    world.ministry.own["_"] = []
    house.clock.forward(seconds=11)

    assert error_of(page) == "IDP-1204"
    assert ask(house, world.request_object()).status_code == 303


def test_12_3_a_strangers_signature_does_not_end_a_registration(
    house: House, world: Standard
) -> None:
    now = later(world, 3601)
    ask(house, world.request_object())
    house.clock.forward(seconds=3601)

    ask(house, world.request_object(new_key("rp"), **now))

    assert ask(house, world.request_object(**now)).status_code == 303


def test_12_3_a_registration_lives_no_longer_than_the_setting(
    anywhere: Build, world: Standard
) -> None:
    house = anywhere(longest=600)

    ask(house, world.request_object())

    with house.database.transaction() as connection:
        until = connection.execute(text("SELECT expires_at FROM clients")).scalar()
    assert until == (SECONDS + 600) * 1000


# --- what strangers may cost us (18.1) ------------------------------------------------------------


def test_18_1_fifty_requests_of_one_unknown_portal_are_one_look_up(
    anywhere: Build, world: Standard
) -> None:
    house = anywhere()
    world.web.delay = 0.02
    tokens = [world.request_object() for _ in range(50)]

    with ThreadPoolExecutor(25) as pool:
        pages = list(pool.map(lambda token: ask(house, token), tokens))

    assert {page.status_code for page in pages} == {303}
    assert set(world.web.asked.values()) == {1}


def test_18_1_a_failure_is_remembered_for_a_minute(house: House, world: Standard) -> None:
    world.portal.superiors = ()
    for _ in range(3):
        ask(house, world.request_object())
    assert sum(world.web.asked.values()) == 1

    house.clock.forward(seconds=61)
    ask(house, world.request_object())

    assert sum(world.web.asked.values()) == 2


def test_18_1_one_network_has_a_budget(anywhere: Build, world: Standard) -> None:
    house = anywhere(per_network_minute=2)
    for number in range(5):
        stranger = f"https://s{number}.example"
        token = world.request_object(iss=stranger, client_id=stranger)
        ask(house, token, client_id=stranger)

    assert sum(world.web.asked.values()) == 2


def test_18_1_all_together_have_a_budget_and_known_portals_do_not_need_it(
    anywhere: Build, world: Standard
) -> None:
    house = anywhere(per_minute=1)
    ask(house, world.request_object())

    for number in range(3):
        stranger = f"https://s{number}.example"
        token = world.request_object(iss=stranger, client_id=stranger)
        ask(house, token, client_id=stranger)

    assert not [each for each in world.web.asked if "https://s" in each]
    assert ask(house, world.request_object()).status_code == 303


def test_18_1_an_exhausted_budget_is_not_remembered_against_a_portal(
    build: Build, world: Standard
) -> None:
    house = build(per_network_minute=1)
    stranger = "https://s.example"
    ask(house, world.request_object(iss=stranger, client_id=stranger), client_id=stranger)
    assert error_of(ask(house, world.request_object())) == "IDP-1205"

    house.clock.forward(seconds=61)

    assert ask(house, world.request_object()).status_code == 303


def test_a_refused_portal_stands_in_the_log_with_the_reason(house: House, world: Standard) -> None:
    from structlog.testing import capture_logs  # noqa: PLC0415

    world.portal.superiors = ()
    with capture_logs() as lines:
        ask(house, world.request_object())

    found = [line for line in lines if line["event"] == "federation.refused"]
    assert found
    assert found[0]["error"] == "invalid_trust_anchor"


def test_12_1_a_switched_off_federation_knows_nobody(build: Build, world: Standard) -> None:
    house = build(enabled=False)

    assert error_of(ask(house, world.request_object())) == "IDP-1201"
    assert house.app.test_client().get("/.well-known/openid-federation").status_code == 404
