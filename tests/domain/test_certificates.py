"""Which certificates may vouch (pki.md 4 and 11): one case per row, each with its reason."""

from __future__ import annotations

import random
import subprocess
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from idp.domain import certificates, holders
from idp.domain.certificates import CertificateRefused, TrustStore, has_roca_fingerprint
from idp.domain.subjects import SubjectKind
from tests.support import oracle
from tests.support.build import NOW
from tests.support.pki import (
    AGENCY,
    CITIZEN,
    ENTERPRISE,
    PEOPLE,
    SOUND,
    YEAR,
    Ca,
    key_of,
    name,
    pki,
    usage,
)

SECOND = timedelta(seconds=1)
_ASKED = 50
"""Of thousands of broken certificates the oracle, which is slow, sees the first of each test."""


@pytest.fixture(autouse=True)
def oracle_agrees(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every verdict of every test here is put to pyhanko-certvalidator as well.

    What we accept it accepts; what we refuse it refuses, but for the differences that
    ``tests/support/oracle.py`` lists and explains.
    """
    ours, seen, asked = TrustStore.prove, [], 0

    def prove(store: TrustStore, leaf: x509.Certificate, *, now: datetime) -> certificates.Path:
        nonlocal asked
        asked += 1
        verdict: certificates.Path | CertificateRefused
        try:
            verdict = ours(store, leaf, now=now)
        except CertificateRefused as error:
            verdict = error
        if asked <= _ASKED:
            theirs = oracle.accepts(store, leaf, now=now)
            if isinstance(verdict, certificates.Path) and not theirs:
                # It prepares names while it builds the path; we refuse such a name when we read it.
                with pytest.raises(CertificateRefused):
                    holders.read(verdict)
            elif isinstance(verdict, CertificateRefused) and theirs:
                seen.extend(oracle.explain(store, leaf, now=now))
                assert seen, f"the oracle accepts what we refuse: {verdict}"
        if isinstance(verdict, CertificateRefused):
            raise verdict
        return verdict

    monkeypatch.setattr(TrustStore, "prove", prove)
    return seen


_STRICTER: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "weak key": ({"key": key_of("rsa1024")}, {}),
    "usage": ({"more": ((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),)}, {}),
    "policy": ({}, {"policies": frozenset({"1.2.3"})}),
    "CA": (
        {
            "extensions": (
                (x509.BasicConstraints(ca=True, path_length=None), True),
                (usage("digital_signature", "key_cert_sign"), True),
            )
        },
        {},
    ),
    "name constraints": (
        {"more": ((x509.NameConstraints([x509.DNSName("example.vn")], None), False),)},
        {},
    ),
}


@pytest.mark.parametrize("difference", [each.name for each in oracle.DIFFERENCES])
def test_each_difference_from_the_oracle_is_a_real_one(
    difference: str, oracle_agrees: list[str]
) -> None:
    changes, settings = _STRICTER.get(difference, ({}, {}))
    issuer = pki().root if difference == "root" else pki().newtel

    store = pki().store(**settings)
    if difference == "anchor out of date":
        root = Ca("Old root", ends=NOW - SECOND)
        issuer = Ca("Old CA", root, path_length=0)
        store = TrustStore([root.authority(), issuer.authority()])

    refused(issuer.leaf(**changes), store)

    assert difference in oracle_agrees


def refused(leaf: x509.Certificate, store: TrustStore | None = None, now: Any = NOW) -> str:
    with pytest.raises(CertificateRefused) as caught:
        (store or pki().store()).prove(leaf, now=now)
    return caught.value.code


def without(*kinds: type) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    return tuple(pair for pair in SOUND if not isinstance(pair[0], kinds))


# --- sound ones ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rsa", "p256", "p384", "p521"])
def test_every_accepted_kind_of_key_proves_a_path(kind: str) -> None:
    path = pki().store().prove(pki().newtel.leaf(key=key_of(kind)), now=NOW)

    assert [a.label for a in path.authorities] == ["NEWTEL-CA v2", "Vietnam National Root CA"]


@pytest.mark.parametrize(
    "usages",
    [
        [ExtendedKeyUsageOID.CLIENT_AUTH],
        [ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE],
        [ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.CLIENT_AUTH],
    ],
)
def test_extended_usage_for_clients_is_accepted(usages: list[ObjectIdentifier]) -> None:
    leaf = pki().newtel.leaf(more=((x509.ExtendedKeyUsage(usages), False),))

    assert pki().store().prove(leaf, now=NOW)


def test_email_protection_alone_only_where_the_operator_says_so() -> None:
    only = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
    leaf = pki().newtel.leaf(more=((only, False),))

    assert refused(leaf) == "certificate_use"
    assert pki().store(accept_email_protection=True).prove(leaf, now=NOW)


def policies(*oids: str) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    named = [x509.PolicyInformation(ObjectIdentifier(oid), None) for oid in oids]
    return ((x509.CertificatePolicies(named), False),) if oids else ()


_CLASS_1, _CLASS_2, _ANY = "1.3.6.1.4.1.30339.1.1", "1.3.6.1.4.1.30339.1.2", "2.5.29.32.0"


@pytest.mark.parametrize(
    ("settings", "named", "is_accepted"),
    [
        ({}, (), True),
        ({}, (_CLASS_2,), True),
        ({"policies": {_CLASS_1}}, (_CLASS_1,), True),
        ({"policies": {_CLASS_1, _CLASS_2}}, (_CLASS_2,), True),
        ({"policies": {_CLASS_1}}, (_CLASS_2, _CLASS_1), True),
        ({"policies": {_CLASS_1}}, (_CLASS_2,), False),
        ({"policies": {_CLASS_1}}, (_ANY,), False),
        ({"policies": {_CLASS_1}}, (), False),
        ({"refused_policies": {_CLASS_2}}, (), True),
        ({"refused_policies": {_CLASS_2}}, (_CLASS_1,), True),
        ({"refused_policies": {_CLASS_2}}, (_CLASS_1, _CLASS_2), False),
        ({"policies": {_CLASS_1}, "refused_policies": {_CLASS_2}}, (_CLASS_1, _CLASS_2), False),
    ],
)
def test_the_policies_of_a_certificate_are_those_its_ca_is_trusted_for(
    settings: dict[str, set[str]], named: tuple[str, ...], is_accepted: bool
) -> None:
    store = pki().store(**{key: frozenset(oids) for key, oids in settings.items()})
    leaf = pki().newtel.leaf(more=policies(*named))

    if is_accepted:
        assert store.prove(leaf, now=NOW)
    else:
        assert refused(leaf, store) == "certificate_use"


def test_a_chain_is_found_by_the_fingerprint_of_a_trusted_ca_only() -> None:
    store = pki().store()
    newtel = next(a for a in store.authorities if a.label == "NEWTEL-CA v2")

    assert [a.label for a in store.chain(newtel.fingerprint)] == [
        "NEWTEL-CA v2",
        "Vietnam National Root CA",
    ]
    assert store.chain("0" * 64) == ()
    assert TrustStore([newtel]).chain(newtel.fingerprint) == ()


@pytest.mark.parametrize("at", [NOW - YEAR, NOW + YEAR], ids=["first", "last"])
def test_the_edges_of_validity_belong_to_it(at: Any) -> None:
    leaf = pki().newtel.leaf(starts=NOW - YEAR, ends=NOW + YEAR)

    assert pki().store().prove(leaf, now=at)


def test_a_root_may_sign_people_only_where_it_is_marked() -> None:
    leaf = pki().root.leaf()
    marked = TrustStore([pki().root.authority(issues_subscribers=True)])

    assert refused(leaf) == "certificate_unknown_ca"
    assert marked.prove(leaf, now=NOW)


def test_the_names_of_a_certificate_never_decide() -> None:
    """A CA with every name of ours and another key (pki.md: 'verified by its name')."""
    false_root = Ca("Vietnam National Root CA", key_number=7)
    false = Ca("NEWTEL-CA v2", false_root, key_number=7, path_length=0)

    assert refused(false.leaf()) == "certificate_unknown_ca"


# --- refused ones -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "now", "reason"),
    [
        ({"ends": NOW - SECOND}, NOW, "certificate_expired"),
        ({"ends": NOW + YEAR}, NOW + YEAR + SECOND, "certificate_expired"),
        ({"starts": NOW + SECOND}, NOW, "certificate_not_yet"),
        ({"extensions": without(x509.KeyUsage)}, NOW, "certificate_use"),
        (
            {"extensions": (*without(x509.KeyUsage), (usage("key_encipherment"), True))},
            NOW,
            "certificate_use",
        ),
        (
            {"extensions": (*without(x509.KeyUsage), (usage("content_commitment"), True))},
            NOW,
            "certificate_use",
        ),
        (
            {"more": ((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),)},
            NOW,
            "certificate_use",
        ),
        (
            {"more": ((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), True),)},
            NOW,
            "certificate_use",
        ),
        (
            {"more": ((x509.NameConstraints([x509.DNSName("example.vn")], None), True),)},
            NOW,
            "certificate_use",
        ),
        (
            {
                "extensions": (
                    (x509.BasicConstraints(ca=True, path_length=0), True),
                    (usage("digital_signature", "key_cert_sign"), True),
                )
            },
            NOW,
            "certificate_unknown_ca",
        ),
        (
            {"more": ((x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"x"), True),)},
            NOW,
            "certificate_unknown_ca",
        ),
        ({"key": key_of("rsa1024")}, NOW, "certificate_key"),
        ({"key": key_of("rsa3")}, NOW, "certificate_key"),
        ({"key": key_of("p224")}, NOW, "certificate_key"),
        ({"key": key_of("k256")}, NOW, "certificate_key"),
    ],
)
def test_a_certificate_that_is_wrong_in_one_way_is_refused_for_that_reason(
    changes: dict[str, Any], now: Any, reason: str
) -> None:
    leaf = pki().newtel.leaf(**changes)

    code = refused(leaf, now=now)

    # The library's own refusal of an odd key or extension comes first and says less.
    assert code in {reason, "certificate_unknown_ca"} if "key" in changes else code == reason


def test_the_date_and_the_ca_of_an_expired_certificate_are_told() -> None:
    leaf = pki().newtel.leaf(ends=NOW - timedelta(days=1))

    with pytest.raises(CertificateRefused) as caught:
        pki().store().prove(leaf, now=NOW)

    assert caught.value.values == {"date": "23/11/2026", "ca": "NEWTEL-CA v2"}


def test_an_expired_certificate_of_a_stranger_is_a_stranger() -> None:
    foreign = Ca("Foreign", Ca("Foreign root"), path_length=0)

    assert refused(foreign.leaf(ends=NOW - SECOND)) == "certificate_unknown_ca"


def test_a_certificate_that_signed_itself_is_refused() -> None:
    alone = Ca("NGUYỄN VĂN HOÀ")

    assert refused(alone.leaf(subject=name("NEWTEL-CA v2"))) == "certificate_unknown_ca"
    assert refused(alone.certificate) == "certificate_unknown_ca"


def test_a_ca_below_a_ca_that_may_not_have_one_is_refused() -> None:
    below = Ca("Below", pki().newtel)
    store = TrustStore([*pki().store().authorities, below.authority()])

    assert refused(below.leaf(), store) == "certificate_unknown_ca"


def test_a_certificate_issued_by_a_person_is_refused() -> None:
    person = Ca("NGUYỄN VĂN HOÀ", pki().newtel)

    assert refused(person.leaf()) == "certificate_unknown_ca"


def test_an_authority_out_of_date_vouches_for_nobody() -> None:
    root = Ca("Old root", ends=NOW - SECOND)
    old = Ca("Old CA", root, path_length=0)
    store = TrustStore([root.authority(), old.authority()])

    assert refused(old.leaf(), store) == "certificate_unknown_ca"


def test_an_empty_trust_store_trusts_nobody() -> None:
    assert refused(pki().newtel.leaf(), TrustStore([])) == "certificate_unknown_ca"


@pytest.mark.parametrize("place", [20, 60, 150, -20, -1])
def test_a_changed_byte_is_refused(place: int) -> None:
    der = bytearray(pki().newtel.leaf().public_bytes(Encoding.DER))
    der[place] ^= 1

    with pytest.raises(CertificateRefused):
        pki().store().prove(certificates.load(bytes(der)), now=NOW)


@pytest.mark.parametrize("data", [b"", b"x", b"0" * 5000, b"\x30\x82\x01\x00", b"\x30\x80" * 3000])
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    with pytest.raises(CertificateRefused, match="certificate_form"):
        certificates.load(data)


def test_sha1_below_a_root_is_refused(tmp_path: Path) -> None:
    """The library signs no SHA-1, so openssl does; the root's own signature is not looked at."""
    run = subprocess.run
    key, ca = tmp_path / "k.pem", tmp_path / "ca.pem"
    shared = {"check": True, "capture_output": True}
    run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            key,
            "-out",
            ca,
            "-subj",
            "/CN=Old",
            "-days",
            "3650",
            "-sha1",
        ],
        **shared,
    )  # type: ignore[call-overload]
    root = x509.load_pem_x509_certificate(ca.read_bytes())
    now = root.not_valid_before_utc + timedelta(days=1)
    store = TrustStore([certificates.Authority("Old", PEOPLE, root, issues_subscribers=True)])

    assert refused(root, store, now) == "certificate_unknown_ca"


