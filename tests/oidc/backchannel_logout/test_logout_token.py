"""OpenID Connect Back-Channel Logout 1.0: what is sent, when, to whom, what the answer means."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from joserfc import jwe
from joserfc.jwk import RSAKey
from sqlalchemy import text

from idp.oidc.claims import subject
from idp.oidc.logout import EVENT
from idp.storage.clients import ClientStore
from idp.storage.endings import Endings
from idp.storage.outbox import Lane
from idp.storage.owners import OwnerStore
from idp.storage.sessions import ConsentStore, SessionStore
from idp.storage.ways_in import NOT_KNOWN
from tests.support.build import LIFETIMES, open_session
from tests.support.house import House, add_portal
from tests.support.portals import (
    MemoryWeb,
    at_once,
    build_courier,
    client_of,
    gets_tokens,
    open_signed_in,
    read,
)

HANOI, BOYTE = "https://hanoi.example.vn/bcl", "https://boyte.example.vn/bcl"


@pytest.fixture
def web() -> MemoryWeb:
    return MemoryWeb()


@pytest.fixture
def two(house: House) -> tuple[UUID, UUID]:
    """Somebody signed in at two portals; a third one never got a token."""
    for name in ("hanoi", "boyte", "third"):
        add_portal(house, name, backchannel_logout_uri=f"https://{name}.example.vn/bcl")
    account_id, session_id = open_signed_in(house)
    gets_tokens(house, "hanoi", session_id, sid="sid-h")
    gets_tokens(house, "boyte", session_id, sid="sid-b")
    return account_id, session_id


def sessions(house: House) -> SessionStore:
    return SessionStore(house.database, house.base.vault, LIFETIMES)


def end(house: House, session_id: UUID) -> None:
    with house.database.transaction() as connection:
        sessions(house).end(connection, [session_id], "logout", now=house.clock())


def outcomes(house: House) -> list[str]:
    query = text("SELECT outcome FROM outbox WHERE kind = 'logout' ORDER BY id")
    with house.database.transaction() as connection:
        return [str(outcome) for outcome in connection.scalars(query)]


# --- section 2.4: the token -----------------------------------------------------------------------


def test_2_4_a_logout_token_has_every_claim_and_no_nonce(
    house: House, web: MemoryWeb, two: tuple[UUID, UUID]
) -> None:
    account_id, session_id = two
    end(house, session_id)

    build_courier(house, web).deliver()

    header, claims = read(house, web.logout_tokens(HANOI)[0])
    now = int(house.clock().timestamp())
    assert (header["typ"], header["alg"]) == ("logout+jwt", "ES256")
    assert claims.pop("jti")
    assert claims.pop("sub") == _sub(house, "hanoi", account_id)
    assert claims == {
        "iss": "http://localhost:8000",
        "aud": "hanoi",
        "iat": now,
        "exp": now + 120,
        "sid": "sid-h",
        "events": {EVENT: {}},
    }


def _sub(house: House, client_id: str, account_id: UUID) -> str:
    return subject(client_of(house, client_id), account_id, house.base.vault.key("pairwise"))


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "EdDSA"])
def test_2_4_the_token_is_signed_as_the_clients_id_tokens_are(
    house: House, web: MemoryWeb, alg: str
) -> None:
    add_portal(house, backchannel_logout_uri=HANOI, id_token_signed_response_alg=alg)
    _, session_id = open_signed_in(house)
    gets_tokens(house, "hanoi", session_id)
    end(house, session_id)

    build_courier(house, web).deliver()

    header, _ = read(house, web.logout_tokens(HANOI)[0])
    assert header["alg"] == alg


def test_2_6_the_token_is_encrypted_as_the_clients_id_tokens_are(
    house: House, web: MemoryWeb
) -> None:
    key = RSAKey.generate_key(2048)
    public = {**key.as_dict(private=False), "kid": "enc-1", "use": "enc"}
    add_portal(
        house,
        backchannel_logout_uri=HANOI,
        id_token_encrypted_response_alg="RSA-OAEP-256",
        jwks={"keys": [public]},
    )
    _, session_id = open_signed_in(house)
    gets_tokens(house, "hanoi", session_id)
    end(house, session_id)

    build_courier(house, web).deliver()

    opened = jwe.decrypt_compact(web.logout_tokens(HANOI)[0], key, algorithms=_ENCRYPTION)
    header, claims = read(house, (opened.plaintext or b"").decode())
    assert opened.headers()["cty"] == "JWT"
    assert header["typ"] == "logout+jwt"
    assert claims["aud"] == "hanoi"


def test_2_6_without_a_key_it_is_tried_again_and_never_sent_in_clear(
    house: House, web: MemoryWeb
) -> None:
    add_portal(
        house,
        backchannel_logout_uri=HANOI,
        id_token_encrypted_response_alg="RSA-OAEP-256",
        jwks_uri="https://hanoi.example.vn/jwks",
    )
    _, session_id = open_signed_in(house)
    gets_tokens(house, "hanoi", session_id)
    end(house, session_id)

    build_courier(house, web).deliver()

    assert web.posts == []
    assert "not encrypted" in str(outcomes(house))


_ENCRYPTION = ["RSA-OAEP-256", "A128CBC-HS256"]


def test_2_4_sid_and_sub_are_those_of_the_id_token(house: House, web: MemoryWeb) -> None:
    portal = add_portal(house, backchannel_logout_uri=HANOI)
    browser = house.browser()
    browser.registers()
    id_token = portal.claims(portal.signs_in_with(browser)["id_token"])
    browser.visit("/logout")
    browser.send({"do": "all"})

    build_courier(house, web).deliver()

    _, claims = read(house, web.logout_tokens(HANOI)[0])
    assert (claims["sid"], claims["sub"]) == (id_token["sid"], id_token["sub"])


def test_2_4_a_logout_token_is_no_id_token_hint_and_no_access_token(
    house: House, web: MemoryWeb, two: tuple[UUID, UUID]
) -> None:
    end(house, two[1])
    build_courier(house, web).deliver()
    token = web.logout_tokens(HANOI)[0]
    client = house.app.test_client()

    as_hint = client.get(f"/logout?id_token_hint={token}")
    as_bearer = client.get("/userinfo", headers={"Authorization": f"Bearer {token}"})

    assert (as_hint.status_code, as_bearer.status_code) == (400, 401)


# --- section 2.5: the request ---------------------------------------------------------------------


def test_2_5_the_token_is_posted_as_a_form_and_nothing_else(
    house: House, web: MemoryWeb, two: tuple[UUID, UUID]
) -> None:
    end(house, two[1])

    build_courier(house, web).deliver()

    url, body, headers = next(post for post in web.posts if post[0] == HANOI)
    assert url == HANOI
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert body.startswith(b"logout_token=")
    assert b"&" not in body


def test_2_5_only_portals_that_got_tokens_in_the_session_are_told(
    house: House, web: MemoryWeb, two: tuple[UUID, UUID]
) -> None:
    end(house, two[1])

    build_courier(house, web).deliver()

    assert sorted(url for url, *_ in web.posts) == [BOYTE, HANOI]


def test_a_portal_without_an_address_costs_no_job(house: House) -> None:
    add_portal(house)
    _, session_id = open_signed_in(house)
    gets_tokens(house, "hanoi", session_id)

    end(house, session_id)

    assert outcomes(house) == []


# --- sections 2.7 and 2.8: what the answer means --------------------------------------------------


@pytest.mark.parametrize(
    ("status", "outcome", "tries"),
    [
        (200, "delivered", 1),
        (204, "delivered", 1),
        (400, "answered 400", 1),
        (302, "answered 302", 2),
        (404, "answered 404", 2),
        (500, "answered 500", 2),
        (503, "answered 503", 2),
    ],
)
def test_2_8_success_and_refusal_are_final_and_the_rest_is_tried_again(
    house: House, web: MemoryWeb, status: int, outcome: str, tries: int
) -> None:
    add_portal(house, backchannel_logout_uri=HANOI)
    _, session_id = open_signed_in(house)
    gets_tokens(house, "hanoi", session_id)
    end(house, session_id)
    web.says(HANOI, status)
    courier = build_courier(house, web)

    courier.deliver()
    house.clock.forward(seconds=3)
    courier.deliver()

    assert outcomes(house) == [outcome]
    assert len(web.posts) == tries


def test_a_portal_that_comes_back_gets_a_fresh_token(
    house: House, web: MemoryWeb, two: tuple[UUID, UUID]
) -> None:
    end(house, two[1])
    web.down.add(HANOI)
    courier = build_courier(house, web)
    courier.deliver()
    house.clock.forward(hours=1)
    web.down.clear()

    courier.deliver()

    first, second = (read(house, token)[1] for token in web.logout_tokens(HANOI))
    assert second["iat"] - first["iat"] == 3600
    assert second["jti"] != first["jti"]
    assert len(web.logout_tokens(BOYTE)) == 1


def test_a_portal_that_stays_away_is_given_up_after_twelve_hours(
    house: House, web: MemoryWeb, two: tuple[UUID, UUID]
) -> None:
    end(house, two[1])
    web.down |= {HANOI, BOYTE}
    courier = build_courier(house, web)
    courier.deliver()
    house.clock.forward(hours=13)

    courier.deliver()

    assert outcomes(house) == ["given up", "given up"]


def test_a_slow_portal_delays_no_message_to_a_person(
    house: House, web: MemoryWeb, two: tuple[UUID, UUID]
) -> None:
    end(house, two[1])

    assert house.messages() == []
    assert build_courier(house, web).deliver() == 2


# --- every way in which a session ends ------------------------------------------------------------


def _owner(house: House, account_id: UUID) -> OwnerStore:
    with house.database.transaction() as connection:
        connection.execute(text("UPDATE accounts SET closes_at = 0"))
    del account_id
    return OwnerStore(house.database, house.base.vault, NOT_KNOWN)


def _ends(house: House, account_id: UUID, session_id: UUID) -> dict[str, Callable[[], object]]:
    def inside(work: Callable[..., object], *args: object, **more: object) -> object:
        with house.database.transaction() as connection:
            return work(connection, *args, now=house.clock(), **more)

    def idle() -> None:
        house.clock.forward(minutes=31)
        sessions(house).end_expired(limit=10, now=house.clock())

    def absolute() -> None:
        house.clock.forward(hours=12, seconds=1)
        sessions(house).end_expired(limit=10, now=house.clock())

    owner = _owner(house, account_id)
    return {
        "logout": lambda: inside(sessions(house).end, [session_id], "logout"),
        "password": lambda: inside(owner.end_all, account_id, "password"),
        "reset": lambda: inside(owner.end_all, account_id, "reset"),
        "frozen": lambda: inside(owner.freeze, account_id),
        "closed": lambda: inside(owner.close, account_id),
        "idle": idle,
        "absolute": absolute,
    }


@pytest.mark.parametrize(
    "how", ["logout", "password", "reset", "frozen", "closed", "idle", "absolute"]
)
def test_2_6_however_a_session_ends_its_portals_are_told(
    house: House, web: MemoryWeb, two: tuple[UUID, UUID], how: str
) -> None:
    _ends(house, *two)[how]()

    build_courier(house, web).deliver()

    assert [read(house, t)[1]["sid"] for t in web.logout_tokens(HANOI)] == ["sid-h"]
    assert [read(house, t)[1]["sid"] for t in web.logout_tokens(BOYTE)] == ["sid-b"]


def test_leaving_one_portal_and_withdrawing_a_consent_tell_only_that_portal(
    house: House, web: MemoryWeb, two: tuple[UUID, UUID]
) -> None:
    account_id, session_id = two
    with house.database.transaction() as connection:
        sessions(house).leave(connection, session_id, "hanoi", now=house.clock())
    courier = build_courier(house, web)
    courier.deliver()
    told_first = [url for url, *_ in web.posts]
    with house.database.transaction() as connection:
        consents = ConsentStore(house.database, house.base.vault)
        consents.revoke(connection, account_id, "boyte", now=house.clock())
    courier.deliver()
    end(house, session_id)
    courier.deliver()

    assert told_first == [HANOI]
    assert [url for url, *_ in web.posts] == [HANOI, BOYTE]


def test_a_password_change_spares_the_session_it_was_made_in(
    house: House, web: MemoryWeb, two: tuple[UUID, UUID]
) -> None:
    account_id, session_id = two
    with house.database.transaction() as connection:
        owner = OwnerStore(house.database, house.base.vault, NOT_KNOWN)
        owner.end_all(connection, account_id, "password", keep=session_id, now=house.clock())

    assert build_courier(house, web).deliver() == 0


def test_somebody_elses_sign_in_in_the_same_browser_tells_the_former_persons_portals(
    house: House, web: MemoryWeb
) -> None:
    add_portal(house, backchannel_logout_uri=HANOI)
    browser = house.browser()
    browser.registers()
    portal = add_portal(house, backchannel_logout_uri=HANOI)
    portal.signs_in_with(browser)
    house.carrier.add("0912345678", "001085014236", name="Trần Thị Lan", birth_date="02/03/1985")
    house.forget_messages()
    browser.get("/register")
    browser.post({"subject": "citizen", "method": "mobile"})
    browser.fills_in(
        username="001085014236",
        full_name="Trần Thị Lan",
        birth_date="02/03/1985",
        phone="0912345678",
        email="lan@example.vn",
    )
    browser.post({"code": house.last_code()})
    browser.post({"password": "Sông-Hồng-2026-xanh", "password_again": "Sông-Hồng-2026-xanh"})
    browser.get("/login")
    browser.post({"username": "001085014236", "password": "Sông-Hồng-2026-xanh"})
    browser.post({"code": house.last_code()})

    build_courier(house, web).deliver()

    assert len(web.logout_tokens(HANOI)) == 1


def test_the_same_persons_new_sign_in_tells_nobody_and_keeps_both_sids(
    house: House, web: MemoryWeb, two: tuple[UUID, UUID]
) -> None:
    account_id, old_id = two
    new_id, cookie = open_session(house.database, account_id)
    store = sessions(house)
    every = {each.id: each for each in store.of_account(account_id, now=house.clock())}
    with house.database.transaction() as connection:
        store.supersede(connection, every[old_id], every[new_id], now=house.clock())
    gets_tokens(house, "hanoi", new_id, sid="sid-h2")
    courier = build_courier(house, web)
    told_at_first = courier.deliver()
    end(house, new_id)
    courier.deliver()

    assert cookie
    assert told_at_first == 0
    sids = {read(house, token)[1]["sid"] for token in web.logout_tokens(HANOI)}
    assert sids == {"sid-h", "sid-h2"}


def test_a_portal_with_offline_access_is_told_and_keeps_its_grant(
    house: House, web: MemoryWeb
) -> None:
    add_portal(house, backchannel_logout_uri=HANOI)
    _, session_id = open_signed_in(house)
    grant = gets_tokens(house, "hanoi", session_id, is_offline=True)

    end(house, session_id)

    assert build_courier(house, web).deliver() == 1
    with house.database.transaction() as connection:
        row = connection.execute(
            text("SELECT revoked_at FROM grants WHERE client_id = 'hanoi'")
        ).one()
    assert (grant, row.revoked_at) == (grant, None)


def test_a_portal_that_refreshes_its_tokens_keeps_an_idle_session(
    house: House, web: MemoryWeb, two: tuple[UUID, UUID]
) -> None:
    house.clock.forward(minutes=31)
    gets_tokens(house, "third", two[1])

    ended = sessions(house).end_expired(limit=10, now=house.clock())

    assert (ended, build_courier(house, web).deliver()) == (0, 0)


def test_a_client_that_is_removed_is_told_as_it_was(house: House, web: MemoryWeb) -> None:
    add_portal(house, backchannel_logout_uri=HANOI)
    account_id, session_id = open_signed_in(house)
    gets_tokens(house, "hanoi", session_id)
    sub = _sub(house, "hanoi", account_id)
    clients = ClientStore(house.database, lambda found, _: found)
    with house.database.transaction() as connection:
        Endings(house.database, house.base.vault).client(connection, "hanoi", now=house.clock())
        clients.remove(connection, "hanoi", now=house.clock())

    build_courier(house, web).deliver()

    assert read(house, web.logout_tokens(HANOI)[0])[1]["sub"] == sub


# --- in parallel ----------------------------------------------------------------------------------


def test_of_two_that_end_a_session_at_once_one_tells(
    house: House, web: MemoryWeb, two: tuple[UUID, UUID]
) -> None:
    at_once(*[lambda: end(house, two[1]) for _ in range(8)])

    build_courier(house, web).deliver()

    assert sorted(url for url, *_ in web.posts) == [BOYTE, HANOI]


def test_two_workers_deliver_each_logout_once(house: House, web: MemoryWeb) -> None:
    add_portal(house, backchannel_logout_uri=HANOI)
    account_id, session_id = open_signed_in(house)
    for number in range(20):
        gets_tokens(house, "hanoi", session_id, sid=f"sid-{number}")
    end(house, session_id)
    workers = [build_courier(house, web) for _ in range(4)]

    at_once(*[worker.deliver for worker in workers])

    sids = [read(house, token)[1]["sid"] for token in web.logout_tokens(HANOI)]
    assert sorted(sids) == sorted(f"sid-{number}" for number in range(20))
    assert account_id


def test_what_a_dead_worker_held_is_delivered_when_its_lease_is_over(
    house: House, web: MemoryWeb, two: tuple[UUID, UUID]
) -> None:
    end(house, two[1])
    dead, alive = build_courier(house, MemoryWeb()), build_courier(house, web)
    dead.outbox.claim(now=house.clock(), limit=10, lease=timedelta(seconds=90), lane=Lane.PORTALS)
    during = alive.deliver()
    house.clock.forward(seconds=91)

    assert (during, alive.deliver()) == (0, 2)


def test_discovery_says_that_logout_is_supported(house: House) -> None:
    found = house.app.test_client().get("/.well-known/openid-configuration").get_json()

    for channel in ("backchannel", "frontchannel"):
        assert found[f"{channel}_logout_supported"] is True
        assert found[f"{channel}_logout_session_supported"] is True
