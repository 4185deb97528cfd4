"""Signing SIM: registration (R25-R30), sign-in (R51-R52), every refusal, without JavaScript."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding
from werkzeug.test import TestResponse

from idp.domain.assurance import IAL
from idp.domain.errors import PortUnavailable, PortUnreached
from idp.domain.sim_signing import verification_code
from idp.domain.subjects import IdNumber
from idp.ports import CmsDone, Revoked, SignatureDone, SignatureFailed, SignatureFailure
from idp.storage.accounts import AccountStore
from tests.support import cms
from tests.support.build import VAULT
from tests.support.house import Browser, House, add_portal, answer_of
from tests.support.pki import Ca, key_of, name, pki

CCCD = IdNumber.parse("001072000136")
FORM = {"carrier": "vinaphone", "phone": "0821234088", "captcha": "12345"}


def certificate(user_id: str = "CCCD:001072000136", **changes: Any) -> x509.Certificate:
    subject = name("NGUYỄN VĂN HOÀ", user_id)
    return pki().newtel.leaf(**{"subject": subject, "key": key_of("p256"), **changes})


def begins(browser: Browser, **changes: str) -> TestResponse:
    browser.get("/register")
    browser.post({"subject": "citizen", "method": "sim"})
    return browser.post({**FORM, **changes})


def opens_login(browser: Browser, **changes: str) -> TestResponse:
    browser.get("/login")
    browser.get(f"{browser.path}?method=sim")
    return browser.post({**FORM, **changes})


def answers(house: House, leaf: x509.Certificate, digest: bytes | None = None) -> None:
    """The owner types the PIN: the SIM signs what it was asked."""
    key = key_of("p256")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    what = digest or house.signer.prompts[-1]["digest"]
    signature = key.sign(what, ec.ECDSA(Prehashed(hashes.SHA256())))
    house.signer.state = SignatureDone(signature, leaf.public_bytes(Encoding.DER))


def looks(browser: Browser) -> TestResponse:
    """What the page does by itself every few seconds."""
    browser.house.clock.forward(seconds=3)
    path = browser.path
    return browser.get(path if path.endswith("/poll") else f"{path}/poll")


def registers(browser: Browser, leaf: x509.Certificate) -> TestResponse:
    begins(browser)
    answers(browser.house, leaf)
    looks(browser)
    return browser.post({"email": ""})


def test_a_citizen_opens_an_account_at_level_three(house: House) -> None:
    page = registers(house.browser(), certificate())

    assert "Đăng ký thành công" in page.text
    found = AccountStore(house.database, VAULT).find_by_id_number(CCCD)
    assert found
    assert (found.ial, found.password_hash) == (IAL.HIGH, None)


def wraps(house: House, leaf: x509.Certificate, stored: bytes = b"", **changes: Any) -> None:
    """The owner types the PIN, and the carrier wraps what the SIM signed as CMS."""
    data = cms.make(leaf, key_of("p256"), house.signer.prompts[-1]["digest"], **changes)
    house.signer.state = CmsDone(data, stored)


def test_a_signature_wrapped_as_cms_opens_an_account_and_signs_in(house: House) -> None:
    leaf, browser = certificate(serial=24), house.browser()
    begins(browser)
    wraps(house, leaf)
    looks(browser)
    assert "Đăng ký thành công" in browser.post({"email": ""}).text
    house.clock.forward(minutes=11)
    opens_login(browser)
    wraps(house, leaf, leaf.public_bytes(Encoding.DER))

    assert looks(browser).request.path == "/account"


@pytest.mark.parametrize(
    "changes",
    [{"attributes": "none"}, {"message_digest": b"x" * 32}, {"signers": 2}, {"certificates": []}],
    ids=str,
)
def test_a_hostile_cms_is_a_wrong_signature(house: House, changes: dict[str, Any]) -> None:
    browser = house.browser()
    begins(browser)
    wraps(house, certificate(), **changes)

    assert "Chữ ký không hợp lệ" in looks(browser).text


def test_a_cms_by_a_stranger_is_refused_as_any_certificate_is(house: House) -> None:
    browser = house.browser()
    begins(browser)
    wraps(house, Ca("Foreign", Ca("Foreign root")).leaf(key=key_of("p256")))

    assert "không do CA được công nhận" in looks(browser).text


def test_a_cms_by_another_than_the_sims_certificate_is_refused(house: House) -> None:
    browser = house.browser()
    begins(browser)
    wraps(house, certificate(), certificate().public_bytes(Encoding.DER))

    assert "Chữ ký không hợp lệ" in looks(browser).text


def test_page_and_phone_show_the_same_code(house: House) -> None:
    browser = house.browser()

    page = begins(browser)

    asked = house.signer.prompts[-1]
    code = verification_code(asked["digest"])
    assert f">{code}<" in page.text
    assert asked["text"].endswith(code)
    assert asked["text"].isascii()
    assert len(asked["text"]) <= 100
    assert asked["carrier"] == "vinaphone"


def test_the_review_shows_what_the_certificate_says(house: House) -> None:
    browser = house.browser()
    begins(browser)
    answers(house, certificate())

    page = looks(browser)

    for text in ("NGUYỄN VĂN HOÀ", "NEWTEL-CA v2", "Ngày hết hạn", "ĐĂNG KÝ"):
        assert text in page.text


def test_sign_in_at_a_portal_is_level_three_by_smart_card(house: House) -> None:
    portal = add_portal(house)
    registers(house.browser(), certificate(serial=21))
    browser = house.browser()
    browser.visit(portal.request(acr_values="ial3"))
    browser.get(f"{browser.path}?method=sim")
    browser.send(FORM)
    answers(house, certificate(serial=21))
    house.clock.forward(seconds=3)
    browser.visit(f"{browser.path}/poll")
    back = browser.send({"do": "confirm"})

    claims = portal.claims(portal.redeems(answer_of(back)["code"]).get_json()["id_token"])
    assert (claims["acr"], claims["amr"]) == ("ial3", ["sc", "pin", "mfa"])


def test_a_certificate_without_an_account_is_told(house: House) -> None:
    browser = house.browser()
    opens_login(browser)
    answers(house, certificate())

    assert "Chứng thư số chưa được đăng ký tài khoản" in looks(browser).text


def test_while_the_phone_is_silent_the_page_waits(house: House) -> None:
    browser = house.browser()
    begins(browser)

    page = looks(browser)

    assert "Đang chờ bạn xác nhận" in page.text
    assert 'http-equiv="refresh"' in page.text


def test_no_answer_in_time_is_told(house: House) -> None:
    browser = house.browser()
    begins(browser)
    house.clock.forward(seconds=120)

    assert "Chưa nhận được xác nhận từ điện thoại." in looks(browser).text


@pytest.mark.parametrize("reason", list(SignatureFailure))
@pytest.mark.parametrize("where", ["register", "login"])
def test_every_failure_of_the_phone_has_its_text_and_a_way_on(
    house: House, reason: SignatureFailure, where: str
) -> None:
    browser = house.browser()
    (begins if where == "register" else opens_login)(browser)
    house.signer.state = SignatureFailed(reason)

    page = looks(browser)

    assert 'class="summary"' in page.text
    assert 'name="phone"' in page.text
    assert "0821234088" in page.text


def test_refused_at_once_is_told_on_the_form(house: House) -> None:
    house.signer.refuses = SignatureFailed(SignatureFailure.UNKNOWN_SUBSCRIBER)

    page = begins(house.browser())

    assert "Thuê bao này chưa đăng ký SIM ký số." in page.text


def test_a_number_that_was_refused_at_once_may_be_tried_again_at_once(house: House) -> None:
    house.signer.refuses = SignatureFailed(SignatureFailure.UNREACHABLE)
    begins(house.browser())
    house.signer.refuses = None

    assert "Xác nhận trên điện thoại" in begins(house.browser()).text


def test_the_platform_down_loses_nothing(house: House) -> None:
    house.signer.is_down = True

    page = begins(house.browser())

    assert "không phản hồi" in page.text
    assert "0821234088" in page.text


def test_a_partner_that_is_down_is_no_fault_of_the_form(house: House) -> None:
    house.signer.is_down = True

    for page in (begins(house.browser()), opens_login(house.browser())):
        assert page.status_code == 503
        assert page.headers["Retry-After"] == "60"


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_existing_account_is_found_by_the_certificate_and_told_with_three_ways_out(
    house: House, accept: str
) -> None:
    house.browser().registers()
    browser = house.browser()
    begins(browser)
    answers(house, certificate())
    path = browser.path
    for _ in range(3):
        house.clock.forward(seconds=3)
        answer = browser.client.get(f"{path}/poll", headers={"Accept": accept})
        assert answer.status_code < 400
        if accept == "application/json":
            assert answer.get_json() == {"next": path}

    page = browser.get(path)

    for way in ("Số CMT/CCCD này đã có tài khoản", "Quên mật khẩu", "quầy", "khiếu nại"):
        assert way in page.text


@pytest.mark.parametrize("opens", [begins, opens_login])
def test_a_platform_that_never_heard_of_us_uses_up_no_prompt(house: House, opens: Any) -> None:
    house.signer.is_down, house.signer.failure = True, PortUnreached
    for _ in range(2 * house.base.config.limits.prompts_per_ip_hour):
        opens(house.browser())
    house.signer.is_down = False

    page = opens(house.browser())

    assert "Xác nhận trên điện thoại" in page.text


def test_a_short_failure_of_the_platform_uses_up_no_prompt(house: House) -> None:
    house.signer.is_down = True
    for _ in range(house.base.config.limits.prompts_per_phone):
        begins(house.browser())
    house.signer.is_down = False

    assert "Xác nhận trên điện thoại" in begins(house.browser()).text


def test_a_platform_that_may_have_rung_gives_back_no_more_than_a_phone_may_ring(
    house: House,
) -> None:
    house.signer.is_down = True
    for _ in range(20):
        begins(house.browser())

    assert house.signer.failed == 2 * house.base.config.limits.prompts_per_phone


@pytest.mark.parametrize("failure", [PortUnavailable, PortUnreached])
def test_prompts_are_given_back_once_however_many_fail_at_once(
    house: House, failure: type[PortUnavailable]
) -> None:
    house.signer.is_down, house.signer.failure = True, failure
    browsers = [house.browser() for _ in range(20)]
    for browser in browsers:
        browser.get("/register")
        browser.post({"subject": "citizen", "method": "sim"})
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda browser: browser.post(FORM), browsers))
    house.signer.is_down = False

    for _ in range(8):
        browser = house.browser()
        begins(browser)
        if "Xác nhận trên điện thoại" in browser.text:
            house.signer.state = SignatureFailed(SignatureFailure.USER_CANCELLED)
            looks(browser)

    most = house.base.config.limits.prompts_per_phone
    assert len(house.signer.prompts) <= most
    if failure is PortUnreached:
        assert len(house.signer.prompts) == most
    else:
        assert house.signer.failed + len(house.signer.prompts) <= 2 * most


def test_while_a_phone_is_asked_another_journey_is_told_so(house: House) -> None:
    begins(house.browser())

    page = begins(house.browser())

    assert "đang có một yêu cầu chờ xác nhận" in page.text
    assert len(house.signer.prompts) == 1


def test_a_platform_that_fails_while_the_phone_is_asked_is_told_and_the_wait_goes_on(
    house: House,
) -> None:
    browser = house.browser()
    begins(browser)
    answers(house, certificate())
    house.signer.is_down = True

    page = looks(browser)

    assert (page.status_code, page.headers["Retry-After"]) == (503, "60")
    assert "tạm thời không phản hồi" in page.text
    assert "verification-code" in page.text
    house.signer.is_down = False
    assert "Chào mừng bạn" in looks(browser).text


def test_a_script_that_waits_is_told_who_does_not_answer_and_goes_on_when_they_do(
    house: House,
) -> None:
    browser = house.browser()
    begins(browser)
    answers(house, certificate())
    path = f"{browser.path}/poll"
    asked = {"Accept": "application/json"}
    house.status.is_down = True

    told = browser.client.get(path, headers=asked)
    house.status.is_down = False
    house.clock.forward(seconds=3)

    assert told.status_code == 200
    assert "chưa kiểm tra được chứng thư số" in told.get_json()["told"]
    assert browser.client.get(path, headers=asked).get_json() == {"next": browser.path}


def test_who_waits_for_the_phone_can_choose_another_way(house: House) -> None:
    browser = house.browser()
    begins(browser)
    assert 'href="/register?subject=citizen">Chọn phương thức đăng ký khác' in browser.text
    opens_login(browser, phone="0912345678")
    other = f"{browser.path}?method=sim"

    assert f'href="{other}">Chọn phương thức xác thực khác' in browser.text
    assert "Nhập số điện thoại của Sim ký số" in browser.get(other).text
    assert "Usb ký số" in browser.text


def test_a_signature_over_something_else_is_refused_whatever_the_platform_says(
    house: House,
) -> None:
    browser = house.browser()
    begins(browser)
    answers(house, certificate(), digest=b"x" * 32)

    assert "Chữ ký không hợp lệ" in looks(browser).text


def test_a_signature_with_another_key_is_refused(house: House) -> None:
    browser = house.browser()
    begins(browser)
    answers(house, certificate(key=key_of("p256", 5)))

    assert "Chữ ký không hợp lệ" in looks(browser).text


@pytest.mark.parametrize(
    ("leaf", "text"),
    [
        (certificate("MST:0100109106"), "không dành cho đối tượng"),
        (Ca("Foreign", Ca("Foreign root")).leaf(key=key_of("p256")), "không do CA được công nhận"),
    ],
    ids=["enterprise", "foreign"],
)
def test_a_certificate_that_does_not_vouch_for_a_citizen_is_refused(
    house: House, leaf: x509.Certificate, text: str
) -> None:
    browser = house.browser()
    begins(browser)
    answers(house, leaf)

    assert text in looks(browser).text


def test_a_revoked_certificate_is_refused_with_its_date_and_its_ca(house: House) -> None:
    leaf = certificate()
    evening = datetime(2026, 3, 11, 17, 30, tzinfo=UTC)
    house.status.states[leaf.serial_number] = Revoked(evening)
    browser = house.browser()
    begins(browser)
    answers(house, leaf)

    assert "đã bị thu hồi ngày 12/03/2026 (CA: NEWTEL-CA v2)" in looks(browser).text


@pytest.mark.parametrize("der", [b"", b"x", b"0" * 3000])
def test_what_is_no_certificate_is_refused(house: House, der: bytes) -> None:
    browser = house.browser()
    begins(browser)
    house.signer.state = SignatureDone(b"x", der)

    assert "Không đọc được chứng thư số" in looks(browser).text


def test_nothing_rings_before_the_captcha_is_right(house: House) -> None:
    browser = house.browser()

    for captcha in ("", "wrong"):
        begins(browser, captcha=captcha)
        opens_login(browser, captcha=captcha)

    assert house.signer.prompts == []


@pytest.mark.parametrize(
    "changes",
    [{"phone": ""}, {"phone": "0241234567"}, {"phone": "x" * 5000}, {"carrier": "nobody"},
     {"carrier": ""}, {"carrier": "<script>"}, {"phone": "\\0"}],
    ids=str,
)  # fmt: skip
def test_hostile_forms_ring_nowhere(house: House, changes: dict[str, str]) -> None:
    page = begins(house.browser(), **changes)

    assert page.status_code == 422
    assert house.signer.prompts == []


def test_a_phone_rings_for_one_journey_at_a_time_however_many_ask_at_once(house: House) -> None:
    browsers = [house.browser() for _ in range(20)]
    for browser in browsers:
        browser.get("/register")
        browser.post({"subject": "citizen", "method": "sim"})

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda browser: browser.post(FORM), browsers))

    assert len(house.signer.prompts) == 1


def test_a_phone_rings_three_times_in_ten_minutes(house: House) -> None:
    for _ in range(5):
        browser = house.browser()
        begins(browser)
        if "Xác nhận trên điện thoại" in browser.text:
            house.signer.state = SignatureFailed(SignatureFailure.USER_CANCELLED)
            looks(browser)

    assert len(house.signer.prompts) == 3


def test_a_phone_has_its_rest_after_ten_prompts_in_a_day(house: House) -> None:
    for _ in range(16):
        browser = house.browser()
        opens_login(browser)
        if "Xác nhận trên điện thoại" in browser.text:
            house.signer.state = SignatureFailed(SignatureFailure.USER_CANCELLED)
            looks(browser)
        house.clock.forward(minutes=11)

    assert len(house.signer.prompts) == 10


def test_a_network_cannot_ring_many_phones(house: House) -> None:
    for number in range(40):
        opens_login(house.browser(), phone=f"08212340{number:02}")

    assert len(house.signer.prompts) == house.base.config.limits.prompts_per_ip_hour == 30


def test_another_browser_cannot_collect_the_answer(house: House) -> None:
    registers(house.browser(), certificate(serial=22))
    house.clock.forward(minutes=11)
    mine, theirs = house.browser(), house.browser()
    opens_login(mine)
    answers(house, certificate(serial=22))

    page = theirs.client.get(f"{mine.path}/poll")

    assert page.status_code == 410


def test_the_script_of_the_page_is_told_where_to_go(house: House) -> None:
    registers(house.browser(), certificate(serial=23))
    house.clock.forward(minutes=11)
    browser = house.browser()
    opens_login(browser)
    headers = {"Accept": "application/json"}

    waiting = browser.client.get(f"{browser.path}/poll", headers=headers)
    answers(house, certificate(serial=23))
    house.clock.forward(seconds=3)
    done = browser.client.get(f"{browser.path}/poll", headers=headers)

    assert waiting.get_json() == {}
    assert done.get_json() == {"next": "/account"}
    assert browser.get("/account").request.path == "/account"


def test_a_refusal_that_the_script_heard_is_told_on_the_page(house: House) -> None:
    browser = house.browser()
    opens_login(browser)
    house.signer.state = SignatureFailed(SignatureFailure.USER_CANCELLED)
    path = browser.path

    told = browser.client.get(f"{path}/poll", headers={"Accept": "application/json"}).get_json()

    assert "Bạn đã từ chối trên điện thoại." in browser.get(told["next"]).text
