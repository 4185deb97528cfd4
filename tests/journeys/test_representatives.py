"""A person in an enterprise (formats B.9, rule 5): authorised, chosen, seen, revoked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partialmethod
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from idp.domain.events import Event
from idp.domain.subjects import IdKind, IdNumber
from idp.storage.accounts import AccountStore
from idp.storage.audit import AuditStore
from idp.storage.models import GrantRow, RepresentativeRow, SessionRow
from idp.storage.sessions import SessionStore
from tests.journeys.test_usb import certificate, opens_login, registers, signs
from tests.support import build, pki
from tests.support import house as houses
from tests.support.build import VAULT
from tests.support.house import Browser, House, add_portal, answer_of

HERE = "/account/representatives"
FIRM = IdNumber(IdKind.TAX_CODE, "0100109106")
PERSON = IdNumber.parse("001072000136")
FIRMS_OWN = certificate("MST:0100109106")
PERSONS_OWN = certificate()
STAFF = certificate("MST:0100109106", "CCCD:001072000136")
FORM = {"username": "001072000136", "full_name": "Nguyễn Văn Hoà"}


def signs_in(house: House, leaf: Any) -> Browser:
    browser = house.browser()
    opens_login(browser)
    signs(browser, leaf)
    return browser


def firm(house: House) -> Browser:
    """The enterprise with its account, signed in by its own certificate."""
    registers(house.browser(), FIRMS_OWN, "enterprise", email="firm@example.vn")
    return signs_in(house, FIRMS_OWN)


def authorises(browser: Browser, **changes: str) -> TestResponse:
    browser.get(HERE)
    return browser.post({**FORM, **changes})


def revokes(browser: Browser) -> TestResponse:
    browser.get(HERE)
    found = re.search(r'name="representative" value="([0-9a-f]+)"', browser.text)
    assert found, browser.text
    page = browser.post({"representative": found[1]}, f"{HERE}/revoke")
    assert "Đã lưu" in page.text
    return page


def ready(house: House) -> Browser:
    """Both accounts are there, and the enterprise has said yes."""
    registers(house.browser(), PERSONS_OWN)
    browser = firm(house)
    authorises(browser)
    return browser


def acts(house: House, leaf: Any = STAFF) -> Browser:
    """Somebody signs in with the certificate of their work and chooses the enterprise."""
    browser = signs_in(house, leaf)
    browser.post({"act_for": account_id(house, FIRM).hex})
    return browser


def account_id(house: House, number: IdNumber) -> UUID:
    found = AccountStore(house.database, VAULT).find_by_id_number(number)
    assert found
    return found.id


def events(house: House, number: IdNumber) -> list[Event]:
    audit = AuditStore(house.database, VAULT)
    return [event.event for event in audit.of_account(account_id(house, number))]


def test_without_authorisation_the_certificate_opens_nothing(house: House) -> None:
    registers(house.browser(), PERSONS_OWN)
    firm(house)

    page = signs_in(house, STAFF)

    assert "chứng thư số của cá nhân trong doanh nghiệp" in page.text
    assert page.get("/account").request.path.startswith("/login")


def test_the_certificate_of_another_enterprise_acts_for_nobody(house: House) -> None:
    ready(house)

    page = signs_in(house, certificate("MST:0104359717", "CCCD:001072000136"))

    assert "chứng thư số của cá nhân trong doanh nghiệp" in page.text


def test_the_certificate_of_another_person_acts_for_nobody(house: House) -> None:
    ready(house)

    page = signs_in(house, certificate("MST:0100109106", "CCCD:079199000001"))

    assert "chứng thư số của cá nhân trong doanh nghiệp" in page.text


def test_an_authorised_person_chooses_the_enterprise_and_acts_for_it(house: House) -> None:
    ready(house)
    browser = signs_in(house, STAFF)
    assert "Bạn làm việc cho ai?" in browser.text

    page = browser.post({"act_for": account_id(house, FIRM).hex})

    assert page.request.path == "/account"
    assert "Bạn đang làm việc thay doanh nghiệp này" in page.text
    assert "0100109106" in page.text
    with house.database.transaction() as connection:
        query = select(SessionRow.actor_id).order_by(SessionRow.id.desc()).limit(1)
        actor = connection.scalar(query)
    assert actor == account_id(house, PERSON)


@pytest.mark.parametrize("chosen", ["", "x", "0" * 32, "' OR 1=1"])
def test_nobody_else_can_be_chosen(house: House, chosen: str) -> None:
    ready(house)
    browser = signs_in(house, STAFF)

    browser.post({"act_for": chosen})

    assert browser.get("/account").request.path.startswith("/login")


def test_the_persons_own_account_cannot_be_chosen_where_the_certificate_does_not_open_it(
    house: House,
) -> None:
    ready(house)
    browser = signs_in(house, STAFF)

    browser.post({"act_for": account_id(house, PERSON).hex})

    assert browser.get("/account").request.path.startswith("/login")


def test_a_choice_has_to_be_made_while_the_signature_is_fresh(house: House) -> None:
    ready(house)
    browser = signs_in(house, STAFF)
    house.clock.forward(minutes=5, seconds=1)

    browser.post({"act_for": account_id(house, FIRM).hex})

    assert browser.get("/account").request.path.startswith("/login")


def test_a_representative_without_an_account_is_told_what_to_do(house: House) -> None:
    authorises(firm(house))

    assert "chưa có tài khoản cá nhân" in signs_in(house, STAFF).text


def test_a_portal_gets_the_enterprise_at_level_three_and_the_grant_knows_who_acted(
    house: House,
) -> None:
    ready(house)
    portal = add_portal(house)
    browser = house.browser()
    browser.visit(portal.request(acr_values="ial3"))
    browser.get(f"{browser.path}?method=usb")
    browser.post({"do": "confirm"})
    signs(browser, STAFF)
    browser.send({"act_for": account_id(house, FIRM).hex})
    page = browser.send({"do": "confirm"})

    tokens = portal.redeems(answer_of(page)["code"]).get_json()

    assert portal.claims(tokens["id_token"])["acr"] == "ial3"
    with house.database.transaction() as connection:
        [grant] = connection.execute(select(GrantRow.account_id, GrantRow.actor_id)).all()
    assert grant == (account_id(house, FIRM), account_id(house, PERSON))


def test_the_history_of_both_shows_it(house: House) -> None:
    ready(house)

    acts(house)

    assert events(house, FIRM)[0] is Event.LOGIN_SUCCEEDED
    assert Event.REPRESENTATIVE_ADDED in events(house, FIRM)
    assert events(house, PERSON)[0] is Event.REPRESENTATIVE_ACTED
    assert Event.REPRESENTATIVE_ADDED in events(house, PERSON)
    assert "NGUYỄN VĂN HOÀ" in signs_in(house, FIRMS_OWN).get("/account/history").text


def test_both_sides_are_told_of_the_authorisation(house: House) -> None:
    house.browser().registers()
    authorises(firm(house))

    texts = [message["text"] for message in house.messages() if message["to"] == "+84821234088"]

    assert any("đã ủy quyền làm việc thay doanh nghiệp" in text for text in texts)


def test_a_revoked_authorisation_ends_its_sessions_and_tokens_at_once(house: House) -> None:
    owner = ready(house)
    portal = add_portal(house)
    browser = acts(house)
    browser.visit(portal.request())
    page = browser.send({"do": "confirm"})
    tokens = portal.redeems(answer_of(page)["code"]).get_json()

    revokes(owner)

    assert browser.get("/account").request.path.startswith("/login")
    again = portal.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert again.get_json()["error"] == "invalid_grant"
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert house.app.test_client().get("/userinfo", headers=headers).status_code == 401
    assert "chứng thư số của cá nhân trong doanh nghiệp" in signs_in(house, STAFF).text


def test_a_session_that_was_opened_beside_the_revocation_is_worth_nothing(house: House) -> None:
    owner = ready(house)
    enterprise, person = account_id(house, FIRM), account_id(house, PERSON)
    revokes(owner)
    sessions = SessionStore(house.database, VAULT, build.LIFETIMES)
    with house.database.transaction() as connection:
        _, cookie = sessions.add(
            connection,
            enterprise,
            [build.evidence()],
            device=build.DEVICE,
            actor_id=person,
            now=house.clock(),
        )

    assert sessions.find(cookie, now=house.clock()) is None


def test_a_frozen_person_acts_for_nobody_any_more(house: House) -> None:
    ready(house)
    browser = acts(house)
    person = account_id(house, PERSON)
    owners = house.app.extensions["idp.house"].account.owners
    with house.database.transaction() as connection:
        owners.freeze(connection, person, now=house.clock())

    assert browser.get("/account").request.path.startswith("/login")


@pytest.mark.parametrize(
    "path",
    [HERE, "/account/methods", "/account/edit", "/account/close", "/account/data.json",
     "/account/sessions", "/account/history", "/account/protection", "/account/freeze"],
)  # fmt: skip
def test_a_representative_changes_nothing_of_the_enterprise(house: House, path: str) -> None:
    ready(house)
    browser = acts(house)

    assert browser.get(path).status_code == 403


def test_a_citizen_has_no_representatives(house: House) -> None:
    registers(house.browser(), PERSONS_OWN)
    browser = signs_in(house, PERSONS_OWN)

    assert browser.get(HERE).request.path == "/account"


def test_an_authorisation_needs_a_fresh_signature(house: House) -> None:
    browser = firm(house)
    browser.get(HERE)
    house.clock.forward(minutes=6)

    page = browser.post(FORM)

    assert page.request.path.startswith("/login")
    assert count(house) == 0


@pytest.mark.parametrize(
    "changes",
    [{"username": ""}, {"username": "1"}, {"username": "0100109106"}, {"username": "\\0" * 9},
     {"full_name": ""}, {"full_name": "<script>"}, {"full_name": "x" * 5000}],
    ids=str,
)  # fmt: skip
def test_hostile_forms_authorise_nobody(house: House, changes: dict[str, str]) -> None:
    page = authorises(firm(house), **changes)

    assert page.status_code == 422
    assert count(house) == 0


def test_one_person_is_authorised_once_however_often_at_once(house: House) -> None:
    browser = firm(house)
    browser.get(HERE)
    form = {"csrf": browser._csrf(), **FORM}

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: browser.client.post(HERE, data=form), range(8)))

    assert all(answer.status_code in {303, 422} for answer in answers)
    assert count(house) == 1


@pytest.mark.parametrize("name", ["", "x", "0" * 32])
def test_an_unknown_authorisation_cannot_be_revoked(house: House, name: str) -> None:
    browser = firm(house)
    authorises(browser)

    browser.post({"representative": name}, f"{HERE}/revoke")

    assert count(house) == 1


# --- where the CA may vouch for people in enterprises -------------------------------------------


@pytest.fixture
def trusting(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    store = partialmethod(pki.Pki.store, accept_staff_certificates=True)
    monkeypatch.setattr(pki.Pki, "store", store)
    built = houses.build(database_url, tmp_path)
    yield built
    built.database.close()


def test_where_the_ca_may_vouch_for_it_the_certificate_opens_the_persons_account(
    trusting: House,
) -> None:
    registers(trusting.browser(), STAFF)

    browser = signs_in(trusting, STAFF)

    assert browser.path == "/account"
    assert "001072000136" in browser.text


def test_who_has_both_chooses_between_them(trusting: House) -> None:
    registers(trusting.browser(), STAFF)
    authorises(firm(trusting))
    browser = signs_in(trusting, STAFF)
    assert "Vào tài khoản của tôi" in browser.text

    page = browser.post({"act_for": account_id(trusting, PERSON).hex})

    assert page.request.path == "/account"
    assert "001072000136" in page.text


def count(house: House) -> int:
    query = select(func.count()).where(RepresentativeRow.revoked_at.is_(None))
    with house.database.transaction() as connection:
        return connection.scalar(query) or 0
