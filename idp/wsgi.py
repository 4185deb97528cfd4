"""What the server's workers import: the application of the settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from idp import authenticators, logs
from idp import config as settings
from idp.adapters import pki, trust
from idp.adapters.bhxh import InsuranceAdapter
from idp.adapters.carrier import CarrierAdapter
from idp.adapters.mssp import MsspAdapter
from idp.app import Foundation, Ports, create_app, found, password_hasher
from idp.storage.activations import ActivationStore
from idp.web.security import origin_of

Start = Callable[..., Any]
Wsgi = Callable[[dict[str, Any], Start], Iterable[bytes]]


def build_ports(base: Foundation) -> Ports:
    """The real outside."""
    config = base.config
    methods = authenticators.Ports(
        hasher=password_hasher(config, base.vault),
        subscribers=CarrierAdapter(config.systems["carrier"], config.tls),
        insurance=InsuranceAdapter(config.systems["bhxh"], config.tls),
        counter=ActivationStore(base.database, base.vault),
        trust=trust.load(config.keys_folder / "trust"),
        certificate_status=pki.build(config),
        mobile_signer=MsspAdapter(
            config.systems["mssp"],
            config.tls,
            identity=config.server.issuer,
            clock=base.clock,
            signature_format=config.sim.signature_format,
        ),
        carriers=config.sim.carriers,
        issuer=config.server.issuer,
        origin=origin_of(config.server.issuer),
    )
    return Ports(methods, base.clock)


def build() -> Wsgi:
    """The application of the settings that IDP_CONFIG names."""
    path = os.environ.get("IDP_CONFIG")
    config = settings.load(Path(path) if path else None, os.environ)
    logs.setup(config.log.level, config.log.format)
    base = found(config)
    return create_app(base, build_ports(base)).wsgi_app


application = build()
