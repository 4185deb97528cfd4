"""A portal on idpyoidc, the library of the certified Python relying party."""

from __future__ import annotations

import logging
from urllib.parse import parse_qsl, urlsplit

from idpyoidc.client.defaults import DEFAULT_OIDC_SERVICES
from idpyoidc.client.rp_handler import RPHandler
from lines import Answer, serve, settings

logging.disable(logging.CRITICAL)
SETTINGS = settings()
ISSUER = SETTINGS["issuer"]
HANDLER = RPHandler(
    base_url="http://localhost",
    keyjar=None,
    key_conf={"key_defs": [{"type": "EC", "crv": "P-256", "use": ["sig"]}]},
    services={
        **DEFAULT_OIDC_SERVICES,
        "end_session": {"class": "idpyoidc.client.oidc.end_session.EndSession"},
    },
    client_configs={
        ISSUER: {
            "client_type": "oidc",
            "issuer": ISSUER,
            "client_id": SETTINGS["client_id"],
            "client_secret": SETTINGS["client_secret"],
            "redirect_uris": [SETTINGS["redirect_uri"]],
            "post_logout_redirect_uris": [SETTINGS["post_logout_redirect_uri"]],
            "response_types_supported": ["code"],
            "scopes_supported": SETTINGS["scope"].split(),
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "id_token_signing_alg_values_supported": [SETTINGS["alg"]],
            "client_authn_methods": ["client_secret_basic"],
            "add_ons": {
                "pkce": {
                    "function": "idpyoidc.client.oauth2.add_on.pkce.add_support",
                    "kwargs": {"code_challenge_length": 64, "code_challenge_method": "S256"},
                }
            },
        }
    },
)
KEPT: dict[str, str] = {}


def begin(**parameters: str) -> Answer:
    url = HANDLER.begin(ISSUER, req_args={"scope": SETTINGS["scope"].split(), **parameters})
    for service in HANDLER.issuer2rp[ISSUER].get_services().values():
        service.endpoint = SETTINGS["metadata"].get(service.endpoint_name, service.endpoint)
    KEPT["state"] = dict(parse_qsl(urlsplit(url).query))["state"]
    return {"url": url}


def finish(url: str) -> Answer:
    found = HANDLER.finalize(ISSUER, dict(parse_qsl(urlsplit(url).query)))
    if "error" in found:
        return {"refused": str(found["error"])}
    return {"claims": found["id_token"].to_dict(), "userinfo": found["userinfo"].to_dict()}


def refresh() -> Answer:
    state = HANDLER.issuer2rp[ISSUER].get_context().cstate
    before = state.get_claim(KEPT["state"], "refresh_token")
    found = HANDLER.refresh_access_token(KEPT["state"])
    claims = found["__verified_id_token"].to_dict()
    return {"claims": claims, "is_rotated": found["refresh_token"] != before}


def userinfo() -> Answer:
    return {"userinfo": HANDLER.get_user_info(KEPT["state"]).to_dict()}


def logout() -> Answer:
    found = HANDLER.logout(KEPT["state"])
    return {"url": found["url"], "state": found["request"]["state"]}


serve(begin=begin, finish=finish, refresh=refresh, userinfo=userinfo, logout=logout)
