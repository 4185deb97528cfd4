"""Client certificates as the TLS front reports them (RFC 8705, 6.5).

A header counts only when the connection itself comes from a configured proxy; from anybody else it
is a claim that costs nothing, and is not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from flask import request

from idp.config import Mtls
from idp.web.security import policy

_LONGEST = 16384


@dataclass(frozen=True, slots=True)
class Presented:
    """A certificate (DER), and whether the front proved its path."""

    certificate: bytes | None = None
    is_verified: bool = False


NOBODY = Presented()


def presented(settings: Mtls) -> Presented:
    """The client certificate of this request."""
    if not settings.header or not _is_from_proxy():
        return NOBODY
    text = request.headers.get(settings.header, "")
    if not text or len(text) > _LONGEST:
        return NOBODY
    try:
        found = x509.load_pem_x509_certificate(unquote(text).encode("ascii"))
        certificate = found.public_bytes(Encoding.DER)
    except (ValueError, x509.InvalidVersion):
        return NOBODY
    verified = request.headers.get(settings.verified_header, "") if settings.verified_header else ""
    return Presented(certificate, verified.strip().upper() == "SUCCESS")


def _is_from_proxy() -> bool:
    try:
        peer = ip_address(request.remote_addr or "")
    except ValueError:
        return False
    return any(peer in network for network in policy().trusted_proxies)
