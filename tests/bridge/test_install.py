"""What a browser is told about the tool, and what it is given."""

from __future__ import annotations

import json
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


@pytest.mark.parametrize(
    ("browser", "folder", "allowed"),
    [
        ("chromium", ".config/chromium/NativeMessagingHosts",
         ("allowed_origins", f"chrome-extension://{install.extension_id('chromium')}/")),
        ("firefox", ".mozilla/native-messaging-hosts",
         ("allowed_extensions", "signing-tool@dichvucong.gov.vn")),
    ],
)  # fmt: skip
def test_the_manifest_lies_where_the_browser_looks_and_names_one_extension(
    home: Path, browser: str, folder: str, allowed: tuple[str, str]
) -> None:
    assert cli.main(["install-host", "--browser", browser, "--origin", "https://a.vn"]) == 0

    written = json.loads((home / folder / f"{install.HOST}.json").read_text())
    assert written["name"] == install.HOST
    assert written["type"] == "stdio"
    assert written[allowed[0]] == [allowed[1]]
    assert Path(written["path"]).stat().st_mode & stat.S_IXUSR


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
