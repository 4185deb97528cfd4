"""What one setting alone cannot tell, and what production refuses (security.md, rule 10)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from idp.config.sections import Config, MailSecurity, Profile, RegistrationMode

Fault = tuple[tuple[str, ...], str]
"""Which setting, and what is wrong with it."""

_SYSTEMS = ("bhxh", "carrier", "mssp", "sms", "vnpost")
_MEMORY_FLOOR, _TIME_FLOOR = 19456, 2
_WEEK = 604800
_SIGNED = 3


def contradictions(config: Config) -> Iterator[Fault]:
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
        *(
            "wrong_passwords",
            "wrong_passwords_network",
            "wrong_passwords_in_a_row",
            "identity_tries_per_day",
            "changes_per_hour",
        ),
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
