"""The web layer alone, with views of the tests' own."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from .samples import build_app


@pytest.fixture
def app() -> Flask:
    """An application over plain http, as in the demo."""
    return build_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without cookies."""
    return app.test_client()
