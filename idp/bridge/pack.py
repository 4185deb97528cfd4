"""What people download: the tool as one file, ``python3 bridge.pyz``, and the browser extension.

Both are made from the package itself, also when that is such a file already.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Sequence
from importlib.resources import files
from urllib.parse import urlsplit

_BEGIN = "import sys\n\nfrom idp.bridge.cli import main\n\nsys.exit(main())\n"
_HOST = re.compile("[a-z0-9.-]+")  # no wildcard: one site, not a country
_EXTENSION = ("background.js", "content.js", "manifest.json")


def program() -> bytes:
    """A Python archive of this package; the same bytes each time."""
    package = files("idp.bridge")
    sources = sorted(each.name for each in package.iterdir() if each.name.endswith(".py"))
    found = {"__main__.py": _BEGIN.encode(), "idp/__init__.py": b""}
    for name in sources:
        found[f"idp/bridge/{name}"] = package.joinpath(name).read_bytes()
    for name in _EXTENSION:
        found[f"idp/bridge/extension/{name}"] = package.joinpath("extension", name).read_bytes()
    return archive(found)


def extension(origins: Sequence[str], *, with_key: bool = True) -> dict[str, bytes]:
    """The extension's files, for these sites; the key fixes its id while it is loaded unpacked."""
    folder = files("idp.bridge").joinpath("extension")
    found = {name: folder.joinpath(name).read_bytes() for name in _EXTENSION}
    manifest = json.loads(found["manifest.json"])
    manifest["content_scripts"][0]["matches"] = sorted({_pattern(each) for each in origins})
    if not with_key:
        del manifest["key"]
    written = json.dumps(manifest, ensure_ascii=False, indent=2)
    return {**found, "manifest.json": f"{written}\n".encode()}


def _pattern(origin: str) -> str:
    """A match pattern has no port (Firefox); the tool itself compares origins exactly."""
    parts = urlsplit(origin)
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(host):
        raise ValueError(origin)
    return f"{parts.scheme}://{host}/*"


def archive(content: dict[str, bytes]) -> bytes:
    """A ZIP file without times, so that its digest can be told."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in content.items():
            packed.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return written.getvalue()
