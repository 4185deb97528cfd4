"""``/login``: number and password, then the code; afterwards back to whoever waits."""

from __future__ import annotations

from dataclasses import replace

import msgspec
from flask import Flask, Response, request

from idp.authenticators.contract import AskSignature, AwaitPhone, FieldKind, Filled
from idp.domain.assurance import IAL
from idp.domain.clients import Client
from idp.domain.sessions import Session
from idp.flows.answers import Answer, Journey
from idp.flows.login.state import LoginState, SignedIn, does
from idp.web import display, i18n, screens
from idp.web.journey import (
    again,
    captcha,
    code_notice,
    current_session,
    expired,
    faults,
    house,
    next_of,
    notice,
    read_id,
    shown,
    signature_page,
    still_waiting,
    visitor,
    wants_json,
    with_told,
)
from idp.web.parts import (
    Cancel,
    CodeTiming,
    Frame,
    Link,
    Message,
    Notice,
    Page,
    Portal,
    Tab,
    TabState,
    Tone,
)
from idp.web.screens import Action
from idp.web.security import allow_form_target, allow_image, set_session_cookie

_Answer = Answer[LoginState]


def init_app(app: Flask) -> None:
    """Answer ``/login`` and everything below."""
    app.add_url_rule("/login", "login", _start, methods=["GET"])
    app.add_url_rule("/login/<transaction>", "login_step", _login, methods=["GET", "POST"])
    app.add_url_rule("/login/<transaction>/poll", "login_poll", _poll)
    app.add_url_rule("/login/<transaction>/again", "login_again", _again)


def _start() -> Response:
    """Sign in to one's own account pages; ``?level=3`` and ``?method=`` open another tab."""
    level = IAL.HIGH if request.args.get("level") == "3" else IAL.NONE
    return to_login(level=level, method=screens.read_text(request.args.get("method", "")))


def to_login(back: str = "", *, level: IAL = IAL.NONE, method: str = "") -> Response:
    """Sign in and come back to a page of ours."""
    flow, now = house().login, house().clock()
    able = {each.name for each in flow.methods if each.login}
    state = LoginState(method if method in able else flow.method_for(level).name, back=back)
    return again(f"/login/{flow.start(state, visitor(), now=now).hex}")


def to_prove(session: Session, back: str) -> Response:
    """Who is signed in proves themselves once more, the way they did last, and comes back."""
    flow, now = house().login, house().clock()
    able = {method.name for method in flow.methods if method.login}
    used = [proof for proof in session.free_proofs if proof.method in able]
    last = max(used, key=lambda proof: proof.at, default=None)
    method = last.method if last else flow.method_for(IAL.NONE).name
    started = flow.start(LoginState(method, back=back, is_signed_in=True), visitor(), now=now)
    journey = flow.find(started, visitor(), now=now)
    if journey is not None:
        flow.choose(journey, method)
    return again(f"/login/{started.hex}")


def _again(transaction: str) -> Response:
    """The same sign-in from its form, for the same portal."""
    flow, now = house().login, house().clock()
    journey = flow.find(read_id(transaction), visitor(), now=now)
    if journey is None:
        return expired("/login")
    flow.choose(journey, journey.state.method)
    return again(f"/login/{transaction}")


def _login(transaction: str) -> Response:
    flow, now = house().login, house().clock()
    journey = flow.find(read_id(transaction), visitor(), now=now)
    if journey is None:
        return expired("/login")
    if journey.state.ui_locales:
        i18n.prefer(journey.state.ui_locales)
    display.prefer(journey.state.display)
    if journey.state.redirect_uri:
        # The answer to a post may be the redirect back to the portal, which form-action governs.
        allow_form_target(journey.state.redirect_uri)
    if request.method == "GET":
        tab = request.args.get("method", "")
        return _show(flow.choose(journey, tab) if tab else Answer(journey))
    if screens.read_action(request.form) is Action.CANCEL:
        request_id = flow.cancel(journey, now=now)
        home = _home(journey.state) or ("/account" if journey.state.is_signed_in else "/")
        return again(f"/authorize/{request_id}/cancel" if request_id else home)
    result = _step(journey)
    if isinstance(result, SignedIn):
        return _signed_in(result)
    if result.is_quiet:
        return again(f"/login/{transaction}")
    return _show(result)


