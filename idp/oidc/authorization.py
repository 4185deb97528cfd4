"""Authorization requests (RFC 6749, 4.1.1; OpenID Connect Core, 3.1.2 and 3.2.2).

Checks run in the order in which they stand in ``read``. Until redirect_uri is known to belong to
the client, an error is shown here and never redirected. What was checked is one frozen object,
however it came.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

import msgspec

from idp.domain.assurance import (
    IAL,
    Achieved,
    Resistance,
    met,
    wanted_level,
    wanted_resistance,
)
from idp.domain.clients import Client, ResponseType
from idp.oidc import claims_request, dvcqg, response_types
from idp.oidc.claims import SCOPES, consent_items
from idp.oidc.claims_request import ClaimsParameter, Wishes
from idp.oidc.client_addresses import is_loopback_of
from idp.oidc.errors import NotRedirectable, Untrusted
from idp.oidc.response_types import CODE_ONLY, Offered
from idp.oidc.responses import ResponseMode, Target
from idp.oidc.verified_claims.requests import Unreadable

Params = Sequence[tuple[str, str]]
_LONGEST_VALUE, _LONGEST_TEXT, _LONG = 4096, 8192, frozenset({"claims", "id_token_hint"})
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_PROMPTS: Final = frozenset({"none", "login", "consent", "select_account", "create"})
_UNSUPPORTED: Final = {"registration": "registration_not_supported"}
_MAY_REPEAT: Final = "resource"


class Display(enum.StrEnum):
    """How the pages of a sign-in look; another value is no error and gives a page (Core, 15.1)."""

    PAGE = "page"
    POPUP = "popup"
    TOUCH = "touch"
    WAP = "wap"


_DISPLAYS: Final = frozenset(Display)


class AuthorizationRequest(msgspec.Struct, frozen=True):
    """A request whose every part was checked."""

    client_id: str
    redirect_uri: str
    response_mode: ResponseMode
    state: str | None
    nonce: str | None
    scope: tuple[str, ...]
    prompt: tuple[str, ...]
    max_age: int | None
    login_hint: str
    id_token_hint: str
    ui_locales: str
    acr_values: tuple[str, ...]
    is_acr_essential: bool
    userinfo_claims: tuple[str, ...]
    id_token_claims: tuple[str, ...]
    code_challenge: str | None
    wishes: Wishes = Wishes()
    resource: tuple[str, ...] = ()
    dpop_jkt: str = ""
    pushed_id: str = ""
    of_stranger: bool = False
    display: Display = Display.PAGE
    response_type: ResponseType = ResponseType.CODE

    @property
    def target(self) -> Target:
        """Where the answer goes."""
        return Target(self.redirect_uri, self.response_mode, self.state)

    @property
    def wanted(self) -> IAL | None:
        """The least level asked for."""
        return wanted_level(self.acr_values)

    @property
    def resists(self) -> Resistance:
        """The least resistance to phishing asked for."""
        return wanted_resistance(self.acr_values)

    def acr(self, proven: Achieved) -> str:
        """What a token says: the value asked for that was met, else the level."""
        return met(proven, self.acr_values) or proven.acr

    @property
    def consent_items(self) -> frozenset[str]:
        """What the person is asked to share."""
        names = (*self.userinfo_claims, *self.id_token_claims, *self.wishes.names)
        return consent_items(self.scope, names)


class AuthorizationError(Exception):
    """An error for the client: it travels to redirect_uri (RFC 6749, 4.1.2.1)."""

    def __init__(self, error: str, description: str, target: Target) -> None:
        super().__init__(error)
        self.error, self.description, self.target = error, description, target


# --- reading ------------------------------------------------------------------------------------


def client_id_of(params: Params) -> str:
    """Who asks, unproven. Raises ``NotRedirectable``."""
    values = dict(params)
    given = values.get("client_id", "")
    if _is_repeated("client_id", params, values):
        raise NotRedirectable(Untrusted.REQUEST_INVALID, "client_id is repeated")
    if not 0 < len(given) <= _LONGEST_VALUE or "\0" in given:
        raise NotRedirectable(Untrusted.CLIENT_UNKNOWN, "client_id is missing")
    return given


def read(client: Client, params: Params, among: Offered = CODE_ONLY) -> AuthorizationRequest:
    """Check a request from top to bottom; ``among`` are the response types of the installation.

    Raises ``NotRedirectable``, ``AuthorizationError``.
    """
    values = _given(params)
    kind = _kind(values, among)
    redirect_uri = _redirect_uri(params, client)
    target = Target(redirect_uri, response_types.default_mode(kind), _state(values))
    if len(values) != len(params) and _repeats(params):
        raise AuthorizationError("invalid_request", "a parameter is repeated", target)
    target = _asked_target(values, kind, target)
    _check_supported(values, among, target)
    check_registered(kind, client, target)
    return _build(params, values, client, target, kind=kind)


def check_registered(kind: ResponseType, client: Client, target: Target) -> None:
    """Whether the client may ask for that. Raises ``AuthorizationError``."""
    if not response_types.is_registered(kind, client):
        detail = f"the client may not ask for {'tokens' if kind.is_implicit else 'codes'}"
        raise AuthorizationError("unauthorized_client", detail, target)


def target_of(client: Client, params: Params, among: Offered = CODE_ONLY) -> Target | None:
    """Where an error about the request itself may go: only where we would send an answer too."""
    values = _given(params)
    kind = _kind(values, among)
    try:
        redirect_uri = _redirect_uri(params, client)
        target = Target(redirect_uri, response_types.default_mode(kind), _state(values))
        return _asked_target(values, kind, target)
    except AuthorizationError:
        return target
    except NotRedirectable:
        return None


def _given(params: Params) -> dict[str, str]:
    """A parameter without a value is treated as omitted (RFC 6749, 3.1)."""
    return {name: value for name, value in params if value}


def _redirect_uri(params: Params, client: Client) -> str:
    """Compared as text, character by character (RFC 9700, 2.1).

    A native client's loopback address may come with any port (RFC 8252, 7.3).
    """
    values = dict(params)
    given = values.get("redirect_uri", "")
    if not _is_repeated("redirect_uri", params, values) and (
        given in client.redirect_uris or is_loopback_of(given, client)
    ):
        return given
    raise NotRedirectable(Untrusted.REDIRECT_URI_UNKNOWN, "redirect_uri is not registered")


def _is_repeated(name: str, params: Params, values: Mapping[str, str]) -> bool:
    """Whether one parameter came more than once."""
    return len(values) != len(params) and [each for each, _ in params].count(name) > 1


def _repeats(params: Params) -> bool:
    """Whether any came more than once that may not."""
    once = [name for name, _ in params if name != _MAY_REPEAT]
    return len(set(once)) != len(once)


def _state(values: Mapping[str, str]) -> str | None:
    state = values.get("state")
    return state if state is None or len(state) <= _LONGEST_VALUE else None


def _kind(values: Mapping[str, str], among: Offered) -> ResponseType:
    """What is asked for; what we do not know is refused as a request for a code would be."""
    return response_types.read(values.get("response_type", ""), among) or ResponseType.CODE


def _asked_target(values: Mapping[str, str], kind: ResponseType, target: Target) -> Target:
    """The same as the request wants it. Raises ``AuthorizationError``."""
    if "response_mode" not in values:
        return target
    mode = response_types.read_mode(values["response_mode"], kind)
    if mode is None:
        raise AuthorizationError("invalid_request", "response_mode is not supported", target)
    return Target(target.redirect_uri, mode, target.state)


def _check_supported(values: Mapping[str, str], among: Offered, target: Target) -> None:
    for name, error in _UNSUPPORTED.items():
        if name in values:
            raise AuthorizationError(error, f"{name} is not supported", target)
    if "response_type" not in values:
        raise AuthorizationError("invalid_request", "response_type is missing", target)
    if response_types.read(values["response_type"], among) is None:
        detail = f"only {', '.join(among)} is supported"
        raise AuthorizationError("unsupported_response_type", detail, target)
    if not _is_readable(values):
        raise AuthorizationError("invalid_request", "a parameter cannot be read", target)


def _is_readable(values: Mapping[str, str]) -> bool:
    """Whether every value is of a bearable length and without a NUL."""
    text = "".join(values.values())
    if len(text) > _LONGEST_VALUE and any(
        len(value) > (_LONGEST_TEXT if name in _LONG else _LONGEST_VALUE)
        for name, value in values.items()
    ):
        return False
    return "\0" not in text


def _build(
    params: Params,
    values: Mapping[str, str],
    client: Client,
    target: Target,
    *,
    kind: ResponseType,
) -> AuthorizationRequest:
    scope = _scope(values, client, target, kind)
    claims = _claims(values.get("claims", ""), client, target)
    if kind.is_implicit:
        _check_implicit(values, claims, kind, target)
    acr_values, is_essential = read_acr(values, claims, client)
    if is_essential and not is_known(acr_values):
        raise AuthorizationError(
            "unmet_authentication_requirements", "no such level is proven here", target
        )
    max_age = _max_age(values.get("max_age", ""), target)
    return AuthorizationRequest(
        client_id=client.client_id,
        redirect_uri=target.redirect_uri,
        response_mode=target.response_mode,
        state=target.state,
        nonce=values.get("nonce"),
        scope=scope,
        prompt=_prompt(values.get("prompt", ""), target),
        max_age=client.default_max_age if max_age is None else max_age,
        login_hint=values.get("login_hint", ""),
        id_token_hint=values.get("id_token_hint", ""),
        ui_locales=values.get("ui_locales", "")[:100],
        acr_values=acr_values,
        is_acr_essential=is_essential,
        userinfo_claims=(*claims.userinfo, *dvcqg.standard_claims(client)),
        id_token_claims=(*claims.id_token, *response_types.in_id_token(kind, scope)),
        code_challenge=None if kind.is_implicit else _code_challenge(values, client, target),
        wishes=claims.wishes,
        resource=_resource(params, client, target),
        dpop_jkt=_dpop_jkt(values.get("dpop_jkt", ""), target),
        of_stranger=client.is_stranger,
        display=_display(values.get("display", "")),
        response_type=kind,
    )


def _check_implicit(
    values: Mapping[str, str], claims: ClaimsParameter, kind: ResponseType, target: Target
) -> None:
    """What goes with codes only, or is needed without one. Raises ``AuthorizationError``."""
    if "nonce" not in values:  # Core, 3.2.2.1: what binds the answer to the request
        raise AuthorizationError("invalid_request", "nonce is required", target)
    if "dpop_jkt" in values:  # RFC 9449, 10: a token would not be bound, as the client believes
        raise AuthorizationError("invalid_request", "dpop_jkt binds codes only", target)
    asks_userinfo = bool(claims.userinfo) or not claims.wishes.userinfo.is_empty
    if kind is ResponseType.ID_TOKEN and asks_userinfo:  # Core, 5.5
        detail = "claims for userinfo need an access token"
        raise AuthorizationError("invalid_request", detail, target)


def _scope(
    values: Mapping[str, str], client: Client, target: Target, kind: ResponseType
) -> tuple[str, ...]:
    """Offline access is a refresh token's, which only a code brings (Core, 11)."""
    asked = values.get("scope", "").split()
    if "openid" not in asked:
        raise AuthorizationError("invalid_scope", "scope must contain openid", target)
    allowed = client.allowed_scope
    if kind.is_implicit:
        allowed -= {"offline_access"}
    return tuple(name for name in SCOPES if name in asked and name in allowed)