def test_roca_fingerprint_is_found_and_a_good_key_has_none() -> None:
    weak = 1
    for prime in (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157):
        weak *= prime
    good = key_of("rsa").public_key().public_numbers().n  # type: ignore[union-attr]

    assert has_roca_fingerprint(65537**5 % weak + weak)
    assert not has_roca_fingerprint(good)


# --- whose certificate --------------------------------------------------------------------------


def read(*user_ids: str, ca: Ca | None = None, **store: Any) -> holders.Holder:
    issuer = ca or pki().newtel
    leaf = issuer.leaf(subject=name("LÊ MINH PHƯƠNG", *user_ids, organisation="MobiFone"))
    return holders.read(pki().store(**store).prove(leaf, now=NOW))


@pytest.mark.parametrize(
    ("user_ids", "kind", "numbers"),
    [
        (["CCCD:001072000136"], CITIZEN, ["cccd:001072000136"]),
        (["cccd:001072000136"], CITIZEN, ["cccd:001072000136"]),
        (["CCCD: 001072000136 "], CITIZEN, ["cccd:001072000136"]),
        (["CMND:012345678"], CITIZEN, ["cmnd:012345678"]),
        # Kind by length, never by prefix: both mistakes are in real certificates.
        (["CMND:001072000136"], CITIZEN, ["cccd:001072000136"]),
        (["CCCD:162952530"], CITIZEN, ["cmnd:162952530"]),
        (["CMND:012345678", "CCCD:001072000136"], CITIZEN,
         ["cccd:001072000136", "cmnd:012345678"]),
        (["CCCD:001072000136", "CCCD:001072000136"], CITIZEN, ["cccd:001072000136"]),
        (["CCCD:001072000136", "BHXH:0110012345"], CITIZEN, ["cccd:001072000136"]),
        (["CCCD:001072000136", "PID:x", "?"], CITIZEN, ["cccd:001072000136"]),
        (["MST:0100109106"], ENTERPRISE, ["mst:0100109106"]),
        (["MST:0301519977-029"], ENTERPRISE, ["mst:0301519977029"]),
        (["MST:0301519977029"], ENTERPRISE, ["mst:0301519977029"]),
    ],
)  # fmt: skip
def test_holder_is_read_from_the_uids(
    user_ids: list[str], kind: SubjectKind, numbers: list[str]
) -> None:
    holder = read(*user_ids)

    assert holder.kind is kind
    assert [f"{n.kind}:{n.value}" for n in holder.numbers] == numbers
    assert holder.name == "LÊ MINH PHƯƠNG"


