"""An operator and what they do, for the tests of the console."""

from __future__ import annotations

from idp.app import operators
from idp.domain.operators import Role
from idp.domain.subjects import IdNumber
from tests.support.house import PASSWORD, Browser, House

OFFICER = {
    "username": "001085014236",
    "full_name": "Trần Văn Bình",
    "birth_date": "15/08/1985",
    "phone": "0912345678",
    "email": "",
}
OTHER = {
    "username": "092087089413",
    "full_name": "Huỳnh Quốc Hưng",
    "birth_date": "30/04/1987",
    "phone": "0907890108",
    "email": "",
}
UNIT = "Bưu cục Hàng Bài"


def appoint(house: House, *roles: Role, person: dict[str, str] = OFFICER) -> None:
    """Give an account and these roles to somebody."""
    house.carrier.add(
        person["phone"],
        person["username"],
        name=person["full_name"],
        birth_date=person["birth_date"],
    )
    house.browser().registers(**person)
    for role in roles:
        number = IdNumber.parse(person["username"])
        operators(house.base).add(number, role, UNIT, by="test", now=house.clock())


def dismiss(house: House, role: Role) -> None:
    number = IdNumber.parse(OFFICER["username"])
    operators(house.base).remove(number, role, by="test", now=house.clock())


def comes_in(house: House, path: str = "/operator", person: dict[str, str] = OFFICER) -> Browser:
    """Open a page of the console and prove oneself on the way."""
    house.clock.forward(seconds=61)
    browser = house.browser()
    browser.get(path)
    browser.post({"username": person["username"], "password": PASSWORD})
    browser.post({"code": house.last_code()})
    return browser
