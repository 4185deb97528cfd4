"""Clients that register and manage themselves over the wire (RFC 7591, RFC 7592).

Who may register is a setting: nobody, holders of an initial access token (good for as many clients
as its maker said) or of a software statement whose issuer admits them, or everybody within a limit
per network. What a client may say about itself is less than what an operator may say: nothing that
gives it power over others' tokens. What a software statement says goes before (RFC 7591, 2.3).

A client that can authenticate and says nothing about PKCE is not made to use it: its codes are
bound to its secret and its ``nonce`` (RFC 9700, 2.1.1). It is told so in the answer.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from idp.config import Oidc, RegistrationMode
from idp.domain.clients import AuthMethod, Client, GrantType, Metadata, Profile, SubjectType
from idp.domain.errors import PortUnavailable
from idp.domain.events import AuditEvent, Event
from idp.domain.shown import has_link
from idp.oidc.calls import NO_STORE, Call, Reply
from idp.oidc.claims import SCOPES
from idp.oidc.client_addresses import Loopback, origin
from idp.oidc.client_metadata import InvalidMetadata, check
from idp.oidc.initial_tokens import InitialTokens
from idp.oidc.keys import b64
from idp.oidc.registration import new_client
from idp.oidc.response_types import offered
from idp.oidc.software_statements import MEMBER, SoftwareStatements, Statement
from idp.ports import WebClient
from idp.storage.audit import AuditStore
from idp.storage.clients import ClientStore, StoredClient
from idp.storage.database import Database
from idp.storage.endings import Endings
from idp.storage.single_use import SingleUse
from idp.storage.throttle import Limit, ThrottleStore
from idp.storage.vault import Vault

PATH: Final = "/connect/register"
FROM_WIRE: Final = "wire"
_OPERATORS_ONLY: Final = frozenset(
    {"client_id", "client_secret", "client_secret_sha256", "profile", "resources"}
    | {"protected_resources"}
)
_MOST_BYTES: Final = 32768
_FETCHING: Final = frozenset({GrantType.DEVICE_CODE, GrantType.CIBA})
_encode = msgspec.json.Encoder().encode


class _Entry(enum.Enum):
    """By what a client came in."""

    REFUSED = enum.auto()
    ADMITTED = enum.auto()
    OPEN = enum.auto()


@dataclass(frozen=True, slots=True)
class Registrar:
    """Registers, shows, changes and removes clients of the wire."""

    issuer: str
    settings: Oidc
    per_hour: int
    loopback: Loopback
    database: Database
    vault: Vault
    clients: ClientStore[Client]
    web: WebClient
    audit: AuditStore
    throttle: ThrottleStore
    network: Callable[[str], str]
    statements: SoftwareStatements

    # --- RFC 7591 -------------------------------------------------------------------------------

    def register(self, call: Call, *, now: datetime) -> Reply:
        """Section 3: a new client, or why not."""
        if self.settings.registration is RegistrationMode.CLOSED:
            return _refusal(403, "access_denied", "registration is closed")
        limit = Limit("client_registration", self.per_hour, timedelta(hours=1))
        if self.throttle.hit(limit, self.network(call.address), now=now).is_over:
            return _refusal(429, "temporarily_unavailable", "too many registrations")
        seconds = int(now.timestamp())
        try:
            given = _json(call)
            statement = self._stated(given, seconds)
            asked = _with_subject_type(self._limited(_merged(given, statement)))
            # Checked first, so that metadata with a mistake does not use the token up.
            self._check(asked)
            entry = self._enter(call, statement, now=now)
            if entry is _Entry.REFUSED:
                return _challenge("invalid_token")
            stored, answer = new_client(
                asked,
                self.loopback,
                source=FROM_WIRE,
                issued_at=seconds,
                among=offered(self.settings),
            )
        except InvalidMetadata as error:
            return _refusal(400, error.code, error.detail)
        kept = {MEMBER: statement.token} if statement else {}
        about = {**stored.metadata, **kept, "is_stranger": entry is _Entry.OPEN}
        self._save(replace(stored, metadata=about), now=now, stated=statement)
        return Reply(201, _encode(self._with_access({**answer, **kept})))

    def issue_initial_token(self, *, uses: int, life: timedelta, now: datetime) -> str:
        """A token that registers ``uses`` clients within ``life``."""
        return self._initial.issue(uses=uses, life=life, now=now)

    def _stated(self, given: Metadata, now: int) -> Statement | None:
        """The software statement that came along. Raises ``InvalidMetadata``."""
        if MEMBER in given:
            return self.statements.read(given[MEMBER], now=now)
        if self.settings.require_software_statement:
            raise InvalidMetadata("invalid_software_statement", "a software statement is needed")
        return None

    def _enter(self, call: Call, statement: Statement | None, *, now: datetime) -> _Entry:
        """By what a client comes in; an initial access token is used up."""
        if _bearer(call):
            is_good = self._initial.spend(_bearer(call), now=now)
            return _Entry.ADMITTED if is_good else _Entry.REFUSED
        if statement is not None and statement.issuer.admits:
            return _Entry.ADMITTED
        is_open = self.settings.registration is RegistrationMode.OPEN
        return _Entry.OPEN if is_open else _Entry.REFUSED

    # --- RFC 7592 -------------------------------------------------------------------------------

    def manage(self, client_id: str, call: Call, *, now: datetime) -> Reply:
        """Sections 2.1 to 2.3: read, replace, delete."""
        stored = self._own(client_id, call)
        if stored is None:
            return _challenge("invalid_token")
        if call.method == "DELETE":
            return self._remove(stored, now=now)
        if call.method == "PUT":
            return self._replace(stored, call, now=now)
        return Reply(200, _encode(self._with_access(self._shown(stored))))

    def _own(self, client_id: str, call: Call) -> StoredClient | None:
        """The client whose registration access token this is."""
        expected = self._access_token(client_id)
        if not hmac.compare_digest(expected.encode(), _bearer(call).encode()):
            return None
        stored = self.clients.stored(client_id)
        return stored if stored and stored.source == FROM_WIRE else None

    def _replace(self, stored: StoredClient, call: Call, *, now: datetime) -> Reply:
        """Section 2.2: the whole of the metadata anew."""
        try:
            given = _json(call)
            statement = self._restated(stored, given, int(now.timestamp()))
            changed = self._changed(stored, _merged(given, statement))
        except InvalidMetadata as error:
            return _refusal(400, error.code, error.detail)
        kept = {MEMBER: statement.token} if statement else {}
        changed = replace(changed, metadata={**changed.metadata, **kept})
        self._save(changed, now=now, stated=statement)
        return Reply(200, _encode(self._with_access(self._shown(changed))))

    def _restated(self, stored: StoredClient, given: Metadata, now: int) -> Statement | None:
        """The statement that goes on counting: a new one, or the one it registered with."""
        before = stored.metadata.get(MEMBER)
        token = given.get(MEMBER, before)
        if token is None:
            return None
        if token == before:
            return self.statements.reread(token)
        return self.statements.read(token, now=now)

    def _changed(self, stored: StoredClient, given: Metadata) -> StoredClient:
        """The client with new metadata; its id and its secret are what they are."""
        if given.pop("client_id", stored.client_id) != stored.client_id:
            raise InvalidMetadata("invalid_client_metadata", "client_id is another one")
        secret = given.pop("client_secret", None)
        if secret is not None and not _is_secret(stored, secret):
            raise InvalidMetadata("invalid_client_metadata", "client_secret is another one")
        asked = self._limited({k: v for k, v in given.items() if k not in _ABOUT_US})
        is_stranger = stored.metadata.get("is_stranger", False)
        found = {
            **self._check(asked),
            "client_id": stored.client_id,
            "is_stranger": is_stranger,
        }
        has_secret = AuthMethod(found["token_endpoint_auth_method"]).has_secret
        if has_secret and stored.secret_hash is None:
            detail = "a client without a secret cannot change to one: register anew"
            raise InvalidMetadata("invalid_client_metadata", detail)
        kept = stored.secret_hash if has_secret else None
        return StoredClient(stored.client_id, found, kept, FROM_WIRE)

    def _remove(self, stored: StoredClient, *, now: datetime) -> Reply:
        """Section 2.3: the client goes, and every grant it has."""
        with self.database.transaction() as connection:
            # First, while its address for logouts is known.
            endings = Endings(self.database, self.vault)
            endings.client(connection, stored.client_id, now=now)
            self.clients.remove(connection, stored.client_id, now=now)
            self.audit.add(connection, _event(stored.client_id, "removed", now))
        return Reply(204, b"")

    def _shown(self, stored: StoredClient) -> Metadata:
        found = {name: value for name, value in stored.metadata.items() if name != "is_stranger"}
        return {**found, "client_id": stored.client_id}

    # --- both -----------------------------------------------------------------------------------

    def _limited(self, given: Metadata) -> Metadata:
        """What a client may say about itself; FAPI 2.0 is the one profile it may choose."""
        asked = {name: value for name, value in given.items() if name not in _OPERATORS_ONLY}
        _check_words(asked)
        if given.get("profile") == Profile.FAPI2:
            asked["profile"] = Profile.FAPI2.value
        is_public = asked.get("token_endpoint_auth_method") == AuthMethod.NONE
        asked.setdefault("require_pkce", is_public or "profile" in asked)
        return asked

    def _check(self, asked: Metadata) -> Metadata:
        found = check(asked, self.loopback, offered(self.settings))
        self._check_not_ours(found)
        self._check_sector(found)
        return found

    def _check_not_ours(self, found: Metadata) -> None:
        """No address of a stranger is one of ours: we would call, or send people to, ourselves.

        Keys at an address of ours that wants those keys would hold up every thread we have.
        """
        ours = origin(self.issuer)
        for name, value in found.items():
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, str) and "://" in each and origin(each) == ours:
                    detail = f"{name} is an address of the provider"
                    raise InvalidMetadata("invalid_client_metadata", detail)

    def _check_sector(self, found: Metadata) -> None:
        """Every redirect_uri stands in the document of its sector (OIDC Registration, 5).

        A client without any names its ``jwks_uri`` there (CIBA Core, 4). Tokens that are fetched,
        not sent to a host, prove nothing about it, so who fetches them needs the document:
        or it could learn what other portals of that host call a person.
        """
        uri = found.get("sector_identifier_uri")
        if not uri:
            is_pairwise = found["subject_type"] == SubjectType.PAIRWISE
            fetches = bool(_FETCHING & set(found["grant_types"]))
            if is_pairwise and fetches and found["redirect_uris"]:
                detail = "device and CIBA grants beside redirect_uris need sector_identifier_uri"
                raise InvalidMetadata("invalid_client_metadata", detail)
            return
        named = set(found["redirect_uris"]) or {found.get("jwks_uri", "")}
        try:
            answer = self.web.get(uri, accept="application/json", most=_MOST_BYTES)
            body = answer.body if answer.status == 200 else b""  # noqa: PLR2004  OK
            listed = set(msgspec.json.decode(body, type=list[str]))
        except (PortUnavailable, msgspec.DecodeError):
            raise InvalidMetadata(
                "invalid_client_metadata", "sector_identifier_uri has no list of addresses"
            ) from None
        if not named <= listed:
            detail = "an address is not in the document of sector_identifier_uri"
            raise InvalidMetadata("invalid_client_metadata", detail)

    def _save(
        self, stored: StoredClient, *, now: datetime, stated: Statement | None = None
    ) -> None:
        vouched = {"statement": stated.issuer.issuer} if stated else {}
        with self.database.transaction() as connection:
            self.clients.save(connection, stored, now=now)
            self.audit.add(connection, _event(stored.client_id, "saved", now, **vouched))

    def _with_access(self, answer: Metadata) -> Metadata:
        client_id = answer["client_id"]
        return {
            **answer,
            "registration_access_token": self._access_token(client_id),
            "registration_client_uri": f"{self.issuer}{PATH}/{client_id}",
        }

    def _access_token(self, client_id: str) -> str:
        """Derived, so that it need not be kept; ids are random and never given twice."""
        return b64(hmac.digest(self._key("access"), client_id.encode(), "sha256"))

    @property
    def _initial(self) -> InitialTokens:
        return InitialTokens(self._key("initial"), SingleUse(self.database))

    def _key(self, purpose: str) -> bytes:
        return self.vault.key(f"client-registration-{purpose}")


_ABOUT_US: Final = frozenset(
    {"registration_access_token", "registration_client_uri", "client_id_issued_at"}
    | {"client_secret_expires_at"}
)


def _with_subject_type(asked: Metadata) -> Metadata:
    """Who has several hosts and neither a sector nor a wish gets public subjects (Core, 8.1).

    Pairwise ones would be for none of its hosts. Only a new client: nobody's subjects change later.
    """
    uris = asked.get("redirect_uris")
    if asked.keys() & {"subject_type", "sector_identifier_uri"} or not isinstance(uris, list):
        return asked
    hosts = {origin(uri)[1] for uri in uris if isinstance(uri, str)}
    return {**asked, "subject_type": SubjectType.PUBLIC.value} if len(hosts) > 1 else asked


def _check_words(asked: Metadata) -> None:
    """A stranger's name stands in messages of ours, and nobody is rung by number for strangers."""
    name = asked.get("client_name")
    if isinstance(name, str) and has_link(name):
        raise InvalidMetadata("invalid_client_metadata", "client_name looks like a link")
    grants, scope = asked.get("grant_types"), asked.get("scope")
    if not isinstance(grants, list) or GrantType.CIBA not in grants:
        return
    if scope is None:
        asked["scope"] = " ".join(each for each in SCOPES if each != _BY_NUMBER)
    elif isinstance(scope, str) and _BY_NUMBER in scope.split():
        detail = "CIBA with the scope identity names people by number: ask an operator"
        raise InvalidMetadata("invalid_client_metadata", detail)


