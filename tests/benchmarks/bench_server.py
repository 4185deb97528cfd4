"""CPU µs of the server's own processes for every hot operation, beside node-oidc-provider's.

    .venv/bin/python -m tests.benchmarks.bench_server [--rounds N] [--operations N] [--sqlite]
        [--accounts N]

Both servers run alone on this machine with one process; each round measures one, then the other,
and the lowest round of each counts. Only the servers are measured (/proc/PID/task/*/schedstat).
node keeps everything in memory; ours writes to PostgreSQL with its default durability. Needs node
and npm for the comparison; without them only our side is printed. With ``--accounts`` our side is
measured a second time with that many accounts and twice as many sessions in its tables, and the
size of each table is printed: growth must cost nothing (docs/capacity.md).
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import json
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.benchmarks import nation
from tests.faults import installation as installations
from tests.faults.installation import ROOT, Installation, wait_for
from tests.faults.visitor import REDIRECT, SECRET, VERIFIER, Visitor
from tests.support import postgres
from tests.support.ports import free_base

CLIENT, SIGNS = "bench", "bench-signs"
KEY = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256", "kid": "bench"})
FORM = {
    "Content-Type": "application/x-www-form-urlencoded",
    "Authorization": "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode(),
}
PEER = Path(__file__).parent / "node"


@dataclass
class Server:
    """One provider under measurement: where it is, its processes, its paths."""

    name: str
    port: int
    pids: list[int]
    paths: dict[str, str]
    database: str = ""
    cookie: str = ""
    tokens: dict[str, str] = field(default_factory=dict)
    connection: http.client.HTTPConnection | None = None

    def call(
        self, method: str, path: str, form: dict[str, str] | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        if self.connection is None:
            self.connection = http.client.HTTPConnection("localhost", self.port)
        body = urlencode(form) if form is not None else None
        more = {**(FORM if form is not None else {}), **headers}
        sent = {name: value for name, value in more.items() if value}
        try:
            self.connection.request(method, path, body, sent)
            answer = self.connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionError):
            self.connection.close()  # it was idle for too long while the other was measured
            self.connection.request(method, path, body, sent)
            answer = self.connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()

    def token(self, **form: str) -> dict[str, Any]:
        status, _, body = self.call("POST", self.paths["token"], form)
        assert status == 200, (self.name, status, body)
        found: dict[str, Any] = json.loads(body)
        return found

    # --- operations -----------------------------------------------------------------------------

    def discovery(self) -> None:
        assert self.call("GET", "/.well-known/openid-configuration")[0] == 200

    def jwks(self) -> None:
        assert self.call("GET", self.paths["jwks"])[0] == 200

    def client_credentials(self) -> None:
        self.token(grant_type="client_credentials", **self.paths_of("resource"))

    def paths_of(self, name: str) -> dict[str, str]:
        return {name: self.paths[name]} if name in self.paths else {}

    def private_key_jwt(self) -> None:
        """``client_credentials`` again, by a client that signs (RFC 7523, 2.2)."""
        now = int(time.time())
        claims = {"iss": SIGNS, "sub": SIGNS, "aud": self.issuer, "iat": now, "exp": now + 60}
        form = {
            "grant_type": "client_credentials",
            "client_id": SIGNS,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": _signed({}, claims),
            **self.paths_of("resource"),
        }
        status, _, body = self.call("POST", self.paths["token"], form, Authorization="")
        assert status == 200, (self.name, status, body)

    def dpop(self) -> None:
        """``client_credentials`` again, bound to a key (RFC 9449, 4)."""
        address = f"{self.issuer}{self.paths['token']}"
        header = {"typ": "dpop+jwt", "jwk": KEY.as_dict(private=False)}
        proof = _signed(header, {"htm": "POST", "htu": address, "iat": int(time.time())})
        form = {"grant_type": "client_credentials", **self.paths_of("resource")}
        status, _, body = self.call("POST", self.paths["token"], form, DPoP=proof)
        assert status == 200, (self.name, status, body)
        assert json.loads(body)["token_type"] == "DPoP", body

    def par(self) -> str:
        """``authorize`` again, pushed first (RFC 9126)."""
        status, _, body = self.call("POST", self.paths["par"], {**_first(), "state": "s"})
        assert status == 201, (self.name, status, body)
        pushed = {"client_id": CLIENT, "request_uri": json.loads(body)["request_uri"]}
        return self._authorize(pushed)

    @property
    def issuer(self) -> str:
        return f"http://localhost:{self.port}"

    def authorize(self) -> str:
        return self._authorize({**_first(), "state": "s"})

    def _authorize(self, query: dict[str, str]) -> str:
        path = f"{self.paths['authorize']}?{urlencode(query)}"
        status, headers, body = self.call("GET", path, Cookie=self.cookie)
        assert status == 303, (self.name, status, headers, body[:300])
        location = headers.get("Location") or headers["location"]
        return dict(parse_qsl(urlsplit(location).query))["code"]

    def code(self) -> None:
        self.tokens = self.token(
            grant_type="authorization_code",
            code=self.authorize(),
            redirect_uri=REDIRECT,
            code_verifier=VERIFIER,
        )

    def userinfo(self) -> None:
        bearer = f"Bearer {self.tokens['access_token']}"
        assert self.call("GET", self.paths["userinfo"], Authorization=bearer)[0] == 200

    def flow(self) -> None:
        self.code()
        self.userinfo()

    def refresh(self) -> None:
        self.tokens = self.token(
            grant_type="refresh_token", refresh_token=self.tokens["refresh_token"]
        )

    def introspection(self) -> None:
        form = {"token": self.tokens["access_token"]}
        status, _, body = self.call("POST", self.paths["introspect"], form)
        assert status == 200, body
        assert json.loads(body)["active"], body

    # --- measuring ------------------------------------------------------------------------------

    def cpu(self) -> float:
        """Seconds of CPU of all its processes so far."""
        nanoseconds = 0
        for pid in self.pids:
            for task in Path(f"/proc/{pid}/task").iterdir():
                nanoseconds += int((task / "schedstat").read_text().split()[0])
        return nanoseconds / 1e9

    def measure(self, work: Callable[[], object], times: int) -> tuple[float, float]:
        """CPU µs an operation, and the wall's."""
        before, start = self.cpu(), time.perf_counter()
        for _ in range(times):
            work()
        wall = time.perf_counter() - start
        return (self.cpu() - before) / times * 1e6, wall / times * 1e6


