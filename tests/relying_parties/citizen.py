"""A person with a browser, who goes wherever a portal sends them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx

from tests.demo.conftest import Demo
from tests.faults.visitor import PASSWORD, Prepared, Visitor

_MOST_PAGES = 8
_SENT_AT_ONCE = "data-send-now"


@dataclass
class Place:
    """Where the provider is, and what came to which phone."""

    demo: Demo
    issuer: str
    read: dict[str, int] = field(default_factory=dict)

    def code(self, phone: str) -> str:
        """The next message to a phone."""
        self.read[phone] = self.read.get(phone, 0) + 1
        return self.demo.code(phone, self.read[phone])

    def person(self) -> dict[str, Any]:
        return self.demo.somebody(kind="citizen")


class Citizen(Visitor):
    """Answers the provider's pages until it sends the browser back.

    Signs in where it is asked to, agrees, and leaves everywhere when a portal says good-bye.
    """

    def goes_to(self, url: str) -> str:
        """Follow a portal's link; answers the address back at the portal."""
        return str(self._walks(url).headers["Location"])

    def brings_from(self, url: str) -> Prepared:
        """Follow a portal's link; answers the form that the browser posts to the portal."""
        self._walks(url)
        return self.prepare()

    def _walks(self, url: str) -> httpx.Response:
        page = self.get(url)
        for _ in range(_MOST_PAGES):
            if page.status_code in {302, 303} or _SENT_AT_ONCE in page.text:
                return page
            assert page.status_code == 200, page.text
            page = self._answers()
        raise AssertionError(f"no way back to the portal: {page.text[:2000]}")

    def _answers(self) -> httpx.Response:
        if 'name="password"' in self.text:
            return self.submit(username=self.number, password=PASSWORD)
        if 'name="code"' in self.text:
            return self.submit(code=self.newest_code())
        if "?method=password_otp" in self.text:  # asked for more than a password proves
            return self.get(f"{self.path}?method=password_otp")
        return self.submit(do="all" if self.path.startswith("/logout/") else "confirm")

    def leaves(self) -> None:
        """Sign out at the provider itself, everywhere."""
        self.get("/logout")
        self.submit(do="all")
