"""Revocation: OCSP first, CRL when OCSP is away, otherwise no (S16; pki.md 4 and 11)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path as Folder
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from idp.adapters.pki import RevocationChecker
from idp.domain.certificates import Path
from idp.domain.errors import PortAnswerInvalid, PortError, PortUnavailable
from idp.ports import Good, Revocation, Revoked, Unknown
from tests.support.build import NOW
from tests.support.pki import SOUND, Ca, key_of, name, pki

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
REVOKED_AT = NOW - timedelta(days=40)
OCSP, CRL, ROOT_CRL = "http://ca/ocsp", "http://ca/crl", "http://root/crl"


@dataclass
class Net:
    """The addresses of the CAs, and who asked them."""

    answers: dict[str, Callable[[bytes], bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __call__(self, url: str, *, body: bytes | None, content_type: str, most: int) -> bytes:
        del content_type, most
        self.asked.append(url)
        if url not in self.answers:
            raise PortUnavailable("ocsp", "no connection")
        return self.answers[url](body or b"")


def path(*, with_ocsp: bool = True, with_crl: bool = True) -> Path:
    store = pki().store(ocsp_url=OCSP if with_ocsp else "", crl_url=CRL if with_crl else "")
    return store.prove(pki().newtel.leaf(), now=NOW)


def answer(found: Path, **changes: Any) -> Callable[[bytes], bytes]:
    """A good answer, with changes."""
    ca = pki().newtel
    wanted: dict[str, Any] = {
        "status": ocsp.OCSPCertStatus.GOOD,
        "signer": ca,
        "responder": ca.certificate,
        "this": NOW - MINUTE,
        "next": NOW + 10 * MINUTE,
        "leaf": found.leaf,
        "issuer": ca.certificate,
        "nonce": None,
        "certificates": [],
        "hash": hashes.SHA256(),
        **changes,
    }

    def respond(question: bytes) -> bytes:
        revoked = wanted["status"] is ocsp.OCSPCertStatus.REVOKED
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=wanted["leaf"],
            issuer=wanted["issuer"],
            algorithm=wanted["hash"],
            cert_status=wanted["status"],
            this_update=wanted["this"],
            next_update=wanted["next"],
            revocation_time=REVOKED_AT if revoked else None,
            revocation_reason=None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, wanted["responder"])
        if wanted["certificates"]:
            builder = builder.certificates(wanted["certificates"])
        nonce = wanted["nonce"]
        if nonce == "echo":
            asked = ocsp.load_der_ocsp_request(question)
            nonce = asked.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
        if nonce:
            builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
        return builder.sign(wanted["signer"].key, hashes.SHA256()).public_bytes(Encoding.DER)

    return respond


def crl(*serials: int, ca: Ca | None = None, **times: datetime) -> Callable[[bytes], bytes]:
    issuer = ca or pki().newtel
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(times.get("first", NOW - MINUTE))
        .next_update(times.get("last", NOW + 60 * MINUTE))
    )
    for serial in serials:
        entry = x509.RevokedCertificateBuilder(serial, REVOKED_AT)
        builder = builder.add_revoked_certificate(entry.build())
    return lambda _: builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def responder(issuer: Ca, *usages: x509.ObjectIdentifier, **changes: Any) -> Ca:
    """Somebody to whom a CA gave the right to answer, or not."""
    found = Ca("Responder", key_number=5)
    more = ((x509.ExtendedKeyUsage(list(usages)), False),) if usages else ()
    found.certificate = issuer.leaf(
        subject=name("Responder"), key=found.key, extensions=SOUND, more=more, **changes
    )
    return found


def check(net: Net, found: Path, now: datetime = NOW) -> Revocation:
    return RevocationChecker(net).check(found, now=now)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, Good()),
        ({"nonce": "echo"}, Good()),
        ({"hash": hashes.SHA1()}, Good()),
        ({"next": None, "this": NOW - 14 * MINUTE}, Good()),
        ({"this": NOW + 59 * SECOND}, Good()),
        ({"status": ocsp.OCSPCertStatus.REVOKED}, Revoked(REVOKED_AT)),
        ({"status": ocsp.OCSPCertStatus.UNKNOWN}, Unknown()),
    ],
)
def test_an_ocsp_answer_of_the_ca_counts(changes: dict[str, Any], state: Revocation) -> None:
    found = path()

    assert check(Net({OCSP: answer(found, **changes)}), found) == state


def test_a_designated_responder_counts() -> None:
    found = path()
    signer = responder(pki().newtel, ExtendedKeyUsageOID.OCSP_SIGNING)
    changes = {
        "signer": signer, "responder": signer.certificate, "certificates": [signer.certificate]
    }  # fmt: skip

    assert check(Net({OCSP: answer(found, **changes)}), found) == Good()


@pytest.mark.parametrize(
    "changes",
    [
        {"next": NOW - 2 * MINUTE, "this": NOW - 20 * MINUTE},
        {"next": None, "this": NOW - 16 * MINUTE},
        {"this": NOW + 61 * SECOND},
        {"nonce": b"another nonce, sixteen bytes"},
        {"signer": pki().government, "responder": pki().government.certificate},
        {"signer": pki().root, "responder": pki().root.certificate},
    ],
    ids=["stale", "old", "future", "nonce", "foreign", "grandparent"],
)
def test_a_false_ocsp_answer_is_refused_and_no_crl_softens_it(changes: dict[str, Any]) -> None:
    found = path()
    net = Net({OCSP: answer(found, **changes), CRL: crl()})

    with pytest.raises(PortAnswerInvalid):
        check(net, found)
    assert CRL not in net.asked


def test_an_answer_about_another_certificate_is_refused() -> None:
    found = path()
    net = Net({OCSP: answer(found, leaf=pki().newtel.leaf()), CRL: crl()})

    with pytest.raises(PortAnswerInvalid, match="another certificate"):
        check(net, found)


@pytest.mark.parametrize(
    ("issuer", "usages", "changes"),
    [
        (pki().newtel, [], {}),
        (pki().newtel, [ExtendedKeyUsageOID.CLIENT_AUTH], {}),
        (pki().government, [ExtendedKeyUsageOID.OCSP_SIGNING], {}),
        (pki().newtel, [ExtendedKeyUsageOID.OCSP_SIGNING], {"ends": NOW - SECOND}),
    ],
    ids=["no usage", "other usage", "other CA", "expired"],
)
def test_a_responder_that_nobody_made_one_is_refused(
    issuer: Ca, usages: list[x509.ObjectIdentifier], changes: dict[str, Any]
) -> None:
    found = path()
    signer = responder(issuer, *usages, **changes)
    shown = {
        "signer": signer, "responder": signer.certificate, "certificates": [signer.certificate]
    }  # fmt: skip

    with pytest.raises(PortAnswerInvalid):
        check(Net({OCSP: answer(found, **shown)}), found)


@pytest.mark.parametrize("data", [b"", b"x", b"<html>", b"\x30\x03\x0a\x01\x06", b"\x30" * 9999])
def test_garbage_from_the_responder_is_refused(data: bytes) -> None:
    found = path()

    with pytest.raises(PortError):
        check(Net({OCSP: lambda _: data}), found)


@pytest.mark.parametrize("later", ["TRY_LATER", "INTERNAL_ERROR"])
def test_try_later_is_away_and_the_crl_is_asked(later: str) -> None:
    found = path()
    status = ocsp.OCSPResponseStatus[later]
    data = ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)

    assert check(Net({OCSP: lambda _: data, CRL: crl()}), found) == Good()


def test_without_ocsp_the_crl_decides() -> None:
    found = path()

    assert check(Net({CRL: crl()}), found) == Good()
    listed = Net({CRL: crl(found.leaf.serial_number)})
    assert check(listed, found) == Revoked(REVOKED_AT)


def test_both_away_is_no() -> None:
    with pytest.raises(PortUnavailable):
        check(Net(), path())


def test_a_ca_without_addresses_is_no() -> None:
    with pytest.raises(PortUnavailable):
        check(Net(), path(with_ocsp=False, with_crl=False))


@pytest.mark.parametrize(
    "made",
    [
        crl(ca=pki().government),
        crl(ca=Ca("NEWTEL-CA v2", Ca("False root"), key_number=9)),
        crl(last=NOW - SECOND, first=NOW - 60 * MINUTE),
        crl(first=NOW + 2 * MINUTE),
        lambda _: b"garbage",
    ],
    ids=["other CA", "same name", "stale", "future", "garbage"],
)
def test_a_false_crl_is_refused(made: Callable[[bytes], bytes]) -> None:
    with pytest.raises(PortAnswerInvalid):
        check(Net({CRL: made}), path(with_ocsp=False))


def test_a_revoked_authority_vouches_for_nobody() -> None:
    store = pki().store(ocsp_url=OCSP)
    root = pki().root.authority(crl_url=ROOT_CRL)
    newtel = next(a for a in store.authorities if a.label == "NEWTEL-CA v2")
    found = Path(pki().newtel.leaf(), (newtel, root))
    serial = newtel.certificate.serial_number
    net = Net({OCSP: answer(found), ROOT_CRL: crl(serial, ca=pki().root)})

    assert check(net, found) == Revoked(REVOKED_AT, "NEWTEL-CA v2")


def test_a_good_answer_is_remembered_for_five_minutes_and_a_bad_one_is_not() -> None:
    found, clock = path(), [0.0]
    net = Net({OCSP: answer(found)})
    checker = RevocationChecker(net, lambda: clock[0])
    checker.check(found, now=NOW)
    checker.check(found, now=NOW)

    assert net.asked == [OCSP]
    clock[0] = 301
    net.answers[OCSP] = answer(found, status=ocsp.OCSPCertStatus.REVOKED)
    assert checker.check(found, now=NOW) == Revoked(REVOKED_AT)
    assert checker.check(found, now=NOW) == Revoked(REVOKED_AT)
    assert net.asked == [OCSP] * 3


def test_a_crl_serves_until_half_of_its_time_and_until_its_end_when_the_ca_is_away() -> None:
    found = path(with_ocsp=False)
    net = Net({CRL: crl(first=NOW, last=NOW + 60 * MINUTE)})
    clock = [0.0]
    checker = RevocationChecker(net, lambda: clock[0])

    for minutes, asked in ((0, 1), (29, 1), (31, 2)):
        clock[0] += 10_000
        checker.check(found, now=NOW + minutes * MINUTE)
        assert len(net.asked) == asked
    net.answers.clear()
    clock[0] += 10_000
    assert checker.check(found, now=NOW + 59 * MINUTE) == Good()
    clock[0] += 10_000
    with pytest.raises(PortUnavailable):
        checker.check(found, now=NOW + 61 * MINUTE)


def test_an_address_in_the_certificate_is_never_fetched() -> None:
    """The attacker's AIA and CDP name an address of ours: nobody goes there (SSRF)."""
    where = x509.UniformResourceIdentifier("http://169.254.169.254/")
    aia = x509.AuthorityInformationAccess(
        [
            x509.AccessDescription(x509.oid.AuthorityInformationAccessOID.OCSP, where),
            x509.AccessDescription(x509.oid.AuthorityInformationAccessOID.CA_ISSUERS, where),
        ]
    )
    points = x509.CRLDistributionPoints([x509.DistributionPoint([where], None, None, None)])
    leaf = pki().newtel.leaf(key=key_of("p256"), more=((aia, False), (points, False)))
    found = pki().store(ocsp_url=OCSP, crl_url=CRL).prove(leaf, now=NOW)
    net = Net({OCSP: answer(found)})

    check(net, found)

    assert net.asked == [OCSP]


