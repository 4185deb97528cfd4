"""The signing tool on the person's computer: a page asks, a USB token signs.

One file; needs Python and ``python-pkcs11``, nothing else of this project. It speaks HTTP on
127.0.0.1 (``POST /authenticate``) or, started with ``--native``, native messaging with a browser
extension; both answer a Web eID authentication token (``web-eid:1.0``).

What it holds to (docs/signing-tool.md):

* The origin that is signed is the one the browser names in the Origin header, never one that the
  page says. Only origins on the list are served; the dialogue names the site before a PIN is typed.
* Every touch of the token is a process of its own with a time limit, since drivers hang and crash.
* The PIN is tried once for each click, is never written anywhere, and never leaves this computer.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import urlsplit

VERSION = "1.0.0"
APP_VERSION = f"https://dichvucong.gov.vn/signing-tool/{VERSION}"
MOST_BYTES = 8192
NONCE_LENGTHS = range(44, 129)
LIST_SECONDS, SIGN_SECONDS, PERSON_SECONDS = 15.0, 60.0, 120.0
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")

Answer = dict[str, Any]


class ToolError(Exception):
    """Something the page can explain; ``code`` is part of the interface."""

    def __init__(self, code: str, **more: str) -> None:
        super().__init__(code)
        self.code, self.more = code, more

    def as_json(self) -> Answer:
        """What the page receives."""
        return {"code": self.code, **self.more}


@dataclass(frozen=True, slots=True)
class Found:
    """A certificate on a token, as the picker shows it."""

    module: str
    token: str
    id: str
    certificate: str
    subject: str
    issuer: str
    valid_from: str
    valid_to: str
    pin_state: str

    def shown(self) -> Answer:
        """Without where it lies."""
        return {
            "subject": self.subject,
            "issuer": self.issuer,
            "valid_from": self.valid_from,
            "valid_to": self.valid_to,
            "pin_state": self.pin_state,
            "serial": certificate_serial(self.certificate),
        }


@dataclass(frozen=True, slots=True)
class Choice:
    """What the person chose in the dialogue."""

    number: int
    pin: str


class Prompt(Protocol):
    """Asks the person which certificate, and for its PIN."""

    def ask(self, origin: str, certificates: list[Found]) -> Choice | None:
        """The choice; None when the person does not want to."""


# --- the token, in a process of its own ---------------------------------------------------------


def list_certificates(modules: list[str]) -> list[Found]:
    """Every certificate on every token of every driver. Raises ``ToolError``."""
    found: list[Found] = []
    problem = ToolError("driver_missing")
    for module in modules:
        try:
            answers = _in_child({"do": "list", "module": module}, LIST_SECONDS)
            found += [Found(module=module, **each) for each in answers["certificates"]]
            problem = ToolError("no_certificate" if answers["tokens"] else "no_token")
        except ToolError as error:
            problem = error if problem.code == "driver_missing" else problem
    if not found:
        raise problem
    return found


def sign(chosen: Found, pin: str, message: bytes) -> tuple[str, bytes]:
    """Sign with the key of a certificate; answers the JWS algorithm and the signature."""
    order = {
        "do": "sign",
        "module": chosen.module,
        "token": chosen.token,
        "id": chosen.id,
        "pin": pin,
        "message": base64.b64encode(message).decode(),
    }
    answer = _in_child(order, SIGN_SECONDS)
    return str(answer["algorithm"]), base64.b64decode(answer["signature"])


_ONE_AT_A_TIME = threading.Lock()
"""Drivers lock their tokens badly, or not at all, against another process."""


def _in_child(order: Answer, seconds: float) -> Answer:
    """Run one order in a fresh process: drivers keep state, hang and crash."""
    command = [sys.executable, __file__, "--worker"]
    try:
        with _ONE_AT_A_TIME:
            done = subprocess.run(  # noqa: S603  ourselves
                command,
                input=json.dumps(order).encode(),
                capture_output=True,
                timeout=seconds,
                check=False,
            )
        answer: Answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise ToolError("busy") from None
    except ValueError:
        raise ToolError("token_error", detail="the driver crashed") from None
    if "code" in answer:
        raise ToolError(**answer)
    return answer


def worker(order: Answer) -> Answer:
    """Carry out one order on the driver of this process."""
    try:
        import pkcs11  # noqa: PLC0415  only this process may load a driver
    except ImportError:
        return {"code": "driver_missing", "detail": "python-pkcs11 is not installed"}
    from pkcs11 import exceptions  # noqa: PLC0415

    codes = {
        "PinIncorrect": "pin_incorrect",
        "PinInvalid": "pin_incorrect",
        "PinLenRange": "pin_incorrect",
        "PinLocked": "pin_locked",
        "PinExpired": "pin_locked",
        "DeviceRemoved": "token_removed",
        "TokenNotPresent": "token_removed",
        "TokenNotRecognised": "token_removed",
        "SessionHandleInvalid": "token_removed",
        "ObjectHandleInvalid": "token_removed",
        "SlotIDInvalid": "token_removed",
        "NoSuchToken": "no_token",
        "NoSuchKey": "no_certificate",
        "OperationActive": "busy",
        "UserAlreadyLoggedIn": "busy",
    }
    try:
        library = pkcs11.lib(order["module"])
    except Exception as error:  # noqa: BLE001  a driver that cannot be loaded has no class of its own
        return {"code": "driver_missing", "detail": type(error).__name__}
    try:
        return _list(library) if order["do"] == "list" else _sign(library, order)
    except exceptions.PKCS11Error as error:
        name = type(error).__name__
        answer = {"code": codes.get(name, "token_error"), "detail": name}
        if answer["code"] == "pin_incorrect":
            answer["pin_state"] = _pin_state(_token(library, order["token"]))
        return answer


def _list(library: Any) -> Answer:  # noqa: ANN401  python-pkcs11 has no types
    from pkcs11 import Attribute, ObjectClass  # noqa: PLC0415

    certificates, tokens = [], 0
    for slot in library.get_slots(token_present=True):
        token = slot.get_token()
        if not token.flags & _INITIALISED:
            continue
        tokens += 1
        with token.open() as session:
            for found in session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE}):
                shown = _describe(found[Attribute.VALUE])
                if shown is None:
                    continue
                certificates.append(
                    {
                        **shown,
                        "token": _name(token),
                        "id": found[Attribute.ID].hex(),
                        "pin_state": _pin_state(token),
                    }
                )
    return {"certificates": certificates, "tokens": tokens}


def _describe(der: bytes) -> Answer | None:
    """What the picker shows; None for a CA's certificate and for what is none."""
    from asn1crypto import x509  # noqa: PLC0415  comes with python-pkcs11

    try:
        certificate = x509.Certificate.load(der)
        validity = certificate["tbs_certificate"]["validity"]
        if certificate.ca:
            return None
        return {
            "certificate": base64.b64encode(der).decode(),
            "subject": _common_name(certificate.subject.native),
            "issuer": _common_name(certificate.issuer.native),
            "valid_from": validity["not_before"].native.strftime("%d/%m/%Y"),
            "valid_to": validity["not_after"].native.strftime("%d/%m/%Y"),
        }
    except (ValueError, TypeError):
        return None


