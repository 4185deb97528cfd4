"""Calls to addresses that others gave us: ``jwks_uri``, ``request_uri``, receivers of events.

The name is resolved once, every address of it is judged, and the connection goes to the judged
address (no rebinding). Private networks are closed unless ``[tls] allow_private`` opens them; plain
http is for those only. No redirects, no proxy, no cookies, one deadline, a capped answer.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

import httpx2 as httpx

from idp.config import Tls
from idp.domain.errors import PortUnavailable
from idp.ports import WebAnswer

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Sequence[str]]
_SYSTEM = "web"
_LONGEST_URL = 2048
_PORTS = {"https": 443, "http": 80}


def resolve(host: str, port: int) -> Sequence[str]:
    """Every address of a name, as the system knows them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(each[4][0]).partition("%")[0] for each in found))


class WebAdapter:
    """The one client for addresses that we did not choose."""

    def __init__(self, tls: Tls, *, seconds: float = 5.0, resolver: Resolve = resolve) -> None:
        self._private = tuple(ip_network(text, strict=False) for text in tls.allow_private)
        self._seconds, self._resolve = seconds, resolver
        context = ssl.create_default_context(cafile=tls.ca_bundle or None)
        self._client = httpx.Client(
            timeout=seconds, follow_redirects=False, trust_env=False, verify=context
        )

    def get(self, url: str, *, accept: str, most: int = 65536) -> WebAnswer:
        """Fetch. Raises ``PortUnavailable``."""
        return self._call("GET", url, None, {"Accept": accept}, most)

    def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], most: int = 65536
    ) -> WebAnswer:
        """Send. Raises ``PortUnavailable``."""
        return self._call("POST", url, body, headers, most)

    def _call(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], most: int
    ) -> WebAnswer:
        deadline = time.monotonic() + self._seconds
        parts, address = self._pin(url)
        try:
            request = self._client.build_request(
                method,
                _at(parts, address),
                content=body,
                headers={**headers, "Host": parts.netloc, "Accept-Encoding": "identity"},
                extensions={"sni_hostname": parts.hostname},
            )
            return self._send(request, deadline, most)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise PortUnavailable(_SYSTEM, type(error).__name__) from error

    def _send(self, request: httpx.Request, deadline: float, most: int) -> WebAnswer:
        response = self._client.send(request, stream=True)
        self._client.cookies.clear()
        try:
            data = bytearray()
            for part in response.iter_raw():
                data += part
                if len(data) > most or time.monotonic() > deadline:
                    raise PortUnavailable(_SYSTEM, "answer is too long or too slow")
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            return WebAnswer(response.status_code, bytes(data), kind)
        finally:
            response.close()

    def _pin(self, url: str) -> tuple[SplitResult, Address]:
        """The parts of an address of the web, and the address of the network to connect to."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or _PORTS[parts.scheme]
        except (ValueError, KeyError):
            raise PortUnavailable(_SYSTEM, "no web address") from None
        if not host or parts.username is not None or len(url) > _LONGEST_URL or not url.isascii():
            raise PortUnavailable(_SYSTEM, "no web address")
        try:
            found = [ip_address(text) for text in self._resolve(host, port)]
        except (OSError, ValueError, UnicodeError) as error:
            raise PortUnavailable(_SYSTEM, "the name has no address") from error
        # One bad address among several is an attack or a mistake: neither is followed.
        if not found or not all(self._may_reach(each, parts.scheme) for each in found):
            raise PortUnavailable(_SYSTEM, "the address may not be reached")
        return parts, found[0]

    def _may_reach(self, address: Address, scheme: str) -> bool:
        mapped = getattr(address, "ipv4_mapped", None) or address
        if any(mapped in network for network in self._private):
            return True
        return scheme == "https" and mapped.is_global and not mapped.is_multicast


def _at(parts: SplitResult, address: Address) -> str:
    """The same address with the pinned host."""
    host = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
    port = f":{parts.port}" if parts.port else ""
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{host}{port}{parts.path or '/'}{query}"
