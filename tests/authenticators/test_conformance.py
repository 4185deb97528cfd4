"""Every method of ours, and the sample package, pass the suite that others run."""

from __future__ import annotations

import importlib
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from idp import authenticators
from idp.authenticators.contract import Method
from idp.conformance import MethodConformance
from tests.support import house as houses
from tests.support.house import PASSWORD, PERSON, outside

SAMPLE = Path(__file__).parents[2] / "docs/samples/method-library-card"
OURS = {method.name: method for method in authenticators.build_all(outside())}


def suite(method: Method) -> type[MethodConformance]:
    return type(f"Test{method.name.title().replace('_', '')}", (MethodConformance,),
                {"method": method})  # fmt: skip


for _method in OURS.values():
    _suite = suite(_method)
    globals()[_suite.__name__] = _suite


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The sample as an installer leaves it: its module, and its entry point."""
    info = tmp_path / "idp_method_library_card-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: idp-method-library-card\n"
                                   "Version: 0.1.0\n")  # fmt: skip
    (info / "entry_points.txt").write_text(
        "[idp.authenticators]\nlibrary_card = library_card:build\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(SAMPLE))
    importlib.invalidate_caches()
    yield
    sys.modules.pop("library_card", None)


@pytest.mark.usefixtures("installed")
def test_a_package_outside_this_repository_plugs_in_with_no_change_to_ours(
    database_url: str, tmp_path: Path
) -> None:
    house = houses.build(database_url, tmp_path)
    browser = house.browser()
    assert "Thẻ thư viện" in browser.get("/register").text
    browser.opens_registration("library_card")
    browser.fills_in(library_card="TV-0001")
    browser.post({"code": house.last_code()})
    browser.post({"password": PASSWORD, "password_again": PASSWORD})

    assert "thư viện thành phố" in browser.signs_in().text
    house.database.close()


def test_the_sample_needs_nothing_that_an_index_would_have_to_know() -> None:
    project = tomllib.loads((SAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert project["dependencies"] == []


@pytest.mark.usefixtures("installed")
def test_the_sample_passes_the_suite() -> None:
    sample = next(m for m in authenticators.build_all(outside()) if m.name == "library_card")
    checks = suite(sample)()

    for name in dir(MethodConformance):
        if name.startswith("test_"):
            getattr(checks, name)()


@pytest.mark.usefixtures("installed")
def test_its_own_refusals_are_told(database_url: str, tmp_path: Path) -> None:
    house = houses.build(database_url, tmp_path)
    browser = house.browser()
    browser.opens_registration("library_card")

    page = browser.fills_in(**{**PERSON, "library_card": "TV-9999"})

    assert "Thẻ thư viện không khớp" in page.text
    house.database.close()


def test_what_asks_for_the_password_opens_nothing_without_it() -> None:
    """Flows and stores ask the method, so that a package of others is treated as ours are."""
    asking = {name for name, method in OURS.items() if method.needs_password}

    assert asking == {"password_otp", "totp"}


def test_two_files_of_the_provider_name_a_method() -> None:
    """The module and the list (design.md: what adding a method may touch).

    ``bhxh`` and ``vnpost`` are names of outside systems as well, which have settings and callers.
    """
    root = Path(authenticators.__file__).parents[1]
    for name in ("password_otp", "mobile", "usb", "sim", "passkey", "totp"):
        naming = [
            path.relative_to(root).as_posix()
            for path in root.rglob("*.py")
            if f'"{name}"' in path.read_text("utf-8")
            and not {"sandbox", "demo.py", "check.py", "seed.py"} & set(path.parts)
        ]
        assert naming == [f"authenticators/{name}.py"], name
