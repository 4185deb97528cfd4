"""The ``claims`` parameter (OpenID Connect Core, 5.5), read once into what later answers need.

Members that we do not know are passed over (5.5); a member of the wrong type is an error, since
the portal would get less or more than it believes to have asked for. What is kept is small: names,
the values that were asked for, and requests for verified claims.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from idp.oidc.claims import CLAIMS, IN_VIETNAMESE
from idp.oidc.verified_claims import requests
from idp.oidc.verified_claims.requests import Unreadable

_LONGEST, _DEEPEST, _MOST_VALUES, _MOST_NAMES = 8192, 12, 50, 100
_LARGEST: Final = 2**53
"""The largest whole number that everybody reads alike (RFC 8259, 6), and that can be kept."""
_ABOUT_SIGN_IN: Final = frozenset({"acr", "auth_time", "amr", "sid", "nonce"})


class Asked(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one place, userinfo or ID token, was asked for beside plain names.

    ``values``: a claim with another value is left out (5.5.1). ``tagged``: names with a language
    (5.2). ``verified``: requests of OpenID Connect for Identity Assurance.
    """

    values: dict[str, list[Any]] = {}
    tagged: tuple[str, ...] = ()
    verified: tuple[dict[str, Any], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing beside plain names."""
        return not (self.values or self.tagged or self.verified)

    @property
    def names(self) -> tuple[str, ...]:
        """The claims that this is about, for the consent page."""
        tagged = (name.partition("#")[0] for name in self.tagged)
        inside = (name for each in self.verified for name in each["claims"])
        return (*tagged, *inside, *(("verified_claims",) if self.verified else ()))

    def allows(self, name: str, value: object) -> bool:
        """Whether the claim has one of the values that were asked for."""
        return name not in self.values or value in self.values[name]


class Wishes(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the ``claims`` parameter asks for beside plain names."""

    userinfo: Asked = Asked()
    id_token: Asked = Asked()

    @property
    def names(self) -> tuple[str, ...]:
        """The claims that both places are about, for the consent page."""
        return (*self.userinfo.names, *self.id_token.names)

    @property
    def subjects(self) -> tuple[object, ...] | None:
        """Which ``sub`` the answer may be about (5.5.1); None: whoever signs in."""
        for place in (self.id_token, self.userinfo):
            if "sub" in place.values:
                return tuple(place.values["sub"])
        return None


NO_WISHES: Final = Wishes()


@dataclass(frozen=True, slots=True)
class ClaimsParameter:
    """The parameter as it was read. ``acr`` is the member of that name in ``id_token``."""

    userinfo: tuple[str, ...] = ()
    id_token: tuple[str, ...] = ()
    acr: dict[str, Any] | None = None
    wishes: Wishes = NO_WISHES


def read(text: str, *, more: Collection[str] = ()) -> ClaimsParameter:
    """Read the parameter; ``more`` are claims beside ours that this client may ask for.

    Raises ``Unreadable`` with what is wrong, in words that repeat nothing of what was sent.
    """
    if not text:
        return ClaimsParameter()
    if len(text) > _LONGEST:
        raise Unreadable("claims is too long")
    try:
        found = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError, ValueError):
        raise Unreadable("claims is no JSON object") from None
    for value, depth in _everything(found):
        if depth > _DEEPEST:
            raise Unreadable("claims is too deep")
        if isinstance(value, int) and not -_LARGEST <= value <= _LARGEST:
            raise Unreadable("claims has a number that is too large")
    known = {*CLAIMS, *_ABOUT_SIGN_IN, *more}
    userinfo, in_userinfo = _place(found.get("userinfo"), known)
    id_token, in_id_token = _place(found.get("id_token"), known)
    return ClaimsParameter(
        tuple(name for name in userinfo if name not in _ABOUT_SIGN_IN),
        tuple(name for name in id_token if name not in _ABOUT_SIGN_IN),
        id_token.get("acr"),
        Wishes(in_userinfo, in_id_token),
    )


def _place(found: object, known: Collection[str]) -> tuple[dict[str, dict[str, Any] | None], Asked]:
    """The known claims of a place with their members, and what goes beside names."""
    if found is None:
        return {}, Asked()
    if not isinstance(found, dict) or len(found) > _MOST_NAMES:
        raise Unreadable("claims has the wrong shape")
    plain = {name: _member(member) for name, member in found.items() if name in known}
    tagged = {name: _member(member) for name, member in found.items() if _is_vietnamese(name)}
    values = {name: _values(member) for name, member in {**plain, **tagged}.items() if member}
    asked = Asked(
        {
            name: allowed
            for name, allowed in values.items()
            if allowed is not None and name != "acr"
        },
        tuple(tagged),
        requests.read(found["verified_claims"]) if "verified_claims" in found else (),
    )
    return plain, asked


def _member(member: object) -> dict[str, Any] | None:
    """Null, or an object with ``essential``, ``value``, ``values`` (5.5.1)."""
    if member is None:
        return None
    if not isinstance(member, dict) or not isinstance(member.get("essential", False), bool):
        raise Unreadable("a member of claims has the wrong shape")
    values = member.get("values")
    if "values" in member and (not isinstance(values, list) or len(values) > _MOST_VALUES):
        raise Unreadable("values of a claim is no short list")
    return member


def _values(member: dict[str, Any]) -> list[Any] | None:
    """The values that do; None: any."""
    if "value" in member:
        return [member["value"]]
    return member.get("values")


def _is_vietnamese(name: str) -> bool:
    """A claim with a language tag that we have: ours are in Vietnamese (5.2, BCP 47)."""
    base, mark, tag = name.partition("#")
    return bool(mark) and base in IN_VIETNAMESE and tag.lower().split("-")[0] == "vi"


def _everything(value: object) -> Iterator[tuple[object, int]]:
    """Every value and how deep it lies, without recursion: the sender decides how deep."""
    waiting = [(value, 1)]
    while waiting:
        found, depth = waiting.pop()
        yield found, depth
        waiting.extend((each, depth + 1) for each in _inside(found))


def _inside(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value
