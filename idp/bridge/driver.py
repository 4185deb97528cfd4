"""The driver of a token (PKCS#11), in the process that may load one."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from idp.bridge.certificates import describe
from idp.bridge.contract import Answer

_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def carry_out(order: Answer) -> Answer:
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
        if answer["code"] == "no_token" and order["do"] == "sign":
            answer["code"] = "token_removed"  # it was there when its certificates were listed
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
                shown = describe(found[Attribute.VALUE])
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
