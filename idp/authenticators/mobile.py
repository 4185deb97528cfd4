"""Open an account with a mobile subscription in one's own name (R11-R15). Proves level 2.

The carrier's record of the number must have the same id number, name and birth date before any
message is sent; which of them differs is never told (S18).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

from idp.authenticators.contract import (
    AskCode,
    AskFields,
    CodeConfirmed,
    Continue,
    Field,
    FieldKind,
    Filled,
    Invalid,
    Method,
    Proofed,
    Refusal,
    Refused,
    RegistrationOutcome,
    Reply,
)
from idp.domain import identities
from idp.domain.accounts import Identity
from idp.domain.assurance import IAL, Amr, Evidence
from idp.domain.errors import InvalidInput
from idp.domain.subjects import (
    BirthDate,
    EmailAddress,
    IdNumber,
    PersonName,
    PhoneNumber,
    SubjectKind,
)
from idp.ports import SubscriberRecord, SubscriberRegistry

NAME = "mobile"
MINIMUM_AGE = 14
"""Years; below it the law lets a guardian apply, not the child alone (NĐ 69/2024)."""

VIETNAM = timezone(timedelta(hours=7))
FORM = AskFields(
    "register.mobile",
    (
        Field("username", FieldKind.ID_NUMBER),
        Field("full_name", FieldKind.NAME),
        Field("birth_date", FieldKind.BIRTH_DATE),
        Field("phone", FieldKind.PHONE),
        Field("email", FieldKind.EMAIL, required=False),
    ),
)


@dataclass(frozen=True, slots=True)
class Application:
    """What the person typed, read."""

    id_number: IdNumber
    name: PersonName
    birth_date: BirthDate
    phone: PhoneNumber
    email: EmailAddress | None


@dataclass(frozen=True, slots=True)
class MobileRegistration:
    """Form, carrier match, code to the matched number."""

    registry: SubscriberRegistry
    subjects: frozenset[SubjectKind] = frozenset({SubjectKind.CITIZEN})
    sets_password: bool = True

    def start(self) -> AskFields:
        """Ask who the person is and which subscription is theirs."""
        return FORM

    def validate(self, reply: Filled, *, now: datetime) -> Invalid | None:
        """What cannot be read, and what contradicts itself."""
        found = read_application(reply.values, today=now.astimezone(VIETNAM).date())
        return found if isinstance(found, Invalid) else None

    def resume(
        self, state: Mapping[str, str], reply: Reply, *, now: datetime
    ) -> RegistrationOutcome:
        """Match at the carrier first; the code proves that the phone is at hand."""
        match reply:
            case Filled(values):
                return self._match(values, now=now)
            case CodeConfirmed():
                identity = identities.from_text(state)
                evidence = Evidence(NAME, IAL.MEDIUM, (Amr.SMS, Amr.OTP), now)
                return Proofed(identity, evidence)

    def _match(self, values: Mapping[str, str], *, now: datetime) -> RegistrationOutcome:
        application = read_application(values, today=now.astimezone(VIETNAM).date())
        if isinstance(application, Invalid):
            return application
        if application.birth_date.age_on(now.astimezone(VIETNAM).date()) < MINIMUM_AGE:
            return Refused(Refusal.UNDER_AGE)
        record = self.registry.find_subscriber(
            phone=application.phone,
            id_number=application.id_number,
            name=application.name,
            birth_date=application.birth_date,
            request_id=uuid4(),
        )
        if record is None or not agrees(application, record):
            return Refused(Refusal.CARRIER_MISMATCH)
        identity = _identity(application, record, now=now)
        return Continue(AskCode(application.phone), identities.to_text(identity), identity)


def read_application(values: Mapping[str, str], *, today: date) -> Application | Invalid:
    """Read every field and report every fault at once."""
    errors: dict[str, str] = {}

    def read(name: str, parse: Callable[[str], Any]) -> Any:  # noqa: ANN401  one type per parser
        try:
            return parse(values.get(name, ""))
        except InvalidInput as error:
            errors[name] = error.code
            return None

    id_number = read("username", IdNumber.parse)
    name = read("full_name", PersonName.parse)
    birth_date = read("birth_date", BirthDate.parse)
    phone = read("phone", PhoneNumber.parse)
    email = read("email", EmailAddress.parse) if values.get("email", "").strip() else None
    if birth_date and birth_date.age_on(today) < 0:
        errors["birth_date"] = "birth_date.future"
    elif id_number and birth_date and not id_number.agrees_with(birth_date):
        errors["username"] = "id_number.birth_date"
    return Invalid(errors) if errors else Application(id_number, name, birth_date, phone, email)


def agrees(application: Application, record: SubscriberRecord) -> bool:
    """Whether id number, name and birth date are the subscriber's (S18)."""
    return (
        application.id_number in record.id_numbers
        and application.name.matches(record.name, form=record.name_form)
        and record.birth_date is not None
        and application.birth_date.matches(record.birth_date)
    )


def _identity(application: Application, record: SubscriberRecord, *, now: datetime) -> Identity:
    others = tuple(number for number in record.id_numbers if number != application.id_number)
    return Identity(
        kind=SubjectKind.CITIZEN,
        id_numbers=(application.id_number, *others),
        name=application.name,
        birth_date=application.birth_date,
        sex=record.sex,
        phone=application.phone,
        email=application.email,
        source=f"carrier:{record.carrier}",
        reference=record.carrier,
        verified_at=now,
    )


def build(registry: SubscriberRegistry) -> Method:
    """The method, ready to use."""
    return Method(NAME, IAL.MEDIUM, registration=MobileRegistration(registry))