# --- lists on disk ------------------------------------------------------------------------------


def test_a_list_serves_the_next_process_until_half_of_its_time(tmp_path: Folder) -> None:
    found = path(with_ocsp=False)
    net = Net({CRL: crl(found.leaf.serial_number, first=NOW, last=NOW + 60 * MINUTE)})
    RevocationChecker(net, folder=tmp_path).check(found, now=NOW)

    again = RevocationChecker(net, folder=tmp_path)

    assert again.check(found, now=NOW + 29 * MINUTE) == Revoked(REVOKED_AT)
    assert net.asked == [CRL]
    assert again.check(found, now=NOW + 31 * MINUTE) == Revoked(REVOKED_AT)
    assert net.asked == [CRL, CRL]


def test_a_list_on_disk_serves_a_new_process_when_the_ca_is_away_and_dies_in_time(
    tmp_path: Folder,
) -> None:
    found = path(with_ocsp=False)
    net = Net({CRL: crl(first=NOW, last=NOW + 60 * MINUTE)})
    RevocationChecker(net, folder=tmp_path).check(found, now=NOW)
    net.answers.clear()

    late = RevocationChecker(net, folder=tmp_path)
    assert late.check(found, now=NOW + 59 * MINUTE) == Good()
    with pytest.raises(PortUnavailable):
        RevocationChecker(net, folder=tmp_path).check(found, now=NOW + 61 * MINUTE)


