"""``idp demo``: provider, sandbox, worker and two portals on this machine, with one command."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import msgspec
from rich.console import Console
from rich.table import Table

from idp import app, check, demo_clients, portals, seed, serve
from idp import config as settings
from idp.adapters import trust
from idp.config import Config
from idp.oidc.claims import CLIENT_SCOPES, SCOPES
from idp.oidc.federation import anchors
from idp.sandbox import numbers, tokens
from idp.sandbox.federation import province

_MARK = ".mot-cua-demo"
_KEYS_SECONDS = 60.0
"""People are told with their certificates, whose keys are made when they are first looked at."""
_SYSTEMS = ("bhxh", "carrier", "mssp", "sms", "vnpost")
_PORTALS = (
    ("demo-hanoi", "Cổng dịch vụ công Hà Nội", 201, "red", "https://hanoi.demo.invalid/"),
    ("demo-boyte", "Cổng dịch vụ công Bộ Y tế", 202, "blue", "https://boyte.demo.invalid/"),
)
_START_SECONDS, _STOP_SECONDS = 60, 12
_OFFSETS = (0, 1, 100, 125, 201, 202, 300)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    data: Path
    port_base: int
    more: Path | None
    fresh: bool
    check: bool

    @property
    def issuer(self) -> str:
        """The provider's address."""
        return f"http://localhost:{self.port_base}"

    @property
    def sandbox(self) -> str:
        """The sandbox's address."""
        return f"http://localhost:{self.port_base + 100}"


def run(options: Options) -> int:
    """Run until a signal, or until the check is done; answers the exit code."""
    busy = [port for port in _ports(options) if _is_busy(port)]
    if busy:
        Console(stderr=True).print(f"Port {busy[0]} is in use: stop what uses it, or --port-base.")
        return 1
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    config = _prepare(options)
    children = [_outside(options)]
    try:
        if not _wait_until_up([f"{options.sandbox}/health"], options, children, stop):
            return 0 if stop.is_set() else 1
        _trust(options, config)
        _seed(options, config)
        children += _inside(options)
        if not _wait_until_up(_addresses(options), options, children, stop):
            return 0 if stop.is_set() else 1
        if options.check:
            return check.run(options.issuer, options.sandbox, f"http://localhost:{_first(options)}")
        _show(options, config)
        return _watch(children, stop)
    finally:
        _stop(children)


# --- preparing ----------------------------------------------------------------------------------


def _prepare(options: Options) -> Config:
    data = options.data
    if options.fresh and (data / _MARK).exists():
        shutil.rmtree(data)
    data.mkdir(parents=True, exist_ok=True)
    (data / _MARK).touch()
    path = data / "config.toml"
    merged = _merge(
        _defaults(options), tomllib.loads(options.more.read_text()) if options.more else {}
    )
    path.write_text(_to_toml(merged), encoding="utf-8")
    config = settings.load(path, os.environ)
    path.write_text(settings.to_toml(config), encoding="utf-8")
    base = serve.prepare(config)
    shown = _portals(options)
    (data / "portals.json").write_bytes(msgspec.json.format(msgspec.json.encode(shown)))
    allowed = portals.loopback(config, is_asked=True)
    clients = [_metadata(portal) for portal in shown]
    outposts = [each for portal in shown for each in demo_clients.outposts(portal)]
    portals.register(base, [*clients, *outposts], allowed)
    base.database.close()
    return config


_MANY = 10_000


def _defaults(options: Options) -> dict[str, Any]:
    system = {"url": options.sandbox, "timeout": 3.0, "retries": 1}
    return {
        "server": {
            "profile": "demo",
            "issuer": options.issuer,
            "port": options.port_base,
            "management_port": options.port_base + 1,
        },
        "database": {"url": f"sqlite:///{options.data / 'idp.sqlite'}"},
        "keys": {"directory": str(options.data / "keys")},
        "metrics": {"directory": str(options.data / "metrics")},
        "captcha": {"test_answer": "12345"},
        "operators": {"minimum_ial": 2},
        # Everybody of a demo comes from one network: its own machine.
        "otp": {"per_ip_hour": _MANY},
        "limits": dict.fromkeys(
            ("registrations_per_ip_hour", "prompts_per_ip_hour", "wrong_passwords_network"), _MANY
        ),
        # The sandbox gives signing SIMs to customers of every carrier.
        "sim": {"carriers": list(numbers.CARRIERS)},
        "mail": {"port": options.port_base + 125},
        "tls": {"allow_private": ["127.0.0.0/8", "::1/128"]},
        "federation": {
            "enabled": True,
            "organization_name": "Một Cửa",
            "authority_hints": [f"{options.sandbox}/federation/anchor"],
            "required_trust_marks": [f"{options.sandbox}/federation/marks/public-service-portal"],
            "refresh": 10,
        },
        "signing_tool": {"addresses": [f"http://127.0.0.1:{options.port_base + 300}"]},
        "log": {"level": "warning", "format": "console"},
        "systems": {name: {**system, "api_key": f"sandbox-{name}"} for name in _SYSTEMS},
    }


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """``above`` wins, key by key."""
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        both = isinstance(value, dict) and isinstance(old, dict)
        merged[name] = _merge(old, value) if both and old is not None else value
    return merged


