"""``keys/trust``: the CAs that we accept, one file each, with what each may vouch for."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
from cryptography import x509

from idp.domain.certificates import Authority, TrustStore
from idp.domain.errors import ConfigError
from idp.domain.subjects import SubjectKind


class _File(msgspec.Struct, forbid_unknown_fields=True):
    label: str
    kinds: list[SubjectKind]
    certificate: str
    ocsp_url: str = ""
    crl_url: str = ""
    agency_prefixes: tuple[str, ...] = ("MDV",)
    issues_subscribers: bool = False
    accept_staff_certificates: bool = False
    accept_email_protection: bool = False
    accept_bare_uid: bool = False
    policies: list[str] = []
    refused_policies: list[str] = []


def load(folder: Path) -> TrustStore:
    """Read every ``*.toml``. Raises ``ConfigError`` with every file that cannot be believed."""
    problems: list[str] = []
    found: list[Authority] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            found.append(_read(path))
        except (OSError, ValueError, msgspec.ValidationError) as error:
            problems.append(f"{path}: {error}")
    if problems:
        raise ConfigError(problems)
    return TrustStore(found)


def write(folder: Path, name: str, authority: dict[str, object]) -> None:
    """Accept another CA: the file that ``load`` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        f'certificate = """\n{value}"""' if key == "certificate" else f"{key} = {_toml(value)}"
        for key, value in authority.items()
    ]
    new = folder / f".{name}.new"
    new.write_text("\n".join(lines) + "\n", encoding="utf-8")
    new.replace(folder / f"{name}.toml")


def _toml(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _read(path: Path) -> Authority:
    text = path.read_text(encoding="utf-8")
    given = msgspec.convert(tomllib.loads(text), _File)
    certificate = x509.load_pem_x509_certificate(given.certificate.encode())
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    if not constraints.ca:
        msg = "is no CA certificate"
        raise ValueError(msg)
    return Authority(
        label=given.label,
        kinds=frozenset(given.kinds),
        certificate=certificate,
        ocsp_url=given.ocsp_url,
        crl_url=given.crl_url,
        agency_prefixes=tuple(prefix.upper() for prefix in given.agency_prefixes),
        issues_subscribers=given.issues_subscribers,
        accept_staff_certificates=given.accept_staff_certificates,
        accept_email_protection=given.accept_email_protection,
        accept_bare_uid=given.accept_bare_uid,
        policies=_oids(given.policies),
        refused_policies=_oids(given.refused_policies),
    )


def _oids(given: list[str]) -> frozenset[str]:
    return frozenset(x509.ObjectIdentifier(text).dotted_string for text in given)