def _common_name(name: Mapping[str, Any]) -> str:
    found = name.get("common_name") or name.get("organization_name") or "?"
    text = found[-1] if isinstance(found, list) else found
    return "".join(sign for sign in str(text) if sign.isprintable())[:200]


def certificate_serial(certificate: str) -> str:
    """The serial number in hexadecimal, from DER: what the sandbox's answers name."""
    data = base64.b64decode(certificate)
    position = _enter(data, _enter(data, 0))
    if data[position] == 0xA0:  # noqa: PLR2004  [0] version
        position = _skip(data, position)
    start = _enter(data, position)
    return f"{int.from_bytes(data[start : _skip(data, position)], 'big'):x}"


def _enter(data: bytes, position: int) -> int:
    first = data[position + 1]
    return position + 2 + (first & 0x7F if first & 0x80 else 0)


def _skip(data: bytes, position: int) -> int:
    first, inside = data[position + 1], _enter(data, position)
    length = int.from_bytes(data[position + 2 : inside], "big") if first & 0x80 else first
    return inside + length


_INITIALISED = 0x400
_FINAL_TRY, _COUNT_LOW, _LOCKED = 0x20000, 0x10000, 0x40000


def _pin_state(token: Any) -> str:  # noqa: ANN401
    """Read anew each time: a token's flags are a snapshot."""
    if token.flags & _LOCKED:
        return "locked"
    if token.flags & _FINAL_TRY:
        return "final_try"
    return "count_low" if token.flags & _COUNT_LOW else "ok"


