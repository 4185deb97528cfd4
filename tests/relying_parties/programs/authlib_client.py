"""A portal on Authlib's client."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client import BaseApp, FrameworkIntegration, OAuthError
from authlib.integrations.base_client.sync_app import OAuth2Mixin
from authlib.integrations.base_client.sync_openid import OpenIDMixin
from authlib.integrations.requests_client import OAuth2Session
from lines import Answer, serve, settings


class Portal(OAuth2Mixin, OpenIDMixin, BaseApp):
    """What Authlib's framework clients are made of, without a framework."""

    client_cls = OAuth2Session

    def _on_update_token(self, token: dict[str, str], **before: str | None) -> None:
        del token, before  # refresh() keeps it


SETTINGS = settings()
PORTAL = Portal(
    FrameworkIntegration("portal"),
    "portal",
    client_id=SETTINGS["client_id"],
    client_secret=SETTINGS["client_secret"],
    server_metadata_url=f"{SETTINGS['issuer']}/.well-known/openid-configuration",
    client_kwargs={"scope": SETTINGS["scope"], "code_challenge_method": "S256"},
)
PORTAL.load_server_metadata()
PORTAL.server_metadata.update(SETTINGS["metadata"])
KEPT: dict[str, str] = {}
TOKENS: dict[str, str] = {}


def begin(**parameters: str) -> Answer:
    found = PORTAL.create_authorization_url(SETTINGS["redirect_uri"], **parameters)
    KEPT.update({name: found[name] for name in ("state", "nonce", "code_verifier")})
    return {"url": found["url"]}


def finish(url: str) -> Answer:
    answer = dict(parse_qsl(urlsplit(url).query))
    if "error" in answer:  # as Authlib's framework clients do before anything else
        raise OAuthError(answer["error"], answer.get("error_description"))
    with OAuth2Session(
        SETTINGS["client_id"],
        SETTINGS["client_secret"],
        redirect_uri=SETTINGS["redirect_uri"],
        state=KEPT["state"],
    ) as session:
        found = session.fetch_token(
            PORTAL.server_metadata["token_endpoint"],
            authorization_response=url,
            code_verifier=KEPT["code_verifier"],
        )
    TOKENS.update(found)
    claims = PORTAL.parse_id_token(found, KEPT["nonce"])
    return {"claims": dict(claims), "userinfo": dict(PORTAL.userinfo(token=found))}


def refresh() -> Answer:
    with PORTAL._get_oauth_client(**PORTAL.server_metadata) as session:
        found = session.refresh_token(refresh_token=TOKENS["refresh_token"])
    claims = PORTAL.parse_id_token(found, None)
    before = TOKENS["refresh_token"]
    TOKENS.update(found)
    return {"claims": dict(claims), "is_rotated": found["refresh_token"] != before}


def userinfo() -> Answer:
    try:
        return {"userinfo": dict(PORTAL.userinfo(token=TOKENS))}
    except requests.HTTPError as error:
        return {"refused": str(error)}


def logout() -> Answer:
    state = generate_token(20)
    made = PORTAL.create_logout_url(SETTINGS["post_logout_redirect_uri"], TOKENS["id_token"], state)
    return {"url": made["url"], "state": made["state"]}


serve(begin=begin, finish=finish, refresh=refresh, userinfo=userinfo, logout=logout)
