"""Pages: what strangers write on them, whose transaction, whose cookie (ASVS 5.0, 1, 3, 7)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp.domain.assurance import IAL, Evidence
from idp.domain.sessions import Device
from idp.domain.subjects import IdNumber
from tests.support.decoupled import add_kiosk, add_office
from tests.support.house import PASSWORD, PERSON, House, PortalClient, add_portal, answer_of
from tests.support.portal_kit import Visitor, sign_in

PAYLOADS = {
    "script": "<script>alert(1)</script>",
    "attribute": '" onmouseover="alert(1)',
    "single quote": "' onfocus='alert(1)' autofocus='",
    "image": "<img src=x onerror=alert(1)>",
    "svg": "<svg/onload=alert(1)>",
    "closing title": "</title><script>alert(1)</script>",
    "closing textarea": "</textarea><script>alert(1)</script>",
    "comment": "--><script>alert(1)</script>",
    "template": "{{7*7*191}}{%debug%}${7*7*191}",
    "style": "</style><script>alert(1)</script>",
    "javascript": "javascript:alert(1)",
    "meta": '<meta http-equiv=refresh content="0;url=//evil.example">',
    "base": '<base href="//evil.example/">',
    "form": '</form><form action="//evil.example">',
    "percent": "%(portal)s %s %d {0} {portal}",
}
_LIVE = re.compile(
    r"<script>|<img src=x|<svg/|<meta http-equiv=refresh|<base href|<form action=\"//"
    r"|(?<![\w-])9359|\son(?:mouseover|error|load|focus)=[\"']|href=\"javascript:",
    re.IGNORECASE,
)


def is_harmless(page: TestResponse) -> bool:
    """No payload became markup, and the page has the policy that would stop one."""
    policy = page.headers["Content-Security-Policy"]
    return page.status_code < 500 and _LIVE.search(page.text) is None and "unsafe" not in policy


def posts(client: FlaskClient, path: str, **form: str) -> TestResponse:
    """The form of a page, with what its fields say."""
    page = client.get(path, follow_redirects=True)
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found, page.text
    data = {"csrf": found[1], **form}
    return client.post(page.request.path, data=data, follow_redirects=True)


REFLECTED: dict[str, Any] = {
    "login_hint": lambda p, text: p.request(login_hint=text, prompt="login"),
    "ui_locales": lambda p, text: p.request(ui_locales=text, prompt="login"),
    "claims_locales": lambda p, text: p.request(claims_locales=text, prompt="login"),
    "state": lambda p, text: p.request(state=text, prompt="login"),
    "display": lambda p, text: p.request(display=text, prompt="login"),
    "client_id": lambda p, text: p.request(client_id=text),
    "redirect_uri": lambda p, text: p.request(redirect_uri=text),
    "scope": lambda p, text: p.request(scope=f"openid {text}", prompt="login"),
    "acr_values": lambda p, text: p.request(acr_values=text, prompt="login"),
    "id_token_hint": lambda p, text: p.request(redirect_uri="x", id_token_hint=text),
    "user_code": lambda _, text: f"/device?user_code={quote(text)}",
    "next": lambda _, text: f"/lang/en?next={quote('/nowhere?x=' + text)}",
    "a path": lambda _, text: f"/{quote(text)}",
    "a static file": lambda _, text: f"/static/{quote(text)}",
    "a portal to start": lambda _, text: f"/start/{quote(text)}",
    "a transaction": lambda _, text: f"/login/{quote(text)}",
    "a link of a message": lambda _, text: f"/not-me/{quote(text)}",
    "a parameter of ours": lambda _, text: f"/?saved={quote(text)}&error={quote(text)}",
    "a tab": lambda _, text: f"/login?method={quote(text)}",
    "post_logout_redirect_uri": lambda _, text: f"/logout?post_logout_redirect_uri={quote(text)}",
}


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("place", REFLECTED)
def test_what_stands_in_an_address_is_never_markup(
    target: House, portal: PortalClient, place: str, payload: str
) -> None:
    address = REFLECTED[place](portal, PAYLOADS[payload])

    assert is_harmless(target.app.test_client().get(address, follow_redirects=True))


TYPED = {
    "the number of a sign-in": ("/login", {"username": "{}", "password": "x"}),
    "the number of a forgotten password": ("/forgot", {"username": "{}", "captcha": "{}"}),
    "the code of a device": ("/device", {"user_code": "{}"}),
    "the subject of a registration": ("/register", {"subject": "{}", "method": "{}"}),
    "a ticket of a complaint": ("/complaint/status", {"ticket": "{}", "phone": "{}"}),
    "a complaint": ("/complaint", {"number": "{}", "full_name": "{}", "text": "{}", "phone": "{}"}),
}


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("place", TYPED)
def test_what_is_typed_comes_back_as_text(target: House, place: str, payload: str) -> None:
    path, form = TYPED[place]
    filled = {name: value.format(PAYLOADS[payload]) for name, value in form.items()}

    assert is_harmless(posts(target.app.test_client(), path, **filled))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_portals_name_is_text_wherever_it_stands(target: House, payload: str) -> None:
    name = f"kiosk-{payload.replace(' ', '-')}"
    kiosk = add_kiosk(target, name, client_name=PAYLOADS[payload].strip() or "x")
    portal = add_portal(target, f"portal-{name}", client_name=PAYLOADS[payload])
    visitor = sign_in(
        target,
        id_numbers=(_number(),),
        phone=None,
        email=None,
    )
    kiosk.begins()

    consent = visitor.client.get(portal.request(), follow_redirects=True)
    login = target.app.test_client().get(portal.request(), follow_redirects=True)
    device = posts(visitor.client, "/device", user_code=kiosk.user_code)
    posted = visitor.client.get(portal.request(response_mode="form_post", scope="openid"))
    sent = posts(visitor.client, str(posted.headers.get("Location", "/register")), do="confirm")
    linked = visitor.client.get("/account/portals")

    for page in (consent, login, device, sent, linked):
        assert is_harmless(page), page.text


def _number() -> IdNumber:
    return IdNumber.parse(f"0010720{next(_NUMBERS):05d}")


_NUMBERS = iter(range(20000, 99999))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_the_name_of_a_program_is_text_in_the_owners_list(target: House, payload: str) -> None:
    client = target.app.test_client()
    visitor = sign_in(target, id_numbers=(_number(),), phone=None, email=None)
    sessions = target.app.extensions["idp.house"].sessions
    with target.database.transaction() as connection:
        _, cookie = sessions.add(
            connection,
            visitor.account_id,
            [Evidence("password_otp", IAL.MEDIUM, (), target.clock())],
            device=Device(PAYLOADS[payload], PAYLOADS[payload]),
            now=target.clock(),
        )
    client.set_cookie("idp_session", cookie)

    assert is_harmless(client.get("/account/sessions"))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_binding_message_is_short_plain_text(target: House, payload: str) -> None:
    office = add_office(target, f"office-{payload.replace(' ', '-')}")

    answer = office.asks(login_hint=_number().value, binding_message=PAYLOADS[payload])

    assert answer.status_code == 200 or answer.get_json()["error"] == "invalid_binding_message"


# --- whose transaction it is --------------------------------------------------------------------


def begun(target: House, path: str) -> tuple[FlaskClient, str]:
    """A browser in the middle of something, and where it is."""
    client = target.app.test_client()
    return client, client.get(path, follow_redirects=True).request.path


STEPS: dict[str, Any] = {
    "a sign-in": lambda _: "/login",
    "a forgotten password": lambda _: "/forgot",
    "a complaint": lambda _: "/complaint",
    "a request of a portal": lambda p: p.request(prompt="login"),
}


@pytest.mark.parametrize("what", STEPS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_transaction_of_another_browser_is_over(
    target: House, portal: PortalClient, what: str, method: str
) -> None:
    _, path = begun(target, STEPS[what](portal))
    other = target.app.test_client()
    token = posts(other, "/register", subject="citizen", method="mobile").text
    csrf = re.search(r'name="csrf" value="([^"]+)"', token)
    assert csrf

    page = other.open(path, method=method, data={"csrf": csrf[1]} if method == "POST" else None)

    assert page.status_code == 410


@pytest.mark.parametrize(
    "path",
    [
        "/login/{}", "/login/{}/poll", "/login/{}/again", "/authorize/{}", "/authorize/{}/cancel",
        "/consent/{}", "/logout/{}", "/logged-out/{}", "/device/{}", "/register/{}",
        "/register/{}/poll", "/forgot/{}", "/lost-phone/{}", "/complaint/{}",
        "/login/{}/lost-phone",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "name",
    [
        "5e0f1c2a9b8d4e7fa6c3b2d1e0f9a8b7",
        "0" * 32,
        "x",
        "0" * 31,
        "%00",
        "..%2f..",
        "-1",
        "0" * 500,
    ],
)
def test_a_transaction_that_never_was_is_over(victim: Visitor, path: str, name: str) -> None:
    page = victim.client.get(path.format(name))

    assert page.status_code in {303, 404, 410}
    assert page.status_code != 303 or not page.headers["Location"].startswith("http")


def test_a_transaction_of_one_kind_is_none_of_another(target: House, portal: PortalClient) -> None:
    client, path = begun(target, portal.request(prompt="login"))
    transaction = path.rsplit("/", 1)[1]

    for other in ("consent", "authorize", "device", "register", "forgot", "logout", "complaint"):
        assert client.get(f"/{other}/{transaction}").status_code == 410, other


# --- whose cookie it is -------------------------------------------------------------------------

COOKIES = {
    "nothing": "",
    "a name only": "x",
    "an id only": "{id}",
    "an id and no secret": "{id}.",
    "another secret": "{id}.{other}",
    "a secret in another case": "{id}.{swapped}",
    "another id": "{zero}.{secret}",
    "an id with hyphens": "{hyphens}.{secret}",
    "capitals": "{upper}.{secret}",
    "a secret and more": "{id}.{secret}x",
    "a secret and a zero byte": "{id}.{secret}%00",
    "three parts": "{id}.{secret}.{secret}",
    "very long": "{id}." + "a" * 6000,
    "quotes": '"{id}.{secret}x"',
    "SQL": "' OR '1'='1",
    "JSON": '{{"id":1}}',
    "a serialised object": "gASVAAAAAAAAAACMCGJ1aWx0aW5z",
}


@pytest.mark.parametrize("how", COOKIES)
def test_a_guessed_or_changed_cookie_is_nobody(victim: Visitor, how: str) -> None:
    found = victim.client.get_cookie("idp_session")
    assert found
    session_id, _, secret = found.value.partition(".")
    value = COOKIES[how].format(
        id=session_id,
        secret=secret,
        other="A" * len(secret),
        swapped=secret.swapcase(),
        zero="0" * 32,
        hyphens="-".join((session_id[:8], session_id[8:])),
        upper=session_id.upper() + "0",
    )
    client = victim.house.app.test_client(use_cookies=False)

    page = client.get("/account", headers={"Cookie": f"idp_session={value}"})
    at_once = client.get(
        f"/authorize?client_id=hanoi&prompt=none&scope=openid&response_type=code"
        f"&redirect_uri={quote('https://hanoi.example.vn/callback', safe='')}"
        f"&code_challenge={'x' * 43}&code_challenge_method=S256",
        headers={"Cookie": f"idp_session={value}"},
    )

    assert page.headers["Location"].startswith("/login/")
    assert answer_of(at_once)["error"] == "login_required"


def test_a_session_that_was_planted_before_is_not_the_one_after(house: House) -> None:
    browser = house.browser()
    browser.registers()
    browser.client.set_cookie("idp_session", f"{'0' * 32}.planted")
    browser.signs_in()

    found = browser.client.get_cookie("idp_session")

    assert found
    assert "planted" not in found.value
    assert found.http_only
    assert found.same_site == "Lax"


def test_a_cookie_of_before_opens_nothing_after_another_sign_in(house: House) -> None:
    browser, thief = house.browser(), house.app.test_client()
    browser.registers()
    browser.signs_in()
    old = browser.client.get_cookie("idp_session")
    assert old
    thief.set_cookie("idp_session", old.value)
    house.clock.forward(minutes=2)

    browser.signs_in_again()

    assert thief.get("/account").headers["Location"].startswith("/login/")
    assert browser.get("/account").request.path == "/account"


def test_a_browser_that_was_given_a_strangers_secret_is_not_signed_in(house: House) -> None:
    """Login CSRF: the attacker's page for a sign-in in the victim's browser."""
    attacker, other = house.browser(), house.app.test_client()
    attacker.registers()
    attacker.get("/login")
    attacker.types_password()
    planted = attacker.client.get_cookie("idp_browser")
    assert planted
    other.set_cookie("idp_browser", planted.value)

    page = other.post(
        attacker.path,
        data={"csrf": attacker._csrf(), "code": house.last_code()},
        headers={"Origin": "https://evil.example"},
    )

    assert page.status_code == 403
    assert other.get_cookie("idp_session") is None


def test_two_cookies_of_one_name_are_at_most_one_session(victim: Visitor) -> None:
    found = victim.client.get_cookie("idp_session")
    assert found
    client = victim.house.app.test_client(use_cookies=False)
    planted = f"idp_session={'0' * 32}.{'A' * 43}"

    first = client.get("/account", headers={"Cookie": f"{planted}; idp_session={found.value}"})
    alike = client.get("/account", headers={"Cookie": f"xidp_session={found.value}"})

    assert first.status_code == 303
    assert alike.status_code == 303


def test_a_wrong_password_and_an_unknown_number_are_told_alike(house: House) -> None:
    house.browser().registers()

    pages = []
    for number in (PERSON["username"], "001072000999"):
        browser = house.browser()
        browser.get("/login")
        page = browser.types_password(number, PASSWORD + "x")
        text = re.sub(r'value="[^"]*"|[0-9a-f]{32}', "", page.text)
        pages.append((page.status_code, text.replace(number, "")))

    assert pages[0] == pages[1]
