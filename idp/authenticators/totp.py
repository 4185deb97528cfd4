"""An authenticator app: id number, password and its code at once (RFC 6238). Proves level 2.

The app works without a network and without an SMS. A code is good for its own half minute and the
one before, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pyotp

from idp.authenticators.citizen_form import Reader
from idp.authenticators.contract import (
    AskFields,
    Continue,
    Enrolled,
    EnrolmentOutcome,
    Field,
    FieldKind,
    Filled,
    Invalid,
    LoginOutcome,
    Method,
    Refusal,
    Refused,
    Reply,
    Verified,
)
from idp.domain import otp
from idp.domain.accounts import Account, Credential
from idp.domain.assurance import IAL, Amr, Evidence
from idp.domain.passwords import PasswordCheck
from idp.domain.subjects import IdNumber, PhoneNumber
from idp.ports import Hasher

NAME = "totp"
STEP = 30
_CODE = Field("code", FieldKind.CODE)
FORM = AskFields(
    "login.totp",
    (Field("username", FieldKind.ID_NUMBER), Field("password", FieldKind.PASSWORD), _CODE),
)
_AMR = (Amr.PWD, Amr.OTP, Amr.MFA)


@dataclass(frozen=True, slots=True)
class TotpLogin:
    """Password and code are compared together, and one text tells that either is wrong."""

    hasher: Hasher

    def start(self) -> AskFields:
        """Ask for all three."""
        return FORM

    def identify(self, reply: Filled) -> IdNumber | Invalid:
        """Read the id number; everything that is missing is told at the same time."""
        reader = Reader(reply.values)
        number = reader.read("username", IdNumber.parse)
        if not reply.values.get("password"):
            reader.errors["password"] = "password.empty"  # noqa: S105  the code of a message
        if otp.clean(reply.values.get("code", "")) is None:
            reader.errors["code"] = "otp.form"
        return Invalid(reader.errors) if reader.errors or number is None else number

    def disturbs(self, reply: Filled) -> PhoneNumber | None:
        """Nobody."""
        del reply
        return None

    def resume(
        self, account: Account | None, state: Mapping[str, str], reply: Reply, *, now: datetime
    ) -> LoginOutcome:
        """Check the password, then the code of one of the account's apps."""
        del state
        if not isinstance(reply, Filled):
            return Refused(Refusal.WRONG_OR_SPENT)
        hashed = account.password_hash if account else None
        password = reply.values.get("password", "")
        found = self.hasher.verify(hashed, password)
        if found is PasswordCheck.WRONG or account is None or not account.keys:
            return Refused(Refusal.WRONG_OR_SPENT)
        code = otp.clean(reply.values.get("code", "")) or ""
        for key in account.keys:
            step = _step(key.kept["secret"], code, now=now)
            if step is not None:
                is_weak = found is PasswordCheck.RIGHT_NEEDS_REHASH
                stronger = self.hasher.hash(password) if is_weak else ""
                evidence = Evidence(NAME, IAL.MEDIUM, _AMR, now)
                return Verified(evidence, _once(key.key, step), stronger)
        return Refused(Refusal.WRONG_OR_SPENT, is_code_wrong=True)


@dataclass(frozen=True, slots=True)
class TotpEnrolment:
    """A secret to scan; the app's first code proves that it was taken over."""

    issuer: str

    def start(self, account: Account, *, name: str, now: datetime) -> Continue:
        """Show the secret, as a picture and as text."""
        del account, now
        secret = pyotp.random_base32()
        return Continue(self._screen(secret, name), {"secret": secret})

    def resume(
        self, account: Account, state: Mapping[str, str], reply: Reply, *, now: datetime
    ) -> EnrolmentOutcome:
        """Check the app's code."""
        if not isinstance(reply, Filled) or "secret" not in state:
            return Refused(Refusal.WRONG_OR_SPENT)
        code = otp.clean(reply.values.get("code", ""))
        if code is None:
            return Invalid({"code": "otp.form"})
        secret = state["secret"]
        step = _step(secret, code, now=now)
        if step is None:
            return Invalid({"code": "totp.wrong"})
        key = f"{account.id.hex} {secret}"
        credential = Credential(NAME, key, NAME, (), None, {}, {"secret": secret})
        return Enrolled(credential, Evidence(NAME, IAL.NONE, _AMR, now), _once(key, step))

    def _screen(self, secret: str, name: str) -> AskFields:
        scanned = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=self.issuer)
        grouped = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
        return AskFields("enrol.totp", (_CODE,), shown=(("secret", grouped),), scan=scanned)


def _step(secret: str, code: str, *, now: datetime) -> int | None:
    """The time step whose code this is: the present one or the one before."""
    current = int(now.timestamp()) // STEP
    app = pyotp.TOTP(secret, interval=STEP)
    for step in (current, current - 1):
        if pyotp.utils.strings_equal(app.generate_otp(step), code):
            return step
    return None


def _once(key: str, step: int) -> str:
    """The name of one code of one app."""
    return f"{NAME} {key} {step}"


def build(hasher: Hasher) -> Method:
    """The method, ready to use."""
    enrolment = TotpEnrolment("Dịch vụ công quốc gia")
    return Method(NAME, IAL.MEDIUM, TotpLogin(hasher), enrolment=enrolment, has_keys=True)
