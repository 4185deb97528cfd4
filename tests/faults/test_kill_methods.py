"""kill -9 at the steps of every further method: registration and sign-in (see ``test_kill``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx2 as httpx
import pytest

from tests.faults.conftest import somebody
from tests.faults.installation import Installation
from tests.faults.killing import Moment, kill_at
from tests.faults.methods import (
    adds_app,
    adds_passkey,
    cancels_on_the_phone,
    confirms_on_the_phone,
    first_form,
    first_of_sign_in,
    last_form,
    last_of_sign_in,
    poll,
    signing_tool,
    signs,
    somebody_for,
)
from tests.faults.visitor import Visitor

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(300)]
REGISTERING = ["bhxh", "vnpost", "sim", "usb"]
ENTERING = ["sim", "usb", "passkey", "totp"]
DONE = "Đăng ký thành công"

_HALF_MADE = """
    SELECT count(*) FROM accounts a WHERE NOT (
      EXISTS (SELECT 1 FROM identifiers i WHERE i.account_id = a.id)
      AND EXISTS (SELECT 1 FROM evidence e WHERE e.account_id = a.id)
      AND EXISTS (SELECT 1 FROM attributes t WHERE t.account_id = a.id)
      AND EXISTS (SELECT 1 FROM audit h WHERE h.account_id = a.id)
      AND (EXISTS (SELECT 1 FROM credentials c WHERE c.account_id = a.id)
        OR EXISTS (SELECT 1 FROM passwords w JOIN phones p ON p.account_id = w.account_id
                   WHERE w.account_id = a.id)))
