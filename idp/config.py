"""Settings: ``config.toml`` as frozen dataclasses; every mistake is told at once, with its line.

Order: the defaults here, the file, the environment (``IDP_<SECTION>__<NAME>``). Unknown keys are
refused. The production profile refuses what is only good enough for a demonstration (security.md,
rule 10). Durations are in seconds. Paths are relative to the file's folder.
"""

from __future__ import annotations

import enum
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import urlsplit

from idp.domain.errors import ConfigError


class Profile(enum.StrEnum):
    """How strict we are with ourselves."""

    DEMO = "demo"
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class RegistrationMode(enum.StrEnum):
    """Who may register clients over the wire."""

    CLOSED = "closed"
    TOKEN = "token"  # noqa: S105  a mode
    OPEN = "open"


def _between(default: float, low: float, high: float) -> Any:  # noqa: ANN401  a dataclass field
    return field(default=default, metadata={"range": (low, high)})


@dataclass(frozen=True, slots=True)
class Server:
    """Where and how we listen, and how long a person stays signed in."""

    profile: Profile = Profile.DEVELOPMENT
    issuer: str = "http://localhost:8000"
    host: str = "127.0.0.1"
    port: int = _between(8000, 1, 65535)
    management_host: str = "127.0.0.1"
    management_port: int = _between(8001, 1, 65535)
    workers: int = _between(2, 1, 64)
    threads: int = _between(4, 1, 64)
    trusted_proxies: tuple[str, ...] = ()
    session_idle: int = _between(1800, 60, 1800)
    session_absolute: int = _between(43200, 60, 43200)
    transaction_ttl: int = _between(3600, 60, 86400)
    level3_max_age: int = _between(300, 0, 300)


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """Where everything is kept."""

    url: str = "sqlite:///idp.sqlite"
    pool_size: int = _between(10, 1, 200)


@dataclass(frozen=True, slots=True)
class Keys:
    """Where keys are, and the pace of their rotation."""

    directory: str = "keys"
    announce: int = _between(3600, 0, 2592000)
    retire: int = _between(3600, 300, 2592000)


@dataclass(frozen=True, slots=True)
class Oidc:
    """Life times of codes and tokens."""

    code_ttl: int = _between(60, 1, 60)
    pushed_ttl: int = _between(90, 5, 600)
    access_token_ttl: int = _between(300, 1, 300)
    id_token_ttl: int = _between(300, 1, 300)
    refresh_ttl: int = _between(43200, 1, 43200)
    offline_refresh_ttl: int = _between(2592000, 1, 2592000)
    refresh_retry: int = _between(10, 0, 10)
    device_code_ttl: int = _between(600, 60, 1800)
    ciba_ttl: int = _between(180, 30, 600)
    poll_interval: int = _between(5, 1, 60)
    registration: RegistrationMode = RegistrationMode.CLOSED
    dpop_nonce: bool = False


@dataclass(frozen=True, slots=True)
class Federation:
    """OpenID Federation 1.0; anchors are pinned in ``keys/trust/federation``."""

    enabled: bool = False
    organization_name: str = ""
    authority_hints: tuple[str, ...] = ()
    trust_marks: tuple[str, ...] = ()
    required_trust_marks: tuple[str, ...] = ()
    statement_ttl: int = _between(86400, 300, 2592000)
    refresh: int = _between(3600, 5, 86400)
    longest: int = _between(86400, 300, 2592000)
    max_chain_length: int = _between(6, 3, 10)
    max_fetches: int = _between(20, 3, 100)
    search_seconds: float = _between(6.0, 0.5, 30.0)
    per_network_minute: int = _between(20, 1, 10000)
    per_minute: int = _between(120, 1, 100000)


@dataclass(frozen=True, slots=True)
class Mtls:
    """Client certificates, which a TLS front in front of us reports (RFC 8705).

    ``header`` has the certificate as escaped PEM and ``verified_header`` the word SUCCESS where the
    front proved its path; both count only from ``server.trusted_proxies``. ``base`` is the address
    at which the front asks for certificates.
    """

    header: str = ""
    verified_header: str = ""
    base: str = ""