def _to_toml(data: dict[str, Any], path: str = "") -> str:
    """Only what ``_merge`` makes: sections of plain values."""
    plain = [
        f"{name} = {msgspec.json.encode(value).decode()}"
        for name, value in data.items()
        if not isinstance(value, dict)
    ]
    head = [f"[{path}]"] if path and plain else []
    inner = [
        _to_toml(value, f"{path}.{name}" if path else name)
        for name, value in data.items()
        if isinstance(value, dict)
    ]
    return "\n".join([*head, *plain, *inner])


def _portals(options: Options) -> list[dict[str, Any]]:
    """The two portals with their kiosk and desks; their secrets and keys are made once."""
    path = options.data / "portals.json"
    known = msgspec.json.decode(path.read_bytes()) if path.exists() else []
    kept: dict[str, Any] = {portal["client_id"]: portal for portal in known}
    return [
        {
            "client_id": client_id,
            "client_secret": kept.get(client_id, {}).get("client_secret") or os.urandom(24).hex(),
            "name": name,
            "port": options.port_base + offset,
            "theme": theme,
            "sector": sector,
            **demo_clients.beside(client_id, kept.get(client_id, {})),
        }
        for client_id, name, offset, theme, sector in _PORTALS
    ]


def _metadata(portal: dict[str, Any]) -> dict[str, Any]:
    origin = f"http://localhost:{portal['port']}"
    return {
        "client_id": portal["client_id"],
        "client_secret": portal["client_secret"],
        "client_name": portal["name"],
        "redirect_uris": [f"{origin}/callback"],
        "post_logout_redirect_uris": [f"{origin}/"],
        "initiate_login_uri": f"{origin}/login",
        "backchannel_logout_uri": f"{origin}/backchannel-logout",
        "backchannel_logout_session_required": True,
        "frontchannel_logout_uri": f"{origin}/frontchannel-logout",
        "frontchannel_logout_session_required": True,
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "scope": " ".join((*SCOPES, *CLIENT_SCOPES)),
        "sector_identifier_uri": portal["sector"],
        "id_token_signed_response_alg": "ES256",
    }


# --- running ------------------------------------------------------------------------------------


def _outside(options: Options) -> subprocess.Popen[bytes]:
    """The sandbox comes first: the provider has to know its CAs."""
    command = [
        *(sys.executable, "-m", "idp.sandbox", "--port-base", str(options.port_base)),
        *("--issuer", options.issuer, "--data", str(options.data / "sandbox")),
        *("--portals", str(options.data / "portals.json")),
    ]
    return _run(command, options)


def _inside(options: Options) -> list[subprocess.Popen[bytes]]:
    ours = [sys.executable, "-m", "idp.cli", "--config", str(options.data / "config.toml")]
    commands = [[*ours, "worker"], [*ours, "serve"]]
    driver = tokens.driver()
    if driver:
        commands.append(
            [
                *(sys.executable, "-m", "idp.bridge"),
                *("--port", str(options.port_base + 300), "--origin", options.issuer),
                *("--module", driver, "--prompt", "sandbox", "--sandbox", options.sandbox),
            ]
        )
    return [_run(command, options) for command in commands]


def _run(command: list[str], options: Options) -> subprocess.Popen[bytes]:
    reader = options.data / "sandbox" / "usb" / "softhsm2.conf"
    with (options.data / "log.txt").open("ab") as log:
        return subprocess.Popen(  # noqa: S603
            command,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "SOFTHSM2_CONF": str(reader)},
        )


def _trust(options: Options, config: Config) -> None:
    """Accept the sandbox's CAs and trust anchor, as an operator accepts the real ones."""
    for authority in httpx.get(f"{options.sandbox}/ca", trust_env=False).json():
        name, pem = authority.pop("name"), authority.pop("pem")
        trust.write(config.keys_folder / "trust", name, {**authority, "certificate": pem})
    anchor = f"{options.sandbox}/federation/anchor"
    jwks = httpx.get(f"{anchor}/jwks", trust_env=False).json()
    anchors.write(config.keys_folder, "sandbox", anchor, jwks)


