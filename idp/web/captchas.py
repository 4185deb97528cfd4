"""The pictures and sounds of the captcha, for the journey that shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from flask import Flask, Response, make_response, request
from werkzeug.exceptions import NotFound, TooManyRequests

from idp.flows.answers import Journey, Visitor
from idp.web import i18n
from idp.web.captcha import PICTURE_TYPE, SOUND_TYPE
from idp.web.journey import house, read_id, visitor


def init_app(app: Flask) -> None:
    """Answer ``/captcha/<kind>/<transaction>``."""
    app.add_url_rule("/captcha/<kind>/<transaction>.png", "captcha_picture", _picture)
    app.add_url_rule("/captcha/<kind>/<transaction>.wav", "captcha_sound", _sound)


def _answer(kind: str, transaction: str, *, fresh: bool) -> str:
    """The answer on the page; ``?new=`` makes another one first."""
    transaction_id = read_id(transaction)
    match kind:
        case "login":
            return _of_flow(house().login, transaction_id, fresh=fresh)
        case "registration":
            return _of_flow(house().registration, transaction_id, fresh=fresh)
        case "complaint":
            return _of_flow(house().complaint, transaction_id, fresh=fresh)
        case "recovery":
            return _of_flow(house().recovery, transaction_id, fresh=fresh)
        case "emergency":
            return _of_flow(house().emergency, transaction_id, fresh=fresh)
        case "lost-phone":
            return _of_flow(house().lost_phone, transaction_id, fresh=fresh)
        case _:
            raise NotFound


def _of_flow(flow: _Flow[S], transaction_id: UUID, *, fresh: bool) -> str:
    journey = flow.find(transaction_id, visitor(), now=house().clock())
    if journey is None or not journey.state.captcha:
        raise NotFound
    return (flow.new_captcha(journey) if fresh else journey).state.captcha


class _HasCaptcha(Protocol):
    @property
    def captcha(self) -> str: ...


S = TypeVar("S", bound=_HasCaptcha)


class _Flow(Protocol[S]):
    """What these flows have in common here."""

    def find(
        self, transaction_id: UUID, visitor: Visitor, *, now: datetime
    ) -> Journey[S] | None: ...

    def new_captcha(self, journey: Journey[S]) -> Journey[S]: ...


def _picture(kind: str, transaction: str) -> Response:
    answer = _answer(kind, transaction, fresh="new" in request.args)
    response = make_response(house().challenger.picture(answer))
    response.mimetype = PICTURE_TYPE
    return response


def _sound(kind: str, transaction: str) -> Response:
    """Speaking is a third of a second of work that anybody may ask for: counted, one at a time."""
    answer = _answer(kind, transaction, fresh=False)
    transaction_id, now = read_id(transaction), house().clock()
    if not house().account.limits.before_sound(transaction_id, visitor(), now=now):
        raise TooManyRequests
    response = make_response(house().challenger.sound(answer, i18n.current().language))
    response.mimetype = SOUND_TYPE
    return response