def _name(token: Any) -> str:  # noqa: ANN401
    return f"{token.label.strip()}|{token.serial.decode(errors='replace').strip()}"


def _token(library: Any, name: str) -> Any:  # noqa: ANN401
    from pkcs11 import exceptions  # noqa: PLC0415

    for slot in library.get_slots(token_present=True):
        token = slot.get_token()
        if _name(token) == name:
            return token
    raise exceptions.NoSuchToken


def _sign(library: Any, order: Answer) -> Answer:  # noqa: ANN401
    from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass  # noqa: PLC0415

    token = _token(library, order["token"])
    message = base64.b64decode(order["message"])
    # Closing the session logs out, so that the PIN is asked each time.
    with token.open(user_pin=order["pin"]) as session:
        key = session.get_key(object_class=ObjectClass.PRIVATE_KEY, id=bytes.fromhex(order["id"]))
        if key.key_type is KeyType.RSA:
            if Mechanism.SHA256_RSA_PKCS in token.slot.get_mechanisms():
                signature = key.sign(message, mechanism=Mechanism.SHA256_RSA_PKCS)
            else:
                info = _SHA256_INFO + hashlib.sha256(message).digest()
                signature = key.sign(info, mechanism=Mechanism.RSA_PKCS)
            algorithm = "RS256"
        else:
            size, name = _curve(bytes(key[Attribute.EC_PARAMS]))
            hashed = hashlib.new(f"sha{size}", message).digest()
            # Hashed here: the tokens' own hashing mechanisms are seldom there.
            signature = key.sign(hashed, mechanism=Mechanism.ECDSA)
            algorithm = name
    return {"algorithm": algorithm, "signature": base64.b64encode(signature).decode()}


def _curve(parameters: bytes) -> tuple[int, str]:
    curves = {
        bytes.fromhex("06082a8648ce3d030107"): (256, "ES256"),
        bytes.fromhex("06052b81040022"): (384, "ES384"),
        bytes.fromhex("06052b81040023"): (512, "ES512"),
    }
    return curves.get(parameters, (256, "ES256"))


def message_for(origin: str, nonce: str, size: int) -> bytes:
    """What Web eID signs: the hash of the origin, then of the nonce as text."""
    parts = (hashlib.new(f"sha{size}", text.encode()).digest() for text in (origin, nonce))
    return b"".join(parts)


# --- one request --------------------------------------------------------------------------------


@dataclass
class Tool:
    """The whole tool but its transport."""

    origins: tuple[str, ...]
    modules: list[str]
    prompt: Prompt
    list_certificates: Callable[[list[str]], list[Found]] = list_certificates
    sign: Callable[[Found, str, bytes], tuple[str, bytes]] = sign
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def allows(self, origin: str | None) -> bool:
        """Whether pages of that origin may ask."""
        return origin in self.origins

    def authenticate(self, origin: str, nonce: object) -> Answer:
        """Ask the person and sign. Raises ``ToolError``."""
        if not self.allows(origin):
            raise ToolError("origin_not_allowed")
        if not isinstance(nonce, str) or len(nonce) not in NONCE_LENGTHS or not nonce.isascii():
            raise ToolError("invalid_argument")
        if not self._lock.acquire(blocking=False):
            raise ToolError("busy")
        try:
            return self._authenticate(origin, nonce)
        finally:
            self._lock.release()

    def _authenticate(self, origin: str, nonce: str) -> Answer:
        certificates = self.list_certificates(self.modules)
        choice = self.prompt.ask(origin, certificates)
        if choice is None:
            raise ToolError("user_cancelled")
        if not 0 <= choice.number < len(certificates):
            raise ToolError("invalid_argument")
        chosen = certificates[choice.number]
        if chosen.pin_state == "locked":
            raise ToolError("pin_locked")
        size = _hash_size(chosen.certificate)
        algorithm, signature = self.sign(chosen, choice.pin, message_for(origin, nonce, size))
        return {
            "unverifiedCertificate": chosen.certificate,
            "algorithm": algorithm,
            "signature": base64.b64encode(signature).decode(),
            "format": "web-eid:1.0",
            "appVersion": APP_VERSION,
        }


