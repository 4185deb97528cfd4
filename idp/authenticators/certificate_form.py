"""What methods with a certificate share: examine it, show what it says, make it a credential."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography import x509

from idp.authenticators.contract import (
    AskFields,
    Continue,
    Field,
    FieldKind,
    Filled,
    Invalid,
    Proofed,
    Refused,
)
from idp.domain import identities
from idp.domain.accounts import Attribute, Credential, Identity
from idp.domain.agencies import Agency, AgencySubject
from idp.domain.assurance import IAL, Amr, Evidence
from idp.domain.certificates import CertificateRefused, Path, TrustStore, day
from idp.domain.errors import InvalidInput
from idp.domain.holders import Holder, opens_person, read
from idp.domain.subjects import (
    AgencyCode,
    EmailAddress,
    IdKind,
    IdNumber,
    PersonName,
    SubjectKind,
)
from idp.ports import AgencyDirectory, CertificateStatus, Good, Revoked, Unknown

_NAMES = {
    SubjectKind.CITIZEN: "full_name",
    SubjectKind.ENTERPRISE: "enterprise_name",
    SubjectKind.AGENCY: "organisation_name",
}


@dataclass(frozen=True, slots=True)
class Certified:
    """A certificate that was found good, and who holds it.

    ``agency`` is what the directory knows of its holder.
    """

    path: Path
    holder: Holder
    agency: Agency | None = None

    @property
    def opens_person(self) -> bool:
        """Whether it may open its holder's own account."""
        return opens_person(self.holder, self.path.issuer)

    @property
    def employer(self) -> IdNumber | None:
        """The enterprise that it names beside a person."""
        tax = self.holder.employer
        return IdNumber(IdKind.TAX_CODE, tax.value) if tax else None

    def credential(self, method: str, **details: str) -> Credential:
        """What an account remembers of it."""
        leaf = self.path.leaf
        return Credential(
            method=method,
            key=self.path.key,
            issuer=self.path.issuer.fingerprint,
            numbers=self.holder.numbers,
            expires_at=leaf.not_valid_after_utc,
            details={
                "holder": self.holder.name,
                "numbers": " ".join(f"{one.kind}:{one.value}" for one in self.holder.numbers),
                "ca": self.path.issuer.label,
                "serial": f"{leaf.serial_number:x}",
                "spki_sha256": self.path.spki_sha256,
                "valid_from": day(leaf.not_valid_before_utc),
                "valid_to": day(leaf.not_valid_after_utc),
                **details,
            },
        )

    def identity(self, *, now: datetime) -> Identity:
        """Who the certificate says this is; it holds no birth date and no sex."""
        return Identity(
            kind=self.holder.kind,
            id_numbers=self.holder.numbers,
            name=PersonName(self.holder.name),
            birth_date=None,
            sex=None,
            phone=None,
            email=None,
            source=f"certificate:{self.path.issuer.label}",
            reference=self.path.key,
            verified_at=now,
            more=self._more(),
            more_source="directory" if self.agency else "",
        )

    def _more(self) -> dict[Attribute, str]:
        """The rows of R63: from the directory, else what the certificate says of them."""
        if self.holder.kind is not SubjectKind.AGENCY:
            return {}
        found = {Attribute.PARENT_AGENCY: self.holder.organisation}
        if self.agency is not None:
            found = {
                Attribute.FULL_NAME: self.agency.name,
                Attribute.PARENT_AGENCY: self.agency.parent,
                Attribute.ADDRESS: self.agency.address,
            }
        return {name: text for name, text in found.items() if text}

    def _shown(self) -> tuple[tuple[str, str], ...]:
        name = self.agency.name if self.agency else self.holder.name
        found = [(_NAMES[self.holder.kind], name)]
        if self.holder.kind is SubjectKind.AGENCY:
            found += _codes(self.holder.numbers)
        if self.agency and self.agency.parent:
            found.append(("parent_agency", self.agency.parent))
        return tuple(found)

    def review(self) -> AskFields:
        """The review screen (R29, R37, R38): data of the certificate, and the e-mail."""
        leaf = self.path.leaf
        return AskFields(
            "register.review",
            (email_field(self.holder.kind),),
            shown=(
                *self._shown(),
                ("valid_from", day(leaf.not_valid_before_utc)),
                ("valid_to", day(leaf.not_valid_after_utc)),
                ("ca", self.path.issuer.label),
            ),
            is_guarded=self.holder.kind is SubjectKind.AGENCY,
            is_consent=True,
        )


def _codes(numbers: tuple[IdNumber, ...]) -> tuple[tuple[str, str], ...]:
    return tuple(("agency_code", number.value) for number in numbers)


