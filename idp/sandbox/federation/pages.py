"""The addresses of the authorities, and the page on which the ministry gives and takes its word."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from idp.sandbox import answers
from idp.sandbox.federation import members as who
from idp.sandbox.federation.authority import Authority
from idp.sandbox.federation.entity import STATEMENT_TYPE, WELL_KNOWN, NotTrusted
from idp.sandbox.federation.members import Members
from idp.sandbox.federation.province import NAME as PROVINCE_NAME

_MARK_TYPE = "application/trust-mark+jwt"
_STATUS_TYPE = f"application/{who.STATUS_TYP}"
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_LONGEST = 1024


def blueprint(members: Members, province: str) -> Blueprint:
    """Everything below ``/federation``."""
    routes = Blueprint("federation", __name__, url_prefix="/federation")
    _add_documents(routes, members)
    _add_marks(routes, members)
    _add_desk(routes, members, province)
    return routes


def _add_documents(routes: Blueprint, members: Members) -> None:
    """What programs fetch."""
    authorities = {who.ANCHOR: members.anchor, who.MINISTRY: members.ministry}
    entities = {name: each.entity for name, each in authorities.items()}
    entities[who.MARKS] = members.marks

    @routes.get(f"/<name>{WELL_KNOWN}")
    def configuration(name: str) -> ResponseReturnValue:
        return _signed(entities[name].configuration()) if name in entities else _error(404)

    @routes.get("/<name>/jwks")
    def keys(name: str) -> ResponseReturnValue:
        """What an operator would get on paper: the keys to pin."""
        return jsonify(entities[name].jwks) if name in entities else _error(404)

    @routes.get("/<name>/fetch")
    def fetch(name: str) -> ResponseReturnValue:
        return _fetch(authorities.get(name) or abort(404), request.args.get("sub", ""))

    @routes.get("/<name>/list")
    def subordinates(name: str) -> ResponseReturnValue:
        if name not in authorities:
            return _error(404)
        if request.args:  # section 8.2.1: a filter that is not supported is told
            return _error(400, "unsupported_parameter")
        return jsonify(authorities[name].subordinates())


def _add_marks(routes: Blueprint, members: Members) -> None:
    """What the issuer of trust marks says (sections 8.4 to 8.6)."""

    @routes.get(f"/{who.MARKS}/trust-mark")
    def trust_mark() -> ResponseReturnValue:
        kind, subject = request.args.get("trust_mark_type", ""), request.args.get("sub", "")
        mark = members.mark(kind, subject)
        return Response(mark, content_type=_MARK_TYPE) if mark else _error(404)

    @routes.post(f"/{who.MARKS}/trust-mark-status")
    def trust_mark_status() -> ResponseReturnValue:
        """Section 8.4."""
        token = request.form.get("trust_mark", "")
        if not token:
            return _error(400, "invalid_request")
        status = members.mark_status(token)
        return Response(status, content_type=_STATUS_TYPE) if status else _error(404)

    @routes.get(f"/{who.MARKS}/trust-marked")
    def trust_marked() -> ResponseReturnValue:
        """Section 8.5."""
        kind, subject = request.args.get("trust_mark_type", ""), request.args.get("sub")
        if not kind:
            return _error(400, "invalid_request")
        return jsonify([each for each in members.marked(kind) if subject in {None, each}])


def _add_desk(routes: Blueprint, members: Members, province: str) -> None:
    """What the ministry decides."""

    @routes.get("/")
    def page() -> ResponseReturnValue:
        return _page(members, province)

    @routes.post(f"/{who.MINISTRY}/enrol")
    def enrol() -> ResponseReturnValue:
        """The ministry vouches for a portal on this computer, whoever made it."""
        entity_id = _asked()
        if not _is_local(entity_id):
            return _told(members, province, "Cần địa chỉ của một cổng trên máy này.", 400)
        try:
            members.ministry.enrol(entity_id, who.PORTAL_POLICY)
        except NotTrusted as error:
            return _told(members, province, f"Không đọc được cổng này: {error}", 400)
        return _told(members, province, "")

    @routes.post(f"/{who.MINISTRY}/withdraw")
    def withdraw() -> ResponseReturnValue:
        members.ministry.withdraw(_asked())
        return _told(members, province, "")


def _fetch(authority: Authority, subject: str) -> ResponseReturnValue:
    """Section 8.1."""
    if not subject or subject == authority.entity.id:
        return _error(400, "invalid_request")
    try:
        statement = authority.statement(subject)
    except NotTrusted:
        return _error(503, "temporarily_unavailable")
    return _signed(statement) if statement else _error(404)


def _signed(statement: str) -> Response:
    return Response(statement, content_type=STATEMENT_TYPE)


def _error(status: int, code: str = "not_found") -> ResponseReturnValue:
    """Section 8.9."""
    return {"error": code, "error_description": code.replace("_", " ")}, status


def _asked() -> str:
    fields = request.get_json(silent=True) if request.is_json else request.form
    given = fields.get("entity_id") if isinstance(fields, dict) or fields else None
    return given.strip().rstrip("/") if isinstance(given, str) and len(given) <= _LONGEST else ""


def _is_local(entity_id: str) -> bool:
    try:
        parts = urlsplit(entity_id)
    except ValueError:
        return False
    is_plain = parts.scheme in {"http", "https"} and not parts.query and not parts.fragment
    return is_plain and parts.hostname in _LOCAL


def _told(members: Members, province: str, fault: str, status: int = 200) -> ResponseReturnValue:
    if not answers.wants_html():
        return ({"error": fault}, status) if fault else jsonify(members.ministry.subordinates())
    if fault:
        return _page(members, province, fault), status
    return answers.back_to("/federation/")


def _page(members: Members, province: str, fault: str = "") -> str:
    return render_template(
        "federation.html",
        members=members,
        province=province,
        province_name=PROVINCE_NAME,
        fault=fault,
        portals=sorted({province, *members.ministry.subordinates()}),
    )
