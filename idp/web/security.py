"""What protects every page: headers, cookies, forged posts, client addresses, way back.

* Headers: the content security policy has no inline code and no foreign origin. Browsers enforce
  ``form-action`` on the redirect that follows a POST, so a page whose journey ends at a portal
  names that portal's origin for its own response only (``allow_form_target``).
* Forged posts (OWASP ASVS 5.0, 3.5.1): every state-changing request of a page must come from our
  own origin (Sec-Fetch-Site, else Origin) **and** carry ``csrf``, an HMAC of the browser's secret.
* The browser's secret (cookie ``idp_browser``) also binds transactions to the browser.
* Issuer, scheme and host come from the settings, never from a header (security rule 5);
  X-Forwarded-For is read from configured proxies only.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final, Literal, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request
from markupsafe import Markup
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response as BaseResponse

Network = IPv4Network | IPv6Network
CookieName = Literal["session", "browser"]
View = TypeVar("View", bound=Callable[..., object])

CSRF_FIELD: Final = "csrf"
MACHINE_PATHS: Final = (
    "/.well-known/",
    "/jwks",
    "/token",
    "/userinfo",
    "/introspect",
    "/revoke",
    "/par",
    "/device_authorization",
    "/bc-authorize",
    "/connect/",
    "/counter/",
    "/federation/",
    "/oauth2/token",
    "/oauth2/userinfo",
    "/oauth2/introspect",
    "/oauth2/techid",
    "/oauth2/revoke",
    "/ssf/",
    "/oauth2/jwks",
)
"""Addresses that programs call: no cookie, so no forged post; answers are JSON, also errors."""

_EXTENSION = "idp.security"
MAX_BODY: Final = 64 * 1024
SERVER: Final = "idp"
"""Who answers, in place of the program that serves us (RFC 9110, 10.2.4; ASVS 13.4.6)."""
_SECRET_BYTES = 32
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_OUR_OWN_SITES = frozenset({"same-origin", "none"})
_CROSS_SITE_MARK = "idp_cross_site"
_ONE_YEAR = 31_536_000
_PRESENTATION: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src {images}; "
    "font-src 'self'; connect-src {programs}; base-uri 'none'; frame-ancestors 'none'; "
    "form-action {targets}; require-trusted-types-for 'script'"
)
_SOUND: Final = "default-src 'none'; media-src 'self'; frame-ancestors 'none'"
_DATA: Final = "default-src 'none'; frame-ancestors 'none'"


class ForgedPost(Forbidden):
    """A post that our own page did not make, or whose page is too old."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the settings say about this installation."""

    issuer: str
    csrf_key: bytes
    trusted_proxies: tuple[Network, ...] = ()

    @property
    def is_secure(self) -> bool:
        """Whether people reach us by https: decides Secure cookies and HSTS."""
        return self.issuer.startswith("https://")

    @property
    def origin(self) -> str:
        """Scheme, host and port of our pages."""
        return origin_of(self.issuer)

    def cookie(self, name: CookieName) -> str:
        """The name of a cookie; ``__Host-`` forbids Domain and other paths (RFC 6265bis 4.1.3)."""
        return f"__Host-idp_{name}" if self.is_secure else f"idp_{name}"


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Addresses or networks as written in the settings."""
    return tuple(ip_network(text, strict=False) for text in texts)


def origin_of(uri: str) -> str:
    """Scheme and authority of ``uri``; for a private-use scheme (RFC 8252, 7.1) the scheme."""
    parts = urlsplit(uri)
    if parts.scheme not in {"http", "https"}:
        return f"{parts.scheme}:"
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


def policy() -> Policy:
    """The policy of the current application."""
    found: Policy = current_app.extensions[_EXTENSION]
    return found


# --- the browser's secret and the session cookie ------------------------------------------------


def has_browser() -> bool:
    """Whether this browser came with a secret of ours."""
    return len(request.cookies.get(policy().cookie("browser"), "")) >= _SECRET_BYTES


def browser_hash() -> bytes:
    """What a transaction is bound to: a digest, so that the database cannot be replayed."""
    return hashlib.sha256(_browser_secret().encode()).digest()


def _browser_secret() -> str:
    """The secret of this browser; a new one is set on the response."""
    if has_browser():
        return request.cookies[policy().cookie("browser")]
    if "new_browser" not in g:
        g.new_browser = secrets.token_urlsafe(_SECRET_BYTES)
    issued: str = g.new_browser
    return issued


def session_cookie() -> str | None:
    """What the browser says its session is; not yet believed."""
    return request.cookies.get(policy().cookie("session"))


def set_session_cookie(response: BaseResponse, value: str) -> None:
    """Hand the session to the browser until it is closed; the server ends it earlier."""
    _set_cookie(response, "session", value)


def clear_session_cookie(response: BaseResponse) -> None:
    """Make the browser forget the session."""
    name = policy().cookie("session")
    response.delete_cookie(name, secure=policy().is_secure, httponly=True, samesite="Lax")


def _set_cookie(response: BaseResponse, name: CookieName, value: str) -> None:
    response.set_cookie(
        policy().cookie(name),
        value,
        path="/",
        secure=policy().is_secure,
        httponly=True,
        samesite="Lax",
    )


# --- forged posts -------------------------------------------------------------------------------


def csrf_token() -> str:
    """What the forms of this browser carry."""
    digest = hmac.digest(policy().csrf_key, _browser_secret().encode(), "sha256")
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def csrf_field() -> Markup:
    """The hidden field of every form."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(CSRF_FIELD, csrf_token())


