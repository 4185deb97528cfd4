"""``install-host`` tells a browser where the tool is; ``extension`` writes the extension's files.

A browser starts a native host by a manifest (JSON) that names a program and the extensions that
may start it. The program is a launcher of one line over a copy of the tool in one file, so that
it stays where it is when the download or the checkout goes.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import shlex
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

from idp.bridge import pack
from idp.bridge.words import LANGUAGES

HOST = "vn.dichvucong.signing_tool"
BROWSERS = ("chromium", "chrome", "edge", "firefox")
_LINUX = {
    "chromium": ".config/chromium/NativeMessagingHosts",
    "chrome": ".config/google-chrome/NativeMessagingHosts",
    "edge": ".config/microsoft-edge/NativeMessagingHosts",
    "firefox": ".mozilla/native-messaging-hosts",
}
_MACOS = {
    "chromium": "Library/Application Support/Chromium/NativeMessagingHosts",
    "chrome": "Library/Application Support/Google/Chrome/NativeMessagingHosts",
    "edge": "Library/Application Support/Microsoft Edge/NativeMessagingHosts",
    "firefox": "Library/Application Support/Mozilla/NativeMessagingHosts",
}
_REGISTRY = {
    "chromium": "Software\\Chromium\\NativeMessagingHosts",
    "chrome": "Software\\Google\\Chrome\\NativeMessagingHosts",
    "edge": "Software\\Microsoft\\Edge\\NativeMessagingHosts",
    "firefox": "Software\\Mozilla\\NativeMessagingHosts",
}


def extension_id(browser: str) -> str:
    """Of the extension in this package: Chromium's follows from the key, Firefox's is written."""
    manifest = json.loads(files("idp.bridge").joinpath("extension", "manifest.json").read_text())
    if browser == "firefox":
        return str(manifest["browser_specific_settings"]["gecko"]["id"])
    digest = hashlib.sha256(base64.b64decode(manifest["key"])).hexdigest()[:32]
    return "".join(chr(ord("a") + int(digit, 16)) for digit in digest)


def manifest_of(browser: str, launcher: Path, extension: str) -> dict[str, object]:
    """What the browser reads."""
    allowed: dict[str, object] = (
        {"allowed_extensions": [extension]}
        if browser == "firefox"
        else {"allowed_origins": [f"chrome-extension://{extension}/"]}
    )
    about = {"name": HOST, "description": "Một Cửa: signing tool", "type": "stdio"}
    return {**about, "path": str(launcher), **allowed}


def launcher_of(command: list[str], platform: str) -> str:
    """A program of one line; the browser's own arguments come last."""
    if platform == "win32":
        return f"@echo off\r\n{subprocess.list2cmdline(command)} %*\r\n"
    return f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n'


def install_host(arguments: list[str]) -> int:
    """Write launcher and manifest for one browser of this person."""
    options = _parse_host(arguments)
    data = _data_folder()
    data.mkdir(parents=True, exist_ok=True)
    program = data / "bridge.pyz"
    program.write_bytes(pack.program())
    more = [part for each in options.origin for part in ("--origin", each)]
    more += [part for each in options.module for part in ("--module", each)]
    more += ["--language", options.language]
    launcher = data / ("host.bat" if sys.platform == "win32" else "host")
    command = [sys.executable, str(program), "--native", *more]
    launcher.write_text(launcher_of(command, sys.platform), encoding="utf-8", newline="")
    launcher.chmod(0o755)
    extension = options.extension_id or extension_id(options.browser)
    manifest = json.dumps(manifest_of(options.browser, launcher, extension), indent=2)
    folder = options.folder or _manifest_folder(options.browser, data)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{HOST}.json"
    path.write_text(f"{manifest}\n", encoding="utf-8")
    if sys.platform == "win32":
        _register(options.browser, path)
    print(f"{path}: {extension}")  # noqa: T201
    return 0


def write_extension(arguments: list[str]) -> int:
    """Write the extension's files for some sites."""
    parser = argparse.ArgumentParser(prog="idp bridge extension")
    parser.add_argument("--origin", action="append", required=True, help="a site that may ask")
    parser.add_argument("--to", type=Path, required=True, help="a folder")
    options = parser.parse_args(arguments)
    try:
        made = pack.extension(options.origin)
    except ValueError as error:
        parser.error(f"not an origin: {error}")
    options.to.mkdir(parents=True, exist_ok=True)
    for name, content in made.items():
        (options.to / name).write_bytes(content)
    print(f"{options.to}: {extension_id('chromium')}")  # noqa: T201
    return 0


def _parse_host(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="idp bridge install-host")
    parser.add_argument("--browser", choices=BROWSERS, required=True)
    parser.add_argument("--origin", action="append", required=True, help="a site that may ask")
    parser.add_argument("--module", action="append", default=[], help="a PKCS#11 driver")
    parser.add_argument("--language", choices=LANGUAGES, default="vi")
    parser.add_argument("--extension-id", help="of another packing of the extension")
    parser.add_argument("--folder", type=Path, help="where this browser looks for its hosts")
    return parser.parse_args(arguments)


def _data_folder() -> Path:
    if sys.platform == "win32":
        return Path(os.environ["LOCALAPPDATA"]) / "mot-cua-signing-tool"
    if sys.platform == "darwin":
        return Path.home() / "Library/Application Support/mot-cua-signing-tool"
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
    return Path(data) / "mot-cua-signing-tool"


def _manifest_folder(browser: str, data: Path) -> Path:
    if sys.platform == "win32":
        return data / browser
    return Path.home() / (_MACOS if sys.platform == "darwin" else _LINUX)[browser]


def _register(browser: str, manifest: Path) -> None:
    """Windows finds the manifest through the registry of the person."""
    if sys.platform == "win32":
        import winreg  # noqa: PLC0415  nowhere else

        name = f"{_REGISTRY[browser]}\\{HOST}"
        with winreg.CreateKey(winreg.HKEY_CURRENT_USER, name) as key:
            winreg.SetValueEx(key, "", 0, winreg.REG_SZ, str(manifest))
