"""``/account/methods``: what opens the account; each can be added, preferred, removed (R64-R69)."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import Flask, Response, request

from idp.authenticators.contract import AskFields, AskSignature, Signed
from idp.domain.accounts import Account
from idp.domain.assurance import IAL
from idp.domain.errors import Conflict, LastMethodError
from idp.domain.sessions import Session
from idp.domain.subjects import SubjectKind
from idp.flows.answers import Answer
from idp.flows.enrolling import EnrollingState
from idp.flows.login.state import LoginState
from idp.storage.levels import MOST
from idp.web import i18n, screens
from idp.web.account import subjects_of
from idp.web.contact import start_phone
from idp.web.journey import again, expired, faults, house, read_id, signature_page, visitor
from idp.web.owner import held_until, name_of, owner
from idp.web.parts import Cancel, Frame, Message, Notice, Tone
from idp.web.screens import Action, respond

_HERE = "/account/methods"


def init_app(app: Flask) -> None:
    """Answer the page, its dialog and its buttons."""
    app.add_url_rule(_HERE, "methods", _methods)
    app.add_url_rule(f"{_HERE}/new", "methods_new", _new)
    app.add_url_rule(f"{_HERE}/add", "methods_add", _add, methods=["POST"])
    app.add_url_rule(f"{_HERE}/sms", "methods_sms", start_phone, methods=["POST"])
    app.add_url_rule(
        f"{_HERE}/enrol/<transaction>", "methods_enrol", _enrol, methods=["GET", "POST"]
    )
    app.add_url_rule(f"{_HERE}/remove", "methods_remove", _remove, methods=["POST"])
    app.add_url_rule(f"{_HERE}/phone", "methods_phone", _phone, methods=["POST"])


@owner(_HERE)
def _methods(session: Session) -> Response:
    told = next((key for key in ("saved", "lowered", "no_phone") if key in request.args), "")
    tone = Tone.SUCCESS if told == "saved" else Tone.WARNING
    return _page(session, Notice(Message(f"methods.{told}"), tone) if told else None)


def _page(session: Session, notice: Notice | None = None, status: int = 200) -> Response:
    account = house().accounts.get(session.account_id)
    context = {
        "has_password": account.password_hash is not None,
        "phones": account.phones,
        "credentials": house().credentials.of_account(account.id),
        "level": account.ial,
        "allows_sms": account.allows_sms,
        "held_until": held_until(account),
        "notice": notice,
    }
    return respond(screens.plain("methods.html", **context), status)


@owner(f"{_HERE}/new")
def _new(session: Session) -> Response:
    """CHỌN PHƯƠNG THỨC XÁC THỰC (R65)."""
    account = house().account.check_change(session, now=house().clock())
    context = {
        "offers": (*_able(account.kind), *_further(account)),
        "offers_password": account.password_hash is None
        and house().account.may_have_password(account),
    }
    return respond(screens.plain("methods_new.html", **context))


def _able(kind: SubjectKind) -> tuple[str, ...]:
    """Methods whose sign-in proves a credential that can be bound to such an account (R10)."""
    return tuple(
        method.name
        for method in house().login.methods
        if method.login is not None and method.ial is IAL.HIGH and kind in subjects_of(method)
    )


def _further(account: Account) -> tuple[str, ...]:
    """Methods with an enrolment; one that asks for the password needs that there is one."""
    asks_password = {method.name for method in house().methods if method.needs_password}
    has_password = account.password_hash is not None
    return tuple(
        name for name in house().enrolling.offers if has_password or name not in asks_password
    )


@owner(_HERE)
def _enrol(session: Session, transaction: str) -> Response:
    """The screens of an enrolment."""
    flow, now = house().enrolling, house().clock()
    journey = flow.find(read_id(transaction), session, visitor(), now=now)
    if journey is None:
        return expired(_HERE)
    screen = journey.state.screen
    if request.method == "GET":
        return _show(Answer(journey))
    action = screens.read_action(request.form)
    if action is Action.CANCEL:
        return again(_HERE)
    if action is Action.RESTART:
        answer = flow.restart(journey, session, now=now)
    elif isinstance(screen, AskFields):
        reply = screens.read_fields(screen, request.form)
        answer = flow.resume(journey, reply, session, visitor(), now=now)
    else:
        signed = Signed(screens.read_token(request.form))
        answer = flow.resume(journey, signed, session, visitor(), now=now)
    if answer.journey.state.is_done:
        return again(f"{_HERE}?saved")
    return again(f"{_HERE}/enrol/{transaction}") if answer.is_quiet else _show(answer)


def _show(answer: Answer[EnrollingState]) -> Response:
    screen, status = answer.journey.state.screen, 200 if answer.is_quiet else 422
    action = f"{_HERE}/enrol/{answer.journey.stored.id.hex}"
    frame = Frame(action, cancel=Cancel.OFFERED)
    if isinstance(screen, AskSignature):
        return respond(signature_page(screen, frame, answer), status)
    if isinstance(screen, AskFields):
        return respond(screens.ask_fields(screen, frame, faults=faults(answer)), status)
    raise TypeError(answer.journey.state.method)


@owner(_HERE)
def _add(session: Session) -> Response:
    """The method's own sign-in, whose proof is bound instead of looked up, or its enrolment."""
    now, flow = house().clock(), house().login
    method = request.form.get("method", "")
    account = house().account.check_change(session, now=now)
    if len(house().credentials.of_account(account.id)) >= MOST:
        # Before a device makes a key that nothing would ever ask for.
        return _page(session, Notice(Message("error.credential.limit"), Tone.WARNING), 422)
    if method in _further(account):
        name = name_of(session)
        begun = house().enrolling.start(method, name, session, visitor(), now=now)
        return again(f"{_HERE}/enrol/{begun.hex}")
    if method not in _able(account.kind):
        return again(_HERE)
    state = LoginState(method, binding=session.account_id.hex)
    started = flow.start(state, visitor(), now=now)
    journey = flow.find(started, visitor(), now=now)
    if journey is not None:
        flow.choose(journey, method)
    return again(f"/login/{started.hex}")


