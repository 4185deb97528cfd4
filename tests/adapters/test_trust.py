"""``keys/trust``: what is read, what is refused at the start."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from idp.adapters import trust
from idp.app import found
from idp.domain.errors import ConfigError
from idp.domain.subjects import SubjectKind
from idp.management import create_app
from tests.support.build import NOW
from tests.support.house import config_for
from tests.support.pki import YEAR, Ca, pki


def put(folder: Path, name: str = "newtel", ca: Ca | None = None, **changes: object) -> None:
    pem = (ca or pki().newtel).certificate.public_bytes(Encoding.PEM).decode()
    fields: dict[str, object] = {"label": "NEWTEL-CA v2", "kinds": ["citizen"], "certificate": pem}
    trust.write(folder, name, {**fields, **changes})


def test_what_was_written_is_read(tmp_path: Path) -> None:
    put(tmp_path, ocsp_url="http://ca/ocsp", agency_prefixes=["mdv", "BGC"])

    [authority] = trust.load(tmp_path).authorities

    assert authority.label == "NEWTEL-CA v2"
    assert authority.kinds == {SubjectKind.CITIZEN}
    assert authority.agency_prefixes == ("MDV", "BGC")
    assert authority.certificate == pki().newtel.certificate


def test_policies_are_oids(tmp_path: Path) -> None:
    put(tmp_path, policies=["1.2.3"], refused_policies=["1.2.4", "1.2.5"])

    [authority] = trust.load(tmp_path).authorities

    assert (authority.policies, authority.refused_policies) == ({"1.2.3"}, {"1.2.4", "1.2.5"})


@pytest.mark.parametrize("text", ["", "anyPolicy", "1", "1..2", "9.9.9.", "1.2.x"])
def test_what_is_no_oid_is_a_mistake_told_with_its_file(tmp_path: Path, text: str) -> None:
    put(tmp_path, policies=[text])

    with pytest.raises(ConfigError, match=r"newtel\.toml"):
        trust.load(tmp_path)


def test_an_absent_folder_trusts_nobody(tmp_path: Path) -> None:
    assert trust.load(tmp_path / "absent").authorities == ()


@pytest.mark.parametrize(
    "changes",
    [{"kinds": ["king"]}, {"certificate": "x"}, {"unknown": 1}, {"label": 5}, {"kinds": "citizen"}],
    ids=str,
)
def test_every_file_that_cannot_be_believed_is_told(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    put(tmp_path, "a", **changes)
    put(tmp_path, "b", **changes)

    with pytest.raises(ConfigError) as caught:
        trust.load(tmp_path)

    assert len(caught.value.problems) == 2


def test_a_certificate_of_a_person_is_no_authority(tmp_path: Path) -> None:
    leaf = pki().newtel.leaf().public_bytes(Encoding.PEM).decode()
    put(tmp_path, certificate=leaf)

    with pytest.raises(ConfigError, match="no CA certificate"):
        trust.load(tmp_path)


@pytest.mark.parametrize(("ends", "is_ready"), [(NOW + YEAR, True), (NOW - YEAR / 2, False)])
def test_an_authority_out_of_date_is_seen_by_the_health_check(
    database_url: str, tmp_path: Path, ends: object, is_ready: bool
) -> None:
    config = config_for(database_url, tmp_path)
    put(config.keys_folder / "trust", ca=Ca("Ending", ends=ends))  # type: ignore[arg-type]
    base = found(config, lambda: NOW)

    checks = create_app(base).test_client().get("/health/ready").get_json()

    assert checks["trust"] is is_ready
    base.database.close()
