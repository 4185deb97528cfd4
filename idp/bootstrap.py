"""Makes the environment of a fresh clone and hands over to it. Standard library only.

``python3 -m idp test`` runs pytest; every other command goes to ``idp.cli``. What was installed
is stamped with the digest of the lock file, so that the next start only compares two strings.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
RUNTIME, TESTING = "requirements.lock", "requirements-test.lock"
SYSTEM_PARTS = {
    "softhsm": ("softhsm2-util", "softhsm2"),
    "chromium": ("chromium", "chromium"),
    "postgres": ("initdb", "postgresql"),
    "apache": ("mod_auth_openidc.so", "libapache2-mod-auth-openidc"),
    "nginx": ("nginx", "nginx"),
}
"""What some tests use: its name in IDP_REQUIRE, a file that shows it is here, its package.

Node.js and Firefox are not among them: what a distribution has may be too old, or not there; their
tests say so (``node``, ``firefox``).
"""
_POLICY = Path("/usr/sbin/policy-rc.d")


def main(arguments: list[str]) -> int:
    """Prepare what the command needs, then become it."""
    testing = arguments[:1] == ["test"]
    try:
        prepare(TESTING if testing else RUNTIME)
    except BootstrapError as error:
        print(error, file=sys.stderr)
        return 1
    if testing:
        missing = provide_system_parts()
        required = set(filter(None, os.environ.get("IDP_REQUIRE", "").split(",")))
        if required & missing:
            print(f"IDP_REQUIRE: not here: {', '.join(sorted(required & missing))}")
            return 1
        _become("-m", "pytest", *with_workers(arguments[1:]))
    if arguments[:1] == ["demo"]:
        provide_system_parts(["softhsm"])
    _become("-m", "idp.cli", *arguments)
    return 0


class BootstrapError(Exception):
    """The environment cannot be made; the text says what to do."""


def python_of(venv: Path) -> Path:
    """The interpreter of an environment."""
    return venv / "bin" / "python"


def stamp_of(lock: str) -> str:
    """What an up-to-date environment has written in its stamp."""
    digest = hashlib.sha256()
    for name in (lock, "pyproject.toml"):
        digest.update((ROOT / name).read_bytes())
    return f"{lock} {sys.version_info[0]}.{sys.version_info[1]} {ROOT} {digest.hexdigest()}"


def is_current(lock: str) -> bool:
    """Whether the environment already has what the lock file names."""
    stamp = VENV / f"{lock}.stamp"
    return (
        python_of(VENV).exists()
        and stamp.exists()
        and stamp.read_text(encoding="utf-8") == stamp_of(lock)
    )


def prepare(lock: str) -> None:
    """Make or refresh the environment; two starts at once wait for each other."""
    if is_current(lock):
        return
    with _only_one():
        if is_current(lock):
            return
        print(f"Preparing the environment from {lock} (once) ...", file=sys.stderr)
        if not python_of(VENV).exists():
            _make_venv()
        _install(lock)
        # A test environment holds everything the runtime one does.
        for done in {lock, RUNTIME}:
            (VENV / f"{done}.stamp").write_text(stamp_of(done), encoding="utf-8")


@contextlib.contextmanager
def _only_one() -> Iterator[None]:
    with (ROOT / ".venv.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _make_venv() -> None:
    # What an interrupted start left behind is not an environment.
    shutil.rmtree(VENV, ignore_errors=True)
    if shutil.which("uv"):
        _run(["uv", "venv", "--quiet", "--python", sys.executable, str(VENV)])
        return
    try:
        import ensurepip  # noqa: F401, PLC0415  some systems ship venv without it
    except ImportError:
        _install_venv_module()
    _run([sys.executable, "-m", "venv", str(VENV)])


def _install_venv_module() -> None:
    package = f"python3.{sys.version_info[1]}-venv"
    command = ["apt-get", "install", "-y", package]
    if not (os.geteuid() == 0 and shutil.which("apt-get")):
        raise BootstrapError(f"Python's venv module is missing. Run: sudo {' '.join(command)}")
    _run(["apt-get", "update", "-qq"])
    _run(command)


def _install(lock: str) -> None:
    _keep_caches_here()
    python = str(python_of(VENV))
    uv = shutil.which("uv") or shutil.which("uv", path=str(VENV / "bin"))
    if uv is None:
        with contextlib.suppress(BootstrapError):
            _run([python, "-m", "pip", "install", "--quiet", "uv"])
            uv = str(VENV / "bin" / "uv")
    installer = [uv, "pip", "install", "--quiet", "--python", python] if uv else [
        python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
    ]  # fmt: skip
    # Where Python may not keep bytecode, each of our processes would compile 1200 modules anew.
    compiling = ["--compile-bytecode"] if uv and sys.dont_write_bytecode else []
    _run([*installer, *compiling, "--require-hashes", "-r", str(ROOT / lock)])
    _link_project()


def _keep_caches_here() -> None:
    """Where the home directory cannot be written to, what is downloaded is kept in the clone."""
    usual = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))  # noqa: PTH111  may have no home
    place = next(each for each in (usual, *usual.parents) if each.exists())
    if not os.access(place, os.W_OK | os.X_OK):
        os.environ.setdefault("UV_CACHE_DIR", str(ROOT / ".cache" / "uv"))
        os.environ.setdefault("PIP_CACHE_DIR", str(ROOT / ".cache" / "pip"))


def _link_project() -> None:
    """Put the checkout on the environment's path, and ``idp`` among its programs.

    A .pth file and a two-line script do what an editable install does, without a build backend.
    """
    site = next((VENV / "lib").glob("python3.*/site-packages"))
    (site / "idp-checkout.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    script = VENV / "bin" / "idp"
    script.write_text(
        '#!/bin/sh\nexec "$(dirname "$0")/python" -m idp.cli "$@"\n', encoding="utf-8"
    )
    script.chmod(0o755)


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BootstrapError(f"This step failed: {' '.join(command)}") from error


def provide_system_parts(wanted: Collection[str] = tuple(SYSTEM_PARTS)) -> set[str]:
    """Install the missing system parts when root, else say how; answers what is still missing."""
    missing = {name for name in wanted if not _find(SYSTEM_PARTS[name][0])}
    packages = [SYSTEM_PARTS[name][1] for name in sorted(missing)]
    if packages and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        with _no_services():
            for step in (["update", "-qq"], ["install", "-y", "-qq", *packages]):
                subprocess.run(
                    ["apt-get", *step],
                    check=False,
                    env=environment,
                    stdout=subprocess.DEVNULL,
                )
        missing = {name for name in missing if not _find(SYSTEM_PARTS[name][0])}
    for name in sorted(missing):
        print(
            f"What uses {name} is left out. To have it: "
            f"sudo apt-get install {SYSTEM_PARTS[name][1]}"
        )
    return missing


@contextlib.contextmanager
def _no_services() -> Iterator[None]:
    """Debian asks this file before it starts what it installs; tests start their own."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()


def _find(name: str) -> bool:
    path = f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin"
    places = ("postgresql/*/bin", "apache2/modules")
    found = (file for place in places for file in Path("/usr/lib").glob(f"{place}/{name}"))
    return bool(shutil.which(name, path=path)) or any(found)


def with_workers(arguments: list[str]) -> list[str]:
    """One pytest worker per core, unless the caller says otherwise; a group stays on one.

    More of them end no sooner, and make the machine so busy that tests of faults see others.
    """
    said = any(argument.startswith(("-n", "--numprocesses", "--pdb")) for argument in arguments)
    return arguments if said else ["-n", "auto", "--dist", "loadgroup", *arguments]


def _become(*command: str) -> None:
    python = str(python_of(VENV))
    # The environment's programs are found by name, as if it were activated.
    os.environ["PATH"] = f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    os.environ.pop("PYTHONHOME", None)
    os.execv(python, [python, *command])