@dataclass(frozen=True, slots=True)
class Otp:
    """Codes by SMS."""

    ttl: int = _between(300, 30, 300)
    tries: int = _between(5, 1, 5)
    resend_after: int = _between(60, 0, 600)
    per_hour: int = _between(5, 1, 100000)
    per_day: int = _between(10, 1, 100000)
    per_ip_hour: int = _between(30, 1, 1000000)
    site_per_minute: int = _between(600, 1, 1000000)
    wrong_per_day: int = _between(20, 1, 100000)


@dataclass(frozen=True, slots=True)
class Password:
    """argon2id and the size of its pool."""

    time_cost: int = _between(2, 1, 20)
    memory_kib: int = _between(19456, 8, 1048576)
    parallelism: int = _between(1, 1, 8)
    max_parallel: int = _between(2, 1, 64)
    queue_seconds: float = _between(10.0, 0.1, 60.0)


@dataclass(frozen=True, slots=True)
class Limits:
    """How often something may go wrong."""

    wrong_passwords: int = _between(10, 1, 100000)
    wrong_passwords_window: int = _between(900, 60, 86400)
    wrong_passwords_in_a_row: int = _between(100, 1, 1000000)
    identity_tries_per_day: int = _between(5, 1, 100000)
    registrations_per_ip_hour: int = _between(60, 1, 1000000)
    signatures_per_ip_hour: int = _between(120, 1, 1000000)
    prompts_per_phone: int = _between(3, 1, 1000)
    prompts_per_phone_day: int = _between(10, 1, 1000)
    prompts_per_ip_hour: int = _between(30, 1, 1000000)
    prompt_seconds: int = _between(120, 30, 300)
    techid_lookups_per_minute: int = _between(60, 1, 100000)
    user_codes: int = _between(10, 1, 100)
    user_codes_site: int = _between(600, 1, 100000)
    requests_per_person: int = _between(5, 1, 1000)
    requests_per_portal: int = _between(600, 1, 1000000)


@dataclass(frozen=True, slots=True)
class CaptchaSettings:
    """The captcha; ``test_answer`` is accepted beside the right one, in the demo only."""

    test_answer: str = ""
    length: int = _between(5, 4, 10)


@dataclass(frozen=True, slots=True)
class Sms:
    """How our messages are signed."""

    sender: str = "DVCQG"


class MailSecurity(enum.StrEnum):
    """How the way to the mail relay is protected."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


@dataclass(frozen=True, slots=True)
class Mail:
    """The mail relay that takes our letters."""

    host: str = "localhost"
    port: int = _between(8125, 1, 65535)
    security: MailSecurity = MailSecurity.NONE
    username: str = ""
    password: str = field(default="", repr=False)
    sender: str = "khong-tra-loi@dichvucong.example"
    timeout: float = _between(5.0, 0.1, 30.0)


@dataclass(frozen=True, slots=True)
class Account:
    """What owners of accounts wait for."""

    hold: int = _between(86400, 86400, 604800)
    close_after: int = _between(604800, 0, 7776000)
    recovery_code_ttl: int = _between(259200, 3600, 604800)
    places: str = ""


@dataclass(frozen=True, slots=True)
class System:
    """An outside system that we call."""

    url: str
    api_key: str = field(default="", repr=False)
    timeout: float = _between(3.0, 0.1, 30.0)
    retries: int = _between(1, 0, 5)


@dataclass(frozen=True, slots=True)
class Signals:
    """Streams of security events."""

    verification_interval: int = _between(10, 1, 3600)
    inactivity: int = _between(2592000, 3600, 31536000)
    keep: int = _between(604800, 3600, 2592000)
    poll_wait: float = _between(5.0, 0.0, 30.0)


@dataclass(frozen=True, slots=True)
class Tls:
    """Whom our outgoing calls trust, and which private addresses they may reach."""

    ca_bundle: str = ""
    allow_private: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MethodSettings:
    """One way to prove oneself."""

    enabled: bool = True


class SignatureFormat(enum.StrEnum):
    """How a platform hands over a SIM's signature (TS 102 204, MSS_Format)."""

    PKCS1 = "pkcs1"
    CMS = "cms"


