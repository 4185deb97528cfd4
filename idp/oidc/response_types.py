"""Response types and how their answers travel (OAuth 2.0 Multiple Response Types; Core, 3).

The code flow is for everybody. The implicit flow (Core, 3.2) hands tokens to a browser, which RFC
9700, 2.1.2 advises against; Core 15.2 demands it of providers at which everybody registers. So it
is off until an operator sets ``[oidc] implicit_flow``, and then for clients that registered for it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from idp.config import Oidc
from idp.domain.clients import Client, GrantType, ResponseType
from idp.oidc.claims import SCOPES
from idp.oidc.responses import ResponseMode

Offered = tuple[ResponseType, ...]
CODE_ONLY: Final[Offered] = (ResponseType.CODE,)

_OF_CODES: Final = (
    ResponseMode.QUERY,
    ResponseMode.FORM_POST,
    ResponseMode.JWT,
    ResponseMode.QUERY_JWT,
    ResponseMode.FORM_POST_JWT,
)
_OF_TOKENS: Final = (
    ResponseMode.FRAGMENT,
    ResponseMode.FORM_POST,
    ResponseMode.JWT,
    ResponseMode.FRAGMENT_JWT,
    ResponseMode.FORM_POST_JWT,
)
"""A token never stands in a query: servers and logs would read it (Multiple Response Types, 3)."""


def offered(settings: Oidc) -> Offered:
    """The response types of an installation."""
    return tuple(ResponseType) if settings.implicit_flow else CODE_ONLY


def normal(text: str) -> str:
    """A response type with its words in our order: theirs does not matter (RFC 6749, 3.1.1)."""
    return " ".join(sorted(text.split(" ")))


def read(text: str, among: Offered) -> ResponseType | None:
    """The response type that is meant, if it is one of these."""
    name = normal(text) if " " in text else text
    return next((each for each in among if each == name), None)


def is_registered(kind: ResponseType, client: Client) -> bool:
    """Whether the client may ask for it. Codes go by the grant alone, as they ever did."""
    if kind.is_implicit:
        return GrantType.IMPLICIT in client.grant_types and kind in client.response_types
    return GrantType.AUTHORIZATION_CODE in client.grant_types


def in_id_token(kind: ResponseType, scope: tuple[str, ...]) -> tuple[str, ...]:
    """The claims of a scope that go into the ID token: where no access token comes (Core, 5.4)."""
    if kind is not ResponseType.ID_TOKEN:
        return ()
    return tuple(name for each in scope for name in SCOPES[each] if name != "sub")


def default_mode(kind: ResponseType) -> ResponseMode:
    """How an answer travels where the request does not say (Multiple Response Types, 2.1, 3)."""
    return ResponseMode.FRAGMENT if kind.is_implicit else ResponseMode.QUERY


def modes(among: Collection[ResponseType]) -> tuple[ResponseMode, ...]:
    """Every mode that some of these travel by, in the order of their names' list."""
    found = {mode for kind in among for mode in _modes_of(kind)}
    return tuple(mode for mode in ResponseMode if mode in found)


def read_mode(text: str, kind: ResponseType) -> ResponseMode | None:
    """The mode that is asked for, if answers of that type travel by it.

    ``jwt`` is the default of the type as a JWT (JARM, 2.3.4).
    """
    found = next((mode for mode in _modes_of(kind) if mode == text), None)
    is_default = found is ResponseMode.JWT and kind.is_implicit
    return ResponseMode.FRAGMENT_JWT if is_default else found


def _modes_of(kind: ResponseType) -> tuple[ResponseMode, ...]:
    return _OF_TOKENS if kind.is_implicit else _OF_CODES
