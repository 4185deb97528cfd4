"""How an answer travels to redirect_uri: query, fragment, form post, or signed as a JWT (JARM).

The JWT says who answers (``iss``), to whom (``aud``), until when, and nothing that was not asked
for; it is signed, and encrypted too where the client registered that (JARM, 2.1 and 2.2).
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import quote

import msgspec

from idp.domain.clients import Client
from idp.oidc.encryption import Encryption
from idp.oidc.keys import KeyRing

_JARM_SECONDS: Final = 600
_PLAIN = re.compile(r"[A-Za-z0-9._~-]*")


class ResponseMode(enum.StrEnum):
    """``response_mode`` (OAuth 2.0 Multiple Response Types; Form Post; JARM, 2.3)."""

    QUERY = "query"
    FRAGMENT = "fragment"
    FORM_POST = "form_post"
    JWT = "jwt"
    QUERY_JWT = "query.jwt"
    FRAGMENT_JWT = "fragment.jwt"
    FORM_POST_JWT = "form_post.jwt"

    @property
    def is_signed(self) -> bool:
        """Whether the answer is one JWT."""
        return self is ResponseMode.JWT or self.endswith(".jwt")

    @property
    def is_posted(self) -> bool:
        """Whether the browser posts it."""
        return self in {ResponseMode.FORM_POST, ResponseMode.FORM_POST_JWT}

    @property
    def is_fragment(self) -> bool:
        """Whether only the browser reads it: fragments are sent to no server."""
        return self in {ResponseMode.FRAGMENT, ResponseMode.FRAGMENT_JWT}


class Target(msgspec.Struct, frozen=True):
    """Where an answer goes, and how."""

    redirect_uri: str
    response_mode: ResponseMode
    state: str | None

    def answer(self, issuer: str, **values: str) -> dict[str, str]:
        """The parameters of an answer, with ``state`` as it came and ``iss`` (RFC 9207)."""
        state = {} if self.state is None else {"state": self.state}
        return {**values, **state, "iss": issuer}

    def location(self, parameters: Mapping[str, str]) -> str:
        """redirect_uri with the answer; a registered query stays byte for byte."""
        query = "&".join([f"{name}={_quoted(value)}" for name, value in parameters.items()])
        if self.response_mode.is_fragment:
            return f"{self.redirect_uri}#{query}"
        return f"{self.redirect_uri}{'&' if '?' in self.redirect_uri else '?'}{query}"


def _quoted(value: str) -> str:
    """As in a query; codes and most values hold nothing that needs it, and that is soon seen."""
    return value if _PLAIN.fullmatch(value) else quote(value, safe="")


def sign(
    keys: KeyRing,
    encryption: Encryption,
    client: Client,
    parameters: Mapping[str, str],
    *,
    now: datetime,
) -> dict[str, str]:
    """The one parameter of a signed answer. ``parameters`` hold ``iss`` already.

    Raises ``OAuth2Error`` where the answer has to be encrypted and there is no key for it.
    """
    claims = {
        **parameters,
        "aud": client.client_id,
        "exp": int(now.timestamp()) + _JARM_SECONDS,
    }
    signed = keys.sign(client.authorization_signed_response_alg, "JWT", claims)
    return {"response": encryption.authorization(client, signed)}
