"""Settings: every mistake at once, with its line; production refuses what is weak."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from idp import config as settings
from idp.config import Config, Profile
from idp.domain.errors import ConfigError

SHIPPED = Path(__file__).parents[1] / "config.toml"
PRODUCTION = {
    "IDP_SERVER__PROFILE": "production",
    "IDP_SERVER__ISSUER": "https://id.example.vn",
    "IDP_DATABASE__URL": "postgresql+psycopg://idp@db/idp",
    "IDP_SYSTEMS__CARRIER__URL": "https://carrier.example.vn",
    "IDP_SYSTEMS__CARRIER__API_KEY": "k1",
    "IDP_MAIL__HOST": "mail.example.vn",
    "IDP_MAIL__SECURITY": "starttls",
    "IDP_SYSTEMS__SMS__URL": "https://sms.example.vn",
    "IDP_SYSTEMS__BHXH__URL": "https://bhxh.example.vn",
    "IDP_SYSTEMS__BHXH__API_KEY": "another key",
    "IDP_SYSTEMS__MSSP__URL": "https://mssp.example.vn",
    "IDP_SYSTEMS__MSSP__API_KEY": "a third key",
    "IDP_SYSTEMS__VNPOST__URL": "https://vnpost.example.vn",
    "IDP_SYSTEMS__VNPOST__API_KEY": "a fourth key",
    "IDP_SYSTEMS__SMS__API_KEY": "k2",
}


def problems(tmp_path: Path, text: str, env: dict[str, str] | None = None) -> list[str]:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        settings.load(path, env or {})
    return caught.value.problems


def test_shipped_file_holds_every_default() -> None:
    shipped, plain = settings.load(SHIPPED, {}), Config()

    for item in fields(Config):
        if item.name not in {"folder", "systems", "methods"}:
            assert getattr(shipped, item.name) == getattr(plain, item.name)


def test_shipped_file_names_every_setting() -> None:
    text = SHIPPED.read_text(encoding="utf-8")

    for item in fields(Config):
        if item.name in {"folder", "systems", "methods"}:
            continue
        block = text.split(f"[{item.name}]")[1].split("\n[")[0]
        for setting in fields(getattr(Config(), item.name)):
            if not setting.repr:
                continue  # a secret has no place in the file
            assert re.search(rf"^{setting.name} = ", block, re.MULTILINE), setting.name


def test_every_mistake_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    text = '[server]\nport = "x"\nbogus = 1\nissuer = "ftp://x"\n[nowhere]\n[otp]\ntries = 50\n'

    found = problems(tmp_path, text)

    assert [re.search(r":(\d+): \[(.*?)\] ?(\w*)", line).groups() for line in found] == [  # type: ignore[union-attr]
        ("2", "server", "port"),
        ("3", "server", "bogus"),
        ("5", "nowhere", ""),
        ("7", "otp", "tries"),
    ]


def test_contradictions_are_told_together(tmp_path: Path) -> None:
    found = problems(tmp_path, '[server]\nissuer = "ftp://x/?a"\nport = 8001\n[log]\nlevel = "x"')

    assert len(found) == 9, found


@pytest.mark.parametrize("text", ["[", "a = ", "\ufeff[x", "[server]\nport=1\nport=2"])
def test_broken_toml_is_one_clear_problem(tmp_path: Path, text: str) -> None:
    [problem] = problems(tmp_path, text)

    assert "is not TOML" in problem


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        settings.load(tmp_path / "absent.toml", {})


def test_environment_overrides_the_file() -> None:
    env = {"IDP_SERVER__PORT": "9000", "IDP_TLS__ALLOW_PRIVATE": "10.0.0.0/8, 192.0.2.1"}

    loaded = settings.load(SHIPPED, env)

    assert loaded.server.port == 9000
    assert loaded.tls.allow_private == ("10.0.0.0/8", "192.0.2.1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IDP_SERVER__PORT", "x"),
        ("IDP_SERVER__PORT", "99999999999"),
        ("IDP_METHODS__MOBILE__ENABLED", "maybe"),
        ("IDP_SERVER__NOTHING", "1"),
        ("IDP_TLS__ALLOW_PRIVATE", "everything"),
        ("IDP_SERVER__PROFILE", "prod"),
    ],
)
def test_hostile_environment_is_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigError):
        settings.load(SHIPPED, {name: value})


def test_a_mistake_of_the_environment_names_its_variable() -> None:
    env = {"IDP_OTP__TRIES": "abc", "IDP_NOPE__X": "1", "IDP_METHODS__MOBILE__ENABLED": "maybe"}

    with pytest.raises(ConfigError) as caught:
        settings.load(SHIPPED, env)

    places = {problem.split(":")[0] for problem in caught.value.problems}
    assert places == set(env)


def test_sound_production_settings_start() -> None:
    assert settings.load(SHIPPED, PRODUCTION).server.profile is Profile.PRODUCTION


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IDP_SERVER__ISSUER", "http://id.example.vn"),
        ("IDP_SERVER__ISSUER", "https://localhost"),
        ("IDP_SERVER__ISSUER", "https://127.0.0.1"),
        ("IDP_DATABASE__URL", "sqlite:///idp.sqlite"),
        ("IDP_CAPTCHA__TEST_ANSWER", "12345"),
        ("IDP_TLS__ALLOW_PRIVATE", "10.0.0.0/8"),
        ("IDP_LOG__LEVEL", "debug"),
        ("IDP_OIDC__REGISTRATION", "open"),
        ("IDP_PASSWORD__MEMORY_KIB", "1024"),
        ("IDP_PASSWORD__TIME_COST", "1"),
        ("IDP_SYSTEMS__SMS__URL", "http://sms.example.vn"),
        ("IDP_SYSTEMS__SMS__URL", "https://localhost:8100"),
        ("IDP_SYSTEMS__SMS__API_KEY", ""),
        ("IDP_SYSTEMS__SMS__API_KEY", "sandbox-sms"),
        ("IDP_OTP__PER_HOUR", "6"),
        ("IDP_OTP__RESEND_AFTER", "1"),
        ("IDP_LIMITS__WRONG_PASSWORDS", "11"),
        ("IDP_LIMITS__IDENTITY_TRIES_PER_DAY", "6"),
    ],
)
def test_production_refuses_weak_settings(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match="production"):
        settings.load(SHIPPED, {**PRODUCTION, name: value})


def test_settings_written_back_are_the_same(tmp_path: Path) -> None:
    loaded = settings.load(SHIPPED, {"IDP_SMS__SENDER": 'a"\\b'})
    path = tmp_path / "copy.toml"
    path.write_text(settings.to_toml(loaded), encoding="utf-8")

    assert settings.with_folder(settings.load(path, {}), loaded.folder) == loaded


def test_secret_is_not_in_the_representation() -> None:
    loaded = settings.load(SHIPPED, {"IDP_SYSTEMS__SMS__API_KEY": "planted"})

    assert "planted" not in repr(loaded)
