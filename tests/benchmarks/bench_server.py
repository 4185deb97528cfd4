"""CPU µs of the server's own processes for every hot operation, beside node-oidc-provider's.

    .venv/bin/python -m tests.benchmarks.bench_server [--rounds N] [--operations N] [--sqlite]
        [--connections N] [--accounts N]

Each server has one process on one core, the load and the database the others. Eight connections
keep it busy, as in the figures of its peers; with one it waits for each request and runs cold.
Each round measures one, then the other, and the lowest round of each counts. Only the servers are
measured (/proc/PID/task/*/schedstat). node keeps everything in memory; ours writes to PostgreSQL
with its default durability. Needs node and npm for the comparison; without them only our side is
printed. With ``--accounts`` our side is measured a second time with that many accounts and twice as
many sessions in its tables, and the size of each table is printed: growth must cost nothing
(docs/capacity.md).
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.benchmarks import nation
from tests.benchmarks.load import Connection, Talk, drive, request
from tests.faults import installation as installations
from tests.faults.installation import ROOT, Installation, wait_for
from tests.faults.visitor import REDIRECT, SECRET, VERIFIER, Visitor
from tests.support import postgres
from tests.support.ports import free_base

CLIENT, SIGNS = "bench", "bench-signs"
KEY = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256", "kid": "bench"})
BASIC = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
PEER = Path(__file__).parent / "node"


class Figures(NamedTuple):
    """CPU in µs, and half and 99 % of all in ms."""

    cpu: float
    p50: float
    p99: float


@dataclass
class Server:
    """One provider under measurement: where it is, its processes, its paths."""

    name: str
    port: int
    pids: list[int]
    paths: dict[str, str]
    database: str = ""
    cookie: str = ""
    tokens: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Of each connection its own, since a refresh token serves once."""
    connections: list[Connection] = field(default_factory=list)

    def connect(self, number: int) -> None:
        """As many connections as that, each with tokens that are fresh."""
        for old in self.connections:
            old.socket.close()
        self.connections = [Connection(self.port) for _ in range(number)]
        for place, connection in enumerate(self.connections):
            connection.run(self.code(place))

    def token(self, authorization: str = BASIC, dpop: str = "", **form: str) -> Talk:
        data = request("POST", self.paths["token"], form, Authorization=authorization, DPoP=dpop)
        answer = yield data
        assert answer.status == 200, (self.name, answer)
        return json.loads(answer.body)

    # --- operations -----------------------------------------------------------------------------

    def discovery(self, _: int) -> Talk:
        answer = yield request("GET", "/.well-known/openid-configuration")
        assert answer.status == 200, answer

    def jwks(self, _: int) -> Talk:
        answer = yield request("GET", self.paths["jwks"])
        assert answer.status == 200, answer

    def client_credentials(self, _: int) -> Talk:
        yield from self.token(grant_type="client_credentials", **self.resource())

    def resource(self) -> dict[str, str]:
        return {"resource": self.paths["resource"]} if "resource" in self.paths else {}

    def private_key_jwt(self, _: int) -> Talk:
        """``client_credentials`` again, by a client that signs (RFC 7523, 2.2)."""
        now = int(time.time())
        claims = {"iss": SIGNS, "sub": SIGNS, "aud": self.issuer, "iat": now, "exp": now + 60}
        yield from self.token(
            authorization="",
            grant_type="client_credentials",
            client_id=SIGNS,
            client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            client_assertion=_signed({}, claims),
            **self.resource(),
        )

    def dpop(self, _: int) -> Talk:
        """``client_credentials`` again, bound to a key (RFC 9449, 4)."""
        address = f"{self.issuer}{self.paths['token']}"
        header = {"typ": "dpop+jwt", "jwk": KEY.as_dict(private=False)}
        proof = _signed(header, {"htm": "POST", "htu": address, "iat": int(time.time())})
        given = yield from self.token(
            dpop=proof, grant_type="client_credentials", **self.resource()
        )
        assert given["token_type"] == "DPoP", given

    def par(self, _: int) -> Talk:
        """``authorize`` again, pushed first (RFC 9126)."""
        form = {**_first(), "state": "s"}
        answer = yield request("POST", self.paths["par"], form, Authorization=BASIC)
        assert answer.status == 201, (self.name, answer)
        pushed = {"client_id": CLIENT, "request_uri": json.loads(answer.body)["request_uri"]}
        return (yield from self._authorize(pushed))

    @property
    def issuer(self) -> str:
        return f"http://localhost:{self.port}"

    def authorize(self, _: int) -> Talk:
        return (yield from self._authorize({**_first(), "state": "s"}))

    def _authorize(self, query: dict[str, str]) -> Talk:
        path = f"{self.paths['authorize']}?{urlencode(query)}"
        answer = yield request("GET", path, Cookie=self.cookie)
        assert answer.status == 303, (self.name, answer)
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))["code"]

    def code(self, place: int) -> Talk:
        code = yield from self.authorize(place)
        self.tokens[place] = yield from self.token(
            grant_type="authorization_code",
            code=code,
            redirect_uri=REDIRECT,
            code_verifier=VERIFIER,
        )

    def userinfo(self, place: int) -> Talk:
        bearer = f"Bearer {self.tokens[place]['access_token']}"
        answer = yield request("GET", self.paths["userinfo"], Authorization=bearer)
        assert answer.status == 200, answer

    def flow(self, place: int) -> Talk:
        yield from self.code(place)
        yield from self.userinfo(place)

    def refresh(self, place: int) -> Talk:
        old = self.tokens[place]["refresh_token"]
        self.tokens[place] = yield from self.token(grant_type="refresh_token", refresh_token=old)

    def introspection(self, place: int) -> Talk:
        form = {"token": self.tokens[place]["access_token"]}
        answer = yield request("POST", self.paths["introspect"], form, Authorization=BASIC)
        assert answer.status == 200, answer
        assert json.loads(answer.body)["active"], answer

    # --- measuring ------------------------------------------------------------------------------

    def cpu(self) -> float:
        """Seconds of CPU of all its processes so far."""
        nanoseconds = 0
        for pid in self.pids:
            for task in Path(f"/proc/{pid}/task").iterdir():
                nanoseconds += int((task / "schedstat").read_text().split()[0])
        return nanoseconds / 1e9

    def pin(self, core: int) -> None:
        """All its threads to one core, which the load leaves alone."""
        for pid in self.pids:
            for task in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), {core})

    def measure(self, operation: str, times: int) -> Figures:
        """What ``times`` of an operation cost."""
        work = getattr(self, operation)
        before = self.cpu()
        seconds = sorted(drive(self.connections, work, times))
        cpu = (self.cpu() - before) / times
        return Figures(
            cpu * 1e6, seconds[len(seconds) // 2] * 1e3, seconds[-len(seconds) // 100] * 1e3
        )


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
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--sqlite", action="store_true")
    parser.add_argument("--accounts", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=OPERATIONS, default=OPERATIONS)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        ours(Path(name), sqlite=given.sqlite) as us,
        node(Path(name)) as peer,
    ):
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) > 1:
            os.sched_setaffinity(0, set(cores[1:]))
        servers = [server for server in (us, peer) if server]
        for server in servers:
            server.pin(cores[0])
        best = _measure(servers, given)
        columns = f"{'µs':>7}{'p50 ms':>8}{'p99':>7}"
        print(f"{'operation':<20}{columns}  node{columns}{'ratio':>8}")
        for operation in given.only:
            own, theirs = best[operation, "ours"], best.get((operation, "node"))
            told = f"      {_told(theirs)}{theirs.cpu / own.cpu:>8.2f}" if theirs else ""
            print(f"{operation:<20}{_told(own)}{told}")
        if given.accounts and not given.sqlite:
            _grow(us, given.accounts)
            grown = _measure([us], given)
            print(f"\n{'operation':<20}{'few µs':>9}{'many µs':>9}{'ratio':>7}")
            for operation in given.only:
                few, many = best[operation, "ours"].cpu, grown[operation, "ours"].cpu
                print(f"{operation:<20}{few:>9.0f}{many:>9.0f}{many / few:>7.2f}")
        rss = sum(_resident(pid) for pid in us.pids)
        print(f"resident: {rss / 1024:.0f} MB")


def _told(found: Figures) -> str:
    return f"{found.cpu:>7.0f}{found.p50:>8.1f}{found.p99:>7.1f}"


def _measure(servers: list[Server], given: argparse.Namespace) -> dict[tuple[str, str], Figures]:
    """The lowest round of each operation on each server."""
    best: dict[tuple[str, str], Figures] = {}
    for _ in range(given.rounds):
        for operation in given.only:
            for server in servers:
                server.connect(given.connections)
                server.measure(operation, 50)
                found = server.measure(operation, given.operations)
                key = (operation, server.name)
                best[key] = min(best.get(key, found), found)
    return best


def _grow(server: Server, accounts: int) -> None:
    began = time.monotonic()
    nation.populate(server.database, accounts, accounts * 2)
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
