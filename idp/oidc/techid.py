"""``/oauth2/techid``: which TechID belongs to a number, for back offices of ``dvcqg`` portals.

The standard form of the national SSO's TraCuuTechID. The caller shows a token of its own
(client_credentials, RFC 6749, 4.4) with the scope ``techid.lookup``; no person's token does. Every
question is counted before it is answered and stands in the history of the person it was about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from idp.domain.clients import Client, Profile
from idp.domain.errors import InvalidInput
from idp.domain.events import AuditEvent, Event
from idp.domain.subjects import AgencyCode, IdKind, IdNumber, TaxCode
from idp.oidc.calls import FORM_TYPE, Call, Reply, read_form
from idp.oidc.dvcqg import account_kind, tech_id
from idp.oidc.errors import InvalidRequestError, OAuth2Error
from idp.oidc.tokens import Tokens
from idp.ports import Clock
from idp.storage.accounts import AccountStore
from idp.storage.audit import AuditStore
from idp.storage.clients import ClientStore
from idp.storage.database import Database
from idp.storage.throttle import Limit, ThrottleStore

SCOPE: Final = "techid.lookup"
_LONGEST_BODY = 1024
_encode = msgspec.json.Encoder().encode


def _tax_code(text: str) -> IdNumber:
    return IdNumber(IdKind.TAX_CODE, TaxCode.parse(text).value)


def _agency_code(text: str) -> IdNumber:
    return IdNumber(IdKind.AGENCY_CODE, AgencyCode.parse(text).value)


_READERS: Final = {
    "SoDinhDanh": IdNumber.parse,
    "SoCMND": IdNumber.parse,
    "MaSoThue": _tax_code,
    "MaDonVi": _agency_code,
}


@dataclass(frozen=True, slots=True)
class TechIdLookup:
    """The endpoint, as a function of bytes."""

    tokens: Tokens
    clients: ClientStore[Client]
    accounts: AccountStore
    audit: AuditStore
    throttle: ThrottleStore
    database: Database
    clock: Clock
    techid_key: bytes
    per_minute: int

    def answer(self, token: str, body: bytes, content_type: str) -> Reply:
        """``TechID`` and ``LoaiTaiKhoan`` of the account that has the number."""
        now = self.clock()
        client = self._client(token, now)
        if isinstance(client, Reply):
            return client
        counted = self.throttle.hit(self._limit(), client.client_id, now=now)
        if counted.is_over:
            return _reply(429, {"error": "slow_down"}, **{"Retry-After": str(counted.seconds)})
        try:
            number = _number(body, content_type)
        except OAuth2Error as error:
            return _reply(400, {"error": error.error, "error_description": str(error.description)})
        return self._look_up(client, number, now)

    def _client(self, token: str, now: datetime) -> Client | Reply:
        """The calling client: its own token, not bound to a key that it did not show."""
        found = self.tokens.read_access_token(token, now=int(now.timestamp())) if token else None
        if found is None or "cnf" in found or found.get("sub") != found.get("client_id"):
            return _challenge(401, "invalid_token")
        client = self.clients.find(str(found["client_id"]))
        if client is None:
            return _challenge(401, "invalid_token")
        has_scope = SCOPE in str(found.get("scope", "")).split() and SCOPE in client.scope
        if not has_scope or client.profile is not Profile.DVCQG:
            return _challenge(403, "insufficient_scope")
        return client

    def _look_up(self, client: Client, number: IdNumber, now: datetime) -> Reply:
        account = self.accounts.find_by_id_number(number)
        event = AuditEvent(
            Event.TECHID_LOOKED_UP,
            now,
            account.id if account else None,
            client_id=client.client_id,
            details={"kind": number.kind, "found": "yes" if account else "no"},
        )
        with self.database.transaction() as connection:
            self.audit.add(connection, event)
        if account is None:
            return _reply(404, {"error": "not_found"})
        found = {
            "TechID": tech_id(account.id, self.techid_key),
            "LoaiTaiKhoan": account_kind(account.kind),
        }
        return _reply(200, found)

    def _limit(self) -> Limit:
        return Limit("techid", self.per_minute, timedelta(minutes=1))


def _number(body: bytes, content_type: str) -> IdNumber:
    """The one number of the question. Raises ``InvalidRequestError``."""
    given = {name: value for name, value in _fields(body, content_type).items() if value}
    names = [name for name in given if name in _READERS]
    if len(names) != 1 or not isinstance(given[names[0]], str):
        raise InvalidRequestError(f"one of {', '.join(_READERS)} is needed")
    try:
        return _READERS[names[0]](given[names[0]])
    except InvalidInput:
        raise InvalidRequestError(f"{names[0]} cannot be read") from None


def _fields(body: bytes, content_type: str) -> Mapping[str, Any]:
    if len(body) > _LONGEST_BODY:
        raise InvalidRequestError("the body is too long")
    if content_type.partition(";")[0].strip().lower() == FORM_TYPE:
        return read_form(Call("POST", "/oauth2/techid", body, content_type))
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError, ValueError):
        raise InvalidRequestError("the body is no JSON object") from None


def _challenge(status: int, error: str) -> Reply:
    """RFC 6750, section 3."""
    scheme = f'Bearer realm="techid", error="{error}", scope="{SCOPE}"'
    return _reply(status, {"error": error}, **{"WWW-Authenticate": scheme})


def _reply(status: int, body: Mapping[str, str], **headers: str) -> Reply:
    return Reply(status, _encode(body), headers={"Cache-Control": "no-store", **headers})
