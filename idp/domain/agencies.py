"""Agencies: what the directory knows of one, and how a certificate names it (formats B.6).

A certificate of the government's CA often names the organisation only; its code then comes from
the directory: by a number in the certificate, by its names, or by an operator's binding.
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass

from idp.domain.subjects import AgencyCode, PersonName


@dataclass(frozen=True, slots=True)
class Agency:
    """One entry of the directory. ``original`` is its code as it was given.

    ``budget_code`` is the MNS of its certificates, where it is known.
    """

    code: AgencyCode
    original: str
    name: str
    parent: str = ""
    address: str = ""
    budget_code: str = ""

    @property
    def name_key(self) -> str:
        """How its name is compared."""
        return folded(self.name)

    @property
    def parent_key(self) -> str:
        """How the name above it is compared."""
        return folded(self.parent)


@dataclass(frozen=True, slots=True)
class AgencySubject:
    """How a certificate names its agency: CN, O, every OU, MNS, and which CA says so."""

    name: str
    organisation: str
    units: tuple[str, ...]
    budget_code: str
    issuer: str
    issuer_label: str

    @property
    def key(self) -> str:
        """The same for every certificate that this CA gives to this subject."""
        parts = (self.issuer, self.name, self.organisation, *self.units, self.budget_code)
        text = "".join(f"{len(part.encode())}:{part}" for part in parts)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def above(self) -> frozenset[str]:
        """What the names around it may say about the agency above it."""
        names = (self.organisation, *self.units)
        return frozenset(folded(name) for name in names if name) - {""}


def folded(text: str) -> str:
    """A name without case, marks, spaces and punctuation: these CAs write without accents."""
    plain = PersonName(text).folded_key
    return "".join(char for char in plain if unicodedata.category(char)[0] in "LN")


def pick(subject: AgencySubject, named: tuple[Agency, ...]) -> Agency | None:
    """Which of the agencies of that name it is: exactly one has to agree on what stands above.

    A bare name is not enough: hundreds of districts have an office of the same name.
    """
    found = [agency for agency in named if _agrees(agency, subject)]
    return found[0] if len(found) == 1 else None


def _agrees(agency: Agency, subject: AgencySubject) -> bool:
    if agency.parent_key:
        return agency.parent_key in subject.above
    return subject.above <= {agency.name_key} and bool(subject.above)
