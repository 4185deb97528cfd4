"""What pages are made of: texts, notices, links, fields, rows. Values only, no decisions."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from idp.domain.assurance import IAL
from idp.domain.clients import Voucher
from idp.domain.subjects import SubjectKind


@dataclass(frozen=True, slots=True)
class Message:
    """A text for a person: its key and what its placeholders stand for."""

    key: str
    values: Mapping[str, object] = field(default_factory=dict)


Faults = Mapping[str, Message]
"""What is wrong, by field name; the fault of a whole form has the name ``""``."""


class Tone(enum.StrEnum):
    """How a notice is coloured and which sign it carries; the words alone say it as well."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell at the top of a page."""

    message: Message
    tone: Tone = Tone.INFO


@dataclass(frozen=True, slots=True)
class Portal:
    """Who sent the person here, and the level that is asked for.

    ``is_asking`` where it wants a yes to something and nobody is let in anywhere (CIBA).
    ``logo``, ``policy`` and ``terms`` are addresses of theirs (OpenID Connect Registration, 2).
    """

    name: str
    level: IAL | None = None
    logo: str = ""
    policy: str = ""
    terms: str = ""
    is_asking: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A way off the page: key of the text, address."""

    key: str
    href: str


class TabState(enum.Enum):
    """Where a tab leads."""

    CURRENT = "current"
    OPEN = "open"
    CLOSED = "closed"
    TOO_LOW = "too_low"


@dataclass(frozen=True, slots=True)
class Tab:
    """One way to sign in.

    ``CLOSED`` is one that this installation does not offer; ``TOO_LOW`` one that cannot prove the
    level that is demanded.
    """

    key: str
    href: str
    state: TabState = TabState.OPEN


@dataclass(frozen=True, slots=True)
class Captcha:
    """Addresses of picture and sound; the picture with ``?new=`` is a new challenge."""

    picture: str
    sound: str
    test_answer: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """Which step of how many: 'Bước 2/4'."""

    number: int
    total: int


class Cancel(enum.Enum):
    """Whether the page has the button Hủy."""

    OFFERED = "offered"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Frame:
    """What every form has around it. ``action`` is where all forms of the page post to."""

    action: str
    portal: Portal | None = None
    notice: Notice | None = None
    step: Step | None = None
    links: tuple[Link, ...] = ()
    cancel: Cancel = Cancel.ABSENT


@dataclass(frozen=True, slots=True)
class Page:
    """A template and what it needs."""

    template: str
    context: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class FieldView:
    """One input as the browser gets it."""

    name: str
    label: tuple[str, ...]
    hint: tuple[str, ...]
    placeholder: tuple[str, ...]
    is_required: bool
    value: str
    attributes: Mapping[str, str]
    fault: Message | None
    choices: tuple[str, ...] = ()
    is_long: bool = False

    @property
    def is_secret(self) -> bool:
        """Whether it is masked and has a switch to show it."""
        return self.attributes.get("type") == "password"


@dataclass(frozen=True, slots=True)
class CodeTiming:
    """When the code dies and when the next one may be asked for."""

    now: datetime
    expires_at: datetime
    resend_at: datetime

    @property
    def expires_in(self) -> int:
        """Seconds left, not below zero."""
        return max(0, round((self.expires_at - self.now).total_seconds()))

    @property
    def resend_in(self) -> int:
        """Seconds left, not below zero."""
        return max(0, round((self.resend_at - self.now).total_seconds()))


class Closed(enum.StrEnum):
    """Why a tile cannot be chosen. The text is the key ``tile.<value>``."""

    OTHER_SUBJECT = "other_subject"
    NOT_OPEN = "not_open"


@dataclass(frozen=True, slots=True)
class Offer:
    """A way to register: whom it is for, and whether this installation offers it."""

    name: str
    ial: IAL
    subjects: frozenset[SubjectKind]
    is_open: bool

    def closed_for(self, subject: SubjectKind) -> Closed | None:
        """Why ``subject`` cannot choose it; None when it can."""
        if subject not in self.subjects:
            return Closed.OTHER_SUBJECT
        return None if self.is_open else Closed.NOT_OPEN


@dataclass(frozen=True, slots=True)
class ClientView:
    """A portal as the consent page shows it.

    ``home`` is there for a portal that we do not vouch for: a federation does (``voucher``), or
    nobody.
    """

    name: str
    policy: str = ""
    terms: str = ""
    home: str = ""
    voucher: Voucher | None = None


class RowStatus(enum.StrEnum):
    """The three states of S12. The text is the key ``status.<value>``."""

    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    DECLARED = "declared"


@dataclass(frozen=True, slots=True)
class IdentityRow:
    """One row of Thông tin định danh: ``identity.<name>``, with its source and date."""

    name: str
    value: str
    status: RowStatus
    source: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A signed-in browser; ``portals`` are those it was used at."""

    id: str
    browser: str
    system: str
    ip: str
    place: str
    started_at: datetime
    last_seen_at: datetime
    portals: tuple[str, ...]
    is_current: bool
