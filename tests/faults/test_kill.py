"""kill -9 of the serving process at every step (security.md, faults that must be survived).

After each death: no half-made account, no lost acknowledged write, nothing spent twice, and the
person's or the portal's next try leads on.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.conftest import somebody
from tests.faults.installation import Installation
from tests.faults.killing import Moment, kill_after, kill_at
from tests.faults.visitor import PASSWORD, Prepared, Visitor

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(300)]

_HALF_MADE = """
    SELECT count(*) FROM accounts a WHERE NOT (
      EXISTS (SELECT 1 FROM identifiers i WHERE i.account_id = a.id)
      AND EXISTS (SELECT 1 FROM evidence e WHERE e.account_id = a.id)
      AND EXISTS (SELECT 1 FROM attributes t WHERE t.account_id = a.id)
      AND EXISTS (SELECT 1 FROM passwords w WHERE w.account_id = a.id)
      AND EXISTS (SELECT 1 FROM phones p WHERE p.account_id = a.id)
      AND EXISTS (SELECT 1 FROM audit h WHERE h.account_id = a.id))
"""


def accounts(at: Installation) -> int:
    assert at.count(_HALF_MADE) == 0
    return at.count("SELECT count(*) FROM accounts")


def token(visitor: Visitor, request: Prepared) -> tuple[int, dict[str, Any]]:
    answer = visitor.post(request)
    return answer.status_code, answer.json()


def is_signed_in(visitor: Visitor) -> bool:
    visitor.get("/account")
    return visitor.path == "/account"


# --- registration -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "moment"), [("outbox", Moment.BEFORE), ("transactions", Moment.AFTER)]
)
def test_killed_while_the_form_is_checked_the_form_is_sent_again(
    on_postgres: Installation, table: str, moment: Moment
) -> None:
    visitor, before = somebody(on_postgres), accounts(on_postgres)
    visitor.opens_form()
    form = visitor.prepare(**visitor.fields())

    kill_at(visitor, form, table, moment)

    assert on_postgres.count(_CODES_WITHOUT_MESSAGE) == 0
    visitor.post(form)
    visitor.submit(code=visitor.newest_code())
    visitor.submit(password=PASSWORD, password_again=PASSWORD)
    assert "Đăng ký thành công" in visitor.text
    assert accounts(on_postgres) == before + 1


@pytest.mark.parametrize("moment", Moment)
def test_killed_while_a_try_is_counted_the_same_code_counts_again(
    on_postgres: Installation, moment: Moment
) -> None:
    visitor = somebody(on_postgres)
    visitor.opens_form()
    visitor.submit(**visitor.fields())
    form = visitor.prepare(code=visitor.newest_code())

    kill_at(visitor, form, "otps", moment)

    visitor.post(form)
    visitor.submit(password=PASSWORD, password_again=PASSWORD)
    assert "Đăng ký thành công" in visitor.text


def test_killed_after_a_code_was_used_it_is_void_and_a_new_one_leads_on(
    on_postgres: Installation,
) -> None:
    visitor = somebody(on_postgres)
    visitor.opens_form()
    visitor.submit(**visitor.fields())
    form = visitor.prepare(code=visitor.newest_code())

    kill_at(visitor, form, "transactions", Moment.BEFORE)

    assert visitor.post(form).status_code == 422
    visitor.submit(do="resend")
    visitor.submit(code=visitor.newest_code())
    visitor.submit(password=PASSWORD, password_again=PASSWORD)
    assert "Đăng ký thành công" in visitor.text


@pytest.mark.parametrize(
    ("table", "moment"),
    [("accounts", Moment.BEFORE), ("identifiers", Moment.AFTER), ("audit", Moment.AFTER)],
)
def test_killed_while_an_account_is_written_there_is_none_and_the_next_try_opens_it(
    on_postgres: Installation, table: str, moment: Moment
) -> None:
    visitor, before = somebody(on_postgres), accounts(on_postgres)
    visitor.opens_form()
    visitor.submit(**visitor.fields())
    visitor.submit(code=visitor.newest_code())
    form = visitor.prepare(password=PASSWORD, password_again=PASSWORD)

    kill_at(visitor, form, table, moment)

    assert accounts(on_postgres) == before
    visitor.post(form)
    assert "Đăng ký thành công" in visitor.text
    assert accounts(on_postgres) == before + 1
    visitor.signs_in()


@pytest.mark.parametrize("moment", Moment)
def test_killed_after_an_account_was_written_it_is_whole_and_its_owner_signs_in(
    on_postgres: Installation, moment: Moment
) -> None:
    visitor, before = somebody(on_postgres), accounts(on_postgres)
    visitor.opens_form()
    visitor.submit(**visitor.fields())
    visitor.submit(code=visitor.newest_code())
    form = visitor.prepare(password=PASSWORD, password_again=PASSWORD)

    kill_at(visitor, form, "transactions", moment)

    assert accounts(on_postgres) == before + 1
    visitor.post(form)
    assert accounts(on_postgres) == before + 1
    visitor.signs_in()


# --- sign-in ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def citizen(on_postgres: Installation) -> Visitor:
    visitor = somebody(on_postgres)
    visitor.registers()
    return visitor


@pytest.mark.parametrize(
    ("table", "moment"), [("outbox", Moment.AFTER), ("transactions", Moment.AFTER)]
)
def test_killed_after_the_password_it_is_typed_again(
    citizen: Visitor, table: str, moment: Moment
) -> None:
    form = citizen.opens_login()

    kill_at(citizen, form, table, moment)

    citizen.types_password(form)
    citizen.submit(code=citizen.newest_code())
    assert is_signed_in(citizen)


@pytest.mark.parametrize(
    ("table", "moment"),
    [("transactions", Moment.BEFORE), ("sessions", Moment.AFTER), ("audit", Moment.AFTER)],
)
def test_killed_while_a_session_opens_a_new_code_opens_it(
    citizen: Visitor, table: str, moment: Moment
) -> None:
    citizen.types_password(citizen.opens_login())
    form = citizen.prepare(code=citizen.newest_code())
    sessions = citizen.at.count("SELECT count(*) FROM sessions")

    kill_at(citizen, form, table, moment)

    assert citizen.at.count("SELECT count(*) FROM sessions") == sessions
    assert citizen.post(form).status_code == 422
    citizen.submit(do="resend")
    citizen.submit(code=citizen.newest_code())
    assert is_signed_in(citizen)
    assert citizen.at.count("SELECT count(*) FROM sessions") == sessions + 1


# --- codes and refresh tokens -------------------------------------------------------------------


@pytest.fixture
def signed_in(citizen: Visitor) -> Visitor:
    if not is_signed_in(citizen):
        citizen.signs_in()
    return citizen


def grants(at: Installation) -> int:
    return at.count("SELECT count(*) FROM grants WHERE revoked_at IS NULL")


def prepares(citizen: Visitor) -> dict[str, Any]:
    """Tokens, after the connections of both processes have prepared their statements.

    The first use of a statement waits for the lock twice, once to be parsed: killed then, it never
    ran.
    """
    for _ in range(16):
        citizen.connects_anew()
        _, found = token(citizen, citizen.redeems(citizen.asks_for_a_code()))
        _, found = token(citizen, citizen.refreshes(found["refresh_token"]))
    return found


def test_killed_before_a_code_is_redeemed_the_portal_redeems_it_again(signed_in: Visitor) -> None:
    before = grants(signed_in.at)
    request = signed_in.redeems(signed_in.asks_for_a_code())

    kill_at(signed_in, request, "grants", Moment.BEFORE)

    assert grants(signed_in.at) == before
    assert token(signed_in, request)[0] == 200
    assert grants(signed_in.at) == before + 1


def test_killed_after_a_code_was_redeemed_it_is_spent_and_the_next_sign_in_works(
    signed_in: Visitor,
) -> None:
    prepares(signed_in)
    before = grants(signed_in.at)
    request = signed_in.redeems(signed_in.asks_for_a_code())

    kill_at(signed_in, request, "grants", Moment.AFTER)

    status, answer = token(signed_in, request)
    assert (status, answer["error"]) == (400, "invalid_grant")
    assert grants(signed_in.at) == before
    assert token(signed_in, signed_in.redeems(signed_in.asks_for_a_code()))[0] == 200


@pytest.mark.parametrize("moment", Moment)
def test_killed_while_a_token_is_refreshed_the_portal_sends_the_same_token_again(
    signed_in: Visitor, moment: Moment
) -> None:
    first = prepares(signed_in)
    request, before = signed_in.refreshes(first["refresh_token"]), grants(signed_in.at)

    kill_at(signed_in, request, "grants", moment)

    status, second = token(signed_in, request)
    assert status == 200
    assert token(signed_in, signed_in.refreshes(second["refresh_token"]))[0] == 200
    assert grants(signed_in.at) == before


# --- SQLite: one lock for all, so by the clock --------------------------------------------------

_DELAYS = (0.0, 0.008, 0.025)


@pytest.mark.parametrize("seconds", _DELAYS)
def test_killed_at_any_time_on_sqlite_no_account_is_half_made(
    on_sqlite: Installation, seconds: float
) -> None:
    visitor, before = somebody(on_sqlite), accounts(on_sqlite)
    visitor.opens_form()
    visitor.submit(**visitor.fields())
    visitor.submit(code=visitor.newest_code())
    form = visitor.prepare(password=PASSWORD, password_again=PASSWORD)

    answer = kill_after(visitor, form, seconds)

    there = accounts(on_sqlite) - before
    assert there == 1 if answer else there in {0, 1}
    visitor.post(form)
    assert accounts(on_sqlite) == before + 1
    visitor.signs_in()


@pytest.mark.parametrize("seconds", _DELAYS)
def test_killed_at_any_time_on_sqlite_nothing_is_spent_twice(
    on_sqlite: Installation, seconds: float
) -> None:
    visitor = somebody(on_sqlite)
    visitor.registers()
    visitor.signs_in()
    request = visitor.redeems(visitor.asks_for_a_code())

    answer = kill_after(visitor, request, seconds)

    first, _ = token(visitor, request)
    assert not (answer.startswith(b"HTTP/1.1 200") and first == 200)
    assert on_sqlite.count(_DOUBLE) == 0
    again, tokens = token(visitor, visitor.redeems(visitor.asks_for_a_code()))
    assert again == 200
    kill_after(visitor, visitor.refreshes(tokens["refresh_token"]), seconds)
    assert token(visitor, visitor.refreshes(tokens["refresh_token"]))[0] == 200


_DOUBLE = """
    SELECT count(*) FROM (SELECT session_id FROM grants WHERE revoked_at IS NULL
      GROUP BY session_id, created_at HAVING count(*) > 1) twice
"""
_CODES_WITHOUT_MESSAGE = """
    SELECT (SELECT count(*) FROM otps) - (SELECT count(*) FROM outbox WHERE kind = 'sms')
"""
