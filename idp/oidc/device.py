"""The device authorization endpoint (RFC 8628, 3.1 and 3.2): a code to show, a code to poll with.

The device may be a public client; what binds the tokens (DPoP, a certificate) is proven where they
are given, at the token endpoint.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from idp.config import Oidc
from idp.domain.clients import GrantType
from idp.flows.decoupled_asking import Asking
from idp.oidc import asked
from idp.oidc.calls import NO_STORE, Call, Reply, read_form
from idp.oidc.client_auth import Authenticator
from idp.oidc.errors import SlowDownError, UnauthorizedClientError
from idp.ports import Clock

PATH = "/device_authorization"
PAGE = "/device"


@dataclass(frozen=True, slots=True)
class DeviceAuthorization:
    """Answers devices."""

    issuer: str
    settings: Oidc
    authenticator: Authenticator
    asking: Asking
    clock: Clock

    def answer(self, call: Call) -> Reply:
        """Begin. Raises ``OAuth2Error``."""
        form, now = read_form(call), self.clock()
        client = self.authenticator.authenticate(call, form, now=now)
        if GrantType.DEVICE_CODE not in client.grant_types:
            raise UnauthorizedClientError("the client may not use this grant")
        request = asked.read(client, form, ip=call.address)
        if not self.asking.limits.before_device(call.address, now=now):
            raise SlowDownError("too many devices of this network", status_code=429)
        settings = self.settings
        codes = self.asking.begin_device(
            request,
            ttl=timedelta(seconds=settings.device_code_ttl),
            interval=timedelta(seconds=settings.poll_interval),
            now=now,
        )
        page = f"{self.issuer}{PAGE}"
        body = {
            "device_code": codes.device_code,
            "user_code": codes.user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?{urlencode({'user_code': codes.user_code})}",
            "expires_in": settings.device_code_ttl,
            "interval": settings.poll_interval,
        }
        return Reply(200, json.dumps(body).encode(), headers=dict(NO_STORE))
