"""What belongs to somebody else (OWASP API 1, 5; ASVS 5.0, 8): accounts, consoles, portals."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from idp.domain.subjects import EmailAddress, IdNumber, PhoneNumber
from tests.support.house import House, PortalClient, add_portal, answer_of
from tests.support.portal_kit import Visitor, sign_in

_NUMBERS = iter(range(60000, 99999))


def somebody(target: House, *client_ids: str) -> Visitor:
    number = next(_NUMBERS)
    return sign_in(
        target,
        *client_ids,
        id_numbers=(IdNumber.parse(f"0010720{number}"),),
        phone=PhoneNumber.parse(f"09123{number}"),
        email=EmailAddress.parse(f"p{number}@example.vn"),
    )


@pytest.fixture(scope="module")
def owner(target: House, portal: PortalClient) -> Visitor:
    return somebody(target, portal.client_id)


@pytest.fixture
def thief(target: House) -> Visitor:
    return somebody(target)


def csrf_of(client: FlaskClient) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/register").text)
    assert found
    return found[1]


def posts(visitor: Visitor, path: str, **form: str) -> TestResponse:
    return visitor.client.post(path, data={"csrf": csrf_of(visitor.client), **form})


def rows(target: House) -> dict[str, int]:
    """How much there is of everything that a theft would change."""
    statements = {
        "sessions": "SELECT COUNT(*) FROM sessions WHERE ended_at IS NOT NULL",
        "grants": "SELECT COUNT(*) FROM grants WHERE revoked_at IS NOT NULL",
        "consents": "SELECT COUNT(*) FROM consents WHERE revoked_at IS NOT NULL",
        "credentials": "SELECT COUNT(*) FROM credentials",
        "frozen": "SELECT COUNT(*) FROM accounts WHERE status <> 'active'",
    }
    with target.database.transaction() as connection:
        return {
            name: int(connection.execute(text(statement)).scalar() or 0)
            for name, statement in statements.items()
        }


IDS: dict[str, Any] = {
    "the owner's session": lambda owner: owner.session_id.hex,
    "the owner's account": lambda owner: owner.account_id.hex,
    "nobody's": lambda _: uuid4().hex,
    "zeros": lambda _: "0" * 32,
    "no id": lambda _: "x",
    "nothing": lambda _: "",
    "a list": lambda owner: f"{owner.session_id.hex},{owner.session_id.hex}",
    "SQL": lambda _: "' OR '1'='1",
    "a zero byte": lambda owner: f"{owner.session_id.hex}\0",
    "very long": lambda _: "0" * 5000,
}
ACTIONS = [
    ("/account/sessions/end", "session"),
    ("/account/portals/revoke", "portal"),
    ("/account/methods/remove", "credential"),
    ("/account/methods/phone", "phone"),
    ("/account/methods/add", "method"),
    ("/account/representatives/revoke", "representative"),
]


@pytest.mark.parametrize("action", ACTIONS, ids=str)
@pytest.mark.parametrize("whose", IDS)
def test_an_id_of_somebody_else_changes_nothing(
    target: House, owner: Visitor, thief: Visitor, action: tuple[str, str], whose: str
) -> None:
    (path, name), before = action, rows(target)

    page = posts(thief, path, **{name: IDS[whose](owner), "do": "remove"})

    assert page.status_code < 500
    assert rows(target) == before
    assert owner.client.get("/account").status_code == 200


PRIVILEGED = {"account_id", "actor_id", "ial", "status", "level", "role", "is_operator", "sub"}


@pytest.mark.parametrize("name", sorted(PRIVILEGED))
@pytest.mark.parametrize(
    "path", ["/account/edit", "/account/protection/switch", "/account/password"]
)
def test_a_field_that_no_form_has_changes_nothing(
    target: House, owner: Visitor, thief: Visitor, path: str, name: str
) -> None:
    def kept(account_id: UUID) -> tuple[object, ...]:
        query = text("SELECT ial, status, kind FROM accounts WHERE id = :id")
        value = account_id.bytes if target.database.engine.name == "sqlite" else account_id
        with target.database.transaction() as connection:
            found = connection.execute(query, {"id": value}).first()
        return tuple(found) if found else ()

    before = kept(thief.account_id), kept(owner.account_id)

    page = posts(thief, path, **{name: owner.account_id.hex if name.endswith("id") else "3"})

    assert page.status_code < 500
    assert (kept(thief.account_id), kept(owner.account_id)) == before


CONSOLE = [
    ("GET", "/operator"),
    ("GET", "/operator/agencies"),
    ("GET", "/operator/agencies/bind"),
    ("POST", "/operator/agencies/bind"),
    ("POST", "/operator/agencies/unbind"),
    ("GET", "/operator/complaints"),
    ("GET", f"/operator/complaints/{'0' * 32}"),
    ("POST", f"/operator/complaints/{'0' * 32}"),
    ("GET", "/operator/counter"),
    ("POST", "/operator/counter"),
    ("GET", f"/operator/counter/{'0' * 32}"),
    ("POST", f"/operator/counter/{'0' * 32}"),
    ("GET", "/operator/post"),
    ("POST", "/operator/post"),
    ("GET", f"/operator/post/{'0' * 32}"),
    ("POST", f"/operator/post/{'0' * 32}"),
]


@pytest.mark.parametrize(("method", "path"), CONSOLE)
def test_the_console_is_closed_to_who_is_no_operator(
    thief: Visitor, method: str, path: str
) -> None:
    page = thief.client.get(path) if method == "GET" else posts(thief, path, number="001072000136")

    assert page.status_code == 403


@pytest.mark.parametrize(("method", "path"), CONSOLE)
def test_the_console_is_closed_to_strangers(target: House, method: str, path: str) -> None:
    client = target.app.test_client()

    page = client.get(path) if method == "GET" else client.post(
        path, data={"csrf": csrf_of(client)}
    )  # fmt: skip

    assert page.status_code == 303
    assert page.headers["Location"].startswith("/login/")


MACHINE = [
    ("POST", "/counter/v1/accounts"),
    ("GET", "/ssf/streams"),
    ("POST", "/ssf/streams"),
    ("GET", "/ssf/status?stream_id=x"),
    ("POST", "/ssf/verify"),
    ("POST", "/ssf/subjects/add"),
    ("POST", f"/ssf/poll/{'0' * 32}"),
    ("POST", "/oauth2/techid"),
    ("POST", "/introspect"),
    ("POST", "/revoke"),
    ("POST", "/par"),
    ("POST", "/bc-authorize"),
    ("POST", "/device_authorization"),
    ("GET", "/connect/register/hanoi"),
    ("PUT", "/connect/register/hanoi"),
    ("DELETE", "/connect/register/hanoi"),
]
CALLERS: dict[str, dict[str, str]] = {
    "nobody": {},
    "a made-up token": {"Authorization": "Bearer x"},
    "an empty token": {"Authorization": "Bearer "},
    "a made-up secret": {"Authorization": "Basic aGFub2k6eA=="},
    "a session": {"Cookie": "idp_session={cookie}"},
    "a session as token": {"Authorization": "Bearer {cookie}"},
}


@pytest.mark.parametrize(("method", "path"), MACHINE)
@pytest.mark.parametrize("who", CALLERS)
def test_no_endpoint_of_programs_serves_who_is_none(
    target: House, owner: Visitor, method: str, path: str, who: str
) -> None:
    cookie = owner.client.get_cookie("idp_session")
    assert cookie
    headers = {name: each.format(cookie=cookie.value) for name, each in CALLERS[who].items()}
    client = target.app.test_client(use_cookies=False)

    answer = client.open(path, method=method, headers=headers, data={"token": "x"})

    assert answer.status_code in {400, 401, 403, 404}
    assert "client_secret" not in answer.text


@pytest.mark.parametrize("token", ["access_token", "id_token", "refresh_token"])
@pytest.mark.parametrize(
    "path", ["/ssf/streams", "/connect/register/hanoi", "/counter/v1/accounts"]
)
def test_a_persons_token_is_no_programs_token(
    owner: Visitor, portal: PortalClient, path: str, token: str
) -> None:
    code = answer_of(owner.client.get(portal.request(scope="openid")))["code"]
    tokens = portal.redeems(code).get_json()
    headers = {"Authorization": f"Bearer {tokens[token]}"}

    for method in ("GET", "POST"):
        answer = portal.house.app.test_client().open(path, method=method, headers=headers, json={})
        assert answer.status_code in {401, 403, 405}


# --- one browser, two people --------------------------------------------------------------------


def test_a_request_that_one_person_began_is_not_answered_for_the_next(
    target: House, portal: PortalClient
) -> None:
    """The consent page of one person, posted after another one signed in in the same browser."""
    first, second = somebody(target), somebody(target)
    first.client.get(portal.request())
    page = first.client.get(portal.request(), follow_redirects=True)
    assert page.request.path.startswith("/consent/")
    cookie = second.client.get_cookie("idp_session")
    assert cookie
    first.client.set_cookie("idp_session", cookie.value)
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found

    sent = first.client.post(page.request.path, data={"csrf": found[1], "do": "confirm"})

    tokens = portal.redeems(answer_of(sent)["code"]).get_json()
    told = portal.claims(tokens["id_token"])["sub"]
    again = second.client.get(portal.request())
    tokens = portal.redeems(answer_of(again)["code"]).get_json()
    assert told == portal.claims(tokens["id_token"])["sub"]


@pytest.mark.parametrize("prompt", ["", "none"])
def test_a_hint_keeps_a_portal_from_the_wrong_person(
    target: House, owner: Visitor, portal: PortalClient, prompt: str
) -> None:
    code = answer_of(owner.client.get(portal.request(scope="openid")))["code"]
    hint = portal.redeems(code).get_json()["id_token"]
    other = somebody(target, portal.client_id)
    changes = {"prompt": prompt} if prompt else {}

    page = other.client.get(portal.request(scope="openid", id_token_hint=hint, **changes))

    assert "code=" not in page.headers["Location"]


def test_two_portals_of_two_sectors_know_a_person_by_two_names(
    owner: Visitor, portal: PortalClient, mallory: PortalClient
) -> None:
    owner.agrees(mallory.client_id)
    subs, sids = set(), set()
    for each in (portal, mallory):
        code = answer_of(owner.client.get(each.request(scope="openid")))["code"]
        claims = each.claims(each.redeems(code).get_json()["id_token"])
        subs.add(claims["sub"])
        sids.add(claims["sid"])

    assert (len(subs), len(sids)) == (2, 2)
    assert owner.account_id.hex not in subs


# --- logout -------------------------------------------------------------------------------------

LOGOUTS: dict[str, Any] = {
    "a hint of another client": lambda hint: {"client_id": "mallory", "id_token_hint": hint},
    "a forged hint": lambda _: {"id_token_hint": "e30.e30.", "client_id": "leaver"},
    "an unknown client": lambda _: {"client_id": "nobody"},
    "an address and no client": lambda _: {
        "post_logout_redirect_uri": "https://leaver.example.vn/"
    },
    "an address of another client": lambda _: {
        "client_id": "mallory",
        "post_logout_redirect_uri": "https://leaver.example.vn/bye",
    },
    "a very long state": lambda hint: {
        "id_token_hint": hint,
        "post_logout_redirect_uri": "https://leaver.example.vn/bye",
        "state": "s" * 5000,
    },
    "an access token as hint": lambda _: {"id_token_hint": "{access}", "client_id": "leaver"},
}


@pytest.fixture(scope="module")
def leaver(target: House) -> PortalClient:
    return add_portal(target, "leaver", post_logout_redirect_uris=["https://leaver.example.vn/bye"])


@pytest.mark.parametrize("how", LOGOUTS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_wrong_logout_leads_nowhere_and_signs_nobody_out(
    target: House, leaver: PortalClient, how: str, method: str
) -> None:
    visitor = somebody(target, "leaver")
    code = answer_of(visitor.client.get(leaver.request(scope="openid")))["code"]
    tokens = leaver.redeems(code).get_json()
    asked = {
        name: value.format(access=tokens["access_token"])
        for name, value in LOGOUTS[how](tokens["id_token"]).items()
    }
    place = {"query_string": asked} if method == "GET" else {"data": asked}

    page = visitor.client.open("/logout", method=method, **place)  # type: ignore[arg-type]

    assert (page.status_code, "Location" in page.headers) == (400, False)
    assert visitor.client.get("/account").status_code == 200
