"""Row ids: in the order of time, also within a millisecond."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from idp.domain.ids import uuid7
from tests.support.build import NOW


def test_ids_of_one_millisecond_stay_in_their_order() -> None:
    # A time that no other test is near: ids run ahead of a clock that was moved back.
    at = NOW + timedelta(days=4321)
    made = [uuid7(at) for _ in range(10_000)]

    assert made == sorted(made)
    assert {each.version for each in made} == {7}


def test_ids_made_at_once_are_all_different() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: uuid7(NOW), range(5_000)))

    assert len(set(made)) == len(made)


def test_an_id_tells_its_millisecond() -> None:
    later = NOW + timedelta(hours=1)

    assert uuid7(later).int >> 80 == int(later.timestamp() * 1000)
