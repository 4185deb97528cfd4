"""The words of requests, answers and metadata."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

Json = dict[str, Any]

FRAMEWORK: Final = "vn_dvcqg"
"""Our own framework: the levels of the portal's account system (docs/integrating.md)."""

CHECK_METHODS: Final = ("data", "vpip")
CLAIMS: Final = (
    "name",
    "birthdate",
    "gender",
    "phone_number",
    "id_number",
    "id_number_type",
    "insurance_code",
    "tax_code",
    "agency_code",
    "parent_agency",
    "representative",
    "address",
)
QUERY: Final = frozenset({"essential", "value", "values", "max_age", "purpose"})
"""Members that say something about an element instead of being one (section 6)."""


def time(at: datetime) -> str:
    """UTC, so that no time zone tells where somebody was (section 8)."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
