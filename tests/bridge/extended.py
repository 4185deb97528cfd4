"""Chromium with the extension, told where the tool is; its tool's window opens on a screen."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from playwright.sync_api import BrowserContext, sync_playwright

from idp.bridge import child
from idp.bridge.install import HOST
from tests.support.postgres import require


def manifest(folder: Path) -> Path:
    """What the browser of this folder is told about the tool."""
    return folder / "profile" / "NativeMessagingHosts" / f"{HOST}.json"


@contextlib.contextmanager
def chromium(
    folder: Path, origin: str, modules: list[str], environment: Mapping[str, str]
) -> Iterator[BrowserContext]:
    """A browser whose extension and tool serve one origin."""
    program = shutil.which("chromium")
    require("chromium", found=bool(program), how="apt-get install chromium")
    around = {**os.environ, **environment, "XDG_DATA_HOME": str(folder / "data")}
    drivers = [part for each in modules for part in ("--module", each)]
    for arguments in (
        ("extension", "--origin", origin, "--to", str(folder / "extension")),
        ("install-host", "--browser", "chromium", "--origin", origin, *drivers,
         "--folder", str(manifest(folder).parent)),
    ):  # fmt: skip
        subprocess.run(child.itself(*arguments), env=around, check=True, capture_output=True)
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            folder / "profile",
            executable_path=program,
            headless=False,
            locale="vi-VN",
            args=["--headless=new", "--no-sandbox", "--disable-gpu",
                  f"--load-extension={folder / 'extension'}"],
            ignore_default_args=["--disable-extensions"],
            env={**around},
        )  # fmt: skip
        context.set_default_timeout(40_000)
        yield context
        context.close()
