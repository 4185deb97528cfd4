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
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any, Final, Literal

from axe_playwright_python.sync_playwright import Axe
from flask import Flask, Response, abort
from playwright.sync_api import ConsoleMessage, Page, sync_playwright
from werkzeug.serving import make_server

from idp.web import captcha, screens
from idp.web.i18n import current

from .samples import SAMPLES, build_app

WIDTHS = (320, 1280)
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
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


def serve(port: int) -> None:
    """Until Ctrl-C."""
    sample_app(f"http://localhost:{port}").run(port=port)


Look = tuple[str, Literal["light", "dark"], int]
LOOKS: Final[tuple[Look, ...]] = tuple(product(("vi", "en"), SCHEMES, WIDTHS))


def check(folder: Path, looks: Sequence[Look] = LOOKS) -> list[str]:
    """Every sample in these looks; answers the findings."""
    folder.mkdir(parents=True, exist_ok=True)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, sample_app("http://localhost"), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.port}"
    findings: list[str] = []
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path="/usr/bin/chromium")
        for language, scheme, width in looks:
            context = browser.new_context(
                viewport={"width": width, "height": 800}, color_scheme=scheme
            )
            context.add_cookies([{"name": "idp_lang", "value": language, "url": base}])
            page = context.new_page()
            for name in SAMPLES:
                look = f"{name}-{language}-{scheme}-{width}"
                findings += [f"{look}: {found}" for found in _look_at(page, base, name)]
                page.screenshot(path=folder / f"{look}.png", full_page=True)
            context.close()
        browser.close()
    server.shutdown()
    return findings


def _look_at(page: Page, base: str, name: str) -> list[str]:
    said: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if not message.text.startswith(_SANDBOXED):
            said.append(f"console: {message.text}")

    page.on("console", hear)
    # Its calls to a program that is not there are no finding.
    page.route("**/js/sign.js*", lambda route: route.fulfill(body="", content_type=_SCRIPT))
    if name in STAYS:
        page.route(
            "**/js/form_post.js*", lambda route: route.fulfill(body="", content_type=_SCRIPT)
        )
        page.route("**/sink", lambda route: route.fulfill(status=204))
    page.goto(f"{base}/page/{name}", wait_until="domcontentloaded" if name in STAYS else "load")
    page.remove_listener("console", hear)
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    small = page.evaluate(_SMALL_TARGETS)
    violations: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        *said,
        *(["wider than the screen"] if wide else []),
        *(f"target below 44 px: {target}" for target in small),
        *(f"axe {found['id']}: {found['nodes'][0]['html'][:160]}" for found in violations),
    ]


_SANDBOXED = "An iframe which has both allow-scripts and allow-same-origin"
"""Said of every such frame; it can escape only where it is of our own origin, and none is."""
_SCRIPT = "text/javascript"
_SMALL_TARGETS = """() =>
  [...document.querySelectorAll('button, input, summary, .button, [role=button], nav a, .tile')]
  .filter((e) => e.checkVisibility() && !e.matches('.enter, [type=radio], [type=checkbox]'))
  .filter((e) => e.getBoundingClientRect().height < 43.5)
  .map((e) => e.outerHTML.slice(0, 120))"""


if __name__ == "__main__":
    command, *rest = sys.argv[1:] or ["serve"]
    if command == "serve":
        serve(int(rest[0]) if rest else 8900)
    else:
        found = check(Path(rest[0] if rest else "pictures"))
        print(*found, f"{len(found)} findings", sep="\n")  # noqa: T201  what the script is for
        sys.exit(bool(found))
