"""A portal in one file: people sign in with Một Cửa, on Flask and Authlib."""

from __future__ import annotations

import os

from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, abort, redirect, render_template_string, request, session
from joserfc.errors import JoseError
from werkzeug.wrappers import Response

ISSUER, HOME = os.environ["ISSUER"], os.environ["HOME_URL"]
LEVEL = os.environ.get("LEVEL", "ial2")  # the least level that opens this portal
ENOUGH = ["ial2", "ial3"] if LEVEL == "ial2" else ["ial3"]
PAGE = """<!doctype html><html lang="vi"><title>Cổng mẫu</title><main>
{% if session.sub %}<p>Xin chào {{ session.name }} ({{ session.acr }})</p>
<form method="post" action="/logout"><button>Đăng xuất</button></form>
{% else %}<a href="/login">Đăng nhập</a>{% endif %}</main></html>"""

app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]
# Lax: the way back from the provider brings the cookie, a form on somebody's site does not.
app.config.update(SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_SECURE=HOME.startswith("https:"))
mot_cua = OAuth(app).register(
    "mot_cua",
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ["CLIENT_SECRET"],
    server_metadata_url=f"{ISSUER}/.well-known/openid-configuration",
    client_kwargs={"scope": "openid profile", "code_challenge_method": "S256"},
)


@app.get("/")
def home() -> str:
    return render_template_string(PAGE)


@app.get("/login")
def login() -> Response:
    """Authlib makes state, nonce and the PKCE verifier, and keeps them in the session."""
    return mot_cua.authorize_redirect(f"{HOME}/callback", acr_values=LEVEL)


@app.get("/callback")
def callback() -> Response:
    if request.args.get("iss") != ISSUER:  # RFC 9207: an answer of another provider
        abort(400)
    wanted = {"iss": {"values": [ISSUER]}, "aud": {"values": [mot_cua.client_id]}}
    try:  # checks state, sends the verifier, checks signature, iss, aud, exp and nonce
        token = mot_cua.authorize_access_token(claims_options=wanted)
        person = mot_cua.userinfo(token=token)
    except (OAuthError, JoseError) as error:
        app.logger.warning("sign-in refused: %s", error)
        abort(400)
    claims = token["userinfo"]
    if claims.get("acr") not in ENOUGH or person["sub"] != claims["sub"]:
        abort(403)  # asking for a level is a wish; what counts is what comes back
    session.clear()
    session.update(sub=claims["sub"], acr=claims["acr"], name=person.get("name", ""))
    session["id_token"] = token["id_token"]
    return redirect("/")


@app.post("/logout")
def logout() -> Response:
    hint = session.get("id_token")
    session.clear()
    return mot_cua.logout_redirect(f"{HOME}/left", hint, client_id=mot_cua.client_id)


@app.get("/left")
def left() -> Response:
    mot_cua.validate_logout_response()  # the state that logout_redirect made
    return redirect("/")
