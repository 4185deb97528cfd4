"""The modules of the Basic plan, sent once more with ``response_mode=form_post``.

What a module looks for in the answer is tested elsewhere; here its answer comes as a form that
only the browser's own page posts, complete, to the address that was asked for.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.oidc.conformance.suite import Suite
from tests.support.house import Browser, PortalClient
from tests.support.portal_kit import ISSUER, posted_fields

CLAIMS = json.dumps({"userinfo": {"name": {"essential": True}}})

SUCCEED: dict[str, dict[str, str | None]] = {
    "server": {},
    "without-nonce": {"nonce": None},
    "scope-profile": {"scope": "openid profile"},
    "scope-email": {"scope": "openid email"},
    "scope-address": {"scope": "openid address"},
    "scope-phone": {"scope": "openid phone"},
    "scope-all": {"scope": "openid profile email address phone"},
    "display-page": {"display": "page"},
    "display-popup": {"display": "popup"},
    "prompt-login": {"prompt": "login"},
    "max-age-1": {"max_age": "1"},
    "max-age-10000": {"max_age": "10000"},
    "unknown-parameter": {"extra": "foobar"},
    "login-hint": {"login_hint": "buffy@example.vn"},
    "ui-locales": {"ui_locales": "se"},
    "claims-locales": {"claims_locales": "se"},
    "acr-values": {"acr_values": "1 2"},
    "claims-essential": {"claims": CLAIMS},
    "refresh-token": {"scope": "openid offline_access", "prompt": "consent"},
}
FAIL: dict[str, tuple[dict[str, str | None], str]] = {
    "response-type-missing": ({"response_type": None}, "invalid_request"),
    "idtoken-unsigned": ({"request": "e30.e30."}, "invalid_request_object"),
    "prompt-none-not-logged-in": ({"prompt": "none"}, "login_required"),
}


@pytest.fixture(scope="module")
def rp(suite: Suite) -> PortalClient:
    return suite.client()


@pytest.fixture(scope="module")
def browser(suite: Suite) -> Browser:
    return suite.browser()


def sent(rp: PortalClient, page: Any) -> dict[str, str]:
    """The fields, once the page is known to post them where the portal is, and nowhere else."""
    assert page.status_code in {200, 400}
    assert page.text.count("<form ") == 1
    assert f'<form method="post" action="{rp.redirect_uri}"' in page.text
    assert "Location" not in page.headers
    assert rp.redirect_uri.rpartition("/")[0] in page.headers["Content-Security-Policy"]
    return posted_fields(page)


@pytest.mark.parametrize("changes", SUCCEED.values(), ids=SUCCEED)
def test_form_post_2_the_code_comes_in_a_form(
    suite: Suite, browser: Browser, rp: PortalClient, changes: dict[str, str | None]
) -> None:
    request = rp.request(**{"scope": "openid", "response_mode": "form_post", **changes})

    fields = sent(rp, suite.signs_in(browser, request))

    assert fields.keys() == {"code", "state", "iss"}
    assert (fields["state"], fields["iss"]) == ("s t/ä", ISSUER)
    assert "id_token" in rp.redeems(fields["code"]).get_json()


def test_form_post_2_also_to_who_is_signed_in_and_asks_silently(
    suite: Suite, browser: Browser, rp: PortalClient
) -> None:
    """prompt-none-logged-in and id-token-hint."""
    tokens = suite.tokens(browser, rp)
    hint = {"prompt": "none", "id_token_hint": tokens["id_token"]}

    page = browser.visit(rp.request(**{"scope": "openid", "response_mode": "form_post", **hint}))

    assert "code" in sent(rp, page)


@pytest.mark.parametrize(("changes", "error"), FAIL.values(), ids=FAIL)
def test_form_post_2_an_error_comes_in_a_form(
    suite: Suite, rp: PortalClient, changes: dict[str, str | None], error: str
) -> None:
    """Of a client that let itself in the person sends it (RFC 9700, 4.11.2), or nobody has to."""
    page = suite.browser().visit(rp.request(response_mode="form_post", **changes))

    fields = sent(rp, page)

    assert (fields["error"], fields["state"], fields["iss"]) == (error, "s t/ä", ISSUER)
    assert "code" not in fields


def test_form_post_2_who_declines_is_told_in_a_form(suite: Suite) -> None:
    rp, browser = suite.client(), suite.browser()
    suite.signs_in(browser, suite.client().request(scope="openid"))
    browser.visit(rp.request(scope="openid", response_mode="form_post"))

    fields = sent(rp, browser.send({"do": "cancel"}))

    assert fields["error"] == "access_denied"


@pytest.mark.parametrize("address", ["https://elsewhere.example.vn/", None])
def test_form_post_2_an_address_that_is_not_registered_gets_no_form(
    suite: Suite, rp: PortalClient, address: str | None
) -> None:
    page = suite.browser().visit(rp.request(response_mode="form_post", redirect_uri=address))

    assert page.status_code == 400
    assert 'action="https://' not in page.text
    assert 'name="error"' not in page.text


def test_form_post_2_a_code_works_once_however_it_came(
    suite: Suite, browser: Browser, rp: PortalClient
) -> None:
    """codereuse."""
    code = suite.code(browser, rp, response_mode="form_post")

    answers = [rp.redeems(code).status_code for _ in range(2)]

    assert answers == [200, 400]
