"""Texts: both languages complete, the guide's strings exact, the choice of language."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import Markup
from structlog.testing import capture_logs
from werkzeug.datastructures import LanguageAccept

from idp.authenticators.contract import Refusal
from idp.domain.assurance import IAL
from idp.domain.subjects import SubjectKind
from idp.web import i18n
from idp.web.errors import Problem
from idp.web.i18n import Catalogue, Language, Missing, MissingText
from idp.web.parts import Closed, RowStatus

CATALOGUES = i18n.load(Missing.RAISE)
VI, EN = CATALOGUES[Language.VI], CATALOGUES[Language.EN]
SOURCE = Path(i18n.__file__).parents[1]
TEMPLATES = SOURCE / "web" / "templates"

CODES = [
    "id_number.empty",
    "id_number.form",
    "id_number.birth_date",
    "name.empty",
    "name.form",
    "birth_date.empty",
    "birth_date.form",
    "birth_date.future",
    "phone.empty",
    "phone.form",
    "email.form",
    "password.empty",
    "password.rule",
    "password.long",
    "password.common",
    "password.personal",
    "password.mismatch",
    "captcha.empty",
    "captcha.wrong",
    "captcha.expired",
    "otp.form",
    "otp.wrong",
    "otp.expired",
    "otp.spent",
    "otp.void",
]

EXACT = {
    "site.name": "Cổng Dịch vụ công quốc gia",
    "site.tagline": "Kết nối, cung cấp thông tin và dịch vụ công mọi lúc, mọi nơi",
    "register.choose.title": "Đăng ký",
    "register.choose.legend": "Vui lòng chọn phương thức đăng ký",
    "register.choose.level.2": "Xác minh mức độ trung bình (IAL2)",
    "register.choose.level.3": "Xác minh mức độ cao (IAL3)",
    "subject.citizen": "Công dân",
    "subject.enterprise": "Doanh nghiệp",
    "subject.agency": "Cơ quan nhà nước",
    "method.mobile": "Thuê bao di động",
    "method.bhxh": "Bảo hiểm xã hội",
    "method.vnpost": "Bưu điện Việt Nam",
    "method.usb": "USB ký số",
    "method.sim": "SIM ký số",
    "register.mobile.subtitle": "(Chỉ dành cho công dân)",
    "field.username.label": "Tên đăng nhập (Số CMT/CCCD)",
    "field.username.placeholder": "Nhập số CMT/CCCD",
    "field.full_name.label": "Họ tên",
    "field.full_name.placeholder": "Nhập họ tên",
    "field.birth_date.label": "Ngày sinh",
    "field.birth_date.placeholder": "dd/mm/yyyy",
    "field.phone.label": "Số điện thoại",
    "field.phone.placeholder": "Nhập số điện thoại",
    "field.email.label": "Email",
    "field.email.placeholder": "Nhập email của bạn",
    "field.captcha.label": "Nhập mã xác thực",
    "otp.title": "Xác thực mã OTP",
    "field.code.placeholder": "Nhập mã OTP",
    "otp.no_code": "Bạn chưa nhận được mã?",
    "otp.resend": "Gửi lại OTP",
    "otp.submit": "XÁC NHẬN",
    "otp.other_method": "Chọn phương thức xác thực khác",
    "otp.lost_phone": "Mất số điện thoại nhận OTP",
    "notice.otp_sent": "Kiểm tra điện thoại để nhận mã OTP!",
    "register.password.rule": "* Sử dụng 8 ký tự trở lên bao gồm chữ thường, chữ in hoa, số và "
    "ký tự đặc biệt.",
    "register.password.field.password.label": "Nhập mật khẩu",
    "register.password.field.password_again.label": "Xác nhận mật khẩu",
    "login.password_otp.field.username.label": "Tên đăng nhập",
    "login.password_otp.field.username.placeholder": "Nhập CMT/CCCD",
    "login.password_otp.submit": "ĐĂNG NHẬP",
    "login.tab.password_otp": "CMT/CCCD",
    "login.tab.usb": "Usb ký số",
    "login.tab.sim": "Sim ký số",
    "link.forgot": "Quên mật khẩu?",
    "link.register.lead": "Chưa có tài khoản?",
    "account.personal": "Thông tin cá nhân",
    "account.identity": "Thông tin định danh",
    "logout.all": "Đăng xuất tất cả",
    "button.continue": "Tiếp tục",
    "button.cancel": "Hủy",
    "error.id_number.empty": "Bạn phải nhập cmt/cccd.",
    "error.id_number.form": "Số CMT phải có 9 chữ số hoặc CCCD phải có 12 chữ số.",
    "error.id_number.birth_date": "Số CCCD không khớp với ngày sinh. Vui lòng kiểm tra lại.",
    "error.birth_date.form": "Ngày sinh phải theo dạng dd/mm/yyyy.",
    "error.phone.form": "Số điện thoại di động phải có 10 chữ số, bắt đầu bằng 03, 05, 07, 08 "
    "hoặc 09.",
    "error.otp.expired": 'Mã OTP đã hết hạn. Nhấn "Gửi lại OTP".',
    "error.otp.spent": "Bạn đã nhập sai quá số lần cho phép. Vui lòng thử lại sau 15 phút.",
    "error.password.rule": "Mật khẩu cần 8 ký tự trở lên, gồm chữ thường, chữ in hoa, số và ký tự "
    "đặc biệt.",
    "refusal.existing_account": "Số CMT/CCCD này đã có tài khoản. Bạn có thể lấy lại mật khẩu "
    'bằng chức năng "Quên mật khẩu", đến quầy giao dịch, hoặc gửi khiếu nại nếu tài khoản không '
    "phải của bạn.",
    "refusal.carrier_mismatch": "Thông tin không khớp với thông tin thuê bao tại nhà mạng. Vui "
    "lòng kiểm tra lại hoặc ra quầy giao dịch của nhà mạng để cập nhật thông tin thuê bao.",
    "notice.source_down": "Hệ thống của nhà mạng/BHXH tạm thời không phản hồi. Chưa có thông tin "
    "nào bị mất, vui lòng thử lại sau ít phút.",
}


class Names(dict[str, object]):
    """Collects which placeholders a text looks up."""

    def __missing__(self, key: str) -> int:
        self[key] = 0
        return 0


def forms_of(catalogue: Catalogue, key: str) -> set[str]:
    return {catalogue.template(key, {"n": count}) for count in (1, 2)}


def placeholders(template: str) -> set[str]:
    names = Names()
    _ = template % names
    return set(names) | set(re.findall(r"\{\w+\}", template))


def test_both_languages_have_the_same_keys() -> None:
    assert VI.keys == EN.keys


@pytest.mark.parametrize("catalogue", CATALOGUES.values(), ids=lambda found: str(found.language))
def test_every_text_is_nfc_and_not_empty(catalogue: Catalogue) -> None:
    texts = [form for key in catalogue.keys for form in forms_of(catalogue, key)]

    assert [text for text in texts if text != unicodedata.normalize("NFC", text).strip()] == []
    assert all(texts)


def test_placeholders_are_equal_in_every_form_of_both_languages() -> None:
    differing = [
        key
        for key in VI.keys
        if len({frozenset(placeholders(f)) for c in (VI, EN) for f in forms_of(c, key)}) > 1
    ]

    assert differing == []


@pytest.mark.parametrize(("key", "text"), EXACT.items(), ids=EXACT)
def test_the_strings_of_the_guide_are_exact(key: str, text: str) -> None:
    assert text == VI.text(key)


def test_the_messages_with_values_are_exact() -> None:
    assert VI.text("error.otp.wrong", n=3) == "Mã OTP không đúng. Bạn còn 3 lần."
    sent = VI.text("otp.sent", phone="082****088")
    assert sent == "Mã xác thực đã được gửi qua SĐT: 082****088"


def test_english_counts() -> None:
    assert EN.text("error.otp.wrong", n=1).endswith("1 try left.")
    assert EN.text("error.otp.wrong", n=2).endswith("2 tries left.")


@pytest.mark.parametrize("code", CODES)
def test_every_fault_of_the_brief_has_a_text(code: str) -> None:
    assert VI.has(f"error.{code}")


def test_every_fault_in_the_source_has_a_text() -> None:
    raised = r'(?:InvalidInput|WeakPassword)\("([a-z_.]+)"\)|errors\["\w+"\] = "([a-z_.]+)"'
    codes = {a or b for text in sources() for a, b in re.findall(raised, text)}

    assert sorted(code for code in codes if not VI.has(f"error.{code}")) == []


def test_every_message_in_the_source_has_a_text() -> None:
    keys = {key for text in sources() for key in re.findall(r'\bMessage\("([a-z_.]+)"', text)}

    assert sorted(keys - VI.keys) == []


def own_refusals() -> set[str]:
    return {name for text in sources() for name in re.findall(r'\bRefused\("([a-z_]+)"', text)}


def sources() -> list[str]:
    return [path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py")]


@pytest.mark.parametrize("template", sorted(TEMPLATES.glob("*.html")), ids=lambda p: p.name)
def test_every_key_in_a_template_has_a_text(template: Path) -> None:
    source = template.read_text(encoding="utf-8")
    whole = set(re.findall(r"""\b_\(\s*["']([a-z0-9_.]+)["']\s*[,)]""", source))
    starts = set(re.findall(r"""\b_\(\s*["']([a-z_.]+\.)%""", source))

    assert sorted(whole - VI.keys) == []
    assert [start for start in starts if not any(key.startswith(start) for key in VI.keys)] == []


def test_everything_that_is_named_by_an_enum_has_a_text() -> None:
    keys = [
        *(f"refusal.{reason}" for reason in (*Refusal, *own_refusals())),
        *(problem.key(part) for problem in Problem for part in ("title", "text", "advice")),
        *(f"tile.{reason}" for reason in Closed),
        *(f"status.{status}" for status in RowStatus),
        *(f"subject.{kind}" for kind in SubjectKind),
        *(f"level.{level:d}" for level in IAL),
        *(f"level.{level:d}.short" for level in IAL),
    ]

    assert [key for key in keys if not VI.has(key)] == []


def test_no_text_for_a_message_has_a_link() -> None:
    texts = [VI.text(key) for key in VI.keys if key.startswith("sms.")]

    assert [text for text in texts if "http" in text or "www" in text] == []


def test_a_missing_key_raises_in_tests() -> None:
    with pytest.raises(MissingText):
        VI.text("no.such.key")


def test_a_missing_key_is_logged_where_people_are_served() -> None:
    catalogue = i18n.load(Missing.LOG)[Language.VI]

    with capture_logs() as logs:
        text = catalogue.text("no.such.key")

    assert text == "no.such.key"
    assert [entry["key"] for entry in logs] == ["no.such.key"]


# --- choosing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cookie", "ui_locales", "accept", "language"),
    [
        ("en", "vi", "vi", Language.EN),
        (None, "en-GB vi", "vi", Language.EN),
        ("xx", "fr de", "en-US;q=0.8, vi;q=0.9", Language.VI),
        (None, "", "fr, en;q=0.5", Language.EN),
        (None, "", "fr", Language.VI),
        (None, "", "", Language.VI),
    ],
)
def test_language_is_chosen_by_person_then_portal_then_browser(
    cookie: str | None, ui_locales: str, accept: str, language: Language
) -> None:
    accepted = [part.partition(";q=") for part in accept.split(", ") if part]
    weights = LanguageAccept([(tag, float(weight or 1)) for tag, _, weight in accepted])

    assert language == i18n.choose(cookie=cookie, ui_locales=ui_locales, accept=weights)


def test_the_browsers_language_can_be_left_out_of_account() -> None:
    app = Flask("idp.web")
    i18n.init_app(app, CATALOGUES, browsers=i18n.BrowserLanguage.IGNORE)

    with app.test_request_context("/", headers={"Accept-Language": "en-US"}):
        assert i18n.current().language == Language.VI


def test_the_portals_wish_counts_after_the_transaction_is_known(app: Flask) -> None:
    with app.test_request_context("/", headers={"Accept-Language": "vi"}):
        i18n.prefer("en")

        assert i18n.text("otp.resend") == "Send the OTP again"


def test_the_language_link_keeps_the_journey(client: FlaskClient) -> None:
    answer = client.get("/lang/en?next=/login/1%3Fstep%3D2")

    assert answer.status_code == 303
    assert answer.headers["Location"] == "/login/1?step=2"
    assert client.get("/none").headers["Content-Language"] == "en"


def test_the_language_link_never_leads_to_another_site(client: FlaskClient) -> None:
    answer = client.get("/lang/en?next=//evil.example/")

    assert answer.headers["Location"] == "/"


def test_an_unknown_language_is_not_found(client: FlaskClient) -> None:
    assert client.get("/lang/fr").status_code == 404


# --- templates and dates ------------------------------------------------------------------------


def test_values_in_a_text_are_escaped_and_markup_is_kept(app: Flask) -> None:
    with app.test_request_context("/"):
        template = app.jinja_env.from_string("{{ _('consent.title', portal=name) }}")

        assert template.render(name="<b>A</b>") == "Tiếp tục đến &lt;b&gt;A&lt;/b&gt;"
        assert template.render(name=Markup("<b>A</b>")) == "Tiếp tục đến <b>A</b>"


def test_dates_and_times_are_those_of_viet_nam() -> None:
    late = datetime(2026, 11, 23, 17, 5, 9, tzinfo=UTC)

    assert i18n.format_date(late) == "24/11/2026"
    assert i18n.format_date(date(1990, 9, 5)) == "05/09/1990"
    assert i18n.format_time(late) == "00:05:09"
    assert i18n.format_datetime(late) == "00:05 24/11/2026"
