"""One provider per test, on each database."""

from __future__ import annotations

from tests.journeys.conftest import house

__all__ = ["house"]
