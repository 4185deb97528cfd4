"""What a browser is told about the tool, and what it is given."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from idp.bridge import cli, install, pack
from idp.bridge.contract import VERSION


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "my data"))
    return tmp_path


CHROMIUM = ("allowed_origins", f"chrome-extension://{install.extension_id('chromium')}/")
FIREFOX = ("allowed_extensions", "signing-tool@dichvucong.gov.vn")
MACOS = "Library/Application Support"


def installs(*arguments: str) -> int:
    return cli.main(["install-host", "--origin", "https://a.vn", *arguments])


def names_the_tool(manifest: Path, browser: str) -> None:
    allowed = FIREFOX if browser == "firefox" else CHROMIUM
    written = json.loads(manifest.read_text())
    assert written["name"] == install.HOST
    assert written["type"] == "stdio"
    assert written[allowed[0]] == [allowed[1]]
    assert Path(written["path"]).stat().st_mode & stat.S_IXUSR


@pytest.mark.parametrize(
    ("platform", "browser", "folder"),
    [
        ("linux", "chromium", ".config/chromium/NativeMessagingHosts"),
        ("linux", "chrome", ".config/google-chrome/NativeMessagingHosts"),
        ("linux", "edge", ".config/microsoft-edge/NativeMessagingHosts"),
        ("linux", "firefox", ".mozilla/native-messaging-hosts"),
        ("darwin", "chromium", f"{MACOS}/Chromium/NativeMessagingHosts"),
        ("darwin", "chrome", f"{MACOS}/Google/Chrome/NativeMessagingHosts"),
        ("darwin", "edge", f"{MACOS}/Microsoft Edge/NativeMessagingHosts"),
        ("darwin", "firefox", f"{MACOS}/Mozilla/NativeMessagingHosts"),
    ],
)
def test_the_manifest_lies_where_the_browser_looks_and_names_one_extension(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    browser: str,
    folder: str,
) -> None:
    monkeypatch.setattr(sys, "platform", platform)

    assert installs("--browser", browser) == 0

    names_the_tool(home / folder / f"{install.HOST}.json", browser)


@pytest.mark.parametrize(
    ("platform", "browser", "folder"),
    [
        ("linux", "chromium", "etc/chromium/native-messaging-hosts"),
        ("linux", "chrome", "etc/opt/chrome/native-messaging-hosts"),
        ("linux", "edge", "etc/opt/edge/native-messaging-hosts"),
        ("linux", "firefox", "usr/lib/mozilla/native-messaging-hosts"),
        ("darwin", "chromium", f"{MACOS}/Chromium/NativeMessagingHosts"),
        ("darwin", "chrome", "Library/Google/Chrome/NativeMessagingHosts"),
        ("darwin", "edge", "Library/Microsoft/Edge/NativeMessagingHosts"),
        ("darwin", "firefox", f"{MACOS}/Mozilla/NativeMessagingHosts"),
    ],
)
def test_an_administrator_installs_it_for_everybody_and_everybody_can_read_it(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    browser: str,
    folder: str,
) -> None:
    root, before = home / "root", os.umask(0o077)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(install, "_ROOT", root)
    try:
        assert installs("--browser", browser, "--system") == 0
    finally:
        os.umask(before)

    manifest = root / folder / f"{install.HOST}.json"
    names_the_tool(manifest, browser)
    launcher = Path(json.loads(manifest.read_text())["path"])
    assert launcher.is_relative_to(root)
    for each in (manifest, launcher, launcher.with_name("bridge.pyz")):
        assert each.stat().st_mode & 0o777 == (0o755 if each == launcher else 0o644)
        assert each.parent.stat().st_mode & 0o777 == 0o755
    assert not list((home / ".config").rglob("*")) + list((home / ".mozilla").rglob("*"))


def test_another_packing_of_the_extension_has_another_id(home: Path) -> None:
    cli.main(["install-host", "--browser", "chrome", "--origin", "https://a.vn",
              "--extension-id", "a" * 32])  # fmt: skip

    folder = home / ".config/google-chrome/NativeMessagingHosts"
    written = json.loads((folder / f"{install.HOST}.json").read_text())
    assert written["allowed_origins"] == [f"chrome-extension://{'a' * 32}/"]


def test_the_launcher_starts_the_copy_of_the_tool_with_the_browsers_arguments(home: Path) -> None:
    cli.main(["install-host", "--browser", "chromium", "--origin", "https://a.vn",
              "--module", "/nowhere/$(id) 'x'.so"])  # fmt: skip

    done = subprocess.run(
        [str(home / "my data/mot-cua-signing-tool/host"), "chrome-extension://abc/", "--parent=1"],
        input=b"", capture_output=True, check=False, timeout=30, cwd=home,
    )  # fmt: skip

    assert done.stderr == b""
    assert json.loads(done.stdout[4:]) == {"version": VERSION}


@pytest.mark.parametrize("missing", [["--browser", "chromium"], ["--origin", "https://a.vn"]])
def test_browser_and_site_must_be_named(home: Path, missing: list[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["install-host", *missing])
    assert not list(home.rglob("*.json"))


def test_a_windows_launcher_quotes_and_hands_on() -> None:
    text = install.launcher_of(["C:\\Program Files\\python.exe", "x.pyz"], "win32")

    assert text == '@echo off\r\n"C:\\Program Files\\python.exe" x.pyz %*\r\n'


def test_the_extension_stands_only_in_pages_of_the_named_sites(tmp_path: Path) -> None:
    cli.main(["extension", "--origin", "https://id.example.vn:8443", "--to", str(tmp_path)])

    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["content_scripts"][0]["matches"] == ["https://id.example.vn/*"]
    assert manifest["permissions"] == ["nativeMessaging"]
    assert "host_permissions" not in manifest


def test_for_a_store_the_extension_brings_no_key(tmp_path: Path) -> None:
    told = cli.main(
        ["extension", "--origin", "https://a.vn", "--to", str(tmp_path), "--without-key"]
    )

    assert told == 0
    assert "key" not in json.loads((tmp_path / "manifest.json").read_text())


@pytest.mark.parametrize(
    "origin", ["", "*", "https://*", "https://*.vn", "file:///", "<all_urls>", "https://a b/"]
)
def test_no_site_is_not_every_site(tmp_path: Path, origin: str) -> None:
    with pytest.raises(SystemExit):
        cli.main(["extension", "--origin", origin, "--to", str(tmp_path / "made")])
    assert not (tmp_path / "made").exists()


def test_the_one_file_carries_the_extension_and_packs_itself(tmp_path: Path) -> None:
    program = tmp_path / "bridge.pyz"
    program.write_bytes(pack.program())
    again = f"import sys; sys.path[0] = {str(program)!r}; from idp.bridge import pack; "
    script = f"{again}sys.stdout.buffer.write(pack.program())"

    done = subprocess.run(
        [sys.executable, "-S", "-c", script], capture_output=True, check=True, cwd=tmp_path
    )

    assert done.stdout == pack.program()
