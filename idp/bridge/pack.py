"""The tool as one file that people download: ``python3 bridge.pyz``."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

_FOLDER = Path(__file__).parent
_BEGIN = "import sys\n\nfrom idp.bridge.cli import main\n\nsys.exit(main())\n"


def program() -> bytes:
    """A Python archive of this package; the same bytes each time."""
    files = {"__main__.py": _BEGIN.encode(), "idp/__init__.py": b""}
    for path in sorted(_FOLDER.glob("*.py")):
        files[f"idp/bridge/{path.name}"] = path.read_bytes()
    return archive(files)


def archive(files: dict[str, bytes]) -> bytes:
    """A ZIP file without times, so that its digest can be told."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return written.getvalue()
