"""A signing SIM: open an account (R25-R30) and sign in (R51-R52). Proves level 3.

The phone shows the code that the page shows, and signs after its PIN. The signature, the path of
the certificate and its state are checked here; what the carrier says about them is not believed.
A code on two screens does not stop a live phishing page: SIM is no phishing-resistant proof.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from cryptography import x509

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
    AwaitPhone,
    CodeConfirmed,
    Continue,
    Field,
    FieldKind,
    Filled,
    Invalid,
    LoginOutcome,
    Method,
    NoAnswer,
    Poll,
    Presented,
    Question,
    Refusal,
    Refused,
    RegistrationOutcome,
    RemoteOutcome,
    Reply,
    Signed,
)
from idp.domain import certificates, sim_cms, sim_signing
from idp.domain.accounts import Account
from idp.domain.assurance import IAL, Amr, Attestation, Evidence, EvidenceKind
from idp.domain.certificates import CertificateRefused
from idp.domain.errors import InvalidInput
from idp.domain.sim_signing import Challenge
from idp.domain.subjects import PhoneNumber, SubjectKind
from idp.ports import (
    CmsDone,
    MobileSigner,
    SignatureDone,
    SignatureFailed,
    SignatureFailure,
    SignaturePending,
)

NAME = "sim"
LIFE = timedelta(seconds=110)
_AMR = (Amr.SC, Amr.PIN, Amr.MFA)
_TEXTS = {
    "register": "Dang ky tai khoan Cong DVCQG. Ma xac nhan {code}",
    "login": "Dang nhap Cong DVCQG. Ma xac nhan {code}",
}
"""Without accents: GSM-7 holds no Vietnamese letters, and UCS-2 halves what fits."""

_REMOTE = "{text}. Ma xac nhan {code}"
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Prompter:
    """Sends the question to a phone and judges its answer."""

    signer: MobileSigner
    examiner: Examiner
    issuer: str
    carriers: tuple[str, ...]

    def form(self, key: str) -> AskFields:
        """Carrier and number (R26); a number may have been ported, so the person says which."""
        fields = (
            Field("carrier", FieldKind.CHOICE, choices=self.carriers),
            Field("phone", FieldKind.PHONE),
        )
        return AskFields(key, fields, is_guarded=True)

    def read(self, reply: Filled) -> PhoneNumber | Invalid:
        """The number of a form; every fault at once."""
        errors = {}
        if reply.values.get("carrier", "") not in self.carriers:
            errors["carrier"] = "carrier.unknown"
        try:
            phone = PhoneNumber.parse(reply.values.get("phone", ""))
        except InvalidInput as error:
            return Invalid({**errors, "phone": error.code})
        return Invalid(errors) if errors else phone

    def ask(self, reply: Filled, purpose: str, *, now: datetime) -> Continue | Invalid | Refused:
        """Send the question. May raise ``PortError``."""
        phone = self.read(reply)
        if isinstance(phone, Invalid):
            return phone
        asked = self.prepare(phone, reply.values["carrier"], purpose, until=now + LIFE)
        text = _TEXTS[purpose].format(code=asked.code)
        started = self.send(asked.state, text, seconds=int(LIFE.total_seconds()))
        if isinstance(started, SignatureFailed):
            return Refused(f"sim_{started.reason}")
        until = datetime.fromisoformat(started["until"])
        return Continue(AwaitPhone(f"{purpose}.sim", phone, asked.code, until), started)

    def prepare(
        self, phone: PhoneNumber, carrier: str, purpose: str, *, until: datetime
    ) -> Question:
        """Make the question; the phone does not ring yet."""
        until = until.replace(microsecond=0)
        nonce = secrets.token_urlsafe(24)
        digest = Challenge(self.issuer, purpose, phone, nonce, until).digest
        state = {
            "purpose": purpose,
            "phone": phone.e164,
            "carrier": carrier,
            "digest": base64.b64encode(digest).decode(),
            "until": until.isoformat(),
        }
        code = sim_signing.verification_code(digest)
        return Question(code, phone, _LONGEST - len(_REMOTE.format(text="", code=code)), state)

    def send(
        self, state: Mapping[str, str], text: str, *, seconds: int
    ) -> dict[str, str] | SignatureFailed:
        """Let the phone ring. May raise ``PortError``."""
        started = self.signer.start(
            phone=PhoneNumber(state["phone"]),
            carrier=state["carrier"],
            digest=base64.b64decode(state["digest"]),
            text=text,
            seconds=seconds,
            request_id=uuid4(),
        )
        if isinstance(started, SignatureFailed):
            return started
        return {**state, "transaction": started}

    def judge(self, state: Mapping[str, str], *, now: datetime) -> Continue | Certified | Refused:
        """Has the phone answered, and is the answer good? May raise ``PortError``."""
        if now > datetime.fromisoformat(state["until"]):
            return Refused("sim_expired")
        match self.signer.poll(state["transaction"]):
            case SignaturePending():
                return self._same(state)
            case SignatureFailed(reason):
                return Refused(f"sim_{reason}")
            case SignatureDone(signature, der):
                digest = base64.b64decode(state["digest"])
                return self._check(
                    der, lambda leaf: sim_signing.is_signed(leaf, digest, signature), now=now
                )
            case CmsDone(cms, stored):
                signed = sim_cms.read(cms, base64.b64decode(state["digest"]), stored=stored)
                if signed is None:
                    return Refused("signature_wrong")
                return self._check(signed.certificate, signed.is_by, now=now)

    @staticmethod
    def _same(state: Mapping[str, str]) -> Continue:
        code = sim_signing.verification_code(base64.b64decode(state["digest"]))
        until = datetime.fromisoformat(state["until"])
        phone = PhoneNumber(state["phone"])
        return Continue(AwaitPhone(f"{state['purpose']}.sim", phone, code, until), state)

    def _check(
        self, der: bytes, is_by: Callable[[x509.Certificate], bool], *, now: datetime
    ) -> Certified | Refused:
        try:
            leaf = certificates.load(der)
            found = self.examiner.examine(leaf, now=now)
        except CertificateRefused as error:
            return refuse(error, NAME)
        if not is_by(leaf):
            return Refused("signature_wrong")
        if found.holder.kind is not SubjectKind.CITIZEN:
            return Refused("certificate_other_subject")
        return found if found.opens_person else Refused("certificate_staff")


@dataclass(frozen=True, slots=True)
class SimRegistration:
    """Form, confirmation on the phone, review of what the certificate says."""

    prompter: Prompter
    subjects: frozenset[SubjectKind] = frozenset({SubjectKind.CITIZEN})
    sets_password: bool = False

    def start(self, subject: SubjectKind) -> Continue:
        """Ask for carrier and number."""
        del subject
        return Continue(self.prompter.form("register.sim"))

    def validate(self, state: Mapping[str, str], reply: Filled, *, now: datetime) -> Invalid | None:
        """The form, or the e-mail of the review screen."""
        del now
        found = (
            read_email(reply, SubjectKind.CITIZEN)
            if is_reviewed(state)
            else self.prompter.read(reply)
        )
        return found if isinstance(found, Invalid) else None

    def disturbs(self, reply: Filled) -> PhoneNumber | None:
        """The phone that will ring."""
        found = self.prompter.read(reply)
        return found if isinstance(found, PhoneNumber) else None

    def resume(
        self, state: Mapping[str, str], reply: Reply, *, now: datetime
    ) -> RegistrationOutcome:
        """Ask the phone, wait, show what its certificate says, then be done."""
        match reply:
            case Filled() if is_reviewed(state):
                return finish(state, reply, NAME, _AMR)
            case Filled():
                return self.prompter.ask(reply, "register", now=now)
            case Poll():
                found = self.prompter.judge(state, now=now)
                if not isinstance(found, Certified):
                    return found
                phone, carrier = state["phone"], state["carrier"]
                return review(found, NAME, now=now, phone=phone, carrier=carrier)
            case CodeConfirmed() | Signed():
                return Refused(Refusal.WRONG_CREDENTIALS)


@dataclass(frozen=True, slots=True)
class SimLogin:
    """Form, confirmation on the phone."""

    prompter: Prompter

    def start(self) -> AskFields:
        """Ask for carrier and number."""
        return self.prompter.form("login.sim")

    def identify(self, reply: Filled) -> Invalid | None:
        """The certificate tells who this is; only the number is read here."""
        found = self.prompter.read(reply)
        return found if isinstance(found, Invalid) else None

    def disturbs(self, reply: Filled) -> PhoneNumber | None:
        """The phone that will ring."""
        found = self.prompter.read(reply)
        return found if isinstance(found, PhoneNumber) else None

    def resume(
        self, account: Account | None, state: Mapping[str, str], reply: Reply, *, now: datetime
    ) -> LoginOutcome:
        """Ask the phone, wait, then say whose certificate it is."""
        del account
        match reply:
            case Filled():
                return self.prompter.ask(reply, "login", now=now)
            case Poll():
                found = self.prompter.judge(state, now=now)
                if not isinstance(found, Certified):
                    return found
                credential = found.credential(NAME, phone=state["phone"], carrier=state["carrier"])
                evidence, identity = Evidence(NAME, IAL.HIGH, _AMR, now), found.identity(now=now)
                return Presented(credential, evidence, identity=identity)
            case CodeConfirmed() | Signed():
                return Refused(Refusal.WRONG_CREDENTIALS)


@dataclass(frozen=True, slots=True)
class SimRemote:
    """The same question for somebody who is not at a browser of ours (CIBA, pki.md 6)."""

    prompter: Prompter

    def prepare(
        self, details: Mapping[str, str], purpose: str, *, until: datetime, now: datetime
    ) -> Question | None:
        """A question for the phone of this credential, if its carrier still serves us."""
        if details.get("carrier") not in self.prompter.carriers or "phone" not in details:
            return None
        phone = PhoneNumber(details["phone"])
        until = min(until, now + LIFE)
        return self.prompter.prepare(phone, details["carrier"], purpose, until=until)

    def send(self, state: Mapping[str, str], text: str) -> Mapping[str, str] | NoAnswer:
        """Let the phone show who asks, what for, and the code."""
        code = sim_signing.verification_code(base64.b64decode(state["digest"]))
        seconds = int(LIFE.total_seconds())
        sent = self.prompter.send(state, _REMOTE.format(text=text, code=code), seconds=seconds)
        return _no_answer(sent.reason) if isinstance(sent, SignatureFailed) else sent

    def resume(self, state: Mapping[str, str], *, now: datetime) -> RemoteOutcome:
        """What the phone said; a signature is checked as at every sign-in."""
        found = self.prompter.judge(state, now=now)
        match found:
            case Continue():
                return found
            case Certified():
                credential = found.credential(NAME, phone=state["phone"], carrier=state["carrier"])
                return Presented(credential, Evidence(NAME, IAL.HIGH, _AMR, now))
            case Refused(reason):
                return _no_answer(reason.removeprefix("sim_"))


def _no_answer(reason: str) -> NoAnswer:
    known = {
        SignatureFailure.USER_CANCELLED.value: NoAnswer.DECLINED,
        SignatureFailure.EXPIRED.value: NoAnswer.SILENT,
    }
    return known.get(reason, NoAnswer.FAILED)


def build(
    signer: MobileSigner, examiner: Examiner, issuer: str, carriers: tuple[str, ...]
) -> Method:
    """The method, ready to use."""
    prompter = Prompter(signer, examiner, issuer, carriers)
    remote = SimRemote(prompter)
    return Method(
        NAME,
        IAL.HIGH,
        SimLogin(prompter),
        SimRegistration(prompter),
        remote=remote,
        attestation=Attestation(EvidenceKind.SIGNATURE),
        credential_type="x509",
    )