def _hash_size(certificate: str) -> int:
    """P-384 and P-521 keys sign with the hash of their own size."""
    der = base64.b64decode(certificate)
    if bytes.fromhex("06052b81040022") in der:
        return 384
    return 512 if bytes.fromhex("06052b81040023") in der else 256


# --- transports ---------------------------------------------------------------------------------


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    tool: Tool


class _Handler(BaseHTTPRequestHandler):
    """Pages of the allowed origins only; reading does nothing."""

    server_version, sys_version = "signing-tool", ""
    protocol_version = "HTTP/1.1"
    timeout = 10
    server: _Server

    def do_OPTIONS(self) -> None:
        """A browser asks before it lets a page ask."""
        if self._is_allowed():
            self._answer(204, None, preflight=True)

    def do_GET(self) -> None:
        """Tell that the tool is here."""
        if self._is_allowed():
            self._answer(200, {"agent": VERSION})

    def do_POST(self) -> None:
        """Sign."""
        if not self._is_allowed():
            return
        try:
            fields = self._read()
            self._answer(200, self.server.tool.authenticate(self.headers["Origin"], fields))
        except ToolError as error:
            self._answer(_STATUS.get(error.code, 200), error.as_json())

    def _read(self) -> object:
        if self.path != "/authenticate":
            raise ToolError("not_found")
        kind = self.headers.get("Content-Type", "").split(";")[0].strip().lower()
        if kind != "application/json":
            raise ToolError("bad_content_type")
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit() or int(length) > MOST_BYTES:
            self.close_connection = True
            raise ToolError("too_large")
        try:
            fields = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            raise ToolError("invalid_argument") from None
        return fields.get("challengeNonce") if isinstance(fields, dict) else None

    def _is_allowed(self) -> bool:
        """A page elsewhere reaches this port too: Host and Origin decide, not CORS alone."""
        here = self.server.server_port
        if self.headers.get("Host") not in {f"127.0.0.1:{here}", f"localhost:{here}"}:
            self.close_connection = True
            self._answer(421, {"code": "bad_host"}, is_allowed=False)
            return False
        if not self.server.tool.allows(self.headers.get("Origin")):
            self.close_connection = True
            self._answer(403, {"code": "origin_not_allowed"}, is_allowed=False)
            return False
        return True

    def _answer(
        self,
        status: int,
        body: Answer | None,
        *,
        preflight: bool = False,
        is_allowed: bool = True,
    ) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Vary", "Origin")
        if is_allowed:
            self.send_header("Access-Control-Allow-Origin", self.headers["Origin"])
        if preflight:
            self.send_header("Access-Control-Allow-Methods", "POST, GET")
            self.send_header("Access-Control-Allow-Headers", "content-type")
            self.send_header("Access-Control-Max-Age", "600")
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if body is not None:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing: what a person signs where is nobody's business."""


def make_server(tool: Tool, port: int) -> ThreadingHTTPServer:
    """The tool on 127.0.0.1."""
    server = _Server(("127.0.0.1", port), _Handler)
    server.tool = tool
    return server


_STATUS = {
    "invalid_argument": 400,
    "bad_content_type": 415,
    "too_large": 413,
    "busy": 409,
    "not_found": 404,
}
_NATIVE_CODES = {
    "user_cancelled": "ERR_WEBEID_USER_CANCELLED",
    "invalid_argument": "ERR_WEBEID_NATIVE_INVALID_ARGUMENT",
    "busy": "ERR_WEBEID_ACTION_PENDING",
}


def native(tool: Tool) -> int:
    """One command by native messaging (Web eID), then the end."""
    _write_native({"version": VERSION})
    size = sys.stdin.buffer.read(4)
    if len(size) < 4 or (length := struct.unpack("=I", size)[0]) > MOST_BYTES:  # noqa: PLR2004
        return 1
    try:
        order = json.loads(sys.stdin.buffer.read(length))
        arguments = order["arguments"] if order["command"] == "authenticate" else {}
        answer = tool.authenticate(str(arguments["origin"]), arguments.get("challengeNonce"))
    except (ValueError, KeyError, TypeError, AttributeError):
        answer = _native_error("invalid_argument")
    except ToolError as error:
        answer = _native_error(error.code)
    _write_native(answer)
    return 0


def _native_error(code: str) -> Answer:
    return {"error": {"code": _NATIVE_CODES.get(code, "ERR_WEBEID_NATIVE_FATAL"), "message": code}}


