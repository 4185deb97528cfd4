"""``x-fapi-interaction-id``: one name for a call to a resource, in both sides' logs.

FAPI 1.0 Part 1, 6.2.1 (11, 12); the FAPI-CIBA profile builds on it. FAPI 2.0 has no such header.
"""

from __future__ import annotations

import re
from typing import Final
from uuid import uuid4

import structlog
from msgspec.structs import replace

from idp.oidc.calls import Call, Reply

HEADER: Final = "x-fapi-interaction-id"
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")

_log = structlog.get_logger(__name__)


def named(call: Call, reply: Reply) -> Reply:
    """The answer with the name that the caller gave the call, or one of ours."""
    name = call.interaction if _UUID.fullmatch(call.interaction) else ""
    if name:
        _log.info("resource.called", interaction=name, path=call.path, status=reply.status)
    return replace(reply, headers={**reply.headers, HEADER: name or str(uuid4())})
