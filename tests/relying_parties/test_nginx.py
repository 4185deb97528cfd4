"""``docs/nginx/front.conf`` before a provider: TLS, client certificates, headers nobody forges."""

from __future__ import annotations

import shutil
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import httpx2 as httpx
import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc.jwk import ECKey

from tests.demo.conftest import Demo, started
from tests.relying_parties.certificates import Held, hold, trusting
from tests.relying_parties.citizen import Citizen, Place
from tests.relying_parties.conftest import SETTINGS, registration
from tests.relying_parties.serving import folder, listening, nginx
from tests.support.ports import free_port

pytestmark = pytest.mark.xdist_group("nginx")

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
NAME, MTLS = "id.example.vn", "mtls.id.example.vn"
CALLBACK, VERIFIER = "https://portal.example.vn/callback", "v" * 64


class Here(httpx.BaseTransport):
    """Finds our names on this machine; TLS and Host still say the name.

    A name has connections of its own, as in every client, whatever address it has.
    """

    def __init__(self, context: ssl.SSLContext, sni: str = "", source: str = "127.0.0.1") -> None:
        self._make = partial(httpx.HTTPTransport, verify=context, local_address=source)
        self._sni = sni
        self._names: dict[str, httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        name = request.url.host
        if name not in self._names:
            self._names[name] = self._make()
        moved = httpx.Request(
            request.method,
            request.url.copy_with(host="127.0.0.1"),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": self._sni or name},
        )
        return self._names[name].handle_request(moved)

    def close(self) -> None:
        for transport in self._names.values():
            transport.close()


@dataclass
class Front:
    """nginx before a provider, and who calls it with what."""

    demo: Demo
    port: int
    plain: int
    certificates: dict[str, Held]
    stack: ExitStack
    clients: dict[tuple[str, str, str], httpx.Client] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return f"https://{NAME}:{self.port}"

    @property
    def mtls(self) -> str:
        return f"https://{MTLS}:{self.port}"

    def browser(self, sni: str = "", source: str = "127.0.0.1") -> httpx.Client:
        """Somebody without a certificate."""
        return self._client("", sni, source)

    def holding(self, name: str, sni: str = "") -> httpx.Client:
        """A program with this certificate."""
        return self._client(name, sni, "127.0.0.1")

    def _client(self, name: str, sni: str, source: str) -> httpx.Client:
        found = self.clients.get((name, sni, source))
        if found is None:
            context = trusting(self.certificates["ca"], self.certificates.get(name))
            made = httpx.Client(transport=Here(context, sni, source), timeout=30)
            found = self.clients[name, sni, source] = self.stack.enter_context(made)
        return found


def front_conf(place: Path, port: int, plain: int, provider: int) -> str:
    """The operators' file with this machine's ports and paths."""
    text = (ROOT / "docs" / "nginx" / "front.conf").read_text(encoding="utf-8")
    for old, new in {
        "listen 443 ": f"listen 127.0.0.1:{port} ",
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "127.0.0.1:8000": f"127.0.0.1:{provider}",
        "/etc/nginx/mot-cua/": f"{place}/",
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def certificates(place: Path) -> dict[str, Held]:
    ca = hold(place, "ca", name="CA thử", is_ca=True)
    foreign = hold(place, "foreign-ca", name="CA lạ", is_ca=True)
    shutil.copy(ca.chain, place / "client-cas.pem")
    name = "portal.example.vn"
    return {
        "ca": ca,
        "id": hold(place, "id", name=NAME, issuer=ca, hosts=(NAME,)),
        "mtls": hold(place, "mtls", name=MTLS, issuer=ca, hosts=(MTLS,)),
        "portal": hold(place, "portal", name=name, issuer=ca),
        "neighbour": hold(place, "neighbour", name="other.example.vn", issuer=ca),
        "expired": hold(place, "expired", name=name, issuer=ca, age=timedelta(days=30)),
        "foreign": hold(place, "foreign", name=name, issuer=foreign),
        "own": hold(place, "own", name=name),
        "same_name": hold(place, "same_name", name=name),
    }


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    program = nginx()
    port, plain = free_port(), free_port()
    data = tmp_path_factory.mktemp("front")
    (data / "more.toml").write_text(
        SETTINGS
        + f'[server]\nissuer = "https://{NAME}:{port}"\ntrusted_proxies = ["127.0.0.1"]\n'
        + '[mtls]\nheader = "X-Client-Cert"\nverified_header = "X-Client-Verify"\n'
        + f'base = "https://{MTLS}:{port}"\n'
    )
    with ExitStack() as stack:
        place = stack.enter_context(folder())
        held = certificates(place)
        demo = stack.enter_context(started(data, "--config", str(data / "more.toml")))
        (place / "front.conf").write_text(front_conf(place, port, plain, demo.base))
        text = (HERE / "nginx.conf").read_text(encoding="utf-8").replace("@FOLDER@", str(place))
        (place / "nginx.conf").write_text(text, encoding="utf-8")
        command = [program, "-p", str(place), "-c", str(place / "nginx.conf")]
        stack.enter_context(listening(command, port, place / "out.log"))
        yield Front(demo, port, plain, held, stack)


@pytest.fixture(scope="module")
def citizen(front: Front) -> Citizen:
    """A registered person, at a browser of their own address."""
    place = Place(front.demo, front.issuer)
    found = Citizen(place, place.person(), front.browser(source="127.0.0.2"))
    found.registers()
    return found


Register = Callable[..., dict[str, Any]]


@pytest.fixture
def register(front: Front) -> Register:
    return registration(front.demo)


@pytest.fixture
def portal(register: Register) -> dict[str, Any]:
    """Known by the name in a certificate of the CA; its tokens are bound to it."""
    return register(
        profile="fapi2",
        redirect_uris=[CALLBACK],
        grant_types=["authorization_code", "refresh_token", "client_credentials"],
        scope="openid profile ssf.manage",
        token_endpoint_auth_method="tls_client_auth",
        tls_client_auth_subject_dn="CN=portal.example.vn,O=Sở Nội vụ tỉnh X",
        tls_client_certificate_bound_access_tokens=True,
    )


def own_token(front: Front, client: httpx.Client, client_id: str, **headers: str) -> httpx.Response:
    """The portal asks for a token of its own."""
    form = {"grant_type": "client_credentials", "client_id": client_id, "scope": "ssf.manage"}
    return client.post(f"{front.mtls}/token", data=form, headers=headers)


def forged(held: Held) -> dict[str, str]:
    """The headers that only the front may write."""
    return {"X-Client-Cert": quote(held.pem), "X-Client-Verify": "SUCCESS"}


# --- what is announced ----------------------------------------------------------------------------


def test_rfc8705_5_the_addresses_for_certificates_are_announced(front: Front) -> None:
    found = front.browser().get(f"{front.issuer}/.well-known/openid-configuration").json()

    assert found["issuer"] == front.issuer
    assert found["tls_client_certificate_bound_access_tokens"] is True
    aliases = found["mtls_endpoint_aliases"]
    assert aliases["token_endpoint"] == f"{front.mtls}/token"
    for name, address in aliases.items():
        path = urlsplit(found[name]).path
        assert address == f"{front.mtls}{path}"
        assert front.holding("portal").post(address).status_code != 404, name


def test_pages_are_not_at_the_address_for_certificates(front: Front) -> None:
    for path in ("/", "/login", "/account", "/authorize", "/logout", "/token/x", "/metrics"):
        assert front.holding("portal").get(f"{front.mtls}{path}").status_code == 404


def test_a_name_that_is_not_ours_gets_no_certificate(front: Front) -> None:
    with pytest.raises(httpx.ConnectError):
        front.browser(sni="other.example.vn").get(f"{front.issuer}/")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("name", [NAME, MTLS])
def test_rfc9325_3_1_1_both_names_speak_tls_1_2_and_1_3(
    front: Front, name: str, version: ssl.TLSVersion
) -> None:
    context = trusting(front.certificates["ca"], None)
    context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", front.port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=name) as connection,
    ):
        assert connection.version() == version.name.replace("_", ".")


def test_a_connection_to_one_name_cannot_ask_for_the_other(front: Front) -> None:
    """Else what one name demands of a connection could be left out on the other."""
    answer = own_token(front, front.holding("portal", sni=NAME), "x")

    assert answer.status_code == 421


# --- tls_client_auth ------------------------------------------------------------------------------


def test_rfc8705_2_1_the_certificate_of_the_registered_name_is_let_in(
    front: Front, portal: dict[str, Any]
) -> None:
    answer = own_token(front, front.holding("portal"), portal["client_id"])

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("name", ["", "neighbour", "foreign", "own"])
def test_rfc8705_2_1_any_other_certificate_is_refused(
    front: Front, portal: dict[str, Any], name: str
) -> None:
    """None, another's of the same CA, and the right name by a foreign CA or by nobody."""
    client = front.holding(name) if name else front.browser()

    answer = own_token(front, client, portal["client_id"])

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_an_expired_certificate_does_not_pass_the_front(
    front: Front, portal: dict[str, Any]
) -> None:
    answer = own_token(front, front.holding("expired"), portal["client_id"])

    assert answer.status_code == 400


# --- self_signed_tls_client_auth ------------------------------------------------------------------


def test_rfc8705_2_2_a_registered_self_signed_certificate_is_let_in_and_no_other(
    front: Front, register: Register
) -> None:
    own = front.certificates["own"]
    jwk = ECKey.import_key(own.key.public_key()).as_dict(private=False)
    client = register(
        redirect_uris=[CALLBACK],
        grant_types=["authorization_code", "client_credentials"],
        scope="openid ssf.manage",
        token_endpoint_auth_method="self_signed_tls_client_auth",
        jwks={"keys": [{**jwk, "x5c": [b64encode(own.der).decode()]}]},
    )

    found = [
        own_token(front, front.holding(name), client["client_id"]).status_code
        for name in ("own", "same_name", "foreign", "portal")
    ]

    assert found == [200, 401, 401, 401]


# --- certificate-bound tokens ---------------------------------------------------------------------


def tokens_of(front: Front, portal: dict[str, Any], citizen: Citizen) -> dict[str, Any]:
    """A sign-in by a pushed request; the code is redeemed with the certificate."""
    client, client_id = front.holding("portal"), portal["client_id"]
    form = {
        "client_id": client_id,
        "response_type": "code",
        "redirect_uri": CALLBACK,
        "scope": "openid profile",
        "state": "s",
        "nonce": "n",
        "code_challenge": create_s256_code_challenge(VERIFIER),
        "code_challenge_method": "S256",
    }
    pushed = client.post(f"{front.mtls}/par", data=form)
    assert pushed.status_code == 201, pushed.text
    query = {"client_id": client_id, "request_uri": pushed.json()["request_uri"]}
    back = citizen.goes_to(f"{front.issuer}/authorize?{urlencode(query)}")
    answer = dict(parse_qsl(urlsplit(back).query))
    assert answer["iss"] == front.issuer
    redeemed = client.post(
        f"{front.mtls}/token",
        data={
            "grant_type": "authorization_code",
            "client_id": client_id,
            "code": answer["code"],
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        },
    )
    assert redeemed.status_code == 200, redeemed.text
    found: dict[str, Any] = redeemed.json()
    return found


def test_rfc8705_3_a_bound_token_is_good_only_with_its_certificate(
    front: Front, portal: dict[str, Any], citizen: Citizen
) -> None:
    token = tokens_of(front, portal, citizen)["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    mtls, plain = f"{front.mtls}/userinfo", f"{front.issuer}/userinfo"

    found = front.holding("portal").get(mtls, headers=headers)
    refused = [
        front.holding("neighbour").get(mtls, headers=headers),
        front.browser().get(mtls, headers=headers),
        front.browser().get(plain, headers=headers),
        front.browser().get(plain, headers=headers | forged(front.certificates["portal"])),
    ]

    assert found.json()["name"] == citizen.person["full_name"]
    assert [answer.status_code for answer in refused] == [401] * 4
    assert all("invalid_token" in answer.headers["WWW-Authenticate"] for answer in refused)


def test_rfc8705_3_a_refreshed_token_is_bound_as_well(
    front: Front, portal: dict[str, Any], citizen: Citizen
) -> None:
    before = tokens_of(front, portal, citizen)
    form = {
        "grant_type": "refresh_token",
        "client_id": portal["client_id"],
        "refresh_token": before["refresh_token"],
    }

    after = front.holding("portal").post(f"{front.mtls}/token", data=form).json()

    headers = {"Authorization": f"Bearer {after['access_token']}"}
    address = f"{front.mtls}/userinfo"
    assert front.holding("portal").get(address, headers=headers).status_code == 200
    assert front.holding("neighbour").get(address, headers=headers).status_code == 401


# --- headers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", ["-", "_"])
@pytest.mark.parametrize("base", ["issuer", "mtls"])
@pytest.mark.parametrize("name", ["", "foreign"])
def test_a_certificate_in_a_header_from_outside_is_ignored(
    front: Front, portal: dict[str, Any], separator: str, base: str, name: str
) -> None:
    client = front.holding(name) if name else front.browser()
    headers = {
        key.replace("-", separator): value
        for key, value in forged(front.certificates["portal"]).items()
    }
    form = {"grant_type": "client_credentials", "client_id": portal["client_id"]}

    answer = client.post(f"{getattr(front, base)}/token", data=form, headers=headers)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_a_certificate_in_a_header_counts_only_from_the_front(
    front: Front, portal: dict[str, Any]
) -> None:
    """Straight to the provider's port, from an address that is not the front's."""
    form = {"grant_type": "client_credentials", "client_id": portal["client_id"]}
    address = f"http://127.0.0.1:{front.demo.base}/token"
    found = []
    for source in ("127.0.0.1", "127.0.0.3"):
        with httpx.Client(transport=httpx.HTTPTransport(local_address=source)) as client:
            headers = forged(front.certificates["portal"])
            found.append(client.post(address, data=form, headers=headers).status_code)

    assert found == [200, 401]


def test_a_long_signed_request_in_the_address_passes(front: Front) -> None:
    """Request objects make long lines, which nginx refuses by default (414)."""
    query = urlencode({"client_id": "nobody", "request": "x" * 20_000})

    answer = front.browser().get(f"{front.issuer}/authorize?{query}")

    assert answer.status_code == 400
    assert '<html lang="vi">' in answer.text


def test_plain_http_leads_to_https_at_our_own_name(front: Front) -> None:
    with httpx.Client() as client:
        address = f"http://127.0.0.1:{front.plain}/account?a=b"
        answer = client.get(address, headers={"Host": "evil.example"})

    assert answer.headers["Location"] == f"https://{NAME}/account?a=b"


def test_the_history_shows_the_address_that_nginx_saw(citizen: Citizen) -> None:
    citizen.client.headers["X-Forwarded-For"] = "203.0.113.9"
    citizen.opens_login()
    citizen.signs_in()
    page = citizen.get("/account/history")

    assert "127.0.0.2" in page.text
    assert "203.0.113.9" not in page.text
