"""What people and programs are told when something goes wrong; nothing else chooses these words.

People get a page with a stable code, a reference to our log, the time and what to do next;
programs (``security.MACHINE_PATHS``) get the JSON of RFC 6749, section 5.2. Neither ever gets the
text of an exception.
"""

from __future__ import annotations

import enum
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog
from flask import Flask, Response, current_app, json, make_response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.wrappers import Response as BaseResponse

from idp.domain.errors import Busy, Conflict, DomainError, PortError, StorageUnavailable
from idp.ports import Clock
from idp.web import i18n
from idp.web.parts import Message, Page
from idp.web.screens import respond
from idp.web.security import ForgedPost, is_for_programs

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_EXTENSION = "idp.errors"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What stands behind a code: HTTP status, RFC 6749 error, seconds until worth a new try."""

    code: str
    status: int
    oauth: str = "invalid_request"
    retry_after: int = 0


class Problem(enum.Enum):
    """Every problem with a page of its own. Texts: ``problem.<name>.title|text|advice``."""

    CLIENT_UNKNOWN = _Kind("IDP-1201", 400, "invalid_client")
    REDIRECT_URI_UNKNOWN = _Kind("IDP-1202", 400)
    REQUEST_INVALID = _Kind("IDP-1203", 400)
    CLIENT_UNTRUSTED = _Kind("IDP-1204", 400, "invalid_client")
    FEDERATION_BUSY = _Kind("IDP-1205", 503, "temporarily_unavailable", 60)
    ACCOUNT_CLOSED = _Kind("IDP-1301", 403, "access_denied")
    BAD_REQUEST = _Kind("IDP-1400", 400)
    FORGED_POST = _Kind("IDP-1403", 403)
    FORBIDDEN = _Kind("IDP-1406", 403, "access_denied")
    NOT_FOUND = _Kind("IDP-1404", 404, "not_found")
    METHOD_NOT_ALLOWED = _Kind("IDP-1405", 405)
    CONFLICT = _Kind("IDP-1409", 409)
    TOO_LARGE = _Kind("IDP-1413", 413)
    TOO_MANY = _Kind("IDP-1429", 429, "slow_down", 60)
    UNEXPECTED = _Kind("IDP-1500", 500, "server_error")
    OUTSIDE_SYSTEM = _Kind("IDP-1502", 503, "temporarily_unavailable", 60)
    STORAGE = _Kind("IDP-1503", 503, "temporarily_unavailable", 5)
    BUSY = _Kind("IDP-1504", 503, "temporarily_unavailable", 5)

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return self.value.status

    def key(self, part: str) -> str:
        """The key of a text of this problem."""
        return f"problem.{self.name.lower()}.{part}"


_BY_STATUS: Final[Mapping[int, Problem]] = {
    403: Problem.FORBIDDEN,
    404: Problem.NOT_FOUND,
    405: Problem.METHOD_NOT_ALLOWED,
    409: Problem.CONFLICT,
    413: Problem.TOO_LARGE,
    429: Problem.TOO_MANY,
    500: Problem.UNEXPECTED,
    503: Problem.BUSY,
}


_SITES: Final = frozenset({"", "none", "same-origin", "same-site", "cross-site"})
_ORIGIN: Final = re.compile(r"(?:null|https?://[a-z0-9.-]{1,200}(?::[0-9]{1,5})?)?")


def init_app(app: Flask, clock: Clock) -> None:
    """Answer every error of ``app``."""
    app.extensions[_EXTENSION] = clock
    app.register_error_handler(DomainError, _domain)
    app.register_error_handler(Conflict, _conflict)
    app.register_error_handler(PortError, _port)
    app.register_error_handler(StorageUnavailable, _storage)
    app.register_error_handler(Busy, _busy)
    app.register_error_handler(ForgedPost, _forged)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def guard(
    app: Flask,
    environ: WSGIEnvironment,
    start_response: StartResponse,
    work: Callable[[], Iterable[bytes]],
) -> Iterable[bytes]:
    """``work`` before routing; what goes wrong in it is told as behind routing."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001  the handlers above decide, as for every request
        with app.request_context(environ):
            told = app.make_response(app.handle_user_exception(error))
            return app.process_response(told)(environ, start_response)


def show(problem: Problem, *, text: Message | None = None) -> Response:
    """The answer about ``problem``; ``text`` says it more exactly than the usual words."""
    return _answer(problem, _reference(), text)


