"""What we need from outside, as protocols. ``idp.adapters`` keeps them; tests have fakes."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from idp.domain.accounts import Identity
from idp.domain.agencies import Agency, AgencySubject
from idp.domain.certificates import Authority, Path
from idp.domain.passwords import PasswordCheck
from idp.domain.subjects import (
    AgencyCode,
    BirthDate,
    EmailAddress,
    IdNumber,
    InsuranceCode,
    NameForm,
    PersonName,
    PhoneNumber,
    Sex,
)


class Clock(Protocol):
    """The time, as an aware UTC datetime. Tests pass their own."""

    def __call__(self) -> datetime:
        """Now."""


@dataclass(frozen=True, slots=True)
class SubscriberRecord:
    """What a carrier has on file about the owner of a number."""

    id_numbers: tuple[IdNumber, ...]
    name: PersonName
    name_form: NameForm
    birth_date: BirthDate | None
    sex: Sex | None
    carrier: str


class SubscriberRegistry(Protocol):
    """The carriers' subscriber registry (adapter: ``carrier``)."""

    def find_subscriber(
        self,
        *,
        phone: PhoneNumber,
        id_number: IdNumber,
        name: PersonName,
        birth_date: BirthDate,
        request_id: UUID,
    ) -> SubscriberRecord | None:
        """The record of that number if it belongs to that id number, else None.

        Raises ``PortUnavailable`` or ``PortAnswerInvalid``.
        """


@dataclass(frozen=True, slots=True)
class InsuredRecord:
    """What the social-insurance database has on file about one code."""

    id_numbers: tuple[IdNumber, ...]
    name: PersonName
    name_form: NameForm
    birth_date: BirthDate | None
    sex: Sex | None


class SocialInsuranceRegistry(Protocol):
    """The database of Vietnam Social Security (adapter: ``bhxh``)."""

    def find_insured(self, *, code: InsuranceCode, request_id: UUID) -> InsuredRecord | None:
        """The record of that code, or None.

        Raises ``PortUnavailable`` or ``PortAnswerInvalid``.
        """


@dataclass(frozen=True, slots=True)
class PostalRecord:
    """What a clerk of a post office vouched for; ``key`` names this one record."""

    identity: Identity
    clerk: str
    post_office: str
    key: str


class Lapsed(enum.StrEnum):
    """Why a code that was issued counts no more; the person's text is ``refusal.activation_*``."""

    EXPIRED = "expired"
    REPLACED = "replaced"


class PostalCounter(Protocol):
    """Accounts issued at post offices (kept by ``storage.activations``)."""

    def find_activation(
        self, *, code: str, id_number: IdNumber, now: datetime
    ) -> PostalRecord | Lapsed | None:
        """The record of that activation code and that number, while it counts."""

    def is_replaced(self, key: str) -> bool:
        """Whether a newer activation of the same number was issued since it was found."""


class AgencyDirectory(Protocol):
    """The directory of agencies (kept by ``storage.agencies``)."""

    def find(self, code: AgencyCode) -> Agency | None:
        """The entry of a code."""

    def resolve(self, subject: AgencySubject) -> Agency | None:
        """The agency of a certificate that holds no code of its own; None unless it is certain."""

    def ask(self, subject: AgencySubject, *, now: datetime) -> None:
        """Remember one that is not certain, so that an operator can say which agency it is."""


class SmsGateway(Protocol):
    """Sends text messages (adapter: ``sms``)."""

    def send(self, *, to: PhoneNumber, text: str, idempotency_key: str) -> str:
        """Hand one message over; answers the gateway's message id.

        The same ``idempotency_key`` is never delivered twice.
        Raises ``PortUnavailable`` or ``PortAnswerInvalid``.
        """


class MailGateway(Protocol):
    """Sends letters (adapter: ``mail``)."""

    def send(self, *, to: EmailAddress, subject: str, text: str, idempotency_key: str) -> None:
        """Hand one letter over. Raises ``PortUnavailable`` or ``PortAnswerInvalid``."""


@dataclass(frozen=True, slots=True)
class Good:
    """Its CA stands by the certificate; nothing else is good."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """Its CA withdrew it at a moment.

    ``authority`` is the label of a CA of the path where that CA is what was withdrawn.
    """

    at: datetime
    authority: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Its CA does not know it."""


Revocation = Good | Revoked | Unknown
"""What a CA says about a certificate."""


class CertificateStatus(Protocol):
    """OCSP and CRL of the CAs (adapter: ``pki``)."""

    def check(self, path: Path, *, now: datetime) -> Revocation:
        """The state of a certificate whose path is proven.

        Raises ``PortUnavailable`` when nobody answers: the caller refuses (S16).
        """

    def check_number(
        self, authorities: tuple[Authority, ...], number: int, *, now: datetime
    ) -> Revocation:
        """The state of a certificate that was proven before, by its issuer and its number.

        Never from memory. Raises as ``check``.
        """


class SignatureFailure(enum.StrEnum):
    """Why a phone did not sign; the person's text is ``refusal.sim_<value>``."""

    USER_CANCELLED = "user_cancelled"
    EXPIRED = "expired"
    UNKNOWN_SUBSCRIBER = "unknown_subscriber"
    PIN_BLOCKED = "pin_blocked"
    SIM_BLOCKED = "sim_blocked"
    NO_KEY = "no_key"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    REVOKED = "revoked"
    BAD_SIGNATURE = "bad_signature"


@dataclass(frozen=True, slots=True)
class SignaturePending:
    """The phone has not answered."""


@dataclass(frozen=True, slots=True)
class SignatureFailed:
    """It will not sign."""

    reason: SignatureFailure


@dataclass(frozen=True, slots=True)
class SignatureDone:
    """It signed; nothing of this is believed before it is checked."""

    signature: bytes
    certificate: bytes


@dataclass(frozen=True, slots=True)
class CmsDone:
    """It signed, wrapped as CMS; ``certificate`` is what the platform has on file, if it tells."""

    cms: bytes
    certificate: bytes = b""


SignatureState = SignaturePending | SignatureFailed | SignatureDone | CmsDone


class MobileSigner(Protocol):
    """The carriers' signature platforms (adapter: ``mssp``)."""

    def start(  # noqa: PLR0913  keywords: what a prompt is
        self,
        *,
        phone: PhoneNumber,
        carrier: str,
        digest: bytes,
        text: str,
        seconds: int,
        request_id: UUID,
    ) -> str | SignatureFailed:
        """Ask the phone to sign a SHA-256 digest; answers the number of the transaction.

        ``text`` is shown on the phone: unaccented, at most 100 characters.
        Raises ``PortUnavailable`` or ``PortAnswerInvalid``.
        """

    def poll(self, transaction: str) -> SignatureState:
        """How it stands. Raises as ``start``."""


class Hasher(Protocol):
    """Verifies passwords; bounded in parallel work (``Busy`` when the queue is full)."""

    def hash(self, password: str) -> str:
        """A new hash."""

    def verify(self, hashed: str | None, password: str) -> PasswordCheck:
        """Compare; None takes the same time and is always wrong."""


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """What a web server somebody named to us answered."""

    status: int
    body: bytes
    content_type: str


class WebClient(Protocol):
    """Calls addresses that others gave us, never inside our own network (adapter: ``web``).

    No redirects, one deadline, a capped answer. Both raise ``PortUnavailable``.
    """

    def get(self, url: str, *, accept: str, most: int = 65536) -> WebAnswer:
        """Fetch a document of at most ``most`` bytes."""

    def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], most: int = 65536
    ) -> WebAnswer:
        """Send a body. ``headers`` name its content type."""
