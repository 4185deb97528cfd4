"""The sample portals of ``docs/samples`` run as their READMEs say, and check what they must."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2 as httpx
import pytest

from tests.demo.conftest import Demo
from tests.relying_parties.citizen import Citizen
from tests.relying_parties.conftest import Register
from tests.relying_parties.program import command_of
from tests.relying_parties.serving import listening
from tests.support.ports import free_port

pytestmark = pytest.mark.xdist_group("relying_parties")

SAMPLES = Path(__file__).parents[2] / "docs" / "samples"
FILES = {"flask": "portal-flask/portal.py", "node": "portal-node/portal.mjs"}


@dataclass
class Portal:
    """A running sample, and a browser."""

    url: str
    browser: httpx.Client

    def get(self, target: str) -> httpx.Response:
        return self.browser.get(target if target.startswith("http") else f"{self.url}{target}")

    def asks(self) -> str:
        """Where the portal sends the browser."""
        return str(self.get("/login").headers["Location"])

    def signs_in(self, citizen: Citizen) -> str:
        """The home page afterwards."""
        answer = self.get(citizen.goes_to(self.asks()))
        assert answer.headers["Location"] == "/"
        return self.get("/").text


Start = Callable[..., Portal]


@pytest.fixture(params=list(FILES))
def start(
    request: pytest.FixtureRequest, demo: Demo, register: Register, tmp_path: Path
) -> Iterator[Start]:
    """Starts a sample with a client of its own."""
    sample = SAMPLES / FILES[request.param]
    with ExitStack() as stack:

        def start(**more: str) -> Portal:
            port = free_port()
            home = f"http://localhost:{port}"
            client = register(
                redirect_uris=[f"{home}/callback"],
                post_logout_redirect_uris=[f"{home}/left"],
                scope="openid profile",
            )
            environment = {
                "ISSUER": demo.issuer,
                "HOME_URL": home,
                "CLIENT_ID": client["client_id"],
                "CLIENT_SECRET": client["client_secret"],
                "SECRET_KEY": os.urandom(16).hex(),
                **more,
            }
            flask = [sys.executable, "-m", "flask", "--app", str(sample), "run", "-p", str(port)]
            is_flask = sample.suffix == ".py"
            command = flask if is_flask else command_of(sample.name, sample.parent)
            log = tmp_path / "portal.log"
            stack.enter_context(listening(command, port, log, environment))
            return Portal(home, stack.enter_context(httpx.Client(trust_env=False, timeout=30)))

        yield start


def test_a_sample_asks_as_the_documentation_says(start: Start) -> None:
    query = parse_qs(urlsplit(start().asks()).query)

    assert query["acr_values"] == ["ial2"]
    assert query["code_challenge_method"] == ["S256"]
    assert {"state", "nonce", "code_challenge"} <= set(query)


def test_a_sample_signs_a_citizen_in_and_out(start: Start, citizen: Citizen) -> None:
    portal = start()

    assert f"Xin chào {citizen.person['full_name']} (ial2)" in portal.signs_in(citizen)

    leaving = portal.browser.post(f"{portal.url}/logout")
    back = citizen.goes_to(leaving.headers["Location"])
    assert portal.get(back).headers["Location"] == "/"
    assert "Xin chào" not in portal.get("/").text
    assert 'name="password"' in citizen.get(portal.asks()).text


def test_a_sample_refuses_a_level_that_is_too_low(start: Start, citizen: Citizen) -> None:
    portal = start(LEVEL="ial3")

    answer = portal.get(citizen.goes_to(portal.asks()))

    assert answer.status_code == 403
    assert "Xin chào" not in portal.get("/").text


@pytest.mark.parametrize("name", ["state", "iss", "code"])
def test_a_sample_refuses_an_answer_that_was_changed(
    start: Start, citizen: Citizen, name: str
) -> None:
    portal = start()
    back = citizen.goes_to(portal.asks())
    query = dict(parse_qsl(urlsplit(back).query))

    changed = str(httpx.URL(back).copy_merge_params({name: f"{query[name]}x"}))
    answer = portal.get(changed)

    assert answer.status_code == 400
    assert "Xin chào" not in portal.get("/").text


def test_a_sample_refuses_an_answer_in_another_browser(start: Start, citizen: Citizen) -> None:
    portal = start()
    back = citizen.goes_to(portal.asks())
    portal.browser.cookies.clear()

    answer = portal.get(back)

    assert answer.status_code == 400


@pytest.mark.parametrize("file", list(FILES.values()))
def test_a_sample_is_short(file: str) -> None:
    sample = SAMPLES / file

    assert len(sample.read_text(encoding="utf-8").splitlines()) <= 80
    assert (sample.parent / "README.md").exists()