# --- handlers -----------------------------------------------------------------------------------


def _domain(error: DomainError) -> Response:
    key = f"error.{error.code}"
    reference = _note("web.domain_error", code=error.code)
    text = Message(key) if i18n.current().has(key) and _needs_nothing(key) else None
    return _answer(Problem.BAD_REQUEST, reference, text)


def _conflict(error: Conflict) -> Response:
    return _answer(Problem.CONFLICT, _note("web.conflict", code=error.code), None)


def _port(error: PortError) -> Response:
    return _answer(Problem.OUTSIDE_SYSTEM, _note("web.port_error", system=error.system), None)


def _storage(error: StorageUnavailable) -> Response:
    cause = type(error.__cause__ or error).__name__
    return _answer(Problem.STORAGE, _note("web.storage_unavailable", cause=cause), None)


def _busy(_error: Busy) -> Response:
    return _answer(Problem.BUSY, _note("web.busy"), None)


def _forged(_error: ForgedPost) -> Response:
    site, origin = (request.headers.get(name, "") for name in ("Sec-Fetch-Site", "Origin"))
    told = {
        "site": site if site in _SITES else "other",
        "origin": origin if _ORIGIN.fullmatch(origin) else "other",
    }
    reference = _note("web.forged_post", **told)
    return _answer(Problem.FORGED_POST, reference, None)


def _http(error: HTTPException) -> BaseResponse:
    if error.response is not None:
        return error.get_response(request.environ)
    response = _answer(_BY_STATUS.get(error.code or 400, Problem.BAD_REQUEST), _reference(), None)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _unexpected(_error: Exception) -> Response:
    """The incident number is in the log with the trace, and nowhere else is the trace."""
    reference = _reference()
    _log.exception("web.unexpected", reference=reference, path=_route())
    try:
        return _answer(Problem.UNEXPECTED, reference, None)
    except Exception:  # noqa: BLE001  the last handler there is
        _log.exception("web.error_page_failed", reference=reference)
        plain = f"{Problem.UNEXPECTED.value.code} {reference}\n"
        return Response(plain, Problem.UNEXPECTED.status, content_type="text/plain; charset=utf-8")


# --- answers ------------------------------------------------------------------------------------


def _answer(problem: Problem, reference: str, text: Message | None) -> Response:
    kind = problem.value
    response = (
        _for_programs(problem, reference)
        if is_for_programs(request.path)
        else _for_people(problem, reference, text)
    )
    if kind.retry_after:
        response.headers["Retry-After"] = str(kind.retry_after)
    return response


def _for_people(problem: Problem, reference: str, text: Message | None) -> Response:
    clock: Clock = current_app.extensions[_EXTENSION]
    context = {
        "title": problem.key("title"),
        "text": text or Message(problem.key("text")),
        "advice": problem.key("advice"),
        "code": problem.value.code,
        "reference": reference,
        "at": clock(),
        "again": _page_of_post() if problem is Problem.CONFLICT else "",
    }
    return respond(Page("error.html", context), problem.status)


def _page_of_post() -> str:
    """The page that was posted to, as it stands now, where it can be looked at."""
    has_page = current_app.url_map.bind("").test(request.path, "GET")
    return request.path if request.method == "POST" and has_page else ""


def _for_programs(problem: Problem, reference: str) -> Response:
    """RFC 6749, 5.2: ``error_description`` is ASCII and for the developer."""
    body = {
        "error": problem.value.oauth,
        "error_description": f"{problem.value.code} {problem.name.lower()}, {reference}",
    }
    response = make_response(json.dumps(body), problem.status)
    response.mimetype = "application/json"
    return response


def _note(event: str, **fields: str) -> str:
    reference = _reference()
    _log.warning(event, reference=reference, path=_route(), **fields)
    return reference


def _route() -> str:
    """Which of our addresses it was; what stands in a path may be somebody's number."""
    return request.url_rule.rule if request.url_rule else ""


def _reference() -> str:
    """The request's id in the log, or a new number when there is none."""
    known = structlog.contextvars.get_contextvars().get("request_id")
    return str(known) if known else secrets.token_hex(5)


def _needs_nothing(key: str) -> bool:
    """Whether the text stands without placeholders that only a flow could fill in."""
    return "%(" not in i18n.current().template(key, {})
