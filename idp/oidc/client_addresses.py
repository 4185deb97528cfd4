"""The addresses that a client registers: what may stand in one, and whose host it names.

RFC 9700, 4.1; RFC 8252, 7. Other parties' addresses that we are to call obey the same rules.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Collection, Iterable
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from idp.domain.clients import ApplicationType, Client


class Loopback(enum.Enum):
    """Whether addresses may be http on this machine: demonstration and tests only."""

    REFUSED = "refused"
    ALLOWED = "allowed"


def fault_of_uri(  # noqa: PLR0911  one per fault
    uri: str, loopback: Loopback, application: ApplicationType
) -> str | None:
    """What is wrong with an address of a client of that kind, for developers."""
    if not uri.isascii() or not uri.isprintable() or any(sign in uri for sign in ' \\"<>'):
        return "has characters that a URI cannot have"
    try:
        parts = urlsplit(uri)
        host = parts.hostname
        parts.port  # noqa: B018  raises for a port that is none
    except ValueError:
        return "is no URI"
    if "#" in uri:
        return "has a fragment"
    if application is ApplicationType.NATIVE and "." in parts.scheme and not parts.netloc:
        return None  # a private-use scheme in reverse domain order (RFC 8252, 7.1)
    if parts.username is not None or not host:
        return "needs a host and no user name"
    if not _is_host(host, parts.netloc):
        return "has a host that is no name and no address"
    if parts.scheme == "https":
        return None
    is_local = loopback is Loopback.ALLOWED or application is ApplicationType.NATIVE
    if parts.scheme == "http" and is_local and is_loopback(host):
        return None
    return "must be https"


ANSWERS: Final = {
    "redirect_uris": frozenset(
        {"code", "state", "iss", "response", "error", "error_description", "error_uri"}
        | {"id_token", "access_token", "token_type", "expires_in", "session_state"}
    ),
    "post_logout_redirect_uris": frozenset({"state"}),
}
"""What answers may bring, by where they go (RFC 6749, 4.1.2; RFC 9207, 2; JARM, 2.3)."""


def fault_of_query(uri: str, answers: Collection[str]) -> str | None:
    """A query that says already what we would say: of two values the portal could read the first.

    Names are compared as they are read (a known weakness of another provider, CVE-2026-9689).
    """
    names = {name for name, _ in parse_qsl(urlsplit(uri).query, keep_blank_values=True)}
    return "has a parameter of our answers in its query" if names & set(answers) else None


def _is_host(host: str, netloc: str) -> bool:
    """A name of letters, digits and hyphens, or an address: it also stands in our CSP headers."""
    if netloc.startswith("["):
        try:
            return ip_address(host).version == _IPV6 and "%" not in host
        except ValueError:
            return False
    return len(host) <= _LONGEST_HOST and _HOST.fullmatch(host) is not None


_IPV6, _LONGEST_HOST = 6, 253
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")


def fault_of_called_uri(uri: str, loopback: Loopback) -> str | None:
    """What is wrong with an address that we are to call, for developers."""
    return fault_of_uri(uri, loopback, ApplicationType.WEB)


def is_loopback(host: str) -> bool:
    """Whether the host is the machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def origin(uri: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port; nothing of what is no URI."""
    try:
        parts = urlsplit(uri)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return "", None, None
    return parts.scheme, parts.hostname, port


def hosts_of(uris: Iterable[str]) -> set[str]:
    """The hosts of addresses that were checked."""
    return {urlsplit(uri).hostname or "" for uri in uris}


def is_loopback_of(uri: str, client: Client) -> bool:
    """Whether a native client registered this loopback address, on any port (RFC 8252, 7.3)."""
    if client.application_type is not ApplicationType.NATIVE:
        return False
    found = _LOOPBACK.fullmatch(uri)
    if found is None or not 0 < int(found["port"] or 80) <= _LAST_PORT:
        return False
    registered = [_LOOPBACK.fullmatch(each) for each in client.redirect_uris]
    return any(
        each and each["before"] == found["before"] and each["after"] == found["after"]
        for each in registered
    )


_LAST_PORT = 65535
_LOOPBACK = re.compile(
    r"(?P<before>http://(?:127\.0\.0\.1|\[::1\]))(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<after>(?:/[\x21-\x7e]*)?)"
)
