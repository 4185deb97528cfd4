"""A browser in words: what its owner recognises it by."""

from __future__ import annotations

import ua_parser


def describe(user_agent: str) -> tuple[str, str]:
    """Browser and system of a User-Agent header, each empty where it does not tell."""
    if not user_agent:
        return "", ""
    found = ua_parser.parse(user_agent[:300])
    browser = found.user_agent.family if found.user_agent else ""
    system = found.os.family if found.os else ""
    return browser, system