@pytest.mark.parametrize(
    ("user_ids", "reason"),
    [
        ([], "certificate_subject"),
        (["001072000136"], "certificate_subject"),
        (["HC:B1234567"], "certificate_subject"),
        (["CCCD:00107200013"], "certificate_subject"),
        (["CCCD:0010720001366"], "certificate_subject"),
        (["CCCD:００１０７２０００１３６"], "certificate_subject"),
        (["CCCD:001072000136", "CCCD:001072000137"], "certificate_subject"),
        (["CCCD:001072000136", "CMND:001072000137"], "certificate_subject"),
        (["MST:0100109107"], "certificate_subject"),
        (["MST:001072000136"], "certificate_subject"),
        (["MST:0100109106", "MST:0104359717"], "certificate_subject"),
        (["MST:"], "certificate_subject"),
        (["CCCD:"], "certificate_subject"),
        (["CCCD:001072000136'; DROP TABLE"], "certificate_subject"),
    ],
)
def test_a_subject_that_cannot_be_told_is_refused(user_ids: list[str], reason: str) -> None:
    with pytest.raises(CertificateRefused) as caught:
        read(*user_ids)

    assert caught.value.code == reason


def test_a_staff_certificate_opens_the_person_only_where_the_operator_says_so() -> None:
    holder = read("MST:0100686209-199", "CCCD:025199009534")

    issuer = pki().newtel.authority()
    assert not holders.opens_person(holder, issuer)
    assert holders.opens_person(holder, replace(issuer, accept_staff_certificates=True))
    assert holder.kind is CITIZEN
    assert [n.value for n in holder.numbers] == ["025199009534"]
    assert holder.employer
    assert holder.employer.value == "0100686209199"


