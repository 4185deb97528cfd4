"""Whose certificate: the kind of subject and its numbers, from the UIDs (formats B.9).

The kind of a personal number follows its length, never the prefix before it. A person in an
enterprise is a person with somebody else's authority: their certificate never opens the
enterprise's account.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from idp.domain import certificate_names
from idp.domain.certificates import Authority, CertificateRefused, Path
from idp.domain.errors import InvalidInput
from idp.domain.subjects import AgencyCode, IdKind, IdNumber, SubjectKind, TaxCode

_PERSONAL = ("CCCD", "CMND")
_TAX = "MST"
_BUDGET = "MNS"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a certificate. ``employer`` is the tax code beside a person's own number.

    Of an agency ``numbers`` may be empty; ``units`` and ``budget_code`` then help to find it.
    """

    kind: SubjectKind
    numbers: tuple[IdNumber, ...]
    name: str
    organisation: str
    employer: TaxCode | None = None
    units: tuple[str, ...] = ()
    budget_code: str = ""


def opens_person(holder: Holder, issuer: Authority) -> bool:
    """Whether it may open the account of its holder.

    One with an employer's number beside the person's does only where the CA may vouch for people
    in enterprises as well; to act for the employer is another question.
    """
    return holder.employer is None or issuer.accept_staff_certificates


def read(path: Path) -> Holder:
    """The holder of a proven certificate. Raises ``CertificateRefused('certificate_subject')``.

    Which flow it may be used in is decided by the kinds that every authority of its path vouches
    for: ``certificate_other_subject`` otherwise.
    """
    ids = dict(certificate_names.user_ids(path.leaf))
    name = certificate_names.common_name(path.leaf)
    organisation = certificate_names.organisation(path.leaf)
    if not name:
        raise CertificateRefused("certificate_subject")
    holder = _holder(ids, path.issuer, name, organisation)
    if not all(holder.kind in authority.kinds for authority in path.authorities):
        raise CertificateRefused("certificate_other_subject")
    if holder.kind is SubjectKind.AGENCY:
        return replace(holder, units=certificate_names.organisational_units(path.leaf))
    return holder


def _holder(ids: dict[str, str], issuer: Authority, name: str, organisation: str) -> Holder:
    if SubjectKind.AGENCY in issuer.kinds and SubjectKind.CITIZEN not in issuer.kinds:
        budget = ids.get(_BUDGET, "")
        budget = budget if re.fullmatch(r"[0-9]{5,15}", budget) else ""
        numbers = _agency(ids, issuer)
        return Holder(SubjectKind.AGENCY, numbers, name, organisation, budget_code=budget)
    person = _person(ids, issuer)
    tax = _tax(ids)
    if person is None and tax is None:
        raise CertificateRefused("certificate_subject")
    if person is None:
        return Holder(SubjectKind.ENTERPRISE, (_number(tax),), name, organisation)
    return Holder(SubjectKind.CITIZEN, person, name, organisation, tax)


def _person(ids: dict[str, str], issuer: Authority) -> tuple[IdNumber, ...] | None:
    """The personal numbers: one CCCD and one CMND at most, in ASCII digits."""
    values = [ids[prefix] for prefix in _PERSONAL if prefix in ids]
    if not values and issuer.accept_bare_uid and "" in ids:
        values = [ids[""]]
    numbers = tuple(dict.fromkeys(_personal(value) for value in values))
    if len({number.kind for number in numbers}) != len(numbers):
        raise CertificateRefused("certificate_subject")
    return tuple(sorted(numbers, key=lambda number: number.kind is not IdKind.CCCD)) or None


def _personal(value: str) -> IdNumber:
    if re.fullmatch(r"[0-9]{9}", value):
        return IdNumber(IdKind.CMND, value)
    if re.fullmatch(r"[0-9]{12}", value):
        return IdNumber(IdKind.CCCD, value)
    raise CertificateRefused("certificate_subject")


def _tax(ids: dict[str, str]) -> TaxCode | None:
    """The tax code of an enterprise; twelve digits are a person's and never an enterprise's."""
    value = ids.get(_TAX)
    if value is None:
        return None
    if not re.fullmatch(r"[0-9]{10}(-?[0-9]{3})?", value):
        raise CertificateRefused("certificate_subject")
    try:
        return TaxCode.parse(value)
    except InvalidInput:
        raise CertificateRefused("certificate_subject") from None


def _number(tax: TaxCode | None) -> IdNumber:
    return IdNumber(IdKind.TAX_CODE, tax.value if tax else "")


def _agency(ids: dict[str, str], issuer: Authority) -> tuple[IdNumber, ...]:
    for prefix in issuer.agency_prefixes:
        if prefix in ids:
            try:
                return (IdNumber(IdKind.AGENCY_CODE, AgencyCode.parse(ids[prefix]).value),)
            except InvalidInput:
                raise CertificateRefused("certificate_subject") from None
    return ()