@dataclass(frozen=True, slots=True)
class Sim:
    """Signing SIMs: the carriers that offer them, in the order of the drop-down."""

    carriers: tuple[str, ...] = ("viettel", "vinaphone", "mobifone")
    signature_format: SignatureFormat = SignatureFormat.PKCS1


@dataclass(frozen=True, slots=True)
class SigningTool:
    """Where pages find the signing tool, and how long a CA may take to answer."""

    addresses: tuple[str, ...] = ("http://127.0.0.1:8300",)
    status_timeout: float = _between(2.0, 0.1, 10.0)
    recheck_every: int = _between(86400, 60, 604800)
    recheck_batch: int = _between(20, 0, 1000)


@dataclass(frozen=True, slots=True)
class Operators:
    """What an operator has to prove for the console, and how long it stays open."""

    minimum_ial: int = _between(3, 2, 3)
    idle: int = _between(600, 60, 600)
    absolute: int = _between(28800, 600, 28800)
    look_ups_per_hour: int = _between(120, 1, 600)


@dataclass(frozen=True, slots=True)
class Log:
    """What is logged, and in which shape (json or console)."""

    level: str = "info"
    format: str = "json"


@dataclass(frozen=True, slots=True)
class Config:
    """All settings."""

    server: Server = field(default_factory=Server)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    keys: Keys = field(default_factory=Keys)
    oidc: Oidc = field(default_factory=Oidc)
    mtls: Mtls = field(default_factory=Mtls)
    federation: Federation = field(default_factory=Federation)
    otp: Otp = field(default_factory=Otp)
    password: Password = field(default_factory=Password)
    limits: Limits = field(default_factory=Limits)
    captcha: CaptchaSettings = field(default_factory=CaptchaSettings)
    sms: Sms = field(default_factory=Sms)
    mail: Mail = field(default_factory=Mail)
    account: Account = field(default_factory=Account)
    sim: Sim = field(default_factory=Sim)
    signing_tool: SigningTool = field(default_factory=SigningTool)
    signals: Signals = field(default_factory=Signals)
    tls: Tls = field(default_factory=Tls)
    operators: Operators = field(default_factory=Operators)
    log: Log = field(default_factory=Log)
    systems: Mapping[str, System] = field(default_factory=dict)
    methods: Mapping[str, MethodSettings] = field(default_factory=dict)
    folder: Path = field(default_factory=Path)

    def is_enabled(self, method: str) -> bool:
        """Whether a method is offered; one without a block is."""
        return self.methods.get(method, MethodSettings()).enabled

    @property
    def keys_folder(self) -> Path:
        """Where the keys are."""
        return self.folder / self.keys.directory

    @property
    def database_url(self) -> str:
        """The database with an SQLite path made absolute."""
        return _absolute_sqlite(self.database.url, self.folder)


_TABLES = {"systems": System, "methods": MethodSettings}
"""Sections that hold a block per name."""

_ENV = re.compile(r"IDP_([A-Z0-9]+(?:_[A-Z0-9]+)*?)__([A-Z0-9_]+)")
Fault = tuple[tuple[str, ...], str]
"""Which setting, and what is wrong with it."""

_SYSTEMS = ("bhxh", "carrier", "mssp", "sms", "vnpost")
_MEMORY_FLOOR, _TIME_FLOOR = 19456, 2
_WEEK = 604800
_SIGNED = 3


def load(path: Path | None, env: Mapping[str, str]) -> Config:
    """Read and check the settings. Raises ``ConfigError`` with every problem there is."""
    try:
        text = path.read_text(encoding="utf-8") if path else ""
        data = tomllib.loads(text)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read ({error.strerror})"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: is not TOML: {error}"]) from error
    return _Reader(path, text, data, env).read()


