"""The real outside: an adapter for every port of the methods."""

from __future__ import annotations

from idp import authenticators
from idp.adapters import pki, trust
from idp.adapters.bhxh import InsuranceAdapter
from idp.adapters.carrier import CarrierAdapter
from idp.adapters.mssp import MsspAdapter
from idp.app import Foundation, Ports, password_hasher
from idp.storage.activations import ActivationStore
from idp.storage.agencies import AgencyStore
from idp.web.security import origin_of


def build_ports(base: Foundation) -> Ports:
    """The real outside."""
    config = base.config
    methods = authenticators.Ports(
        hasher=password_hasher(config, base.vault),
        subscribers=CarrierAdapter(config.systems["carrier"], config.tls, base.meter),
        insurance=InsuranceAdapter(config.systems["bhxh"], config.tls, base.meter),
        counter=ActivationStore(base.database, base.vault),
        trust=trust.load(config.keys_folder / "trust"),
        certificate_status=pki.build(config, base.meter),
        directory=AgencyStore(base.database),
        mobile_signer=MsspAdapter(
            config.systems["mssp"],
            config.tls,
            identity=config.server.issuer,
            clock=base.clock,
            signature_format=config.sim.signature_format,
            meter=base.meter,
        ),
        carriers=config.sim.carriers,
        issuer=config.server.issuer,
        origin=origin_of(config.server.issuer),
    )
    return Ports(methods, base.clock)