def test_a_bare_uid_only_where_the_operator_says_so() -> None:
    assert read("001072000136", accept_bare_uid=True).numbers[0].value == "001072000136"


@pytest.mark.parametrize(
    ("code", "canonical"),
    [("000.00.17.G22", "G22.17"), ("G22.17", "G22.17"), ("000.00.00.G22", "G22")],
)
def test_an_agency_is_read_from_the_governments_certificate(code: str, canonical: str) -> None:
    holder = read(f"MDV:{code}", ca=pki().government)

    assert holder.kind is AGENCY
    assert [n.value for n in holder.numbers] == [canonical]


def test_the_prefix_of_the_agency_code_is_a_setting() -> None:
    holder = read("BGC:G22.17", ca=pki().government, agency_prefixes=("BGC",))

    assert holder.numbers[0].value == "G22.17"


def test_an_agency_without_a_code_has_no_number() -> None:
    assert read("MNS:1047665", ca=pki().government).numbers == ()


def test_a_governments_certificate_never_is_a_citizens() -> None:
    holder = read("CCCD:001072000136", ca=pki().government)

    assert holder.kind is AGENCY
    assert holder.numbers == ()


def test_an_authority_vouches_only_for_the_kinds_it_is_configured_for() -> None:
    only_citizens = Ca("SIM-CA", pki().root, path_length=0)
    store = TrustStore([pki().root.authority(), only_citizens.authority(frozenset({CITIZEN}))])
    leaf = only_citizens.leaf(subject=name("CÔNG TY", "MST:0100109106"))

    with pytest.raises(CertificateRefused, match="certificate_other_subject"):
        holders.read(store.prove(leaf, now=NOW))