class _Reader:
    """One reading: collects problems instead of stopping at the first."""

    def __init__(
        self, path: Path | None, text: str, data: dict[str, Any], env: Mapping[str, str]
    ) -> None:
        self._path, self._lines, self._data = path, text.splitlines(), data
        self._from_env: dict[tuple[str, ...], str] = {}
        self.problems: list[str] = []
        self._overlay(env)

    def read(self) -> Config:
        known = {item.name: item for item in fields(Config)}
        hints = get_type_hints(Config)
        values: dict[str, Any] = {}
        for name, block in self._data.items():
            if name not in known or name == "folder":
                self._problem((name,), f"unknown section; known are {', '.join(sorted(known))}")
            elif not isinstance(block, dict):
                self._problem((name,), "must be a section")
            elif name in _TABLES:
                values[name] = {
                    key: built
                    for key, inner in block.items()
                    if (built := self._block(_TABLES[name], inner, (name, key))) is not None
                }
            else:
                built = self._block(hints[name], block, (name,))
                if built is not None:
                    values[name] = built
        if self.problems:
            raise ConfigError(self.problems)
        folder = self._path.parent if self._path else Path()
        config = Config(**values, folder=folder.resolve())
        for where, why in _contradictions(config):
            self._problem(where, why)
        if self.problems:
            raise ConfigError(self.problems)
        return config

    def _overlay(self, env: Mapping[str, str]) -> None:
        for name, value in env.items():
            found = _ENV.fullmatch(name)
            if not found:
                continue
            section, key = found[1].lower(), found[2].lower()
            path = [section, *key.split("__")]
            block = self._data
            for part in path[:-1]:
                inner = block.setdefault(part, {})
                block = inner if isinstance(inner, dict) else {}
            block[path[-1]] = _Text(value)
            self._from_env[tuple(path)] = name

    def _block(self, kind: type, block: object, where: tuple[str, ...]) -> Any:  # noqa: ANN401
        if not isinstance(block, dict):
            self._problem(where, "must be a section")
            return None
        hints = get_type_hints(kind)
        known = {item.name: item for item in fields(kind)}
        values = {}
        for key, raw in block.items():
            if key not in known:
                self._problem((*where, key), f"unknown setting; known are {', '.join(known)}")
                continue
            try:
                values[key] = _convert(raw, hints[key], known[key].metadata.get("range"))
            except ValueError as error:
                self._problem((*where, key), str(error))
        try:
            return kind(**values)
        except TypeError:
            self._problem((*where, "url"), "is missing")
            return None

    def _problem(self, where: tuple[str, ...], why: str) -> None:
        place = self._place(where)
        name = f"[{'.'.join(where[:-1])}] {where[-1]}" if len(where) > 1 else f"[{where[0]}]"
        self.problems.append(f"{place}: {name}: {why}")

    def _place(self, where: tuple[str, ...]) -> str:
        """Who set it: a variable of the environment, or a line of the file."""
        variables = [name for path, name in self._from_env.items() if path[: len(where)] == where]
        line = self._line(where)
        if variables and (where in self._from_env or line is None):
            return variables[0]
        return f"{self._path or 'settings'}{f':{line}' if line else ''}"

    def _line(self, where: tuple[str, ...]) -> int | None:
        """The line that sets it, or its section's."""
        section, best = "", None
        for number, line in enumerate(self._lines, start=1):
            header = re.match(r"\s*\[([^\[\]]+)\]", line)
            if header:
                section = header[1].replace(" ", "").replace('"', "")
            path = ".".join(where[:-1])
            if header and section in {path, ".".join(where)}:
                best = number
            if section == path and re.match(rf"\s*{re.escape(where[-1])}\s*=", line):
                return number
        return best


class _Text(str):
    """A value from the environment: read by the type of its setting."""

    __slots__ = ()


