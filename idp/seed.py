"""What a demo starts with beside its people: the agency directory, and somebody in the console."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from idp import app
from idp.app import Foundation
from idp.domain.accounts import Identity
from idp.domain.assurance import IAL, Amr, Evidence
from idp.domain.errors import ConfigError
from idp.domain.operators import Role
from idp.domain.subjects import BirthDate, IdNumber, PersonName, PhoneNumber, Sex, SubjectKind
from idp.flows.agencies import Faulty
from idp.storage.accounts import AccountStore

OPERATOR = {
    "id_number": "001180000107",
    "full_name": "Lê Thị Mai Hoa",
    "birth_date": "08/03/1980",
    "sex": "female",
    "phones": [{"number": "0981234599", "carrier": "viettel"}],
}
PASSWORD = "Quay-So-1-2026!"  # noqa: S105  of an invented person
UNIT = "Bưu cục Thử nghiệm"


def seed(base: Foundation, people: Iterable[Mapping[str, Any]]) -> None:
    """Import the sandbox's agencies and appoint the demo's operator; again is harmless."""
    lines = [
        {"code": each["agency_code"], "name": each["full_name"], "parent": each["parent"] or ""}
        for each in people
        if each["kind"] == "agency"
    ]
    now = base.clock()
    loaded = app.agency_desk(base).load("\n".join(map(json.dumps, lines)), now=now)
    if isinstance(loaded, Faulty):
        raise ConfigError(list(loaded.faults))
    number = IdNumber.parse(str(OPERATOR["id_number"]))
    if AccountStore(base.database, base.vault).find_by_id_number(number) is None:
        _appoint(base, number)


def _appoint(base: Foundation, number: IdNumber) -> None:
    now = base.clock()
    identity = Identity(
        kind=SubjectKind.CITIZEN,
        id_numbers=(number,),
        name=PersonName.parse(str(OPERATOR["full_name"])),
        birth_date=BirthDate.parse(str(OPERATOR["birth_date"])),
        sex=Sex.FEMALE,
        phone=PhoneNumber.parse(OPERATOR["phones"][0]["number"]),  # type: ignore[index]
        email=None,
        source="carrier:viettel",
        reference="demo",
        verified_at=now,
    )
    evidence = Evidence("mobile", IAL.MEDIUM, (Amr.SMS, Amr.OTP), now)
    hashed = app.password_hasher(base.config, base.vault).hash(PASSWORD)
    with base.database.transaction() as connection:
        AccountStore(base.database, base.vault).open_account(
            connection, identity, evidence, password_hash=hashed, now=now
        )
    flow = app.operators(base)
    for role in Role:
        flow.add(number, role, UNIT, by="demo", now=now)
