"""The carriers' signature platform and the phones: prompts, PINs, signatures."""

from __future__ import annotations

import base64
import re
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from idp.sandbox import answers, faults, numbers
from idp.sandbox.ca import Issued
from idp.sandbox.devices import Devices
from idp.sandbox.people import People, Person

_PIN_TRIES = 3
_PATIENCE_SECONDS = 8.0
_DIGEST = Prehashed(hashes.SHA256())
_NAMES = {
    "100": "REQUEST_OK", "101": "WRONG_PARAM", "105": "UNKNOWN_CLIENT",
    "208": "EXPIRED_TRANSACTION", "401": "USER_CANCEL", "402": "PIN_NR_BLOCKED",
    "406": "PB_SIGNATURE_PROCESS", "502": "VALID_SIGNATURE", "504": "OUTSTANDING_TRANSACTION",
}  # fmt: skip


@dataclass
class Prompt:
    """One question on one phone."""

    id: str
    number: str
    text: str
    digest: bytes
    until: float
    is_cms: bool = False
    status: str = "504"
    signature: bytes = b""

    @property
    def is_open(self) -> bool:
        """Whether the owner may still answer."""
        return self.status == "504" and time.monotonic() < self.until

    @property
    def code(self) -> str:
        """The verification code that the text names."""
        found = re.findall(r"[0-9]{4}", self.text)
        return found[-1] if found else ""

    def as_json(self) -> dict[str, str]:
        """What the phone shows."""
        return {"id": self.id, "text": self.text, "verification_code": self.code}


@dataclass
class Phones:
    """Every phone with a signing SIM."""

    people: People
    devices: Devices
    _prompts: dict[str, Prompt] = field(default_factory=dict)
    _wrong: dict[str, int] = field(default_factory=dict)
    _seen: set[tuple[str, str, str]] = field(default_factory=set)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def start(
        self, number: str, *, text: str, digest: bytes, seconds: float, is_cms: bool
    ) -> str | Prompt:
        """Show a prompt; answers it, or the code of why not."""
        with self._changed:
            if self.people.holder_of_sim(number) is None:
                return "105"
            if self._wrong.get(number, 0) >= _PIN_TRIES:
                return "402"
            if any(p.is_open and p.number == number for p in self._prompts.values()):
                return "406"
            until = time.monotonic() + seconds
            prompt = Prompt(secrets.token_hex(6), number, text, digest, until, is_cms)
            self._prompts[prompt.id] = prompt
            self._changed.notify_all()
            return prompt

    def find(self, prompt_id: str) -> Prompt | None:
        """A prompt by its number."""
        return self._prompts.get(prompt_id)

    def is_new(self, *key: str) -> bool:
        """Whether this (AP_ID, AP_TransID, Instant) was never used: replays are refused."""
        with self._changed:
            known = key in self._seen
            self._seen.add(key)  # type: ignore[arg-type]
            return not known

    def waiting(self, number: str, patience: float = 0) -> list[Prompt]:
        """The prompts on a phone; a program that is too early waits a moment."""

        def found() -> list[Prompt]:
            return [p for p in self._prompts.values() if p.is_open and p.number == number]

        with self._changed:
            self._changed.wait_for(lambda: bool(found()), patience)
            return found()

    def confirm(self, number: str, pin: str) -> str:
        """What happens when the owner types a PIN: signed, wrong, locked."""
        prompts = self.waiting(number, _PATIENCE_SECONDS)
        person = self.people.holder_of_sim(number)
        if not prompts or person is None or person.sim is None:
            return "nothing"
        with self._changed:
            prompt = prompts[0]
            if pin != person.sim.pin:
                self._wrong[number] = self._wrong.get(number, 0) + 1
                if self._wrong[number] < _PIN_TRIES:
                    return "wrong"
                prompt.status = "402"
                return "locked"
            self._wrong[number] = 0
            prompt.signature = self._sign(person, prompt)
            prompt.status = "502"
            return "signed"

    def cancel(self, number: str) -> bool:
        """The owner refuses."""
        prompts = self.waiting(number, _PATIENCE_SECONDS)
        for prompt in prompts:
            prompt.status = "401"
        return bool(prompts)

    def certificate(self, number: str) -> bytes:
        """The certificate in the SIM of that number."""
        person = self.people.holder_of_sim(number)
        issued = self.devices.in_sim(person) if person else None
        return issued.certificate.public_bytes(Encoding.DER) if issued else b""

    def _sign(self, person: Person, prompt: Prompt) -> bytes:
        issued, digest = self.devices.in_sim(person), prompt.digest
        if issued is None:
            raise LookupError(person.key)
        if prompt.is_cms:
            return _wrap(issued, digest)
        if isinstance(issued.key, rsa.RSAPrivateKey):
            return issued.key.sign(digest, padding.PKCS1v15(), _DIGEST)
        return issued.key.sign(digest, ec.ECDSA(_DIGEST))


