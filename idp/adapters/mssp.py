"""Signing SIMs by ETSI TS 102 204 in its JSON binding, asynchronous mode (pki.md 5.2)."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from idp.adapters.http import Caller
from idp.config import SignatureFormat, System, Tls
from idp.domain.errors import PortAnswerInvalid, PortUnavailable
from idp.domain.subjects import PhoneNumber
from idp.metrics import Meter
from idp.ports import (
    Clock,
    CmsDone,
    SignatureDone,
    SignatureFailed,
    SignatureFailure,
    SignaturePending,
    SignatureState,
)

NAME = "mssp"
_FORMATS = {
    SignatureFormat.PKCS1: "http://uri.etsi.org/TS102204/v1.1.2#PKCS1",
    SignatureFormat.CMS: "http://uri.etsi.org/TS102204/v1.1.2#CMS-Signature",
}
_STARTED, _PENDING = 100, 504
_SIGNED = frozenset({500, 502})
_FAILURES = {
    105: SignatureFailure.UNKNOWN_SUBSCRIBER,
    208: SignatureFailure.EXPIRED,
    209: SignatureFailure.UNREACHABLE,
    401: SignatureFailure.USER_CANCELLED,
    402: SignatureFailure.PIN_BLOCKED,
    403: SignatureFailure.SIM_BLOCKED,
    404: SignatureFailure.NO_KEY,
    406: SignatureFailure.BUSY,
    422: SignatureFailure.NO_KEY,
    501: SignatureFailure.REVOKED,
    503: SignatureFailure.BAD_SIGNATURE,
}
_OURS = frozenset({101, 102, 103, 104, 107, 108, 109})
"""Our request or our contract is wrong: nothing that the person can mend."""


class MsspAdapter:
    """Speaks to the carriers' signature platform."""

    def __init__(  # noqa: PLR0913  keywords
        self,
        system: System,
        tls: Tls,
        *,
        identity: str,
        clock: Clock,
        signature_format: SignatureFormat = SignatureFormat.PKCS1,
        meter: Meter | None = None,
    ) -> None:
        self._caller = Caller(NAME, system, tls, meter)
        self._format = signature_format
        self._identity, self._password, self._clock = identity, system.api_key, clock

    def start(  # noqa: PLR0913  keywords of the port
        self,
        *,
        phone: PhoneNumber,
        carrier: str,
        digest: bytes,
        text: str,
        seconds: int,
        request_id: UUID,
    ) -> str | SignatureFailed:
        """Ask the phone; answers the platform's number of the transaction."""
        data = {
            "MimeType": "application/x-sha256",
            "Encoding": "base64",
            "Data": base64.b64encode(digest).decode(),
        }
        request = {
            **self._head(request_id.hex),
            "MSSP_Info": {"MSSP_ID": {"URI": f"urn:vn:mssp:{carrier}"}},
            "MobileUser": {"MSISDN": phone.e164},
            "MessagingMode": "asynchClientServer",
            "TimeOut": str(seconds),
            "SignatureProfile": f"urn:vn:mssp:{carrier}:authentication",
            "MSS_Format": _FORMATS[self._format],
            "DataToBeSigned": data,
            "DataToBeDisplayed": {"MimeType": "text/plain", "Encoding": "UTF-8", "Data": text},
        }
        answer = self._ask("sign", "MSS_Signature", request)
        code = _code(answer)
        if code != _STARTED:
            return _failure(code)
        found = answer.get("MSSP_TransID")
        if not isinstance(found, str) or not found:
            raise PortAnswerInvalid(NAME, "no MSSP_TransID")
        return found

    def poll(self, transaction: str) -> SignatureState:
        """Ask how it stands."""
        trans_id = f"{transaction}{self._clock().timestamp():.3f}"
        request = {
            **self._head("".join(filter(str.isalnum, trans_id))),
            "MSSP_TransID": transaction,
        }
        answer = self._ask("status", "MSS_Status", request)
        code = _code(answer)
        if code == _PENDING:
            return SignaturePending()
        if code not in _SIGNED:
            return _failure(code)
        signed = answer.get("MSS_Signature")
        if not isinstance(signed, dict):
            raise PortAnswerInvalid(NAME, "no MSS_Signature")
        signature, shown = signed.get("Base64Signature"), signed.get("Certificate")
        if self._format is SignatureFormat.CMS:
            return CmsDone(_base64(signature), _base64(shown or ""))
        return SignatureDone(_base64(signature), _base64(shown))

    def _head(self, trans_id: str) -> dict[str, Any]:
        """AP_TransID is an NCName, and never the same twice."""
        instant: datetime = self._clock()
        return {
            "MajorVersion": "1",
            "MinorVersion": "1",
            "AP_Info": {
                "AP_ID": self._identity,
                "AP_PWD": self._password,
                "AP_TransID": f"_{trans_id}",
                "Instant": instant.isoformat(timespec="milliseconds"),
                "AP_URL": None,
            },
        }

    def _ask(self, path: str, message: str, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request; a fault (HTTP 500) is an answer too, read as leniently as it is sent."""
        status, data = self._caller.post_any(
            f"/mssp/rest/service/{path}", {f"{message}Req": request}
        )
        try:
            found = msgspec.json.decode(data, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError) as error:
            raise PortAnswerInvalid(NAME, "no JSON object") from error
        inner = found.get(f"{message}Resp", found.get("Fault"))
        if not isinstance(inner, dict):
            if status != 200:  # noqa: PLR2004
                raise PortUnavailable(NAME, f"status {status}")
            raise PortAnswerInvalid(NAME, f"no {message}Resp")
        return inner


def _code(answer: dict[str, Any]) -> int:
    """The status code: of the status, or the last three digits of a fault's sub-code."""
    for path in (("Status", "StatusCode", "Value"), ("Code", "SubCode", "Value")):
        value: Any = answer
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        found = re.search(r"([0-9]{3})$", value) if isinstance(value, str) else None
        if found:
            return int(found[1])
    raise PortAnswerInvalid(NAME, "no status code")


def _failure(code: int) -> SignatureFailed:
    if code in _OURS:
        raise PortAnswerInvalid(NAME, f"our request was refused: {code}")
    if code in _FAILURES:
        return SignatureFailed(_FAILURES[code])
    raise PortUnavailable(NAME, f"status code {code}")


def _base64(value: object) -> bytes:
    try:
        return base64.b64decode(value if isinstance(value, str) else "", validate=True)
    except (binascii.Error, ValueError) as error:
        raise PortAnswerInvalid(NAME, "not base64") from error
