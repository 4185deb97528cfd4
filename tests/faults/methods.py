"""Every method's steps as a visitor takes them, each up to the request that matters."""

from __future__ import annotations

import contextlib
import html
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx2 as httpx
import pyotp

from idp.sandbox import tokens
from tests.faults.installation import PATIENCE, ROOT, Installation
from tests.faults.visitor import PASSWORD, Prepared, Visitor
from tests.support.passkeys import Passkey
from tests.support.postgres import require


@contextlib.contextmanager
def signing_tool(at: Installation) -> Iterator[None]:
    """The tool on the person's computer, with a token in its reader."""
    driver = tokens.driver()
    require("softhsm", found=bool(driver), how="apt-get install softhsm2")
    command = [sys.executable, "-m", "idp.bridge", "--port", str(at.base + 300)]
    command += ["--origin", at.issuer, "--module", str(driver)]
    command += ["--prompt", "sandbox", "--sandbox", at.sandbox]
    reader = str(at.data / "sandbox" / "usb" / "softhsm2.conf")
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "SOFTHSM2_CONF": reader},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as tool:  # fmt: skip
        try:
            yield
        finally:
            tool.terminate()


# --- what the person does outside of the browser --------------------------------------------------


def confirms_on_the_phone(visitor: Visitor) -> None:
    sim = visitor.person["sim"]
    address = f"{visitor.at.sandbox}/sim/{sim['number']}/confirm"
    assert httpx.post(address, json={"pin": sim["pin"]}, timeout=20).status_code == 200


def cancels_on_the_phone(visitor: Visitor) -> None:
    sim = visitor.person["sim"]
    answer = httpx.post(f"{visitor.at.sandbox}/sim/{sim['number']}/cancel", timeout=20)
    assert answer.status_code == 200, answer.text


def signs(visitor: Visitor) -> Prepared:
    """What the tool makes of this page's challenge, ready to be sent."""
    found = re.search(r'data-nonce="([^"]+)"', visitor.text)
    assert found, visitor.text
    at, usb = visitor.at, visitor.person["usb"]
    inserted = httpx.post(f"{at.sandbox}/usb/insert", json={"person": visitor.number}, timeout=20)
    assert inserted.status_code == 200, inserted.text
    with ThreadPoolExecutor(1) as pool:
        signing = pool.submit(_authenticate, at, html.unescape(found[1]))
        answer = {"certificate": 0, "pin": usb["pin"]}
        told = httpx.post(f"{at.sandbox}/usb/answer", json=answer, timeout=30)
        assert told.status_code == 200, told.text
        token = signing.result(40)
    assert "code" not in token, token
    return with_token(visitor, json.dumps(token))


def _authenticate(at: Installation, nonce: str) -> dict[str, Any]:
    address, deadline = (
        f"http://127.0.0.1:{at.base + 300}/authenticate",
        time.monotonic() + PATIENCE,
    )
    while True:
        try:
            answer = httpx.post(
                address, json={"challengeNonce": nonce}, headers={"Origin": at.issuer}, timeout=40
            )
            return dict(answer.json())
        except httpx.ConnectError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def with_token(visitor: Visitor, token: str) -> Prepared:
    """The form that a script would send."""
    form = visitor.prepare()
    return replace(form, form={**form.form, "token": token})


def passkey_nonce(visitor: Visitor) -> str:
    found = re.search(r'data-options="([^"]+)"', visitor.text)
    assert found, visitor.text
    return str(json.loads(html.unescape(found[1]))["challenge"])


# --- registration ---------------------------------------------------------------------------------


def somebody_for(at: Installation, method: str) -> Visitor:
    """A person with what the method needs."""
    has: dict[str, dict[str, Any]] = {
        "sim": {"phones": [{"carrier": "viettel"}], "sim": True},
        "usb": {"usb": True},
    }
    return Visitor(at, at.person(**has.get(method, {})))


def begins(visitor: Visitor, method: str) -> None:
    visitor.get("/register")
    visitor.submit(method=method)


def first_form(visitor: Visitor, method: str) -> Prepared:
    """The first screen that asks for something, filled in."""
    begins(visitor, method)
    match method:
        case "bhxh":
            return visitor.prepare(**visitor.fields(), insurance_code=visitor.person["bhxh_code"])
        case "vnpost":
            code = issued_code(visitor)
            return visitor.prepare(username=visitor.number, activation_code=code, captcha="12345")
        case "sim":
            sim = visitor.person["sim"]
            return visitor.prepare(carrier=sim["carrier"], phone=sim["number"], captcha="12345")
        case _:
            return visitor.prepare()


