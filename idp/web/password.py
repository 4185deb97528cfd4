"""``/account/password``: choose another one (R69), or the first (S9)."""

from __future__ import annotations

from flask import Flask, Response, request

from idp.domain.sessions import Session
from idp.flows.account import NewPassword
from idp.web import screens
from idp.web.journey import again, house, message, visitor
from idp.web.owner import name_of, owner
from idp.web.parts import Cancel, Frame, Message
from idp.web.screens import Action, respond


def init_app(app: Flask) -> None:
    """Answer the form."""
    app.add_url_rule("/account/password", "account_password", _password, methods=["GET", "POST"])


@owner("/account/password")
def _password(session: Session) -> Response:
    """Đặt mật khẩu mới (R69, S9)."""
    now, flow = house().clock(), house().account
    account = flow.check_change(session, now=now)
    if not flow.may_have_password(account):
        return again("/account/methods?no_phone")
    wrong: dict[str, Message] = {}
    if request.method == "POST":
        if screens.read_action(request.form) is Action.CANCEL:
            return again("/account/methods")
        entries = screens.read_passwords(request.form)
        typed = NewPassword(entries.current, entries.new, entries.again)
        said = flow.change_password(session, typed, visitor(), now=now)
        if not said:
            return again("/account/methods?saved")
        wrong = {name: message(each) for name, each in said.items()}
    numbers = house().accounts.identity(account.id).id_numbers
    page = screens.set_password(
        Frame("/account/password", cancel=Cancel.OFFERED),
        key="account.password",
        username=numbers[0][0].value if numbers else "",
        owner=name_of(session),
        asks_current=flow.needs_current(session, account, now=now),
        faults=wrong,
    )
    return respond(page, 422 if wrong else 200)
