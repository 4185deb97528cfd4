"""A portal of the national SSO as they are written today, against the running demo.

It is a small web server: its button leads to ``/oauth2/authorize``, its callback redeems the code
with the secret in the form, posts to userinfo with an empty JSON body, and greets by TechID.
"""

from __future__ import annotations

import json
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx2 as httpx
import pytest
from playwright.sync_api import Browser

from tests.demo.conftest import PASSWORD, Demo
from tests.demo.owner import opens_account

pytestmark = pytest.mark.xdist_group("demo")

HOME = "https://thanhhoa.example.vn/?q=khai sinh>>"


class Portal(ThreadingHTTPServer):
    """The portal: where the provider is, and what it knows of itself."""

    issuer = ""
    client: dict[str, Any]

    @property
    def callback(self) -> str:
        return f"http://localhost:{self.server_port}/cb"

    @property
    def login_url(self) -> str:
        state = b64encode(HOME.encode()).decode()
        return (
            f"{self.issuer}/oauth2/authorize?response_type=code"
            f"&client_id={self.client['client_id']}&redirect_uri={quote(self.callback, safe='')}"
            f"&scope=openid&acr_values=LoA1&state={quote(state, safe='')}"
        )

    def greet(self, code: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.callback,
            "client_id": self.client["client_id"],
            "client_secret": self.client["client_secret"],
        }
        tokens = httpx.post(f"{self.issuer}/oauth2/token", data=form).json()
        headers = {
            "Authorization": f"Bearer {tokens['access_token']}",
            "Content-Type": "application/json",
        }
        found: dict[str, Any] = httpx.post(
            f"{self.issuer}/oauth2/userinfo", content=b"", headers=headers
        ).json()
        return found


class Pages(BaseHTTPRequestHandler):
    server: Portal

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/cb":
            query = parse_qs(address.query)
            back = b64decode(query["state"][0]).decode()
            body = json.dumps({**self.server.greet(query["code"][0]), "back": back})
        else:
            body = f'<a href="{self.server.login_url.replace("&", "&amp;")}">Đăng nhập</a>'
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its own name
        del format, args


@contextmanager
def old_portal(demo: Demo, folder: Path) -> Iterator[Portal]:
    portal = Portal(("127.0.0.1", 0), Pages)
    portal.issuer = demo.issuer
    file = folder / "client.json"
    metadata = {
        "client_name": "Cổng dịch vụ công Thanh Hóa",
        "profile": "dvcqg",
        "require_pkce": False,
        "token_endpoint_auth_method": "client_secret_post",
        "grant_types": ["authorization_code", "client_credentials"],
        "scope": "openid techid.lookup",
        "redirect_uris": [portal.callback],
    }
    file.write_text(json.dumps(metadata))
    registered = demo.idp("clients", "register", "--json", str(file))
    assert registered.returncode == 0, registered.stderr
    portal.client = json.loads(registered.stdout)
    thread = threading.Thread(target=portal.serve_forever)
    thread.start()
    yield portal
    portal.shutdown()
    thread.join()
    portal.server_close()


def test_c4_1_a_portal_of_today_works_with_another_host_name(
    demo: Demo, chromium: Browser, tmp_path: Path
) -> None:
    context = chromium.new_context(locale="vi-VN")
    page, person = context.new_page(), demo.person()
    page.set_default_timeout(20_000)
    opens_account(demo, person)
    with old_portal(demo, tmp_path) as portal:
        page.goto(f"http://localhost:{portal.server_port}/")
        page.get_by_role("link", name="Đăng nhập").click()
        page.get_by_label("Tên đăng nhập").fill(person["id_number"])
        page.locator("[autocomplete=current-password]").fill(PASSWORD)
        page.locator("main button.primary").click()
        page.locator("[autocomplete=one-time-code]").fill(demo.code(person["phone"], 2))
        page.locator("main button.primary").click()
        assert "Cổng dịch vụ công Thanh Hóa" in page.inner_text("main")
        page.get_by_role("button", name="Tiếp tục").click()

        found = json.loads(page.inner_text("body"))

        assert found["back"] == HOME
        assert found["HoVaTen"] == found["name"] == person["full_name"]
        assert found["SoDinhDanh"] == person["id_number"]
        assert (found["LoaiTaiKhoan"], found["IAL"]) == ("1", 2)
        form = {
            "grant_type": "client_credentials",
            "scope": "techid.lookup",
            "client_id": portal.client["client_id"],
            "client_secret": portal.client["client_secret"],
        }
        token = httpx.post(f"{demo.issuer}/oauth2/token", data=form).json()["access_token"]
        looked_up = httpx.post(
            f"{demo.issuer}/oauth2/techid",
            json={"SoDinhDanh": person["id_number"]},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert looked_up.json()["TechID"] == found["TechID"]
        page.goto(f"{demo.issuer}/account/history")
        assert "tra cứu mã tài khoản" in page.inner_text("main")
    context.close()
