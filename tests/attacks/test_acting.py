"""What somebody who acts for an enterprise leaves behind when they may not any more (B.9, rule 5).

And: what was proven for one portal's question is worth nothing at another portal or device.
"""

from __future__ import annotations

from sqlalchemy import select, update

from idp.domain.assurance import IAL, Amr, Evidence
from idp.storage.models import SessionRow
from idp.storage.sessions import encode_evidence
from tests.journeys.test_representatives import (
    FIRM,
    PERSON,
    PERSONS_OWN,
    account_id,
    acts,
    ready,
    revokes,
    signs_in,
)
from tests.journeys.test_usb import registers
from tests.support.decoupled import add_kiosk, confirms
from tests.support.house import Browser, House, add_portal, answer_of


def test_a_device_that_a_representative_let_in_ends_with_the_authorisation(house: House) -> None:
    owner, kiosk = ready(house), add_kiosk(house)
    kiosk.begins()
    confirms(acts(house), kiosk.user_code)
    tokens = kiosk.waits_and_polls().get_json()

    revokes(owner)

    refreshed = kiosk.portal.token(
        grant_type="refresh_token", refresh_token=tokens["refresh_token"]
    )
    assert refreshed.get_json()["error"] == "invalid_grant"
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert house.app.test_client().get("/userinfo", headers=headers).status_code == 401


def test_the_device_of_a_representative_is_known_as_theirs(house: House) -> None:
    ready(house)
    kiosk = add_kiosk(house)
    kiosk.begins()

    confirms(acts(house), kiosk.user_code)

    query = select(SessionRow.account_id, SessionRow.actor_id).order_by(SessionRow.id.desc())
    with house.database.transaction() as connection:
        newest = connection.execute(query.limit(1)).one()
    assert tuple(newest) == (account_id(house, FIRM), account_id(house, PERSON))


def signed_for_another(house: House, *, also: tuple[Evidence, ...] = ()) -> Browser:
    """A session at level 3 only because of what was signed for one portal's question (CIBA)."""
    browser = acts_as_person(house)
    now = house.clock()
    made = Evidence("sim", IAL.HIGH, (Amr.SC, Amr.PIN, Amr.MFA), now, made_for=f"ciba {'0' * 32}")
    with house.database.transaction() as connection:
        connection.execute(
            update(SessionRow)
            .where(SessionRow.ended_at.is_(None))
            .values(evidence=encode_evidence((*also, made)))
        )
    return browser


def acts_as_person(house: House) -> Browser:
    registers(house.browser(), PERSONS_OWN)
    return signs_in(house, PERSONS_OWN)


def test_a_proof_for_one_portals_question_signs_in_nowhere_else(house: House) -> None:
    portal = add_portal(house)
    browser = signed_for_another(house)

    answer = browser.visit(portal.request(prompt="none"))

    assert answer_of(answer)["error"] == "login_required"


def test_a_proof_for_one_portals_question_raises_no_level_at_another(house: House) -> None:
    portal = add_portal(house)
    before = Evidence("password_otp", IAL.MEDIUM, (Amr.PWD, Amr.SMS), house.clock())
    browser = signed_for_another(house, also=(before,))
    claims = '{"id_token": {"acr": {"essential": true, "value": "ial3"}}}'

    answer = browser.visit(portal.request(prompt="none", claims=claims))

    assert answer_of(answer)["error"] == "login_required"


def test_a_proof_for_one_portals_question_lets_no_device_in(house: House) -> None:
    kiosk = add_kiosk(house)
    browser = signed_for_another(house)
    kiosk.begins()

    confirms(browser, kiosk.user_code)

    assert kiosk.waits_and_polls().get_json()["error"] == "authorization_pending"
