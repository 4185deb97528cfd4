"""The composition root: the only place that connects things."""

from idp.app.foundation import (
    Foundation,
    Ports,
    found,
    password_hasher,
    session_store,
    system_clock,
)
from idp.app.people import (
    account_flow,
    agency_desk,
    answer_complaint,
    decoupled_flow,
    importer,
    issue_recovery,
    operators,
)
from idp.app.protocol import (
    add_decoupled,
    build_provider,
    build_transmitter,
    decryption,
    key_ring,
    registrar,
)
from idp.app.serving import create_app

__all__ = [
    "Foundation",
    "Ports",
    "account_flow",
    "add_decoupled",
    "agency_desk",
    "answer_complaint",
    "build_provider",
    "build_transmitter",
    "create_app",
    "decoupled_flow",
    "decryption",
    "found",
    "importer",
    "issue_recovery",
    "key_ring",
    "operators",
    "password_hasher",
    "registrar",
    "session_store",
    "system_clock",
]