def _seed(options: Options, config: Config) -> None:
    """The directory, and one operator of whom the sandbox knows."""
    people = _people(options)
    if not any(each["id_number"] == seed.OPERATOR["id_number"] for each in people):
        httpx.post(f"{options.sandbox}/people", json=seed.OPERATOR, trust_env=False)
    base = app.found(config)
    seed.seed(base, people)
    base.database.close()


def _addresses(options: Options) -> list[str]:
    return [
        f"{options.issuer}/.well-known/openid-configuration",
        *(f"http://localhost:{options.port_base + offset}/" for _, _, offset, *_ in _PORTALS),
    ]


def _wait_until_up(
    waiting: list[str],
    options: Options,
    children: list[subprocess.Popen[bytes]],
    stop: threading.Event,
) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while waiting and time.monotonic() < deadline and not stop.wait(0.1):
        if any(child.poll() is not None for child in children):
            break
        waiting = [address for address in waiting if not _answers(address)]
    if waiting and not stop.is_set():
        log = options.data / "log.txt"
        Console(stderr=True).print(f"{waiting[0]} does not answer; see {log}", soft_wrap=True)
    return not waiting


def _watch(children: list[subprocess.Popen[bytes]], stop: threading.Event) -> int:
    while not stop.wait(0.5):
        if any(child.poll() is not None for child in children):
            Console(stderr=True).print("A part of the demo stopped; its log tells why.")
            return 1
    return 0


def _stop(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        child.terminate()
    deadline = time.monotonic() + _STOP_SECONDS
    for child in children:
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


# --- telling ------------------------------------------------------------------------------------


def _show(options: Options, config: Config) -> None:
    console = Console()
    table = Table(title="Một Cửa", show_lines=False)
    table.add_column("What")
    table.add_column("Where", overflow="fold")
    table.add_row("Provider", options.issuer)
    table.add_row("Sandbox: SMS inbox, USB and SIM, people, faults", options.sandbox)
    for _, name, offset, *_ in _PORTALS:
        table.add_row(name, f"http://localhost:{options.port_base + offset}")
    for what, port, path in demo_clients.pages(_portals(options)):
        table.add_row(what, f"http://localhost:{port}{path}")
    table.add_row(f"{province.NAME}: nobody registered it", f"{options.sandbox}{province.PATH}/")
    table.add_row("Signing tool", _tool(options))
    number = seed.OPERATOR["id_number"]
    table.add_row(
        f"Operators' console: {seed.OPERATOR['full_name']}",
        f"{options.issuer}/operator  {number}  {seed.PASSWORD}  (code: {options.sandbox}/sms)",
    )
    table.add_row("Health, metrics", f"http://localhost:{config.server.management_port}")
    for person in [each for each in _people(options) if each.get("phones")][:12]:
        phone = person["phones"][0]
        about = f"{person['full_name']}, {person['birth_date']}"
        table.add_row(about, f"{person['id_number']}  {phone['number']} ({phone['carrier']})")
    first = f"Đăng ký at {options.issuer}/register with one of these people; captcha 12345; "
    table.add_row("Try first", f"{first}the code is in {options.sandbox}/sms; then a portal")
    console.print(table)
    print(f"READY {options.issuer}", flush=True)  # noqa: T201  programs wait for this line


def _tool(options: Options) -> str:
    if tokens.driver():
        return f"http://127.0.0.1:{options.port_base + 300}; plug in at {options.sandbox}/usb"
    return "not started: SoftHSM is missing (apt-get install softhsm2)"


def _people(options: Options) -> list[dict[str, Any]]:
    """Everybody whom the sandbox knows."""
    address, json = f"{options.sandbox}/people", {"Accept": "application/json"}
    answer = httpx.get(address, headers=json, trust_env=False, timeout=_KEYS_SECONDS)
    found: list[dict[str, Any]] = answer.json()
    return found


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=2, trust_env=False).status_code < 500  # noqa: PLR2004
    except httpx.HTTPError:
        return False


def _ports(options: Options) -> list[int]:
    return [options.port_base + offset for offset in _OFFSETS]


def _first(options: Options) -> int:
    return options.port_base + _PORTALS[0][2]


def _is_busy(port: int) -> bool:
    # Bound, not asked: an outgoing connection holds its port as well and would answer nobody.
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