@owner(_HERE)
def _remove(session: Session) -> Response:
    """Xóa a certificate or key; told when the account falls with it (S8)."""
    credential_id = read_id(request.form.get("credential", ""))
    flow, now = house().account, house().clock()
    before = flow.check_change(session, now=now).ial

    def told() -> str:
        after = house().accounts.get(session.account_id).ial
        return "lowered" if after < before else "saved"

    return _change(
        session, lambda: flow.remove_credential(session, credential_id, visitor(), now=now), told
    )


@owner(_HERE)
def _phone(session: Session) -> Response:
    """Xóa or Đặt làm mặc định a phone (R68); or it was found again."""
    flow, now = house().account, house().clock()
    acts: dict[str, Callable[[UUID], None]] = {
        "default": lambda phone: flow.make_default(session, phone, visitor(), now=now),
        "found": lambda phone: flow.find_phone_again(session, phone, visitor(), now=now),
        "remove": lambda phone: flow.remove_phone(session, phone, visitor(), now=now),
    }
    name = next((name for name in acts if name in request.form), "default")
    phone_id = read_id(request.form.get(name, ""))
    return _change(session, lambda: acts[name](phone_id))


def _change(
    session: Session, work: Callable[[], None], told: Callable[[], str] = lambda: "saved"
) -> Response:
    """Do it, or say on the same page why not; ``told`` is what the page says afterwards."""
    try:
        work()
    except LastMethodError:
        return _page(session, Notice(Message("methods.last"), Tone.WARNING), 422)
    except Conflict as error:
        if not i18n.current().has(f"error.{error.code}"):
            raise
        return _page(session, Notice(Message(f"error.{error.code}"), Tone.WARNING), 422)
    return again(f"{_HERE}?{told()}")
