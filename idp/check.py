"""``idp demo --check``: one registration and one sign-in at a portal, as a browser would do it."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx2 as httpx

_PASSWORD = "Thử-Nghiệm-2026-xanh"  # noqa: S105  of an invented person
_PATIENCE_SECONDS = 15


class Failed(Exception):
    """A step did not lead where it should."""


class _Forms(HTMLParser):
    """The forms of a page: where each goes and what it carries hidden."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str], set[str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect forms and their fields."""
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((found.get("action", ""), {}, set()))
        elif tag == "input" and self.forms and found.get("name"):
            _, hidden, asked = self.forms[-1]
            if found.get("type") == "hidden":
                hidden[found["name"]] = found.get("value", "")
            else:
                asked.add(found["name"])


def run(issuer: str, sandbox: str, portal: str) -> int:
    """Do it; says each step; answers the exit code."""
    try:
        with httpx.Client(follow_redirects=True, timeout=20, trust_env=False) as browser:
            person = browser.post(f"{sandbox}/people", json={"kind": "citizen"}).json()
            _register(browser, issuer, sandbox, person)
            _sign_in(browser, sandbox, portal, person)
    except (Failed, httpx.HTTPError, KeyError) as error:
        _say(f"FAILED {type(error).__name__}: {error}")
        return 1
    _say("OK")
    return 0


def _register(browser: httpx.Client, issuer: str, sandbox: str, person: dict[str, object]) -> None:
    phone = _phone(person)
    page = _submit(browser, browser.get(f"{issuer}/register"), method="mobile")
    page = _submit(
        browser,
        page,
        username=str(person["id_number"]),
        full_name=str(person["full_name"]),
        birth_date=str(person["birth_date"]),
        phone=phone,
        email="",
        captcha="12345",
    )
    _say("registration form accepted, code on its way")
    page = _submit(browser, page, code=_code(browser, sandbox, phone, 1))
    page = _submit(browser, page, password=_PASSWORD, password_again=_PASSWORD)
    _expect(page, "/login")
    _say("account opened")


def _sign_in(browser: httpx.Client, sandbox: str, portal: str, person: dict[str, object]) -> None:
    page = browser.get(f"{portal}/login")
    page = _submit(browser, page, username=str(person["id_number"]), password=_PASSWORD)
    page = _submit(browser, page, code=_code(browser, sandbox, _phone(person), 2))
    _say("password and code accepted")
    if "/consent/" in page.url.path:
        page = _submit(browser, page)
    _expect(page, str(person["full_name"]).replace("'", "&#39;"))
    _expect(page, "ial2")
    _say("signed in at the portal at ial2")


def _submit(browser: httpx.Client, page: httpx.Response, **values: str) -> httpx.Response:
    """Fill in the first form that asks for these fields."""
    parser = _Forms()
    parser.feed(page.text)
    for action, hidden, asked in parser.forms:
        if set(values) - {"captcha", "method", "email"} <= asked:
            form = {**hidden, "do": "confirm", **values}
            return browser.post(urljoin(str(page.url), action), data=form)
    raise Failed(f"no form for {', '.join(values)} on {page.url.path}")


def _code(browser: httpx.Client, sandbox: str, phone: str, expected: int) -> str:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        headers = {"Accept": "application/json"}
        found = browser.get(f"{sandbox}/sms", params={"to": phone}, headers=headers).json()
        if len(found) >= expected:
            return str(found[0]["code"])
        time.sleep(0.1)
    raise Failed("no message came")


def _phone(person: dict[str, object]) -> str:
    found = re.search(r"'number': '([^']+)'", str(person["phones"]))
    if not found:
        raise Failed("the person has no phone")
    return found[1]


def _expect(page: httpx.Response, text: str) -> None:
    if text not in page.text:
        raise Failed(f"{page.url.path} does not say {text!r}")


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  the person who started the check reads this
