"""Signing keys: rotation without a moment in which a signature cannot be checked."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from idp.oidc.keys import ALGORITHMS, KeyRing, KeyState
from tests.support.build import TestClock

HOUR = timedelta(hours=1)


def ring_of(folder: Path, clock: TestClock) -> KeyRing:
    ring = KeyRing(folder, clock, announce=HOUR, retire=HOUR)
    ring.ensure()
    return ring


def published(ring: KeyRing) -> KeySet:
    return KeySet.import_key_set(json.loads(ring.jwks))


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_another_library_verifies_what_we_sign(tmp_path: Path, alg: str) -> None:
    ring = ring_of(tmp_path, TestClock())

    token = jwt.decode(ring.sign(alg, "JWT", {"sub": "a"}), published(ring), algorithms=[alg])

    assert token.claims == {"sub": "a"}
    assert token.header["alg"] == alg


def test_rotation_never_leaves_a_signature_without_its_key(tmp_path: Path) -> None:
    clock = TestClock()
    ring = ring_of(tmp_path, clock)
    cached = published(ring)
    signed = set()

    for _ in range(12):
        clock.forward(minutes=31)
        ring.rotate()
        token = ring.sign("ES256", "JWT", {})
        signed.add(token.partition(".")[0])
        # A relying party that fetched the keys half an hour ago still knows the key.
        jwt.decode(token, cached, algorithms=["ES256"])
        cached = published(ring)

    assert len(signed) > 2


def test_a_new_key_is_announced_an_hour_before_it_signs(tmp_path: Path) -> None:
    clock = TestClock()
    ring = ring_of(tmp_path, clock)
    ring.rotate()
    ring.rotate()

    assert [key.state for key in ring.list() if key.alg == "ES256"] == [
        KeyState.ACTIVE,
        KeyState.ANNOUNCED,
    ]
    clock.forward(hours=1)
    ring.rotate()
    states = {key.state for key in ring.list() if key.alg == "ES256"}
    assert states == {KeyState.ACTIVE, KeyState.RETIRING}


def test_one_algorithm_rotates_and_the_others_stay(tmp_path: Path) -> None:
    ring = ring_of(tmp_path, TestClock())
    before = {key.kid for key in ring.list()}

    ring.rotate(["RS256"])

    new = [key for key in ring.list() if key.kid not in before]
    assert [(key.alg, key.state) for key in new] == [("RS256", KeyState.ANNOUNCED)]
    assert json.loads(ring.jwks)["keys"].count(new[0].jwk) == 1


def test_an_operator_is_told_when_an_announced_key_may_sign(tmp_path: Path) -> None:
    clock = TestClock()
    ring = ring_of(tmp_path, clock)
    assert ring.signs_from() is None

    ring.rotate()

    told = ring.signs_from()
    assert told == clock() + timedelta(hours=1)
    clock.forward(hours=1)
    ring.rotate()
    assert ring.signs_from() is None


def test_two_first_starts_at_once_make_one_set_of_keys(tmp_path: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        rings = list(pool.map(lambda _: ring_of(tmp_path, TestClock()), range(6)))

    assert len({ring.list() and ring.jwks for ring in rings}) == 1
    assert len(rings[0].list()) == len(ALGORITHMS)


def test_key_files_are_for_their_owner_only(tmp_path: Path) -> None:
    ring_of(tmp_path, TestClock())

    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.pem")} == {0o600}


def forge(token: str, **header: object) -> str:
    first, rest = token.split(".", 1)
    found = json.loads(base64.urlsafe_b64decode(first + "=="))
    changed = json.dumps({**found, **header}).encode()
    return base64.urlsafe_b64encode(changed).rstrip(b"=").decode() + "." + rest


def test_rfc8725_the_header_of_a_token_chooses_nothing(tmp_path: Path) -> None:
    ring = ring_of(tmp_path, TestClock())
    token = ring.sign("ES256", "at+jwt", {"sub": "a"})
    bodies = token.split(".")

    assert ring.verify(token, "at+jwt") == {"sub": "a"}
    for forged in (
        forge(token, alg="none"),
        forge(token, alg="HS256"),
        forge(token, kid="../../etc/passwd"),
        forge(token, crit=["exp"]),
        forge(token, jwk={"kty": "EC"}),
        f"{bodies[0]}.{bodies[1]}.",
        f"{bodies[0]}.e30.{bodies[2]}",
        "", ".", "..", "a.b.c", "ä.b.c", "." * 9000, token + "A" * 9000,
    ):  # fmt: skip
        assert ring.verify(forged, "at+jwt") is None
    assert ring.verify(token, "JWT") is None


def test_a_remembered_signature_dies_with_its_key(tmp_path: Path) -> None:
    ring = ring_of(tmp_path, TestClock())
    token = ring.sign("ES256", "at+jwt", {"sub": "a"})
    assert ring.verify(token, "at+jwt") == {"sub": "a"}

    for path in tmp_path.glob("*"):
        if path.suffix in {".pem", ".toml"}:
            path.unlink()
    ring.list()

    assert ring.verify(token, "at+jwt") is None


def test_a_changed_token_is_not_the_remembered_one(tmp_path: Path) -> None:
    ring = ring_of(tmp_path, TestClock())
    token = ring.sign("ES256", "at+jwt", {"sub": "a"})
    other = ring.sign("ES256", "at+jwt", {"sub": "b"})
    head, body, signature = token.split(".")

    assert ring.verify(f"{head}.{other.split('.')[1]}.{signature}", "at+jwt") is None
    assert ring.verify(f"{head}.{body}.{other.split('.')[2]}", "at+jwt") is None
    assert ring.verify(token, "JWT") is None
