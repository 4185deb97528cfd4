"""What holds for every page, in both languages."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from html.parser import HTMLParser
from itertools import product

import pytest

from idp.web import screens

from .samples import SAMPLES, build_app

VOID = frozenset({"input", "img", "link", "meta", "br", "hr"})
EVERY_PAGE = pytest.mark.parametrize(("name", "language"), list(product(SAMPLES, ("vi", "en"))))


class Document(HTMLParser):
    """The elements of a page, with their attributes and text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in self._open[-1:]:
            self.texts.setdefault(tag, []).append(data)

    def all(self, *tags: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.elements if tag in tags]


application = cache(build_app)
"""One is enough: a page is made of its sample and the language alone."""


@cache
def render(name: str, language: str = "vi") -> str:
    with application().test_request_context("/page", headers={"Cookie": f"idp_lang={language}"}):
        return screens.respond(SAMPLES[name]()).get_data(as_text=True)


@EVERY_PAGE
def test_a_page_says_its_language_and_has_one_heading(name: str, language: str) -> None:
    page = Document(render(name, language))

    assert page.all("html") == [{"lang": language}]
    assert len(page.all("h1")) == 1
    assert len(page.all("title")) == 1


@EVERY_PAGE
def test_a_page_is_nfc_and_without_inline_code(name: str, language: str) -> None:
    source = render(name, language)
    page = Document(source)

    assert source == unicodedata.normalize("NFC", source)
    assert page.all("style") == []
    assert all(script.get("type") == "module" and script["src"] for script in page.all("script"))
    names = {attribute for _, attributes in page.elements for attribute in attributes}
    assert sorted(one for one in names if one == "style" or one.startswith("on")) == []
    assert "javascript:" not in source


@EVERY_PAGE
def test_a_page_has_one_primary_button(name: str, language: str) -> None:
    page = Document(render(name, language))

    primary = [a for a in page.all("button", "a") if "primary" in a.get("class", "").split()]
    assert len(primary) == (0 if name in {"choose", "choose_agency"} else 1)


@EVERY_PAGE
def test_no_date_is_printed_in_another_order_than_day_month_year(name: str, language: str) -> None:
    assert re.findall(r">[^<]*\b\d{4}-\d{2}-\d{2}[^<]*<", render(name, language)) == []


@EVERY_PAGE
def test_every_input_has_a_label_and_every_id_is_there_once(name: str, language: str) -> None:
    page = Document(render(name, language))

    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    labelled = {label.get("for") for label in page.all("label")}
    inputs = [i for i in page.all("input") if i.get("type") != "hidden" and "hidden" not in i]
    assert [i for i in inputs if "data-reveal" not in i and i.get("id") not in labelled] == []
    told = " ".join(i.get("aria-describedby", "") for i in page.all("input", "button")).split()
    assert sorted(set(told) - set(ids)) == []


@EVERY_PAGE
def test_every_form_of_ours_carries_the_token(name: str, language: str) -> None:
    source = render(name, language)

    # A form that only opens a page changes nothing, and its token would stand in the address.
    changing = re.findall(r'<form (?![^>]*method="get")', source)
    forms = len(changing) - (name in {"form_post", "leaving_by_post"})
    assert source.count('name="csrf"') == forms


@pytest.mark.parametrize(
    "name", ["register_faults", "login_refused", "code_wrong", "password_faults"]
)
def test_faults_are_in_the_title_and_in_a_summary_with_links(name: str) -> None:
    source = render(name)
    page = Document(source)

    assert "".join(page.texts["title"]).startswith("Lỗi: ")
    summary = next(a for a in page.all("div") if a.get("class") == "summary")
    assert summary["role"] == "alert"
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    targets = {a["href"][1:] for a in page.all("a") if a.get("href", "").startswith("#f-")}
    assert targets <= ids
    wrong = [i for i in page.all("input") if "aria-invalid" in i]
    assert all(i["aria-invalid"] == "true" for i in wrong)
    assert {i["id"] for i in wrong} == targets


def test_no_password_and_no_markup_is_given_back() -> None:
    assert "never shown" not in render("login_refused")
    assert "<script>" not in render("register_faults")
    assert "Ng&lt;script&gt;" in render("register_faults")


def test_enter_presses_the_main_button_and_not_the_captchas() -> None:
    buttons = [b for b in Document(render("register")).all("button") if b["type"] == "submit"]

    assert buttons[0]["value"] == "confirm"
    assert buttons[1]["value"] == "new_captcha"


def test_every_kind_of_subject_has_its_panel_and_one_is_chosen() -> None:
    page = Document(render("choose"))

    panels = [form["class"] for form in page.all("form")]
    assert panels == ["panel citizen", "panel enterprise", "panel agency"]
    chosen = [i["value"] for i in page.all("input") if "checked" in i]
    assert chosen == ["citizen"]
    tiles = [(b["name"], b["value"]) for b in page.all("button")]
    assert tiles == [
        ("method", "mobile"),
        ("method", "usb"),
        ("method", "usb"),
        ("method", "usb"),
    ]


def test_the_code_is_one_field_that_a_phone_can_fill_in() -> None:
    code = next(i for i in Document(render("code")).all("input") if i["name"] == "code")

    assert code["autocomplete"] == "one-time-code"
    assert code["inputmode"] == "numeric"


def test_resending_is_always_in_the_page() -> None:
    for name in ("code", "code_wrong", "code_expired"):
        resend = [b for b in Document(render(name)).all("button") if b.get("value") == "resend"]

        assert len(resend) == 1
        assert "disabled" not in resend[0]


def test_a_registration_offers_no_other_phone_and_a_sign_in_does() -> None:
    assert "Chọn phương thức xác thực khác" not in render("code_expired")
    assert "Chọn phương thức xác thực khác" in render("code")
    assert "091****678" in render("code")


def test_consent_names_the_data_in_words() -> None:
    source = render("consent")

    assert "Số CMT/CCCD" in source
    assert "offline_access" not in source
