"""HTTP on 127.0.0.1: how a page reaches the tool without an extension."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from idp.bridge.contract import MOST_BYTES, VERSION, Answer, ToolError
from idp.bridge.protocol import Tool

_STATUS = {
    "invalid_argument": 400,
    "bad_content_type": 415,
    "too_large": 413,
    "busy": 409,
    "not_found": 404,
}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    tool: Tool


class _Handler(BaseHTTPRequestHandler):
    """Pages of the allowed origins only; reading does nothing."""

    server_version, sys_version = "signing-tool", ""
    protocol_version = "HTTP/1.1"
    timeout = 10
    server: _Server

    def do_OPTIONS(self) -> None:
        """A browser asks before it lets a page ask."""
        if self._is_allowed():
            self._answer(204, None, preflight=True)

    def do_GET(self) -> None:
        """Tell that the tool is here."""
        if self._is_allowed():
            self._answer(200, {"agent": VERSION})

    def do_POST(self) -> None:
        """Sign."""
        if not self._is_allowed():
            return
        try:
            fields = self._read()
            self._answer(200, self.server.tool.authenticate(self.headers["Origin"], fields))
        except ToolError as error:
            self._answer(_STATUS.get(error.code, 200), error.as_json())

    def _read(self) -> object:
        if self.path != "/authenticate":
            raise ToolError("not_found")
        kind = self.headers.get("Content-Type", "").split(";")[0].strip().lower()
        if kind != "application/json":
            raise ToolError("bad_content_type")
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit() or int(length) > MOST_BYTES:
            self.close_connection = True
            raise ToolError("too_large")
        try:
            fields = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            raise ToolError("invalid_argument") from None
        return fields.get("challengeNonce") if isinstance(fields, dict) else None

    def _is_allowed(self) -> bool:
        """A page elsewhere reaches this port too: Host and Origin decide, not CORS alone."""
        here = self.server.server_port
        if self.headers.get("Host") not in {f"127.0.0.1:{here}", f"localhost:{here}"}:
            self.close_connection = True
            self._answer(421, {"code": "bad_host"}, is_allowed=False)
            return False
        if not self.server.tool.allows(self.headers.get("Origin")):
            self.close_connection = True
            self._answer(403, {"code": "origin_not_allowed"}, is_allowed=False)
            return False
        return True

    def _answer(
        self,
        status: int,
        body: Answer | None,
        *,
        preflight: bool = False,
        is_allowed: bool = True,
    ) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Vary", "Origin")
        if is_allowed:
            self.send_header("Access-Control-Allow-Origin", self.headers["Origin"])
        if preflight:
            self.send_header("Access-Control-Allow-Methods", "POST, GET")
            self.send_header("Access-Control-Allow-Headers", "content-type")
            self.send_header("Access-Control-Max-Age", "600")
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if body is not None:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing: what a person signs where is nobody's business."""


def make_server(tool: Tool, port: int) -> ThreadingHTTPServer:
    """The tool on 127.0.0.1."""
    server = _Server(("127.0.0.1", port), _Handler)
    server.tool = tool
    return server
