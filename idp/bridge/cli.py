"""The command line of the tool, and what it starts."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import idp.bridge
from idp.bridge import driver, install, loopback, native
from idp.bridge.contract import Prompt
from idp.bridge.protocol import Tool
from idp.bridge.sandbox import SandboxPrompt
from idp.bridge.terminal import TerminalPrompt
from idp.bridge.window import WindowPrompt
from idp.bridge.words import LANGUAGES

_DRIVERS = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so",
    "/usr/lib/libeToken.so",
    "/usr/local/lib/libeTPkcs11.dylib",
    "/Library/OpenSC/lib/opensc-pkcs11.so",
    "C:\\Windows\\System32\\eTPKCS11.dll",
    "C:\\Windows\\System32\\opensc-pkcs11.dll",
)
_COMMANDS = {"install-host": install.install_host, "extension": install.write_extension}
_PROMPTS = ("window", "terminal", "sandbox")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="idp bridge",
        description=(idp.bridge.__doc__ or "").splitlines()[0],
        epilog="idp bridge install-host | extension --help: for browsers with the extension",
    )
    parser.add_argument("--port", type=int, default=8300, help="on 127.0.0.1")
    parser.add_argument("--origin", action="append", default=[], help="a site that may ask")
    parser.add_argument("--module", action="append", default=[], help="a PKCS#11 driver")
    parser.add_argument("--prompt", choices=_PROMPTS, default="window")
    parser.add_argument("--language", choices=LANGUAGES, default="vi")
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
            return TerminalPrompt(options.language)
        case _:
            return WindowPrompt(options.language)


def _window(question: dict[str, Any]) -> dict[str, Any] | None:
    from idp.bridge.dialogue import Dialogue  # noqa: PLC0415  Tk, where a window is wanted

    return Dialogue(question).run()


def main(arguments: list[str] | None = None) -> int:
    """Run the tool until it is told to stop."""
    given = sys.argv[1:] if arguments is None else arguments
    if given and given[0] in _COMMANDS:
        return _COMMANDS[given[0]](given[1:])
    options = parse(given)
    if options.worker:
        print(json.dumps(driver.carry_out(json.load(sys.stdin))))  # noqa: T201
        return 0
    if options.window:
        print(json.dumps(_window(json.load(sys.stdin))))  # noqa: T201
        return 0
    tool = Tool(
        origins=tuple(options.origin) or ("https://dichvucong.gov.vn",),
        modules=options.module or list(_DRIVERS),
        prompt=_prompt(options),
    )
    if options.native:
        return native.native(tool)
    server = loopback.make_server(tool, options.port)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 0
    finally:
        server.server_close()
    return 0