def issued_code(visitor: Visitor) -> str:
    """What a clerk hands over; a process that was killed just before is tried again by hand."""
    address, deadline = f"{visitor.at.sandbox}/vnpost/issue", time.monotonic() + PATIENCE
    while True:
        answer = httpx.post(address, json={"person": visitor.number}, timeout=20)
        if answer.is_success:
            # It comes by SMS too: it has to be there before the code that is newer.
            visitor.newest_code()
            return str(answer.json()["activation_code"])
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.5)


def last_form(visitor: Visitor, method: str, first: Prepared | None = None) -> Prepared:
    """The screen whose answer opens the account, filled in."""
    visitor.post(first or first_form(visitor, method))
    if method in {"bhxh", "vnpost"}:
        visitor.submit(code=visitor.newest_code())
        return visitor.prepare(password=PASSWORD, password_again=PASSWORD)
    if method == "sim":
        confirms_on_the_phone(visitor)
        poll(visitor, "Chào mừng bạn")
    else:
        visitor.post(signs(visitor))
    assert "Chào mừng bạn" in visitor.text, visitor.text
    return visitor.prepare(email="")


def poll(visitor: Visitor, text: str) -> None:
    """Ask until the phone's answer is seen; not more than once in a second."""
    here, deadline = visitor.path.removesuffix("/poll"), time.monotonic() + PATIENCE
    while text not in visitor.text and time.monotonic() < deadline:
        time.sleep(1.1)
        visitor.get(f"{here}/poll")


# --- sign-in --------------------------------------------------------------------------------------


def first_of_sign_in(visitor: Visitor, method: str) -> Prepared:
    """With a fresh browser: the request that asks for a signature."""
    visitor.client.cookies.clear()
    visitor.get("/login")
    visitor.get(f"{visitor.path}?method={method}")
    if method != "sim":
        return visitor.prepare()
    sim = visitor.person["sim"]
    fields = {"carrier": sim["carrier"], "phone": sim["number"]}
    picture = {"captcha": "12345"} if 'name="captcha"' in visitor.text else {}
    return visitor.prepare(**fields, **picture)


def last_of_sign_in(visitor: Visitor, method: str, kept: Any = None) -> Prepared:
    """With a fresh browser: the request whose answer opens the session."""
    first = first_of_sign_in(visitor, method)
    match method:
        case "sim":
            visitor.post(first)
            confirms_on_the_phone(visitor)
            return visitor.prepare()
        case "usb":
            visitor.post(first)
            return signs(visitor)
        case "passkey":
            visitor.post(first)
            device: Passkey = kept
            return with_token(
                visitor, device.signs(passkey_nonce(visitor), origin=visitor.at.issuer)
            )
        case _:
            app: App = kept
            fields = {"username": visitor.number, "password": PASSWORD, "code": app.next()}
            picture = {"captcha": "12345"} if 'name="captcha"' in visitor.text else {}
            return visitor.prepare(**fields, **picture)


class App:
    """An authenticator app; a code serves once, so each is the next one."""

    def __init__(self, secret: str) -> None:
        self._totp, self._last = pyotp.TOTP(secret), 0

    def next(self) -> str:
        """A code of a step that was not used yet."""
        while int(time.time()) // 30 <= self._last:
            time.sleep(0.5)
        self._last = int(time.time()) // 30
        return self._totp.at(self._last * 30)


def adds_passkey(visitor: Visitor) -> Passkey:
    device = Passkey()
    visitor.get("/account/methods/new")
    visitor.submit(method="passkey")
    nonce = passkey_nonce(visitor)
    visitor.post(with_token(visitor, device.makes(nonce, origin=visitor.at.issuer)))
    assert visitor.path == "/account/methods", visitor.text
    return device


def adds_app(visitor: Visitor) -> App:
    visitor.get("/account/methods/new")
    visitor.submit(method="totp")
    found = re.search(r"(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}", visitor.text)
    assert found, visitor.text
    app = App(found[0].replace(" ", ""))
    visitor.submit(code=app.next())
    assert visitor.path == "/account/methods", visitor.text
    return app
