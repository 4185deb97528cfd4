"""The trust anchors that an operator pinned: ``keys/trust/federation``, one file each.

A key of an anchor comes from a file and from nowhere else; what an anchor publishes about itself is
believed only when a pinned key signed it (section 11.3: a new key is pinned by hand).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from joserfc.jwk import KeySet

from idp.domain.errors import ConfigError
from idp.oidc.client_addresses import Loopback
from idp.oidc.federation import jws
from idp.oidc.federation.errors import FederationError
from idp.oidc.federation.statements import is_entity_id

_FOLDER = ("trust", "federation")


@dataclass(frozen=True, slots=True)
class TrustAnchor:
    """Whom we believe about a federation, and the keys that prove it."""

    entity_id: str
    keys: KeySet
    label: str = ""


Anchors = Mapping[str, TrustAnchor]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    entity_id: str
    jwks: jws.Json | str = ""
    jwks_file: str = ""
    label: str = ""


def load(keys: Path, loopback: Loopback) -> Anchors:
    """Read every ``*.toml`` and ``*.json``. Raises ``ConfigError`` with every bad file."""
    problems: list[str] = []
    found: dict[str, TrustAnchor] = {}
    folder = keys.joinpath(*_FOLDER)
    for path in sorted([*folder.glob("*.toml"), *folder.glob("*.json")]):
        try:
            anchor = _read(path, loopback)
        except (OSError, ValueError, msgspec.ValidationError, FederationError) as error:
            problems.append(f"{path}: {error}")
        else:
            if anchor:
                found[anchor.entity_id] = anchor
    if problems:
        raise ConfigError(problems)
    return found


def write(keys: Path, name: str, entity_id: str, jwks: jws.Json, *, label: str = "") -> None:
    """Pin an anchor: the file that ``load`` reads. ``label`` is what people read."""
    folder = keys.joinpath(*_FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / f".{name}.new"
    about = {"entity_id": entity_id, "jwks": jwks, "label": label}
    new.write_bytes(msgspec.json.format(msgspec.json.encode(about)))
    new.replace(folder / f"{name}.json")


def _read(path: Path, loopback: Loopback) -> TrustAnchor | None:
    data = path.read_bytes()
    if path.suffix == ".json":
        plain = jws.strict_json(data)
        if "entity_id" not in plain:
            return None  # the keys that a jwks_file names
    else:
        plain = tomllib.loads(data.decode())
    given = msgspec.convert(plain, _File)
    if not is_entity_id(given.entity_id, loopback):
        raise ValueError("entity_id must be an https address without query and fragment")
    if bool(given.jwks) == bool(given.jwks_file):
        raise ValueError("either jwks or jwks_file is needed")
    keys: object = given.jwks
    if given.jwks_file:
        keys = jws.strict_json((path.parent / given.jwks_file).read_bytes())
    elif isinstance(keys, str):
        keys = jws.strict_json(keys.encode())
    return TrustAnchor(given.entity_id, jws.key_set(keys), given.label)
