"""The contract of a method: how one way to prove oneself plugs in.

A method is a value. Each part has ``start`` and ``resume``; a part answers what to show next,
what was proven, or why not. It never sees a request, a repository, a template or a session:
the flow that runs it keeps its state, sends its codes and decides what a proof is worth.

The four screens are data; each has one template, so a new method needs no HTML. They are kept
with the journey, so a page that is loaded again shows the same.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import msgspec

from idp.domain.accounts import Account, Attribute, Credential, Identity, Phone
from idp.domain.applications import Application, Record
from idp.domain.assurance import IAL, Attestation, Evidence, Resistance
from idp.domain.subjects import IdNumber, PhoneNumber, Sex, SubjectKind

# --- screens: what the person is asked ----------------------------------------------------------


class FieldKind(enum.StrEnum):
    """How a field is typed, announced and filled in by a browser."""

    ID_NUMBER = "id_number"
    ANY_NUMBER = "any_number"
    NAME = "name"
    BIRTH_DATE = "birth_date"
    PHONE = "phone"
    EMAIL = "email"
    PASSWORD = "password"  # noqa: S105  a kind of field, no secret
    TEXT = "text"
    LONG_TEXT = "long_text"
    ADDRESS = "address"
    CODE = "code"
    CHOICE = "choice"


class Field(msgspec.Struct, frozen=True):
    """One question. Texts are the keys ``field.<name>.label``, ``.hint`` and ``.placeholder``.

    ``choices`` are the values of a drop-down; each has the text ``field.<name>.<value>``, or is
    its own text.
    """

    name: str
    kind: FieldKind
    required: bool = True
    choices: tuple[str, ...] = ()


class AskFields(msgspec.Struct, frozen=True, tag=True):
    """A form. Texts are ``<key>.title``, ``.subtitle``, ``.intro`` and ``.submit``.

    ``shown`` are rows to read, from a source that vouches for them (R29): name of the row
    ``review.<name>`` and its value. ``is_guarded`` asks for a captcha; ``is_consent`` prints the
    line about terms above the button; ``scan`` is shown as a QR code.
    """

    key: str
    fields: tuple[Field, ...] = ()
    shown: tuple[tuple[str, str], ...] = ()
    is_guarded: bool = False
    is_consent: bool = False
    scan: str = ""


class AskCode(msgspec.Struct, frozen=True, tag=True):
    """A code by SMS to ``phone``; the flow sends, counts and compares it (R16, S2)."""

    phone: PhoneNumber
    alternatives: tuple[Phone, ...] = ()


class AwaitPhone(msgspec.Struct, frozen=True, tag=True):
    """Confirm on the phone; ``code`` is shown on both screens. Texts are ``<key>.*``."""

    key: str
    phone: PhoneNumber
    code: str
    expires_at: datetime


class AskSignature(msgspec.Struct, frozen=True, tag=True):
    """Something of the person's signs ``nonce`` together with our origin. Texts: ``<key>.*``.

    The signing tool does (Web eID), or the browser itself where ``options`` are those of WebAuthn
    (JSON, Web Authentication Level 3, 5.1.8 and 5.1.9).
    """

    key: str
    nonce: str
    options: str = ""


Screen = AskFields | AskCode | AwaitPhone | AskSignature

# --- replies: what the person answered ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filled:
    """The fields of a form, as typed."""

    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CodeConfirmed:
    """The code sent to ``phone`` was typed correctly, in time, for the first time."""

    phone: PhoneNumber


@dataclass(frozen=True, slots=True)
class Signed:
    """What the signing tool answered to ``AskSignature``, as it came."""

    token: str


@dataclass(frozen=True, slots=True)
class Poll:
    """The question whether the phone has answered."""


Reply = Filled | CodeConfirmed | Signed | Poll

# --- outcomes: what the method says -------------------------------------------------------------


class Refusal(enum.StrEnum):
    """Why methods say no; each may add reasons of its own to these."""

    WRONG_CREDENTIALS = "wrong_credentials"
    WRONG_OR_SPENT = "wrong_or_spent"
    UNDER_AGE = "under_age"


@dataclass(frozen=True, slots=True)
class Invalid:
    """Fields that cannot be read: name of the field to the code of its message."""

    errors: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Continue:
    """Show ``screen`` and come back with its reply.

    ``state`` is what the method wants to remember: text only, kept encrypted in the transaction.
    ``identity`` is set once the method knows who this is: the flow then looks for an account
    that exists already, and not earlier (security rule 6). ``rehashed`` is the password that was
    right, hashed as strongly as is asked for now; the flow keeps it.
    """

    screen: Screen
    state: Mapping[str, str] = field(default_factory=dict)
    identity: Identity | None = None
    rehashed: str = ""


@dataclass(frozen=True, slots=True)
class Verified:
    """The person is the owner of the account.

    ``once`` names a proof that serves a single time, such as a code of an authenticator app;
    ``rehashed`` is as in ``Continue``.
    """

    evidence: Evidence
    once: str = ""
    rehashed: str = ""


@dataclass(frozen=True, slots=True)
class Claimed:
    """The reply says which credential made it, unchecked: ``key``, of this method.

    The flow finds the account that has it and resumes with the same state and reply; where nobody
    has it, ``unknown`` is the reason that is told.
    """

    key: str
    unknown: str = "not_registered"


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A new way in for the account that is signed in; ``credential`` opens it from now on.

    ``once`` names the proof that served for it and for nothing else.
    """

    credential: Credential
    evidence: Evidence
    once: str = ""