def _prompt(text: str, target: Target) -> tuple[str, ...]:
    if not text:
        return ()
    prompts = tuple(dict.fromkeys(text.split()))
    if not set(prompts) <= _PROMPTS:
        raise AuthorizationError("invalid_request", "prompt has an unknown value", target)
    if "none" in prompts and len(prompts) > 1:
        raise AuthorizationError("invalid_request", "prompt none stands alone", target)
    return prompts


def _display(text: str) -> Display:
    return Display(text) if text in _DISPLAYS else Display.PAGE


def _max_age(text: str, target: Target) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise AuthorizationError("invalid_request", "max_age is no number of seconds", target)
    return int(text)


def _code_challenge(values: Mapping[str, str], client: Client, target: Target) -> str | None:
    """S256 only (RFC 9700, 2.1.1); a method without a challenge is a mistake worth telling."""
    challenge, method = values.get("code_challenge"), values.get("code_challenge_method")
    if challenge is None:
        if client.require_pkce or client.is_public or method is not None:
            raise AuthorizationError("invalid_request", "code_challenge is required", target)
        return None
    if method != "S256" or not _CHALLENGE.fullmatch(challenge):
        raise AuthorizationError("invalid_request", "code_challenge_method must be S256", target)
    return challenge


def _resource(params: Params, client: Client, target: Target) -> tuple[str, ...]:
    """Whom the access token is for (RFC 8707, 2): absolute addresses that the client may name."""
    named = tuple(
        dict.fromkeys(
            each for name, value in params if name == _MAY_REPEAT for each in value.split()
        )
    )
    for each in named:
        if each not in client.resources or not urlsplit(each).scheme:
            raise AuthorizationError("invalid_target", "resource is not the client's", target)
    return named


