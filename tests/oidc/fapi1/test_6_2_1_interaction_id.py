"""``x-fapi-interaction-id`` of a resource (FAPI 1.0 Part 1, 6.2.1, which FAPI-CIBA builds on)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from tests.support.house import House, PortalClient, add_portal, answer_of
from tests.support.portal_kit import Visitor, certificate

HEADER = "x-fapi-interaction-id"
NAME = "c770aef3-6784-41f7-8e0e-ff5f97bddb3a"


@pytest.fixture(scope="module")
def token(shared: House, visitor: Visitor) -> str:
    visitor.agrees("interaction")
    portal: PortalClient = add_portal(shared, "interaction")
    code = answer_of(visitor.client.get(portal.request()))["code"]
    return str(portal.redeems(code).get_json()["access_token"])


def calls(house: House, token: str, **headers: str) -> Any:
    known = {"Authorization": f"Bearer {token}", **headers}
    return house.app.test_client().get("/userinfo", headers=known)


@pytest.mark.parametrize("name", [NAME, NAME.upper()])
@pytest.mark.parametrize("shown", [False, True], ids=["plain", "certificate"])
def test_fapi1_6_2_1_11_the_name_of_the_call_comes_back(
    shared: House, token: str, name: str, *, shown: bool
) -> None:
    """Before routing and behind it: a call with a certificate goes the ordinary way."""
    more = certificate().headers() if shown else {}

    answer = calls(shared, token, **{HEADER: name, **more})

    assert (answer.status_code, answer.headers.getlist(HEADER)) == (200, [name])


@pytest.mark.parametrize(
    "given", [None, "", "x", NAME[:-1], f"{NAME}0", f"{NAME},{NAME}", "é" * 36]
)
def test_fapi1_6_2_1_11_a_call_without_a_good_name_gets_one(
    shared: House, token: str, given: str | None
) -> None:
    answers = [calls(shared, token, **({HEADER: given} if given is not None else {}))
               for _ in range(2)]  # fmt: skip

    names = {str(UUID(answer.headers[HEADER])) for answer in answers}
    assert [answer.status_code for answer in answers] == [200, 200]
    assert len(names) == len(answers)
    assert given not in names


def test_fapi1_6_2_1_12_the_name_is_in_the_log_also_of_a_refusal(shared: House) -> None:
    with capture_logs() as logs:
        answer = calls(shared, "nonsense", **{HEADER: NAME})

    assert (answer.status_code, answer.headers[HEADER]) == (401, NAME)
    assert [line["interaction"] for line in logs if line["event"] == "resource.called"] == [NAME]
