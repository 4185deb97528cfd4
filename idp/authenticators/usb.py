"""A USB signing token: open an account (R31-R39) and sign in (R53-R55). Proves level 3.

The browser's signing tool signs our origin and a nonce of ours (Web eID), so a page elsewhere can
relay nothing: the proof is phishing-resistant. The nonce lives five minutes, belongs to one
journey of one browser, and is forgotten before the answer is looked at.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from idp.authenticators.certificate_form import (
    Certified,
    Examiner,
    finish,
    is_reviewed,
    read_email,
    refuse,
    review,
)
from idp.authenticators.contract import (
    AskFields,
    AskSignature,
    CodeConfirmed,
    Continue,
    Filled,
    Invalid,
    LoginOutcome,
    Method,
    Poll,
    Presented,
    Refusal,
    Refused,
    RegistrationOutcome,
    Reply,
    Signed,
)
from idp.domain import web_eid
from idp.domain.accounts import Account
from idp.domain.assurance import IAL, Amr, Attestation, Evidence, EvidenceKind, Resistance
from idp.domain.certificates import CertificateRefused
from idp.domain.subjects import PhoneNumber, SubjectKind
from idp.domain.web_eid import InvalidToken

NAME = "usb"
NONCE_LIFE = timedelta(minutes=5)
_AMR = (Amr.HWK, Amr.PIN, Amr.MFA)
_NONCE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Signer:
    """Asks for a signature and judges it."""

    examiner: Examiner
    origin: str

    def ask(self, key: str, state: Mapping[str, str], *, now: datetime) -> Continue:
        """A fresh question for the signing tool."""
        nonce = base64.b64encode(secrets.token_bytes(_NONCE_BYTES)).decode()
        until = (now + NONCE_LIFE).isoformat()
        return Continue(AskSignature(key, nonce), {**state, "nonce": nonce, "until": until})

    def judge(self, state: Mapping[str, str], token: str, *, now: datetime) -> Certified | Refused:
        """Whose token signed our question, or why that is not proven."""
        if "nonce" not in state or now > datetime.fromisoformat(state["until"]):
            return Refused("signature_late")
        try:
            read = web_eid.read(token)
            found = self.examiner.examine(read.certificate, now=now)
            web_eid.verify(read, origin=self.origin, nonce=state["nonce"])
        except InvalidToken:
            return Refused("signature_wrong")
        except CertificateRefused as error:
            return refuse(error, NAME)
        return self.examiner.complete(found)


@dataclass(frozen=True, slots=True)
class UsbRegistration:
    """Button, signature, review of what the certificate says."""

    signer: Signer
    subjects: frozenset[SubjectKind] = frozenset(SubjectKind)
    sets_password: bool = False

    def start(self, subject: SubjectKind) -> Continue:
        """Tell what is needed; the button asks for the signature."""
        key = "register.usb_agency" if subject is SubjectKind.AGENCY else "register.usb"
        return Continue(AskFields(key), {"subject": subject})

    def validate(self, state: Mapping[str, str], reply: Filled, *, now: datetime) -> Invalid | None:
        """The e-mail, on the review screen."""
        del now
        if not is_reviewed(state):
            return None
        found = read_email(reply, SubjectKind(state["identity.kind"]))
        return found if isinstance(found, Invalid) else None

    def disturbs(self, reply: Filled) -> PhoneNumber | None:
        """Nobody."""
        del reply
        return None

    def resume(
        self, state: Mapping[str, str], reply: Reply, *, now: datetime
    ) -> RegistrationOutcome:
        """Ask for a signature, then show what its certificate says, then be done."""
        match reply:
            case Filled() if is_reviewed(state):
                return finish(state, reply, NAME, _AMR)
            case Filled():
                return self.signer.ask("register.usb", state, now=now)
            case Signed(token):
                found = self.signer.judge(state, token, now=now)
                return found if isinstance(found, Refused) else self._review(state, found, now=now)
            case CodeConfirmed() | Poll():
                return Refused(Refusal.WRONG_CREDENTIALS)

    def _review(
        self, state: Mapping[str, str], found: Certified, *, now: datetime
    ) -> Continue | Refused:
        if found.holder.kind != state["subject"]:
            return Refused("certificate_other_subject")
        if not found.opens_person:
            return Refused("certificate_staff")
        if not found.holder.numbers:
            return self.signer.examiner.ask_code(found, now=now)
        return review(found, NAME, now=now)


@dataclass(frozen=True, slots=True)
class UsbLogin:
    """Button, signature."""

    signer: Signer

    def start(self) -> AskFields:
        """Tell what is needed; the button asks for the signature."""
        return AskFields("login.usb")

    def identify(self, reply: Filled) -> None:
        """The certificate tells who this is."""
        del reply

    def disturbs(self, reply: Filled) -> PhoneNumber | None:
        """Nobody."""
        del reply
        return None

    def resume(
        self, account: Account | None, state: Mapping[str, str], reply: Reply, *, now: datetime
    ) -> LoginOutcome:
        """Ask for a signature, then say whose it is."""
        del account
        match reply:
            case Filled():
                return self.signer.ask("login.usb", {}, now=now)
            case Signed(token):
                found = self.signer.judge(state, token, now=now)
                if isinstance(found, Refused):
                    return found
                evidence = Evidence(NAME, IAL.HIGH, _AMR, now)
                credential, employer = found.credential(NAME), found.employer
                return Presented(
                    credential,
                    evidence,
                    employer,
                    opens_owner=found.opens_person,
                    identity=found.identity(now=now),
                )
            case CodeConfirmed() | Poll():
                return Refused(Refusal.WRONG_CREDENTIALS)


def build(examiner: Examiner, origin: str) -> Method:
    """The method, ready to use. ``origin`` is that of our pages, as the browser writes it."""
    signer = Signer(examiner, origin)
    return Method(
        NAME,
        IAL.HIGH,
        UsbLogin(signer),
        UsbRegistration(signer),
        resists=Resistance.HARDWARE,
        attestation=Attestation(EvidenceKind.SIGNATURE),
        credential_type="x509",
    )
