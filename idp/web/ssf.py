"""``/ssf/...`` and its configuration: HTTP around the transmitter of security events."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from flask import Flask, Response, request

from idp.oidc.provider import Reply
from idp.oidc.ssf import configuration
from idp.oidc.ssf.requests import SsfError
from idp.oidc.ssf.transmitter import Transmitter

_NO_STORE = {"Cache-Control": "no-store"}


def init_app(app: Flask, transmitter: Transmitter, issuer: str) -> None:
    """Answer the addresses of SSF 1.0, sections 7 and 8, and of RFC 8936."""
    document = configuration.document(issuer)

    def about() -> Response:
        headers = {"Cache-Control": "public, max-age=300"}
        return Response(document, content_type="application/json", headers=headers)

    def streams() -> Response:
        token, stream_id = _bearer(), request.args.get("stream_id")
        calls: dict[str, Callable[[], Reply]] = {
            "POST": lambda: transmitter.create(token, _body()),
            "PATCH": lambda: transmitter.update(token, _body()),
            "PUT": lambda: transmitter.replace(token, _body()),
            "DELETE": lambda: transmitter.delete(token, stream_id),
        }
        return _answer(calls.get(request.method, lambda: transmitter.read(token, stream_id)))

    def status() -> Response:
        token, stream_id = _bearer(), request.args.get("stream_id")
        if request.method == "POST":
            return _answer(lambda: transmitter.update_status(token, _body()))
        return _answer(lambda: transmitter.read_status(token, stream_id))

    def poll(stream_id: str) -> Response:
        token = _bearer()
        return _answer(lambda: transmitter.poll(token, stream_id, _body()))

    every = ["GET", "POST", "PATCH", "PUT", "DELETE"]
    app.add_url_rule("/.well-known/ssf-configuration", "ssf", about)
    app.add_url_rule(configuration.STREAMS, "ssf_streams", streams, methods=every)
    app.add_url_rule(configuration.STATUS, "ssf_status", status, methods=["GET", "POST"])
    for path, name, call in (
        (configuration.ADD_SUBJECT, "ssf_add_subject", transmitter.add_subject),
        (configuration.REMOVE_SUBJECT, "ssf_remove_subject", transmitter.remove_subject),
        (configuration.VERIFY, "ssf_verify", transmitter.verify),
    ):
        app.add_url_rule(path, name, _post(call), methods=["POST"])
    app.add_url_rule(f"{configuration.POLL_PATH}/<stream_id>", "ssf_poll", poll, methods=["POST"])


def _post(call: Callable[[str | None, bytes], Reply]) -> Callable[[], Response]:
    return lambda: _answer(lambda: call(_bearer(), _body()))


def _answer(call: Callable[[], Reply]) -> Response:
    try:
        reply = call()
    except SsfError as error:
        return _refusal(error)
    kind = reply.content_type if reply.body else None
    return Response(reply.body, reply.status, headers=_NO_STORE, content_type=kind)


def _refusal(error: SsfError) -> Response:
    """RFC 6750, 3: a challenge where the token is missing or not enough."""
    headers = dict(_NO_STORE)
    if error.status in {401, 403}:
        why = f', error="{error.error}"' if error.error else ""
        headers["WWW-Authenticate"] = f'Bearer realm="ssf"{why}'
    body = {"error": error.error or "invalid_token"}
    if error.detail:
        body["error_description"] = error.detail
    return Response(
        msgspec.json.encode(body), error.status, headers=headers, content_type="application/json"
    )


def _body() -> bytes:
    return request.get_data(cache=False)


def _bearer() -> str | None:
    """The token, from the header only (CAEP Interoperability Profile, 2.7.3)."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
