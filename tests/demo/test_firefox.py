"""Firefox: registration, sign-in at a portal, and the signing tool on 127.0.0.1 (R7).

The provider's pages count as those of a public address here, as they do for people: then Firefox
asks before a page may reach a program on the computer (Local Network Access).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.demo.conftest import PASSWORD, Demo
from tests.support import firefox as firefoxes
from tests.support.firefox import Firefox
from tests.support.postgres import require

pytestmark = pytest.mark.xdist_group("demo")


@pytest.fixture(scope="module")
def firefox(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    public = {"network.lna.address_space.public.override": f"127.0.0.1:{demo.base}"}
    with firefoxes.started(tmp_path_factory.mktemp("firefox"), **public) as started:
        yield started


def test_a_citizen_registers_and_signs_in_at_a_portal_in_firefox(
    demo: Demo, firefox: Firefox
) -> None:
    person = demo.person()
    form = {"username": person["id_number"], "full_name": person["full_name"],
            "birth_date": person["birth_date"], "phone": person["phone"]}  # fmt: skip
    firefox.opens(f"{demo.issuer}/register")
    firefox.clicks("form.panel button[value=mobile]")
    firefox.fills(**form, captcha="12345")
    firefox.presses("Đăng ký")
    firefox.fills(code=demo.code(person["phone"], 1))
    firefox.presses("XÁC NHẬN")
    firefox.fills(password=PASSWORD, password_again=PASSWORD)
    firefox.presses("Đăng ký")
    firefox.sees("Đăng ký thành công")

    firefox.opens(f"http://localhost:{demo.base + 201}")
    firefox.presses("Đăng nhập")
    firefox.fills(username=person["id_number"], password=PASSWORD)
    firefox.presses("ĐĂNG NHẬP")
    firefox.fills(code=demo.code(person["phone"], 2))
    firefox.presses("XÁC NHẬN")
    firefox.presses("Tiếp tục")

    firefox.sees("ial2")


def test_firefox_asks_before_the_page_reaches_the_tool_and_both_answers_lead_on(
    demo: Demo, firefox: Firefox
) -> None:
    found = bool(shutil.which("softhsm2-util"))
    require("softhsm", found=found, how="apt-get install softhsm2")
    person = demo.somebody(kind="citizen", usb=True)
    demo.tell("/usb/insert", person=person)
    asks = bool(firefox.setting("network.lna.blocking"))
    firefox.opens(f"{demo.issuer}/register")
    firefox.clicks("form.panel button[value=usb]")
    firefox.presses("ĐĂNG KÝ")
    if asks:
        firefox.sees("hãy chọn Cho phép")
        firefox.answers("secondary")
        firefox.sees("Trình duyệt đang chặn trang này dùng công cụ ký")
        firefox.opens_tab()
        firefox.opens(f"{demo.issuer}/register")
        firefox.clicks("form.panel button[value=usb]")
        firefox.presses("ĐĂNG KÝ")
        firefox.answers("primary")
    answered = demo.tell("/usb/answer", certificate=0, pin=person["usb"]["pin"])

    assert answered.status_code == 200
    firefox.sees("Chào mừng bạn đến với Cổng Dịch vụ công quốc gia")


def test_a_page_of_another_origin_gets_nothing_from_the_tool_in_firefox(
    demo: Demo, firefox: Firefox
) -> None:
    firefox.opens(f"{demo.sandbox}/")
    script = """
      const [tool, done] = arguments;
      fetch(`${tool}/authenticate`, {method: "POST",
        headers: {"Content-Type": "application/json"},
        body: JSON.stringify({challengeNonce: "n".repeat(44)})})
        .then((answer) => answer.text()).then(done, () => done("refused"));"""

    tool = f"http://127.0.0.1:{demo.base + 300}"
    found = firefox.command("WebDriver:ExecuteAsyncScript", script=script, args=[tool])

    assert found["value"] == "refused"
