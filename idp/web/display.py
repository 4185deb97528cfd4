"""How a portal would like our pages to look (``display``, OpenID Connect Core, 3.1.2.1).

``popup`` fits a small window, ``touch`` has larger letters and targets, ``wap`` loads neither fonts
nor pictures. The style sheet does it, by the class of the page; sign-in and consent follow it.
"""

from __future__ import annotations

from flask import g

from idp.oidc.authorization import Display


def current() -> Display:
    """How the page of this request looks."""
    return g.get("display", Display.PAGE)  # type: ignore[no-any-return]


def prefer(display: str) -> None:
    """From here on, in this request."""
    g.display = Display(display) if display in set(Display) else Display.PAGE
