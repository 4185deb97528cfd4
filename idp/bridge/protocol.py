"""One request of a page: who may ask, what is signed, what is answered (``web-eid:1.0``)."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from idp.bridge import child
from idp.bridge.certificates import hash_size
from idp.bridge.contract import VERSION, Answer, Found, Prompt, ToolError

APP_VERSION = f"https://dichvucong.gov.vn/signing-tool/{VERSION}"
NONCE_LENGTHS = range(44, 129)


def message_for(origin: str, nonce: str, size: int) -> bytes:
    """What Web eID signs: the hash of the origin, then of the nonce as text."""
    parts = (hashlib.new(f"sha{size}", text.encode()).digest() for text in (origin, nonce))
    return b"".join(parts)


@dataclass
class Tool:
    """The whole tool but its transport."""

    origins: tuple[str, ...]
    modules: list[str]
    prompt: Prompt
    list_certificates: Callable[[list[str]], list[Found]] = child.list_certificates
    sign: Callable[[Found, str, bytes], tuple[str, bytes]] = child.sign
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def allows(self, origin: str | None) -> bool:
        """Whether pages of that origin may ask."""
        return origin in self.origins

    def authenticate(self, origin: str, nonce: object) -> Answer:
        """Ask the person and sign. Raises ``ToolError``."""
        if not self.allows(origin):
            raise ToolError("origin_not_allowed")
        if not isinstance(nonce, str) or len(nonce) not in NONCE_LENGTHS or not nonce.isascii():
            raise ToolError("invalid_argument")
        if not self._lock.acquire(blocking=False):
            raise ToolError("busy")
        try:
            return self._authenticate(origin, nonce)
        finally:
            self._lock.release()

    def _authenticate(self, origin: str, nonce: str) -> Answer:
        certificates = self.list_certificates(self.modules)
        if all(each.pin_state == "locked" for each in certificates):
            raise ToolError("pin_locked")  # nothing to choose, and more helpful than a cancel
        choice = self.prompt.ask(origin, certificates)
        if choice is None:
            raise ToolError("user_cancelled")
        if not 0 <= choice.number < len(certificates):
            raise ToolError("invalid_argument")
        chosen = certificates[choice.number]
        if chosen.pin_state == "locked":
            raise ToolError("pin_locked")
        size = hash_size(chosen.certificate)
        algorithm, signature = self.sign(chosen, choice.pin, message_for(origin, nonce, size))
        return {
            "unverifiedCertificate": chosen.certificate,
            "algorithm": algorithm,
            "signature": base64.b64encode(signature).decode(),
            "format": "web-eid:1.0",
            "appVersion": APP_VERSION,
        }
