"""Calls to addresses that others gave us: ``jwks_uri``, ``request_uri``, receivers of events.

The name is resolved once, every address of it is judged, and the connection goes to a judged
address (no rebinding). Private networks are closed unless ``[tls] allow_private`` opens them; plain
http is for those only. No redirects, no proxy, no cookies, one deadline, a capped answer. A
connection serves one call: its certificate was checked for that call's name, not for the next one
that lives at the same address.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Self
from urllib.parse import SplitResult, urlsplit

import httpx2 as httpx

from idp.adapters.http import Watched, tls_context
from idp.config import Tls
from idp.domain.errors import PortUnavailable
from idp.metrics import Meter
from idp.ports import WebAnswer

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Sequence[str]]
_SYSTEM = "web"
_LONGEST_URL = 2048
_PORTS = {"https": 443, "http": 80}
_MOST_ADDRESSES = 4
_NAT64_LOCAL = ip_network("64:ff9b:1::/48")
_HOLD_IPV4 = tuple(map(ip_network, ("::ffff:0:0/96", "64:ff9b::/96", "::/96")))


def resolve(host: str, port: int) -> Sequence[str]:
    """Every address of a name, as the system knows them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(each[4][0]).partition("%")[0] for each in found))


class WebAdapter:
    """The one client for addresses that we did not choose."""

    def __init__(
        self,
        tls: Tls,
        *,
        seconds: float = 5.0,
        resolver: Resolve = resolve,
        meter: Meter | None = None,
    ) -> None:
        self._watched = Watched(_SYSTEM, meter)
        self._private = tuple(ip_network(text, strict=False) for text in tls.allow_private)
        self._seconds, self._resolve = seconds, resolver
        context = tls_context(tls.ca_bundle)
        self._client = httpx.Client(
            timeout=seconds,
            follow_redirects=False,
            trust_env=False,
            verify=context,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def get(self, url: str, *, accept: str, most: int = 65536) -> WebAnswer:
        """Fetch. Raises ``PortUnavailable``."""
        with self._watched():
            return self._call("GET", url, None, {"Accept": accept}, most)

    def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], most: int = 65536
    ) -> WebAnswer:
        """Send. Raises ``PortUnavailable``."""
        with self._watched():
            return self._call("POST", url, body, headers, most)

    def _call(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], most: int
    ) -> WebAnswer:
        parts, addresses = self._pin(url)
        headers = {**headers, "Host": parts.netloc, "Accept-Encoding": "identity"}
        with _Deadline(self._seconds) as deadline:
            about = {"sni_hostname": parts.hostname, "trace": deadline.trace}
            for address in addresses:
                try:
                    request = self._client.build_request(
                        method, _at(parts, address), content=body, headers=headers, extensions=about
                    )
                    return self._send(request, most, deadline)
                except httpx.ConnectError as error:
                    if address is addresses[-1] or deadline.is_over:
                        raise PortUnavailable(_SYSTEM, "ConnectError") from error
                except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
                    raise PortUnavailable(_SYSTEM, type(error).__name__) from error
        raise PortUnavailable(_SYSTEM, "no address answers")

    def _send(self, request: httpx.Request, most: int, deadline: _Deadline) -> WebAnswer:
        response = self._client.send(request, stream=True)
        self._client.cookies.clear()
        try:
            data = bytearray()
            for part in response.iter_raw():
                data += part
                if len(data) > most:
                    raise PortUnavailable(_SYSTEM, "the answer is too long")
            if deadline.is_over:  # what was cut off can look like the end of a body
                raise PortUnavailable(_SYSTEM, "the answer took too long")
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            return WebAnswer(response.status_code, bytes(data), kind)
        finally:
            response.close()

    def _pin(self, url: str) -> tuple[SplitResult, Sequence[Address]]:
        """The parts of an address of the web, and the addresses of the network to connect to."""
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
        return parts, found[:_MOST_ADDRESSES]

    def _may_reach(self, address: Address, scheme: str) -> bool:
        real = _inside(address)
        if any(real in network for network in self._private):
            return True
        if isinstance(real, IPv6Address) and (real.is_site_local or real in _NAT64_LOCAL):
            return False
        return scheme == "https" and real.is_global and not real.is_multicast


def _inside(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for (RFC 4291, 2.5.5; 6052; 3056), or itself."""
    if isinstance(address, IPv4Address) or address.is_loopback or address.is_unspecified:
        return address
    if any(address in network for network in _HOLD_IPV4):
        return IPv4Address(address.packed[12:])
    return address.sixtofour or address


class _Deadline:
    """Ends a call in time, whatever it waits for: a header that drips byte by byte, a handshake.

    Time-outs of sockets begin anew with every byte; shutting the connection down does not wait.
    """

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self.is_over = False

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()

    def trace(self, event: str, about: Mapping[str, Any]) -> None:
        """Told by the client what it does; we keep a second handle of every connection."""
        if event == "connection.connect_tcp.complete":
            connection = about["return_value"].get_extra_info("socket").dup()
            with self._lock:
                self._connections.append(connection)
            if self.is_over:
                self._end()

    def _end(self) -> None:
        self.is_over = True
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


def _at(parts: SplitResult, address: Address) -> str:
    """The same address with the pinned host."""
    host = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
    port = f":{parts.port}" if parts.port else ""
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{host}{port}{parts.path or '/'}{query}"