def _convert(raw: object, kind: Any, limits: tuple[float, float] | None) -> Any:  # noqa: ANN401
    value = _from_text(raw, kind) if isinstance(raw, _Text) else raw
    if isinstance(kind, type) and issubclass(kind, enum.StrEnum):
        if value not in set(kind):
            raise ValueError(f"must be one of {', '.join(kind)}, is {value!r}")
        return kind(str(value))
    if kind == tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ValueError("must be a list of texts")
        return tuple(value)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise ValueError(f"must be {_NAMES[kind]}, is {value!r}")
    if limits and isinstance(value, int | float) and not limits[0] <= value <= limits[1]:
        raise ValueError(f"must be from {limits[0]:g} to {limits[1]:g}, is {value!r}")
    return value


_NAMES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def _from_text(raw: str, kind: Any) -> object:  # noqa: ANN401  a type or a generic alias
    try:
        if kind is int:
            return int(raw)
        if kind is float:
            return float(raw)
    except ValueError:
        return str(raw)
    if kind is bool:
        return {"true": True, "false": False}.get(raw.lower(), str(raw))
    if kind == tuple[str, ...]:
        return [part.strip() for part in raw.split(",") if part.strip()]
    return str(raw)


def _contradictions(config: Config) -> Iterator[Fault]:
    """What each setting alone cannot tell."""
    yield from (_fault(rule) for rule in _RULES if rule.is_broken(config))
    for section, key in (("server", "trusted_proxies"), ("tls", "allow_private")):
        for text in getattr(getattr(config, section), key):
            if not _is_network(text):
                yield (section, key), f"{text!r} is no address and no network"
    for name, system in config.systems.items():
        if urlsplit(system.url).scheme not in {"http", "https"}:
            yield ("systems", name, "url"), "must be an http or https address"
    for name in _SYSTEMS:
        if name not in config.systems:
            yield ("systems", name), "is missing: its url and api_key are needed"
    if config.server.profile is Profile.PRODUCTION:
        yield from _weaknesses(config)


def _weaknesses(config: Config) -> Iterator[Fault]:
    """What production refuses."""
    yield from (_fault(rule) for rule in _PRODUCTION_RULES if rule.is_broken(config))
    for name, system in config.systems.items():
        if not system.url.startswith("https://"):
            yield ("systems", name, "url"), "production needs https"
        if _is_loopback(system.url):
            yield ("systems", name, "url"), "production does not call the sandbox"
        if not system.api_key or system.api_key.startswith("sandbox-"):
            yield ("systems", name, "api_key"), "production needs a key of its own"
    yield from _loosened(config)


@dataclass(frozen=True, slots=True)
class _Rule:
    """One thing that must not be, and what to say about it."""

    section: str
    key: str
    why: str
    is_broken: Callable[[Config], bool]


def _fault(rule: _Rule) -> Fault:
    return (rule.section, rule.key), rule.why


_RULES = (
    _Rule("server", "issuer", "must be an http or https address",
          lambda c: not re.match(r"https?://[^/?#]", c.server.issuer)),
    _Rule("server", "issuer", "must have no query, no fragment and no slash at its end",
          lambda c: bool(re.search(r"[?#]|/$", c.server.issuer))),
    _Rule("database", "url", "must begin with sqlite:/// or postgresql+psycopg://",
          lambda c: not c.database.url.startswith(("sqlite:///", "postgresql+psycopg://"))),
    _Rule("server", "management_port", "must not be the port of the pages",
          lambda c: c.server.port == c.server.management_port),
    _Rule("mtls", "header", "needs server.trusted_proxies: nobody else may report certificates",
          lambda c: bool(c.mtls.header) and not c.server.trusted_proxies),
    _Rule("federation", "authority_hints", "must be http or https addresses without ? and #",
          lambda c: not all(re.fullmatch(r"https?://[^/?#]+[^?#]*", each)
                            for each in c.federation.authority_hints)),
    _Rule("log", "format", "must be json or console",
          lambda c: c.log.format not in {"json", "console"}),
    _Rule("log", "level", "must be debug, info, warning or error",
          lambda c: c.log.level not in {"debug", "info", "warning", "error"}),
)  # fmt: skip

