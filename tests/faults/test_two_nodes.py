"""What one server ends is over on another within five seconds (security.md, rule 9).

Two ``idp serve`` with their worker processes on one PostgreSQL: nothing but the database is shared.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import httpx2 as httpx
import pytest

from tests.faults.conftest import somebody
from tests.faults.installation import ROOT, Installation, wait_for
from tests.faults.visitor import CLIENT, SECRET, Visitor

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(300)]
EFFECTIVE = 5.0
NEW = "Hồ-Hoàn-Kiếm-1010"


@dataclass(frozen=True)
class Held:
    """What a browser and a portal hold, used at the second node."""

    node: str
    cookies: dict[str, str]
    access: str
    refresh: str

    def signs_in(self) -> bool:
        page = httpx.get(f"{self.node}/account", cookies=self.cookies, timeout=10)
        return page.status_code == 200

    def reads(self) -> bool:
        headers = {"Authorization": f"Bearer {self.access}"}
        return httpx.get(f"{self.node}/userinfo", headers=headers, timeout=10).status_code == 200

    def refreshes(self) -> bool:
        form = {"grant_type": "refresh_token", "refresh_token": self.refresh}
        answer = httpx.post(f"{self.node}/token", data=form, auth=(CLIENT, SECRET), timeout=10)
        return answer.status_code == 200


@pytest.fixture(scope="module")
def second(on_postgres: Installation) -> Iterator[str]:
    """Another server of the same installation, on ports of its own."""
    port = on_postgres.base + 4
    on_postgres.start_part(
        "serve",
        "second",
        IDP_SERVER__PORT=str(port),
        IDP_SERVER__MANAGEMENT_PORT=str(port + 1),
    )
    wait_for(f"http://localhost:{port}/login")
    yield f"http://localhost:{port}"
    on_postgres.kill("second")


def idp(installation: Installation, *arguments: str) -> None:
    command = [sys.executable, "-m", "idp.cli", "--config", str(installation.data / "config.toml")]
    subprocess.run([*command, *arguments], cwd=ROOT, check=True, capture_output=True)


def freezes(visitor: Visitor) -> None:
    visitor.get("/account/freeze")
    visitor.submit(do="confirm")


def presses(visitor: Visitor, **button: str) -> None:
    """A button of the first form of this page."""
    form = visitor.prepare()
    visitor.post(replace(form, form={**form.form, **button}))


def signs_out_everywhere(visitor: Visitor) -> None:
    visitor.get("/account/sessions")
    presses(visitor, all="all")


def resets(visitor: Visitor) -> None:
    other = Visitor(visitor.at, visitor.person)
    other.get("/forgot")
    other.submit(username=visitor.number, captcha="12345")
    other.submit(code=other.newest_code())
    other.submit(password=NEW, password_again=NEW)
    assert "Đã đặt mật khẩu mới" in other.text


def revokes(visitor: Visitor) -> None:
    visitor.get("/account/portals")
    presses(visitor, portal=CLIENT)
    assert "Chưa có cổng nào" in visitor.text


def is_disabled(visitor: Visitor) -> None:
    idp(visitor.at, "clients", "disable", CLIENT)


SESSION, TOKENS = ("signs_in",), ("reads", "refreshes")


@pytest.mark.parametrize(
    ("act", "ends"),
    [
        (freezes, (*SESSION, *TOKENS)),
        (signs_out_everywhere, (*SESSION, *TOKENS)),
        (resets, (*SESSION, *TOKENS)),
        (revokes, TOKENS),
        (is_disabled, TOKENS),
    ],
)
def test_what_one_server_ends_is_over_on_the_other_within_five_seconds(
    on_postgres: Installation, second: str, act: Callable[[Visitor], None], ends: tuple[str, ...]
) -> None:
    visitor = somebody(on_postgres)
    visitor.registers()
    visitor.signs_in()
    held = holds(visitor, second)
    assert held.signs_in()
    assert held.reads()

    act(visitor)
    done = time.monotonic()
    try:
        while (left := [n for n in ends if getattr(held, n)()]) and time.monotonic() - done < 20:
            time.sleep(0.1)
        seconds = time.monotonic() - done
    finally:
        idp(on_postgres, "clients", "enable", CLIENT)

    assert left == []
    assert seconds < EFFECTIVE


def holds(visitor: Visitor, node: str) -> Held:
    """Cookies know no ports; the tokens were issued by the first node."""
    tokens = visitor.post(visitor.redeems(visitor.asks_for_a_code())).json()
    cookies = {str(name): str(value) for name, value in visitor.client.cookies.items()}
    return Held(node, cookies, tokens["access_token"], tokens["refresh_token"])
