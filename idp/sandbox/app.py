"""The sandbox's own web application: every simulated system on one port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import urlencode

from flask import Blueprint, Flask, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from idp.sandbox import answers, bhxh, ca, carrier, faults, mail, mssp, sms, usb, vnpost
from idp.sandbox.ca import Authorities
from idp.sandbox.devices import Devices
from idp.sandbox.events import Events
from idp.sandbox.federation import members, pages, province
from idp.sandbox.people import People
from idp.sandbox.portal_settings import PortalSettings
from idp.sandbox.tokens import Reader

_HANOI = timezone(timedelta(hours=7))


@dataclass(frozen=True, slots=True)
class World:
    """The state that the simulated systems share."""

    people: People
    authorities: Authorities = field(default_factory=Authorities)
    folder: Path | None = None
    inbox: sms.Inbox = field(default_factory=sms.Inbox)
    mailbox: mail.Mailbox = field(default_factory=mail.Mailbox)
    faults: faults.Faults = field(default_factory=faults.Faults)
    events: Events = field(default_factory=Events)


def create_app(
    world: World,
    *,
    issuer: str,
    portals: Sequence[PortalSettings] = (),
    base: str = "http://localhost:8100",
) -> Flask:
    """The application behind the sandbox's index page; ``base`` is its address."""
    app = Flask(__name__)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.config["MAX_CONTENT_LENGTH"] = 1_000_000
    app.add_template_filter(_hanoi, "hanoi")
    app.register_blueprint(carrier.blueprint(world.people, world.faults))
    app.register_blueprint(bhxh.blueprint(world.people, world.faults))
    app.register_blueprint(sms.gateway(world.inbox, world.faults))
    app.register_blueprint(sms.reader(world.inbox))
    app.register_blueprint(mail.reader(world.mailbox))
    devices = Devices(world.authorities)
    app.register_blueprint(vnpost.blueprint(world.people, world.faults, issuer))
    phones = mssp.Phones(world.people, devices)
    app.register_blueprint(mssp.platform(phones, world.faults))
    app.register_blueprint(mssp.phone_pages(phones))
    reader = Reader(world.folder / "usb" if world.folder else None, devices)
    app.register_blueprint(usb.blueprint(world.people, reader, usb.Dialogues()))
    app.register_blueprint(_people(world.people, devices))
    app.register_blueprint(ca.blueprint(world.authorities, world.faults))
    app.register_blueprint(faults.blueprint(world.faults))
    _add_federation(app, world, base, issuer)

    @app.before_request
    def refuse_other_sites() -> ResponseReturnValue | None:
        """No foreign web page may move things here through the developer's browser."""
        crossing = request.headers.get("Sec-Fetch-Site") == "cross-site"
        if crossing and request.method not in ("GET", "HEAD"):
            return {"error": "cross_site"}, 403
        return None

    @app.get("/")
    def index() -> str:
        about = {"province": f"{base}{province.PATH}", "province_name": province.NAME}
        return render_template("index.html", issuer=issuer, portals=portals, **about)

    @app.get("/health")
    def health() -> ResponseReturnValue:
        return {"status": "ok"}

    @app.get("/portal-events")
    def portal_events() -> ResponseReturnValue:
        return answers.listed(world.events.all())

    return app


def _add_federation(app: Flask, world: World, base: str, issuer: str) -> None:
    """The authorities, and the portal that comes on their word: a web site below a path."""
    folder = world.folder / "federation" if world.folder else None
    home = f"{base}{province.PATH}"
    found = members.build(f"{base}/federation", issuer=issuer, province=home, folder=folder)
    app.register_blueprint(pages.blueprint(found, home))
    query = urlencode({"trust_mark_type": found.mark_type, "sub": home})
    above = province.Above(
        found.anchor.entity, found.ministry.entity.id, f"{found.marks.id}/trust-mark?{query}"
    )
    portal = province.create_province(
        home, issuer=issuer, above=above, events=world.events, folder=folder
    )
    app.wsgi_app = DispatcherMiddleware(  # type: ignore[method-assign]
        app.wsgi_app, {province.PATH: portal.wsgi_app}
    )


def _people(registry: People, devices: Devices) -> Blueprint:
    routes = Blueprint("people", __name__)

    @routes.get("/people")
    def people() -> ResponseReturnValue:
        everyone = registry.all()
        if answers.wants_html():
            return render_template("people.html", people=everyone)
        return answers.listed([devices.as_json(person) for person in everyone])

    @routes.post("/people")
    def add_person() -> ResponseReturnValue:
        fields = request.get_json(silent=True)
        if not isinstance(fields, dict):
            return {"error": "a JSON object is needed"}, 400
        try:
            person = registry.add(fields)
        except ValueError as error:
            return {"error": str(error)}, 400
        return devices.as_json(person), 201

    return routes


def _hanoi(moment: datetime) -> str:
    return moment.astimezone(_HANOI).strftime("%H:%M:%S %d/%m/%Y")
