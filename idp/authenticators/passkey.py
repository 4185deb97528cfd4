"""A passkey: the phone or computer signs our challenge, after finger, face or PIN (WebAuthn).

Proves level 2: it shows that the owner is back, not who the owner is. It cannot be phished, since
the browser signs our origin with it. The private key never leaves the person's device or keychain.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialCreationOptions,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialRequestOptions,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from idp.authenticators.contract import (
    AskFields,
    AskSignature,
    Claimed,
    Continue,
    Enrolled,
    EnrolmentOutcome,
    Filled,
    LoginOutcome,
    Method,
    Refused,
    Reply,
    Signed,
    Verified,
)
from idp.domain.accounts import Account, Credential
from idp.domain.assurance import IAL, Amr, Evidence, Resistance
from idp.domain.subjects import PhoneNumber

NAME = "passkey"
LIFE = timedelta(minutes=5)
Options = PublicKeyCredentialCreationOptions | PublicKeyCredentialRequestOptions
_WRONG = "passkey_wrong"
_SITE = "Cổng Dịch vụ công quốc gia"
_KEY = re.compile(r"[A-Za-z0-9_-]{1,1364}")
"""A credential id in base64url: 1023 bytes at most (WebAuthn, 4)."""
_MALFORMED = (WebAuthnException, ValueError, KeyError, TypeError, LookupError, RecursionError)
"""What reading somebody's JSON and CBOR may end in."""


@dataclass(frozen=True, slots=True)
class Site:
    """Who asks, as the browser sees it: the host name is the RP ID."""

    rp_id: str
    origin: str


@dataclass(frozen=True, slots=True)
class PasskeyLogin:
    """A challenge for whichever passkey the person picks; nothing is typed."""

    site: Site

    def start(self) -> AskFields:
        """A button."""
        return AskFields("login.passkey")

    def identify(self, reply: Filled) -> None:
        """The passkey will tell."""
        del reply

    def disturbs(self, reply: Filled) -> PhoneNumber | None:
        """Nobody."""
        del reply
        return None

    def resume(
        self, account: Account | None, state: Mapping[str, str], reply: Reply, *, now: datetime
    ) -> LoginOutcome:
        """Ask, hear which passkey answered, then check it with the key that was kept."""
        match reply:
            case Filled():
                options = webauthn.generate_authentication_options(
                    rp_id=self.site.rp_id, user_verification=UserVerificationRequirement.REQUIRED
                )
                return _ask("login.passkey", options, now=now)
            case Signed(token) if account is None:
                key = _key_of(token)
                return Claimed(key, _WRONG) if key else Refused(_WRONG)
            case Signed(token):
                return self._check(account, state, token, now=now)
            case _:
                return Refused(_WRONG)

    def _check(
        self, account: Account | None, state: Mapping[str, str], token: str, *, now: datetime
    ) -> LoginOutcome:
        challenge = _challenge(state, now=now)
        key = _key_of(token)
        kept = next((k.kept for k in account.keys if k.key == key), None) if account else None
        if challenge is None:
            return Refused("signature_late")
        if kept is None:
            return Refused(_WRONG)
        try:
            found = webauthn.verify_authentication_response(
                credential=token,
                expected_challenge=challenge,
                expected_rp_id=self.site.rp_id,
                expected_origin=self.site.origin,
                credential_public_key=base64url_to_bytes(kept["public_key"]),
                # Passkeys that follow their owner between devices count nothing.
                credential_current_sign_count=0,
                require_user_verification=True,
            )
        except _MALFORMED:
            return Refused(_WRONG)
        return Verified(Evidence(NAME, IAL.MEDIUM, _amr(found.credential_device_type), now))


@dataclass(frozen=True, slots=True)
class PasskeyEnrolment:
    """The browser makes a key for us and proves that it holds it."""

    site: Site

    def start(self, account: Account, *, name: str, now: datetime) -> Continue:
        """Ask for a new one; those that are there already are not offered again."""
        there = [
            PublicKeyCredentialDescriptor(id=base64url_to_bytes(key.key)) for key in account.keys
        ]
        options = webauthn.generate_registration_options(
            rp_id=self.site.rp_id,
            rp_name=_SITE,
            user_id=account.id.bytes,
            user_name=name,
            user_display_name=name,
            exclude_credentials=there,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
        )
        return _ask("enrol.passkey", options, now=now)

    def resume(
        self, account: Account, state: Mapping[str, str], reply: Reply, *, now: datetime
    ) -> EnrolmentOutcome:
        """Check what the browser made."""
        challenge = _challenge(state, now=now)
        if challenge is None:
            return Refused("signature_late")
        if not isinstance(reply, Signed):
            return Refused(_WRONG)
        try:
            found = webauthn.verify_registration_response(
                credential=reply.token,
                expected_challenge=challenge,
                expected_rp_id=self.site.rp_id,
                expected_origin=self.site.origin,
                require_user_verification=True,
            )
        except _MALFORMED:
            return Refused(_WRONG)
        del account
        credential = Credential(
            NAME,
            bytes_to_base64url(found.credential_id),
            self.site.rp_id,
            (),
            None,
            {},
            {"public_key": bytes_to_base64url(found.credential_public_key)},
        )
        amr = _amr(found.credential_device_type)
        return Enrolled(credential, Evidence(NAME, IAL.NONE, amr, now))


def _ask(key: str, options: Options, *, now: datetime) -> Continue:
    nonce = bytes_to_base64url(options.challenge)
    text = webauthn.options_to_json(options)
    until = (now + LIFE).isoformat()
    return Continue(AskSignature(key, nonce, text), {"nonce": nonce, "until": until})


def _challenge(state: Mapping[str, str], *, now: datetime) -> bytes | None:
    """What was asked to be signed, while it lives."""
    if "nonce" not in state or now > datetime.fromisoformat(state["until"]):
        return None
    return base64url_to_bytes(state["nonce"])


def _key_of(token: str) -> str:
    """Which passkey says that it answered; not believed yet."""
    try:
        found = json.loads(token)
    except _MALFORMED:
        return ""
    key = found.get("id") if isinstance(found, dict) else None
    return key if isinstance(key, str) and _KEY.fullmatch(key) else ""


def _amr(device: CredentialDeviceType) -> tuple[Amr, ...]:
    """A key that never leaves its device, or one in the owner's keychain (RFC 8176)."""
    is_bound = device is CredentialDeviceType.SINGLE_DEVICE
    return (Amr.HWK if is_bound else Amr.SWK, Amr.USER, Amr.MFA)


def build(issuer: str, origin: str) -> Method:
    """The method, ready to use."""
    site = Site(urlsplit(issuer).hostname or "", origin)
    return Method(
        NAME,
        IAL.MEDIUM,
        PasskeyLogin(site),
        enrolment=PasskeyEnrolment(site),
        has_keys=True,
        resists=Resistance.PHISHING,
        credential_type="fido2-platform",
    )
