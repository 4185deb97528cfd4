"""Accounts of another system, line by line, from where the last run stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click
import msgspec

from idp.cli.context import foundation

if TYPE_CHECKING:
    from idp.flows.importing import Importer

_BATCH = 500
_LONGEST_LINE = 65536
_CHUNK = 1 << 20


class Progress(msgspec.Struct):
    """How far a file is: ``digest`` is SHA-256 of the ``offset`` bytes that are done."""

    offset: int = 0
    line: int = 0
    opened: int = 0
    rejected: int = 0
    digest: str = hashlib.sha256().hexdigest()


@click.group()
def accounts() -> None:
    """People's accounts."""


@accounts.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_context
def accounts_import(ctx: click.Context, file: Path) -> None:
    """Open an account for each line of FILE, a JSON object (docs/operating.md).

    Stopped at any moment, the same command goes on where it was: FILE.progress says how far it
    is. Lines that opened none stand in FILE.rejected, with their numbers and what is wrong.
    """
    from idp import app, authenticators, outside  # noqa: PLC0415  heavy

    kept = file.with_name(f"{file.name}.progress")
    done = _resume(kept)
    base = foundation(ctx)
    methods = authenticators.build_all(outside.build_ports(base).methods)
    importer = app.importer(base, methods)
    with file.open("rb") as source:
        so_far = _pass_over(source, done)
        with click.progressbar(length=file.stat().st_size, label=file.name, show_pos=True) as bar:
            bar.update(done.offset)
            for lines in _batches(source):
                _open(importer, file, lines, done)
                so_far.update(b"".join(lines))
                done.offset, done.digest = source.tell(), so_far.hexdigest()
                _keep(kept, done)
                bar.update(sum(map(len, lines)))
    click.echo(f"{done.opened} opened, {done.rejected} rejected")
    ctx.exit(1 if done.rejected else 0)


def _resume(kept: Path) -> Progress:
    if not kept.exists():
        return Progress()
    try:
        return msgspec.json.decode(kept.read_bytes(), type=Progress)
    except msgspec.DecodeError as error:
        raise click.ClickException(f"{kept} cannot be read; remove it to begin anew") from error


def _pass_over(source: BinaryIO, done: Progress) -> hashlib._Hash:
    """Go to where the last run was, if what lies before is what was imported."""
    found, left = hashlib.sha256(), done.offset
    while left and (chunk := source.read(min(left, _CHUNK))):
        found.update(chunk)
        left -= len(chunk)
    if left or found.hexdigest() != done.digest:
        name = source.name
        raise click.ClickException(
            f"{name} is not the file that was begun; remove {name}.progress to begin anew"
        )
    return found


def _batches(source: BinaryIO) -> Iterator[list[bytes]]:
    """Lines, some hundred at a time; of an endless one only pieces, which are no JSON."""
    while lines := [line for _ in range(_BATCH) if (line := source.readline(_LONGEST_LINE))]:
        yield lines


def _open(importer: Importer, file: Path, lines: list[bytes], done: Progress) -> None:
    """Import a batch and write down what was wrong with which line."""
    found = importer.run([line for line in lines if line.strip()])
    faulty = iter(found)
    with file.with_name(f"{file.name}.rejected").open("ab") as rejected:
        for line in lines:
            number, done.line = done.line + 1, done.line + line.endswith(b"\n")
            if not line.strip():
                continue
            fault = next(faulty)
            if fault is None:
                done.opened += 1
                continue
            done.rejected += 1
            about = {"line": number, "faults": fault.faults}
            rejected.write(msgspec.json.encode(about) + b"\n")


def _keep(kept: Path, done: Progress) -> None:
    """Either the whole of it or what was there before."""
    draft = kept.with_name(f"{kept.name}.new")
    draft.write_bytes(msgspec.json.encode(done))
    draft.replace(kept)