OPERATIONS = (
    "discovery", "jwks", "client_credentials", "private_key_jwt", "dpop", "authorize", "par",
    "code", "flow", "userinfo", "refresh", "introspection",
)  # fmt: skip


@contextlib.contextmanager
def ours(folder: Path, *, sqlite: bool) -> Iterator[Server]:
    """One worker, one sandbox, one outbox worker; a person who is signed in and has agreed."""
    run = folder / "run"
    run.mkdir()
    folder.chmod(0o755)
    with contextlib.ExitStack() as stack:
        if sqlite:
            url = f"sqlite:///{folder / 'idp.sqlite'}"
        else:
            stack.callback(postgres.stop, run)
            url = stack.enter_context(postgres.database(postgres.server(run, "")))
        more = '[server]\nworkers = 1\n[log]\nlevel = "warning"\n'
        installations._SETTINGS = more + installations._SETTINGS
        here = stack.enter_context(installations.running(folder, url))
        _register(here)
        visitor = Visitor(here, here.person())
        visitor.registers()
        visitor.signs_in()
        cookie = "; ".join(f"{name}={value}" for name, value in visitor.client.cookies.items())
        server = Server(
            "ours",
            here.base,
            installations._children(here.processes["serve"].pid),
            {
                "token": "/token",
                "jwks": "/jwks",
                "authorize": "/authorize",
                "userinfo": "/userinfo",
                "introspect": "/introspect",
                "par": "/par",
            },
            url,
            cookie,
        )
        visitor.get(f"/authorize?{urlencode(_first())}")
        visitor.submit(do="confirm")
        server.code()
        yield server


def _signed(header: dict[str, Any], claims: dict[str, Any]) -> str:
    named = {"alg": "ES256", "kid": "bench", **header}
    return jwt.encode(named, {**claims, "jti": secrets.token_urlsafe(16)}, KEY)


def _first() -> dict[str, str]:
    return {
        "client_id": CLIENT,
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": "openid profile",
        "code_challenge": create_s256_code_challenge(VERIFIER),
        "code_challenge_method": "S256",
    }