"""
SESSIONS = "SELECT count(*) FROM sessions"


@pytest.fixture(autouse=True)
def tool(request: pytest.FixtureRequest, on_postgres: Installation) -> Iterator[None]:
    """The signing tool, where the method is the token."""
    if "usb" not in request.node.callspec.params.values():
        yield
        return
    with signing_tool(on_postgres):
        yield


def accounts(at: Installation) -> int:
    assert at.count(_HALF_MADE) == 0
    return at.count("SELECT count(*) FROM accounts")


# --- registration ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", REGISTERING)
@pytest.mark.parametrize(
    ("table", "moment"),
    [("accounts", Moment.BEFORE), ("identifiers", Moment.AFTER), ("audit", Moment.AFTER)],
)
def test_killed_while_an_account_is_written_there_is_none_and_the_next_try_opens_it(
    on_postgres: Installation, method: str, table: str, moment: Moment
) -> None:
    visitor, before = somebody_for(on_postgres, method), accounts(on_postgres)
    form = last_form(visitor, method)

    kill_at(visitor, form, table, moment)

    assert accounts(on_postgres) == before
    visitor.post(form)
    assert DONE in visitor.text, visitor.text
    assert accounts(on_postgres) == before + 1


@pytest.mark.parametrize("method", REGISTERING)
@pytest.mark.parametrize("moment", Moment)
def test_killed_after_an_account_was_written_it_is_whole_and_there_is_one(
    on_postgres: Installation, method: str, moment: Moment
) -> None:
    visitor, before = somebody_for(on_postgres, method), accounts(on_postgres)
    form = last_form(visitor, method)

    kill_at(visitor, form, "transactions", moment)

    assert accounts(on_postgres) == before + 1
    visitor.post(form)
    assert accounts(on_postgres) == before + 1


@pytest.mark.parametrize("method", REGISTERING)
@pytest.mark.parametrize("moment", Moment)
def test_killed_at_the_first_form_it_is_sent_again(
    on_postgres: Installation, method: str, moment: Moment
) -> None:
    visitor, before = somebody_for(on_postgres, method), accounts(on_postgres)
    form = first_form(visitor, method)

    kill_at(visitor, form, "transactions", moment)

    assert accounts(on_postgres) == before
    if method == "sim":
        visitor.post(form)
        # Where it had rung, another prompt waits until that one is over, and the page says so.
        assert "phút" in visitor.text or "data-wait" in visitor.text, visitor.text
        sim = visitor.person["sim"]["number"]
        assert len(httpx.get(f"{on_postgres.sandbox}/sim/{sim}").json()) == 1
        cancels_on_the_phone(visitor)
        on_postgres.change("DELETE FROM throttle")
        form = first_form(visitor, method)
    visitor.post(last_form(visitor, method, form))
    assert DONE in visitor.text, visitor.text
    assert accounts(on_postgres) == before + 1


@pytest.mark.parametrize("method", ["sim"])
def test_killed_while_the_phones_answer_is_read_it_is_read_again(
    on_postgres: Installation, method: str
) -> None:
    visitor = somebody_for(on_postgres, method)
    visitor.post(first_form(visitor, method))
    confirms_on_the_phone(visitor)
    form = visitor.prepare()

    kill_at(visitor, form, "transactions", Moment.BEFORE)

    visitor.get(visitor.path)
    poll(visitor, "Chào mừng bạn")
    visitor.post(visitor.prepare(email=""))
    assert DONE in visitor.text, visitor.text


@pytest.mark.parametrize("method", ["usb"])
@pytest.mark.parametrize("moment", Moment)
def test_killed_while_a_signature_is_looked_at_another_one_leads_on(
    on_postgres: Installation, method: str, moment: Moment
) -> None:
    visitor = somebody_for(on_postgres, method)
    visitor.post(first_form(visitor, method))
    form = signs(visitor)

    kill_at(visitor, form, "transactions", moment)

    visitor.post(last_form(visitor, method))
    assert DONE in visitor.text, visitor.text


# --- sign-in --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def owners(on_postgres: Installation) -> Callable[[str], tuple[Visitor, object]]:
    """Somebody who can sign in with the method, and what they keep for it; made once for each."""
    made: dict[str, tuple[Visitor, object]] = {}

    def owner(method: str) -> tuple[Visitor, object]:
        if method not in made:
            made[method] = _owner(on_postgres, method)
        return made[method]

    return owner


def _owner(at: Installation, method: str) -> tuple[Visitor, object]:
    if method in {"sim", "usb"}:
        visitor = somebody_for(at, method)
        visitor.post(last_form(visitor, method))
        assert DONE in visitor.text, visitor.text
        return visitor, None
    visitor = somebody(at)
    visitor.registers()
    visitor.signs_in()
    return visitor, adds_passkey(visitor) if method == "passkey" else adds_app(visitor)


@pytest.mark.parametrize("method", ENTERING)
@pytest.mark.parametrize(
    ("table", "moment"),
    [("transactions", Moment.BEFORE), ("sessions", Moment.AFTER), ("audit", Moment.AFTER)],
)
def test_killed_while_a_session_opens_there_is_none_and_the_next_sign_in_opens_one(
    on_postgres: Installation,
    owners: Callable[[str], tuple[Visitor, object]],
    method: str,
    table: str,
    moment: Moment,
) -> None:
    visitor, kept = owners(method)
    form = last_of_sign_in(visitor, method, kept)
    sessions = on_postgres.count(SESSIONS)

    kill_at(visitor, form, table, moment)

    assert on_postgres.count(SESSIONS) == sessions
    on_postgres.change("DELETE FROM throttle")
    visitor.post(last_of_sign_in(visitor, method, kept))
    visitor.get("/account")
    assert visitor.path == "/account", visitor.text
    assert on_postgres.count(SESSIONS) == sessions + 1


@pytest.mark.parametrize("method", ["sim", "usb", "passkey"])
@pytest.mark.parametrize("moment", Moment)
def test_killed_while_a_signature_is_asked_for_the_next_sign_in_opens_a_session(
    on_postgres: Installation,
    owners: Callable[[str], tuple[Visitor, object]],
    method: str,
    moment: Moment,
) -> None:
    visitor, kept = owners(method)
    form, sessions = first_of_sign_in(visitor, method), on_postgres.count(SESSIONS)

    kill_at(visitor, form, "transactions", moment)

    assert on_postgres.count(SESSIONS) == sessions
    if method == "sim":
        cancels_on_the_phone(visitor)
    on_postgres.change("DELETE FROM throttle")
    visitor.post(last_of_sign_in(visitor, method, kept))
    visitor.get("/account")
    assert visitor.path == "/account", visitor.text
