"""A whole provider for each test, on each database."""

from tests.journeys.conftest import house

__all__ = ["house"]