def _step(journey: Journey[LoginState]) -> _Answer | SignedIn:
    """Let the flow do what the pressed button of this step asks."""
    flow, now = house().login, house().clock()
    action = screens.read_action(request.form)
    if journey.state.choice is not None:
        return flow.acting.act(journey, request.form.get("act_for", ""), visitor(), now=now)
    # A late second answer of the signing tool is no answer to the form that may stand here now.
    if journey.state.screen is not None or "token" in request.form:
        return _credential_step(journey, action)
    if journey.state.code is not None:
        if action in {Action.RESEND, Action.PHONE}:
            return flow.password.resend(journey, request.form.get("phone"), visitor(), now=now)
        return flow.password.confirm(journey, screens.read_code(request.form), visitor(), now=now)
    if action is Action.NEW_CAPTCHA and journey.state.captcha:
        typed = screens.typed(flow.form(journey), _filled(journey))
        return Answer(flow.new_captcha(flow.keep(journey, typed)))
    typed_captcha = screens.read_text(request.form.get("captcha", ""))
    return flow.submit(journey, _filled(journey), typed_captcha, visitor(), now=now)


def _credential_step(journey: Journey[LoginState], action: Action) -> _Answer | SignedIn:
    """The screens of a method with a credential."""
    flow, now = house().login, house().clock()
    if action is Action.RESTART:
        return flow.restart(journey, visitor(), now=now)
    if "token" in request.form:
        return flow.credential.sign(journey, screens.read_token(request.form), visitor(), now=now)
    return flow.credential.poll(journey, visitor(), now=now)


def _poll(transaction: str) -> Response:
    """Has the phone answered? Asked by the waiting page, with and without JavaScript."""
    flow, now = house().login, house().clock()
    journey = flow.find(read_id(transaction), visitor(), now=now)
    if journey is None:
        return expired("/login")
    here = f"/login/{transaction}"
    result = flow.credential.poll(journey, visitor(), now=now)
    if isinstance(result, SignedIn):
        return next_of(_signed_in(result))
    if not isinstance(result.journey.state.screen, AwaitPhone):
        return next_of(again(here))
    if wants_json():
        return still_waiting(result)
    return again(here) if result.is_quiet else _show(result)


def _filled(journey: Journey[LoginState]) -> Filled:
    return screens.read_fields(house().login.form(journey), request.form)


def _signed_in(result: SignedIn) -> Response:
    now = house().clock()
    before = current_session(now=now)
    house().login.steps.opening.renew(result.cookie, before, now=now)
    response = again(
        f"/authorize/{result.request}" if result.request else result.back or "/account"
    )
    set_session_cookie(response, result.cookie)
    return response


def _show(answer: _Answer) -> Response:
    answer = with_told(answer, answer.journey.state.told)
    if answer.journey.state.choice is not None:
        context = {"choice": answer.journey.state.choice, "frame": _frame(answer)}
        return shown(screens.plain("act_for.html", **context), answer)
    match answer.journey.state.screen:
        case AskSignature() as asked:
            asked = msgspec.structs.replace(asked, key=_key(answer.journey.state, asked.key))
            return shown(signature_page(asked, _frame(answer, *_other(answer)), answer), answer)
        case AwaitPhone() as asked:
            page = screens.await_phone(
                asked, _frame(answer, *_other(answer)), faults=faults(answer)
            )
            return shown(page, answer)
        case None:
            pass
    screen = house().login.password.code_screen(answer.journey)
    if screen is None:
        return shown(_form_page(answer), answer)
    code = answer.journey.state.code
    codes, now = house().login.password.codes, house().clock()
    frame = _frame(answer)
    if code is None:
        return shown(_form_page(answer), answer)
    if not answer.faults:
        frame = replace(frame, notice=code_notice(answer, codes.delay()))
    if not answer.journey.state.made_for:
        frame = replace(frame, links=(_register_link(answer),))
    timing = CodeTiming(now, code.expiry, codes.resend_at(code))
    lost = f"/login/{answer.journey.stored.id.hex}/lost-phone"
    page = screens.ask_code(screen, frame, timing=timing, faults=faults(answer), lost_phone=lost)
    return shown(page, answer)


