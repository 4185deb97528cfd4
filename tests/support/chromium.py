"""Which Chromium the tests of pages drive."""

from __future__ import annotations

import shutil

from tests.support.postgres import require


def program() -> str:
    """Chromium without its windows, where it is installed: the same engine and network.

    Its own windows and tabs, which nobody sees, take a third of what a test of pages costs.
    """
    found = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    require("chromium", found=bool(found), how="apt-get install chromium")
    return str(found)
