"""The provider of the journeys."""

from tests.journeys.conftest import house

__all__ = ["house"]
