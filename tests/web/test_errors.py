"""Every error has its page or its JSON, and tells nothing about our insides."""

from __future__ import annotations

import pytest
from flask import Flask, Response, abort
from flask.testing import FlaskClient
from structlog.contextvars import bound_contextvars
from structlog.testing import capture_logs

from idp.domain.errors import (
    Busy,
    Conflict,
    DomainError,
    InvalidInput,
    PortUnavailable,
    StorageUnavailable,
)
from idp.web import errors, i18n
from idp.web.errors import Problem

from .samples import build_app

SECRET = "001072000136-in-the-message"
RAISED: dict[str, Exception] = {
    "domain": DomainError("no.text"),
    "invalid": InvalidInput("id_number.empty"),
    "counted": InvalidInput("otp.wrong"),
    "conflict": Conflict("account.exists"),
    "port": PortUnavailable("carrier", SECRET),
    "storage": StorageUnavailable(SECRET),
    "busy": Busy(SECRET),
    "bug": ValueError(SECRET),
}


@pytest.fixture
def app() -> Flask:
    """An address for every error, one for people and one for programs."""
    app = build_app()

    def raise_named(name: str) -> str:
        raise RAISED[name]

    app.add_url_rule("/raise/<name>", "page", raise_named)
    app.add_url_rule("/userinfo/<name>", "program", raise_named)

    @app.get("/abort/<int:status>")
    def stop(status: int) -> str:
        abort(status)

    @app.get("/show")
    def show() -> Response:
        return errors.show(Problem.CLIENT_UNKNOWN)

    return app


@pytest.mark.parametrize(
    ("name", "status", "code", "oauth"),
    [
        ("domain", 400, "IDP-1400", "invalid_request"),
        ("conflict", 409, "IDP-1409", "invalid_request"),
        ("port", 503, "IDP-1502", "temporarily_unavailable"),
        ("storage", 503, "IDP-1503", "temporarily_unavailable"),
        ("busy", 503, "IDP-1504", "temporarily_unavailable"),
        ("bug", 500, "IDP-1500", "server_error"),
    ],
)
def test_people_get_a_page_and_programs_json(
    client: FlaskClient, name: str, status: int, code: str, oauth: str
) -> None:
    page, json = client.get(f"/raise/{name}"), client.get(f"/userinfo/{name}")

    assert (page.status_code, page.mimetype) == (status, "text/html")
    assert (json.status_code, json.mimetype) == (status, "application/json")
    assert code in page.text
    assert json.get_json()["error"] == oauth
    assert code in json.get_json()["error_description"]
    assert json.get_json()["error_description"].isascii()


@pytest.mark.parametrize("name", ["storage", "busy", "port"])
def test_what_passes_says_when_to_try_again(client: FlaskClient, name: str) -> None:
    assert int(client.get(f"/raise/{name}").headers["Retry-After"]) > 0
    assert int(client.get(f"/userinfo/{name}").headers["Retry-After"]) > 0


@pytest.mark.parametrize("name", RAISED)
def test_the_text_of_an_exception_is_never_shown(client: FlaskClient, name: str) -> None:
    for address in (f"/raise/{name}", f"/userinfo/{name}"):
        answer = client.get(address)

        assert SECRET not in answer.text
        assert "Traceback" not in answer.text


def test_a_known_fault_is_said_in_its_own_words(client: FlaskClient) -> None:
    assert "Bạn phải nhập cmt/cccd." in client.get("/raise/invalid").text


def test_a_fault_that_needs_a_number_is_said_in_general_words(client: FlaskClient) -> None:
    answer = client.get("/raise/counted")

    assert answer.status_code == 400
    assert "%(n)s" not in answer.text


def test_the_reference_on_the_page_is_in_the_log_with_the_trace(client: FlaskClient) -> None:
    with capture_logs() as logs:
        answer = client.get("/raise/bug")

    entry = next(entry for entry in logs if entry["event"] == "web.unexpected")
    assert entry["reference"] in answer.text
    assert entry["exc_info"]


def test_the_reference_is_the_requests_id_where_there_is_one(client: FlaskClient) -> None:
    with bound_contextvars(request_id="r-123"):
        assert "r-123" in client.get("/raise/bug").text


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "IDP-1404"), (403, "IDP-1406"), (413, "IDP-1413"), (418, "IDP-1400"), (429, "IDP-1429")],
)
def test_http_errors_have_pages(client: FlaskClient, status: int, code: str) -> None:
    assert code in client.get(f"/abort/{status}").text


def test_a_wrong_method_names_the_right_ones(client: FlaskClient) -> None:
    answer = client.delete("/show")

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_a_program_at_a_wrong_address_gets_json(client: FlaskClient) -> None:
    answer = client.get("/.well-known/none")

    assert answer.status_code == 404
    assert answer.get_json()["error"] == "not_found"


def test_a_view_can_show_a_problem(client: FlaskClient) -> None:
    answer = client.get("/show")

    assert answer.status_code == 400
    assert "IDP-1201" in answer.text
    assert "14:05:09 24/11/2026" in answer.text


def test_a_broken_error_page_still_gives_the_reference(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down() -> None:
        raise i18n.MissingText(SECRET)

    monkeypatch.setattr(i18n, "current", break_down)

    answer = client.get("/raise/bug")

    assert answer.status_code == 500
    assert answer.text.startswith("IDP-1500 ")
    assert SECRET not in answer.text


def test_codes_are_unique() -> None:
    codes = [problem.value.code for problem in Problem]

    assert len(codes) == len(set(codes)) == len(Problem)
