"""A whole provider with a counter system for each test, on each database."""

from tests.journeys.test_vnpost import house

__all__ = ["house"]
