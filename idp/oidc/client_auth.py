"""Client authentication: one method at a time, the registered one (RFC 6749, 2.3).

* ``client_secret_basic``, ``client_secret_post``: SHA-256 of a random secret, in constant time.
* ``private_key_jwt`` (RFC 7523; OpenID Connect Core, 9): the client's key, us as audience, once.
* ``tls_client_auth``, ``self_signed_tls_client_auth`` (RFC 8705, 2): the certificate that a trusted
  TLS front reports.

Every refusal is the same ``invalid_client``, so that nobody learns which clients there are.
"""

from __future__ import annotations

import ipaddress
from base64 import b64decode
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import unquote_plus

from cryptography import x509

from idp.domain.clients import AuthMethod, Client, Profile, SigningAlg
from idp.oidc import assertions
from idp.oidc.calls import Call
from idp.oidc.client_keys import ClientKeys, type_of
from idp.oidc.errors import InvalidClientError, InvalidRequestError
from idp.oidc.guesses import Guesses
from idp.oidc.proof import BAD_CERTIFICATE, is_key_of
from idp.storage.single_use import SingleUse

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SAFE_ALGS: Final = frozenset({SigningAlg.ES256, SigningAlg.PS256, SigningAlg.EDDSA})
_LONGEST_ID, _LONGEST_LIFE = 2000, 3600


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Tells which client calls. ``bases`` are the addresses under which we are called."""

    issuer: str
    bases: tuple[str, ...]
    find_client: Callable[[str], Client | None]
    keys: ClientKeys
    single_use: SingleUse
    admit: Callable[[Call, str, str], None] | None = None
    """Lets portals of a federation in: call, whose assertion, the assertion."""
    guesses: Guesses = field(default_factory=Guesses)

    def authenticate(self, call: Call, form: Mapping[str, str], *, now: datetime) -> Client:
        """The client that calls. Raises ``InvalidClientError``, ``InvalidRequestError``."""
        basic = _read_basic(call.authorization) if call.authorization else None
        used = _used(basic, form)
        if AuthMethod.PRIVATE_KEY_JWT in used:
            subject = self._subject_of(form)
            if self.admit and subject:
                self.admit(call, subject, form["client_assertion"])
            client = self._find(subject)
        else:
            client = self._find(basic[0] if basic else form.get("client_id", ""))
        if client is None:
            raise _refused(basic)
        if not self._is_proven(client, call, form, basic, used, now=now):
            is_guess = client.token_endpoint_auth_method.has_secret and bool(
                {AuthMethod.BASIC, AuthMethod.POST} & set(used)
            )
            if is_guess and self.guesses.is_over(client.client_id, call.address, now=now):
                raise InvalidClientError("too many wrong secrets", status_code=429)
            raise _refused(basic)
        return client

    def _find(self, client_id: str) -> Client | None:
        return self.find_client(client_id) if 0 < len(client_id) <= _LONGEST_ID else None

    def _is_proven(  # noqa: PLR0913  keywords
        self,
        client: Client,
        call: Call,
        form: Mapping[str, str],
        basic: tuple[str, str] | None,
        used: Collection[AuthMethod],
        *,
        now: datetime,
    ) -> bool:
        match client.token_endpoint_auth_method:
            case AuthMethod.NONE:
                return not used
            case AuthMethod.BASIC:
                return basic is not None and client.has_secret(basic[1])
            case AuthMethod.POST:
                return AuthMethod.POST in used and client.has_secret(form["client_secret"])
            case AuthMethod.PRIVATE_KEY_JWT:
                return AuthMethod.PRIVATE_KEY_JWT in used and self._is_assertion_good(
                    client, call, form, now=now
                )
            case AuthMethod.TLS:
                return not used and _is_certificate_of(client, call)
            case AuthMethod.SELF_SIGNED_TLS:
                return (
                    not used
                    and call.certificate is not None
                    and is_key_of(call.certificate, self.keys.all(client))
                )

    # --- private_key_jwt ------------------------------------------------------------------------

    def _subject_of(self, form: Mapping[str, str]) -> str:
        """Whose assertion it says it is; believed only once the signature holds."""
        named = form.get("client_id", "")
        claimed = assertions.unchecked_claims(form["client_assertion"]).get("sub")
        if named and named != claimed:
            return ""
        return claimed if isinstance(claimed, str) else ""

    def _is_assertion_good(
        self, client: Client, call: Call, form: Mapping[str, str], *, now: datetime
    ) -> bool:
        signed = self.keys.verify(client, form["client_assertion"], algorithms_of(client))
        if signed is None or type_of(signed.header) not in _ASSERTION_TYPES:
            return False
        claims, seconds = signed.claims, int(now.timestamp())
        if claims.get("iss") != client.client_id or claims.get("sub") != client.client_id:
            return False
        times = assertions.read_times(claims, now=seconds, longest=_LONGEST_LIFE)
        key = assertions.once(claims, client.client_id)
        if times is None or key is None or not self._is_for_us(client, call, claims):
            return False
        # Last, since a use that was refused for another reason must not use it up.
        until = assertions.kept_until(times.expires)
        return self.single_use.spend("client_assertion", key, expires_at=until)

    def _is_for_us(self, client: Client, call: Call, claims: Mapping[str, object]) -> bool:
        """Our issuer; for FAPI 2.0 nothing else, and as a text (5.3.2.1)."""
        if client.profile is Profile.FAPI2:
            return claims.get("aud") == self.issuer
        if client.is_automatic and call.path == "/par":
            return claims.get("aud") in (self.issuer, [self.issuer])  # Federation, 12.1.1.2
        paths = ("/token", call.path)
        ours = [f"{base}{path}" for base in self.bases for path in paths]
        return assertions.is_for(claims, [self.issuer, *ours])


def algorithms_of(client: Client) -> Collection[SigningAlg]:
    """The algorithms that a client's assertions may be signed with."""
    if client.token_endpoint_auth_signing_alg is not None:
        return {client.token_endpoint_auth_signing_alg}
    return SAFE_ALGS if client.profile is Profile.FAPI2 else frozenset(SigningAlg)