def _write_native(answer: Answer) -> None:
    data = json.dumps(answer).encode()
    sys.stdout.buffer.write(struct.pack("=I", len(data)) + data)
    sys.stdout.buffer.flush()


# --- dialogues ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SandboxPrompt:
    """The dialogue of the sandbox: a page, or a test, answers in the person's place."""

    address: str

    def ask(self, origin: str, certificates: list[Found]) -> Choice | None:
        """Show it there and wait."""
        shown = {"origin": origin, "certificates": [each.shown() for each in certificates]}
        number = self._call("/usb/dialogue", shown)["id"]
        deadline = time.monotonic() + PERSON_SECONDS
        while time.monotonic() < deadline:
            answer = self._call(f"/usb/dialogue/{number}", None)
            if answer.get("state") == "answered":
                return Choice(int(answer["certificate"]), str(answer["pin"]))
            if answer.get("state") == "cancelled":
                return None
            time.sleep(0.1)
        return None

    def _call(self, path: str, body: Answer | None) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if urlsplit(self.address).scheme not in {"http", "https"}:
            raise ToolError("token_error", detail="sandbox address")
        asked = urllib.request.Request(self.address + path, data, headers)  # noqa: S310
        try:
            with urllib.request.urlopen(asked, timeout=10) as response:  # noqa: S310
                found: Answer = json.load(response)
        except (OSError, ValueError) as error:
            raise ToolError("token_error", detail=type(error).__name__) from error
        return found


class TerminalPrompt:
    """The dialogue in the terminal that the tool was started in."""

    def ask(self, origin: str, certificates: list[Found]) -> Choice | None:
        """Print, read, and hide the PIN."""
        import getpass  # noqa: PLC0415

        print(f"\n{TEXT['asks']} {origin}\n{TEXT['choose']}")  # noqa: T201
        for number, each in enumerate(certificates, 1):
            print(f"  {number}. {each.subject} – {each.issuer}, {each.valid_from}–{each.valid_to}")  # noqa: T201
            if each.pin_state in TEXT:
                print(f"     {TEXT[each.pin_state]}")  # noqa: T201
        typed = input(f"{TEXT['number']} ").strip() or "1"
        if not typed.isdigit():
            return None
        pin = getpass.getpass(f"{TEXT['pin']} ")
        return Choice(int(typed) - 1, pin) if pin else None


TEXT = {
    "title": "Danh sách chứng thư số",
    "choose": "Chọn chứng thư số của bạn",
    "asks": "Yêu cầu xác nhận từ",
    "number": "Số thứ tự:",
    "check": "Kiểm tra mã PIN",
    "pin": "Mã PIN:",
    "keyboard": "Sử dụng bàn phím ảo",
    "login": "Đăng nhập",
    "cancel": "Hủy",
    "count_low": "Mã PIN đã bị nhập sai. Còn ít lần thử.",
    "final_try": "Đây là lần thử cuối cùng trước khi thiết bị bị khóa.",
    "locked": "Mã PIN đã bị khóa. Hãy liên hệ nơi cấp chứng thư số.",
    "valid": "Hiệu lực",
}


class WindowPrompt:
    """The dialogue as a window, in a process of its own."""

    def ask(self, origin: str, certificates: list[Found]) -> Choice | None:
        """Open the window and wait."""
        question = {"origin": origin, "certificates": [each.shown() for each in certificates]}
        try:
            done = subprocess.run(  # noqa: S603  ourselves
                [sys.executable, __file__, "--window"],
                input=json.dumps(question).encode(),
                capture_output=True,
                timeout=PERSON_SECONDS,
                check=False,
            )
            answer = json.loads(done.stdout)
        except subprocess.TimeoutExpired:
            return None
        except ValueError:
            raise ToolError("token_error", detail="no window can be shown") from None
        return Choice(int(answer["number"]), str(answer["pin"])) if answer else None


