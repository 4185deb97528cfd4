"""What operators see of journeys: counts by names of ours, nothing of anybody."""

from __future__ import annotations

from datetime import timedelta

import pytest

from idp.domain.errors import StorageUnavailable
from idp.management import create_app
from idp.metrics import THROTTLED, Reader, open_in
from idp.storage.audit import AuditStore
from idp.storage.outbox import OutboxStore
from tests.support.house import PASSWORD, PERSON, House, add_portal


def counts(house: House, metric: str) -> dict[tuple[str, ...], int]:
    return {
        labels: int(numbers[0])
        for (name, labels), numbers in house.base.meter.numbers().items()
        if name == metric
    }


def test_an_opened_account_is_counted_by_its_method(house: House) -> None:
    house.browser().registers()

    assert counts(house, "idp_registrations") == {("mobile", "begun"): 1, ("mobile", "opened"): 1}
    assert counts(house, "idp_codes") == {("register", "sent"): 1, ("register", "right"): 1}


def test_an_account_that_exists_a_wrong_name_and_a_silent_carrier_are_told_apart(
    house: House,
) -> None:
    house.browser().registers()
    for changes in ({}, {"full_name": "Trần Thị Khác"}):
        browser = house.browser()
        browser.opens_registration()
        browser.fills_in(**changes)
    house.carrier.is_down = True
    browser = house.browser()
    browser.opens_registration()
    browser.fills_in()

    found = counts(house, "idp_registrations")

    assert {outcome: count for (_, outcome), count in found.items()} == {
        "begun": 4,
        "opened": 1,
        "exists": 1,
        "refused": 1,
        "unavailable": 1,
    }


def test_sign_ins_are_counted_by_method_level_and_outcome(house: House) -> None:
    house.browser().registers()
    wrong, right = house.browser(), house.browser()
    wrong.get("/login")
    wrong.types_password(password="Sai-Mật-Khẩu-99")
    right.get("/login")
    right.types_again()
    right.post({"code": "000000"})
    right.post({"code": house.last_code()})

    assert counts(house, "idp_sign_ins") == {
        ("password_otp", "", "begun"): 2,
        ("password_otp", "", "refused"): 1,
        ("password_otp", "", "code_wrong"): 1,
        ("password_otp", "ial2", "succeeded"): 1,
    }
    assert counts(house, "idp_codes")["login", "wrong"] == 1


def test_a_cancelled_sign_in_is_counted(house: House) -> None:
    browser = house.browser()
    browser.get("/login")

    browser.post({"do": "cancel"})

    assert counts(house, "idp_sign_ins")["password_otp", "", "cancelled"] == 1


def test_tokens_are_counted_by_grant_and_refused_clients_by_error(house: House) -> None:
    portal = add_portal(house)
    house.browser().registers()
    portal.signs_in_with(house.browser())
    portal.redeems("no-code")
    house.app.test_client().post(
        "/token", data={"grant_type": "authorization_code"}, auth=("hanoi", "wrong")
    )

    assert counts(house, "idp_tokens") == {("authorization_code",): 1}
    assert counts(house, "idp_protocol_errors") == {
        ("token", "invalid_grant"): 1,
        ("token", "invalid_client"): 1,
    }


def test_what_a_limit_refuses_is_counted_by_its_name(house: House) -> None:
    house.settings_limits(identity_tries_per_day=1)
    for _ in range(2):
        browser = house.browser()
        browser.opens_registration()
        browser.fills_in(full_name="Trần Thị Khác")

    assert counts(house, "idp_throttled") == {("identity",): 1}
    assert counts(house, "idp_registrations")["mobile", "throttled"] == 1


# --- the page -----------------------------------------------------------------------------------


def outbox(house: House) -> OutboxStore:
    return OutboxStore(house.database, house.base.vault)


def page(house: House) -> str:
    return create_app(house.base).test_client().get("/metrics").text


def test_the_depth_and_age_of_the_outbox_are_shown_however_often_a_job_was_tried(
    house: House,
) -> None:
    browser = house.browser()
    browser.opens_registration()
    browser.fills_in()
    house.clock.forward(seconds=90)
    [job] = outbox(house).claim(now=house.clock(), limit=1, lease=timedelta(seconds=-1))
    outbox(house).retry(job, "retry", run_at=house.clock() + timedelta(seconds=5))

    text = page(house)

    assert 'idp_outbox_jobs{kind="sms"} 1.0' in text
    assert 'idp_outbox_age_seconds{kind="sms"} 90.0' in text
    assert 'idp_outbox_jobs{kind="logout"} 0.0' in text


def test_audit_lines_are_unsealed_until_the_worker_has_linked_them(house: House) -> None:
    house.browser().registers()
    house.clock.forward(seconds=20)
    before = page(house)

    AuditStore(house.database, house.base.vault).seal_pending()

    assert "idp_audit_unsealed 1.0" in before
    assert "idp_audit_unsealed_seconds 20.0" in before
    assert "idp_audit_unsealed 0.0" in page(house)


def test_a_database_that_is_away_hides_what_it_knows_and_nothing_else(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise StorageUnavailable("away")

    monkeypatch.setattr("idp.storage.database.Database.one", fails)
    folder = house.base.config.folder / "metrics"
    meter = open_in(folder, "serve")
    meter.count(THROTTLED, "password")

    answer = create_app(house.base, Reader(folder)).test_client().get("/metrics")

    assert answer.status_code == 200
    assert "idp_ready 0.0" in answer.text
    assert 'idp_throttled_total{limit="password"} 1.0' in answer.text
    assert "idp_outbox_jobs{" not in answer.text


def test_nothing_about_a_person_or_a_portal_stands_in_a_metric(house: House) -> None:
    portal = add_portal(house)
    house.browser().registers()
    tokens = portal.signs_in_with(house.browser())
    house.app.test_client().get(f"/login/{PERSON['username']}?phone={PERSON['phone']}")
    house.app.test_client().post("/token", data={"client_id": PERSON["username"]})

    said = f"{sorted(house.base.meter.numbers())}\n{page(house)}"

    for planted in (*PERSON.values(), PASSWORD, portal.client_id, portal.secret,
                    tokens["access_token"], "0821234088"):  # fmt: skip
        assert planted not in said