_ASSERTION_TYPES = frozenset({"jwt", "client-authentication+jwt"})


# --- what was sent --------------------------------------------------------------------------------


def _used(basic: tuple[str, str] | None, form: Mapping[str, str]) -> Collection[AuthMethod]:
    """The methods in a request. Raises ``InvalidRequestError`` for more than one (2.3)."""
    used = set()
    if basic is not None:
        used.add(AuthMethod.BASIC)
        if form.get("client_id", basic[0]) != basic[0]:
            raise InvalidRequestError("client_id is not the one of the header")
    if "client_secret" in form:
        used.add(AuthMethod.POST)
    if "client_assertion" in form or "client_assertion_type" in form:
        used.add(AuthMethod.PRIVATE_KEY_JWT)
        if form.get("client_assertion_type") != ASSERTION_TYPE or "client_assertion" not in form:
            raise InvalidRequestError("client_assertion_type is not supported")
    if len(used) > 1:
        raise InvalidRequestError("more than one way of client authentication")
    return used


def _read_basic(header: str) -> tuple[str, str]:
    """Both halves are form-encoded inside the base64 (RFC 6749, 2.3.1)."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        raise _refused(("", ""))
    try:
        client_id, colon, secret = b64decode(value.strip(), validate=True).decode().partition(":")
        decoded = unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except ValueError:
        raise _refused(("", "")) from None
    if not colon:
        raise _refused(("", ""))
    return decoded


def _refused(basic: tuple[str, str] | None) -> InvalidClientError:
    """401 always; ``WWW-Authenticate`` goes with it when the header was used (RFC 6749, 5.2)."""
    error = InvalidClientError("client authentication failed", status_code=401)
    error.used_header = basic is not None
    return error


# --- tls_client_auth ------------------------------------------------------------------------------


def _is_certificate_of(client: Client, call: Call) -> bool:
    """The one registered name stands in the certificate, whose path the front proved (2.1)."""
    if call.certificate is None or not call.is_certificate_verified:
        return False
    try:
        certificate = x509.load_der_x509_certificate(call.certificate)
        if client.tls_client_auth_subject_dn:
            wanted = x509.Name.from_rfc4514_string(client.tls_client_auth_subject_dn)
            return certificate.subject == wanted
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        if client.tls_client_auth_san_ip:
            wanted_ip = ipaddress.ip_address(client.tls_client_auth_san_ip)
            return wanted_ip in names.get_values_for_type(x509.IPAddress)
    except (ValueError, *BAD_CERTIFICATE):
        return False
    return any(
        wanted in names.get_values_for_type(kind)
        for kind, wanted in (
            (x509.DNSName, client.tls_client_auth_san_dns),
            (x509.UniformResourceIdentifier, client.tls_client_auth_san_uri),
            (x509.RFC822Name, client.tls_client_auth_san_email),
        )
        if wanted
    )