_PRODUCTION_RULES = (
    _Rule("server", "issuer", "production needs https",
          lambda c: not c.server.issuer.startswith("https://")),
    _Rule("server", "issuer", "production needs a public name",
          lambda c: _is_loopback(c.server.issuer)),
    _Rule("database", "url", "SQLite serves one worker; production needs PostgreSQL",
          lambda c: c.database.url.startswith("sqlite") and c.server.workers > 1),
    _Rule("captcha", "test_answer", "production accepts no test answer",
          lambda c: bool(c.captcha.test_answer)),
    _Rule("tls", "allow_private", "production calls no private address",
          lambda c: bool(c.tls.allow_private)),
    _Rule("mail", "security", "production needs starttls or tls",
          lambda c: c.mail.security is MailSecurity.NONE),
    _Rule("mail", "host", "production does not use the sandbox's relay",
          lambda c: _is_loopback(f"smtp://{c.mail.host}")),
    _Rule("account", "close_after", "production lets people think it over for a week at least",
          lambda c: c.account.close_after < _WEEK),
    _Rule("federation", "authority_hints", "production needs https",
          lambda c: any(not each.startswith("https://") for each in c.federation.authority_hints)),
    _Rule("operators", "minimum_ial", "production needs a signature (3) from operators",
          lambda c: c.operators.minimum_ial < _SIGNED),
    _Rule("log", "level", "production does not log at debug",
          lambda c: c.log.level == "debug"),
    _Rule("oidc", "registration", "production does not let strangers register clients",
          lambda c: c.oidc.registration is RegistrationMode.OPEN),
    _Rule("password", "memory_kib", "production needs 19456 KiB and 2 passes or more",
          lambda c: c.password.memory_kib < _MEMORY_FLOOR or c.password.time_cost < _TIME_FLOOR),
)  # fmt: skip

_STRICTEST = {
    "otp": ("per_hour", "per_day", "wrong_per_day", "per_ip_hour"),
    "limits": (
        *("wrong_passwords", "wrong_passwords_in_a_row", "identity_tries_per_day"),
        *("prompts_per_phone", "prompts_per_phone_day"),
    ),
}


def _loosened(config: Config) -> Iterator[Fault]:
    """Limits may be tightened in production, never loosened beyond the table of security.md."""
    plain = Config()
    for section, keys in _STRICTEST.items():
        for key in keys:
            ours, most = (
                getattr(getattr(config, section), key),
                getattr(getattr(plain, section), key),
            )
            if ours > most:
                yield (section, key), f"production allows {most} at most"
    if config.otp.resend_after < plain.otp.resend_after:
        yield ("otp", "resend_after"), f"production needs {plain.otp.resend_after} at least"


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _is_loopback(uri: str) -> bool:
    host = urlsplit(uri).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _absolute_sqlite(url: str, folder: Path) -> str:
    prefix = "sqlite:///"
    if not url.startswith(prefix) or url.startswith(f"{prefix}/"):
        return url
    return f"{prefix}{folder / url.removeprefix(prefix)}"


def to_toml(config: Config) -> str:
    """Write settings back, for a process that starts others with what it runs with."""
    lines: list[str] = []
    for item in fields(Config):
        value = getattr(config, item.name)
        if item.name in _TABLES:
            for name, block in value.items():
                lines += [f"[{item.name}.{name}]", *_assignments(block), ""]
        elif is_dataclass(value):
            lines += [f"[{item.name}]", *_assignments(value), ""]
    return "\n".join(lines)


def _assignments(block: Any) -> list[str]:  # noqa: ANN401  any section
    return [f"{item.name} = {_literal(getattr(block, item.name))}" for item in fields(block)]


def _literal(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case tuple():
            return f"[{', '.join(map(_literal, value))}]"
        case _:
            text = str(value).replace("\\", "\\\\").replace('"', '\\"')
            return f'"{text}"'


def with_folder(config: Config, folder: Path) -> Config:
    """The same settings, with paths relative to another folder."""
    return replace(config, folder=folder)
