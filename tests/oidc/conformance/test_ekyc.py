"""The suite's modules for Identity Assurance (``ekyc-test-plan-oidccore``), one by one.

Each asks for the first of ``claims_in_verified_claims_supported`` in both places, beside an
unverified claim, and compares what comes with the request and with the metadata.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.oidc.conformance.suite import Suite
from tests.support.house import Browser, PortalClient, answer_of

MEMBERS = {"trust_framework", "assurance_level", "assurance_process", "time",
           "verification_process", "evidence"}  # fmt: skip


@pytest.fixture(scope="module")
def browser(suite: Suite) -> Browser:
    return suite.browser()


@pytest.fixture(scope="module")
def metadata(suite: Suite) -> dict[str, Any]:
    found = suite.house.app.test_client().get("/.well-known/openid-configuration").get_json()
    return dict(found)


@pytest.fixture(scope="module")
def rp(suite: Suite) -> PortalClient:
    return suite.client(scope="openid profile", id_token_signed_response_alg="RS256")


def verified(metadata: dict[str, Any], value: Any, **more: Any) -> dict[str, Any]:
    """AbstractAddVerifiedClaimsToAuthorizationEndpointRequest."""
    first = metadata["claims_in_verified_claims_supported"][0]
    return {"verification": {"trust_framework": None}, "claims": {first: value, **more}}


def asks(
    suite: Suite, browser: Browser, rp: PortalClient, asked: Any, *places: str
) -> tuple[Any, Any]:
    """``verified_claims`` of the ID token and of userinfo; unverified ``gender`` comes along."""
    claims: dict[str, Any] = {"userinfo": {"gender": {"essential": False}}, "id_token": {}}
    for place in places or ("userinfo", "id_token"):
        claims[place]["verified_claims"] = asked
    page = suite.signs_in(browser, rp.request(scope="openid", claims=json.dumps(claims)))
    tokens = rp.redeems(answer_of(page)["code"]).get_json()
    user = suite.userinfo(tokens["access_token"]).get_json()
    assert user["gender"] == "male"
    return rp.claims(tokens["id_token"]).get("verified_claims"), user.get("verified_claims")


def checks(found: Any, asked: Any, metadata: dict[str, Any]) -> None:
    """The schema, the OP's metadata, and that nothing but what was asked for is there."""
    assert set(found) == {"verification", "claims"}
    verification = found["verification"]
    assert verification["trust_framework"] in metadata["trust_frameworks_supported"]
    assert set(verification) <= MEMBERS & set(asked["verification"])
    assert set(found["claims"]) <= set(asked["claims"])
    assert set(found["claims"]) <= set(metadata["claims_in_verified_claims_supported"])
    for evidence in verification.get("evidence", []):
        assert evidence["type"] in metadata["evidence_supported"]
        methods = [each["check_method"] for each in evidence.get("check_details", [])]
        assert set(methods) <= set(metadata["documents_check_methods_supported"])
        if evidence["type"] == "electronic_record":
            assert evidence["record"]["type"] in metadata["electronic_records_supported"]


def test_ekyc_server_configuration(metadata: dict[str, Any]) -> None:
    """validateEKYCSpecificServerConfiguration."""
    assert metadata["claims_parameter_supported"] is True
    for name in ("trust_frameworks_supported", "evidence_supported",
                 "electronic_records_supported", "claims_in_verified_claims_supported",
                 "documents_check_methods_supported"):  # fmt: skip
        assert metadata[name]
        assert all(isinstance(each, str) for each in metadata[name])
    assert "document" not in metadata["evidence_supported"]


@pytest.mark.parametrize("value", [None, {}, {"essential": False}], ids=str)
def test_ekyc_server_happypath(
    suite: Suite, browser: Browser, rp: PortalClient, metadata: dict[str, Any], value: Any
) -> None:
    """Also ekyc-server-happypath-emptyobject and -essentialfalse."""
    asked = verified(metadata, value)

    for found in asks(suite, browser, rp, asked):
        checks(found, asked, metadata)
        assert found["claims"].keys() == asked["claims"].keys()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("7c9e6679-7425-40de-944b-e07fc1f90ae7", None),
        ("0b5a2e0e-3c5d-4c3e-9d43-2f6f0c9fe9c1", {"essential": True}),
        ("COMPLETE $ AND UTTER NONSENSE @?", None),
        ("\u2028'\"<>&;", None),
    ],
)
def test_ekyc_server_unknown_claim_omitted(  # noqa: PLR0913, PLR0917  a table and its world
    suite: Suite, browser: Browser, rp: PortalClient, metadata: dict[str, Any],
    name: str, value: Any,
) -> None:  # fmt: skip
    """Also ekyc-server-unknown-essential-claim-omitted and -unknown-claim-specialchars-omitted."""
    asked = verified(metadata, None, **{name: value})

    for found in asks(suite, browser, rp, asked):
        checks(found, asked, metadata)
        assert name not in found["claims"]


def test_ekyc_server_one_claim_with_random_value_omitted(
    suite: Suite, browser: Browser, rp: PortalClient, metadata: dict[str, Any]
) -> None:
    """Userinfo has ``verified_claims`` (the module demands it), with nothing of that claim."""
    asked = verified(metadata, {"value": str(uuid4())})

    id_token, userinfo = asks(suite, browser, rp, asked)

    assert (id_token or {"claims": {}})["claims"] == {}
    checks(userinfo, asked, metadata)
    assert userinfo["claims"] == {}


@pytest.mark.parametrize("place", ["id_token", "userinfo"])
def test_ekyc_server_request_only_in_one_place(
    suite: Suite, browser: Browser, rp: PortalClient, metadata: dict[str, Any], place: str
) -> None:
    """ekyc-server-request-only-in-idtoken and -only-in-userinfo."""
    asked = verified(metadata, None)

    id_token, userinfo = asks(suite, browser, rp, asked, place)

    there, elsewhere = (id_token, userinfo) if place == "id_token" else (userinfo, id_token)
    checks(there, asked, metadata)
    assert elsewhere is None


def test_ekyc_server_testuserprovidedrequest(
    suite: Suite, browser: Browser, rp: PortalClient, metadata: dict[str, Any]
) -> None:
    """With everything that our metadata offers, and evidence with its checks."""
    asked = verified(metadata, None, birthdate=None, id_number=None)
    record = {"type": {"value": "electronic_record"}, "record": {"type": None, "source": None},
              "check_details": [{"check_method": None}]}  # fmt: skip
    asked["verification"] |= {"assurance_level": None, "time": None, "evidence": [record]}

    for found in asks(suite, browser, rp, asked):
        checks(found, asked, metadata)
        assert found["verification"].keys() == asked["verification"].keys()
        assert found["claims"].keys() == asked["claims"].keys()


def test_ekyc_server_test_userinfo_notfoundinop(
    suite: Suite, browser: Browser, rp: PortalClient, metadata: dict[str, Any]
) -> None:
    """What the metadata does not offer is left out, or the whole is, and never an error."""
    asked = verified(metadata, None, salutation=None)
    foreign = {
        "verification": {"trust_framework": {"value": "de_aml"}},
        "claims": {"given_name": None, "birthdate": None},
    }

    for found in asks(suite, browser, rp, asked):
        assert "salutation" not in found["claims"]
    assert asks(suite, browser, rp, foreign) == (None, None)
