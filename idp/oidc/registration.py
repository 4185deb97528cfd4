"""Registering clients: what is stored and what is answered (RFC 7591, 3.2.1), and files of them."""

from __future__ import annotations

import hashlib
import secrets
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from idp.domain.clients import AuthMethod, Metadata
from idp.oidc.claims import SCOPES
from idp.oidc.client_addresses import Loopback
from idp.oidc.client_metadata import KNOWN, InvalidMetadata, check
from idp.oidc.response_types import CODE_ONLY, Offered
from idp.storage.clients import StoredClient


def new_client(
    metadata: Metadata,
    loopback: Loopback,
    *,
    source: str,
    issued_at: int,
    among: Offered = CODE_ONLY,
) -> tuple[StoredClient, Metadata]:
    """A client to store, and the answer of RFC 7591, section 3.2.1. A given id and secret stay."""
    found = check(metadata, loopback, among)
    if "scope" not in metadata:
        found["scope"] = " ".join(SCOPES)
    client_id = found.setdefault("client_id", secrets.token_hex(16))
    secret = found.pop("client_secret", None) or secrets.token_urlsafe(32)
    found.pop("client_secret_sha256", None)
    answer: Metadata = {**found, "client_id_issued_at": issued_at}
    if not AuthMethod(found["token_endpoint_auth_method"]).has_secret:
        return StoredClient(client_id, found, None, source), answer
    digest = hashlib.sha256(secret.encode()).digest()
    answer |= {"client_secret": secret, "client_secret_expires_at": 0}
    return StoredClient(client_id, found, digest, source), answer


@dataclass(frozen=True, slots=True)
class Plan:
    """What ``idp clients apply`` would do."""

    add: tuple[StoredClient, ...]
    change: tuple[StoredClient, ...]
    remove: tuple[str, ...]


FROM_FILE: Final = "file"


def plan(
    folder: Path,
    stored: Sequence[StoredClient],
    loopback: Loopback,
    among: Offered = CODE_ONLY,
) -> Plan:
    """Compare ``clients/*.toml`` with the database; clients from elsewhere are left alone."""
    wanted = {client.client_id: client for client in _read_folder(folder, loopback, among)}
    known = {client.client_id: client for client in stored}
    taken = [name for name in wanted if name in known and known[name].source != FROM_FILE]
    if taken:
        detail = f"{taken[0]} was registered in another way"
        raise InvalidMetadata("invalid_client_metadata", detail)
    return Plan(
        tuple(client for name, client in wanted.items() if name not in known),
        tuple(client for name, client in wanted.items() if known.get(name, client) != client),
        tuple(
            name
            for name, client in known.items()
            if client.source == FROM_FILE and name not in wanted
        ),
    )


def _read_folder(folder: Path, loopback: Loopback, among: Offered) -> list[StoredClient]:
    found = []
    for path in sorted(folder.glob("*.toml")):
        try:
            found.append(_read_file(path, loopback, among))
        except (InvalidMetadata, tomllib.TOMLDecodeError, ValueError) as error:
            raise InvalidMetadata("invalid_client_metadata", f"{path.name}: {error}") from error
    return found


def _read_file(path: Path, loopback: Loopback, among: Offered) -> StoredClient:
    data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    unknown = sorted(set(data) - KNOWN)
    if unknown:
        raise InvalidMetadata("invalid_client_metadata", f"unknown name {unknown[0]!r}")
    if "client_secret" in data:
        raise InvalidMetadata("invalid_client_metadata", "no secret belongs into a file")
    digest = data.pop("client_secret_sha256", None)
    metadata = check({"client_id": path.stem, **data}, loopback, among)
    secret_hash = bytes.fromhex(digest) if digest else None
    if (secret_hash is not None) != AuthMethod(metadata["token_endpoint_auth_method"]).has_secret:
        detail = "client_secret_sha256 goes with client_secret_basic and client_secret_post"
        raise InvalidMetadata("invalid_client_metadata", detail)
    return StoredClient(metadata["client_id"], metadata, secret_hash, FROM_FILE)
