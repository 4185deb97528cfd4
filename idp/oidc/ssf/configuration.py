"""The transmitter's metadata (SSF 1.0, section 7.1)."""

from __future__ import annotations

from typing import Final

import msgspec

PUSH: Final = "urn:ietf:rfc:8935"
POLL: Final = "urn:ietf:rfc:8936"
STREAMS, STATUS, VERIFY, POLL_PATH = "/ssf/streams", "/ssf/status", "/ssf/verify", "/ssf/poll"
ADD_SUBJECT, REMOVE_SUBJECT = "/ssf/subjects/add", "/ssf/subjects/remove"


def document(issuer: str) -> bytes:
    """Everything a receiver needs to know, as it is served."""
    return msgspec.json.encode(
        {
            "spec_version": "1_0",
            "issuer": issuer,
            "jwks_uri": f"{issuer}/jwks",
            "delivery_methods_supported": [PUSH, POLL],
            "configuration_endpoint": f"{issuer}{STREAMS}",
            "status_endpoint": f"{issuer}{STATUS}",
            "add_subject_endpoint": f"{issuer}{ADD_SUBJECT}",
            "remove_subject_endpoint": f"{issuer}{REMOVE_SUBJECT}",
            "verification_endpoint": f"{issuer}{VERIFY}",
            "authorization_schemes": [{"spec_urn": "urn:ietf:rfc:6749"}],
            "default_subjects": "ALL",
        }
    )