def _register_link(answer: _Answer) -> Link:
    """Chưa có tài khoản? Đăng ký: on the first screen and on the code's (R42, R43)."""
    return Link("link.register", f"/register?login={answer.journey.stored.id.hex}")


def _other(answer: _Answer) -> tuple[Link, ...]:
    """Out of a wait for a token or a phone, back to the tabs; whoever adds a method has none."""
    journey = answer.journey
    if _home(journey.state):
        return ()
    here = f"/login/{journey.stored.id.hex}?method={journey.state.method}"
    return (Link("otp.other_method", here),)


def _form_page(answer: _Answer) -> Page:
    journey = answer.journey
    form = house().login.form(journey)
    if _home(journey.state):
        form = msgspec.structs.replace(form, key=_key(journey.state, form.key))
        picture = captcha("login", journey.stored.id, journey.state.captcha)
        values, wrong = journey.state.typed, faults(answer)
        return screens.ask_fields(
            form, _frame(answer), values=values, faults=wrong, captcha=picture
        )
    links = [_register_link(answer)]
    if any(asked.kind is FieldKind.PASSWORD for asked in form.fields):
        links.insert(0, Link("link.forgot", "/forgot"))
        links.append(Link("link.freeze", "/freeze"))
    frame = _frame(answer, *links)
    if journey.state.is_signed_in and not answer.faults and frame.notice is None:
        frame = replace(frame, notice=Notice(Message("notice.prove_again"), Tone.INFO))
    return screens.ask_fields(
        form,
        frame,
        values=journey.state.typed,
        faults=faults(answer),
        captcha=captcha("login", journey.stored.id, journey.state.captcha),
        tabs=_tabs(journey),
    )


def _home(state: LoginState) -> str:
    """The page of the account that waits for this proof, where one does: nobody signs in then."""
    if state.binding:
        return "/account/methods"
    return "/account" if state.reverifying else ""


def _key(state: LoginState, key: str) -> str:
    """The texts: a method is added as it registers (R66); a certificate vouches again."""
    if not _home(state):
        return key
    found = f"{'register' if state.binding else 'reverify'}.{state.method}"
    return found if i18n.current().has(f"{found}.title") else key


def _tabs(journey: Journey[LoginState]) -> tuple[Tab, ...]:
    """One tab for each method that signs in, in the order of the guide (R42)."""
    here, state = f"/login/{journey.stored.id.hex}", journey.state
    found = []
    for method in house().methods:
        if method.login is None:
            continue
        if method.name == state.method:
            where = TabState.CURRENT
        elif not house().config.is_enabled(method.name):
            where = TabState.CLOSED
        elif not does(method, state.floor, state.resists):
            where = TabState.TOO_LOW
        else:
            where = TabState.OPEN
        found.append(Tab(f"login.tab.{method.name}", f"{here}?method={method.name}", where))
    return tuple(found)


def _shown(name: str, client: Client | None, level: IAL | None) -> Portal:
    """The portal with what it registered for people to see."""
    if client is None:
        return Portal(name, level)
    if client.logo_uri:
        allow_image(client.logo_uri)
    return Portal(name, level, client.logo_uri, client.policy_uri, client.tos_uri)


def _frame(answer: _Answer, *links: Link) -> Frame:
    state = answer.journey.state
    client = house().clients.find(state.client_id) if state.client_id else None
    shown = _shown(state.portal, client, IAL(state.wanted) if state.wanted else None)
    portal = replace(shown, is_asking=bool(state.made_for))
    return Frame(
        f"/login/{answer.journey.stored.id.hex}",
        portal=portal if state.portal else None,
        notice=notice(answer),
        links=links,
        cancel=Cancel.OFFERED,
    )
