"""One sample of every page in every state that looks different; shared by tests and harness."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from flask import Flask, g
from msgspec import structs

from idp.authenticators import bhxh, build_all, mobile, passkey, password_otp, totp, vnpost
from idp.authenticators.contract import (
    AskCode,
    AskFields,
    AskSignature,
    AwaitPhone,
    Field,
    FieldKind,
    Invalid,
    Refusal,
)
from idp.domain.accounts import Account, AccountStatus, Phone
from idp.domain.agencies import Agency, AgencySubject
from idp.domain.assurance import IAL
from idp.domain.clients import Voucher
from idp.domain.decoupled import Asked, Kind
from idp.domain.events import Event
from idp.domain.operators import Operator, Role
from idp.domain.subjects import AgencyCode, IdNumber, PhoneNumber, SubjectKind
from idp.flows.clerk import CHECKS, ClerkState
from idp.flows.clerk import FORM as CARD
from idp.flows.clerk import SEARCH as CLERK_SEARCH
from idp.flows.complaint import FORM as COMPLAINT
from idp.flows.complaint_desk import Case
from idp.flows.confirming import FORMS as CONFIRMING
from idp.flows.confirming import Address
from idp.flows.counter_desk import SEARCH as COUNTER_SEARCH
from idp.flows.emergency import FORMS as EMERGENCY
from idp.flows.emergency import Way as EmergencyWay
from idp.flows.login.state import Choice
from idp.flows.lost_phone import FORM as LOST_PHONE
from idp.flows.recovery import FORMS as FORGOT
from idp.flows.recovery import REOPEN, Way
from idp.flows.representatives import FORM as REPRESENTATIVES
from idp.flows.reverifying import form_of as reverify_form
from idp.storage.accounts import Proof
from idp.storage.agencies import Binding
from idp.storage.complaints import Complaint, ComplaintStatus, Content
from idp.storage.credentials import Bound
from idp.storage.decoupled import Waiting
from idp.storage.portal_links import PortalLink
from idp.storage.representatives import Representative
from idp.web import errors, i18n, operator, screens, security
from idp.web.activity import FILTERS, HistoryRow
from idp.web.contact import CONTACT
from idp.web.device import FORM as DEVICE
from idp.web.parts import (
    Cancel,
    Captcha,
    ClientView,
    CodeTiming,
    Frame,
    IdentityRow,
    Link,
    Message,
    Notice,
    Offer,
    Page,
    Portal,
    RowStatus,
    SessionRow,
    Step,
    Tab,
    TabState,
    Tone,
)
from idp.web.protection import freeze_page
from tests.support import warm
from tests.support.house import outside

NOW: Final = datetime(2026, 11, 24, 7, 5, 9, tzinfo=UTC)
ISSUER: Final = "http://localhost:8000"
PORTAL: Final = Portal("Cổng dịch vụ công Hà Nội", IAL.MEDIUM)
CAPTCHA: Final = Captcha("/captcha/t.png", "/captcha/t.wav", test_answer="12345")
FRAME: Final = Frame("/form", portal=PORTAL, cancel=Cancel.OFFERED)
DEFAULT_PHONE: Final = Phone(UUID(int=1), PhoneNumber.parse("0821234088"), is_default=True)
OTHER_PHONE: Final = Phone(UUID(int=2), PhoneNumber.parse("0912345678"), is_default=False)
TIMING: Final = CodeTiming(NOW, NOW + timedelta(minutes=5), NOW + timedelta(seconds=60))
GONE_PHONE: Final = replace(DEFAULT_PHONE, is_lost=True)
LONG_NAME: Final = "Nguyễn Phúc Hoàng Thị Thuỳ Dương Ngọc Bảo Châu Anh Thư"


def build_app(issuer: str = ISSUER) -> Flask:
    """The web layer alone, with strict texts."""
    app = Flask("idp.web")
    texts = i18n.load(i18n.Missing.RAISE)
    i18n.init_app(app, texts, browsers=i18n.BrowserLanguage.FOLLOW)
    security.init_app(
        app,
        security.Policy(issuer, b"k" * 32, security.networks(["10.0.0.0/8", "127.0.0.1"])),
    )
    screens.init_app(app)
    errors.init_app(app, lambda: NOW)
    warm.keep_templates(app)
    return app


def login_tabs() -> tuple[Tab, ...]:
    """The three tabs of R42, one of them not open yet, and those of later ways in."""
    return (
        Tab("login.tab.password_otp", "/login/1", TabState.CURRENT),
        Tab("login.tab.usb", "", TabState.CLOSED),
        Tab("login.tab.sim", "/login/1?method=sim", TabState.OPEN),
        Tab("login.tab.passkey", "/login/1?method=passkey", TabState.OPEN),
        Tab("login.tab.totp", "/login/1?method=totp", TabState.TOO_LOW),
    )


def login() -> Page:
    """The first screen of a sign-in."""
    frame = Frame(
        "/form",
        portal=PORTAL,
        cancel=Cancel.OFFERED,
        links=(Link("link.forgot", "/forgot"), Link("link.register", "/register")),
    )
    return screens.ask_fields(password_otp.FORM, frame, tabs=login_tabs(), captcha=CAPTCHA)


def login_refused() -> Page:
    """The same after a wrong password."""
    return screens.ask_fields(
        password_otp.FORM,
        FRAME,
        values={"username": "001072000136", "password": "never shown"},
        faults={"": screens.refusal(Refusal.WRONG_CREDENTIALS)},
        tabs=login_tabs(),
    )


def emergency(way: EmergencyWay) -> Page:
    """Khóa tài khoản without signing in."""
    links = (
        Link("link.freeze.channel", "/freeze?way=channel"),
        Link("link.freeze.complaint", "/complaint"),
    )
    frame = Frame("/form", links=links, cancel=Cancel.OFFERED)
    return screens.ask_fields(EMERGENCY[way], frame, captcha=CAPTCHA)


def register() -> Page:
    """The registration form of R11."""
    ways = (Link("link.other_way", "/register?subject=citizen"), Link("link.login", "/login"))
    frame = Frame("/form", step=Step(2, 4), links=ways)
    return screens.ask_fields(mobile.FORM, frame, captcha=CAPTCHA)


def register_faults() -> Page:
    """Every field wrong."""
    invalid = Invalid(
        {
            "username": "id_number.empty",
            "full_name": "name.form",
            "birth_date": "birth_date.form",
            "phone": "phone.form",
            "email": "email.form",
            "captcha": "captcha.wrong",
        }
    )
    values = {"full_name": "Ng<script>", "birth_date": "31/02/1990", "phone": "091", "email": "a@"}
    return screens.ask_fields(
        mobile.FORM, FRAME, values=values, faults=screens.faults(invalid), captcha=CAPTCHA
    )


def code() -> Page:
    """The code screen of a sign-in, with the toast of R18."""
    notice = Notice(Message("notice.otp_sent"), Tone.SUCCESS)
    frame = Frame("/form", portal=PORTAL, notice=notice, cancel=Cancel.OFFERED)
    asked = AskCode(DEFAULT_PHONE.number, (DEFAULT_PHONE, OTHER_PHONE))
    return screens.ask_code(asked, frame, timing=TIMING, lost_phone="/lost")


def code_wrong() -> Page:
    """A wrong code, and no other phone."""
    asked = AskCode(DEFAULT_PHONE.number, (DEFAULT_PHONE,))
    faults = {"code": Message("error.otp.wrong", {"n": 1})}
    return screens.ask_code(asked, FRAME, timing=TIMING, faults=faults)


def code_expired() -> Page:
    """A dead code, at registration."""
    timing = CodeTiming(NOW, NOW, NOW)
    return screens.ask_code(AskCode(DEFAULT_PHONE.number), FRAME, timing=timing)


def password_faults() -> Page:
    """Passwords that break the rule."""
    invalid = Invalid({"password": "password.rule", "password_again": "password.mismatch"})
    return screens.set_password(FRAME, username="001072000136", faults=screens.faults(invalid))


def choose() -> Page:
    """Choose a method, only mobile open."""
    frame = Frame("/register", links=(Link("link.login", "/login"),))
    return screens.choose_method(frame, all_offers())


def choose_agency() -> Page:
    """The same when the person had chosen agency."""
    return screens.choose_method(Frame("/register"), all_offers(), subject=SubjectKind.AGENCY)


METHODS = build_all(outside())


def all_offers() -> tuple[Offer, ...]:
    """The five tiles; mobile is open for citizens, USB for all."""
    return tuple(
        Offer(offer.name, offer.ial, offer.subjects, is_open=offer.name in {"mobile", "usb"})
        for offer in screens.offers(METHODS, lambda _: True)
    )


def existing_account(subject: str = "citizen") -> Page:
    """R14 with its three ways out."""
    ways = {"forgot_url": "/forgot", "complaint_url": "", "login_url": "/login"}
    return Page("existing_account.html", {**ways, "subject": subject})


FORGET = Frame(
    "/form",
    links=(
        Link("link.forgot.counter", "/forgot?way=counter"),
        Link("link.forgot.phone", "/forgot"),
        Link("link.forgot.sign", "/login?level=3"),
    ),
    cancel=Cancel.OFFERED,
)
WAYS = (Link("link.other_way", "/register?subject=citizen"), Link("link.login", "/login"))
STEPPED = Frame("/form", step=Step(2, 4), links=WAYS, cancel=Cancel.OFFERED)
SIM = AskFields(
    "register.sim",
    (
        Field("carrier", FieldKind.CHOICE, choices=("viettel", "vinaphone")),
        Field("phone", FieldKind.PHONE),
    ),
    is_guarded=True,
)
REVIEW = AskFields(
    "register.review",
    (Field("email", FieldKind.EMAIL, required=False),),
    shown=(
        ("organisation_name", "Cục Kiểm soát thủ tục hành chính và cải cách thể chế quốc gia"),
        ("valid_from", "24/11/2025"),
        ("valid_to", "24/11/2027"),
        ("ca", "Co quan chung thuc so Chinh phu"),
    ),
    is_guarded=True,
    is_consent=True,
)
ANSWERED = Complaint(
    UUID(int=9),
    ComplaintStatus.ACCEPTED,
    Content("KN-AAAA-BBBB-CCCC", "001072000136", "A", "+84912345678", "…", "Đã khóa tài khoản."),
    NOW,
    NOW,
)


def complaint_status(found: Complaint | None, faults: Mapping[str, Message]) -> Page:
    """The outcome of a complaint, or its form with a fault."""
    context = {"ticket": "KN", "found": found, "faults": faults}
    return Page("complaint_status.html", context)


def methods_page() -> Page:
    """What opens the account."""
    details = {"holder": "NGUYỄN VĂN HOÀ", "ca": "NEWTEL-CA v2", "valid_to": "24/11/2027"}
    return screens.plain(
        "methods.html",
        has_password=True,
        phones=(GONE_PHONE, OTHER_PHONE),
        credentials=(Bound(UUID(int=7), "usb", NOW, NOW, details),),
        level=3,
        allows_sms=False,
        held_until=NOW,
        notice=Notice(Message("methods.saved"), Tone.SUCCESS),
    )


def asked_by_portal() -> Page:
    """A sign-in for a portal that registered what people should see of it."""
    portal = replace(
        PORTAL,
        logo="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'%3E"
        "%3Ccircle cx='4.5' cy='4.5' r='4' fill='teal'/%3E%3C/svg%3E",
        policy="https://portal.example/policy",
        terms="https://portal.example/terms",
    )
    asked = AskCode(DEFAULT_PHONE.number)
    return screens.ask_code(asked, replace(FRAME, portal=portal), timing=TIMING)


def consent(client: ClientView | None = None) -> Page:
    """What a portal gets."""
    context = {
        "frame": FRAME,
        "client": client or CLIENT,
        "data": ("name", "birthdate", "id_number", "offline_access"),
        "level": IAL.MEDIUM,
    }
    return Page("consent.html", context)


CLIENT: Final = ClientView(
    PORTAL.name, policy="https://portal.example/policy", terms="https://portal.example/terms"
)


VOUCHER: Final = Voucher(
    superior="https://bokhcn.example.vn",
    superior_name="Bộ Khoa học và Công nghệ",
    anchor="https://ttdlqg.example.vn",
    anchor_name="Trung tâm dữ liệu quốc gia",
)
VOUCHED: Final = ClientView(
    "Cổng dịch vụ công tỉnh Hà Giang", home="dichvucong.hagiang.example.vn", voucher=VOUCHER
)
VOUCHED_BY_ANCHOR: Final = replace(
    VOUCHED, voucher=structs.replace(VOUCHER, superior=VOUCHER.anchor)
)


def device_question(**changes: object) -> Page:
    """A device waits for its person."""
    plain: dict[str, object] = {
        "frame": FRAME,
        "portal": PORTAL,
        "client": CLIENT,
        "code": "WDJB-MJHT",
        "data": ("name", "id_number"),
        "at": NOW,
        "ip": "203.0.113.7",
        "place": "Hà Nội, Việt Nam",
        "is_enough": True,
    }
    return screens.plain("device_confirm.html", **{**plain, **changes})


def waiting() -> Waiting:
    """A back office that waits."""
    asked = Asked("office", PORTAL.name, ("openid",), message="Hồ sơ đất đai 12/2026", code="0042")
    until = NOW + timedelta(minutes=3)
    return Waiting(UUID(int=9), Kind.CIBA, UUID(int=3), asked, None, NOW, until)


def approval(**changes: object) -> Page:
    """One request, before and after the proof."""
    plain: dict[str, object] = {
        "frame": FRAME,
        "portal": replace(PORTAL, is_asking=True),
        "client": CLIENT,
        "text": waiting().asked.message,
        "code": "0042",
        "data": ("name", "id_number"),
        "at": NOW,
        "until": waiting().expires_at,
        "is_able": True,
        "is_proven": False,
    }
    return screens.plain("approval.html", **{**plain, **changes})


ACTING: Final = {"acting": True, "is_enterprise": True}


def representatives(*people: Representative, **faults: Message) -> Page:
    """Whom an enterprise lets act for it."""
    form = screens.ask_fields(REPRESENTATIVES, FRAME, faults=faults)
    context = {"people": people, "fields": form.context["fields"], "faults": faults}
    return screens.plain("representatives.html", **context)


def account() -> Page:
    """The account page."""
    rows = (
        IdentityRow("full_name", LONG_NAME, RowStatus.VERIFIED, "nhà mạng Viettel", NOW),
        IdentityRow("cccd", "001072000136", RowStatus.VERIFIED, "nhà mạng Viettel", NOW),
        IdentityRow("email", "a.very.long.address.of.somebody@example.vn", RowStatus.DECLARED),
        IdentityRow("address", "", RowStatus.UNVERIFIED),
    )
    return screens.plain(
        "account.html",
        name=LONG_NAME,
        level=IAL.MEDIUM,
        rows=rows,
        closes_at=NOW,
        held_until=NOW,
        is_reachable=False,
        notice=Notice(Message("account.saved"), Tone.SUCCESS),
        may_reverify=True,
        **ACTING,
    )


def sessions() -> Page:
    """Signed-in browsers, one of them known, one not."""
    first = SessionRow(
        *("a" * 32, "Chrome Mobile", "Android", "203.0.113.7", "Hà Nội, Việt Nam", NOW, NOW),
        portals=(PORTAL.name, "Bộ Y tế"),
        is_current=True,
    )
    then = NOW - timedelta(days=1)
    second = SessionRow(
        *("b" * 32, "", "", "2001:db8::1", "", then, NOW), portals=(), is_current=False
    )
    return screens.plain("sessions.html", sessions=(first, second))


def history() -> Page:
    """Success, failure and a change."""
    where = ("203.0.113.7", "Hà Nội, Việt Nam")
    rows = (
        HistoryRow(NOW, Event.LOGIN_SUCCEEDED, "usb", "3", PORTAL.name, *where, ""),
        HistoryRow(NOW, Event.LOGIN_REFUSED, "password_otp", "", "", *where, ""),
        HistoryRow(NOW, Event.PHONE_ADDED, "", "", "", "", "", "082****088"),
    )
    filters = tuple(FILTERS)
    return screens.plain("history.html", rows=rows, filters=filters, chosen="all", older=1)


def portals() -> Page:
    """One that looks while the person is away, one that sees nothing."""
    items = ("name", "birthdate", "id_number", "offline_access")
    links = (
        (PORTAL.name, PortalLink("hanoi", items, NOW, NOW, is_offline=True), "/start/hanoi"),
        (LONG_NAME, PortalLink("dai", (), NOW, None, is_offline=False), None),
    )
    return screens.plain("portals.html", links=links, visits=((PORTAL.name, NOW),))


def own_account(**changes: object) -> Account:
    """An account as the protection page sees it."""
    plain = Account(
        *(UUID(int=3), SubjectKind.CITIZEN, AccountStatus.ACTIVE, IAL.MEDIUM, "hash"),
        (DEFAULT_PHONE,),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


SINCE: Final = "2026-11-24T07:05:09+00:00"


def data() -> Page:
    """Everything on file."""
    fact = {"name": "full_name", "value": LONG_NAME, "vouched_by": "Viettel", "since": SINCE}
    link = {
        "portal": PORTAL.name,
        "may_see": ["Họ tên", "Ngày sinh"],
        "since": SINCE,
        "text_version": "2026-11",
    }
    complaint = {
        "ticket": "KN-2345-6789-ABCD",
        "at": SINCE,
        "status": "accepted",
        "full_name": LONG_NAME,
        "id_number": "001072000136",
        "phone": "0821234088",
        "text": "Tài khoản này không phải của tôi.",
        "answer": "Đã khóa tài khoản.",
    }
    return screens.plain(
        "data.html",
        settings={"has_password": True},
        numbers=[{"kind": "cccd", "value": "001072000136", "since": SINCE}],
        facts=[fact],
        phones=[{"number": "0821234088", "is_default": True, "is_reported_lost": True}],
        credentials=[{"method": "usb", "holder": LONG_NAME, "since": SINCE}],
        proofs=[{"method": "mobile", "level": 2, "at": "2026-11-24T07:05:09+00:00"}],
        former_facts=[fact | {"until": SINCE}],
        portals=[link],
        withdrawn=[link | {"until": SINCE}],
        representatives=[{"name": LONG_NAME, "number": "001072000136", "since": SINCE}],
        acts_for=[{"name": "Công ty TNHH Hoà Bình", "since": SINCE}],
        complaints=[complaint],
        sessions=[{"since": "2026-11-24T07:05:09+00:00", "ip": "203.0.113.7"}],
    )


def enrolment(name: str) -> Page:
    """The first screen of an enrolment."""
    account = own_account()
    built = {"passkey": passkey.build(ISSUER, ISSUER), "totp": totp.build(outside().hasher)}[name]
    assert built.enrolment
    screen = built.enrolment.start(account, name=LONG_NAME, now=NOW).screen
    if isinstance(screen, AskSignature):
        return screens.ask_signature(screen, FRAME, ())
    assert isinstance(screen, AskFields)
    return screens.ask_fields(screen, FRAME, faults={"code": Message("error.totp.wrong")})


def level(number: int) -> Page:
    """Why this level."""
    proofs = (
        Proof("usb", IAL.HIGH, "certificate:x", NOW, NOW),
        Proof("mobile", IAL.MEDIUM, "carrier:y", NOW, None),
    )
    offers = {each: tuple(m for m in METHODS if m.ial is each) for each in IAL}
    context = {"proofs": proofs, "offers": offers, "is_citizen": number < IAL.HIGH}
    return screens.plain("level.html", level=IAL(number), **context)


def home(account_name: str) -> Page:
    """The home page; signed out when ``account_name`` is empty."""
    context = {
        "account_name": account_name,
        "register_url": "/register",
        "login_url": "/login",
        "account_url": "/account",
        "logout_url": "/logout",
    }
    return Page("home.html", context)


def problem() -> Page:
    """An error page with its longest text."""
    kind = errors.Problem.FORGED_POST
    context = {
        "title": kind.key("title"),
        "text": Message(kind.key("text")),
        "advice": kind.key("advice"),
        "code": kind.value.code,
        "reference": "8f3ac0ffee",
        "at": NOW,
        "again": "/register",
    }
    return Page("error.html", context)


# --- the operators' console ---------------------------------------------------------------------

OPERATOR: Final = Operator(
    UUID(int=11), UUID(int=12), LONG_NAME, dict.fromkeys(Role, "Bưu cục Hàng Bài, Hà Nội")
)
CASE: Final = Case(
    Complaint(
        UUID(int=9),
        ComplaintStatus.RECEIVED,
        Content("KN-AAAA-BBBB-CCCC", "001072000136", LONG_NAME, "+84912345678", "Dài.\nLắm."),
        NOW,
        NOW,
    ),
    Account(UUID(int=3), SubjectKind.CITIZEN, AccountStatus.ACTIVE, IAL.MEDIUM, "hash", ()),
    (
        Proof("usb", IAL.HIGH, "certificate:x", NOW, NOW),
        Proof("mobile", IAL.MEDIUM, "carrier:y", NOW, None),
    ),
)


def console(template: str, section: str, **context: object) -> Page:
    """A page of the console, with every other page to go to."""
    g.operator = OPERATOR
    return operator.page(template, section, **context)


def console_form(
    asked: AskFields, section: str, faults: Mapping[str, Message] | None = None
) -> Page:
    """A form of the console; its boxes unticked."""
    told = faults or {}
    plain = screens.ask_fields(asked, FRAME, values={"email": "a@"}, faults=told)
    context = {
        "key": asked.key,
        "fields": plain.context["fields"],
        "checks": CHECKS if asked is CARD else (),
        "shown": (("number", "001072000136"),) if asked is CARD else (),
        "frame": Frame("/form", cancel=Cancel.OFFERED),
        "faults": told,
    }
    return console("operator_form.html", section, **context)


def issued(delivery: str) -> Page:
    """The end of an issue: the slip, or that a message is on its way."""
    state = ClerkState("", "001072000136", {}, delivery, "082****088", "ABCDEFGHJK")
    context = {"action": "/form", "state": state, "number": "001******136", "unit": LONG_NAME}
    return console("operator_issued.html", "post_clerk", expires_at=NOW, **context)


def desk(code: str, faults: Mapping[str, Message] | None = None) -> Page:
    """Somebody at the counter, before and after the code."""
    context = {
        "action": "/form",
        "number": "001******136",
        "rows": (("full_name", LONG_NAME), ("birth_date", "01/02/1972")),
        "account": CASE.account,
        "code": code,
        "days": 3,
        "faults": faults or {},
    }
    return console("operator_person.html", "counter", **context)


WAITING: Final = Binding(
    "k" * 64,
    AgencySubject("Cuc Kiem soat TTHC", "Van phong Chinh phu", ("Vu A",), "1047665", "f", "CA CP"),
    NOW,
    None,
)


def agencies(*waiting: Binding) -> Page:
    """Certificates that wait, and one that is bound."""
    bound = (replace(WAITING, code="G22.17"),) if waiting else ()
    context = {"waiting": waiting, "bound": bound, "count": 2}
    return console("operator_agencies.html", "agencies", **context)


def agency(faults: Mapping[str, Message] | None = None) -> Page:
    """One that an operator binds."""
    asked = AskFields("operator.agency", (Field("agency_code", FieldKind.TEXT),))
    form = screens.ask_fields(asked, FRAME, faults=faults)
    named = (Agency(AgencyCode("G22.17"), "000.00.17.G22", LONG_NAME, "Văn phòng Chính phủ"),)
    context = {"binding": WAITING, "view": form.context["fields"][0], "named": named}  # type: ignore[index]
    return console("operator_agency.html", "agencies", faults=faults or {}, **context)


def case(found: Case, faults: Mapping[str, Message] | None = None) -> Page:
    """One complaint; with its form while it is open."""
    asked = AskFields("operator.complaint", (Field("text", FieldKind.LONG_TEXT),))
    form = screens.ask_fields(asked, FRAME, faults=faults)
    context = {
        "action": "/form",
        "case": found,
        "phone": "0912 345 678",
        "proofs": tuple((proof, "CA NEWTEL-CA v2") for proof in found.proofs),
        "view": form.context["fields"][0],  # type: ignore[index]
        "is_open": found.complaint.status is ComplaintStatus.RECEIVED,
        "faults": faults or {},
    }
    return console("operator_complaint.html", "complaints", **context)


LEAVING: Final[dict[str, object]] = {
    "host": "cong-tu-dang-ky.example.vn",
    "location": "https://cong-tu-dang-ky.example.vn/cb?error=invalid_scope",
    "target": "/sink",
    "fields": {"error": "invalid_scope", "state": "s"},
    "portal": Portal("Cổng tự đăng ký"),
}

SAMPLES: Final[Mapping[str, Callable[[], Page]]] = {
    "home": lambda: home(""),
    "home_signed_in": lambda: home(LONG_NAME),
    "choose": choose,
    "choose_agency": choose_agency,
    "register": register,
    "register_faults": register_faults,
    "login": login,
    "login_refused": login_refused,
    "code": code,
    "code_wrong": code_wrong,
    "code_expired": code_expired,
    "password": lambda: screens.set_password(Frame("/form", step=Step(4, 4)), username="001"),
    "password_faults": password_faults,
    "existing_account": existing_account,
    "existing_enterprise": lambda: existing_account("enterprise"),
    "existing_agency": lambda: existing_account("agency"),
    "done": lambda: Page("done.html", {"login_url": "/login", "level": 3, "method": "usb"}),
    "usb": lambda: screens.ask_fields(AskFields("register.usb"), STEPPED),
    "usb_agency": lambda: screens.ask_fields(AskFields("register.usb_agency"), STEPPED),
    "usb_login": lambda: screens.ask_fields(AskFields("login.usb"), FRAME, tabs=login_tabs()),
    "sign": lambda: screens.ask_signature(
        AskSignature("register.usb", "n" * 44), STEPPED, ("http://127.0.0.1:1",)
    ),
    "sim": lambda: screens.ask_fields(SIM, STEPPED, captcha=CAPTCHA),
    "sim_faults": lambda: screens.ask_fields(
        SIM, FRAME, faults={"carrier": Message("error.carrier.unknown")}, captcha=CAPTCHA
    ),
    "wait": lambda: screens.await_phone(
        AwaitPhone("register.sim", DEFAULT_PHONE.number, "4033", NOW), STEPPED
    ),
    "review": lambda: screens.ask_fields(REVIEW, STEPPED, captcha=CAPTCHA),
    "vnpost": lambda: screens.ask_fields(vnpost.FORM, STEPPED, captcha=CAPTCHA),
    "bhxh": lambda: screens.ask_fields(bhxh.FORM, STEPPED, captcha=CAPTCHA),
    "complaint": lambda: screens.ask_fields(COMPLAINT, FRAME, captcha=CAPTCHA),
    "complaint_faults": lambda: screens.ask_fields(
        COMPLAINT, FRAME, values={"text": "x"}, faults={"text": Message("error.complaint.text")}
    ),
    "complaint_done": lambda: screens.plain("complaint_done.html", ticket="KN-AAAA-BBBB-CCCC"),
    "complaint_status": lambda: complaint_status(None, {"ticket": Message("error.ticket")}),
    "complaint_answer": lambda: complaint_status(ANSWERED, {}),
    "methods": methods_page,
    "terms": lambda: screens.plain("about.html", name="terms"),
    "privacy": lambda: screens.plain("about.html", name="privacy"),
    "tool": lambda: screens.plain("tool.html", issuer="https://id.example.vn"),
    "asked_by_portal": asked_by_portal,
    "consent": consent,
    "consent_stranger": lambda: consent(replace(CLIENT, home="cong-tu-dang-ky.example.vn")),
    "consent_vouched": lambda: consent(VOUCHED),
    "consent_vouched_by_anchor": lambda: consent(VOUCHED_BY_ANCHOR),
    "logout": lambda: Page("logout.html", {"frame": FRAME, "portals": (PORTAL.name, "Bộ Y tế")}),
    "logged_out": lambda: Page(
        "logged_out.html",
        {
            "portals": (PORTAL.name,),
            "frames": (),
            "home_url": "/",
            "return_url": "https://portal.example/",
        },
    ),
    # The frame's portal does not exist: the page must look and go on without it.
    "logged_out_frames": lambda: Page(
        "logged_out.html",
        {
            "portals": (PORTAL.name, "Bộ Y tế"),
            "frames": ("about:blank",),
            "home_url": "/",
            "return_url": "#",
        },
    ),
    "account": account,
    "account_edit": lambda: screens.ask_fields(
        CONTACT, FRAME, values={"phone": "091"}, faults={"phone": Message("error.phone.form")}
    ),
    "reverify": lambda: screens.ask_fields(
        reverify_form("mobile"), FRAME, faults={"username": Message("error.reverify.number")}
    ),
    "reverify_usb": lambda: screens.ask_fields(
        AskFields("reverify.usb", ()), FRAME, faults={"": Message("refusal.reverify_unbound")}
    ),
    "reverify_bhxh": lambda: screens.ask_fields(
        reverify_form("bhxh"), FRAME, faults={"": Message("refusal.reverify_bhxh")}
    ),
    "account_password": lambda: screens.set_password(
        FRAME, key="account.password", username="001", owner=LONG_NAME, asks_current=True
    ),
    "account_phone": lambda: screens.ask_fields(CONFIRMING[Address.PHONE], FRAME),
    "account_email": lambda: screens.ask_fields(CONFIRMING[Address.EMAIL], FRAME),
    "email_code": lambda: screens.ask_code(
        Message("otp.sent.email", {"email": "a.very.long.address.of.somebody@example.vn"}),
        FRAME,
        timing=TIMING,
    ),
    "methods_new": lambda: screens.plain(
        "methods_new.html", offers=("usb", "sim", "passkey", "totp"), offers_password=True
    ),
    "login_passkey": lambda: screens.ask_fields(
        AskFields("login.passkey"), FRAME, tabs=login_tabs()
    ),
    "login_totp": lambda: screens.ask_fields(
        totp.FORM,
        FRAME,
        faults={"": Message("refusal.wrong_or_spent")},
        captcha=CAPTCHA,
        tabs=login_tabs(),
    ),
    "enrol_passkey": lambda: enrolment("passkey"),
    "enrol_totp": lambda: enrolment("totp"),
    "sessions": sessions,
    "history": history,
    "history_empty": lambda: screens.plain(
        "history.html", rows=(), filters=tuple(FILTERS), chosen="failure", older=0
    ),
    "portals": portals,
    "portals_empty": lambda: screens.plain("portals.html", links=(), visits=()),
    "protection": lambda: screens.plain("protection.html", account=own_account(), held_until=NOW),
    "protection_off": lambda: screens.plain(
        "protection.html",
        account=own_account(allows_sms=False, asks_new_portals=False),
        held_until=None,
    ),
    "freeze": lambda: freeze_page("/account/freeze", ()),
    "freeze lost phones": lambda: freeze_page("/freeze/1", (GONE_PHONE, OTHER_PHONE)),
    "emergency": lambda: emergency(EmergencyWay.PASSWORD),
    "emergency by channel": lambda: emergency(EmergencyWay.CHANNEL),
    "frozen": lambda: screens.plain("frozen.html"),
    "not_me_over": lambda: screens.plain("not_me_over.html"),
    "data": data,
    "close": lambda: screens.plain("close.html", closes_at=None, days=7),
    "closing": lambda: screens.plain("close.html", closes_at=NOW, days=7),
    "held": lambda: screens.plain("held.html", until=NOW),
    "level_two": lambda: level(2),
    "level_three": lambda: level(3),
    "forgot": lambda: screens.ask_fields(FORGOT[Way.PHONE], FORGET, captcha=CAPTCHA),
    "forgot_counter": lambda: screens.ask_fields(
        FORGOT[Way.COUNTER],
        FORGET,
        faults={"recovery_code": Message("error.recovery_code")},
        captcha=CAPTCHA,
    ),
    "forgot_code": lambda: screens.ask_code(Message("forgot.sent"), FRAME, timing=TIMING),
    "forgot_password": lambda: screens.set_password(
        FRAME, key="forgot.password", username="001072000136"
    ),
    "recovered": lambda: screens.plain("recovered.html", key="recovered", login="/login"),
    "forgot_reopen": lambda: screens.ask_fields(REOPEN, FRAME),
    "reopened": lambda: screens.plain("recovered.html", key="reopened", login="/login?level=3"),
    "lost_phone": lambda: screens.ask_fields(LOST_PHONE, FRAME, captcha=CAPTCHA),
    "phone_replaced": lambda: screens.plain("phone_replaced.html", login="/login"),
    "device": lambda: screens.ask_fields(DEVICE, FRAME, values={"user_code": "WDJB-MJHT"}),
    "device_wrong": lambda: screens.ask_fields(
        DEVICE, FRAME, faults={"user_code": Message("error.user_code.unknown")}
    ),
    "device_question": device_question,
    "device_too_low": lambda: device_question(
        is_enough=False, data=(), place="", notice=Notice(Message("decoupled.level"), Tone.WARNING)
    ),
    "device_approved": lambda: screens.plain("device_done.html", result="approved"),
    "device_denied": lambda: screens.plain("device_done.html", result="denied"),
    "approvals": lambda: screens.plain("approvals.html", waiting=(waiting(),)),
    "approvals_none": lambda: screens.plain(
        "approvals.html", waiting=(), notice=Notice(Message("approvals.given"), Tone.SUCCESS)
    ),
    "approval": approval,
    "approval_proven": lambda: approval(is_proven=True, data=()),
    "operator": lambda: console(
        "operator.html", "", pages=[(role, LONG_NAME, "/operator/x") for role in Role]
    ),
    "operator_none": lambda: screens.plain("operator_none.html"),
    "operator_search": lambda: console_form(CLERK_SEARCH, "post_clerk"),
    "operator_search_fault": lambda: console_form(
        CLERK_SEARCH, "post_clerk", {"username": Message("error.operator.exists")}
    ),
    "operator_counter": lambda: console_form(COUNTER_SEARCH, "counter"),
    "operator_card": lambda: console_form(CARD, "post_clerk"),
    "operator_card_faults": lambda: console_form(
        CARD,
        "post_clerk",
        {
            "full_name": Message("error.name.form"),
            "delivery": Message("error.operator.delivery"),
            "card_seen": Message("error.operator.card_seen"),
            "consent": Message("error.operator.consent"),
        },
    ),
    "operator_slip": lambda: issued("slip"),
    "operator_sent": lambda: issued("sms"),
    "operator_person": lambda: desk("", {"card_seen": Message("error.operator.card_seen")}),
    "operator_code": lambda: desk("AAAA-BBBB-CCCC"),
    "operator_complaints": lambda: console(
        "operator_complaints.html",
        "complaints",
        rows=(("0" * 32, "KN-AAAA-BBBB-CCCC", NOW, "001******136"),),
        notice=Notice(Message("operator.complaints.taken"), Tone.WARNING),
    ),
    "operator_complaints_none": lambda: console("operator_complaints.html", "complaints", rows=()),
    "operator_complaint": lambda: case(CASE, {"text": Message("error.operator.text")}),
    "operator_complaint_closed": lambda: case(Case(ANSWERED, None, ())),
    "operator_agencies": lambda: agencies(WAITING),
    "operator_agencies_none": agencies,
    "operator_agency": lambda: agency({"agency_code": Message("error.agency.unknown")}),
    "act_for": lambda: screens.plain(
        "act_for.html",
        frame=FRAME,
        choice=Choice("a", LONG_NAME, "b", "CÔNG TY TNHH SEN VÀNG", "a", {}, ("usb", 3, (), 0)),
    ),
    "acting": lambda: screens.plain("acting.html", name="CÔNG TY TNHH SEN VÀNG"),
    "representatives": lambda: representatives(
        Representative(UUID(int=4), IdNumber.parse("001072000136"), LONG_NAME, NOW)
    ),
    "representatives_none": lambda: representatives(
        username=Message("error.id_number.empty"), full_name=Message("error.name.form")
    ),
    "error": problem,
    "expired": lambda: Page("expired.html", {"start_url": "/login"}),
    "form_post": lambda: Page(
        "form_post.html",
        {"target": "/sink", "fields": {"code": "c", "state": "s"}, "portal": PORTAL},
    ),
    "leaving": lambda: Page("leaving.html", LEAVING),
    "leaving_by_post": lambda: Page("leaving.html", {**LEAVING, "location": ""}),
    "continue": lambda: Page("continue.html", {"target": "/sink", "portal": PORTAL}),
}