def _register(here: Installation) -> None:
    file = here.data / "bench.json"
    metadata = {
        "client_id": CLIENT,
        "client_secret": SECRET,
        "client_name": "Benchmark",
        "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "scope": "openid profile",
        "id_token_signed_response_alg": "ES256",
    }
    signs = {
        "client_id": SIGNS,
        "client_name": "Benchmark",
        "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "jwks": {"keys": [KEY.as_dict(private=False)]},
        "scope": "profile",
    }
    file.write_text(json.dumps([metadata, signs]))
    command = [sys.executable, "-m", "idp.cli", "--config", str(here.data / "config.toml")]
    subprocess.run(
        [*command, "clients", "register", "--json", str(file)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )


@contextlib.contextmanager
def node(folder: Path) -> Iterator[Server | None]:
    """node-oidc-provider, or nothing where node is not there."""
    if shutil.which("npm") is None:
        print("without node: apt-get install nodejs npm")
        yield None
        return
    place = folder / "node"
    shutil.copytree(PEER, place)
    subprocess.run(["npm", "install", "--silent", "--no-audit"], cwd=place, check=True)
    port = free_base()
    process = subprocess.Popen(
        ["node", "peer.js", str(port), json.dumps(KEY.as_dict(private=False))],
        cwd=place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(f"http://localhost:{port}/.well-known/openid-configuration")
        server = Server(
            "node", port, [process.pid],
            {"token": "/token", "jwks": "/jwks", "authorize": "/auth", "userinfo": "/me",
             "introspect": "/token/introspection", "par": "/request",
             "resource": "https://api.example.vn"},
        )  # fmt: skip
        _sign_in(server)
        server.code()
        yield server
    finally:
        process.kill()
        process.wait()


def _sign_in(server: Server) -> None:
    """Follow the peer's redirects until there is a code; its cookies stay."""
    jar: dict[str, str] = {}
    path = f"/auth?{urlencode(_first())}"
    for _ in range(6):
        cookies = "; ".join(f"{name}={value}" for name, value in jar.items())
        connection = http.client.HTTPConnection("localhost", server.port)
        connection.request("GET", path, headers={"Cookie": cookies} if cookies else {})
        answer = connection.getresponse()
        answer.read()
        for header in answer.msg.get_all("Set-Cookie", []):
            name, _, value = header.partition(";")[0].partition("=")
            jar[name] = value
            if not value:
                jar.pop(name)
        location = answer.headers["Location"]
        if location.startswith(REDIRECT):
            break
        parts = urlsplit(location)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
    server.cookie = "; ".join(f"{name}={value}" for name, value in jar.items())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--operations", type=int, default=600)
    parser.add_argument("--sqlite", action="store_true")
    parser.add_argument("--accounts", type=int, default=0)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        ours(Path(name), sqlite=given.sqlite) as us,
        node(Path(name)) as peer,
    ):
        servers = [server for server in (us, peer) if server]
        best = _measure(servers, given.rounds, given.operations)
        print(f"{'operation':<20}{'ours µs':>9}{'wall':>8}{'node µs':>9}{'wall':>8}{'ratio':>7}")
        for operation in OPERATIONS:
            cpu, wall = best[operation, "ours"]
            theirs = best.get((operation, "node"))
            told = f"{theirs[0]:>9.0f}{theirs[1]:>8.0f}{theirs[0] / cpu:>7.2f}" if theirs else ""
            print(f"{operation:<20}{cpu:>9.0f}{wall:>8.0f}{told}")
        if given.accounts and not given.sqlite:
            _grow(us, given.accounts)
            grown = _measure([us], given.rounds, given.operations)
            print(f"\n{'operation':<20}{'few µs':>9}{'many µs':>9}{'ratio':>7}")
            for operation in OPERATIONS:
                few, many = best[operation, "ours"][0], grown[operation, "ours"][0]
                print(f"{operation:<20}{few:>9.0f}{many:>9.0f}{many / few:>7.2f}")
        rss = sum(_resident(pid) for pid in us.pids)
        print(f"resident: {rss / 1024:.0f} MB")


def _measure(
    servers: list[Server], rounds: int, operations: int
) -> dict[tuple[str, str], tuple[float, float]]:
    """The lowest round of each operation on each server: µs of CPU, and of the clock."""
    best: dict[tuple[str, str], tuple[float, float]] = {}
    for _ in range(rounds):
        for operation in OPERATIONS:
            for server in servers:
                server.code()
                work = getattr(server, operation)
                server.measure(work, 50)
                found = server.measure(work, operations)
                key = (operation, server.name)
                best[key] = min(best.get(key, found), found)
    return best


def _grow(server: Server, accounts: int) -> None:
    began = time.monotonic()
    nation.populate(server.database, accounts, accounts * 2)
    server.connection = None  # nobody used it for so long that it was closed
    print(f"\n{accounts} accounts in {time.monotonic() - began:.0f} s")
    print(f"{'table':<20}{'rows':>10}{'heap B':>8}{'index B':>8}")
    for table, rows, heap, indexes in nation.sizes(server.database):
        print(f"{table:<20}{rows:>10}{heap:>8.0f}{indexes:>8.0f}")


def _resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


if __name__ == "__main__":
    main()