@dataclass(frozen=True, slots=True)
class Presented:
    """A credential was proven; the flow finds whose it is.

    ``employer`` is the enterprise that it names beside its holder: the flow asks whether they may
    act for it. ``opens_owner`` is off where it must not open the holder's own account.
    ``identity`` is what it says of its holder, for an owner who renews their facts with it.
    """

    credential: Credential
    evidence: Evidence
    employer: IdNumber | None = None
    opens_owner: bool = True
    identity: Identity | None = None


@dataclass(frozen=True, slots=True)
class Proofed:
    """The identity is proven and an account may be opened; ``credential`` opens it later.

    ``once`` names a proof that serves for a single account: it is spent when the account opens.
    """

    identity: Identity
    evidence: Evidence
    credential: Credential | None = None
    once: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """No, and why; what was typed stays. The person's text is the key ``refusal.<reason>``.

    ``revoked`` is ``<method> <key>`` of a credential that is worth nothing any more: if an account
    has it, its proof ends. ``is_code_wrong`` says that everything but a code was right: the flow
    counts that with the wrong codes and tells the same as for everything else.
    """

    reason: str
    values: Mapping[str, str] = field(default_factory=dict)
    revoked: str = ""
    is_code_wrong: bool = False


LoginOutcome = Continue | Verified | Claimed | Presented | Invalid | Refused
EnrolmentOutcome = Continue | Enrolled | Invalid | Refused
RegistrationOutcome = Continue | Proofed | Invalid | Refused

# --- the parts of a method ----------------------------------------------------------------------


class Login(Protocol):
    """Signing in with the method."""

    def start(self) -> AskFields:
        """The first screen."""

    def identify(self, reply: Filled) -> IdNumber | Invalid | None:
        """Which account the person claims to own; None when a credential will tell."""

    def disturbs(self, reply: Filled) -> PhoneNumber | None:
        """Whose phone will ring for this form; the flow counts that before it happens."""

    def resume(
        self, account: Account | None, state: Mapping[str, str], reply: Reply, *, now: datetime
    ) -> LoginOutcome:
        """The next step. ``account`` is None when nobody has that number: behave the same.

        May raise ``PortError``.
        """


class NoAnswer(enum.Enum):
    """Why a question to somebody's device brought no proof."""

    DECLINED = "declined"
    SILENT = "silent"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Question:
    """A question that can be sent to a device of the account's owner: what it will show.

    ``room`` is how many plain characters of text fit beside the code.
    """

    code: str
    phone: PhoneNumber
    room: int
    state: Mapping[str, str]