@pytest.mark.parametrize(
    "planted",
    [
        b"",
        b"garbage",
        crl(ca=pki().government)(b""),
        crl(ca=Ca("NEWTEL-CA v2", key_number=11))(b""),
    ],
    ids=["empty", "garbage", "other CA", "same name"],
)
def test_what_lies_on_the_disk_is_not_believed(tmp_path: Folder, planted: bytes) -> None:
    found = path(with_ocsp=False)
    net = Net({CRL: crl(found.leaf.serial_number)})
    RevocationChecker(net, folder=tmp_path).check(found, now=NOW)
    [file] = tmp_path.iterdir()
    file.write_bytes(planted)

    assert RevocationChecker(net, folder=tmp_path).check(found, now=NOW) == Revoked(REVOKED_AT)
    assert net.asked == [CRL, CRL]


def test_a_listed_certificate_was_revoked_on_the_same_day_by_whichever_cache_it_is_told(
    tmp_path: Folder,
) -> None:
    found = path(with_ocsp=False)
    net = Net({CRL: crl(found.leaf.serial_number)})
    fetched = RevocationChecker(net, folder=tmp_path)

    told = [fetched.check(found, now=NOW), fetched.check(found, now=NOW)]
    told.append(RevocationChecker(net, folder=tmp_path).check(found, now=NOW))

    assert told == [Revoked(REVOKED_AT)] * 3
    assert net.asked == [CRL]


