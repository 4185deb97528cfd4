"""``/ssf/...`` and its configuration: HTTP around the transmitter of security events."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from flask import Flask, Response, request

from idp.config import Config
from idp.oidc.calls import Call, Reply
from idp.oidc.ssf import configuration
from idp.oidc.ssf.requests import SsfError
from idp.oidc.ssf.transmitter import Transmitter
from idp.web.oidc import read_call

_NO_STORE = {"Cache-Control": "no-store"}


def init_app(app: Flask, transmitter: Transmitter, config: Config) -> None:
    """Answer the addresses of SSF 1.0, sections 7 and 8, and of RFC 8936."""
    document = configuration.document(config.server.issuer)

    def about() -> Response:
        headers = {"Cache-Control": "public, max-age=300"}
        return Response(document, content_type="application/json", headers=headers)

    def streams() -> Response:
        call, stream_id = read_call(config.mtls), request.args.get("stream_id")
        by_method: dict[str, Callable[[], Reply]] = {
            "POST": lambda: transmitter.create(call),
            "PATCH": lambda: transmitter.update(call),
            "PUT": lambda: transmitter.replace(call),
            "DELETE": lambda: transmitter.delete(call, stream_id),
        }
        return _answer(by_method.get(call.method, lambda: transmitter.read(call, stream_id)))

    def status() -> Response:
        call, stream_id = read_call(config.mtls), request.args.get("stream_id")
        if call.method == "POST":
            return _answer(lambda: transmitter.update_status(call))
        return _answer(lambda: transmitter.read_status(call, stream_id))

    def poll(stream_id: str) -> Response:
        call = read_call(config.mtls)
        return _answer(lambda: transmitter.polling.poll(call, stream_id))

    def plain(work: Callable[[Call], Reply]) -> Callable[[], Response]:
        return lambda: _answer(lambda: work(read_call(config.mtls)))

    every = ["GET", "POST", "PATCH", "PUT", "DELETE"]
    app.add_url_rule("/.well-known/ssf-configuration", "ssf", about)
    app.add_url_rule(configuration.STREAMS, "ssf_streams", streams, methods=every)
    app.add_url_rule(configuration.STATUS, "ssf_status", status, methods=["GET", "POST"])
    for path, name, work in (
        (configuration.ADD_SUBJECT, "ssf_add_subject", transmitter.add_subject),
        (configuration.REMOVE_SUBJECT, "ssf_remove_subject", transmitter.remove_subject),
        (configuration.VERIFY, "ssf_verify", transmitter.verify),
    ):
        app.add_url_rule(path, name, plain(work), methods=["POST"])
    app.add_url_rule(f"{configuration.POLL_PATH}/<stream_id>", "ssf_poll", poll, methods=["POST"])


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
        scheme = "DPoP" if "dpop" in error.error else "Bearer"
        headers["WWW-Authenticate"] = f'{scheme} realm="ssf"{why}'
    body = {"error": error.error or "invalid_token"}
    if error.detail:
        body["error_description"] = error.detail
    return Response(
        msgspec.json.encode(body), error.status, headers=headers, content_type="application/json"
    )
