"""``python -m idp.sandbox``: the outside world in one process."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click
from flask import Blueprint, Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from idp.sandbox import desk, kiosk, mail, portal_settings
from idp.sandbox.app import World, create_app
from idp.sandbox.ca import Authorities
from idp.sandbox.event_receiver import EventReceiver
from idp.sandbox.events import Events
from idp.sandbox.people import People
from idp.sandbox.portal import create_portal
from idp.sandbox.portal_sessions import Browsers
from idp.sandbox.portal_settings import PortalSettings
from idp.sandbox.relying_party import RelyingParty

_STOPPING = (signal.SIGTERM, signal.SIGINT)
_OWN_PORT = 100
_FIRST_PORTAL = 201
_MAIL_PORT = 125


class _Silent(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: the demo's terminal is for its own table."""


def _server(app: Flask, port: int) -> BaseWSGIServer:
    return make_server("127.0.0.1", port, app, threaded=True, request_handler=_Silent)


def _outposts(portal: PortalSettings, events: Events, issuer: str) -> list[Blueprint]:
    """The kiosk and the desk that work for this portal."""
    found = []
    for settings, make in ((portal.kiosk, kiosk.blueprint), (portal.desk, desk.blueprint)):
        if settings is not None:
            party = RelyingParty(settings, issuer=issuer)
            found.append(make(settings, party=party, events=events))
    return found


@click.command()
@click.option("--port-base", type=int, default=8000, show_default=True)
@click.option("--issuer", default="http://localhost:8000", show_default=True)
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--portals", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(port_base: int, issuer: str, data: Path, portals: Path | None) -> None:
    """Serve the simulated systems and the demo portals until told to stop."""
    # Blocked here and so in every thread: they wait for the sigwait below.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    settings = (
        portal_settings.read(portals, first_port=port_base + _FIRST_PORTAL) if portals else ()
    )
    world = World(people=People(data), authorities=Authorities(data / "ca"), folder=data)
    port = port_base + _OWN_PORT
    base = f"http://localhost:{port}"
    servers = [_server(create_app(world, issuer=issuer, portals=settings, base=base), port)]
    receivers: list[EventReceiver] = []
    for portal in settings:
        party, browsers = RelyingParty(portal, issuer=issuer), Browsers()
        receiver = EventReceiver(portal, party=party, events=world.events, browsers=browsers)
        receivers.append(receiver)
        app = create_portal(
            portal,
            party=party,
            events=world.events,
            receiver=receiver,
            browsers=browsers,
            outposts=_outposts(portal, world.events, issuer),
        )
        servers.append(_server(app, portal.port))
    stop = threading.Event()
    threads = [
        *(threading.Thread(target=server.serve_forever) for server in servers),
        *(threading.Thread(target=receiver.run, args=(stop,)) for receiver in receivers),
    ]
    for thread in threads:
        thread.start()
    letters = mail.relay(world.mailbox, world.faults, port=port_base + _MAIL_PORT)
    letters.start()
    signal.sigwait(_STOPPING)
    letters.stop()
    stop.set()
    for server in servers:
        server.shutdown()
    for server in servers:
        server.server_close()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
