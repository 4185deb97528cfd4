"""The certificates in people's SIMs and tokens, issued when they are first looked at."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from idp.sandbox.ca import Authorities, Issued, Wanted
from idp.sandbox.person import Certificate, Person

_TIMES = {
    "valid": (-timedelta(days=30), timedelta(days=365)),
    "expired": (-timedelta(days=300), -timedelta(days=5)),
    "future": (timedelta(days=5), timedelta(days=365)),
}
_EMPLOYER = "0100109106"
_OTHER = "001072000136"


@dataclass(frozen=True)
class Devices:
    """SIMs and tokens."""

    authorities: Authorities
    _made: dict[str, Issued] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def on_token(self, person: Person) -> list[Issued]:
        """The certificates on the person's token."""
        wanted = person.usb.certificates if person.usb else ()
        return [
            self._issue(f"{person.key}-usb-{number}", _wanted(person, certificate))
            for number, certificate in enumerate(wanted)
        ]

    def in_sim(self, person: Person) -> Issued | None:
        """The certificate in the person's SIM."""
        if person.sim is None:
            return None
        certificate = Certificate("simca", person.sim.holder, "ec", person.sim.state)
        return self._issue(f"{person.key}-sim", _wanted(person, certificate))

    def as_json(self, person: Person) -> dict[str, Any]:
        """The person with certificates and PINs."""
        found = person.as_json()
        if found["usb"]:
            found["usb"]["certificates"] = [issued.as_json() for issued in self.on_token(person)]
        issued = self.in_sim(person)
        if issued:
            found["sim"]["certificate"] = issued.as_json()
        return found

    def _issue(self, purpose: str, wanted: Wanted) -> Issued:
        with self._lock:
            if purpose not in self._made:
                self._made[purpose] = self.authorities.issue(purpose, wanted)
            return self._made[purpose]


def _wanted(person: Person, certificate: Certificate) -> Wanted:
    starts, ends = _TIMES[certificate.state]
    return Wanted(
        ca=certificate.ca,
        common_name=person.full_name if person.kind == "agency" else person.full_name.upper(),
        user_ids=_user_ids(person, certificate.holder),
        organisation=person.parent or ("" if person.id_number else person.full_name),
        kind_of_key=certificate.key,
        starts=starts,
        ends=ends,
    )


def _user_ids(person: Person, holder: str) -> tuple[str, ...]:
    if holder == "nobody":
        return ()
    if person.agency_code:
        return (f"MDV:{person.agency_code}",)
    if person.tax_code:
        return (f"MST:{person.tax_code}",)
    own = f"CCCD:{_OTHER if holder == 'other' else person.id_number}"
    return (f"MST:{_EMPLOYER}", own) if holder == "staff" else (own,)
