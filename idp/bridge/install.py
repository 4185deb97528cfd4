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
_ROOT = Path("/")
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
_LINUX_SYSTEM = {
    "chromium": "etc/chromium/native-messaging-hosts",
    "chrome": "etc/opt/chrome/native-messaging-hosts",
    "edge": "etc/opt/edge/native-messaging-hosts",
    "firefox": "usr/lib/mozilla/native-messaging-hosts",
}
_MACOS_SYSTEM = {
    "chromium": "Library/Application Support/Chromium/NativeMessagingHosts",
    "chrome": "Library/Google/Chrome/NativeMessagingHosts",
    "edge": "Library/Microsoft/Edge/NativeMessagingHosts",
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
    """Write launcher and manifest for one browser, of this person or of everybody here."""
    options = _parse_host(arguments)
    data = _system_data_folder() if options.system else _data_folder()
    _make_folder(data)
    program = data / "bridge.pyz"
    program.write_bytes(pack.program())
    program.chmod(0o644)
    more = [part for each in options.origin for part in ("--origin", each)]
    more += [part for each in options.module for part in ("--module", each)]
    more += ["--language", options.language]
    launcher = data / ("host.bat" if sys.platform == "win32" else "host")
    command = [sys.executable, str(program), "--native", *more]
    launcher.write_text(launcher_of(command, sys.platform), encoding="utf-8", newline="")
    launcher.chmod(0o755)
    extension = options.extension_id or extension_id(options.browser)
    manifest = json.dumps(manifest_of(options.browser, launcher, extension), indent=2)
    folder = options.folder or _manifest_folder(options.browser, data, system=options.system)
    _make_folder(folder)
    path = folder / f"{HOST}.json"
    path.write_text(f"{manifest}\n", encoding="utf-8")
    path.chmod(0o644)
    if sys.platform == "win32":
        _register(options.browser, path, system=options.system)
    print(f"{path}: {extension}")  # noqa: T201
    return 0


def _make_folder(folder: Path) -> None:
    """With every folder above it, readable for everybody whatever this shell's umask says."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir()
        each.chmod(0o755)


def write_extension(arguments: list[str]) -> int:
    """Write the extension's files for some sites."""
    parser = argparse.ArgumentParser(prog="idp bridge extension")
    parser.add_argument("--origin", action="append", required=True, help="a site that may ask")
    parser.add_argument("--to", type=Path, required=True, help="a folder")
    parser.add_argument(
        "--without-key", action="store_true", help="for a store, or to pack it with a key of yours"
    )
    options = parser.parse_args(arguments)
    try:
        made = pack.extension(options.origin, with_key=not options.without_key)
    except ValueError as error:
        parser.error(f"not an origin: {error}")
    options.to.mkdir(parents=True, exist_ok=True)
    for name, content in made.items():
        (options.to / name).write_bytes(content)
    shown = "" if options.without_key else f": {extension_id('chromium')}"
    print(f"{options.to}{shown}")  # noqa: T201
    return 0


def _parse_host(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="idp bridge install-host")
    parser.add_argument("--browser", choices=BROWSERS, required=True)
    parser.add_argument("--origin", action="append", required=True, help="a site that may ask")
    parser.add_argument("--module", action="append", default=[], help="a PKCS#11 driver")
    parser.add_argument("--language", choices=LANGUAGES, default="vi")
    parser.add_argument("--system", action="store_true", help="for everybody on this computer")
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


def _system_data_folder() -> Path:
    """Where only an administrator writes: whoever writes there signs for everybody."""
    if sys.platform == "win32":
        return Path(os.environ["PROGRAMFILES"]) / "mot-cua-signing-tool"
    if sys.platform == "darwin":
        return _ROOT / "Library/Application Support/mot-cua-signing-tool"
    return _ROOT / "usr/local/lib/mot-cua-signing-tool"


def _manifest_folder(browser: str, data: Path, *, system: bool) -> Path:
    if sys.platform == "win32":
        return data / browser
    if system:
        return _ROOT / (_MACOS_SYSTEM if sys.platform == "darwin" else _LINUX_SYSTEM)[browser]
    return Path.home() / (_MACOS if sys.platform == "darwin" else _LINUX)[browser]


def _register(browser: str, manifest: Path, *, system: bool) -> None:
    """Windows finds the manifest through the registry of the person or of the computer."""
    if sys.platform == "win32":
        import winreg  # noqa: PLC0415  nowhere else

        name = f"{_REGISTRY[browser]}\\{HOST}"
        hive = winreg.HKEY_LOCAL_MACHINE if system else winreg.HKEY_CURRENT_USER
        with winreg.CreateKey(hive, name) as key:
            winreg.SetValueEx(key, "", 0, winreg.REG_SZ, str(manifest))
