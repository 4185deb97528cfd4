"""Where an answer may go: redirect_uri and post_logout_redirect_uri (RFC 9700, 2.1 and 4.1).

Whatever an attacker writes there, the browser is not sent to it: the error stays on our page.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

import pytest

from tests.support.house import House, PortalClient, add_portal, answer_of
from tests.support.portal_kit import CHALLENGE, Visitor

GOOD = "https://hanoi.example.vn/callback"
WRONG = {
    "another host": "https://evil.example/callback",
    "a subdomain of it": "https://evil.hanoi.example.vn/callback",
    "a host that begins like it": "https://hanoi.example.vn.evil.example/callback",
    "a host that ends like it": "https://evilhanoi.example.vn/callback",
    "a trailing dot": "https://hanoi.example.vn./callback",
    "http instead of https": "http://hanoi.example.vn/callback",
    "capital scheme": "HTTPS://hanoi.example.vn/callback",
    "capital host": "https://HANOI.example.vn/callback",
    "capital path": "https://hanoi.example.vn/Callback",
    "the default port": "https://hanoi.example.vn:443/callback",
    "an empty port": "https://hanoi.example.vn:/callback",
    "another port": "https://hanoi.example.vn:8443/callback",
    "user name": "https://hanoi.example.vn@evil.example/callback",
    "user name and password": "https://hanoi.example.vn:x@evil.example/callback",
    "its own user name": "https://user@hanoi.example.vn/callback",
    "encoded at sign": "https://hanoi.example.vn%40evil.example/callback",
    "a backslash": "https://evil.example\\@hanoi.example.vn/callback",
    "backslashes for slashes": "https:\\\\hanoi.example.vn\\callback",
    "three slashes": "https:///hanoi.example.vn/callback",
    "no scheme": "//hanoi.example.vn/callback",
    "only a path": "/callback",
    "a trailing slash": "https://hanoi.example.vn/callback/",
    "a longer path": "https://hanoi.example.vn/callback/evil",
    "a shorter path": "https://hanoi.example.vn/",
    "path traversal": "https://hanoi.example.vn/callback/../evil",
    "encoded path traversal": "https://hanoi.example.vn/callback/%2e%2e/evil",
    "encoded slash": "https://hanoi.example.vn/callback%2fevil",
    "a dot segment": "https://hanoi.example.vn/./callback",
    "a doubled slash": "https://hanoi.example.vn//callback",
    "an encoded letter": "https://hanoi.example.vn/%63allback",
    "a path parameter": "https://hanoi.example.vn/callback;x=1",
    "a query": "https://hanoi.example.vn/callback?next=https://evil.example",
    "an empty query": "https://hanoi.example.vn/callback?",
    "a fragment": "https://hanoi.example.vn/callback#evil",
    "an empty fragment": "https://hanoi.example.vn/callback#",
    "an encoded fragment": "https://hanoi.example.vn/callback%23",
    "a line break": "https://hanoi.example.vn/callback\r\nSet-Cookie: a=b",
    "an encoded line break": "https://hanoi.example.vn/callback%0d%0aSet-Cookie:a=b",
    "a tab": "https://hanoi.example.vn/call\tback",
    "a space before": f" {GOOD}",
    "a space behind": f"{GOOD} ",
    "two addresses": f"{GOOD} https://evil.example/",
    "two addresses with a comma": f"{GOOD},https://evil.example/",
    "a zero byte": f"{GOOD}\0.evil.example",
    "a letter that looks alike": "https://hаnoi.example.vn/callback",
    "full-width letters": "https://ｈanoi.example.vn/callback",
    "an ideographic dot": "https://hanoi。example.vn/callback",
    "punycode": "https://xn--hnoi-53d.example.vn/callback",
    "javascript": "javascript:alert(1)",
    "javascript with its host": "javascript://hanoi.example.vn/callback%0aalert(1)",
    "data": "data:text/html,<script>alert(1)</script>",
    "file": "file:///etc/passwd",
    "our own address": "http://localhost:8000/account",
    "another portal's": "https://mallory.example.vn/callback",
    "a wildcard": "https://*.example.vn/callback",
    "very long": f"{GOOD}?{'a' * 5000}",
    "loopback of a web client": "http://127.0.0.1/callback",
    "an IPv6 address": "https://[::1]/callback",
}


def asked(uri: str, **changes: str) -> str:
    values = {
        "client_id": "hanoi",
        "redirect_uri": uri,
        "response_type": "code",
        "scope": "openid",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }
    return f"/authorize?{urlencode(values)}"


@pytest.mark.parametrize("how", WRONG)
def test_a_redirect_uri_that_was_not_registered_is_not_followed(victim: Visitor, how: str) -> None:
    page = victim.client.get(asked(WRONG[how]))

    assert page.status_code == 400
    assert "Location" not in page.headers


@pytest.mark.parametrize(
    ("how", "changes"),
    [
        ("a wrong scope", {"scope": "evil"}),
        ("a wrong response_type", {"response_type": "token"}),
        ("a wrong response_mode", {"response_mode": "fragment"}),
        ("prompt none", {"prompt": "none"}),
        ("a broken request object", {"request": "a.b.c"}),
        ("a request_uri of nobody", {"request_uri": "https://evil.example/r"}),
        ("a form post", {"response_mode": "form_post"}),
    ],
)
def test_no_other_mistake_makes_it_followed(
    victim: Visitor, how: str, changes: dict[str, str]
) -> None:
    page = victim.client.get(asked("https://evil.example/callback", **changes))

    assert (page.status_code, "Location" in page.headers) == (400, False), how


@pytest.mark.parametrize(
    "polluted",
    [
        "redirect_uri={good}&redirect_uri={evil}",
        "redirect_uri={evil}&redirect_uri={good}",
        "redirect_uri[]={evil}",
        "redirect_uri%00={evil}",
        "Redirect_Uri={evil}",
        "redirect_uri={good}%26redirect_uri={evil}",
        "redirect_uri={good}%0a{evil}",
        "redirect_uri=&redirect_uri={evil}",
        "redirect_uri={good};redirect_uri={evil}",
    ],
)
def test_parameter_pollution_leads_nowhere_else(
    victim: Visitor, portal: PortalClient, polluted: str
) -> None:
    without = portal.request(redirect_uri=None)
    written = polluted.format(
        good=quote(portal.redirect_uri, safe=""), evil=quote("https://evil.example/c", safe="")
    )

    page = victim.client.get(f"{without}&{written}")

    assert (page.status_code, "Location" in page.headers) == (400, False)


NATIVE = {
    "another path": "http://127.0.0.1:5000/evil",
    "a name instead of an address": "http://localhost:5000/cb",
    "the other family": "http://[::1]:5000/cb",
    "another address of the machine": "http://127.0.0.2:5000/cb",
    "a decimal address": "http://2130706433:5000/cb",
    "a short address": "http://127.1:5000/cb",
    "a mapped address": "http://[::ffff:127.0.0.1]:5000/cb",
    "user name": "http://127.0.0.1:5000@evil.example/cb",
    "a user name before": "http://evil@127.0.0.1:5000/cb",
    "a host that begins like it": "http://127.0.0.1.evil.example:5000/cb",
    "https": "https://127.0.0.1:5000/cb",
    "a port that is none": "http://127.0.0.1:evil/cb",
    "a long port": "http://127.0.0.1:123456/cb",
    "a port past the last": "http://127.0.0.1:65536/cb",
    "a port that wraps around": "http://127.0.0.1:87616/cb",
    "port zero": "http://127.0.0.1:0/cb",
    "no port behind the colon": "http://127.0.0.1:/cb",
    "an Arabic digit": "http://127.0.0.1:٤٤/cb",
    "capitals": "HTTP://127.0.0.1:5000/cb",
    "an octal address": "http://0177.0.0.1:5000/cb",
    "an address in hex": "http://0x7f.0.0.1:5000/cb",
    "the whole of the other family": "http://[0:0:0:0:0:0:0:1]:5000/cb",
    "a zone": "http://[::1%25lo]:5000/cb",
    "a backslash": "http://127.0.0.1:5000\\@evil.example/cb",
    "a path parameter": "http://127.0.0.1:5000/cb;x",
    "an encoded letter": "http://127.0.0.1:5000/%63b",
    "a trailing dot": "http://127.0.0.1.:5000/cb",
    "a negative port": "http://127.0.0.1:-1/cb",
    "a full-width digit": "http://127.0.0.1:５000/cb",
    "a query": "http://127.0.0.1:5000/cb?x=1",
    "a fragment": "http://127.0.0.1:5000/cb#x",
    "a line break": "http://127.0.0.1:5000/cb\n",
    "traversal": "http://127.0.0.1:5000/cb/../evil",
}


@pytest.fixture(scope="module")
def app(target: House, victim: Visitor) -> PortalClient:
    uri = "http://127.0.0.1/cb"
    found = add_portal(
        target,
        "app",
        application_type="native",
        token_endpoint_auth_method="none",
        redirect_uris=[uri],
    )
    victim.agrees("app")
    found.redirect_uri = uri
    return found


@pytest.mark.parametrize("how", NATIVE)
def test_of_a_programs_loopback_address_only_the_port_is_free(
    victim: Visitor, app: PortalClient, how: str
) -> None:
    page = victim.client.get(app.request(redirect_uri=NATIVE[how], scope="openid"))

    assert (page.status_code, "Location" in page.headers) == (400, False)


@pytest.mark.parametrize("port", ["", ":1", ":5000", ":65535"])
def test_any_port_of_the_registered_loopback_address_is_answered(
    victim: Visitor, app: PortalClient, port: str
) -> None:
    page = victim.client.get(app.request(redirect_uri=f"http://127.0.0.1{port}/cb", scope="openid"))

    assert page.headers["Location"].startswith(f"http://127.0.0.1{port}/cb?code=")


# --- after a logout -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def leaving(target: House) -> PortalClient:
    return add_portal(
        target, "leaving", post_logout_redirect_uris=["https://leaving.example.vn/bye"]
    )


@pytest.mark.parametrize("how", [name for name in WRONG if "very" not in name])
def test_a_logout_leads_to_no_address_that_was_not_registered(
    target: House, leaving: PortalClient, how: str
) -> None:
    uri = WRONG[how].replace("hanoi", "leaving").replace("/callback", "/bye")
    query = {"client_id": leaving.client_id, "post_logout_redirect_uri": uri}

    page = target.app.test_client().get(f"/logout?{urlencode(query)}")

    assert (page.status_code, "Location" in page.headers) == (400, False)


def test_the_registered_addresses_are_followed(
    victim: Visitor,
    target: House,
    portal: PortalClient,
    leaving: PortalClient,  # noqa: ARG001
) -> None:
    answer = answer_of(victim.client.get(portal.request(scope="openid")))
    query = {"client_id": "leaving", "post_logout_redirect_uri": "https://leaving.example.vn/bye"}

    page = target.app.test_client().get(f"/logout?{urlencode(query)}")

    assert "code" in answer
    assert page.headers["Location"] == "https://leaving.example.vn/bye"
