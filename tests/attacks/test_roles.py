"""Every role of the console against every page of it (vertical and horizontal escalation)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from idp.domain.operators import Role
from idp.web.operator import PAGES
from tests.attacks.test_forged_posts import token_of
from tests.attacks.test_other_people import CONSOLE
from tests.support import house as houses
from tests.support.house import Browser, House
from tests.support.operators import appoint, comes_in


@dataclass(frozen=True)
class Clerk:
    """Somebody in the console, with one role."""

    browser: Browser

    def tries(self, method: str, path: str) -> int:
        if method == "GET":
            return self.browser.client.get(path).status_code
        form = {"csrf": token_of(self.browser.client), "username": "001072000136", "do": "confirm"}
        return self.browser.client.post(path, data=form).status_code


@pytest.fixture
def console(sqlite_template: Path, tmp_path: Path) -> Iterator[House]:
    """A provider whose console opens with a password and a code."""
    (tmp_path / "idp.sqlite").write_bytes(sqlite_template.read_bytes())
    url = f"sqlite:///{tmp_path / 'idp.sqlite'}"
    built = houses.build(url, tmp_path, operators={"minimum_ial": 2})
    yield built
    built.database.close()


def belongs(path: str, role: Role) -> bool:
    return path.startswith(PAGES[role])


@pytest.mark.parametrize("role", list(Role), ids=str)
def test_a_role_opens_its_own_pages_and_no_other(console: House, role: Role) -> None:
    appoint(console, role)
    browser = comes_in(console, PAGES[role])
    assert browser.get(PAGES[role]).status_code == 200
    clerk = Clerk(browser)

    refused = {path for method, path in CONSOLE if clerk.tries(method, path) == 403}

    others = {path for _, path in CONSOLE if path != "/operator" and not belongs(path, role)}
    assert refused == others
