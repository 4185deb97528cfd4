"""Apache's mod_auth_openidc guards a portal: sign-in, levels, refresh, and logout both ways."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

import httpx2 as httpx
import pytest

from tests.demo.conftest import Demo
from tests.relying_parties.citizen import Citizen
from tests.relying_parties.conftest import Register
from tests.relying_parties.serving import MODULES, apache, folder, listening
from tests.support.ports import free_port

pytestmark = pytest.mark.xdist_group("relying_parties")

HERE = Path(__file__).parent


@dataclass
class Site:
    """The portal, and a browser that has been there."""

    port: int
    browser: httpx.Client
    folder: Path

    @property
    def root(self) -> str:
        return f"http://localhost:{self.port}"

    def get(self, path: str) -> httpx.Response:
        return self.browser.get(path if path.startswith("http") else f"{self.root}{path}")

    def enter(self, citizen: Citizen) -> httpx.Response:
        """Through the guarded page, the provider and back."""
        asked = self.get("/app/")
        assert asked.status_code == 302, (self.folder / "error.log").read_text()
        back = self.get(citizen.goes_to(asked.headers["Location"]))
        assert back.status_code == 302, (self.folder / "error.log").read_text()
        return self.get(back.headers["Location"])

    def info(self) -> dict[str, Any]:
        """What the module keeps of this sign-in."""
        found: dict[str, Any] = self.get("/app/callback?info=json").json()
        return found


def pages(place: Path) -> None:
    for path in ("app", "app/strict", "left"):
        (place / "pages" / path).mkdir(parents=True)
        (place / "pages" / path / "index.html").write_text("<p>Cổng thử</p>", encoding="utf-8")


@pytest.fixture
def response_mode() -> str:
    return "query"


@pytest.fixture
def site(demo: Demo, register: Register, response_mode: str) -> Iterator[Site]:
    program = apache()
    port = free_port()
    callback = f"http://localhost:{port}/app/callback"
    client = register(
        redirect_uris=[callback],
        post_logout_redirect_uris=[f"http://localhost:{port}/left/"],
        backchannel_logout_uri=f"{callback}?logout=backchannel",
        backchannel_logout_session_required=True,
        grant_types=["authorization_code", "refresh_token"],
        scope="openid profile",
        id_token_signed_response_alg="RS256",
    )
    with folder() as place:
        pages(place)
        values = {
            "FOLDER": str(place),
            "PORT": str(port),
            "MODULES": str(MODULES),
            "USER": "User www-data\nGroup www-data" if os.geteuid() == 0 else "",
            "ISSUER": demo.issuer,
            "CLIENT_ID": client["client_id"],
            "CLIENT_SECRET": client["client_secret"],
            "PASSPHRASE": os.urandom(16).hex(),
            "RESPONSE_MODE": response_mode,
        }
        text = (HERE / "apache.conf").read_text(encoding="utf-8")
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        (place / "apache.conf").write_text(text, encoding="utf-8")
        command = [program, "-f", str(place / "apache.conf"), "-DFOREGROUND"]
        with listening(command, port, place / "out.log"), httpx.Client(trust_env=False) as browser:
            yield Site(port, browser, place)


def test_apache_lets_a_citizen_in_with_the_level_it_asked_for(site: Site, citizen: Citizen) -> None:
    page = site.enter(citizen)

    assert page.status_code == 200, (site.folder / "error.log").read_text()
    assert page.headers["X-Acr"] == "ial2"
    found = site.info()
    assert found["id_token"]["acr"] == "ial2"
    assert found["userinfo"]["sub"] == found["id_token"]["sub"] == page.headers["X-Sub"]
    assert found["userinfo"]["name"] == citizen.person["full_name"]


@pytest.mark.parametrize("response_mode", ["form_post"])
def test_apache_takes_the_answer_as_a_form(site: Site, citizen: Citizen) -> None:
    asked = site.get("/app/")
    answer = citizen.brings_from(asked.headers["Location"])

    page = site.browser.post(answer.url, data=answer.form)

    assert page.headers["Location"] == f"{site.root}/app/"
    assert site.get("/app/").headers["X-Acr"] == "ial2"


def test_apache_refuses_a_page_of_a_higher_level(site: Site, citizen: Citizen) -> None:
    site.enter(citizen)

    page = site.get("/app/strict/")

    assert page.status_code in {401, 403}


def test_apache_refuses_an_answer_with_another_state(site: Site, citizen: Citizen) -> None:
    asked = site.get("/app/")
    back = citizen.goes_to(asked.headers["Location"])
    state = dict(parse_qsl(urlsplit(back).query))["state"]

    page = site.get(back.replace(state, "somebody-elses"))

    assert page.status_code != 200
    assert site.get("/app/").status_code == 302


def test_apache_refreshes_its_access_token(site: Site, citizen: Citizen) -> None:
    site.enter(citizen)
    before = site.info()

    token = quote(before["access_token"])
    target = quote(f"{site.root}/app/")
    page = site.get(f"/app/callback?refresh={target}&access_token={token}")

    assert page.headers["Location"] == f"{site.root}/app/", page.headers
    after = site.info()
    assert after["access_token"] != before["access_token"]
    assert after["refresh_token"] != before["refresh_token"]


def test_apache_signs_out_here_and_there(site: Site, citizen: Citizen) -> None:
    site.enter(citizen)
    asked = site.get(f"/app/callback?logout={quote(f'{site.root}/left/')}")

    back = citizen.goes_to(asked.headers["Location"])

    assert back == f"{site.root}/left/"
    again = site.get("/app/")
    query = parse_qs(urlsplit(again.headers["Location"]).query)
    page = citizen.get(again.headers["Location"])
    assert query["acr_values"] == ["ial2"]
    assert 'name="password"' in page.text


def test_apache_hears_of_a_logout_in_the_back_channel(site: Site, citizen: Citizen) -> None:
    assert site.enter(citizen).status_code == 200

    citizen.leaves()

    deadline = time.monotonic() + 30
    while (page := site.get("/app/")).status_code == 200:
        assert time.monotonic() < deadline, (site.folder / "error.log").read_text()
        time.sleep(0.2)
    assert page.status_code == 302
