"""Sign in with id number, password and a code by SMS (R41-R47). Proves level 2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from idp.authenticators.citizen_form import Reader
from idp.authenticators.contract import (
    AskCode,
    AskFields,
    CodeConfirmed,
    Continue,
    Field,
    FieldKind,
    Filled,
    Invalid,
    LoginOutcome,
    Method,
    Poll,
    Refusal,
    Refused,
    Reply,
    Signed,
    Verified,
)
from idp.domain.accounts import Account
from idp.domain.assurance import IAL, Amr, Evidence
from idp.domain.passwords import PasswordCheck
from idp.domain.subjects import IdNumber, PhoneNumber
from idp.ports import Hasher

NAME = "password_otp"
FORM = AskFields(
    "login.password_otp",
    (Field("username", FieldKind.ID_NUMBER), Field("password", FieldKind.PASSWORD)),
)


@dataclass(frozen=True, slots=True)
class PasswordOtpLogin:
    """Password first, then a code to the default phone or another one of the account's."""

    hasher: Hasher

    def start(self) -> AskFields:
        """Ask for the number and the password."""
        return FORM

    def identify(self, reply: Filled) -> IdNumber | Invalid:
        """Read the id number; an empty password is told at the same time."""
        reader = Reader(reply.values)
        number = reader.read("username", IdNumber.parse)
        if not reply.values.get("password"):
            reader.errors["password"] = "password.empty"  # noqa: S105  the code of a message
        return Invalid(reader.errors) if reader.errors or number is None else number

    def disturbs(self, reply: Filled) -> PhoneNumber | None:
        """Nobody: a code is counted where it is sent."""
        del reply
        return None

    def resume(
        self, account: Account | None, state: Mapping[str, str], reply: Reply, *, now: datetime
    ) -> LoginOutcome:
        """Check the password, then trust the confirmed code."""
        del state
        match reply:
            case Filled(values):
                return self._check_password(account, values["password"])
            case CodeConfirmed(phone):
                if account is None or phone not in {owned.number for owned in account.phones}:
                    return Refused(Refusal.WRONG_CREDENTIALS)
                return Verified(Evidence(NAME, IAL.MEDIUM, _AMR, now))
            case Signed() | Poll():
                return Refused(Refusal.WRONG_CREDENTIALS)

    def _check_password(self, account: Account | None, password: str) -> LoginOutcome:
        # Without an account the dummy hash costs the same time (security rule 6).
        hashed = account.password_hash if account else None
        found = self.hasher.verify(hashed, password)
        if found is PasswordCheck.WRONG or account is None or account.default_phone is None:
            return Refused(Refusal.WRONG_CREDENTIALS)
        is_weak = found is PasswordCheck.RIGHT_NEEDS_REHASH
        screen = AskCode(account.default_phone.number, account.phones)
        return Continue(screen, rehashed=self.hasher.hash(password) if is_weak else "")


_AMR = (Amr.PWD, Amr.SMS, Amr.OTP, Amr.MFA)


def build(hasher: Hasher) -> Method:
    """The method, ready to use."""
    return Method(NAME, IAL.MEDIUM, login=PasswordOtpLogin(hasher))