def window(question: Answer) -> Answer | None:
    """The picker and the PIN in one window (R35, R36); a keyboard on the screen on request."""
    import tkinter as tk  # noqa: PLC0415
    from tkinter import ttk  # noqa: PLC0415

    root = tk.Tk()
    root.title(TEXT["title"])
    root.attributes("-topmost", True)  # noqa: FBT003  a positional of Tk
    chosen, pin, keyboard = tk.IntVar(value=0), tk.StringVar(), tk.BooleanVar()
    answer: list[Answer] = []
    frame = ttk.Frame(root, padding=16)
    frame.grid()
    ttk.Label(frame, text=f"{TEXT['asks']} {question['origin']}").grid(sticky="w")
    ttk.Label(frame, text=TEXT["choose"]).grid(sticky="w", pady=(8, 4))
    for number, each in enumerate(question["certificates"]):
        text = (
            f"{each['subject']}\n{each['issuer']}\n"
            f"{TEXT['valid']} {each['valid_from']} – {each['valid_to']}"
        )
        ttk.Radiobutton(frame, text=text, value=number, variable=chosen).grid(sticky="w")
    states = {each["pin_state"] for each in question["certificates"]}
    for state in ("locked", "final_try", "count_low"):
        if state in states:
            ttk.Label(frame, text=TEXT[state], foreground="#b00020").grid(sticky="w")
    ttk.Label(frame, text=TEXT["pin"]).grid(sticky="w", pady=(8, 0))
    entry = ttk.Entry(frame, textvariable=pin, show="•")
    entry.grid(sticky="we")
    keys = ttk.Frame(frame)
    for place, digit in enumerate("1234567890"):
        key = ttk.Button(keys, text=digit, width=3)
        key.configure(command=lambda typed=digit: pin.set(pin.get() + typed))  # type: ignore[misc]
        key.grid(row=place // 5, column=place % 5)
    ttk.Button(keys, text="⌫", width=3, command=lambda: pin.set(pin.get()[:-1])).grid(
        row=2, column=0
    )

    def show_keys() -> None:
        keys.grid(sticky="w") if keyboard.get() else keys.grid_remove()

    ttk.Checkbutton(frame, text=TEXT["keyboard"], variable=keyboard, command=show_keys).grid(
        sticky="w"
    )

    def confirm(*_: object) -> None:
        if pin.get():
            answer.append({"number": chosen.get(), "pin": pin.get()})
            root.destroy()

    buttons = ttk.Frame(frame)
    buttons.grid(sticky="e", pady=(12, 0))
    ttk.Button(buttons, text=TEXT["cancel"], command=root.destroy).grid(row=0, column=0, padx=8)
    ttk.Button(buttons, text=TEXT["login"], command=confirm).grid(row=0, column=1)
    root.bind("<Return>", confirm)
    root.bind("<Escape>", lambda _: root.destroy())
    entry.focus()
    root.mainloop()
    return answer[0] if answer else None


# --- starting -----------------------------------------------------------------------------------

_DRIVERS = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so",
    "/usr/lib/libeToken.so",
    "/usr/local/lib/libeTPkcs11.dylib",
    "/Library/OpenSC/lib/opensc-pkcs11.so",
    "C:\\Windows\\System32\\eTPKCS11.dll",
    "C:\\Windows\\System32\\opensc-pkcs11.dll",
)
_PROMPTS = ("window", "terminal", "sandbox")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="idp bridge", description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8300, help="on 127.0.0.1")
    parser.add_argument("--origin", action="append", default=[], help="a site that may ask")
    parser.add_argument("--module", action="append", default=[], help="a PKCS#11 driver")
    parser.add_argument("--prompt", choices=_PROMPTS, default="window")
    parser.add_argument("--sandbox", default="http://localhost:8100")
    parser.add_argument("--native", action="store_true", help="native messaging, one command")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--window", action="store_true", help=argparse.SUPPRESS)
    # A browser adds the extension's address and a window handle to a native host's arguments.
    return parser.parse_known_args(arguments)[0]


def _prompt(options: argparse.Namespace) -> Prompt:
    match options.prompt:
        case "sandbox":
            return SandboxPrompt(options.sandbox)
        case "terminal":
            return TerminalPrompt()
        case _:
            return WindowPrompt()


def main(arguments: list[str] | None = None) -> int:
    """Run the tool until it is told to stop."""
    options = parse(arguments)
    if options.worker:
        print(json.dumps(worker(json.load(sys.stdin))))  # noqa: T201
        return 0
    if options.window:
        print(json.dumps(window(json.load(sys.stdin))))  # noqa: T201
        return 0
    tool = Tool(
        origins=tuple(options.origin) or ("https://dichvucong.gov.vn",),
        modules=options.module or list(_DRIVERS),
        prompt=_prompt(options),
    )
    if options.native:
        return native(tool)
    server = make_server(tool, options.port)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 0
    finally:
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
