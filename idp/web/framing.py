"""What is no request of HTTP ends here, before anything of it is believed (RFC 9112, RFC 9110).

The server in front of us takes more than the standard allows: no host, two hosts, a host that is
none, a target without a path, transfer codings that nobody undoes. None of it would lead us astray,
since our addresses come from the settings, but what stands between us and the sender may read such
a request in another way than we do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from idp.web.security import SERVER

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

Wsgi = Callable[["WSGIEnvironment", "StartResponse"], Iterable[bytes]]

_LABEL: Final = "[A-Za-z0-9_-]{1,63}"
_HOST: Final = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{{0,5}})?")
_LONGEST_HOST: Final = 260
_BAD, _LENGTHLESS = "400 Bad Request", "411 Length Required"
_UNREADABLE = "415 Unsupported Media Type"


class Framing:
    """A WSGI application around all others."""

    def __init__(self, app: Wsgi) -> None:
        self._after, self._host = app, ""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The answer of the application, or a refusal without a word."""
        fault = self._fault(environ)
        if fault is None:
            return self._after(environ, start_response)
        about = [("Content-Length", "0"), ("Connection", "close"), ("Server", SERVER)]
        start_response(fault, about)
        return [b""]

    def _fault(self, environ: WSGIEnvironment) -> str | None:
        host = environ.get("HTTP_HOST", "")
        if host != self._host or not host:  # nearly all requests name the same one
            if not _is_host(host, environ.get("SERVER_PROTOCOL", "")):
                return _BAD
            self._host = host
        if environ.get("PATH_INFO", "")[:1] != "/":
            return _BAD
        # RFC 9110, 8.4: what was compressed is not what we would read.
        coding = environ.get("HTTP_CONTENT_ENCODING")
        if coding is not None and coding.strip(" \t").lower() != "identity":
            return _UNREADABLE
        coding = environ.get("HTTP_TRANSFER_ENCODING")
        if coding is not None:
            return _fault_of_chunks(coding, environ.get("CONTENT_TYPE", ""))
        return None


def _fault_of_chunks(coding: str, content_type: str) -> str | None:
    """Chunks are undone before we see them; another coding would be taken for the body (6.1).

    Where they break off we are not told (8). JSON or a signature that breaks off is none; half a
    form is a form, so a form says how long it is (6.3).
    """
    if coding.strip(" \t").lower() != "chunked":
        return _BAD
    kind = content_type.partition(";")[0].strip().lower()
    return None if kind.endswith(("json", "jwt")) else _LENGTHLESS


def _is_host(text: str, protocol: str) -> bool:
    """One name or address with at most a port; only HTTP/1.0 may say nothing (RFC 9112, 3.2)."""
    if not text:
        return protocol == "HTTP/1.0"
    return len(text) <= _LONGEST_HOST and _HOST.fullmatch(text) is not None
