"""Passwords: the guide's rule (R20), what everybody knows, and how they are kept."""

from __future__ import annotations

import enum
import functools
import gzip
import hashlib
import hmac
import re
import threading
import unicodedata
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from importlib.resources import files

from argon2 import PasswordHasher as Argon2
from argon2 import extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

from idp.domain.errors import Busy, WeakPassword

_SHORTEST, _LONGEST = 8, 128
_LEET = str.maketrans("@013457$!", "aoieastsi")
_PERSONAL_SHORTEST = 4


def check_password(password: str, *, personal: Iterable[str] = ()) -> None:
    """Refuse a password that breaks the rule, is publicly known, or says who its owner is.

    ``personal`` are the owner's numbers, dates and names. Raises ``WeakPassword``.
    """
    chosen = unicodedata.normalize("NFC", password)
    if len(chosen) > _LONGEST:
        raise WeakPassword("password.long")
    if len(chosen) < _SHORTEST or not _has_four_classes(chosen):
        raise WeakPassword("password.rule")
    if not _known_forms(chosen).isdisjoint(_common()):
        raise WeakPassword("password.common")
    folded = _fold(chosen)
    if any(part in folded for text in personal for part in _personal_parts(text)):
        raise WeakPassword("password.personal")


def _has_four_classes(password: str) -> bool:
    return (
        any(char.islower() for char in password)
        and any(char.isupper() for char in password)
        and any(char.isdigit() for char in password)
        and any(not char.isalnum() for char in password)
    )


def _fold(text: str) -> str:
    plain = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return "".join(char for char in plain if unicodedata.category(char) != "Mn")


def _known_forms(password: str) -> set[str]:
    """The password itself and what is left once the usual decoration is undone."""
    folded = _fold(password)
    bare = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", folded)
    plain = folded.translate(_LEET)
    letters = re.sub(r"[\W\d_]", "", plain)
    stem = re.sub(r"[\W\d_]", "", re.sub(r"[\W\d_]+$", "", folded).translate(_LEET))
    return {form for form in (folded, bare, plain, letters, stem) if len(form) >= 4}  # noqa: PLR2004


def _personal_parts(text: str) -> Iterable[str]:
    folded = _fold(text)
    digits = re.sub(r"[^0-9]", "", folded)
    words = re.findall(r"[a-z]{4,}", folded)
    joined = re.sub(r"[^a-z]", "", folded)
    return [part for part in {digits, joined, *words} if len(part) >= _PERSONAL_SHORTEST]


@functools.cache
def _common() -> frozenset[str]:
    packed = files("idp.domain").joinpath("data/common-passwords.txt.gz").read_bytes()
    return frozenset(gzip.decompress(packed).decode().split())


class PasswordCheck(enum.Enum):
    """What a comparison found."""

    WRONG = enum.auto()
    RIGHT = enum.auto()
    RIGHT_NEEDS_REHASH = enum.auto()


_UNPEPPERED = "unpeppered:"
_PHC = re.compile(
    r"\$argon2id\$v=19\$m=[0-9]{1,8},t=[0-9]{1,4},p=[0-9]{1,4}"
    r"\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}"
)
"""Salt of 8 bytes or more, hash of 16 or more (RFC 9106, 3.1)."""


def imported(hashed: str) -> str:
    """A hash that another system made, as it is kept until its owner signs in: without pepper."""
    return _UNPEPPERED + hashed


Aside = Callable[[], AbstractContextManager[None]]
"""What is left to others while a hash is waited for."""


class PasswordHasher:
    """argon2id over a peppered password, a bounded number at a time.

    The pepper lives outside the database, so a stolen table alone cannot be guessed at. A flood
    of sign-ins waits up to ``queue_seconds`` and is then told ``Busy``: the rest of the server
    keeps its memory and its cores. (argon2 releases the interpreter lock.) ``aside`` is entered
    meanwhile: whoever waits for a hash keeps nobody else waiting.
    """

    def __init__(  # noqa: PLR0913  each is one parameter of the function
        self,
        pepper: bytes,
        *,
        time_cost: int = 2,
        memory_kib: int = 19456,
        parallelism: int = 1,
        max_parallel: int = 2,
        queue_seconds: float = 10.0,
        aside: Aside = nullcontext,
    ) -> None:
        self._pepper, self._aside = pepper, aside
        self._argon2 = Argon2(time_cost=time_cost, memory_cost=memory_kib, parallelism=parallelism)
        self._places = threading.BoundedSemaphore(max_parallel)
        self._queue_seconds = queue_seconds
        self._dummy = self._argon2.hash(b"nobody's password")

    def hash(self, password: str) -> str:
        """A new hash of a password."""
        with self._aside(), self._place():
            return self._argon2.hash(self._peppered(password))

    def verify(self, hashed: str | None, password: str) -> PasswordCheck:
        """Compare a password; without a hash the same work is done and the answer is WRONG."""
        found = hashed or self._dummy
        is_imported = found.startswith(_UNPEPPERED)
        given = _plain(password) if is_imported else self._peppered(password)
        with self._aside(), self._place():
            try:
                self._argon2.verify(found.removeprefix(_UNPEPPERED), given)
            except (VerificationError, InvalidHashError):
                return PasswordCheck.WRONG
        if hashed is None:
            return PasswordCheck.WRONG
        if is_imported or self._argon2.check_needs_rehash(hashed):
            return PasswordCheck.RIGHT_NEEDS_REHASH
        return PasswordCheck.RIGHT

    def accepts(self, hashed: str) -> bool:
        """Whether a hash of another system is argon2id and costs what ours do.

        A weaker one would be guessed sooner and answer faster than for who has no account; a much
        stronger one would stop the server.
        """
        if not _PHC.fullmatch(hashed):
            return False
        found, ours = extract_parameters(hashed), self._argon2
        return (found.time_cost, found.memory_cost, found.parallelism) == (
            ours.time_cost,
            ours.memory_cost,
            ours.parallelism,
        )

    def _peppered(self, password: str) -> bytes:
        return hmac.new(self._pepper, _plain(password), hashlib.sha256).digest()

    def _place(self) -> _Place:
        return _Place(self._places, self._queue_seconds)


def _plain(password: str) -> bytes:
    return unicodedata.normalize("NFC", password).encode()


class _Place:
    """One place in the bounded pool."""

    def __init__(self, places: threading.BoundedSemaphore, patience: float) -> None:
        self._places, self._patience = places, patience

    def __enter__(self) -> None:
        if not self._places.acquire(timeout=self._patience):
            raise Busy("password pool")

    def __exit__(self, *_: object) -> None:
        self._places.release()
