"""Every store on both databases; what must hold in parallel is fired in parallel."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, select, text, update

from idp.domain.accounts import Attribute
from idp.domain.errors import Conflict
from idp.domain.events import AuditEvent, Event
from idp.domain.ids import uuid7
from idp.domain.subjects import IdNumber
from idp.storage import purge, single_use
from idp.storage.accounts import AccountStore
from idp.storage.audit import AuditStore
from idp.storage.database import Database
from idp.storage.grants import GrantStore, NewGrant
from idp.storage.models import AccountRow, AuditRow, Base, IdentifierRow, OtpRow
from idp.storage.otps import OtpState, OtpStore, Try
from idp.storage.outbox import OutboxStore
from idp.storage.sessions import ConsentStore, SessionStore
from idp.storage.throttle import Limit, ThrottleStore
from idp.storage.transactions import TransactionStore
from tests.support.build import (
    DEVICE,
    LIFETIMES,
    NOW,
    VAULT,
    identity,
    open_account,
    open_session,
)

T = TypeVar("T")
CCCD = IdNumber.parse("001072000136")
CMND = IdNumber.parse("012345678")
HOUR = timedelta(hours=1)


def at_once(times: int, work: Callable[[], T]) -> list[T]:
    """The same thing many times in parallel."""
    with ThreadPoolExecutor(16) as pool:
        return [future.result() for future in [pool.submit(work) for _ in range(times)]]


def new_grant(session_id: UUID) -> NewGrant:
    return NewGrant(uuid7(NOW), "portal", session_id, "{}", False, NOW + HOUR)


def test_models_equal_the_newest_migration(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})

        assert compare_metadata(context, Base.metadata) == []


def test_account_is_found_by_each_of_its_numbers(database: Database) -> None:
    account_id = open_account(database, id_numbers=(CCCD, CMND))
    accounts = AccountStore(database, VAULT)

    found = [accounts.find_by_id_number(number) for number in (CCCD, CMND)]

    assert [account and account.id for account in found] == [account_id, account_id]
    assert accounts.find_by_id_number(IdNumber.parse("999999999")) is None


def test_account_remembers_every_fact_with_its_source(database: Database) -> None:
    accounts = AccountStore(database, VAULT)

    own = accounts.identity(open_account(database))

    assert [number.value for number, _ in own.id_numbers] == ["001072000136"]
    name, email = own.find(Attribute.FULL_NAME), own.find(Attribute.EMAIL)
    assert name
    assert (name.value, name.source) == ("Nguyễn Văn Hoà", "carrier:vinaphone")
    assert email
    assert not email.is_verified


def test_of_twenty_registrations_at_once_one_opens_an_account(database: Database) -> None:
    def register() -> str:
        try:
            open_account(database, id_numbers=(CCCD, CMND))
        except Conflict as error:
            return error.code
        return "opened"

    outcomes = at_once(20, register)

    assert sorted(outcomes) == ["account.exists"] * 19 + ["opened"]
    with database.transaction() as connection:
        assert connection.scalar(select(func.count()).select_from(AccountRow)) == 1
        assert connection.scalar(select(func.count()).select_from(IdentifierRow)) == 2


def test_personal_data_is_not_readable_in_the_tables(database: Database) -> None:
    open_account(database)

    with database.transaction() as connection:
        dump = "".join(
            str(connection.execute(table.select()).all()) for table in Base.metadata.sorted_tables
        )

    for planted in ("001072000136", "Nguyễn Văn Hoà", "84821234088", "hoa@example.vn"):
        assert planted not in dump
        assert planted.encode() not in dump.encode()


def test_session_opens_only_with_its_secret(database: Database) -> None:
    _, cookie = open_session(database, open_account(database))
    sessions = SessionStore(database, VAULT, LIFETIMES)

    assert sessions.find(cookie, now=NOW) is not None
    for wrong in (None, "", cookie[:-1], cookie[:33] + "x" * 43, "zz.aa", "\0.x", cookie * 9):
        assert sessions.find(wrong, now=NOW) is None


@pytest.mark.parametrize(("minutes", "is_alive"), [(29, True), (31, False)])
def test_session_dies_when_idle(database: Database, minutes: int, is_alive: bool) -> None:
    _, cookie = open_session(database, open_account(database))
    sessions = SessionStore(database, VAULT, LIFETIMES)

    assert (sessions.find(cookie, now=NOW + timedelta(minutes=minutes)) is not None) == is_alive


def test_session_lives_twelve_hours_at_most_however_it_is_used(database: Database) -> None:
    _, cookie = open_session(database, open_account(database))
    sessions = SessionStore(database, VAULT, LIFETIMES)
    for quarter in range(1, 48):
        now = NOW + quarter * timedelta(minutes=15)
        seen = sessions.find(cookie, now=now)
        assert seen
        sessions.touch(seen.session, now=now)

    assert sessions.find(cookie, now=NOW + timedelta(hours=12, minutes=1)) is None


def test_session_of_a_frozen_account_is_dead_at_once(database: Database) -> None:
    account_id = open_account(database)
    _, cookie = open_session(database, account_id)
    with database.transaction() as connection:
        connection.execute(update(AccountRow).values(status="frozen"))

    assert SessionStore(database, VAULT, LIFETIMES).find(cookie, now=NOW) is None


def test_session_is_read_together_with_consent(database: Database) -> None:
    account_id = open_account(database)
    _, cookie = open_session(database, account_id)
    sessions, consents = SessionStore(database, VAULT, LIFETIMES), ConsentStore(database, VAULT)
    for claims in ("name", "name phone"):
        with database.transaction() as connection:
            consents.record(
                connection,
                account_id,
                "portal",
                frozenset(claims.split()),
                text_version="1",
                now=NOW,
            )

    seen, other = (
        sessions.find(cookie, client_id=client, now=NOW) for client in ("portal", "other")
    )

    assert seen
    assert seen.consented == {"name", "phone"}
    assert other
    assert other.consented is None


def test_of_fifty_redemptions_at_once_one_succeeds(database: Database) -> None:
    session_id, _ = open_session(database, open_account(database))
    grants, grant = GrantStore(database, VAULT), new_grant(session_id)

    assert at_once(50, lambda: grants.redeem(grant, now=NOW)).count(True) == 1


def test_code_of_an_ended_session_is_not_redeemed(database: Database) -> None:
    session_id, _ = open_session(database, open_account(database))
    with database.transaction() as connection:
        SessionStore(database, VAULT, LIFETIMES).end(connection, [session_id], "logout", now=NOW)

    assert not GrantStore(database, VAULT).redeem(new_grant(session_id), now=NOW)


def test_refresh_counts_on_and_a_retry_gets_the_same_answer(database: Database) -> None:
    session_id, _ = open_session(database, open_account(database))
    grants, grant = GrantStore(database, VAULT), new_grant(session_id)
    grants.redeem(grant, now=NOW)
    retry = timedelta(seconds=10)

    def use(counter: int, **later: float) -> int | None:
        now = NOW + timedelta(**later)
        rotated = grants.rotate(grant.id, "portal", counter, now=now, retry=retry)
        return rotated and rotated.counter

    assert [use(0), use(0, seconds=9), use(1, seconds=20), use(0, seconds=20)] == [1, 1, 2, None]
    assert use(1, seconds=31) is None
    assert grants.rotate(grant.id, "other", 2, now=NOW, retry=retry) is None


def test_reuse_of_an_old_refresh_token_ends_the_family(database: Database) -> None:
    session_id, _ = open_session(database, open_account(database))
    grants, grant = GrantStore(database, VAULT), new_grant(session_id)
    grants.redeem(grant, now=NOW)
    grants.rotate(grant.id, "portal", 0, now=NOW, retry=timedelta(0))

    assert grants.revoke_reused(grant.id, "portal", 0, now=NOW) is not None
    assert grants.rotate(grant.id, "portal", 1, now=NOW, retry=HOUR) is None
    assert grants.subject(grant.id, now=NOW) is None


def test_fifty_refreshes_at_once_move_the_counter_by_one(database: Database) -> None:
    session_id, _ = open_session(database, open_account(database))
    grants, grant = GrantStore(database, VAULT), new_grant(session_id)
    grants.redeem(grant, now=NOW)

    answers = at_once(50, lambda: grants.rotate(grant.id, "portal", 0, now=NOW, retry=HOUR))

    assert {answer and answer.counter for answer in answers} == {1}


def test_userinfo_reads_every_fact_in_one_statement(database: Database) -> None:
    session_id, _ = open_session(database, open_account(database, id_numbers=(CCCD, CMND)))
    grants, grant = GrantStore(database, VAULT), new_grant(session_id)
    grants.redeem(grant, now=NOW)
    before = database.counted.statements

    subject = grants.subject(grant.id, now=NOW)

    assert database.counted.statements - before == 1
    assert subject
    facts = {(fact.form, fact.name): fact.value for fact in subject.facts}
    assert facts["identifier", "cccd"] == "001072000136"
    assert facts["identifier", "cmnd"] == "012345678"
    assert facts["attribute", "full_name"] == "Nguyễn Văn Hoà"


def test_of_three_hundred_guesses_at_once_five_are_compared(database: Database) -> None:
    otps, otp_id = OtpStore(database), uuid7(NOW)
    with database.transaction() as connection:
        otps.issue(
            connection,
            otp_id=otp_id,
            purpose="login",
            transaction_id=uuid7(NOW),
            digest=b"d",
            now=NOW,
            expires_at=NOW + HOUR,
        )

    answers = at_once(300, lambda: otps.count_try(otp_id, now=NOW, max_tries=5))

    assert sum(isinstance(answer, Try) for answer in answers) == 5
    assert answers.count(OtpState.SPENT) == 295


def test_a_new_code_voids_the_old_one_and_is_used_once(database: Database) -> None:
    otps, transaction_id = OtpStore(database), uuid7(NOW)
    ids = [uuid7(NOW), uuid7(NOW)]
    for otp_id in ids:
        with database.transaction() as connection:
            otps.issue(
                connection,
                otp_id=otp_id,
                purpose="login",
                transaction_id=transaction_id,
                digest=b"d",
                now=NOW,
                expires_at=NOW + HOUR,
            )

    assert otps.count_try(ids[0], now=NOW, max_tries=5) is OtpState.VOID
    assert at_once(20, lambda: otps.use(ids[1], now=NOW)).count(True) == 1
    assert otps.count_try(ids[1], now=NOW, max_tries=5) is OtpState.VOID
    assert otps.count_try(ids[1], now=NOW + 2 * HOUR, max_tries=5) is OtpState.VOID


def test_counter_holds_in_parallel_and_starts_again_after_its_window(database: Database) -> None:
    throttle = ThrottleStore(database, VAULT)
    limit = Limit("test", 10, HOUR)

    answers = at_once(50, lambda: throttle.hit(limit, "somebody", now=NOW))

    assert sum(not answer.is_over for answer in answers) == 10
    assert throttle.peek(limit, "somebody", now=NOW).count == 50
    assert throttle.hit(limit, "somebody else", now=NOW).count == 1
    assert throttle.hit(limit, "somebody", now=NOW + 2 * HOUR).count == 1


def test_what_is_given_back_in_parallel_is_counted_once_and_never_below_nothing(
    database: Database,
) -> None:
    throttle, limit = ThrottleStore(database, VAULT), Limit("test", 10, HOUR)
    at_once(30, lambda: throttle.hit(limit, "somebody", now=NOW))

    at_once(20, lambda: throttle.take_back(limit, "somebody", now=NOW))
    assert throttle.peek(limit, "somebody", now=NOW).count == 10
    at_once(20, lambda: throttle.take_back(limit, "somebody", now=NOW))
    assert throttle.peek(limit, "somebody", now=NOW).count == 0


def test_what_is_given_back_too_late_leaves_the_next_window_alone(database: Database) -> None:
    throttle, limit = ThrottleStore(database, VAULT), Limit("test", 1, HOUR)
    throttle.hit(limit, "somebody", now=NOW)
    later = NOW + 2 * HOUR
    throttle.hit(limit, "somebody", now=later)

    throttle.take_back(limit, "somebody", now=NOW)

    assert throttle.hit(limit, "somebody", now=later).is_over


def test_transaction_belongs_to_one_browser_and_one_request_changes_it(database: Database) -> None:
    store = TransactionStore(database, VAULT)
    stored = store.add("login", b"one", browser_hash=b"b", now=NOW, ttl=HOUR)

    def change() -> bool:
        try:
            store.save(stored, b"two")
        except Conflict:
            return False
        return True

    assert at_once(20, change).count(True) == 1
    found = store.find(stored.id, "login", browser_hash=b"b", now=NOW)
    assert found
    assert (found.state, found.version) == (b"two", 2)
    assert store.find(stored.id, "login", browser_hash=b"x", now=NOW) is None
    assert store.find(stored.id, "registration", browser_hash=b"b", now=NOW) is None
    assert store.find(stored.id, "login", browser_hash=b"b", now=NOW + 2 * HOUR) is None


def test_transaction_ends_once(database: Database) -> None:
    store = TransactionStore(database, VAULT)
    stored = store.add("login", b"one", browser_hash=b"b", now=NOW, ttl=HOUR)

    def end() -> bool:
        try:
            store.end(stored, now=NOW)
        except Conflict:
            return False
        return True

    assert at_once(20, end).count(True) == 1
    assert store.find(stored.id, "login", browser_hash=b"b", now=NOW) is None


def test_a_thing_is_spent_once(database: Database) -> None:
    def spend() -> bool:
        with database.transaction() as connection:
            return single_use.spend(connection, "jti", b"k", expires_at=NOW + HOUR)

    assert at_once(30, spend).count(True) == 1


def test_of_two_workers_each_job_goes_to_one(database: Database) -> None:
    outbox = OutboxStore(database, VAULT)
    with database.transaction() as connection:
        for number in range(40):
            outbox.add(connection, "sms", {"n": str(number)}, now=NOW)

    claims = at_once(8, lambda: outbox.claim(now=NOW, limit=5, lease=HOUR))

    jobs = [job.payload["n"] for claim in claims for job in claim]
    assert len(jobs) == len(set(jobs)) == 40
    assert outbox.oldest_age(now=NOW + HOUR) == HOUR


def test_job_is_tried_again_when_its_worker_died(database: Database) -> None:
    outbox = OutboxStore(database, VAULT)
    with database.transaction() as connection:
        outbox.add(connection, "sms", {}, now=NOW)
    [job] = outbox.claim(now=NOW, limit=5, lease=HOUR)

    assert outbox.claim(now=NOW, limit=5, lease=HOUR) == []
    [again] = outbox.claim(now=NOW + 2 * HOUR, limit=5, lease=HOUR)
    assert (again.id, again.attempts) == (job.id, 2)
    outbox.finish(again, "delivered", now=NOW)
    assert outbox.claim(now=NOW + 9 * HOUR, limit=5, lease=HOUR) == []


def audited(database: Database, count: int) -> AuditStore:
    audit = AuditStore(database, VAULT)
    for number in range(count):
        with database.transaction() as connection:
            details = {"number": str(number)}
            now = NOW + timedelta(seconds=number)
            audit.add(connection, AuditEvent(Event.LOGIN_SUCCEEDED, now, details=details))
    audit.seal_pending()
    return audit


def test_the_worker_looks_for_rows_only_at_the_end_of_a_long_audit(database: Database) -> None:
    audit = audited(database, 60)
    for seconds in (58, 30):
        with database.transaction() as connection:
            at = NOW + timedelta(seconds=seconds)
            audit.add(connection, AuditEvent(Event.LOGIN_REFUSED, at))

    assert audit.seal_pending(late=timedelta(seconds=15)) == 1
    assert audit.seal_pending(late=timedelta(seconds=15)) == 0
    assert audit.seal_pending() == 1
    assert audit.verify() is None


def test_audit_chain_holds(database: Database) -> None:
    audit = audited(database, 5)

    assert audit.seal_pending() == 0
    assert audit.verify() is None


@pytest.mark.parametrize(
    ("tamper", "fault"),
    [
        ("UPDATE audit SET event = 'account.opened' WHERE id = :id", "row changed"),
        ("DELETE FROM audit WHERE id = :id", "row missing"),
        ("DELETE FROM audit_seals WHERE audit_id = :id", "link missing"),
    ],
)
def test_audit_shows_the_first_change(database: Database, tamper: str, fault: str) -> None:
    audit = audited(database, 5)
    with database.transaction() as connection:
        third = connection.scalars(select(AuditRow.id).order_by(AuditRow.id)).all()[2]
        value = third.hex if database.is_sqlite else third
        connection.execute(text(tamper), {"id": value})

    found = audit.verify()

    assert found
    assert (found.number, found.fault) == (3, fault)


def test_purge_takes_what_is_over_and_nothing_else(database: Database) -> None:
    account_id = open_account(database)
    open_session(database, account_id)
    TransactionStore(database, VAULT).add("login", b"", browser_hash=b"b", now=NOW, ttl=HOUR)

    early = dict(purge.purge(database, now=NOW + HOUR))
    untold = dict(purge.purge(database, now=NOW + timedelta(days=3)))
    sessions = SessionStore(database, VAULT, LIFETIMES)
    sessions.end_expired(limit=10, now=NOW + timedelta(days=3))
    late = dict(purge.purge(database, now=NOW + timedelta(days=3)))

    assert set(early.values()) == {0}
    assert (untold["transactions"], untold["sessions"]) == (1, 0)
    assert late["sessions"] == 1
    assert AccountStore(database, VAULT).get(account_id).id == account_id


def test_device_of_a_session_is_shown_to_its_owner(database: Database) -> None:
    account_id = open_account(database)
    open_session(database, account_id)

    [session] = SessionStore(database, VAULT, LIFETIMES).of_account(account_id, now=NOW)

    assert session.device == DEVICE


def test_hash_is_replaced_only_when_it_is_still_the_old_one(database: Database) -> None:
    account_id = open_account(database, id_numbers=identity().id_numbers)
    accounts = AccountStore(database, VAULT)

    with database.transaction() as connection:
        first = accounts.replace_password_hash(connection, account_id, "new", old_hash="hash")
        second = accounts.replace_password_hash(connection, account_id, "newer", old_hash="hash")

    assert (first, second) == (True, False)
    assert accounts.get(account_id).password_hash == "new"


def test_expired_code_is_not_compared(database: Database) -> None:
    otps, otp_id = OtpStore(database), uuid7(NOW)
    with database.transaction() as connection:
        otps.issue(
            connection,
            otp_id=otp_id,
            purpose="login",
            transaction_id=uuid7(NOW),
            digest=b"d",
            now=NOW,
            expires_at=NOW + timedelta(minutes=5),
        )

    later = NOW + timedelta(minutes=6)

    assert otps.count_try(otp_id, now=later, max_tries=5) is OtpState.EXPIRED
    assert not otps.use(otp_id, now=later)
    with database.transaction() as connection:
        assert connection.scalar(select(OtpRow.tries)) == 0
