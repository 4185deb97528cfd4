"""What receivers send, read strictly: the bodies of SSF 1.0 section 8 and RFC 8936 section 2.2."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from idp.oidc.ssf.configuration import POLL

_NO_NUL = r"\A[^\0]*\Z"
"""No text of PostgreSQL holds a NUL, and nobody needs one."""

Text = Annotated[str, Meta(max_length=1024, pattern=_NO_NUL)]
Name = Annotated[str, Meta(max_length=64, pattern=_NO_NUL)]
Uris = Annotated[list[Annotated[str, Meta(max_length=200, pattern=_NO_NUL)]], Meta(max_length=100)]
T = TypeVar("T")


class SsfError(Exception):
    """An answer that is not success: the status of SSF's tables, an error code, and why."""

    def __init__(self, status: int, error: str, detail: str = "") -> None:
        super().__init__(error)
        self.status, self.error, self.detail = status, error, detail


class Delivery(msgspec.Struct, frozen=True):
    """How a stream is delivered (section 6.1)."""

    method: Name = POLL
    endpoint_url: Annotated[str, Meta(max_length=2000, pattern=_NO_NUL)] = ""
    authorization_header: Annotated[str, Meta(max_length=4000, pattern=_NO_NUL)] | None = None


class StreamRequest(msgspec.Struct, frozen=True):
    """A stream configuration as a receiver writes it (section 8.1.1).

    What the transmitter supplies may be there, but then it must be what we say it is.
    """

    stream_id: Name | UnsetType = UNSET
    delivery: Delivery | UnsetType | None = UNSET
    events_requested: Uris | UnsetType | None = UNSET
    description: Annotated[str, Meta(max_length=4000, pattern=_NO_NUL)] | UnsetType | None = UNSET
    iss: Any = UNSET
    aud: Any = UNSET
    events_supported: Any = UNSET
    events_delivered: Any = UNSET
    min_verification_interval: Any = UNSET
    inactivity_timeout: Any = UNSET


class StatusRequest(msgspec.Struct, frozen=True):
    """Section 8.1.2.2."""

    stream_id: Name
    status: Name
    reason: Text | None = None


class SubjectRequest(msgspec.Struct, frozen=True):
    """Sections 8.1.3.2 and 8.1.3.3."""

    stream_id: Name
    subject: dict[str, Any]
    verified: bool = True


class VerificationRequest(msgspec.Struct, frozen=True):
    """Section 8.1.4.2."""

    stream_id: Name
    state: Text | None = None


class SetError(msgspec.Struct, frozen=True):
    """What a receiver could not do with a token (RFC 8936, 2.2)."""

    err: Name = ""
    description: Text = ""


class PollRequest(msgspec.Struct, frozen=True, rename="camel"):
    """RFC 8936, 2.2: what was received, and how much more is wanted."""

    max_events: Annotated[int, Meta(ge=0)] | None = None
    return_immediately: bool = False
    ack: Annotated[list[Name], Meta(max_length=1000)] = []
    set_errs: Annotated[dict[Name, SetError], Meta(max_length=1000)] = {}


def read(body: bytes, kind: type[T]) -> T:
    """The request. Raises ``SsfError``; an empty body is an empty object."""
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise SsfError(400, "invalid_request", "the body is not what is asked for") from None
