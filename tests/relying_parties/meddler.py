"""Somebody between a portal and the provider, who raises the level in the ID token."""

from __future__ import annotations

import json
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2 as httpx


def raised(token: str) -> str:
    """The same token with another ``acr``, and the signature that no longer fits."""
    header, payload, signature = token.split(".")
    claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    changed = json.dumps({**claims, "acr": "ial3"}).encode()
    return f"{header}.{urlsafe_b64encode(changed).rstrip(b'=').decode()}.{signature}"


class _Handler(BaseHTTPRequestHandler):
    target = ""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kept = ("Authorization", "Content-Type", "Accept")
        headers = {name: self.headers[name] for name in kept if self.headers[name]}
        answer = httpx.post(self.target, content=body, headers=headers, trust_env=False)
        found: dict[str, Any] = answer.json()
        if "id_token" in found:
            found["id_token"] = raised(found["id_token"])
        content = json.dumps(found).encode()
        self.send_response(answer.status_code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its own name
        del format, args


@contextmanager
def between(token_endpoint: str) -> Iterator[str]:
    """The meddler's token endpoint."""
    handler = type("Meddler", (_Handler,), {"target": token_endpoint})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}/token"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
