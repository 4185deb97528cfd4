"""Look at every page: serve the samples, take pictures, run axe. Not a test and not shipped.

    python -m tests.web.look serve [PORT]
    python -m tests.web.look check [FOLDER]    pictures: 320 and 1280 px, light and dark, vi and en

``check`` prints every violation of axe, every page wider than the screen, every message of the
browser's console (a refusal by the content policy stands there), and exits 1 if there was any.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

from axe_playwright_python.base import AXE_SCRIPT
from flask import Flask, Response, abort, request
from playwright.sync_api import ConsoleMessage, Page, sync_playwright
from werkzeug.serving import make_server

from idp.web import captcha, screens
from idp.web.i18n import current
from tests.support import chromium

from .samples import SAMPLES, build_app

STAYS = frozenset({"form_post", "continue"})
"""Pages that leave at once: an answer without content keeps the browser on them."""


def sample_app(issuer: str) -> Flask:
    """An application that answers ``/page/<sample>``."""
    app = build_app(issuer)
    challenger = captcha.Challenger()

    @app.get("/page/<name>")
    def page(name: str) -> Response:
        if name not in SAMPLES:
            abort(404)
        return screens.respond(SAMPLES[name]())

    @app.get("/captcha/t.png")
    def picture() -> Response:
        return Response(challenger.picture(challenger.new_answer()), mimetype=captcha.PICTURE_TYPE)

    @app.get("/captcha/t.wav")
    def sound() -> Response:
        spoken = challenger.sound("13579", current().language)
        return Response(spoken, mimetype=captcha.SOUND_TYPE)

    @app.get("/")
    def index() -> str:
        return "".join(f'<p><a href="/page/{name}">{name}</a>' for name in SAMPLES)

    return app


def _still(app: Flask) -> Flask:
    """What calls a program that is not there, or leaves at once, does nothing.

    The server says so and not the browser (``page.route``): that one would keep no file, and load
    every style and script again for each page.
    """

    @app.before_request
    def nothing() -> Response | None:
        if request.path == "/sink":
            return Response(status=204)
        if request.path.endswith(("/js/sign.js", "/js/form_post.js")):
            return Response(mimetype="text/javascript")
        return None

    return app


def serve(port: int) -> None:
    """Until Ctrl-C."""
    sample_app(f"http://localhost:{port}").run(port=port)


Look = tuple[Literal["light", "dark"], int]
LOOKS: Final[tuple[Look, ...]] = (("light", 320), ("light", 1280), ("dark", 1280), ("dark", 320))
"""In this order one thing changes at a time, and the page is loaded once."""
LANGUAGES: Final = ("vi", "en")
_EVERYTHING: Final = {"resultTypes": ["violations"]}
_COLOURS: Final = {**_EVERYTHING, "runOnly": ["color-contrast", "link-in-text-block"]}
"""What else axe asks is the same in the dark."""


def check(language: str, names: Iterable[str] = SAMPLES, pictures: Path | None = None) -> list[str]:
    """These samples in one language and every look; answers the findings."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, _still(sample_app("http://localhost")), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.port}"
    findings: list[str] = []
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=chromium.program())
        # A colour that is on its way to another one has no contrast to speak of.
        context = browser.new_context(reduced_motion="reduce")
        context.add_cookies([{"name": "idp_lang", "value": language, "url": base}])
        page = context.new_page()
        for name in names:
            findings += [f"{name}-{language}: {said}" for said in _open(page, base, name)]
            for scheme, width in LOOKS:
                look = f"{name}-{language}-{scheme}-{width}"
                findings += [f"{look}: {found}" for found in _look_at(page, scheme, width)]
                if pictures:
                    page.screenshot(path=pictures / f"{look}.png", full_page=True)
        browser.close()
    server.shutdown()
    return findings


def _open(page: Page, base: str, name: str) -> list[str]:
    """What the browser's console says of the page while it loads."""
    said: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if not message.text.startswith(_SANDBOXED):
            said.append(f"console: {message.text}")

    page.emulate_media(color_scheme=LOOKS[0][0])
    page.set_viewport_size({"width": LOOKS[0][1], "height": 800})
    page.on("console", hear)
    page.goto(f"{base}/page/{name}", wait_until="domcontentloaded" if name in STAYS else "load")
    page.remove_listener("console", hear)
    page.evaluate(AXE_SCRIPT)
    return said


def _look_at(page: Page, scheme: Literal["light", "dark"], width: int) -> list[str]:
    """Width, targets and axe, in one look."""
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    asked = _EVERYTHING if scheme == "light" else _COLOURS
    wide, small, violations = page.evaluate(_FINDINGS, asked)
    return [
        *(["wider than the screen"] if wide else []),
        *(f"target below 44 px: {target}" for target in small),
        *(f"axe {rule}: {html}" for rule, html in violations),
    ]


_SANDBOXED = "An iframe which has both allow-scripts and allow-same-origin"
"""Said of every such frame; it can escape only where it is of our own origin, and none is."""
_FINDINGS = """async (asked) => [
  document.documentElement.scrollWidth > innerWidth,
  [...document.querySelectorAll('button, input, summary, .button, [role=button], nav a, .tile')]
    .filter((e) => e.checkVisibility() && !e.matches('.enter, [type=radio], [type=checkbox]'))
    .filter((e) => e.getBoundingClientRect().height < 43.5)
    .map((e) => e.outerHTML.slice(0, 120)),
  (await axe.run(asked)).violations.map((v) => [v.id, v.nodes[0].html.slice(0, 160)]),
]"""


if __name__ == "__main__":
    command, *rest = sys.argv[1:] or ["serve"]
    if command == "serve":
        serve(int(rest[0]) if rest else 8900)
    else:
        folder = Path(rest[0] if rest else "pictures")
        folder.mkdir(parents=True, exist_ok=True)
        found = [one for language in LANGUAGES for one in check(language, pictures=folder)]
        print(*found, f"{len(found)} findings", sep="\n")  # noqa: T201  what the script is for
        sys.exit(bool(found))
