"""A federation in memory: an anchor, ministries and portals that sign for themselves, and a web."""

from __future__ import annotations

import json
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc.jwk import ECKey, KeySet
from joserfc.jws import JWSRegistry

from idp.domain.errors import PortUnavailable
from idp.oidc.client_addresses import Loopback
from idp.oidc.federation.anchors import TrustAnchor
from idp.oidc.federation.discovery import Bounds, Discovery
from idp.ports import WebAnswer
from tests.support.build import NOW, TestClock

ANCHOR, MINISTRY = "https://ttdlqg.example.vn", "https://bokhcn.example.vn"
PORTAL = "https://dichvucong.hagiang.example.vn"
ISSUER = "http://localhost:8000"
SECONDS = int(NOW.timestamp())
STATEMENT = "application/entity-statement+jwt"


def new_key(kid: str = "") -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid or secrets.token_hex(4)})


def sign(claims: Mapping[str, Any], key: Any, **header: Any) -> str:
    """A compact JWS whose header says whatever the test wants."""
    full = {"alg": "ES256", "kid": key.kid, **header}
    full = {name: value for name, value in full.items() if value is not None}
    message = f"{_encoded(full)}.{_encoded(claims)}"
    algorithm = JWSRegistry.algorithms[full["alg"]]
    return f"{message}.{_text(algorithm.sign(message.encode(), key))}"


def unsigned(claims: Mapping[str, Any], **header: Any) -> str:
    return f"{_encoded({'alg': 'none', **header})}.{_encoded(claims)}."


def _encoded(value: Mapping[str, Any]) -> str:
    return _text(json.dumps(value).encode())


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def public(*keys: Any) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=False) for key in keys]}


@dataclass
class Entity:
    """One member. ``own`` and ``about`` bend what it says about itself and others."""

    id: str
    superiors: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    key: ECKey = field(default_factory=new_key)
    own: dict[str, Any] = field(default_factory=dict)
    about: dict[str, dict[str, Any]] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)

    def statement(self, sub: str, claims: Mapping[str, Any], **header: Any) -> str:
        body = {"iss": self.id, "sub": sub, "iat": SECONDS - 10, "exp": SECONDS + 3600, **claims}
        body = {name: value for name, value in body.items() if value is not ...}
        return sign(body, self.key, **{"typ": "entity-statement+jwt", **self.header, **header})

    def configuration(self, **claims: Any) -> str:
        body: dict[str, Any] = {"jwks": public(self.key), "metadata": self.metadata}
        if self.superiors:
            body["authority_hints"] = list(self.superiors)
        return self.statement(self.id, {**body, **self.own, **claims})

    def vouches_for(self, other: Entity, **claims: Any) -> str:
        bent = self.about.get(other.id, {})
        return self.statement(other.id, {"jwks": public(other.key), **bent, **claims})


@dataclass
class Federation:
    """The web that its members answer at; counts what was asked, and fails where told to."""

    members: dict[str, Entity] = field(default_factory=dict)
    documents: dict[str, WebAnswer] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    asked: Counter[str] = field(default_factory=Counter)
    delay: float = 0.0
    posted: list[bytes] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, entity: Entity) -> Entity:
        self.members[entity.id] = entity
        return entity

    def __getitem__(self, entity_id: str) -> Entity:
        return self.members[entity_id]

    def get(self, url: str, *, accept: str, most: int = 65536) -> WebAnswer:
        del accept
        with self._lock:
            self.asked[url] += 1
        if self.delay:
            time.sleep(self.delay)
        if any(url.startswith(each) for each in self.down):
            raise PortUnavailable("web", "down")
        answer = self.documents.get(url) or self._answer(url)
        if len(answer.body) > most:
            raise PortUnavailable("web", "too long")
        return answer

    def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], most: int = 65536
    ) -> WebAnswer:
        del headers, most
        with self._lock:
            self.asked[url] += 1
        if any(url.startswith(each) for each in self.down):
            raise PortUnavailable("web", "down")
        assert url in self.documents, (url, body)
        self.posted.append(body)
        return self.documents[url]

    def _answer(self, url: str) -> WebAnswer:
        base, _, query = url.partition("?")
        if base.endswith("/.well-known/openid-federation"):
            found = self.members.get(base.removesuffix("/.well-known/openid-federation"))
            if found:
                return WebAnswer(200, found.configuration().encode(), STATEMENT)
        superior = self.members.get(base.removesuffix("/fetch"))
        subject = self.members.get(parse_qs(query).get("sub", [""])[0])
        if base.endswith("/fetch") and superior and subject:
            known = superior.id in subject.superiors and subject.id not in superior.own.get("_", ())
            if known:
                return WebAnswer(200, superior.vouches_for(subject).encode(), STATEMENT)
        return WebAnswer(404, b'{"error":"not_found"}', "application/json")

    def anchors(self) -> dict[str, TrustAnchor]:
        """The pinned anchor."""
        keys = KeySet.import_key_set(public(self[ANCHOR].key))
        return {ANCHOR: TrustAnchor(ANCHOR, keys)}

    def discovery(self, **changes: Any) -> Discovery:
        parts: dict[str, Any] = {
            "web": self, "anchors": self.anchors(), "clock": TestClock(),
            "loopback": Loopback.REFUSED, "bounds": Bounds(), **changes,
        }  # fmt: skip
        return Discovery(**parts)