def test_a_disk_that_takes_nothing_costs_no_answer(tmp_path: Folder) -> None:
    found = path(with_ocsp=False)
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    checker = RevocationChecker(Net({CRL: crl()}), folder=blocked)

    assert checker.check(found, now=NOW) == Good()


# --- by number only -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "expected"),
    [("GOOD", Good()), ("REVOKED", Revoked(REVOKED_AT)), ("UNKNOWN", Unknown())],
)
def test_a_certificate_is_asked_about_by_its_number_and_never_from_memory(
    status: str, expected: Revocation
) -> None:
    found = path()
    net = Net({OCSP: answer(found, status=ocsp.OCSPCertStatus[status], nonce="echo")})
    checker = RevocationChecker(net)

    for _ in range(2):
        state = checker.check_number(found.authorities, found.leaf.serial_number, now=NOW)
        assert state == expected
    assert net.asked == [OCSP, OCSP]


def test_the_question_names_issuer_and_number_as_the_library_would() -> None:
    found, seen = path(), []
    net = Net({OCSP: lambda question: seen.append(question) or answer(found)(question)})

    check(net, found)

    asked = ocsp.load_der_ocsp_request(seen[0])
    usual = ocsp.OCSPRequestBuilder().add_certificate(
        found.leaf, pki().newtel.certificate, hashes.SHA256()
    )
    same = usual.build()
    assert asked.serial_number == same.serial_number
    assert asked.issuer_key_hash == same.issuer_key_hash
    assert asked.issuer_name_hash == same.issuer_name_hash
