"""Making a simulated system misbehave for a while."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from idp.sandbox import answers

SYSTEMS = ("carrier", "bhxh", "sms", "mssp", "vnpost", "ocsp", "mail")
MODES = ("down", "slow", "error", "garbage")
_LONGEST_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Fault:
    """One system's misbehaviour, until a moment of the monotonic clock."""

    system: str
    mode: str
    until: float


@dataclass(frozen=True, slots=True)
class _Asked:
    system: str
    mode: str
    seconds: float


class Faults:
    """What is wrong right now."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, slow_seconds: float = 10
    ) -> None:
        self._lock = threading.Lock()
        self._faults: dict[str, Fault] = {}
        self._clock = clock
        self._slow_seconds = slow_seconds

    def set(self, *, system: str, mode: str, seconds: float) -> None:
        """Start a fault; it replaces the system's former one."""
        with self._lock:
            self._faults[system] = Fault(system, mode, self._clock() + seconds)

    def clear(self) -> None:
        """Everything works again."""
        with self._lock:
            self._faults.clear()

    def current(self) -> list[dict[str, object]]:
        """The faults that last, with the seconds left."""
        with self._lock:
            now = self._clock()
            return [
                {"system": f.system, "mode": f.mode, "seconds": math.ceil(f.until - now)}
                for f in self._faults.values()
                if f.until > now
            ]

    def is_broken(self, system: str) -> bool:
        """Whether a system that speaks no HTTP misbehaves right now, in whatever way."""
        return any(fault["system"] == system for fault in self.current())

    def apply(self, system: str) -> ResponseReturnValue | None:
        """What a system answers instead of its work, or None where it may work."""
        with self._lock:
            fault = self._faults.get(system)
            if fault is None or fault.until <= self._clock():
                return None
        if fault.mode == "slow":
            time.sleep(self._slow_seconds)
            return None
        if fault.mode == "garbage":
            return Response(b"\x00\xff<garbage\xfe{", 200, content_type="application/json")
        if fault.mode == "error":
            return {"error": "internal_error"}, 500
        _hang_up()
        return {"error": "unavailable"}, 503


def _hang_up() -> None:
    """Close the connection under the answer; without a socket (in tests) the 503 is seen."""
    connection = request.environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        connection.shutdown(socket.SHUT_RDWR)


def guard(blueprint: Blueprint, faults: Faults, system: str) -> None:
    """Let the system's faults stand before every route of the blueprint."""

    @blueprint.before_request
    def misbehave() -> ResponseReturnValue | None:
        return faults.apply(system)


def blueprint(faults: Faults) -> Blueprint:
    """``/faults``: JSON for programs, a page with a form for people."""
    routes = Blueprint("faults", __name__)

    @routes.get("/faults")
    def show() -> ResponseReturnValue:
        if answers.wants_html():
            return render_template(
                "faults.html", faults=faults.current(), systems=SYSTEMS, modes=MODES
            )
        return answers.listed(faults.current())

    @routes.post("/faults")
    def start() -> ResponseReturnValue:
        fields = request.get_json(silent=True) if request.is_json else request.form.to_dict()
        try:
            fault = _checked(fields)
        except ValueError as error:
            return {"error": str(error)}, 400
        faults.set(system=fault.system, mode=fault.mode, seconds=fault.seconds)
        if answers.wants_html():
            return answers.back_to("/faults")
        return answers.listed(faults.current(), status=201)

    @routes.delete("/faults")
    def stop() -> ResponseReturnValue:
        faults.clear()
        return "", 204

    @routes.post("/faults/clear")
    def stop_from_page() -> ResponseReturnValue:
        faults.clear()
        return answers.back_to("/faults")

    return routes


def _checked(fields: object) -> _Asked:
    if not isinstance(fields, Mapping):
        raise ValueError("a JSON object is needed: system, mode, seconds")  # noqa: TRY004
    system, mode, seconds = (fields.get(name) for name in ("system", "mode", "seconds"))
    if system not in SYSTEMS:
        raise ValueError(f"system: one of {', '.join(SYSTEMS)}")
    if mode not in MODES:
        raise ValueError(f"mode: one of {', '.join(MODES)}")
    try:
        length = float(str(seconds))
    except ValueError:
        length = 0
    if not 0 < length <= _LONGEST_SECONDS:
        raise ValueError(f"seconds: more than 0, at most {_LONGEST_SECONDS}")
    return _Asked(system=str(system), mode=str(mode), seconds=length)
