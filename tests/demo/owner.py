"""Accounts for tests of what comes after: opened and signed in to without a browser.

The same forms are sent that a browser without JavaScript sends. In Chromium, with axe on each page,
they took seven seconds of processor time, and every test of an account began with them; they are
walked there by ``test_demo`` and by the tests of registration.
"""

from __future__ import annotations

from typing import Any

import httpx2 as httpx
from playwright.sync_api import Page

from tests.demo.conftest import Demo
from tests.faults.visitor import Visitor
from tests.relying_parties.citizen import Place


def opens_account(demo: Demo, person: dict[str, Any], **headers: str) -> Visitor:
    """An account of level 2 for this person, with one message sent to their phone."""
    client = httpx.Client(timeout=30, trust_env=False, headers=headers)
    visitor = Visitor(
        Place(demo, demo.issuer), {"phones": [{"number": person["phone"]}]} | person, client
    )
    visitor.registers()
    return visitor


def signs_in(page: Page, visitor: Visitor) -> None:
    """The session that a second message opens goes to this browser, which sees the account."""
    visitor.signs_in()
    page.context.add_cookies(
        [
            {"name": each.name, "value": each.value or "", "url": visitor.at.issuer}
            for each in visitor.client.cookies.jar
        ]
    )
    page.goto(f"{visitor.at.issuer}/account")


def agent_of(page: Page) -> dict[str, str]:
    """What this browser says of itself, so that its owner's list of sessions is the same."""
    return {"User-Agent": page.evaluate("navigator.userAgent"), "Accept-Language": "vi-VN"}