def _wrap(issued: Issued, digest: bytes) -> bytes:
    """The digest as content of a CMS with signed attributes (RFC 5652)."""
    builder = pkcs7.PKCS7SignatureBuilder().set_data(digest)
    builder = builder.add_signer(issued.certificate, issued.key, hashes.SHA256())
    options = [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities]
    return builder.sign(Encoding.DER, options)


def _signed(phones: Phones, prompt: Prompt) -> dict[str, str]:
    found = {"Base64Signature": base64.b64encode(prompt.signature).decode()}
    if not prompt.is_cms:
        # Our extension; a CMS holds its certificate itself.
        certificate = phones.certificate(prompt.number)
        found["Certificate"] = base64.b64encode(certificate).decode()
    return found


def platform(phones: Phones, broken: faults.Faults) -> Blueprint:
    """The wire protocol that the provider speaks (ETSI TS 102 204, JSON)."""
    routes = Blueprint("mssp", __name__)
    faults.guard(routes, broken, "mssp")
    answers.require_bearer(routes, "sandbox-mssp")

    @routes.post("/mssp/rest/service/sign")
    def sign() -> ResponseReturnValue:
        asked = _request("MSS_SignatureReq")
        try:
            info, data = asked["AP_Info"], asked["DataToBeSigned"]
            number = numbers.national(asked["MobileUser"]["MSISDN"])
            digest = base64.b64decode(data["Data"], validate=True)
            text = str(asked["DataToBeDisplayed"]["Data"])
            seconds = float(asked["TimeOut"])
            is_cms = str(asked["MSS_Format"]).endswith("#CMS-Signature")
            key = (str(info["AP_ID"]), str(info["AP_TransID"]), str(info["Instant"]))
        except (KeyError, TypeError, ValueError):
            return _fault("101")
        if len(digest) != hashes.SHA256.digest_size or not phones.is_new(*key):
            return _fault("101")
        started = phones.start(number, text=text, digest=digest, seconds=seconds, is_cms=is_cms)
        if isinstance(started, str):
            return _fault(started)
        head = {"AP_Info": info, "MobileUser": asked["MobileUser"], "MSSP_TransID": started.id}
        return {"MSS_SignatureResp": {**head, "Status": _status("100")}}

    @routes.post("/mssp/rest/service/status")
    def status() -> ResponseReturnValue:
        asked = _request("MSS_StatusReq")
        prompt = phones.find(str(asked.get("MSSP_TransID", "")))
        if prompt is None:
            return _fault("101")
        if prompt.status == "504" and not prompt.is_open:
            return _fault("208")
        if prompt.status in {"401", "402"}:
            return _fault(prompt.status)
        answer: dict[str, Any] = {"Status": _status(prompt.status)}
        if prompt.status == "502":
            answer["MSS_Signature"] = _signed(phones, prompt)
        return {"MSS_StatusResp": answer}

    return routes


def phone_pages(phones: Phones) -> Blueprint:
    """``/sim``: what the owners see and do."""
    routes = Blueprint("sim", __name__)

    @routes.get("/sim")
    def index() -> ResponseReturnValue:
        owners = [person for person in phones.people.all() if person.sim]
        return render_template("sims.html", owners=owners)

    @routes.get("/sim/<number>")
    def show(number: str) -> ResponseReturnValue:
        number = _national(number)
        prompts = phones.waiting(number)
        if answers.wants_html():
            person = phones.people.holder_of_sim(number)
            return render_template("sim.html", number=number, prompts=prompts, person=person)
        return answers.listed([prompt.as_json() for prompt in prompts])

    @routes.post("/sim/<number>/confirm")
    def confirm(number: str) -> ResponseReturnValue:
        fields = request.get_json(silent=True) if request.is_json else request.form.to_dict()
        pin = str(fields.get("pin", "")) if isinstance(fields, Mapping) else ""
        result = phones.confirm(_national(number), pin)
        if answers.wants_html():
            return answers.back_to(f"/sim/{number}")
        return {"result": result}, _CODES[result]

    @routes.post("/sim/<number>/cancel")
    def cancel(number: str) -> ResponseReturnValue:
        found = phones.cancel(_national(number))
        if answers.wants_html():
            return answers.back_to(f"/sim/{number}")
        return {"result": "cancelled" if found else "nothing"}, 200 if found else 409

    return routes


_CODES = {"signed": 200, "wrong": 403, "locked": 423, "nothing": 409}


def _national(number: str) -> str:
    try:
        return numbers.national(number)
    except ValueError:
        return number


def _request(name: str) -> dict[str, Any]:
    found = request.get_json(silent=True)
    inner = found.get(name) if isinstance(found, dict) else None
    return inner if isinstance(inner, dict) else {}


def _status(code: str) -> dict[str, Any]:
    return {"StatusCode": {"Value": code}, "StatusMessage": _NAMES[code]}


def _fault(code: str) -> ResponseReturnValue:
    sub = {"Value": f"mss:_{code}"}
    return {
        "Fault": {"Code": {"Value": "env:Receiver", "SubCode": sub}, "Reason": _NAMES[code]}
    }, 500