def _dpop_jkt(text: str, target: Target) -> str:
    """The key that the code will be bound to (RFC 9449, 10): a SHA-256 thumbprint."""
    if text and not _CHALLENGE.fullmatch(text):
        raise AuthorizationError("invalid_request", "dpop_jkt is no thumbprint", target)
    return text


def _claims(text: str, client: Client, target: Target) -> ClaimsParameter:
    try:
        return claims_request.read(text, more=dvcqg.names_for(client))
    except Unreadable as error:
        raise AuthorizationError("invalid_request", str(error), target) from error


def read_acr(
    values: Mapping[str, str], claims: ClaimsParameter, client: Client
) -> tuple[tuple[str, ...], bool]:
    """Acr as a claim goes before acr_values: it can be essential (Core, 5.5.1.1)."""
    asked = claims.acr
    if asked is not None:
        several = asked.get("values")
        named = several if isinstance(several, list) else [asked.get("value")]
        texts = tuple(value for value in named if isinstance(value, str))
        if texts:
            return texts, asked.get("essential") is True
    return tuple(values.get("acr_values", "").split()) or client.default_acr_values, False


def is_known(acr_values: Sequence[str]) -> bool:
    """Whether one of the values is proven here at all."""
    return wanted_level(acr_values) is not None or bool(wanted_resistance(acr_values))
