"""The sections of ``config.toml`` as frozen dataclasses, with every default and range."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


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
    threads: int = _between(8, 1, 64)
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
class Metrics:
    """Where the processes of one machine count together; empty keeps each to itself."""

    directory: str = "run/metrics"


@dataclass(frozen=True, slots=True)
class Oidc:
    """Life times of codes and tokens, and what is offered."""

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
    require_software_statement: bool = False
    dpop_nonce: bool = False
    implicit_flow: bool = False


@dataclass(frozen=True, slots=True)
class Federation:
    """OpenID Federation 1.0; anchors are pinned in ``keys/trust/federation``."""

    enabled: bool = False
    organization_name: str = ""
    authority_hints: tuple[str, ...] = ()
    trust_marks: tuple[str, ...] = ()
    required_trust_marks: tuple[str, ...] = ()
    require_pkce: bool = False
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
    wrong_passwords_network: int = _between(50, 1, 1000000)
    wrong_passwords_in_a_row: int = _between(100, 1, 1000000)
    identity_tries_per_day: int = _between(5, 1, 100000)
    changes_per_hour: int = _between(100, 1, 100000)
    sounds_per_journey: int = _between(10, 1, 1000)
    sounds_per_ip_hour: int = _between(120, 1, 100000)
    registrations_per_ip_hour: int = _between(60, 1, 1000000)
    client_registrations_per_ip_hour: int = _between(60, 1, 1000000)
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
    metrics: Metrics = field(default_factory=Metrics)
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
    def metrics_folder(self) -> Path | None:
        """Where the processes of this machine count."""
        return self.folder / self.metrics.directory if self.metrics.directory else None

    @property
    def database_url(self) -> str:
        """The database with an SQLite path made absolute."""
        return _absolute_sqlite(self.database.url, self.folder)


def _absolute_sqlite(url: str, folder: Path) -> str:
    prefix = "sqlite:///"
    if not url.startswith(prefix) or url.startswith(f"{prefix}/"):
        return url
    return f"{prefix}{folder / url.removeprefix(prefix)}"


TABLES = {"systems": System, "methods": MethodSettings}
"""Sections that hold a block per name."""
