"""The gate of ux.md: axe, width, targets and the console, on every page in every look."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium")
IS_REQUIRED = "chromium" in os.environ.get("IDP_REQUIRE", "").split(",")


@pytest.mark.skipif(
    CHROMIUM is None and not IS_REQUIRED, reason="no chromium: apt-get install chromium"
)
@pytest.mark.timeout(600)
def test_every_page_in_every_look_has_no_finding(tmp_path: Path) -> None:
    from . import look  # noqa: PLC0415  playwright is not needed by the other tests

    assert look.check(tmp_path) == []