_BY_NUMBER: Final = "identity"


def _json(call: Call) -> dict[str, Any]:
    if call.content_type.partition(";")[0].strip().lower() != "application/json":
        raise InvalidMetadata("invalid_client_metadata", "the body must be application/json")
    if len(call.body) > _MOST_BYTES:
        raise InvalidMetadata("invalid_client_metadata", "the body is too long")
    try:
        return msgspec.json.decode(call.body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError, ValueError):
        raise InvalidMetadata("invalid_client_metadata", "the body is no JSON object") from None


def _bearer(call: Call) -> str:
    scheme, _, token = (call.authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.isascii() else ""


def _is_secret(stored: StoredClient, secret: object) -> bool:
    digest = hashlib.sha256(str(secret).encode()).digest()
    return stored.secret_hash is not None and secrets.compare_digest(digest, stored.secret_hash)


def _merged(given: Metadata, statement: Statement | None) -> Metadata:
    """What the client says, and before it what its statement says (section 2.3)."""
    said = statement.metadata if statement else {}
    return {**given, **said}


def _event(client_id: str, what: str, now: datetime, **more: str) -> AuditEvent:
    details = {"how": FROM_WIRE, "what": what, **more}
    return AuditEvent(Event.CLIENT_SAVED, now, client_id=client_id, details=details)


def _refusal(status: int, error: str, detail: str) -> Reply:
    """RFC 7591, 3.2.2: the detail is for developers and holds nothing that could be markup."""
    plain = detail.encode("ascii", "backslashreplace").decode()
    return Reply(status, _encode({"error": error, "error_description": plain}))


def _challenge(error: str) -> Reply:
    headers = {**NO_STORE, "WWW-Authenticate": f'Bearer realm="registration", error="{error}"'}
    return Reply(401, _encode({"error": error}), headers=headers)
