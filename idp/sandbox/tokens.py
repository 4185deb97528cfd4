"""The virtual reader: SoftHSM tokens that are plugged in and pulled out.

A token lies in a folder of its own; plugged in means that its folder is where the driver looks.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from idp.sandbox.devices import Devices
from idp.sandbox.person import Person

DRIVERS = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)
_SO_PIN = "0000000000"


class NoReader(Exception):
    """SoftHSM is not installed on this machine."""


def driver() -> str | None:
    """Where SoftHSM's PKCS#11 library is."""
    return next((path for path in DRIVERS if Path(path).exists()), None)


@dataclass
class Reader:
    """One reader with room for one token."""

    folder: Path | None
    devices: Devices
    inserted: Person | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """The driver's settings must be there before anybody loads it."""
        if self.folder is not None:
            self._plugged.mkdir(parents=True, exist_ok=True)
            _write_settings(self.folder / "softhsm2.conf", self._plugged)
            for left in self._plugged.iterdir():
                shutil.rmtree(left)

    @property
    def is_there(self) -> bool:
        """Whether tokens can be plugged in here."""
        return self.folder is not None and driver() is not None

    @property
    def _plugged(self) -> Path:
        if self.folder is None:
            raise NoReader
        return self.folder / "plugged"

    def insert(self, person: Person) -> None:
        """Plug in this person's token, and pull out another one."""
        if not self.is_there:
            raise NoReader
        with self._lock:
            self._pull()
            shelf = self._shelf(person)
            for token in shelf.iterdir():
                shutil.copytree(token, self._plugged / token.name)
            self.inserted = person

    def remove(self) -> None:
        """Pull it out."""
        if not self.is_there:
            raise NoReader
        with self._lock:
            self._pull()

    def _pull(self) -> None:
        for token in self._plugged.iterdir():
            shutil.rmtree(token)
        self.inserted = None

    def _shelf(self, person: Person) -> Path:
        """The person's token, made when it is first needed."""
        if self.folder is None or person.usb is None:
            raise NoReader
        shelf = self.folder / "shelf" / person.key.replace("/", "-")
        if not shelf.exists():
            making = shelf.with_name(f"{shelf.name}.new")
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir(parents=True)
            self._make(person, making)
            making.rename(shelf)
        return shelf

    def _make(self, person: Person, where: Path) -> None:
        if person.usb is None or self.folder is None:
            raise NoReader
        settings = self.folder / f"{where.name}.conf"
        _write_settings(settings, where)
        label, pin = person.usb.token, person.usb.pin
        _softhsm(settings, "--init-token", "--free", "--label", label, "--so-pin", _SO_PIN,
                 "--pin", pin)  # fmt: skip
        certificates = []
        for number, issued in enumerate(self.devices.on_token(person), 1):
            key = self.folder / "key.pem"
            key.write_bytes(
                issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            )
            identifier = f"{number:02x}"
            _softhsm(settings, "--import", str(key), "--token", label, "--label", "key", "--id",
                     identifier, "--pin", pin)  # fmt: skip
            key.unlink()
            der = issued.certificate.public_bytes(Encoding.DER)
            certificates.append({"id": identifier, "der": base64.b64encode(der).decode()})
        order = {"driver": driver(), "label": label, "pin": pin, "certificates": certificates}
        subprocess.run(
            [sys.executable, "-m", "idp.sandbox.tokens"],
            input=json.dumps(order).encode(),
            env={**os.environ, "SOFTHSM2_CONF": str(settings)},
            check=True,
            capture_output=True,
        )
        settings.unlink()


def _write_settings(path: Path, tokens: Path) -> None:
    path.write_text(
        f"directories.tokendir = {tokens}\nobjectstore.backend = file\n"
        "slots.removable = true\nlog.level = ERROR\n",
        encoding="utf-8",
    )


def _softhsm(settings: Path, *arguments: str) -> None:
    subprocess.run(  # noqa: S603  SoftHSM's own tool
        ["softhsm2-util", *arguments],  # noqa: S607
        env={**os.environ, "SOFTHSM2_CONF": str(settings)},
        check=True,
        capture_output=True,
    )


def _put_certificates(order: dict[str, Any]) -> None:
    """Put certificates on a token, beside their keys."""
    import pkcs11  # noqa: PLC0415  only in the process that may load the driver

    token = pkcs11.lib(order["driver"]).get_token(token_label=order["label"])
    with token.open(rw=True, user_pin=order["pin"]) as session:
        for certificate in order["certificates"]:
            der = base64.b64decode(certificate["der"])
            session.create_object(
                {
                    pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE,
                    pkcs11.Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
                    pkcs11.Attribute.TOKEN: True,
                    pkcs11.Attribute.PRIVATE: False,
                    pkcs11.Attribute.LABEL: "certificate",
                    pkcs11.Attribute.ID: bytes.fromhex(certificate["id"]),
                    pkcs11.Attribute.SUBJECT: b"",
                    pkcs11.Attribute.VALUE: der,
                }
            )


if __name__ == "__main__":
    _put_certificates(json.load(sys.stdin))