RemoteOutcome = Continue | Presented | NoAnswer


class Remote(Protocol):
    """Asking the owner of a credential without a browser of theirs (CIBA)."""

    def prepare(
        self, details: Mapping[str, str], purpose: str, *, until: datetime, now: datetime
    ) -> Question | None:
        """The question for a credential with these details; nobody outside is asked yet."""

    def send(self, state: Mapping[str, str], text: str) -> Mapping[str, str] | NoAnswer:
        """Send it, with a line of plain text before its code. May raise ``PortError``."""

    def resume(self, state: Mapping[str, str], *, now: datetime) -> RemoteOutcome:
        """Has the device answered? May raise ``PortError``."""


class Registration(Protocol):
    """Opening an account with the method."""

    @property
    def subjects(self) -> frozenset[SubjectKind]:
        """Who may register this way (R10)."""

    @property
    def sets_password(self) -> bool:
        """Whether a password is chosen at the end (R19)."""

    def start(self, subject: SubjectKind) -> Continue:
        """The first screen, for that kind of subject."""

    def validate(self, state: Mapping[str, str], reply: Filled, *, now: datetime) -> Invalid | None:
        """Every fault of a form at once, before anything is counted or asked outside."""

    def disturbs(self, reply: Filled) -> PhoneNumber | None:
        """Whose phone will ring for this form; the flow counts that before it happens."""

    def resume(
        self, state: Mapping[str, str], reply: Reply, *, now: datetime
    ) -> RegistrationOutcome:
        """The next step. May raise ``PortError``: nothing is lost, the person tries again."""


class Enrolment(Protocol):
    """Adding the method to an account whose owner is signed in."""

    def start(self, account: Account, *, name: str, now: datetime) -> Continue:
        """The first screen. ``name`` is what the owner is called."""

    def resume(
        self, account: Account, state: Mapping[str, str], reply: Reply, *, now: datetime
    ) -> EnrolmentOutcome:
        """The next step."""


@dataclass(frozen=True, slots=True)
class Vouched:
    """What a registry says of the person who asked; ``reference`` is its own record."""

    record: Record
    sex: Sex | None
    source: str
    reference: str


class Registry(Protocol):
    """Asking whoever vouches for people once more, when a fact of theirs has changed (S11)."""

    @property
    def mismatch(self) -> str:
        """The key of the text for who is not the one on record."""

    def knows(self, account: Account, facts: Mapping[Attribute, str]) -> bool:
        """Whether the account has what this registry knows people by."""

    def find(self, application: Application, facts: Mapping[Attribute, str]) -> Vouched | None:
        """Its record for the account with these facts. May raise ``PortError``."""


@dataclass(frozen=True, slots=True)
class Method:
    """One way to prove oneself. ``name`` is its settings block and the prefix of its texts.

    ``registry`` renews facts of who has the account already; ``attestation`` is how portals are
    told of its proofs of identity, where it makes any. ``is_issued`` says that a clerk issues its
    accounts at a counter (S1). ``credential_type`` is what its credentials are to portals (CAEP,
    3.3.1). ``resists`` is what its proofs withstand. ``has_keys`` says that its login needs what
    it kept with the account's credentials; ``remote`` asks their owner without a browser.
    ``texts`` are those of an installed package: language (vi, en) to key to text. Ours stand in
    the translation files.
    """

    name: str
    ial: IAL
    login: Login | None = None
    registration: Registration | None = None
    enrolment: Enrolment | None = None
    has_keys: bool = False
    resists: Resistance = Resistance.NONE
    remote: Remote | None = None
    registry: Registry | None = None
    attestation: Attestation | None = None
    is_issued: bool = False
    credential_type: str = "app"
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def needs_password(self) -> bool:
        """Whether its sign-in asks for the account's password: without one it opens nothing."""
        asked = self.login.start().fields if self.login else ()
        return any(each.kind is FieldKind.PASSWORD for each in asked)
