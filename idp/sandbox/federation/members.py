"""Who is in the sandbox's federation, and what each demands of those below.

anchor  Trung tâm dữ liệu quốc gia
|- bo-khcn   Bộ Khoa học và Công nghệ: vouches for portals, and bends their metadata
|     `- province   a province's portal
|- marks     issues the trust mark that the provider of the demo demands
`- the provider itself
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2 as httpx
from joserfc import jwt
from joserfc.errors import JoseError

from idp.sandbox.federation.authority import Authority
from idp.sandbox.federation.entity import Entity, Json, new_or_kept

ANCHOR, MINISTRY, MARKS = "anchor", "bo-khcn", "marks"
MARK_TYP: Final = "trust-mark+jwt"
STATUS_TYP: Final = "trust-mark-status-response+jwt"
MINISTRY_NAME: Final = "Bộ Khoa học và Công nghệ"

PORTAL_POLICY: Final[Mapping[str, Any]] = {
    "metadata_policy": {
        "openid_relying_party": {
            "token_endpoint_auth_method": {
                "one_of": ["private_key_jwt", "self_signed_tls_client_auth"],
                "essential": True,
            },
            "id_token_signed_response_alg": {"one_of": ["ES256", "PS256"], "default": "ES256"},
            "grant_types": {"subset_of": ["authorization_code", "refresh_token"]},
            "subject_type": {"value": "pairwise"},
            "scope": {"subset_of": ["openid", "profile", "phone", "identity"]},
            "contacts": {"add": ["hotro@bokhcn.example.vn"]},
        }
    }
}
"""What the ministry allows a portal: it may not ask for mailboxes, and proves itself by a key."""

_MINISTRY_TERMS: Final[Mapping[str, Any]] = {
    "metadata": {"federation_entity": {"organization_name": MINISTRY_NAME}},
    "constraints": {"max_path_length": 1, "allowed_entity_types": ["openid_relying_party"]},
}
"""The ministry vouches for portals only, and for nobody who vouches for others."""


@dataclass(frozen=True, slots=True)
class Members:
    """The authorities."""

    anchor: Authority
    ministry: Authority
    marks: Entity

    @property
    def mark_type(self) -> str:
        """The mark that a portal of public services has."""
        return f"{self.marks.id}/public-service-portal"

    def mark(self, kind: str, subject: str) -> str | None:
        """A mark about a portal that the ministry vouches for (section 8.6)."""
        if subject not in self.marked(kind):
            return None
        return self.marks.sign(MARK_TYP, {"sub": subject, "trust_mark_type": kind})

    def marked(self, kind: str) -> list[str]:
        """Who has that mark now (section 8.5)."""
        return self.ministry.subordinates() if kind == self.mark_type else []

    def mark_status(self, token: str) -> str | None:
        """What a mark is worth now, signed (section 8.4); None for one that is none of ours."""
        found = self._read_mark(token)
        if found is None:
            return None
        claims, is_over = found
        is_marked = claims.get("sub") in self.marked(str(claims.get("trust_mark_type")))
        status = "expired" if is_over else "active" if is_marked else "revoked"
        return self.marks.sign(STATUS_TYP, {"trust_mark": token, "status": status})

    def _read_mark(self, token: str) -> tuple[Json, bool] | None:
        """The claims of a mark that this issuer signed, and whether its time is over."""
        try:
            found = jwt.decode(token, self.marks.key, algorithms=["ES256"])
        except (JoseError, ValueError):
            return None
        if found.header.get("typ") != MARK_TYP or found.claims.get("iss") != self.marks.id:
            return None
        return dict(found.claims), int(found.claims.get("exp", 0)) <= time.time()


def build(base: str, *, issuer: str, province: str, folder: Path | None) -> Members:
    """The federation below ``base``; keys are kept in ``folder``."""
    http = httpx.Client(timeout=5, trust_env=False)
    ids = {name: f"{base}/{name}" for name in (ANCHOR, MINISTRY, MARKS)}
    mark_type = f"{ids[MARKS]}/public-service-portal"

    def entity(name: str, title: str, endpoints: Json, *superiors: str, **more: Any) -> Entity:  # noqa: ANN401  claims
        about = {"organization_name": title, **endpoints}
        key = new_or_kept(folder, name)
        metadata = {"federation_entity": about}
        return Entity(ids[name], title, key, superiors, metadata, lambda: dict(more))

    anchor = Authority(
        entity(
            ANCHOR,
            "Trung tâm dữ liệu quốc gia (giả lập)",
            _endpoints(ids[ANCHOR]),
            trust_mark_issuers={mark_type: [ids[MARKS]]},
        ),
        http,
    )
    ministry = Authority(
        entity(MINISTRY, MINISTRY_NAME, _endpoints(ids[MINISTRY]), ids[ANCHOR]), http
    )
    endpoints = {
        "federation_trust_mark_endpoint": f"{ids[MARKS]}/trust-mark",
        "federation_trust_mark_status_endpoint": f"{ids[MARKS]}/trust-mark-status",
        "federation_trust_mark_list_endpoint": f"{ids[MARKS]}/trust-marked",
    }
    marks = entity(MARKS, "Cục Kiểm định cổng dịch vụ công", endpoints, ids[ANCHOR])
    anchor.expect(ids[MINISTRY], _MINISTRY_TERMS)
    anchor.expect(ids[MARKS], {})
    anchor.expect(issuer, {})
    ministry.expect(province, PORTAL_POLICY)
    return Members(anchor, ministry, marks)


def _endpoints(entity_id: str) -> Json:
    return {
        "federation_fetch_endpoint": f"{entity_id}/fetch",
        "federation_list_endpoint": f"{entity_id}/list",
    }
