"""A browser without JavaScript that can lose a request: sent, and the server killed under it."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx2 as httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from tests.faults.installation import PATIENCE, Installation

PASSWORD = "Sông-Hồng-2026-xanh"
REDIRECT = "https://portal.example.vn/callback"
CLIENT, SECRET = "fault-portal", "portal-secret-0123456789abcdef"
VERIFIER = "v" * 64


class _Forms(HTMLParser):
    """Every form: where it goes, what it carries hidden, what it asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str], set[str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append((values.get("action", ""), {}, set()))
        elif tag in {"input", "select"} and self.found and values.get("name"):
            _, hidden, asked = self.found[-1]
            if values.get("type") == "hidden":
                hidden[values["name"]] = values.get("value", "")
            else:
                asked.add(values["name"])


@dataclass(frozen=True)
class Prepared:
    """A POST that can be sent, lost, and sent again."""

    url: str
    form: dict[str, str]
    headers: dict[str, str]


@dataclass
class Lost:
    """A request on a connection of its own; nobody reads the answer."""

    connection: socket.socket

    @property
    def port(self) -> int:
        return int(self.connection.getsockname()[1])

    def answer(self) -> bytes:
        """What came back: nothing, when the server died first."""
        self.connection.settimeout(10)
        try:
            return self.connection.recv(65536)
        except ConnectionError:
            return b""
        finally:
            self.connection.close()


@dataclass
class Visitor:
    """One person at one installation."""

    at: Installation
    person: dict[str, Any]
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30, trust_env=False))
    page: httpx.Response | None = None

    @property
    def phone(self) -> str:
        return str(self.person["phones"][0]["number"])

    @property
    def number(self) -> str:
        return str(self.person["id_number"])

    @property
    def text(self) -> str:
        assert self.page is not None
        return self.page.text

    @property
    def path(self) -> str:
        assert self.page is not None
        return urlsplit(str(self.page.url)).path

    def get(self, url: str) -> httpx.Response:
        """Open a page of ours, and follow our own redirects; a dead server is asked again."""
        url = urljoin(self.at.issuer, url)
        while True:
            self.page = self._again("GET", url)
            target = urljoin(url, self.page.headers.get("Location", ""))
            is_redirect = self.page.status_code in {302, 303, 307}
            if not is_redirect or not target.startswith(self.at.issuer):
                return self.page
            url = target

    def connects_anew(self) -> None:
        """The same browser on another connection: perhaps to the other process."""
        kept = self.client.cookies
        self.client.close()
        self.client = httpx.Client(timeout=30, trust_env=False, cookies=kept)

    def prepare(self, **values: str) -> Prepared:
        """The form of this page that asks for these fields, filled in."""
        parser = _Forms()
        parser.feed(self.text)
        for action, hidden, asked in parser.found:
            if set(values) - {"do", "method"} <= asked:
                url = urljoin(str(self.page.url) if self.page else "", action)
                form = {"do": "confirm", **hidden, **values}
                return Prepared(url, form, self._headers(url))
        raise AssertionError(f"no form for {sorted(values)} on {self.path}: {self.text[:3000]}")

    def post(self, prepared: Prepared) -> httpx.Response:
        """Send it and go where it leads."""
        answer = self._again("POST", prepared.url, data=prepared.form, headers=prepared.headers)
        self.page = answer
        if answer.status_code in {302, 303}:
            target = urljoin(prepared.url, answer.headers["Location"])
            if target.startswith(self.at.issuer):
                return self.get(target)
        return answer

    def submit(self, **values: str) -> httpx.Response:
        return self.post(self.prepare(**values))

    def lose(self, prepared: Prepared) -> Lost:
        """Send it on a connection of its own and do not wait."""
        place, body = urlsplit(prepared.url), urlencode(prepared.form).encode()
        lines = [
            f"POST {place.path} HTTP/1.1",
            f"Host: {place.netloc}",
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in prepared.headers.items()),
        ]
        connection = socket.create_connection(("127.0.0.1", self.at.base), timeout=10)
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return Lost(connection)

    def _headers(self, url: str) -> dict[str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self.client.cookies.items())
        origin = "://".join(urlsplit(url)[:2])
        return {"Origin": origin, "Sec-Fetch-Site": "same-origin", "Cookie": cookies}

    def _again(self, method: str, url: str, **more: Any) -> httpx.Response:
        """As a person does: the connection broke, so once more."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.client.request(method, url, **more)
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    # --- journeys -------------------------------------------------------------------------------

    def newest_code(self) -> str:
        return self.at.code(self.phone)

    def opens_form(self) -> None:
        self.get("/register")
        self.submit(method="mobile")

    def fields(self) -> dict[str, str]:
        return {
            "username": self.number,
            "full_name": str(self.person["full_name"]),
            "birth_date": str(self.person["birth_date"]),
            "phone": self.phone,
            "captcha": "12345",
        }

    def registers(self) -> None:
        self.opens_form()
        self.submit(**self.fields())
        self.submit(code=self.newest_code())
        self.submit(password=PASSWORD, password_again=PASSWORD)
        assert "Đăng ký thành công" in self.text, self.text

    def opens_login(self) -> Prepared:
        """With a fresh browser: the filled-in form."""
        self.client.cookies.clear()
        self.get("/login")
        return self.prepare(username=self.number, password=PASSWORD)

    def types_password(self, form: Prepared) -> None:
        """Up to the code; the picture is asked for when a try before led nowhere (S14)."""
        self.post(form)
        if 'name="captcha"' in self.text:
            self.submit(username=self.number, password=PASSWORD, captcha="12345")

    def signs_in(self) -> None:
        """To the account's own page."""
        self.types_password(self.opens_login())
        self.submit(code=self.newest_code())
        assert self.path == "/account", self.text

    def asks_for_a_code(self) -> str:
        """An authorization code, by the session that is there."""
        query = {
            "client_id": CLIENT,
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": "openid profile",
            "state": "s",
            "code_challenge": create_s256_code_challenge(VERIFIER),
            "code_challenge_method": "S256",
        }
        page = self.get(f"/authorize?{urlencode(query)}")
        if page.status_code == 200:
            page = self.submit(do="confirm")
        found = dict(parse_qsl(urlsplit(page.headers["Location"]).query))
        return found["code"]

    def token_request(self, **form: str) -> Prepared:
        """A token request as the portal sends it."""
        basic = httpx.BasicAuth(CLIENT, SECRET)._auth_header
        return Prepared(f"{self.at.issuer}/token", form, {"Authorization": basic})

    def redeems(self, code: str) -> Prepared:
        return self.token_request(
            grant_type="authorization_code",
            code=code,
            redirect_uri=REDIRECT,
            code_verifier=VERIFIER,
        )

    def refreshes(self, token: str) -> Prepared:
        return self.token_request(grant_type="refresh_token", refresh_token=token)