def fetching(entity_id: str, name: str = "") -> dict[str, Any]:
    """Metadata of somebody who has subordinates."""
    about = {"federation_fetch_endpoint": f"{entity_id}/fetch", "organization_name": name}
    return {"federation_entity": about}


def relying_party(entity_id: str, key: Any, **changes: Any) -> dict[str, Any]:
    host = urlsplit(entity_id).hostname
    return {
        "openid_relying_party": {
            "client_name": "Cổng dịch vụ công tỉnh Hà Giang",
            "redirect_uris": [f"https://{host}/callback"],
            "response_types": ["code"],
            "grant_types": ["authorization_code"],
            "client_registration_types": ["automatic", "explicit"],
            "token_endpoint_auth_method": "private_key_jwt",
            "id_token_signed_response_alg": "ES256",
            "scope": "openid profile",
            "jwks": public(key),
            **changes,
        }
    }


@dataclass
class Standard:
    """Anchor, ministry, portal; ``rp`` is the portal's protocol key."""

    web: Federation
    anchor: Entity
    ministry: Entity
    portal: Entity
    rp: ECKey

    def tokens(self) -> list[str]:
        """The chain as the portal would hand it over."""
        return [
            self.portal.configuration(),
            self.ministry.vouches_for(self.portal),
            self.anchor.vouches_for(self.ministry),
            self.anchor.configuration(),
        ]

    def request_object(self, key: Any = None, header: Any = None, **changes: Any) -> str:
        claims = {
            "iss": self.portal.id, "client_id": self.portal.id, "aud": ISSUER,
            "jti": secrets.token_hex(8), "iat": SECONDS, "exp": SECONDS + 300,
            "response_type": "code", "scope": "openid profile", "nonce": "n-1", "state": "s",
            "redirect_uri": f"{self.portal.id}/callback",
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "code_challenge_method": "S256", **changes,
        }  # fmt: skip
        kept = {name: value for name, value in claims.items() if value is not None}
        return sign(kept, key or self.rp, typ="oauth-authz-req+jwt", **(header or {}))

    def assertion(self, key: Any = None, **changes: Any) -> str:
        claims = {
            "iss": self.portal.id, "sub": self.portal.id, "aud": ISSUER,
            "jti": secrets.token_hex(8), "iat": SECONDS, "exp": SECONDS + 300, **changes,
        }  # fmt: skip
        return sign(claims, key or self.rp)


def standard() -> Standard:
    web, rp = Federation(), new_key("rp")
    anchor = web.add(Entity(ANCHOR, metadata=fetching(ANCHOR, "Trung tâm dữ liệu quốc gia")))
    ministry = web.add(Entity(MINISTRY, (ANCHOR,), fetching(MINISTRY)))
    portal = web.add(Entity(PORTAL, (MINISTRY,), relying_party(PORTAL, rp)))
    return Standard(web, anchor, ministry, portal, rp)