class CertificateRevoked(CertificateRefused):
    """A certificate of a proven path that its CA has revoked: an account may have to hear of it."""

    def __init__(self, path: Path, state: Revoked) -> None:
        code = "certificate_ca_revoked" if state.authority else "certificate_revoked"
        ca = state.authority or path.issuer.label
        super().__init__(code, date=day(state.at), ca=ca)
        self.path = path


@dataclass(frozen=True, slots=True)
class Examiner:
    """Path, then revocation, then holder: nobody outside is asked about a stranger."""

    trust: TrustStore
    status: CertificateStatus
    directory: AgencyDirectory

    def examine(self, leaf: x509.Certificate, *, now: datetime) -> Certified:
        """Raises ``CertificateRefused`` with the reason, or ``PortError``: then it is refused."""
        path = self.trust.prove(leaf, now=now)
        match self.status.check(path, now=now):
            case Revoked() as state:
                raise CertificateRevoked(path, state)
            case Unknown():
                raise CertificateRefused("certificate_unknown", ca=path.issuer.label)
            case Good():
                pass
        return Certified(path, read(path))

    def complete(self, found: Certified) -> Certified:
        """What the directory adds to an agency whose signature is proven: its code, its entry."""
        holder = found.holder
        if holder.kind is not SubjectKind.AGENCY:
            return found
        if holder.numbers:
            code = AgencyCode(holder.numbers[0].value)
            return replace(found, agency=self.directory.find(code))
        agency = self.directory.resolve(subject_of(found))
        if agency is None:
            return found
        number = IdNumber(IdKind.AGENCY_CODE, agency.code.value)
        return replace(found, holder=replace(holder, numbers=(number,)), agency=agency)

    def ask_code(self, found: Certified, *, now: datetime) -> Refused:
        """No code is certain: an operator can say which agency it is."""
        self.directory.ask(subject_of(found), now=now)
        return Refused("certificate_no_code", {"name": found.holder.name})


def subject_of(found: Certified) -> AgencySubject:
    """How the certificate names its agency."""
    holder, issuer = found.holder, found.path.issuer
    return AgencySubject(
        holder.name,
        holder.organisation,
        holder.units,
        holder.budget_code,
        issuer.fingerprint,
        issuer.label,
    )


def refuse(error: CertificateRefused, method: str) -> Refused:
    """What the person is told; a revoked certificate is named, so that its proof ends."""
    key = f"{error.path.key}" if isinstance(error, CertificateRevoked) else ""
    return Refused(error.code, error.values, revoked=f"{method} {key}" if key else "")


def email_field(kind: SubjectKind) -> Field:
    """Mandatory for enterprises only (R37)."""
    return Field("email", FieldKind.EMAIL, required=kind is SubjectKind.ENTERPRISE)


def read_email(reply: Filled, kind: SubjectKind) -> EmailAddress | Invalid | None:
    """The e-mail of the review screen."""
    typed = reply.values.get("email", "").strip()
    if not typed:
        is_needed = kind is SubjectKind.ENTERPRISE
        return Invalid({"email": "email.empty"}) if is_needed else None
    try:
        return EmailAddress.parse(typed)
    except InvalidInput as error:
        return Invalid({"email": error.code})


# --- registration: review, then done ------------------------------------------------------------


def is_reviewed(state: Mapping[str, str]) -> bool:
    """Whether the certificate is proven and its review screen was shown."""
    return "identity.name" in state


def review(found: Certified, method: str, *, now: datetime, **details: str) -> Continue:
    """Show what the certificate says; identity and credential are kept until the end."""
    identity = found.identity(now=now)
    credential = found.credential(method, **details)
    state = {
        **{f"identity.{k}": v for k, v in identities.to_text(identity).items()},
        **{f"credential.{k}": v for k, v in identities.credential_to_text(credential).items()},
    }
    return Continue(found.review(), state, identity)


def finish(
    state: Mapping[str, str], reply: Filled, method: str, amr: tuple[Amr, ...]
) -> Invalid | Proofed:
    """Read the e-mail of the review screen; the proof is as old as the signature."""
    identity = identities.from_text(_under("identity.", state))
    email = read_email(reply, identity.kind)
    if isinstance(email, Invalid):
        return email
    evidence = Evidence(method, IAL.HIGH, amr, identity.verified_at)
    credential = identities.credential_from_text(_under("credential.", state))
    return Proofed(replace(identity, email=email), evidence, credential)


def _under(prefix: str, state: Mapping[str, str]) -> dict[str, str]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