def cross_site(view: View) -> View:
    """Mark a view that other sites may post to (OpenID Connect Core 3.1.2.1; RP logout, 2)."""
    setattr(view, _CROSS_SITE_MARK, True)
    return view


def is_for_programs(path: str) -> bool:
    """Whether ``path`` is an address that programs call."""
    return any(
        path.startswith(prefix)
        if prefix.endswith("/")
        else path == prefix or path.startswith(f"{prefix}/")
        for prefix in MACHINE_PATHS
    )


def _refuse_forged_posts() -> None:
    if request.method in _SAFE_METHODS or is_for_programs(request.path):
        return
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None or getattr(view, _CROSS_SITE_MARK, False):
        return
    if not _is_from_our_pages() or not has_browser() or not _has_token():
        raise ForgedPost


def _is_from_our_pages() -> bool:
    """Fetch metadata first: it survives proxies that change Host, and no script can set it."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in _OUR_OWN_SITES
    origin = request.headers.get("Origin")
    return origin is None or origin == policy().origin


def _has_token() -> bool:
    sent = request.form.get(CSRF_FIELD, "")
    return hmac.compare_digest(sent.encode(), csrf_token().encode())


# --- where a request comes from and goes back to ------------------------------------------------


def client_ip() -> str:
    """The address of the person's side: the last one that is not a proxy of ours."""
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")
    chain = [request.remote_addr or "", *(hop.strip() for hop in reversed(forwarded))]
    return nearest_stranger(chain, policy().trusted_proxies)


def nearest_stranger(chain: Iterable[str], trusted: Iterable[Network]) -> str:
    """The first address of ``chain`` (nearest first) outside ``trusted``.

    What stands behind it was written by somebody we do not know, so it is not read; a hop that
    is no address ends the walk at the one before it.
    """
    trusted = tuple(trusted)
    nearest = ""
    for hop in chain:
        try:
            address = ip_address(hop)
        except ValueError:
            return nearest
        nearest = str(address)
        if not any(address in network for network in trusted):
            return nearest
    return nearest


def safe_path(value: str | None, default: str = "/") -> str:
    """``value`` if it is a path on this site, else ``default`` (CWE-601).

    Two slashes, a backslash and control characters are what browsers read as another site.
    """
    if not value or not value.startswith("/") or value.startswith("//"):
        return default
    if "\\" in value or not value.isprintable() or " " in value:
        return default
    parts = urlsplit(value)
    return default if parts.scheme or parts.netloc else value


# --- headers ------------------------------------------------------------------------------------


def allow_program(address: str) -> None:
    """Let this page's script call a program on the person's computer: the signing tool."""
    g.setdefault("programs", set()).add(origin_of(address))


def allow_image(uri: str) -> None:
    """Let this page show a picture of ``uri``'s origin: the logo of the portal that sent us."""
    g.setdefault("images", set()).add(origin_of(uri))


def allow_frame(uri: str) -> None:
    """Let this page load ``uri``'s origin in a frame: a portal that hears of a logout there."""
    g.setdefault("frames", set()).add(origin_of(uri))


def allow_form_target(uri: str) -> None:
    """Let the forms of this response end at ``uri``'s origin: the portal that is waiting."""
    g.setdefault("form_targets", set()).add(origin_of(uri))


def init_app(app: Flask, rules: Policy) -> None:
    """Put the policy in force for every request of ``app``."""
    app.extensions[_EXTENSION] = rules
    app.config["MAX_CONTENT_LENGTH"] = app.config.get("MAX_CONTENT_LENGTH") or MAX_BODY
    # Or routing answers doubled slashes with a redirect to whatever the Host header says.
    app.url_map.merge_slashes = False
    app.jinja_env.globals.update(csrf_field=csrf_field)
    app.before_request(_refuse_forged_posts)
    app.after_request(_finish)


def _finish(response: Response) -> Response:
    _issue_browser_cookie(response)
    _add_headers(response)
    return response


def _issue_browser_cookie(response: Response) -> None:
    if "new_browser" in g:
        _set_cookie(response, "browser", g.new_browser)


def _add_headers(response: Response) -> None:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", _content_policy(response))
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Server", SERVER)
    if policy().is_secure:
        headers.setdefault("Strict-Transport-Security", f"max-age={_ONE_YEAR}; includeSubDomains")
    if request.endpoint == "static":
        _cache_static(response)
    elif "Cache-Control" not in headers:
        headers["Cache-Control"] = "no-store"


def _cache_static(response: Response) -> None:
    """A file asked for by its digest never changes, nor does a font; others are asked for again."""
    is_lasting = "v" in request.args or request.path.endswith(".woff2")
    if response.status_code < 400 and is_lasting:  # noqa: PLR2004  HTTP's own number
        response.headers["Cache-Control"] = f"public, max-age={_ONE_YEAR}, immutable"
    else:
        response.headers["Cache-Control"] = "no-cache"


def _content_policy(response: Response) -> str:
    if response.mimetype == "text/html":
        targets = " ".join(("'self'", *sorted(g.get("form_targets", ()))))
        programs = " ".join(("'self'", *sorted(g.get("programs", ()))))
        images = " ".join(("'self'", "data:", *sorted(g.get("images", ()))))
        found = _PRESENTATION.format(targets=targets, programs=programs, images=images)
        frames = " ".join(sorted(g.get("frames", ())))
        return f"{found}; frame-src {frames}" if frames else found
    return _SOUND if (response.mimetype or "").startswith("audio/") else _DATA
