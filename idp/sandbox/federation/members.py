"""Who is in the sandbox's federation, and what each demands of those below.

anchor  Trung tâm dữ liệu quốc gia
|- bo-khcn   Bộ Khoa học và Công nghệ: vouches for portals, and bends their metadata
|     `- province   a province's portal
|- marks     issues the trust mark that the provider of the demo demands
`- the provider itself
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2 as httpx

from idp.sandbox.federation.authority import Authority
from idp.sandbox.federation.entity import Entity, Json, new_or_kept

ANCHOR, MINISTRY, MARKS = "anchor", "bo-khcn", "marks"
MARK_TYP: Final = "trust-mark+jwt"
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
        if kind != self.mark_type or not self.ministry.vouches_for(subject):
            return None
        return self.marks.sign(MARK_TYP, {"sub": subject, "trust_mark_type": kind})


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
    endpoint = {"federation_trust_mark_endpoint": f"{ids[MARKS]}/trust-mark"}
    marks = entity(MARKS, "Cục Kiểm định cổng dịch vụ công", endpoint, ids[ANCHOR])
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
