"""What a sign-in in progress remembers, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from idp.authenticators.contract import AskSignature, AwaitPhone, Method
from idp.flows.answers import Answer
from idp.flows.otp import SentCode

OWN_PAGES = ""
"""The portal's name when somebody signs in to their own account pages."""


class Choice(msgspec.Struct, frozen=True):
    """A proven certificate of a person in an enterprise: and for whom they may act.

    ``owns`` is their own account, where this certificate opens it; ``actor`` who they are.
    """

    actor: str
    actor_name: str
    organisation: str
    organisation_name: str
    owns: str
    credential: dict[str, str]
    evidence: tuple[str, int, tuple[str, ...], int]


class LoginState(msgspec.Struct, frozen=True):
    """What a sign-in in progress remembers.

    ``request`` is the authorization transaction that waits, or empty for our own pages.
    ``wanted`` is the level that was asked for, ``floor`` the level below which no method does,
    ``resists`` the least that it has to withstand.
    ``binding`` is the account that a proven credential is added to, instead of looking up whose it
    is; ``reverifying`` the one whose facts it renews; ``back`` is the page of ours that the sign-in
    is for, ``is_signed_in`` whether its owner is signed in and only proves it once more,
    ``made_for`` the one request of a portal that its proof answers (CIBA). ``captcha`` is
    the answer of the picture on the page, empty when none is shown.
    """

    method: str
    request: str = ""
    portal: str = OWN_PAGES
    client_id: str = ""
    wanted: int = 0
    floor: int = 0
    resists: int = 0
    binding: str = ""
    reverifying: str = ""
    back: str = ""
    is_signed_in: bool = False
    made_for: str = ""
    ui_locales: str = ""
    display: str = ""
    redirect_uri: str = ""
    typed: dict[str, str] = {}
    captcha: str = ""
    number: str = ""
    account: str = ""
    code: SentCode | None = None
    screen: AskSignature | AwaitPhone | None = None
    method_state: dict[str, str] = {}
    is_human: bool = False
    told: tuple[str, dict[str, str]] | None = None
    choice: Choice | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The end: the session's cookie, and the request or the page that waited for it."""

    cookie: str
    request: str
    back: str = ""


def does(method: Method, floor: int, resists: int) -> bool:
    """Whether the method can prove what is essential."""
    return method.ial >= floor and method.resists >= resists


def is_awaited(result: Answer[LoginState] | SignedIn) -> bool:
    """Whether the phone has not answered yet."""
    return isinstance(result, Answer) and isinstance(result.journey.state.screen, AwaitPhone)