@pytest.mark.parametrize(
    "common_name", ["\u202eGNAOH", "A\u0000B", "A\u200bB", "A\nB", "\ue000"], ids=ascii
)
def test_a_name_that_could_deceive_is_refused(common_name: str) -> None:
    try:
        leaf = pki().newtel.leaf(subject=name(common_name, "CCCD:001072000136"))
    except ValueError:
        pytest.skip("the builder refuses it too")
    with pytest.raises(CertificateRefused):
        holders.read(pki().store().prove(leaf, now=NOW))


def test_a_certificate_without_a_name_is_refused() -> None:
    leaf = pki().newtel.leaf(subject=name("", "CCCD:001072000136"))

    with pytest.raises(CertificateRefused, match="certificate_subject"):
        holders.read(pki().store().prove(leaf, now=NOW))


def test_commas_quotes_and_plus_in_a_value_are_text() -> None:
    common_name = 'CÔNG TY "A, B + C", O=GIẢ, UID=CCCD:001072000136'
    leaf = pki().newtel.leaf(subject=name(common_name, "MST:0100109106"))

    holder = holders.read(pki().store().prove(leaf, now=NOW))

    assert (holder.kind, holder.name) == (ENTERPRISE, common_name)


def test_a_number_in_another_attribute_is_nobodys() -> None:
    parts = [
        x509.NameAttribute(NameOID.COMMON_NAME, "NGUYỄN VĂN HOÀ"),
        x509.NameAttribute(NameOID.SERIAL_NUMBER, "CCCD:001072000136"),
    ]
    leaf = pki().newtel.leaf(subject=x509.Name(parts))

    with pytest.raises(CertificateRefused, match="certificate_subject"):
        holders.read(pki().store().prove(leaf, now=NOW))


@pytest.mark.parametrize("kind", ["p256", "rsa"])
def test_no_change_of_bytes_raises_anything_but_a_refusal(kind: str) -> None:
    """Thousands of broken certificates: each is refused, none is an error of ours."""
    rng = random.Random(2026)
    der = pki().newtel.leaf(key=key_of(kind)).public_bytes(Encoding.DER)
    store = pki().store()
    for _ in range(4000):
        changed = bytearray(der)
        for _ in range(rng.choice((1, 1, 2, 5))):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        if changed == der:
            continue
        try:
            path = store.prove(certificates.load(bytes(changed)), now=NOW)
            holders.read(path)
        except CertificateRefused:
            continue
        raise AssertionError(bytes(changed).hex())
